"""Whole Parquet files and Arrow tables into PostgreSQL tables, by ADBC's binary COPY (decision 0062).

Enters: an engine, a table, and rows whose columns are some of the table's. Leaves: the rows in the table,
in one transaction with the deletion of those they replace. Must hold: bounded memory (one batch at a time); rows the
server took are counted and equal the source's. Refuses: columns the table has not, values its types cannot take; no
message carries a value.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import adbc_driver_manager
import adbc_driver_postgresql
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from adbc_driver_manager import dbapi

from migration.errors import ReconciliationError, SourceError
from migration.fingerprint import quote
from migration.load.failures import connection_lost, guard

BATCH_ROWS = 65_536
_ARROW_TYPES = {
    "text": pa.string(),
    "character varying": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "jsonb": pa.json_(),
}

Source: TypeAlias = Path | pa.Table
BulkConnection: TypeAlias = dbapi.Connection


@contextmanager
def open_bulk(engine: sa.Engine) -> Iterator[BulkConnection]:
    """An ADBC connection to the engine's database, without autocommit; rolled back unless its user commits.

    Raises:
        SourceError: the server does not let us in.
    """
    uri = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = adbc_driver_postgresql.connect(uri)
    except adbc_driver_manager.Error:
        raise connection_lost(engine, "no connection") from None
    database = dbapi.Connection(connection, adbc_driver_manager.AdbcConnection(connection))
    try:
        yield database
    finally:
        database.close()


def copy_table(
    engine: sa.Engine, schema: str, table: str, source: Source, replace: Mapping[str, str] | None = None
) -> int:
    """Put a Parquet file's or an Arrow table's rows into a table; returns the rows. One transaction, safe to repeat.

    Args:
        engine: the database.
        schema: schema of the table.
        table: its name.
        source: the rows; columns are matched by name, those the source lacks become NULL.
        replace: delete first the rows whose columns have these values (`{"run_id": ..., "division_code": ...}`).

    Raises:
        SourceError: a column the table has not, a value its type cannot take, or the server went away.
        ReconciliationError: the server counted other rows than the source has.
    """
    types = column_types(engine, schema, table)
    with open_bulk(engine) as connection, guard(engine, f"{schema}.{table}"):
        if replace:
            condition = " AND ".join(f"{quote(column)} = ${n}" for n, column in enumerate(replace, start=1))
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {quote(schema)}.{quote(table)} WHERE {condition}", tuple(replace.values()))
        rows = ingest(connection, schema, table, source, types)
        connection.commit()
    return rows


def ingest(
    connection: BulkConnection, schema: str, table: str, source: Source, types: Mapping[str, pa.DataType]
) -> int:
    """Append a source's rows to a table within the caller's ADBC transaction; returns the rows, checked."""
    expected = source.num_rows if isinstance(source, pa.Table) else pq.read_metadata(source).num_rows
    if expected == 0:
        return 0
    with connection.cursor() as cursor:
        rows = cursor.adbc_ingest(
            table, _read(source, types, f"{schema}.{table}"), mode="append", db_schema_name=schema
        )
    if rows != expected:
        fix = "Run the stage again; where it happens twice, the file changed while it was read."
        raise ReconciliationError(f"{schema}.{table}", f"{rows} rows loaded", f"{expected} rows, as the source", fix)
    return rows


def column_types(engine: sa.Engine, schema: str, table: str) -> dict[str, pa.DataType]:
    """Arrow type per column of a table, in column order; raises SourceError where the table is not there."""
    query = sa.text(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
        "WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    )
    with engine.connect() as connection:
        found = connection.execute(query, {"name": f"{quote(schema)}.{quote(table)}"}).all()
    if not found:
        fix = "Run `migrate db start`, which brings the database to the national schema."
        raise SourceError(f"{schema}.{table}", "no such table", "a table of the national database", fix)
    return {name: _arrow_type(kind) for name, kind in found}


def _arrow_type(kind: str) -> pa.DataType:
    if kind.startswith("numeric("):
        precision, scale = kind.removeprefix("numeric(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return _ARROW_TYPES[kind]


def _read(source: Source, types: Mapping[str, pa.DataType], where: str) -> pa.RecordBatchReader:
    """The source's rows, cast to the table's types, one batch at a time."""
    names = source.schema.names if isinstance(source, pa.Table) else pq.read_schema(source).names
    unknown = [name for name in names if name not in types]
    if unknown:
        fix = "Write exactly the columns of the national schema."
        raise SourceError(where, f"columns {', '.join(unknown)}", "only columns of the table", fix)
    schema = pa.schema([(name, types[name]) for name in names])
    return pa.RecordBatchReader.from_batches(schema, _cast_batches(source, schema))


def _cast_batches(source: Source, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if isinstance(source, pa.Table):
        batches: Iterator[pa.RecordBatch] = iter(source.to_batches(max_chunksize=BATCH_ROWS))
    else:
        batches = pq.ParquetFile(source).iter_batches(BATCH_ROWS)
    for batch in batches:
        columns = [_cast(batch.column(field.name), field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    if kind == pa.json_():
        return pa.ExtensionArray.from_storage(kind, column.cast(pa.string()))
    return column.cast(kind)
