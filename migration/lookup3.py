"""The mixing steps of Bob Jenkins's lookup3, compiled, as PostgreSQL's hash functions use them.

Enters: three 32-bit words in 64-bit numbers, or bytes. Leaves: the words mixed, the 64-bit hash, words of bytes. Must
hold: hashes built of these are the server's own (`extract/totals_kernel.py` and `quality/hash_kernel.py` build them,
with the seeds each needs; their tests compare with a server).
Source: Bob Jenkins, "lookup3.c", public domain; PostgreSQL, src/common/hashfn.c.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

MASK = np.uint64(0xFFFFFFFF)
START = 0x9E3779B9 + 3923095
"""What the three words of a hash begin with in PostgreSQL, before the length is added."""


@njit(cache=True, nogil=True, inline="always")
def turn(x: Any, bits: int) -> Any:
    """A 32-bit word rotated to the left."""
    return ((x << np.uint64(bits)) | (x >> np.uint64(32 - bits))) & MASK


@njit(cache=True, nogil=True, inline="always")
def mix(a: Any, b: Any, c: Any) -> Any:
    """The three words after twelve bytes were added to them."""
    a = ((a - c) & MASK) ^ turn(c, 4)
    c = (c + b) & MASK
    b = ((b - a) & MASK) ^ turn(a, 6)
    a = (a + c) & MASK
    c = ((c - b) & MASK) ^ turn(b, 8)
    b = (b + a) & MASK
    a = ((a - c) & MASK) ^ turn(c, 16)
    c = (c + b) & MASK
    b = ((b - a) & MASK) ^ turn(a, 19)
    a = (a + c) & MASK
    c = ((c - b) & MASK) ^ turn(b, 4)
    b = (b + a) & MASK
    return a, b, c


@njit(cache=True, nogil=True, inline="always")
def finish(a: Any, b: Any, c: Any) -> Any:
    """The 64-bit hash: the last two words."""
    c = ((c ^ b) - turn(b, 14)) & MASK
    a = ((a ^ c) - turn(c, 11)) & MASK
    b = ((b ^ a) - turn(a, 25)) & MASK
    c = ((c ^ b) - turn(b, 16)) & MASK
    a = ((a ^ c) - turn(c, 4)) & MASK
    b = ((b ^ a) - turn(a, 14)) & MASK
    c = ((c ^ b) - turn(b, 24)) & MASK
    return (b << np.uint64(32)) | c


@njit(cache=True, nogil=True, inline="always")
def read_word(data: Bytes, at: int, size: int) -> Any:
    """Up to four bytes as a number, the first one lowest."""
    word = np.uint64(0)
    for i in range(min(size, 4)):
        word |= np.uint64(data[at + i]) << np.uint64(8 * i)
    return word


def _load_word(_context: Any, _address: Any) -> Any:
    """Four bytes at an address, which need not be a multiple of four."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load(builder.inttoptr(arguments[0], ir.IntType(32).as_pointer()), align=1)

    return types.uint32(types.intp), generate


_word_at: Any = intrinsic(_load_word)  # typed by its signature, called by compiled code only


@njit(cache=True, nogil=True, inline="always")
def read_whole_word(data: Bytes, at: int) -> Any:
    """Four bytes as a number, the first one lowest (the machine's own order, as everywhere here)."""
    return np.uint64(_word_at(data.ctypes.data + at))
