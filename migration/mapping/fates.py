"""What becomes of each source record once its parents are known (promise 1).

Enters: the records of one entity, and the fates of the entities they refer to. Leaves: temporary tables, which
spill, with one row per source record and its final outcome. Must hold: nothing that is loaded points to a record that
is not; a record whose required parent is not loaded follows it, with a reason of its own (PARENT_QUARANTINED,
PARENT_WEEDED, PARENT_OUT_OF_SCOPE) or is an ORPHAN; an optional reference is emptied and raises an issue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from migration.mapping.literals import literal, name
from migration.mapping.model import Pack, Policy, Record
from migration.mapping.record_sql import RecordSql
from migration.schema.model import Entity, Field, NationalSchema


@dataclass(frozen=True)
class Lane:
    """Source records of one record map that were loaded together, without a table (`lane.load_plain_rows`).

    Attributes:
        rest: table with the raw rows that are left for `decide_record`.
        rows: how many were loaded.
        row_groups: those of the entity's file that hold them.
        uses: by field, how often each legacy code was met.
        uniques: for each unique constraint of the entity, a hash of its values, record by record.
    """

    rest: str
    rows: int
    row_groups: range
    uses: Mapping[str, Mapping[str, int]]
    uniques: tuple[NDArray[np.uint64], ...]


RETENTION_PARENTS = ("crime_report", "crime")
"""Entities whose retention class their details take."""


@dataclass(frozen=True)
class Reference:
    """A field of a record that points to another entity, and whether the record stops where the other is not loaded."""

    field: Field
    target: str
    is_binding: bool


@dataclass(frozen=True)
class Parent:
    """The fate of the record that a reference points to, as SQL over the rows `c` that refer to it.

    Attributes:
        join: the left join that asks for it; at most one row.
        column: the id to be kept; null where the parent is not loaded.
        lost: reason for which it is not there; null where it is, or nothing is referred to.
    """

    reference: Reference
    alias: str
    join: str
    column: str
    lost: str


def find_parents(pack: Pack, compiled: RecordSql) -> list[Parent]:
    """What each reference of a record asks."""
    return [_parent(pack, compiled, r, i) for i, r in enumerate(_references(compiled.record, compiled.entity))]


def _parent(pack: Pack, compiled: RecordSql, reference: Reference, index: int) -> Parent:
    alias, field = f"f{index}", name(reference.field.name)
    column, source = f"c.{field}", compiled.keyed.get(reference.field.name)
    fates = fate_table(reference.target)
    join = f"LEFT JOIN {fates} AS {alias} ON {alias}.id = {column}"
    if source is not None:
        parents = f"(SELECT * FROM {fates} WHERE source = {source_number(pack, source)})"
        join = f"LEFT JOIN {parents} AS {alias} ON {alias}.key = {column}"
    lost = (
        f"CASE WHEN {column} IS NULL OR {alias}.is_kept THEN NULL "
        f"WHEN {alias}.id IS NULL THEN 'ORPHAN' ELSE 'PARENT_' || {alias}.outcome END"
    )
    kept = f"CASE WHEN {alias}.is_kept THEN coalesce({alias}.moved_to, {alias}.id) END AS {field}"
    return Parent(reference, alias, join, kept, lost)


def order_entities(schema: NationalSchema) -> tuple[Entity, ...]:
    """Entities a pack fills, each after those it refers to."""
    entities = {e.name: e for e in schema.mapped_entities()}
    ordered: list[Entity] = []

    def place(entity: Entity) -> None:
        if entity in ordered:
            return
        for field in entity.fields:
            if field.references and field.references[0] in entities and field.references[0] != entity.name:
                place(entities[field.references[0]])
        ordered.append(entity)

    for entity in entities.values():
        place(entity)
    return tuple(ordered)


@dataclass(frozen=True)
class Decided:
    """One record map and the temporary tables with what became of its source records.

    Attributes:
        table: every source record with its fields and outcome; gone once its entity is written.
        rest: of those that were not loaded, or that have problems, the outcome and the problems.
        identity: column of `table` with the key text that ids are made of.
        repeats: whether several rows may have one id.
        lane: those of its source records that were loaded already, of which `table` knows nothing.
    """

    record: Record
    table: str
    rest: str
    identity: str
    repeats: bool
    lane: Lane | None = None

    @property
    def loads(self) -> bool:
        """Whether its records can be rows of the entity, and not only parts of others."""
        return self.record.merged_into is None


def decide_record(
    connection: duckdb.DuckDBPyConnection,
    pack: Pack,
    record: Record,
    entity: Entity,
    state: bool,
    number: int,
    lane: Lane | None = None,
) -> Decided:
    """Decide every source record of one record map; `number` tells its tables apart.

    Args:
        lane: what was decided and written already, and which rows are left.
    """
    compiled = RecordSql(pack, record, entity, has_state=state, only=lane.rest if lane else None)
    parents = find_parents(pack, compiled)
    retention = ["c._retention", *(f"{p.alias}.retention" for p in parents if p.reference.target in RETENTION_PARENTS)]
    outcome, reason, rule = _final_outcome([p for p in parents if p.reference.is_binding], entity)
    problems = [f"'I|{p.reference.field.name}|' || ({p.lost})" for p in parents if not p.reference.is_binding]
    columns = [
        *(p.column for p in parents),
        f"{outcome} AS _outcome",
        f"{reason} AS _reason",
        f"{rule} AS _rule",
        f"coalesce({', '.join(retention)}, 'STANDARD') AS _retention",
        f"{_more_problems(problems)} AS _problems",
    ]
    table, rest = name(f"decided {number}"), name(f"rest {number}")
    joins = " ".join(p.join for p in parents)
    query = f"SELECT c.* REPLACE ({', '.join(columns)})\nFROM ({compiled.select()}) AS c {joins}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {query}")
    return Decided(record, table, rest, compiled.identity, state or bool(record.pick), lane)


def _more_problems(problems: list[str]) -> str:
    if not problems:
        return "c._problems"
    found = " OR ".join(f"{p} IS NOT NULL" for p in problems)
    more = f"list_filter([{', '.join(problems)}], lambda x: x IS NOT NULL)"
    return f"CASE WHEN {found} THEN list_concat(c._problems, {more}) ELSE c._problems END"


def source_number(pack: Pack, source: tuple[str, str]) -> int:
    """The number of a source table among all of a pack, by which fates are told apart."""
    return [(s.name, t.name) for s in pack.systems for t in s.tables].index(source)


def keep_rest(connection: duckdb.DuckDBPyConnection, decided: Decided) -> None:
    """Drop the fields of a record map whose entity is written; keep what became of the records that need a word."""
    columns = "_source_row, _key, _outcome, _reason, _rule, _target, _problems"
    connection.execute(
        f"CREATE TEMP TABLE {decided.rest} AS SELECT {columns} FROM {decided.table} "
        f"WHERE _outcome <> 'LOADED' OR _problems IS NOT NULL"
    )
    connection.execute(f"DROP TABLE {decided.table}")


def _references(record: Record, entity: Entity) -> list[Reference]:
    if record.merged_into is not None:
        return []
    found = []
    for item in record.fields:
        field = entity.field(item.name)
        if field.references is not None:
            binding = item.is_required or item.on_error is Policy.QUARANTINE
            found.append(Reference(field, field.references[0], binding))
    return found


def _final_outcome(parents: list[Parent], entity: Entity) -> tuple[str, str, str]:
    first = "c._outcome IS NOT NULL THEN c.{column}"
    outcomes, reasons, rules = (["WHEN " + first.format(column=c)] for c in ("_outcome", "_reason", "_rule"))
    for parent in parents:
        outcome = f"{parent.alias}.outcome"
        followed = f"CASE WHEN {outcome} IN ('WEEDED', 'OUT_OF_SCOPE') THEN {outcome} ELSE 'QUARANTINED' END"
        rule = literal(f"{entity.name}.{parent.reference.field.name}")
        outcomes.append(f"WHEN ({parent.lost}) IS NOT NULL THEN {followed}")
        reasons.append(f"WHEN ({parent.lost}) IS NOT NULL THEN {parent.lost}")
        rules.append(f"WHEN ({parent.lost}) IS NOT NULL THEN {rule}")
    return (
        f"CASE {' '.join(outcomes)} ELSE 'LOADED' END",
        f"CASE {' '.join(reasons)} END",
        f"CASE {' '.join(rules)} END",
    )


def fate_table(entity: str) -> str:
    """Name of the table with the fates of an entity's records."""
    return name(f"fate {entity}")


