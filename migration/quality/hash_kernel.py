"""PostgreSQL's own hash functions, compiled, for columns of values that lie outside PostgreSQL.

Enters: one column as numbers, or as bytes with offsets; which rows have a value; a 64-bit seed per row. Leaves: a
64-bit hash per row, and exact sums of hashes by group. Must hold: the hashes are those of `hashtextextended`,
`hashint8extended`, `hashint4extended` and `hashfloat8extended` for the same seed (tests compare them with a server).
Source: Bob Jenkins, "lookup3.c", public domain, as PostgreSQL seeds it.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Bools = NDArray[np.bool_]

MASK = np.uint64(0xFFFFFFFF)
START = 0x9E3779B9 + 3923095
"""What the three words of the hash begin with, before the length is added."""
NOT_A_NUMBER = np.uint64(0x7FF8000000000000)


@njit(cache=True, nogil=True, inline="always")
def _turn(x: Any, bits: int) -> Any:
    return ((x << np.uint64(bits)) | (x >> np.uint64(32 - bits))) & MASK


@njit(cache=True, nogil=True, inline="always")
def _mix(a: Any, b: Any, c: Any) -> Any:
    a = ((a - c) & MASK) ^ _turn(c, 4)
    c = (c + b) & MASK
    b = ((b - a) & MASK) ^ _turn(a, 6)
    a = (a + c) & MASK
    c = ((c - b) & MASK) ^ _turn(b, 8)
    b = (b + a) & MASK
    a = ((a - c) & MASK) ^ _turn(c, 16)
    c = (c + b) & MASK
    b = ((b - a) & MASK) ^ _turn(a, 19)
    a = (a + c) & MASK
    c = ((c - b) & MASK) ^ _turn(b, 4)
    b = (b + a) & MASK
    return a, b, c


@njit(cache=True, nogil=True, inline="always")
def _finish(a: Any, b: Any, c: Any) -> Any:
    c = ((c ^ b) - _turn(b, 14)) & MASK
    a = ((a ^ c) - _turn(c, 11)) & MASK
    b = ((b ^ a) - _turn(a, 25)) & MASK
    c = ((c ^ b) - _turn(b, 16)) & MASK
    a = ((a ^ c) - _turn(c, 4)) & MASK
    b = ((b ^ a) - _turn(a, 14)) & MASK
    c = ((c ^ b) - _turn(b, 24)) & MASK
    return (b << np.uint64(32)) | c


@njit(cache=True, nogil=True, inline="always")
def _begin(size: int, seed: Any) -> Any:
    """The three words before the first byte; a seed of 0 is no seed."""
    a = np.uint64(START + size) & MASK
    b, c = a, a
    if seed != np.uint64(0):
        a = (a + (seed >> np.uint64(32))) & MASK
        b = (b + (seed & MASK)) & MASK
        a, b, c = _mix(a, b, c)
    return a, b, c


@njit(cache=True, nogil=True, inline="always")
def _read_word(data: Bytes, at: int, size: int) -> Any:
    """Up to four bytes as a number, the first one lowest."""
    word = np.uint64(0)
    for i in range(min(size, 4)):
        word |= np.uint64(data[at + i]) << np.uint64(8 * i)
    return word


@njit(cache=True, nogil=True, inline="always")
def _read_whole_word(data: Bytes, at: int) -> Any:
    low = np.uint64(data[at]) | np.uint64(data[at + 1]) << np.uint64(8)
    return low | np.uint64(data[at + 2]) << np.uint64(16) | np.uint64(data[at + 3]) << np.uint64(24)


@njit(cache=True, nogil=True)
def _hash_bytes(data: Bytes, at: int, size: int, seed: Any) -> Any:
    a, b, c = _begin(size, seed)
    while size >= 12:
        a = (a + _read_whole_word(data, at)) & MASK
        b = (b + _read_whole_word(data, at + 4)) & MASK
        c = (c + _read_whole_word(data, at + 8)) & MASK
        a, b, c = _mix(a, b, c)
        at, size = at + 12, size - 12
    a = (a + _read_word(data, at, size)) & MASK
    if size > 4:
        b = (b + _read_word(data, at + 4, size - 4)) & MASK
    if size > 8:
        c = (c + (_read_word(data, at + 8, size - 8) << np.uint64(8))) & MASK
    return _finish(a, b, c)


@njit(cache=True, nogil=True, inline="always")
def _hash_word(word: Any, seed: Any) -> Any:
    a, b, c = _begin(4, seed)
    return _finish((a + word) & MASK, b, c)


@njit(cache=True, nogil=True)
def hash_texts(data: Bytes, offsets: Ints, valid: Bools, seeds: Hashes, out: Hashes) -> None:
    """`hashtextextended` of each value; rows without a value keep what `out` holds."""
    for row in range(len(valid)):
        if valid[row]:
            out[row] = _hash_bytes(data, offsets[row], offsets[row + 1] - offsets[row], seeds[row])


@njit(cache=True, nogil=True)
def hash_long_numbers(values: Ints, valid: Bools, seeds: Hashes, out: Hashes) -> None:
    """`hashint8extended` of each value (times: microseconds since 2000, as `timestamp_hash_extended`)."""
    for row in range(len(valid)):
        if valid[row]:
            value = np.uint64(values[row])
            high = value >> np.uint64(32)
            if values[row] < 0:
                high = ~high & MASK
            out[row] = _hash_word((value & MASK) ^ high, seeds[row])


@njit(cache=True, nogil=True)
def hash_short_numbers(values: Ints, valid: Bools, seeds: Hashes, out: Hashes) -> None:
    """`hashint4extended` of each value."""
    for row in range(len(valid)):
        if valid[row]:
            out[row] = _hash_word(np.uint64(values[row]) & MASK, seeds[row])


@njit(cache=True, nogil=True)
def hash_doubles(values: NDArray[np.float64], bits: Hashes, valid: Bools, seeds: Hashes, out: Hashes) -> None:
    """`hashfloat8extended` of each value; `bits` are the values as 64-bit words."""
    for row in range(len(valid)):
        if not valid[row]:
            continue
        if values[row] == 0.0:
            out[row] = seeds[row]
            continue
        word = NOT_A_NUMBER if np.isnan(values[row]) else bits[row]
        a, b, c = _begin(8, seeds[row])
        a = (a + (word & MASK)) & MASK
        b = (b + (word >> np.uint64(32))) & MASK
        out[row] = _finish(a, b, c)


@njit(cache=True, nogil=True)
def add_by_group(hashes: Hashes, valid: Bools, groups: Ints, sums: Ints) -> None:
    """Add hashes, read as signed, to `sums` (groups × non-null, high and low half: halves cannot overflow)."""
    for row in range(len(valid)):
        if valid[row]:
            group = groups[row]
            sums[group, 0] += 1
            sums[group, 1] += np.int64(hashes[row]) >> 32
            sums[group, 2] += np.int64(hashes[row] & MASK)
