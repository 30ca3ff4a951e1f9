"""What becomes of each source record once its parents are known (promise 1).

Enters: the records of one entity, and the fates of the entities they refer to. Leaves: a Parquet file with one row per
source record and its final outcome. Must hold: nothing that is loaded points to a record that is not; a record whose
required parent is not loaded follows it, with a reason of its own (PARENT_QUARANTINED, PARENT_WEEDED,
PARENT_OUT_OF_SCOPE) or is an ORPHAN; an optional reference is emptied and raises an issue.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from migration.mapping.literals import literal, name
from migration.mapping.model import Pack, Policy, Record
from migration.mapping.record_sql import RecordSql
from migration.schema.model import Entity, Field, NationalSchema

RETENTION_PARENTS = ("crime_report", "crime")
"""Entities whose retention class their details take."""


@dataclass(frozen=True)
class Reference:
    """A field of a record that points to another entity, and whether the record stops where the other is not loaded."""

    field: Field
    target: str
    is_binding: bool


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


def decide_record(
    connection: duckdb.DuckDBPyConnection, pack: Pack, record: Record, entity: Entity, state: bool, path: Path
) -> None:
    """Write every source record of one record map with its outcome to a Parquet file."""
    compiled = RecordSql(pack, record, entity, has_state=state).select()
    columns, joins, decisions, problems = [], [], [], []
    retention = ["c._retention"]
    for index, reference in enumerate(_references(record, entity)):
        alias, column = f"f{index}", f"c.{name(reference.field.name)}"
        joins.append(f"LEFT JOIN {fate_table(reference.target)} AS {alias} ON {alias}.id = {column}")
        lost = (
            f"CASE WHEN {column} IS NULL OR {alias}.outcome IN ('LOADED', 'DUPLICATE_OF') THEN NULL "
            f"WHEN {alias}.id IS NULL THEN 'ORPHAN' ELSE 'PARENT_' || {alias}.outcome END"
        )
        if reference.is_binding:
            decisions.append((lost, alias, reference))
        else:
            issue = f"'I|{reference.field.name}|' || ({lost})"
            problems.append(issue)
        moved = f"CASE WHEN ({lost}) IS NULL THEN coalesce({alias}.moved_to, {column}) END"
        columns.append(f"{moved} AS {name(reference.field.name)}")
        if reference.target in RETENTION_PARENTS:
            retention.append(f"{alias}.retention")
    outcome, reason, rule = _final_outcome(decisions, entity)
    listed = "c._problems"
    if problems:
        found = " OR ".join(f"{p} IS NOT NULL" for p in problems)
        more = f"list_filter([{', '.join(problems)}], lambda x: x IS NOT NULL)"
        listed = f"CASE WHEN {found} THEN list_concat(c._problems, {more}) ELSE c._problems END"
    columns += [
        f"{outcome} AS _outcome",
        f"{reason} AS _reason",
        f"{rule} AS _rule",
        f"coalesce({', '.join(retention)}, 'STANDARD') AS _retention",
        f"{listed} AS _problems",
    ]
    query = f"SELECT c.* REPLACE ({', '.join(columns)})\nFROM ({compiled}) AS c {' '.join(joins)}"
    connection.execute(f"COPY ({query}) TO {literal(path)} (FORMAT parquet, COMPRESSION zstd)")


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


def _final_outcome(decisions: list[tuple[str, str, Reference]], entity: Entity) -> tuple[str, str, str]:
    first = "c._outcome IS NOT NULL THEN c.{column}"
    outcomes, reasons, rules = (["WHEN " + first.format(column=c)] for c in ("_outcome", "_reason", "_rule"))
    for lost, alias, reference in decisions:
        followed = (
            f"CASE WHEN {alias}.outcome IN ('WEEDED', 'OUT_OF_SCOPE') THEN {alias}.outcome ELSE 'QUARANTINED' END"
        )
        outcomes.append(f"WHEN ({lost}) IS NOT NULL THEN {followed}")
        reasons.append(f"WHEN ({lost}) IS NOT NULL THEN {lost}")
        rules.append(f"WHEN ({lost}) IS NOT NULL THEN {literal(f'{entity.name}.{reference.field.name}')}")
    return (
        f"CASE {' '.join(outcomes)} ELSE 'LOADED' END",
        f"CASE {' '.join(reasons)} END",
        f"CASE {' '.join(rules)} END",
    )


def fate_table(entity: str) -> str:
    """Name of the table with the fates of an entity's records."""
    return name(f"fate {entity}")


