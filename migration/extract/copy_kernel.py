"""Compiled decoding of PostgreSQL's binary COPY: finding fields, then whole columns at once.

Enters: bytes of the COPY stream after its header, made of complete tuples and maybe a tail. Leaves: positions of
fields, and per column integers, 128-bit decimals or text bytes. Must hold: every value is exact. Source: PostgreSQL
documentation, COPY, "Binary Format", and the wire format of numeric (base 10,000 digits, weight, sign, scale).
"""

from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

_copy: Any = types.ExternalFunction("memcpy", types.intp(types.intp, types.intp, types.intp))

NULL = -1
NEGATIVE = 0x4000
LIMBS = 5
"""Of 32 bits: one more than the result needs, because the last group of digits may reach beyond the scale."""


@njit(cache=True, nogil=True)
def _read_int(data: Bytes, at: int, size: int) -> Any:
    """Signed big-endian integer of `size` bytes."""
    value = np.int64(data[at])
    if value > 127:
        value -= 256
    for i in range(1, size):
        value = (value << 8) | np.int64(data[at + i])
    return value


@njit(cache=True, nogil=True)
def find_copy_fields(data: Bytes, columns: int, max_rows: int) -> tuple[Any, ...]:
    """Start and size (`NULL` for NULL) of the fields of each complete tuple, bytes consumed, and whether the end came.

    Arrays have the shape (columns, rows), so that a column's positions lie together.
    """
    starts = np.empty((columns, max_rows), np.int64)
    sizes = np.empty((columns, max_rows), np.int64)
    position, row = 0, 0
    length = len(data)
    while row < max_rows and position + 2 <= length:
        if _read_int(data, position, 2) == -1:
            return starts[:, :row], sizes[:, :row], position + 2, True
        at = position + 2
        column = 0
        while column < columns and at + 4 <= length:
            size = _read_int(data, at, 4)
            at += 4
            starts[column, row], sizes[column, row] = at, size
            if size > 0:
                at += size
            column += 1
        if column < columns or at > length:
            break
        position = at
        row += 1
    return starts[:, :row], sizes[:, :row], position, False


@njit(cache=True, nogil=True)
def decode_integers(data: Bytes, starts: Ints, sizes: Ints) -> Ints:
    """Integers of 1, 2, 4 or 8 bytes, or the bits of floating point numbers; 0 for NULL."""
    out = np.zeros(len(starts), np.int64)
    for row in range(len(starts)):
        if sizes[row] > 0:
            out[row] = _read_int(data, starts[row], sizes[row])
    return out


@njit(cache=True, nogil=True)
def gather_bytes(data: Bytes, starts: Ints, sizes: Ints) -> tuple[Any, ...]:
    """Arrow offsets and the bytes of a text or binary column."""
    offsets = np.zeros(len(starts) + 1, np.int32)
    total = 0
    for row in range(len(starts)):
        total += max(sizes[row], 0)
        offsets[row + 1] = total
    out = np.empty(total, np.uint8)
    source, target = data.ctypes.data, out.ctypes.data
    for row in range(len(starts)):
        _copy(target + offsets[row], source + starts[row], offsets[row + 1] - offsets[row])
    return offsets, out


@njit(cache=True, nogil=True)
def _multiply_add(limbs: NDArray[np.uint64], factor: int, addend: int) -> None:
    """Limbs = limbs * factor + addend, in base 2^32, least first."""
    carry = np.uint64(addend)
    for i in range(LIMBS):
        product = limbs[i] * np.uint64(factor) + carry
        limbs[i] = product & np.uint64(0xFFFFFFFF)
        carry = product >> np.uint64(32)


@njit(cache=True, nogil=True)
def _divide_by_ten(limbs: NDArray[np.uint64]) -> None:
    """Limbs = limbs / 10, exact by the type's scale."""
    rest = np.uint64(0)
    for i in range(LIMBS - 1, -1, -1):
        value = (rest << np.uint64(32)) | limbs[i]
        limbs[i] = value // np.uint64(10)
        rest = value % np.uint64(10)


@njit(cache=True, nogil=True)
def decode_numerics(data: Bytes, starts: Ints, sizes: Ints, scale: int) -> NDArray[np.uint64]:
    """Numerics as Arrow decimal128: rows of (low, high) words, two's complement; 0 for NULL."""
    out = np.zeros((len(starts), 2), np.uint64)
    limbs = np.zeros(LIMBS, np.uint64)
    for row in range(len(starts)):
        if sizes[row] < 0:
            continue
        at = starts[row]
        digits, weight = _read_int(data, at, 2), _read_int(data, at + 2, 2)
        limbs[:] = 0
        for i in range(digits):
            _multiply_add(limbs, 10000, _read_int(data, at + 8 + 2 * i, 2))
        exponent = 4 * (weight - digits + 1) + scale if digits > 0 else 0
        for _ in range(exponent):
            _multiply_add(limbs, 10, 0)
        for _ in range(-exponent):
            _divide_by_ten(limbs)
        low = limbs[0] | (limbs[1] << np.uint64(32))
        high = limbs[2] | (limbs[3] << np.uint64(32))
        if _read_int(data, at + 4, 2) == NEGATIVE:
            low = ~low + np.uint64(1)
            high = ~high + np.uint64(1 if low == 0 else 0)
        out[row, 0], out[row, 1] = low, high
    return out
