"""Tables of SQLite through its C interface, read and measured at the same time.

Enters: a table's plan and a session. Leaves: the same batches as the plain reader gives, several times faster. The
session's own connection keeps its lock on the file meanwhile: what is committed stays as it is, so that further
connections see the session's snapshot. Must hold: byte-identical Parquet with the plain reader (a test compares them).
Where that lock does not bind (write-ahead log), where texts are UTF-16, where a sample is taken (by a function of
ours) or the library cannot be reached, the plain way is taken. Refuses: what `database` refuses.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from migration.extract import copy_kernel, mysql_kernel, sqlite_kernel
from migration.extract.connections import Session, as_text
from migration.extract.database import DatabaseReader, TablePlan, naming_failure, reading_failed, select_sql
from migration.extract.engines import ColumnRead
from migration.extract.measure import Measurement
from migration.extract.source_proof import SourceProof
from migration.extract.sources import TableSource
from migration.extract.sqlite_library import SqliteConnection, SqliteError, load_library
from migration.extract.totals import ControlTotals

BATCH_ROWS = 8_008
"""No power of two: the columns' arrays would share few lines of the processor's cache."""
PIECE_BYTES = 2 << 20
LOCKING_JOURNALS = frozenset({"delete", "truncate", "persist"})


class SqliteReader(DatabaseReader):
    """Reads one table through compiled code; plans and facts are those of the plain reader."""

    def __init__(self, source: TableSource, session: Session) -> None:
        self._path = _find_file(source, session)
        self._is_over = threading.Event()
        super().__init__(source, session)

    def _find_suspects(self, relation: str, reads: dict[str, ColumnRead]) -> set[str]:
        """Columns with a value of another type, or a number that is no decimal of the column's scale."""
        connection = self._connect() if reads else None
        if connection is None:
            return set(reads)
        kinds = [read.type for read in reads.values()]
        powers = np.array([_power(kind) for kind in kinds])
        limits = np.array([10.0**kind.precision if pa.types.is_decimal(kind) else 0.0 for kind in kinds])
        columns = ", ".join(self.session.engine.totals.quote(column) for column in reads)
        with closing(connection), connection.prepare(f"SELECT {columns} FROM {relation}") as statement:
            found, state = sqlite_kernel.find_suspects(statement, _stored_kinds(kinds), powers, limits)
        return {c for c, is_suspect in zip(reads, found, strict=True) if is_suspect or state != sqlite_kernel.DONE}

    def _connect(self) -> SqliteConnection | None:
        """A connection of its own; None where the plain way is to be taken."""
        library = load_library() if self._path is not None else None
        if library is None or self._path is None:
            return None
        try:
            return SqliteConnection(library, self._path)
        except SqliteError:  # a writer waits for the session's lock and lets no new reader in
            return None

    def read_stored(self) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the key, texts as bytes."""
        connection = self._connect()
        if connection is None:
            yield from super().read_stored()
            return
        with closing(connection):
            yield from self._read(connection, select_sql(self._bare_plan(), self.session, ordered=True))

    def _bare_plan(self) -> TablePlan:
        """The plan with decimals as the numbers they are stored as; the proof reads what SQLite writes of them.

        One that the rows are ordered by stays as it is: SQL orders by what is selected under the name.
        """
        columns = [
            replace(c, expression=c.quoted) if pa.types.is_decimal(c.type) and c.order not in self.plan.order else c
            for c in self.plan.columns
        ]
        return replace(self.plan, columns=tuple(columns))

    def start_proof(self, *, is_idle: bool = False) -> None:
        """Begin to measure the table in a second connection and thread, where the system allows a second."""
        is_slowed = self.source.number("rows_per_second", 0) > 0
        if self._is_part or is_slowed or self.source.system.max_connections < 2:
            return
        connection = self._connect()
        if connection is not None:
            self._proof = SourceProof(
                lambda: nullcontext(self.session), lambda *_: self._measure(connection), lambda parts: parts[0]
            )

    @contextmanager
    def ending_proof(self) -> Iterator[None]:
        """Give the measuring up where the reading fails."""
        try:
            with super().ending_proof():
                try:
                    yield
                except BaseException:
                    self._is_over.set()
                    raise
        finally:
            self._is_over.clear()

    def measure_in(self, session: Session) -> ControlTotals:
        """Totals of a second reading, in no order.

        Raises:
            SourceError: the database cannot be read.
        """
        connection = self._connect()
        return super().measure_in(session) if connection is None else self._measure(connection)

    def _measure(self, connection: SqliteConnection) -> ControlTotals:
        found = Measurement(self.schema, self.session.engine.totals.scheme)
        with closing(connection):
            for batch in self._read(connection, self.select_all()):
                found.add(batch)
                if self._is_over.is_set():
                    break
        return found.totals()

    def _read(self, connection: SqliteConnection, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query.

        Raises:
            SourceError: SQLite fails on the way, or gives a value that its column's type cannot hold.
        """
        kinds, powers = _stored_kinds(self.schema.types), np.array([_power(kind) for kind in self.schema.types])
        shape, room, state = (len(kinds), BATCH_ROWS), PIECE_BYTES, sqlite_kernel.MORE
        try:
            with connection.prepare(sql) as statement:
                while state in (sqlite_kernel.MORE, sqlite_kernel.FULL):
                    numbers, starts, sizes = (np.empty(shape, np.int64) for _ in range(3))
                    data, is_waiting = np.empty(room, np.uint8), state == sqlite_kernel.FULL
                    rows, state = sqlite_kernel.read_rows(
                        statement, kinds, powers, numbers, starts, sizes, data, is_waiting
                    )
                    if rows:
                        yield self._gather(numbers[:, :rows], starts[:, :rows], sizes[:, :rows], data)
                    elif state == sqlite_kernel.FULL:
                        room *= 2
        except SqliteError as failure:
            raise reading_failed(self.source, failure) from failure
        if state != sqlite_kernel.DONE:
            raise reading_failed(self.source, SqliteError(state))

    def _gather(
        self, numbers: copy_kernel.Ints, starts: copy_kernel.Ints, sizes: copy_kernel.Ints, data: copy_kernel.Bytes
    ) -> pa.RecordBatch:
        arrays = [_build_column(numbers[i], starts[i], sizes[i], data, f.type) for i, f in enumerate(self.schema)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.stored_schema)


