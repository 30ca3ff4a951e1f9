"""The delta of a database table since its last full extract, without reading the table again.

Enters: the last full extract and a reader of the table in a session's snapshot. Leaves: a delta as `delta` writes it.
Every row's key and stamp are read: the stamp is the time of its last change where the pack names one (`changed_by`),
else the hash of the row that the control totals use, made by the database itself. Only rows whose stamp is new are
read whole, by key. Must hold: rows that are gone are found, because all keys are compared; late edits are found,
because stamps are compared and not only the newest ones; the work is DuckDB's, in bounded memory. A system that
edits rows without touching their time of change fails the proof of control totals that `delta_stage` makes of the
result. Refuses: a table without a key, and rows whose text cannot be decoded, which belong in quarantine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from migration.duck import open_session as open_duckdb
from migration.duck import read_parquet_sql
from migration.errors import ConfigError, ReconciliationError
from migration.extract.database import DatabaseReader, sql_literal
from migration.extract.delta import CHANGE, DeltaCounts, count_changes
from migration.extract.reader import SOURCE_ROW
from migration.extract.sources import TableSource
from migration.extract.totals import DUCKDB, TotalsDialect, column_kinds, row_text_of
from migration.extract.watch import Watch
from migration.fingerprint import quote
from migration.settings import Settings

KEYS_AT_ONCE = 2_000
FETCH_ROWS = 20_000
MOST_CHANGED = 0.2
"""Share of the table's rows that may be fetched by key; where more changed, one pass over the table is cheaper."""

CHANGES = """
CREATE TEMP TABLE changes AS
SELECT k, change, row_number() OVER (PARTITION BY change = 'DELETE' ORDER BY k) AS n
FROM (
    SELECT
        coalesce(base.k, now.k) AS k,
        CASE WHEN base.k IS NULL THEN 'INSERT' WHEN now.k IS NULL THEN 'DELETE' ELSE 'UPDATE' END AS change
    FROM base FULL JOIN now ON base.k = now.k
    WHERE base.k IS NULL OR now.k IS NULL OR base.s IS DISTINCT FROM now.s
    GROUP BY ALL
)
"""
"""Each key whose stamp is new, or that is only on one side; numbered apart from the deleted ones."""


@dataclass(frozen=True)
class _Work:
    """One table's delta being made."""

    connection: duckdb.DuckDBPyConnection
    reader: DatabaseReader
    full: Path
    watch: Watch

    @property
    def source(self) -> TableSource:
        return self.reader.source

    def key_text(self, dialect: TotalsDialect) -> str:
        """SQL of a row's key as one text, each part with its length, NULL as `~`."""
        return row_text_of(dialect, pa.schema([self.reader.schema.field(k) for k in self.source.table.key]))

    def stamp(self, dialect: TotalsDialect) -> str:
        """SQL of a row's stamp as text: the image of its time of change, or the number of its hash."""
        column = self.source.table.changed_by
        if column is not None:
            return dialect.image_of(column, column_kinds(self.reader.schema)[column])
        number = dialect.row_number.format(t=row_text_of(dialect, self.reader.schema))
        return f"CAST({number} AS {'CHAR' if dialect.quote('a') == '`a`' else 'VARCHAR(40)'})"


def extract_delta(
    settings: Settings, reader: DatabaseReader, full: Path, delta: Path, watch: Watch | None = None
) -> DeltaCounts:
    """Write what changed in the reader's table since `full` was taken to `delta`.

    Args:
        watch: is told every key and every changed row that is read, and slows or stops the reading.

    Raises:
        ConfigError: the table has no key.
        SourceError: the database cannot be read, or the system's window has closed.
        ReconciliationError: a row's text cannot be decoded: a delta has no quarantine.
    """
    source = reader.source
    if not source.table.key:
        where = f"pack of division {source.division}, source {source.where}"
        raise ConfigError(where, "no key", "the table's key", "Name it; a delta compares rows by key.")
    schema = reader.schema.append(pa.field(SOURCE_ROW, pa.int64())).append(pa.field(CHANGE, pa.string()))
    with open_duckdb(settings) as connection:
        work = _Work(connection, reader, full, watch or Watch(source))
        _load_stamps(work)
        connection.execute(CHANGES)
        with pq.ParquetWriter(delta, schema, compression="zstd") as writer:
            _write_gone(work, writer)
            for begin, end in _chunks(work):
                _write_changed(work, writer, begin, end)
        return count_changes(connection)


def _load_stamps(work: _Work) -> None:
    """Tables `base` and `now`: key and stamp of every row, in the extract and in the database."""
    work.connection.execute(
        f"CREATE TEMP TABLE base AS SELECT {work.key_text(DUCKDB)} AS k, {work.stamp(DUCKDB)} AS s "
        f"FROM {read_parquet_sql(work.full)}"
    )
    work.connection.execute("CREATE TEMP TABLE now (k VARCHAR, s VARCHAR)")
    for arrived in _read_stamps(work):
        work.connection.register("arrived", arrived)
        work.connection.execute("INSERT INTO now SELECT k, s FROM arrived")
        work.connection.unregister("arrived")
        work.watch.advance(arrived.num_rows)


