"""Where a legacy record went: one source record followed through every layer to its disposition.

Enters: a run and a key (legacy key, or a record id). Leaves: `Trace`s, one per source record, whose steps name layers,
files, rules and outcomes. Refuses values: a step never shows the content of a record, only that and where it is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from migration.duck import open_session, read_parquet_sql, sql_text
from migration.layers import find_entity, layer_folder
from migration.records import Layer, RunContext

MAX_RECORDS = 50


@dataclass(frozen=True)
class TraceStep:
    """One layer's word on the record."""

    layer: str
    what: str


@dataclass(frozen=True)
class Trace:
    """One source record (grain of `control.disposition`) and its steps in order."""

    source_system: str
    source_table: str
    entity: str
    source_key: str
    outcome: str
    target_id: str | None
    steps: tuple[TraceStep, ...]


def trace_key(context: RunContext, key: str) -> list[Trace]:
    """Every source record of the run whose legacy key or record id is `key`, group parts (`key#GROUP`) included.

    Empty where no source record has that key: it was never extracted, or belongs to another division or run.
    """
    dispositions = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
    with open_session(context.settings) as connection:
        rows = _find_dispositions(connection, dispositions, key)
        return [_build_trace(connection, context, row) for row in rows]


def _find_dispositions(connection: duckdb.DuckDBPyConnection, path: Path, key: str) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    query = f"""
        SELECT source_system, source_table, entity, source_key, outcome, target_id, rule_id, reason_code
        FROM {read_parquet_sql(path)}
        WHERE source_key = $key OR starts_with(source_key, $key || '#') OR target_id = $key
        ORDER BY ALL LIMIT {MAX_RECORDS}
    """
    return _dicts(connection.execute(query, {"key": key}))


def _dicts(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [d[0] for d in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _build_trace(connection: duckdb.DuckDBPyConnection, context: RunContext, row: dict[str, Any]) -> Trace:
    steps = [
        *_raw_steps(connection, context, row),
        *_map_steps(connection, context, row),
        *_located_steps(connection, context, row),
        *_linked_steps(connection, context, row),
    ]
    return Trace(
        source_system=row["source_system"],
        source_table=row["source_table"],
        entity=row["entity"],
        source_key=row["source_key"],
        outcome=row["outcome"],
        target_id=row["target_id"],
        steps=tuple(steps),
    )


def _raw_steps(connection: duckdb.DuckDBPyConnection, context: RunContext, row: dict[str, Any]) -> list[TraceStep]:
    file = f"{row['source_system']}/{row['source_table']}.parquet"
    number = _source_row(connection, context, row)
    position = f"row {number} of" if number is not None else "a row of"
    if row["reason_code"] and not (layer_folder(context, Layer.RAW) / file).exists():
        position, file = "a damaged line of", row["source_table"]
    return [TraceStep(Layer.RAW, f"{position} {file}")]


def _source_row(connection: duckdb.DuckDBPyConnection, context: RunContext, row: dict[str, Any]) -> int | None:
    rejects = layer_folder(context, Layer.REJECTED) / "rejects.parquet"
    entity = find_entity(context, row["entity"])
    for path, column, value in ((entity, "source_key", row["source_key"]), (rejects, "source_key", row["source_key"])):
        if path is None or not path.exists() or column not in _columns(connection, path):
            continue
        found = connection.execute(
            f"SELECT min(source_row) FROM {read_parquet_sql(path)} WHERE source_key = $v AND source_table = $t",
            {"v": value, "t": row["source_table"]},
        ).fetchone()
        if found and found[0] is not None:
            return int(found[0])
    return None


def _columns(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    return [r[0] for r in connection.execute(f"DESCRIBE SELECT * FROM {read_parquet_sql(path)}").fetchall()]


def _map_steps(connection: duckdb.DuckDBPyConnection, context: RunContext, row: dict[str, Any]) -> list[TraceStep]:
    reason = f", reason {row['reason_code']}" if row["reason_code"] else ""
    rule = f" by rule {row['rule_id']}" if row["rule_id"] else ""
    target = f", national {row['entity']} {row['target_id']}" if row["target_id"] else ""
    steps = [TraceStep(Layer.MAPPED, f"{row['outcome']}{rule}{reason}{target}")]
    rejects = layer_folder(context, Layer.REJECTED) / "rejects.parquet"
    if rejects.exists():
        found = connection.execute(
            f"SELECT DISTINCT field, rule_id, reason_code FROM {read_parquet_sql(rejects)} "
            "WHERE source_key = $key AND source_table = $table AND entity = $entity ORDER BY ALL",
            {"key": row["source_key"], "table": row["source_table"], "entity": row["entity"]},
        ).fetchall()
        steps += [TraceStep(Layer.REJECTED, f"field {f or '-'}: {reason} (rule {rule})") for f, rule, reason in found]
    return steps


def _located_steps(connection: duckdb.DuckDBPyConnection, context: RunContext, row: dict[str, Any]) -> list[TraceStep]:
    path = layer_folder(context, Layer.LOCATED) / "location_match.parquet"
    location = _location_of(connection, context, row)
    if location is None or not path.exists():
        return []
    query = (
        "SELECT location_class_code, match_level_code, match_rule, refusal_code, confidence, beat_code, "
        "gazetteer_release "
        f"FROM {read_parquet_sql(path)} WHERE location_id = $id"
    )
    steps = []
    for found in _dicts(connection.execute(query, {"id": location})):
        refusal = f", refused finer: {found['refusal_code']}" if found["refusal_code"] else ""
        what = (
            f"{found['location_class_code']} located at level {found['match_level_code']} by {found['match_rule']}, "
            f"confidence {found['confidence']:.3f}{refusal}, beat {found['beat_code'] or '-'}, "
            f"gazetteer {found['gazetteer_release']}"
        )
        steps.append(TraceStep(Layer.LOCATED, what))
    return steps


def _location_of(connection: duckdb.DuckDBPyConnection, context: RunContext, row: dict[str, Any]) -> str | None:
    if row["entity"] == "location":
        return str(row["target_id"]) if row["target_id"] else None
    reports = find_entity(context, "crime_report")
    if row["entity"] != "crime_report" or reports is None:
        return None
    found = connection.execute(
        f"SELECT locus_location_id FROM {read_parquet_sql(reports)} WHERE crime_report_id = $id",
        {"id": row["target_id"]},
    ).fetchone()
    return str(found[0]) if found and found[0] else None


def _linked_steps(connection: duckdb.DuckDBPyConnection, context: RunContext, row: dict[str, Any]) -> list[TraceStep]:
    path = layer_folder(context, Layer.LINKED) / "national_link.parquet"
    if row["entity"] != "nominal" or not path.exists():
        return []
    query = f"""
        SELECT a.golden_id, a.link_rule, count(*) AS nominals, count(DISTINCT b.division_code) AS divisions
        FROM {read_parquet_sql(path)} a JOIN {read_parquet_sql(path)} b USING (golden_id)
        WHERE a.nominal_id = {sql_text(row["target_id"] or "")} GROUP BY ALL
    """
    return [
        TraceStep(
            Layer.LINKED,
            f"golden nominal {found['golden_id']} ({found['link_rule']}), "
            f"{found['nominals']} nominals of {found['divisions']} divisions",
        )
        for found in _dicts(connection.execute(query))
    ]
