"""The hash of a record's values (`row_hash`), compiled, over whole Arrow columns.

Enters: columns by name. Leaves: 32 hex characters a row. Must hold: equal values give equal hashes in whatever order
the columns come and however they are encoded; a value counts under its column's name; NULL differs from empty text.
Refuses: nothing; a type that is neither text nor a number of eight bytes counts as its text.

A value's hash is two XXH64 of its bytes (text as UTF-8; else the eight bytes of a number, of days since 1970, of
microseconds since 1970 in UTC, of a truth), with two seeds made from the column's name; NULL has two numbers of its
own, made from the name too. A row's hash is the two sums modulo 2^64. It shows a change and proves nothing to a forger.
A column that Arrow holds as a dictionary is hashed once a distinct value.
Source: Yann Collet, "xxHash fast digest algorithm", XXH64, version 0.1.1.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]

HEX_SIZE = 32
P1, P2, P3, P4, P5 = (
    np.uint64(p)
    for p in (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
)
ALL_VALID: Bools = np.ones(0, np.bool_)
"""Stands for the validity of a column without NULL."""
DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8).copy()


def _make_read_eight(_context: Any, data: Any, at: Any) -> Any:  # noqa: ARG001 numba gives it the types
    """Eight bytes from a place as a number, the first one lowest, wherever they begin."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, types.int64), generate


_read_eight: Any = intrinsic(_make_read_eight)


@njit(cache=True, nogil=True, inline="always")
def _turn(x: Any, bits: int) -> Any:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@njit(cache=True, nogil=True, inline="always")
def _round(held: Any, word: Any) -> Any:
    return _turn(held + word * P2, 31) * P1


@njit(cache=True, nogil=True, inline="always")
def _finish(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(33))) * P2
    x = (x ^ (x >> np.uint64(29))) * P3
    return x ^ (x >> np.uint64(32))


@njit(cache=True, nogil=True)
def _begin_long(data: Bytes, at: int, size: int, seed: Any) -> Any:
    """What the stripes of 32 bytes come to."""
    a, b, c, d = seed + P1 + P2, seed + P2, seed, seed - P1
    for place in range(at, at + size - 31, 32):
        a = _round(a, _read_eight(data, place))
        b = _round(b, _read_eight(data, place + 8))
        c = _round(c, _read_eight(data, place + 16))
        d = _round(d, _read_eight(data, place + 24))
    whole = _turn(a, 1) + _turn(b, 7) + _turn(c, 12) + _turn(d, 18)
    for part in (a, b, c, d):
        whole = (whole ^ _round(np.uint64(0), part)) * P1 + P4
    return whole


@njit(cache=True, nogil=True)
def xxh64(data: Bytes, at: int, size: int, seed: Any) -> Any:
    """XXH64 of `size` bytes from the place `at`."""
    held = _begin_long(data, at, size, seed) if size >= 32 else seed + P5
    held += np.uint64(size)
    end = at + size
    at += size & ~31
    while at + 8 <= end:
        held = _turn(held ^ _round(np.uint64(0), _read_eight(data, at)), 27) * P1 + P4
        at += 8
    if at + 4 <= end:
        word = np.uint64(0)
        for i in range(4):
            word |= np.uint64(data[at + i]) << np.uint64(8 * i)
        held = _turn(held ^ (word * P1), 23) * P2 + P3
        at += 4
    while at < end:
        held = _turn(held ^ (np.uint64(data[at]) * P5), 11) * P1
        at += 1
    return _finish(held)


@njit(cache=True, nogil=True, inline="always")
def _hash_word(word: Any, seed: Any) -> Any:
    """XXH64 of eight bytes."""
    return _finish(_turn((seed + P5 + np.uint64(8)) ^ _round(np.uint64(0), word), 27) * P1 + P4)


@njit(cache=True, nogil=True)
def _add_texts(data: Bytes, offsets: Ints, valid: Bools, seeds: Words, sums: Words) -> None:
    for row in range(len(offsets) - 1):
        if len(valid) and not valid[row]:
            sums[0, row] += seeds[2]
            sums[1, row] += seeds[3]
        else:
            at, size = offsets[row], offsets[row + 1] - offsets[row]
            sums[0, row] += xxh64(data, at, size, seeds[0])
            sums[1, row] += xxh64(data, at, size, seeds[1])


