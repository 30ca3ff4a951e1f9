"""The delta of a database table since its last full extract, without reading the table again.

Enters: the last full extract and an open session. Leaves: a delta as `delta` writes it. Every row's key and stamp
are read: the stamp is the time of its last change where the pack names one (`changed_by`), else the hash of the row
that the control totals use, made by the database itself. Only rows whose stamp is new are read whole. Must hold:
rows that are gone are found, because all keys are compared; late edits are found, because stamps are compared and
not only the newest ones. A system that edits rows without touching their time of change needs `changed_by` left
out. Refuses: a table without a key.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from migration.duck import open_session as open_duckdb
from migration.duck import read_parquet_sql
from migration.errors import ConfigError
from migration.extract.connections import Session
from migration.extract.database import DatabaseReader
from migration.extract.delta import CHANGE, Change, DeltaCounts
from migration.extract.partitions import sql_literal
from migration.extract.reader import SOURCE_ROW
from migration.extract.sources import TableSource
from migration.extract.totals import DUCKDB, TotalsDialect, column_kinds, row_text_of
from migration.fingerprint import quote
from migration.settings import Settings

KEYS_AT_ONCE = 400
FETCH_ROWS = 20_000


def extract_delta(settings: Settings, source: TableSource, session: Session, full: Path, delta: Path) -> DeltaCounts:
    """Write what changed in the table since `full` was taken to `delta`.

    Raises:
        ConfigError: the table has no key.
        SourceError: the database cannot be read, or the table's columns are not the pack's.
    """
    if not source.table.key:
        where = f"pack of division {source.division}, source {source.where}"
        raise ConfigError(where, "no key", "the table's key", "Name it; a delta compares rows by key.")
    reader = DatabaseReader(source, session)
    with open_duckdb(settings) as connection:
        _load_stamps(connection, reader, source, full)
        changes = connection.execute(
            "SELECT coalesce(b.k, n.k), CASE WHEN b.k IS NULL THEN 'INSERT' WHEN n.k IS NULL THEN 'DELETE' "
            "ELSE 'UPDATE' END FROM base b FULL JOIN now n ON b.k = n.k WHERE b.s IS DISTINCT FROM n.s ORDER BY 1"
        ).fetchall()
        kinds = {tuple(key): Change(change) for key, change in changes}
        schema = reader.schema.append(pa.field(SOURCE_ROW, pa.int64())).append(pa.field(CHANGE, pa.string()))
        with pq.ParquetWriter(delta, schema, compression="zstd") as writer:
            _write_gone(connection, writer, source, full, kinds)
            _write_changed(writer, reader, source, kinds)
    found = list(kinds.values())
    return DeltaCounts(*(found.count(c) for c in Change))


def _load_stamps(
    connection: duckdb.DuckDBPyConnection, reader: DatabaseReader, source: TableSource, full: Path
) -> None:
    """Tables `base` and `now`: key (a list of texts) and stamp of every row, in the extract and in the database."""
    schema = reader.schema
    key = ", ".join(DUCKDB.image_of(k, column_kinds(schema)[k]) for k in source.table.key)
    stamp = _stamp_sql(DUCKDB, source, schema)
    connection.execute(f"CREATE TEMP TABLE base AS SELECT [{key}] AS k, {stamp} AS s FROM {read_parquet_sql(full)}")
    connection.execute("CREATE TEMP TABLE now (k VARCHAR[], s VARCHAR)")
    for rows in _read_stamps(reader, source):
        arrow = pa.table(
            {"k": pa.array([list(r[:-1]) for r in rows], pa.list_(pa.string())), "s": pa.array([r[-1] for r in rows])}
        )
        connection.register("arrived", arrow)
        connection.execute("INSERT INTO now SELECT k, s FROM arrived")
        connection.unregister("arrived")


def _stamp_sql(dialect: TotalsDialect, source: TableSource, schema: pa.Schema) -> str:
    """SQL of a row's stamp as text: the image of its time of change, or the number of its hash."""
    column = source.table.changed_by
    if column is not None:
        return dialect.image_of(column, column_kinds(schema)[column])
    number = dialect.row_number.format(t=row_text_of(dialect, schema))
    return f"CAST({number} AS {'CHAR' if dialect.quote('a') == '`a`' else 'VARCHAR(40)'})"


def _read_stamps(reader: DatabaseReader, source: TableSource) -> Iterator[list[tuple[str | None, ...]]]:
    dialect = reader.session.engine.totals
    kinds = column_kinds(reader.schema)
    columns = [dialect.image_of(k, kinds[k]) for k in source.table.key] + [_stamp_sql(dialect, source, reader.schema)]
    inner = reader.select_all()
    for rows in reader.fetch_rows(f"SELECT {', '.join(columns)} FROM ({inner}) t", FETCH_ROWS):
        yield [tuple(_as_text(v) for v in row) for row in rows]


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _write_gone(
    connection: duckdb.DuckDBPyConnection,
    writer: pq.ParquetWriter,
    source: TableSource,
    full: Path,
    kinds: dict[tuple[str | None, ...], Change],
) -> None:
    """The old rows of keys that are gone."""
    gone = [list(key) for key, change in kinds.items() if change is Change.DELETE]
    if not gone:
        return
    schema = pq.read_schema(full)
    texts = column_kinds(schema)
    key = ", ".join(DUCKDB.image_of(k, texts[k]) for k in source.table.key)
    connection.register("gone", pa.table({"g": pa.array(gone, pa.list_(pa.string()))}))
    names = ", ".join(quote(n) for n in writer.schema.names if n != CHANGE)
    query = f"SELECT {names}, 'DELETE' AS {CHANGE} FROM {read_parquet_sql(full)} WHERE [{key}] IN (SELECT g FROM gone)"
    writer.write_table(connection.execute(query).to_arrow_table().cast(writer.schema))
    connection.unregister("gone")


def _write_changed(
    writer: pq.ParquetWriter,
    reader: DatabaseReader,
    source: TableSource,
    kinds: dict[tuple[str | None, ...], Change],
) -> None:
    """The rows, read whole, of keys that are new or changed."""
    wanted = [key for key, change in kinds.items() if change is not Change.DELETE]
    for begin in range(0, len(wanted), KEYS_AT_ONCE):
        some = wanted[begin : begin + KEYS_AT_ONCE]
        for batch in reader.narrow(_key_condition(reader, source, some), reader.session).read_batches():
            images = [[_image(v) for v in batch.rows.column(k).to_pylist()] for k in source.table.key]
            changes = [kinds[tuple(key)].value for key in zip(*images, strict=True)]
            table = pa.Table.from_batches([batch.rows]).append_column(CHANGE, pa.array(changes, pa.string()))
            writer.write_table(table.cast(writer.schema))


def _image(value: Any) -> str | None:
    return None if value is None else str(value)


def _key_condition(reader: DatabaseReader, source: TableSource, keys: Sequence[tuple[str | None, ...]]) -> str:
    """SQL condition that picks the rows of some keys."""
    dialect, kinds = reader.session.engine.totals, column_kinds(reader.schema)
    by_name = {c.name: c for c in reader.plan.columns}
    images = [dialect.image[kinds[k]].format(c=by_name[k].expression) for k in source.table.key]
    alternatives = [
        " AND ".join(
            f"{image} IS NULL" if value is None else f"{image} = {sql_literal(value, reader.session)}"
            for image, value in zip(images, key, strict=True)
        )
        for key in keys
    ]
    return "(" + " OR ".join(f"({a})" for a in alternatives) + ")"
