"""How the rows of one record map are asked: what once a distinct value, what row by row.

Enters: a compiled record and the raw Parquet file of its table. Leaves: a `Plan`. Must hold: a row of which nothing
"speaks" (no problem, no rule, no lost parent, a key) is loaded with exactly the plan's values; every other row is left
to the record's whole SQL.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from migration.mapping.distinct import MOST_TUPLES, Days, Group, evaluate_group, find_days, find_dictionaries
from migration.mapping.fates import RETENTION_PARENTS, Parent, find_parents
from migration.mapping.keys import source_key_sql
from migration.mapping.literals import literal, name
from migration.mapping.model import Pack
from migration.mapping.record_sql import RecordSql, code_column

RETENTION = "_retention"


@dataclass(frozen=True)
class Plan:
    """How a record map is asked.

    Attributes:
        spelled: raw columns the plan reads, and how the file spells them.
        dictionaries: the distinct values of those that have few, by their names in the pack.
        groups: what is asked once a combination of distinct values.
        rows: what is asked of every row.
        parents: what references ask of every row.
    """

    compiled: RecordSql
    path: Path
    spelled: Mapping[str, str]
    dictionaries: Mapping[str, pa.Array]
    groups: tuple[Group, ...]
    rows: Group
    days: Days | None
    parents: tuple[Parent, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """How many places each column of a group has, the absent value included."""
        sizes = {c: len(v) + 1 for c, v in self.dictionaries.items()}
        return sizes | ({"_day": len(self.days.samples())} if self.days is not None else {})

    @property
    def placed(self) -> tuple[str, ...]:
        """Raw columns of which the groups need the place of each value."""
        return tuple(sorted({c for g in self.groups for c in g.columns}))

    @property
    def has_day(self) -> bool:
        """Whether a group rests on the day codes are looked up by."""
        return any(g.has_day for g in self.groups)

    @property
    def codes(self) -> tuple[str, ...]:
        """Fields whose legacy codes are counted."""
        prefix = code_column("")
        names = [n for g in (*self.groups, self.rows) for n in g.values]
        return tuple(n.removeprefix(prefix) for n in names if n.startswith(prefix))

    def fed(self) -> tuple[str, ...]:
        """Raw columns that are read row by row."""
        needs = self.compiled.query.needs(self._row_sql().values())
        return tuple(sorted(needs.base | set(self.compiled.table.key)))

    def _row_sql(self) -> dict[str, str]:
        selected = self.rows.selected()
        if self.has_day and self.days is not None:
            selected["_day"] = name(self.days.column)
        return selected

    def select(self) -> str:
        """SQL of what is asked of every row; `_at` is its place in the file."""
        record, query = self.compiled.record, self.compiled.query
        passed = ["_source_row", "_at"]
        texts = ", ".join(f"{name(self.spelled[c])}::VARCHAR AS {name(c)}" for c in self.fed())
        group = literal(record.group) if record.group else ""
        key = source_key_sql([f"r.{name(c)}" for c in self.compiled.table.key], group)
        source = f"read_parquet({literal(self.path)}, file_row_number = true)"
        numbered = f"_source_row::BIGINT AS _source_row, file_row_number AS _at, {texts}"
        base = f"(SELECT r.*, {key} AS _key FROM (SELECT {numbered} FROM {source}) AS r)"
        selected = self._row_sql()
        columns = ", ".join(f"{sql} AS {name(n)}" for n, sql in selected.items())
        inner = (
            f"SELECT {', '.join(passed)}, _key, {columns} "
            f"FROM {query.relation(base, query.needs(selected.values()))} AS p"
        )
        kept = [p.reference.field.name for p in self.parents]
        words = ["c._word", *(f"({p.lost}) IS NOT NULL" for p in self.parents), "c._key IS NULL"]
        listed = [
            *(f"c.{name(n)}" for n in selected if n not in kept and n != "_word"),
            *(p.column for p in self.parents),
            f"({' OR '.join(words)}) AS _word",
        ]
        retention = [f"{p.alias}.retention" for p in self.parents if p.reference.target in RETENTION_PARENTS]
        if retention:
            listed.append(f"coalesce({', '.join(retention)}, 'STANDARD') AS _parent_retention")
        joins = " ".join(p.join for p in self.parents)
        return (
            f"SELECT {', '.join('c.' + c for c in (*passed, '_key'))}, {', '.join(listed)} FROM ({inner}) AS c {joins}"
        )


def make_plan(connection: duckdb.DuckDBPyConnection, pack: Pack, compiled: RecordSql, path: Path) -> Plan:
    """The plan of a record map over a raw file; the groups are evaluated."""
    asked = list(_list_parts(compiled))
    parents = tuple(find_parents(pack, compiled))
    day = compiled.compiler.as_of.sql if compiled.compiler.as_of is not None else None
    days = None if day is None else find_days(connection, compiled.compiler.periods, day.strip('"'))
    given = set() if days is None or day is None else {day}
    needs = {sql: compiled.query.needs([sql], given).base for _, sql in asked}
    spelling = {c.lower(): c for c in pq.read_schema(path).names}
    for_day = compiled.query.needs([day]).base if day is not None else frozenset()
    wanted = set().union(*needs.values(), compiled.table.key, for_day)
    columns = sorted(wanted & set(compiled.table.column_names))
    spelled = {c: spelling[c.lower()] for c in columns}
    found = find_dictionaries(path, list(spelled.values()))
    dictionaries = {c: found[s] for c, s in spelled.items() if s in found}
    plan = Plan(compiled, path, spelled, dictionaries, (), Group((), False), days, parents)
    groups: dict[tuple[str, ...], Group] = {}
    references = {p.reference.field.name for p in parents}
    for label, sql in asked:
        group = plan.rows if label in references else _find_group(plan, groups, needs[sql])
        _ask(group, label, sql)
    for group in groups.values():
        evaluate_group(connection, compiled.query, group, dictionaries, days)
    return Plan(compiled, path, spelled, dictionaries, tuple(groups.values()), plan.rows, days, parents)


def _find_group(plan: Plan, groups: dict[tuple[str, ...], Group], base: frozenset[str]) -> Group:
    day = plan.days.column if plan.days is not None else ""
    columns = tuple(sorted(base - {day}))
    if not plan.dictionaries.keys() >= set(columns):
        return plan.rows
    sizes = plan.sizes
    if prod(sizes[c] for c in (*columns, *(["_day"] if day in base else []))) > MOST_TUPLES:
        return plan.rows
    return groups.setdefault(tuple(sorted(base)), Group(columns, day in base))


def _ask(group: Group, label: str, sql: str) -> None:
    if label == "WORD":
        group.words.append(sql)
    elif label == "WHERE":
        group.where.append(sql)
    else:
        group.values[label] = sql


def _list_parts(compiled: RecordSql) -> Iterable[tuple[str, str]]:
    """What is asked of a row: fields and codes by name, `WORD` and `WHERE` conditions."""
    parts = compiled.parts()
    for made in parts.made:
        if made.field.name != compiled.entity.key[-1]:
            yield made.field.name, made.value
    yield RETENTION, parts.retention
    for field, sql in parts.codes.items():
        yield code_column(field), sql
    for sql in parts.words():
        yield "WORD", sql
    for sql in parts.where:
        yield "WHERE", sql
