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

from migration.lookup3 import MASK, START, Bytes, finish, mix, read_whole_word, read_word

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Bools = NDArray[np.bool_]

NOT_A_NUMBER = np.uint64(0x7FF8000000000000)


@njit(cache=True, nogil=True, inline="always")
def _begin(size: int, seed: Any) -> Any:
    """The three words before the first byte; a seed of 0 is no seed."""
    a = np.uint64(START + size) & MASK
    b, c = a, a
    if seed != np.uint64(0):
        a = (a + (seed >> np.uint64(32))) & MASK
        b = (b + (seed & MASK)) & MASK
        a, b, c = mix(a, b, c)
    return a, b, c


@njit(cache=True, nogil=True)
def _hash_bytes(data: Bytes, at: int, size: int, seed: Any) -> Any:
    a, b, c = _begin(size, seed)
    while size >= 12:
        a = (a + read_whole_word(data, at)) & MASK
        b = (b + read_whole_word(data, at + 4)) & MASK
        c = (c + read_whole_word(data, at + 8)) & MASK
        a, b, c = mix(a, b, c)
        at, size = at + 12, size - 12
    a = (a + read_word(data, at, size)) & MASK
    if size > 4:
        b = (b + read_word(data, at + 4, size - 4)) & MASK
    if size > 8:
        c = (c + (read_word(data, at + 8, size - 8) << np.uint64(8))) & MASK
    return finish(a, b, c)


@njit(cache=True, nogil=True, inline="always")
def _hash_word(word: Any, seed: Any) -> Any:
    a, b, c = _begin(4, seed)
    return finish((a + word) & MASK, b, c)


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
        out[row] = finish(a, b, c)


@njit(cache=True, nogil=True)
def add_by_group(hashes: Hashes, valid: Bools, groups: Ints, sums: Ints) -> None:
    """Add hashes, read as signed, to `sums` (groups × non-null, high and low half: halves cannot overflow)."""
    for row in range(len(valid)):
        if valid[row]:
            group = groups[row]
            sums[group, 0] += 1
            sums[group, 1] += np.int64(hashes[row]) >> 32
            sums[group, 2] += np.int64(hashes[row] & MASK)