def record_fates(connection: duckdb.DuckDBPyConnection, entity: Entity, paths: list[Path]) -> None:
    """Keep the outcome of each record id of an entity: what its children ask."""
    table = fate_table(entity.name)
    if not paths:
        connection.execute(
            f"CREATE TEMP TABLE {table} (id VARCHAR, outcome VARCHAR, moved_to VARCHAR, retention VARCHAR)"
        )
        return
    files = f"[{', '.join(literal(p) for p in paths)}]"
    connection.execute(f"""
        CREATE TEMP TABLE {table} AS
        SELECT _id AS id, min(_outcome) AS outcome,
               min(CASE WHEN _outcome = 'DUPLICATE_OF' THEN _target END) AS moved_to, min(_retention) AS retention
        FROM read_parquet({files}, union_by_name = true)
        WHERE _id IS NOT NULL AND _outcome <> 'MERGED_INTO' AND NOT (_outcome = 'DUPLICATE_OF' AND _target = _id)
        GROUP BY _id
    """)


def settle_merges(connection: duckdb.DuckDBPyConnection, entity: Entity, paths: list[Path]) -> None:
    """Quarantine rows that were merged into a record which is not loaded itself: they follow it."""
    for path in paths:
        rule = literal(f"{entity.name}.merged_into")
        lost = "d._outcome = 'MERGED_INTO' AND coalesce(f.outcome, 'ORPHAN') NOT IN ('LOADED', 'DUPLICATE_OF')"
        followed = "CASE WHEN f.outcome IN ('WEEDED', 'OUT_OF_SCOPE') THEN f.outcome ELSE 'QUARANTINED' END"
        reason = "CASE WHEN f.outcome IS NULL THEN 'ORPHAN' ELSE 'PARENT_' || f.outcome END"
        new = path.with_suffix(".new")
        connection.execute(
            f"COPY (SELECT d.* REPLACE (CASE WHEN {lost} THEN {followed} ELSE d._outcome END AS _outcome, "
            f"CASE WHEN {lost} THEN {reason} ELSE d._reason END AS _reason, "
            f"CASE WHEN {lost} THEN {rule} ELSE d._rule END AS _rule, "
            f"CASE WHEN {lost} THEN NULL ELSE d._target END AS _target) "
            f"FROM read_parquet({literal(path)}) AS d LEFT JOIN {fate_table(entity.name)} AS f ON f.id = d._target) "
            f"TO {literal(new)} (FORMAT parquet, COMPRESSION zstd)"
        )
        new.replace(path)


def quarantine_clashes(connection: duckdb.DuckDBPyConnection, entity: Entity, paths: list[Path]) -> None:
    """Quarantine loaded records that share a value that must be unique; which of them is right, nobody can tell."""
    for unique in entity.unique:
        columns = [name(c) for c in unique if c != "division_code"]
        files = f"read_parquet([{', '.join(literal(p) for p in paths)}], union_by_name = true)"
        there = " AND ".join(f"{c} IS NOT NULL" for c in columns)
        clash = name(f"clash {entity.name}")
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {clash} AS SELECT {', '.join(columns)} FROM {files} "
            f"WHERE _outcome = 'LOADED' AND {there} GROUP BY ALL HAVING count(*) > 1"
        )
        row = connection.execute(f"SELECT count(*) FROM {clash}").fetchone()
        if not row or not row[0]:
            continue
        rule = literal(f"{entity.name}.unique")
        for path in paths:
            same = " AND ".join(f"k.{c} = d.{c}" for c in columns)
            hit = f"d._outcome = 'LOADED' AND k.{columns[0]} IS NOT NULL"
            new = path.with_suffix(".new")
            connection.execute(
                f"COPY (SELECT d.* REPLACE (CASE WHEN {hit} THEN 'QUARANTINED' ELSE d._outcome END AS _outcome, "
                f"CASE WHEN {hit} THEN 'NOT_UNIQUE' ELSE d._reason END AS _reason, "
                f"CASE WHEN {hit} THEN {rule} ELSE d._rule END AS _rule) "
                f"FROM read_parquet({literal(path)}) AS d LEFT JOIN {clash} AS k ON {same}) "
                f"TO {literal(new)} (FORMAT parquet, COMPRESSION zstd)"
            )
            new.replace(path)
