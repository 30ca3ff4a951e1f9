"""Compiled reading of a SQLite statement: its rows are stepped and their values taken without Python objects.

Enters: the address of a prepared statement. Leaves: whole numbers, bits of floating point numbers and where the bytes
of texts lie, for as many rows as there is room. Must hold: every value is as stored; a value of another type than its
column's ends the reading. Decimals come from floating point numbers exactly where `find_suspects` named none: a number
that is the nearest to a decimal of up to 15 digits lies, times its power of ten, within a quarter of a whole one.
Source: SQLite, "C-language Interface": `sqlite3_step`, `sqlite3_column_*`.
"""

import ctypes
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from migration.extract.copy_kernel import NULL, Bytes, Ints

Reals = NDArray[np.float64]

INTEGER, FLOAT, TEXT, BLOB, NOTHING = 1, 2, 3, 4, 5
"""Types of a value, by SQLite's numbers."""
ROW, DONE = 100, 101
FULL, MISFIT, MORE = -1, -2, -3
NEEDED = {
    "step": types.int32(types.intp),
    "column_type": types.int32(types.intp, types.int32),
    "column_int64": types.int64(types.intp, types.int32),
    "column_double": types.float64(types.intp, types.int32),
    "column_blob": types.intp(types.intp, types.int32),
    "column_bytes": types.int32(types.intp, types.int32),
}
PREFIX = "migration_sqlite3_"
_step: Any
_type: Any
_int64: Any
_double: Any
_blob: Any
_bytes: Any
_step, _type, _int64, _double, _blob, _bytes = (  # typed by their signatures, called by compiled code only
    types.ExternalFunction(f"{PREFIX}{name}", signature) for name, signature in NEEDED.items()
)
_copy: Any = types.ExternalFunction("memcpy", types.intp(types.intp, types.intp, types.intp))


@cache
def bind_functions(library: ctypes.CDLL) -> bool:
    """Let the compiled code find its functions in a library; whether all are there."""
    try:
        found = {name: ctypes.cast(library[f"sqlite3_{name}"], ctypes.c_void_p).value for name in NEEDED}
    except AttributeError:
        return False
    for name, address in found.items():
        llvm.add_symbol(f"{PREFIX}{name}", address)
    return True


@njit(cache=True, nogil=True)
def find_suspects(statement: int, kinds: Ints, powers: Reals, limits: Reals) -> tuple[Any, ...]:
    """Columns with a value that may not fit their kind, and how the reading ended.

    A decimal has the power of ten of its scale and the limit that its digits set, other columns 0: its numbers may be
    whole or the nearest to a decimal of that scale.
    """
    found = np.zeros(len(kinds), np.bool_)
    state = _step(statement)
    while state == ROW:
        for column in range(len(kinds)):
            kind = _type(statement, column)
            if kind == NOTHING or found[column]:
                continue
            if powers[column] == 0.0:
                found[column] = kind != kinds[column]
            elif kind in (INTEGER, FLOAT):
                value = _double(statement, column)
                whole = np.rint(value * powers[column])
                found[column] = not (abs(whole) < limits[column] and whole / powers[column] == value)
            else:
                found[column] = True
        state = _step(statement)
    return found, state


@njit(cache=True, nogil=True, inline="always")
def _take_number(statement: int, column: int, kind: int, power: float) -> Any:
    """A whole number, a decimal in units of its scale, or the bits of a floating point number."""
    if power != 0.0:
        return np.int64(np.rint(_double(statement, column) * power))
    if kind == INTEGER:
        return _int64(statement, column)
    return np.float64(_double(statement, column)).view(np.int64)


@njit(cache=True, nogil=True, inline="always")
def _bytes_of(statement: int, column: int, data: Bytes, used: int) -> Any:
    """Copy the bytes of a text or blob, as stored where the database is in UTF-8; their number, -1 for no room."""
    at = _blob(statement, column)
    size = np.int64(_bytes(statement, column))
    if used + size > len(data):
        return np.int64(-1)
    if size > 0:
        _copy(data.ctypes.data + used, at, size)
    return size


@njit(cache=True, nogil=True)
def read_rows(
    statement: int, kinds: Ints, powers: Reals, numbers: Ints, starts: Ints, sizes: Ints, data: Bytes, is_waiting: bool
) -> tuple[Any, ...]:
    """Fill the arrays, of the shape (columns, rows), and `data`; returns the rows read and how the reading went on.

    That is `MORE` (no more rows fit), `FULL` (the bytes of the row that comes next do not fit: call again with
    `is_waiting`), `MISFIT`, `DONE`, or SQLite's number of an error.
    """
    columns, most = numbers.shape
    used = 0
    for row in range(most):
        if not is_waiting:
            state = _step(statement)
            if state != ROW:
                return row, state
        is_waiting = False
        for column in range(columns):
            kind = _type(statement, column)
            numbers[column, row], starts[column, row], sizes[column, row] = 0, used, NULL
            if kind == NOTHING:
                continue
            sizes[column, row] = 0
            if kind in (INTEGER, FLOAT) and (kind == kinds[column] or powers[column] != 0.0):
                numbers[column, row] = _take_number(statement, column, kind, powers[column])
            elif kind == kinds[column]:
                size = _bytes_of(statement, column, data, used)
                if size < 0:
                    return row, FULL
                sizes[column, row] = size
                used += size
            else:
                return row, MISFIT
    return most, MORE
