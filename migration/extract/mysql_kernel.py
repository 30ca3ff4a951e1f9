"""Compiled decoding of rows as MySQL and MariaDB send them: packets of text values.

Enters: bytes of the row packets of one result. Leaves: where each field lies, and whole numbers. Must hold: every value
is exact. Source: MySQL client/server protocol, "Text Resultset Row" and "Length-Encoded Integer".
"""

from typing import Any

import numpy as np
from numba import njit

from migration.extract.copy_kernel import NULL, Bytes, Ints

MORE, END, FAILED, TOO_LARGE = 0, 1, 2, 3
NULL_MARK, TWO_BYTES, THREE_BYTES, END_MARK, ERROR_MARK = 0xFB, 0xFC, 0xFD, 0xFE, 0xFF
LARGEST_PACKET = 0xFFFFFF
HEADER = 4


@njit(cache=True, nogil=True, inline="always")
def _read_size(data: Bytes, at: int, size: int) -> Any:
    value = np.int64(0)
    for i in range(size):
        value |= np.int64(data[at + i]) << (8 * i)
    return value


@njit(cache=True, nogil=True)
def find_row_fields(data: Bytes, columns: int, max_rows: int) -> tuple[Any, ...]:
    """Start and size (`NULL` for NULL) of the fields of each whole row, bytes consumed, and how it went on.

    The last value is `MORE`, `END` (the packet that ends the result is consumed), `FAILED` (an error packet comes
    next) or `TOO_LARGE` (a row of 16 MB or more comes next). Arrays have the shape (columns, rows).
    """
    starts = np.empty((columns, max_rows), np.int64)
    sizes = np.empty((columns, max_rows), np.int64)
    position, row = 0, 0
    length = len(data)
    while row < max_rows and position + HEADER <= length:
        size = _read_size(data, position, 3)
        if size == LARGEST_PACKET:
            return starts[:, :row], sizes[:, :row], position, TOO_LARGE
        if position + HEADER + size > length:
            break
        at: Any = position + HEADER
        if data[at] == END_MARK and size < 9:
            return starts[:, :row], sizes[:, :row], at + size, END
        if data[at] == ERROR_MARK:
            return starts[:, :row], sizes[:, :row], position, FAILED
        for column in range(columns):
            lead = np.int64(data[at])
            at += 1
            if lead == NULL_MARK:
                starts[column, row], sizes[column, row] = at, NULL
                continue
            if lead > NULL_MARK:
                wide = 2 if lead == TWO_BYTES else 3 if lead == THREE_BYTES else 8
                lead = _read_size(data, at, wide)
                at += wide
            starts[column, row], sizes[column, row] = at, lead
            at += lead
        position += HEADER + size
        row += 1
    return starts[:, :row], sizes[:, :row], position, MORE


@njit(cache=True, nogil=True)
def parse_whole(data: Bytes, starts: Ints, sizes: Ints) -> Ints:
    """Whole numbers from decimal text, a decimal point left out; 0 for NULL."""
    out = np.zeros(len(starts), np.int64)
    for row in range(len(starts)):
        number: Any = np.int64(0)
        is_negative = False
        for at in range(starts[row], starts[row] + max(sizes[row], 0)):
            if data[at] == 45:
                is_negative = True
            elif data[at] != 46:
                number = number * 10 - (np.int64(data[at]) - 48)  # downwards: the smallest number has no opposite
        out[row] = number if is_negative else -number
    return out