def record_fates(connection: duckdb.DuckDBPyConnection, pack: Pack, entity: Entity, decided: Sequence[Decided]) -> None:
    """Keep the outcome of each record id of an entity: what its children ask, by id or by source table and key."""
    table = fate_table(entity.name)
    connection.execute(
        f"CREATE TEMP TABLE {table} (source USMALLINT, key VARCHAR, id VARCHAR, outcome VARCHAR, is_kept BOOLEAN, "
        "moved_to VARCHAR, retention VARCHAR)"
    )
    parts = []
    for item in decided:
        source = source_number(pack, (item.record.system, item.record.table))
        target = "CASE WHEN _outcome = 'DUPLICATE_OF' THEN _target END"
        parts.append(
            f"SELECT {source}, {item.identity}, _id, _outcome, _outcome IN ('LOADED', 'DUPLICATE_OF'), {target}, "
            f"_retention FROM {item.table} WHERE _id IS NOT NULL AND _outcome <> 'MERGED_INTO' "
            "AND NOT (_outcome = 'DUPLICATE_OF' AND _target = _id)"
        )
    if not parts:
        return
    rows = "\nUNION ALL\n".join(parts)
    if len(decided) > 1 or decided[0].repeats:
        rows = (
            "SELECT source, key, id, min(outcome), min(outcome) IN ('LOADED', 'DUPLICATE_OF'), min(moved_to), "
            f"min(retention) FROM ({rows}) AS r(source, key, id, outcome, is_kept, moved_to, retention) "
            "GROUP BY source, key, id"
        )
    connection.execute(f"INSERT INTO {table} {rows}")


