"""Tables of PostgreSQL through its binary COPY, decoded column by column.

Enters: a table's plan and a session. Leaves: the same batches as the plain reader gives, several times faster.
Must hold: byte-identical Parquet with the plain reader (a test compares them). Refuses: what `database` refuses.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa

from migration.extract import copy_kernel as kernel
from migration.extract.copy_stream import read_pieces
from migration.extract.database import DatabaseReader, naming_failure, select_sql

HEADER_BYTES = 19
"""Signature, flags and the length of an extension that no server sends."""
EPOCH_DAYS = 10_957
EPOCH_MICROSECONDS = EPOCH_DAYS * 86_400 * 1_000_000


class PostgresqlReader(DatabaseReader):
    """Reads one table through COPY; plans, totals and facts are those of the plain reader."""

    def read_stored(self) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the key; of a database without an encoding, texts as bytes."""
        rest, header = np.empty(0, np.uint8), HEADER_BYTES
        for piece in self._copy():
            view = np.concatenate((rest, piece[header:]))
            batch, used = self._decode_piece(view)
            rest, header = view[used:], 0
            if batch.num_rows:
                yield batch

    def _copy(self) -> Iterator[kernel.Bytes]:
        """The COPY stream in pieces."""
        statement = f"COPY ({select_sql(self.plan, self.session, ordered=True)}) TO STDOUT (FORMAT binary)"
        driver = self.session.driver
        with naming_failure(self.source, self.session), closing(driver.cursor()) as cursor, cursor.copy(statement):
            yield from read_pieces(driver)

    def _decode_piece(self, view: kernel.Bytes) -> tuple[pa.RecordBatch, int]:
        columns = len(self.schema)
        found = kernel.find_copy_fields(view, columns, len(view) // (2 + 4 * columns) + 1)
        starts, sizes, used, _ = found
        stored = self.stored_schema
        arrays = [build_column(view, starts[i], sizes[i], field.type) for i, field in enumerate(stored)]
        return pa.RecordBatch.from_arrays(arrays, schema=stored), int(used)

    @property
    def stored_schema(self) -> pa.Schema:
        """The types of `read_stored`: texts are valid where the database has an encoding."""
        return super().stored_schema if self.session.engine.has_bare_bytes else self.schema


def build_column(view: kernel.Bytes, starts: kernel.Ints, sizes: kernel.Ints, kind: pa.DataType) -> pa.Array:
    """One column of a piece as an Arrow array of `kind`."""
    valid = sizes >= 0
    nulls = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        offsets, data = kernel.gather_bytes(view, starts, sizes)
        return pa.Array.from_buffers(kind, len(sizes), [nulls, pa.py_buffer(offsets), pa.py_buffer(data)])
    if pa.types.is_decimal(kind):
        words = kernel.decode_numerics(view, starts, sizes, kind.scale)
        return pa.Array.from_buffers(kind, len(sizes), [nulls, pa.py_buffer(words)])
    values = _build_numbers(kernel.decode_integers(view, starts, sizes), kind)
    return pa.Array.from_buffers(kind, len(sizes), [nulls, pa.py_buffer(values)])


def _build_numbers(numbers: kernel.Ints, kind: pa.DataType) -> "np.ndarray[Any, Any]":
    """Decoded integers, or the bits of floating point numbers, as Arrow holds `kind`."""
    if pa.types.is_boolean(kind):
        return np.packbits(np.not_equal(numbers, 0), bitorder="little")
    if pa.types.is_date(kind):
        return np.asarray(numbers + EPOCH_DAYS, np.int32)
    if pa.types.is_timestamp(kind):
        return numbers + EPOCH_MICROSECONDS
    if not pa.types.is_floating(kind):
        return numbers
    return numbers.view(np.float64)