def _read_stamps(work: _Work) -> Iterator[pa.Table]:
    """Texts of key and stamp, as the driver gives them: decoded, or bytes that must be UTF-8."""
    dialect = work.reader.session.engine.totals
    columns = f"{work.key_text(dialect)}, {work.stamp(dialect)}"
    for rows in work.reader.fetch_rows(f"SELECT {columns} FROM ({work.reader.select_all()}) t", FETCH_ROWS):
        try:
            keys, stamps = (pa.array(texts, pa.string()) for texts in zip(*rows, strict=True))
        except (pa.ArrowInvalid, UnicodeError):
            raise _undecodable(work, 1) from None  # its cause would show the value
        yield pa.table({"k": keys, "s": stamps})


def _undecodable(work: _Work, rows: int) -> ReconciliationError:
    """The error for rows that only a full extract can put in quarantine."""
    found = f"{rows} rows or more whose text cannot be decoded"
    fix = "Take a full extract, which keeps such rows in its quarantine."
    return ReconciliationError(work.source.where, found, "rows that a delta can hold", fix)


def _count(work: _Work, query: str) -> int:
    row = work.connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _write_gone(work: _Work, writer: pq.ParquetWriter) -> None:
    """The old row of each key that is gone; one, where equal rows stood under it."""
    names = ", ".join(quote(n) for n in writer.schema.names if n != CHANGE)
    query = (
        f"SELECT {names}, change AS {CHANGE} FROM (SELECT *, {work.key_text(DUCKDB)} AS k "
        f"FROM {read_parquet_sql(work.full)}) JOIN changes USING (k) WHERE change = 'DELETE' "
        f"QUALIFY row_number() OVER (PARTITION BY k ORDER BY {SOURCE_ROW}) = 1 ORDER BY k"
    )
    for batch in work.connection.execute(query).to_arrow_reader(FETCH_ROWS):
        writer.write_table(pa.Table.from_batches([batch]).cast(writer.schema))


def _chunks(work: _Work) -> Iterator[tuple[int, int]]:
    """Ranges of the numbered changes to read at once: all in one where they are a large share of the table."""
    wanted = _count(work, "SELECT count(*) FROM changes WHERE change <> 'DELETE'")
    if wanted > MOST_CHANGED * _count(work, "SELECT count(*) FROM now"):
        yield 1, wanted
        return
    for begin in range(1, wanted + 1, KEYS_AT_ONCE):
        yield begin, min(begin + KEYS_AT_ONCE - 1, wanted)


def _write_changed(work: _Work, writer: pq.ParquetWriter, begin: int, end: int) -> None:
    """The rows, read whole, of the changes numbered `begin` to `end`.

    The database may give more rows than were asked for (text that it compares without regard to case): only those
    whose key is exactly one of the changes are kept.
    """
    chosen = f"change <> 'DELETE' AND n BETWEEN {begin} AND {end}"
    keys = [row[0] for row in work.connection.execute(f"SELECT k FROM changes WHERE {chosen} ORDER BY n").fetchall()]
    condition = _key_condition(work, keys) if len(keys) <= KEYS_AT_ONCE else ""
    names = ", ".join(quote(n) for n in writer.schema.names if n != CHANGE)
    query = (
        f"SELECT {names}, change AS {CHANGE} FROM (SELECT *, {work.key_text(DUCKDB)} AS k FROM arrived) "
        f"JOIN changes USING (k) WHERE {chosen}"
    )
    bad = 0
    for batch in work.reader.narrow(condition, work.reader.session).read_batches():
        bad += len(batch.bad_lines)
        if bad:
            continue  # to the end: the table is read whole in the same session, which a broken-off result would close
        work.connection.register("arrived", pa.Table.from_batches([batch.rows]))
        found = work.connection.execute(query).to_arrow_table()
        work.connection.unregister("arrived")
        writer.write_table(found.cast(writer.schema))
        work.watch.advance(batch.rows.num_rows)
    if bad:
        raise _undecodable(work, bad)


def _key_condition(work: _Work, keys: list[str]) -> str:
    """SQL condition that picks the rows of some keys: the exact keys, and the range an index on the key can use."""
    session = work.reader.session
    dialect, by_name = session.engine.totals, {c.name: c for c in work.reader.plan.columns}
    kinds = column_kinds(work.reader.schema)
    parts = []
    for name in work.source.table.key:
        image = dialect.image[kinds[name]].format(c=by_name[name].expression)
        text = dialect.concat([dialect.byte_length.format(t=image), "':'", image])
        parts.append(f"CASE WHEN {by_name[name].expression} IS NULL THEN '~' ELSE {text} END")
    exact = f"{dialect.concat(parts)} IN ({', '.join(sql_literal(k, session) for k in keys)})"
    first = by_name[work.source.table.key[0]]
    if not pa.types.is_integer(first.type) or any(k.startswith("~") for k in keys):
        return exact
    numbers = [int(_first_part(k)) for k in keys]
    return f"{first.order} >= {min(numbers)} AND {first.order} <= {max(numbers)} AND {exact}"


def _first_part(key: str) -> str:
    """The first value of a key's text."""
    size, _, rest = key.partition(":")
    return rest[: int(size)]
