"""Control totals computed by DuckDB: of the lake's Parquet, and of batches another parser made.

Enters: a Parquet file or a stream of Arrow batches. Leaves: `ControlTotals`. Must hold: batches are measured as they
pass, in bounded memory.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from migration.duck import open_session, read_parquet_sql, sql_text
from migration.extract.totals import DUCKDB, ControlTotals, read_totals, totals_sql
from migration.fingerprint import quote
from migration.settings import Settings


def measure_parquet(settings: Settings, path: Path, schema: pa.Schema, null_text: str | None = None) -> ControlTotals:
    """Control totals of a Parquet file's columns in `schema`; with `null_text`, NULL counts as that text."""
    relation = read_parquet_sql(path)
    if null_text is not None:
        columns = ", ".join(f"coalesce({quote(n)}, {sql_text(null_text)}) AS {quote(n)}" for n in schema.names)
        relation = f"(SELECT {columns} FROM {relation})"
    with open_session(settings) as connection:
        return _measure(connection, relation, schema)


def measure_batches(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> ControlTotals:
    """Control totals of a stream of batches, each read once."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("batches", pa.RecordBatchReader.from_batches(schema, batches))
        return _measure(connection, "batches", schema)


def _measure(connection: duckdb.DuckDBPyConnection, relation: str, schema: pa.Schema) -> ControlTotals:
    row = connection.execute(totals_sql(DUCKDB, relation, schema)).fetchone()
    if row is None:
        raise AssertionError("an aggregate always gives a row")
    return read_totals(schema, row)
