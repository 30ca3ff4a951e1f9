"""The tables the mapping leaves beside entities and dispositions: rejects, issues and the use of codes.

Enters: temporary tables with the source records that need a word. Leaves: the layer `rejected`. Must hold: the
dispositions of a table and entity are as many as its source records. Refuses: a balance that does not close
(ReconciliationError).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from migration.duck import copy_to_parquet
from migration.errors import ReconciliationError
from migration.layers import LayerWriter, parquet_metadata
from migration.mapping.compile import crosswalk_relation
from migration.mapping.dispositions import QUARANTINED_LINES, where_from
from migration.mapping.expressions import Lookup
from migration.mapping.fates import Decided
from migration.mapping.literals import literal, name
from migration.mapping.model import Pack
from migration.mapping.prepare import insert_rows
from migration.mapping.record_sql import code_column, find_lookup
from migration.records import Disposition, RunContext
from migration.schema.model import Entity


def write_rejects(
    connection: duckdb.DuckDBPyConnection, context: RunContext, pack: Pack, decided: list[Decided], writer: LayerWriter
) -> int:
    """Write why each quarantined record was rejected, one row for each field at fault; returns how many rows."""
    parts = [_problem_select(pack, d, "Q") for d in decided]
    for item in decided:  # a record quarantined for its key or its parent has no field at fault of its own
        parts.append(
            f"SELECT {where_from(pack, item)}, _key AS source_key, _source_row AS source_row, "
            f"{literal(item.record.entity)} AS entity, split_part(_rule, '.', 2) AS field, _rule AS rule_id, "
            f"_reason AS reason_code FROM {item.rest} WHERE _outcome = 'QUARANTINED' "
            "AND NOT list_contains(list_transform(coalesce(_problems, []), lambda p: p[1]), 'Q')"
        )
    parts.append(
        f"SELECT {literal(pack.division)} AS division_code, source_system, source_table, source_key, "
        f"NULL AS source_row, entity, NULL AS field, rule_id, reason_code FROM {name(QUARANTINED_LINES)}"
    )
    return _write_problems(connection, context, parts, writer.path("rejects"))


def write_issues(
    connection: duckdb.DuckDBPyConnection, context: RunContext, pack: Pack, decided: list[Decided], writer: LayerWriter
) -> int:
    """Write every field of a loaded record that was emptied, replaced or repaired; returns how many rows."""
    parts = [_problem_select(pack, d, "I") for d in decided]
    return _write_problems(connection, context, parts, writer.path("issues"))


def _problem_select(pack: Pack, decided: Decided, kind: str) -> str:
    record = decided.record
    outcome = Disposition.QUARANTINED if kind == "Q" else Disposition.LOADED
    return (
        f"SELECT {where_from(pack, decided)}, _key AS source_key, _source_row AS source_row, "
        f"{literal(record.entity)} AS entity, split_part(problem, '|', 2) AS field, "
        f"{literal(record.entity + '.')} || split_part(problem, '|', 2) AS rule_id, "
        "split_part(problem, '|', 3) AS reason_code "
        f"FROM (SELECT _key, _source_row, unnest(_problems) AS problem FROM {decided.rest} "
        f"WHERE _outcome = {literal(outcome.value)}) WHERE problem[1] = {literal(kind)}"
    )


def _write_problems(connection: duckdb.DuckDBPyConnection, context: RunContext, parts: list[str], path: Path) -> int:
    union = "\nUNION ALL BY NAME\n".join(parts)
    columns = (
        "source_system::VARCHAR AS source_system, source_table::VARCHAR AS source_table, "
        "source_key::VARCHAR AS source_key, source_row::BIGINT AS source_row, entity::VARCHAR AS entity, "
        "field::VARCHAR AS field, rule_id::VARCHAR AS rule_id, reason_code::VARCHAR AS reason_code"
    )
    return copy_to_parquet(connection, f"SELECT {columns} FROM ({union})", path, parquet_metadata(context))


def write_rejected_rows(
    connection: duckdb.DuckDBPyConnection, context: RunContext, decided: list[Decided], writer: LayerWriter
) -> None:
    """Write the raw rows of which at least one record was quarantined, table by table."""
    tables: dict[tuple[str, str], list[Decided]] = defaultdict(list)
    for item in decided:
        tables[item.record.system, item.record.table].append(item)
    for (system, table), items in sorted(tables.items()):
        rows = " UNION ".join(f"SELECT _source_row FROM {d.rest} WHERE _outcome = 'QUARANTINED'" for d in items)
        raw = name(f"{system}.{table}")
        lanes = [d.lane for d in items if d.lane is not None]
        if len(lanes) == len(items):  # what was not loaded by a lane is held already
            raw = f"({' UNION '.join(f'SELECT * FROM {lane.rest}' for lane in lanes)})"
        query = f"SELECT r.* FROM {raw} AS r SEMI JOIN ({rows}) AS q ON q._source_row = r._source_row"
        row = connection.execute(f"SELECT 1 FROM ({rows}) LIMIT 1").fetchone()
        if row is not None:
            copy_to_parquet(connection, query, writer.path(f"rows/{system}/{table}"), parquet_metadata(context))


def note_code_uses(connection: duckdb.DuckDBPyConnection, entity: Entity, decided: Sequence[Decided]) -> None:
    """Count in table `code_uses` the legacy codes of records whose fields are still there."""
    _make_code_uses(connection)
    for item in decided:
        for field in item.record.fields:
            codes = entity.field(field.name).codes
            lookup = find_lookup(field.expression)
            if lookup is not None and codes is not None and item.loads:
                legacy = name(code_column(field.name))
                counted = (
                    f"SELECT {legacy} AS legacy, count(*) AS uses FROM {item.table} "
                    f"WHERE {legacy} IS NOT NULL AND _outcome IN ('LOADED', 'QUARANTINED') GROUP BY 1"
                )
                connection.execute(f"INSERT INTO code_uses {_uses_select(counted, lookup, codes)}")
                if item.lane is not None and item.lane.uses.get(field.name):
                    _note_lane(connection, item.lane.uses[field.name], lookup, codes)


def _make_code_uses(connection: duckdb.DuckDBPyConnection) -> None:
    columns = "crosswalk VARCHAR, list_name VARCHAR, legacy_value VARCHAR, national_code VARCHAR, uses BIGINT"
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS code_uses ({columns})")


def write_code_uses(connection: duckdb.DuckDBPyConnection, context: RunContext, pack: Pack, writer: LayerWriter) -> int:
    """Write each distinct legacy code met, what it became and how often; returns how many have no national code."""
    _make_code_uses(connection)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE code_decisions (crosswalk VARCHAR, legacy_value VARCHAR, status VARCHAR, "
        "level VARCHAR)"
    )
    decisions = [
        (crosswalk.name, d.legacy_value, d.status, d.level)
        for crosswalk in pack.crosswalks.values()
        for d in crosswalk.decisions.values()
    ]
    insert_rows(connection, "code_decisions", decisions)
    query = """
        SELECT u.crosswalk, u.list_name, u.legacy_value, u.national_code,
               CASE WHEN d.status IS NOT NULL THEN d.status WHEN u.national_code IS NOT NULL THEN 'NATIONAL'
                    ELSE 'UNRESOLVED' END AS status,
               d.level, sum(u.uses)::BIGINT AS uses
        FROM code_uses AS u LEFT JOIN code_decisions AS d USING (crosswalk, legacy_value)
        GROUP BY ALL
    """
    copy_to_parquet(connection, query, writer.path("codes"), parquet_metadata(context))
    row = connection.execute(f"SELECT count(*) FROM ({query}) WHERE status = 'UNRESOLVED'").fetchone()
    return int(row[0]) if row else 0


def _note_lane(connection: duckdb.DuckDBPyConnection, uses: Mapping[str, int], lookup: Lookup, codes: str) -> None:
    counted = pa.table({"legacy": pa.array(uses.keys(), pa.string()), "uses": pa.array(uses.values(), pa.int64())})
    connection.register("counted codes", counted)
    try:
        select = _uses_select(f"SELECT legacy, uses FROM {name('counted codes')}", lookup, codes)
        connection.execute(f"INSERT INTO code_uses {select}")
    finally:
        connection.unregister("counted codes")


def _uses_select(counted: str, lookup: Lookup, codes: str) -> str:
    relation = name(crosswalk_relation(lookup.crosswalk, codes, is_identity=lookup.identity))
    return (
        f"SELECT {literal(lookup.crosswalk)}, {literal(codes)}, u.legacy, x.national_code, u.uses "
        f"FROM ({counted}) AS u LEFT JOIN {relation} AS x ON x.legacy_value = u.legacy"
    )


def check_balance(
    connection: duckdb.DuckDBPyConnection, pack: Pack, mapped: dict[str, int], path: Path
) -> dict[str, int]:
    """Counts by outcome, after showing that none is missing and none is double.

    Args:
        mapped: loaded rows written, by entity.
        path: the written dispositions.

    Raises:
        ReconciliationError: a table's rows and its dispositions differ, or loaded records and written rows do.
    """
    where = f"map of division {pack.division}"
    dispositions = f"read_parquet({literal(path)})"
    counted = {
        (str(s), str(t), str(e)): int(n)
        for s, t, e, n in connection.execute(
            f"SELECT source_system, source_table, entity, count(*) FROM {dispositions} GROUP BY ALL"
        ).fetchall()
    }
    for system in pack.systems:
        for table in system.tables:
            if table.primary is None:
                continue
            rows = _count(connection, name(f"{system.name}.{table.name}"))
            lines = _count(
                connection,
                f"(SELECT 1 FROM {name(QUARANTINED_LINES)} WHERE source_system = {literal(system.name)} "
                f"AND source_table = {literal(table.name)})",
            )
            found = counted.get((system.name, table.name, table.primary), 0)
            if found != rows + lines:
                raise ReconciliationError(
                    f"{where}, {system.name}.{table.name}",
                    f"{found} dispositions of {table.primary}",
                    f"{rows} raw rows and {lines} unreadable lines",
                    "A record is lost or doubled: report this with the pack.",
                )
    outcomes = {
        str(o): int(n)
        for o, n in connection.execute(f"SELECT outcome, count(*) FROM {dispositions} GROUP BY 1").fetchall()
    }
    loaded, written = outcomes.get(Disposition.LOADED.value, 0), sum(mapped.values())
    if loaded != written:
        raise ReconciliationError(where, f"{written} mapped rows", f"{loaded} LOADED dispositions", "Report this.")
    return outcomes


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0
