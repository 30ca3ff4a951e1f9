"""Tables of MySQL and MariaDB from the packets of their rows, decoded column by column.

Enters: a table's plan and a session. Leaves: the same batches as the plain reader gives, several times faster: the
driver sends the query and reads its columns, then the row packets are taken from its stream in pieces. Must hold:
byte-identical Parquet with the plain reader (a test compares them). Refuses: what `database` refuses, and a row of
16 MB or more, which `plain: true` reads.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from pymysql.err import MySQLError, raise_mysql_exception
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from migration.errors import SourceError
from migration.extract import copy_kernel, mysql_kernel
from migration.extract.connections import Session
from migration.extract.database import DatabaseReader, reading_failed, select_sql
from migration.extract.mysql_stream import can_stream, end_result, read_piece
from migration.extract.totals_image import WORD_DIGITS

RANGES = 24
MOST_MEASURED = 100_000
"""Keys that are measured by one query."""


def is_primary_key(session: Session, table: str, schema: str | None, column: str) -> bool:
    """Whether a table's primary key is one column, so that a range of it is found without reading the table."""
    try:
        found = inspect(session.alchemy).get_pk_constraint(table, schema)["constrained_columns"]
    except SQLAlchemyError:  # a view, or a name in another case: it is measured in one piece
        return False
    return [c.casefold() for c in found] == [column.casefold()]


class MysqlReader(DatabaseReader):
    """Reads one table through row packets; plans, totals and facts are those of the plain reader."""

    def read_stored(self) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the key, texts as bytes."""
        driver, state, rest = self.session.driver, mysql_kernel.MORE, bytearray()
        if not can_stream(driver):
            yield from super().read_stored()
            return
        try:
            driver.query(select_sql(self.plan, self.session, ordered=True), unbuffered=True)
            while state == mysql_kernel.MORE:
                rest += read_piece(driver)
                view = np.frombuffer(bytes(rest), np.uint8)
                columns = len(self.schema)
                starts, sizes, used, state = mysql_kernel.find_row_fields(view, columns, len(view) // (4 + columns) + 1)
                if starts.shape[1]:
                    arrays = [_build_column(view, starts[i], sizes[i], f.type) for i, f in enumerate(self.schema)]
                    yield pa.RecordBatch.from_arrays(arrays, schema=self.stored_schema)
                del rest[:used]
            self._check_end(state, bytes(rest))
        except MySQLError as failure:
            raise reading_failed(self.source, failure) from failure
        finally:
            end_result(driver, is_whole=state == mysql_kernel.END)

    def find_ranges(self) -> list[str]:
        """Ranges of a primary key that is one whole number: the server measures slowly, and in one thread a session.

        So the session that has read its last row can take some of them over.
        """
        key = self.source.table.key
        column = next((c for c in self.plan.columns if c.name in key and pa.types.is_integer(c.type)), None)
        table, schema = self.source.table.name, self.source.text("schema", "") or None
        if column is None or len(key) != 1 or not is_primary_key(self.session, table, schema, column.name):
            return [""]
        ends = f"SELECT min({column.quoted}), max({column.quoted}) FROM {self.plan.relation}"
        least, most = self.session.fetch_one(ends)
        if least is None or most - least < MOST_MEASURED:
            return [""]
        bounds = [least + (most - least) * n // RANGES for n in range(1, RANGES)]
        middle = [f"{column.quoted} > {a} AND {column.quoted} <= {b}" for a, b in pairwise(bounds)]
        return [f"{column.quoted} <= {bounds[0]}", *middle, f"{column.quoted} > {bounds[-1]}"]

    def _check_end(self, state: int, rest: bytes) -> None:
        """Raise what ended the result before its end.

        Raises:
            SourceError: a row is too large.
            MySQLError: the server broke the result off.
        """
        if state == mysql_kernel.FAILED:
            raise_mysql_exception(rest[mysql_kernel.HEADER :])
        if state == mysql_kernel.TOO_LARGE:
            fix = "Set `plain: true` in the table's options."
            raise SourceError(self.source.where, "a row of 16 MB or more", "smaller rows", fix)


def _build_column(view: copy_kernel.Bytes, starts: copy_kernel.Ints, sizes: copy_kernel.Ints, kind: pa.DataType) -> Any:
    """One column of a piece as an Arrow array of `kind`; texts as the bytes they are."""
    valid = sizes >= 0
    nulls = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.precision <= WORD_DIGITS):
        numbers = mysql_kernel.parse_whole(view, starts, sizes)
        if pa.types.is_decimal(kind):
            numbers = np.stack([numbers, numbers >> 63], axis=1)
        return pa.Array.from_buffers(kind, len(sizes), [nulls, pa.py_buffer(np.ascontiguousarray(numbers))])
    offsets, data = copy_kernel.gather_bytes(view, starts, sizes)
    is_bytes = pa.types.is_string(kind) or pa.types.is_binary(kind)
    buffers = [nulls, pa.py_buffer(offsets), pa.py_buffer(data)]
    texts = pa.Array.from_buffers(pa.binary() if is_bytes else pa.string(), len(sizes), buffers)
    return texts if is_bytes else texts.cast(kind)