def settle_merges(connection: duckdb.DuckDBPyConnection, entity: Entity, decided: Sequence[Decided]) -> None:
    """Quarantine rows that were merged into a record which is not loaded itself: they follow it."""
    for item in decided:
        connection.execute(
            f"UPDATE {item.table} AS d SET "
            "_outcome = CASE WHEN l.outcome IN ('WEEDED', 'OUT_OF_SCOPE') THEN l.outcome ELSE 'QUARANTINED' END, "
            "_reason = CASE WHEN l.outcome IS NULL THEN 'ORPHAN' ELSE 'PARENT_' || l.outcome END, "
            f"_rule = {literal(f'{entity.name}.merged_into')}, _target = NULL "
            f"FROM (SELECT m.rowid AS row, f.outcome FROM {item.table} AS m "
            f"LEFT JOIN {fate_table(entity.name)} AS f ON f.id = m._target "
            "WHERE m._outcome = 'MERGED_INTO' AND f.is_kept IS NOT TRUE) AS l WHERE l.row = d.rowid"
        )


def quarantine_clashes(connection: duckdb.DuckDBPyConnection, entity: Entity, decided: Sequence[Decided]) -> None:
    """Quarantine loaded records that share a value that must be unique; which of them is right, nobody can tell."""
    for unique in entity.unique:
        columns = ", ".join(name(c) for c in unique if c != "division_code")
        there = " AND ".join(f"{c} IS NOT NULL" for c in columns.split(", "))
        rows = " UNION ALL ".join(
            f"SELECT {columns} FROM {d.table} WHERE _outcome = 'LOADED' AND {there}" for d in decided
        )
        clash = name(f"clash {entity.name}")
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {clash} AS SELECT {columns} FROM ({rows}) GROUP BY ALL HAVING count(*) > 1"
        )
        row = connection.execute(f"SELECT count(*) FROM {clash}").fetchone()
        if not row or not row[0]:
            continue
        same = " AND ".join(f"k.{c} = d.{c}" for c in columns.split(", "))
        for item in decided:
            connection.execute(
                f"UPDATE {item.table} AS d SET _outcome = 'QUARANTINED', _reason = 'NOT_UNIQUE', "
                f"_rule = {literal(f'{entity.name}.unique')} FROM {clash} AS k WHERE d._outcome = 'LOADED' AND {same}"
            )