@njit(cache=True, nogil=True)
def _add_words(words: Words, valid: Bools, seeds: Words, sums: Words) -> None:
    for row in range(len(words)):
        if len(valid) and not valid[row]:
            sums[0, row] += seeds[2]
            sums[1, row] += seeds[3]
        else:
            sums[0, row] += _hash_word(words[row], seeds[0])
            sums[1, row] += _hash_word(words[row], seeds[1])


@njit(cache=True, nogil=True)
def _add_chosen(codes: Ints, valid: Bools, hashes: Words, seeds: Words, sums: Words) -> None:
    for row in range(len(codes)):
        if len(valid) and not valid[row]:
            sums[0, row] += seeds[2]
            sums[1, row] += seeds[3]
        else:
            sums[0, row] += hashes[0, codes[row]]
            sums[1, row] += hashes[1, codes[row]]


@njit(cache=True, nogil=True)
def _write_hex(sums: Words, digits: Bytes, out: Bytes) -> None:
    for row in range(sums.shape[1]):
        for lane in range(2):
            word = sums[lane, row]
            for place in range(16):
                out[row * 32 + lane * 16 + place] = digits[(word >> np.uint64(60 - 4 * place)) & np.uint64(15)]


@lru_cache(maxsize=1024)
def _seeds(column: str) -> Words:
    """Two seeds and the two hashes of NULL."""
    return np.frombuffer(hashlib.sha256(column.encode()).digest(), np.uint64).copy()


def add_column(column: str, values: pa.Array, sums: Words) -> None:
    """Add a column's hashes to the sums of the rows.

    Args:
        values: the column, all in one chunk.
        sums: 64-bit numbers of two lanes a row.
    """
    seeds = _seeds(column)
    if pa.types.is_dictionary(values.type):
        hashes = np.zeros((2, max(1, len(values.dictionary))), np.uint64)
        add_column(column, values.dictionary, hashes[:, : len(values.dictionary)])
        codes = np.asarray(values.indices.fill_null(0) if values.null_count else values.indices, np.int32)
        _add_chosen(codes, _valid(values), hashes, seeds, sums)
        return
    words = _words(values)
    if words is not None:
        _add_words(words, _valid(values), seeds, sums)
        return
    texts = values if pa.types.is_string(values.type) else values.cast(pa.string())
    _valid_bits, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1] if len(texts) else None
    if places is not None:
        held = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
        _add_texts(held, places, _valid(texts), seeds, sums)


def _valid(values: pa.Array) -> Bools:
    return np.asarray(values.is_valid(), np.bool_) if values.null_count else ALL_VALID


def _words(values: pa.Array) -> Words | None:
    """A column of numbers, days, times or truths as words of eight bytes; None where it is none of these."""
    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    elif pa.types.is_date32(kind):
        values = values.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us", kind.tz)).cast(pa.int64())
    elif pa.types.is_floating(kind):
        plain = pc.add(values.cast(pa.float64()), 0.0)  # makes -0 the 0 it equals
        return np.asarray(plain.fill_null(0) if plain.null_count else plain, np.float64).view(np.uint64)
    elif not pa.types.is_signed_integer(kind):
        return None
    numbers = values.fill_null(0) if values.null_count else values
    return np.asarray(numbers).astype(np.int64, copy=False).view(np.uint64)


def row_sums(columns: Mapping[str, pa.Array], rows: int) -> Words:
    """The two sums of each row, as an array of two lanes by `rows`."""
    sums = np.zeros((2, rows), np.uint64)
    for column, values in columns.items():
        add_column(column, values, sums)
    return sums


def row_hashes(columns: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """The row hashes of `rows` rows as text, from columns that are each in one chunk."""
    out = np.empty(rows * HEX_SIZE, np.uint8)
    _write_hex(row_sums(columns, rows), DIGITS, out)
    return fixed_texts(out, HEX_SIZE)


def hash_table(table: pa.Table, columns: Sequence[str]) -> pa.Array:
    """The row hashes of a table over some of its columns."""
    return row_hashes({c: pa.concat_arrays(table.column(c).chunks) for c in columns}, table.num_rows)


def fixed_texts(data: Bytes, size: int) -> pa.Array:
    """Texts of one size, laid end to end, as an Arrow column."""
    offsets = np.arange(0, len(data) + 1, size, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