def _find_file(source: TableSource, session: Session) -> Path | None:
    """The database's file, where the session's lock binds and the compiled code can read it."""
    with naming_failure(source, session):
        journal, encoding = (as_text(session.fetch_one(f"PRAGMA {name}")[0]) for name in ("journal_mode", "encoding"))
        path = as_text(session.fetch_one("PRAGMA database_list")[2])
    return None if source.is_sampled or journal not in LOCKING_JOURNALS or encoding != "UTF-8" else Path(path)


def _stored_kinds(kinds: Iterable[pa.DataType]) -> copy_kernel.Ints:
    return np.array([_stored_kind(kind) for kind in kinds], np.int64)


def _power(kind: pa.DataType) -> float:
    """Power of ten of a decimal's scale; 0 for everything else."""
    return 10.0**kind.scale if pa.types.is_decimal(kind) else 0.0


def _stored_kind(kind: pa.DataType) -> int:
    """The type of SQLite's values that a column's expression gives."""
    if pa.types.is_integer(kind):
        return sqlite_kernel.INTEGER
    if pa.types.is_floating(kind):
        return sqlite_kernel.FLOAT
    return sqlite_kernel.BLOB if pa.types.is_binary(kind) else sqlite_kernel.TEXT


def _build_column(
    numbers: copy_kernel.Ints,
    starts: copy_kernel.Ints,
    sizes: copy_kernel.Ints,
    data: copy_kernel.Bytes,
    kind: pa.DataType,
) -> pa.Array:
    """One column as an Arrow array of `kind`; texts as the bytes they are."""
    valid = sizes >= 0
    nulls = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pa.Array.from_buffers(kind, len(sizes), [nulls, pa.py_buffer(numbers.copy())])
    if pa.types.is_decimal(kind):
        is_text = bool((sizes > 0).any())  # written with exactly its digits, of which one word holds all
        words = mysql_kernel.parse_whole(data, starts, sizes) if is_text else numbers
        pairs = np.ascontiguousarray(np.stack([words, words >> 63], axis=1))
        return pa.Array.from_buffers(kind, len(sizes), [nulls, pa.py_buffer(pairs)])
    offsets, content = copy_kernel.gather_bytes(data, starts, sizes)
    return pa.Array.from_buffers(pa.binary(), len(sizes), [nulls, pa.py_buffer(offsets), pa.py_buffer(content)])
