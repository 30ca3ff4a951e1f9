"""Totals of a staging or national table, and the keys of rows that it and a file do not share.

Enters: a Parquet file and a PostgreSQL table of an entity. Leaves: `TableTotals`, or keys. Refuses: values; keys only.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from migration.duck import read_parquet_sql
from migration.quality.fingerprints import TableTotals, empty_totals, read_totals, row_hashes_sql, totals_sql
from migration.quality.lake_fingerprints import read_row_hashes
from migration.schema.model import Entity

FETCHED_ROWS = 100_000
NAMED_BY = 4
"""Differing rows are looked for in at most so many of the columns that broke: more name no other rows."""


def measure_table(connection: sa.Connection, table: str, entity: Entity) -> TableTotals:
    """Totals of a PostgreSQL table (quoted name) that holds an entity."""
    return measure_groups(connection, table, entity).get("", empty_totals(entity))


def measure_groups(
    connection: sa.Connection, relation: str, entity: Entity, group: str = "''"
) -> dict[str, TableTotals]:
    """Totals of a PostgreSQL relation by group."""
    sql = totals_sql(entity, relation, group)
    return dict(read_totals(entity, list(row)) for row in connection.exec_driver_sql(sql.replace("%", "%%")))


def differing_keys(
    session: duckdb.DuckDBPyConnection,
    path: Path | None,
    connection: sa.Connection,
    table: str,
    entity: Entity,
    columns: Sequence[str],
    limit: int,
) -> tuple[str, ...]:
    """Names of the first rows, in order, that only one side holds, or whose `columns` the sides hold differently."""
    fields = [f for f in entity.fields if f.name in columns][:NAMED_BY]
    types = ", ".join(["n VARCHAR", "k BIGINT", *(f"h{i} BIGINT" for i in range(len(fields)))])
    for side in ("left_rows", "right_rows"):
        session.execute(f"CREATE OR REPLACE TEMP TABLE {side} ({types})")
    if path is not None:
        for batch in list(read_row_hashes(session, read_parquet_sql(path), entity, fields)):
            _insert(session, "left_rows", batch)
    sql = row_hashes_sql(entity, table, fields)
    result = connection.execution_options(stream_results=True).exec_driver_sql(sql)
    names = list(result.keys())
    for part in result.partitions(FETCHED_ROWS):
        cells = zip(*part, strict=True)
        kinds = [pa.string(), *[pa.int64()] * (len(names) - 1)]
        arrays = [pa.array(c, kind) for c, kind in zip(cells, kinds, strict=True)]
        _insert(session, "right_rows", pa.record_batch(arrays, names=names))
    query = (
        "SELECT DISTINCT n FROM ((FROM left_rows EXCEPT ALL FROM right_rows) "
        "UNION ALL (FROM right_rows EXCEPT ALL FROM left_rows)) ORDER BY 1 LIMIT ?"
    )
    found = session.execute(query, [limit]).fetchall()
    session.execute("DROP TABLE left_rows; DROP TABLE right_rows")
    return tuple(str(r[0]) for r in found)


def _insert(session: duckdb.DuckDBPyConnection, table: str, batch: pa.RecordBatch) -> None:
    session.register("part", pa.Table.from_batches([batch]))
    session.execute(f"INSERT INTO {table} SELECT * FROM part")
    session.unregister("part")
