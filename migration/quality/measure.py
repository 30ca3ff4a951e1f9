"""Totals of a table as the lake holds it and as PostgreSQL holds it, and the keys of rows they do not share.

Enters: a Parquet file or a staging table of an entity. Leaves: `TableTotals`, or keys.
Must hold: per-column fingerprints are taken of tables up to `COLUMN_CELLS` cells; of larger ones the row fingerprint
stands for all columns, and columns are measured only where it breaks (decision 0072). Refuses: values; keys only.
"""

from pathlib import Path

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from migration.duck import read_parquet_sql
from migration.quality.fingerprints import Dialect, TableTotals, read_totals, row_hashes_sql, totals_sql
from migration.schema.model import Entity

COLUMN_CELLS = 5_000_000
"""Tables of more cells than this get per-column fingerprints only once their row fingerprint breaks."""
FETCHED_ROWS = 100_000


def wants_columns(rows: int, entity: Entity) -> bool:
    """Whether a table of so many rows gets a fingerprint per column at once."""
    return rows * len(entity.fields) <= COLUMN_CELLS


def measure_lake(
    session: duckdb.DuckDBPyConnection, path: Path | None, entity: Entity, *, with_columns: bool
) -> TableTotals:
    """Totals of an entity's Parquet file; of an empty table where there is no file."""
    if path is None:
        empty = 3 + len(entity.fields) * 2
        return read_totals(entity, [0] * empty, with_columns=with_columns)
    sql = totals_sql(entity, read_parquet_sql(path), Dialect.DUCKDB, with_columns=with_columns)
    return read_totals(entity, session.execute(sql).fetchone() or (), with_columns=with_columns)


def measure_table(connection: sa.Connection, table: str, entity: Entity, *, with_columns: bool) -> TableTotals:
    """Totals of a PostgreSQL table (quoted name) that holds an entity."""
    sql = totals_sql(entity, table, Dialect.POSTGRESQL, with_columns=with_columns)
    row = connection.exec_driver_sql(sql).one()
    return read_totals(entity, list(row), with_columns=with_columns)


def differing_keys(
    session: duckdb.DuckDBPyConnection,
    path: Path | None,
    connection: sa.Connection,
    table: str,
    entity: Entity,
    limit: int,
) -> tuple[str, ...]:
    """Keys of the first rows, in key order, that only one side holds, or that the sides hold differently."""
    session.execute("CREATE OR REPLACE TEMP TABLE right_rows (k VARCHAR, h VARCHAR)")
    sql = row_hashes_sql(entity, table, Dialect.POSTGRESQL)
    result = connection.execution_options(stream_results=True).exec_driver_sql(sql)
    for part in result.partitions(FETCHED_ROWS):
        arrow = pa.table({"k": [r[0] for r in part], "h": [r[1] for r in part]})
        session.register("part", arrow)
        session.execute("INSERT INTO right_rows SELECT k, h FROM part")
        session.unregister("part")
    left = "SELECT NULL AS k, NULL AS h WHERE FALSE"
    if path is not None:
        left = row_hashes_sql(entity, read_parquet_sql(path), Dialect.DUCKDB)
    query = (
        f"WITH l AS ({left}), only_left AS (SELECT k, h FROM l EXCEPT ALL SELECT k, h FROM right_rows), "
        "only_right AS (SELECT k, h FROM right_rows EXCEPT ALL SELECT k, h FROM l) "
        "SELECT DISTINCT replace(k, chr(31), '|') FROM (FROM only_left UNION ALL FROM only_right) ORDER BY 1 LIMIT ?"
    )
    return tuple(str(r[0]) for r in session.execute(query, [limit]).fetchall())
