"""Compiled hashing of values for control totals, equal to the functions of the engines that measure a source.

Enters: values of one column as bytes with offsets. Leaves: per row a number, per column the exact sum of the numbers
in two halves and the rows of the smallest and largest value. Must hold: the numbers are those of PostgreSQL's
`hashtextextended` and `hashint8extended`, of MySQL's `CRC32` and of the first 15 hex digits of MD5 (tests compare
them with the engines). Source: Bob Jenkins, "lookup3.c", public domain; RFC 1321; ISO 3309 (CRC-32).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from migration.lookup3 import MASK, START, Bytes, finish, mix, read_whole_word, read_word, turn

Ints = NDArray[np.int64]
Offsets = NDArray[np.int32]
Codes = NDArray[np.int32]
Bools = NDArray[np.bool_]

SEPARATOR, NULL_OF_ROW, TILDE = 0x1F, 0x1E, 126


@njit(cache=True, nogil=True)
def hash_bytes(data: Bytes, at: int, size: int, seed: int) -> Any:
    """PostgreSQL's `hashtextextended` of `size` bytes from `at`, for a seed of 1 to 2^32 - 1."""
    m = MASK
    a = np.uint64(START + size) & MASK
    b = (a + np.uint64(seed)) & m
    c = a
    a, b, c = mix(a, b, c)
    while size >= 12:
        a = (a + read_whole_word(data, at)) & m
        b = (b + read_whole_word(data, at + 4)) & m
        c = (c + read_whole_word(data, at + 8)) & m
        a, b, c = mix(a, b, c)
        at, size = at + 12, size - 12
    a = (a + (read_whole_word(data, at) if size >= 4 else read_word(data, at, size))) & m
    if size >= 8:
        b = (b + read_whole_word(data, at + 4)) & m
    elif size > 4:
        b = (b + read_word(data, at + 4, size - 4)) & m
    if size > 8:
        c = (c + (read_word(data, at + 8, size - 8) << np.uint64(8))) & m
    return finish(a, b, c)


@njit(cache=True, nogil=True)
def mix_number(value: Any, seed: int) -> Any:
    """PostgreSQL's `hashint8extended` of a 64-bit number (as unsigned), for a seed of 0 to 2^32 - 1."""
    low, high = value & MASK, value >> np.uint64(32)
    if value >> np.uint64(63):
        high = ~high & MASK
    a = np.uint64(START + 4) & MASK
    b, c = (a + np.uint64(seed)) & MASK, a
    if seed:
        a, b, c = mix(a, b, c)
    return finish((a + (low ^ high)) & MASK, b, c)


@njit(cache=True, nogil=True)
def _make_crc_tables() -> NDArray[np.uint64]:
    """The eight tables of "slicing by 8": row `k` is for a byte with `k` more bytes after it."""
    tables = np.zeros((8, 256), np.uint64)
    for n in range(256):
        value = np.uint64(n)
        for _ in range(8):
            odd = value & np.uint64(1)
            value >>= np.uint64(1)
            if odd:
                value ^= np.uint64(0xEDB88320)
        tables[0, n] = value
    for k in range(1, 8):
        for n in range(256):
            before = tables[k - 1, n]
            tables[k, n] = tables[0, before & np.uint64(255)] ^ (before >> np.uint64(8))
    return tables


CRC_TABLES = _make_crc_tables()


@njit(cache=True, nogil=True, inline="always")
def _turn_crc(value: Any, byte: Any) -> Any:
    """The register of a CRC-32 after one more byte."""
    return CRC_TABLES[0, (value ^ np.uint64(byte)) & np.uint64(255)] ^ (value >> np.uint64(8))


@njit(cache=True, nogil=True)
def crc_bytes(data: Bytes, at: int, size: int, before: Any) -> Any:
    """MySQL's `CRC32` of `size` bytes from `at`, or of a text of which `before` is the CRC-32 and they are the rest."""
    value = np.uint64(before) ^ MASK
    b, end = np.uint64(255), at + size
    while at + 8 <= end:
        low, high = value ^ read_whole_word(data, at), read_whole_word(data, at + 4)
        value = CRC_TABLES[7, low & b] ^ CRC_TABLES[6, (low >> np.uint64(8)) & b]
        value ^= CRC_TABLES[5, (low >> np.uint64(16)) & b] ^ CRC_TABLES[4, low >> np.uint64(24)]
        value ^= CRC_TABLES[3, high & b] ^ CRC_TABLES[2, (high >> np.uint64(8)) & b]
        value ^= CRC_TABLES[1, (high >> np.uint64(16)) & b] ^ CRC_TABLES[0, high >> np.uint64(24)]
        at += 8
    for i in range(at, end):
        value = _turn_crc(value, data[i])
    return value ^ MASK


MD5_SHIFTS = np.array([7, 12, 17, 22] * 4 + [5, 9, 14, 20] * 4 + [4, 11, 16, 23] * 4 + [6, 10, 15, 21] * 4, np.int64)
MD5_SINES = np.floor(np.abs(np.sin(np.arange(1, 65, dtype=np.float64))) * 2.0**32).astype(np.uint64)


@njit(cache=True, nogil=True)
def _md5_block(state: NDArray[np.uint64], block: Bytes) -> None:
    m = MASK
    a, b, c, d = state[0], state[1], state[2], state[3]
    for i in range(64):
        if i < 16:
            f, g = (b & c) | (~b & d), i
        elif i < 32:
            f, g = (d & b) | (~d & c), (5 * i + 1) % 16
        elif i < 48:
            f, g = b ^ c ^ d, (3 * i + 5) % 16
        else:
            f, g = c ^ (b | (~d & m)), (7 * i) % 16
        f = (f + a + MD5_SINES[i] + read_whole_word(block, 4 * g)) & m
        a, d, c = d, c, b
        b = (b + turn(f, MD5_SHIFTS[i])) & m
    state[0], state[1] = (state[0] + a) & m, (state[1] + b) & m
    state[2], state[3] = (state[2] + c) & m, (state[3] + d) & m


@njit(cache=True, nogil=True)
def _md5(data: Bytes, at: int, size: int) -> NDArray[np.uint64]:
    """The four words of the MD5 of `size` bytes from `at`."""
    state = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], np.uint64)
    whole = size // 64
    for i in range(whole):
        _md5_block(state, data[at + 64 * i : at + 64 * i + 64])
    rest = size - 64 * whole
    last = np.zeros(64 if rest < 56 else 128, np.uint8)
    last[:rest] = data[at + 64 * whole : at + size]
    last[rest] = 128
    bits = np.uint64(8 * size)
    for i in range(8):
        last[len(last) - 8 + i] = (bits >> np.uint64(8 * i)) & np.uint64(255)
    for i in range(0, len(last), 64):
        _md5_block(state, last[i : i + 64])
    return state


@njit(cache=True, nogil=True)
def md5_number(data: Bytes, at: int, size: int) -> Any:
    """The number that the first 15 hex digits of the MD5 of `size` bytes from `at` write."""
    state = _md5(data, at, size)
    number = np.uint64(0)
    for i in range(8):
        number = (number << np.uint64(8)) | ((state[i // 4] >> np.uint64(8 * (i % 4))) & np.uint64(255))
    return number >> np.uint64(4)


@njit(cache=True, nogil=True, inline="always")
def _is_before(data: Bytes, at: int, size: int, other: int, other_size: int) -> bool:
    """Whether one value's bytes come before another's."""
    for i in range(min(size, other_size)):
        if data[at + i] != data[other + i]:
            return bool(data[at + i] < data[other + i])
    return size < other_size


@njit(cache=True, nogil=True)
def find_ends(data: Bytes, offsets: Offsets, valid: Bools) -> tuple[Any, Any]:
    """Rows of the smallest and the largest value by their bytes; -1 where all are NULL."""
    least, most = -1, -1
    for row in range(len(valid)):
        if not valid[row]:
            continue
        at, size = offsets[row], offsets[row + 1] - offsets[row]
        if least < 0:
            least, most = row, row
        elif _is_before(data, at, size, offsets[least], offsets[least + 1] - offsets[least]):
            least = row
        elif _is_before(data, offsets[most], offsets[most + 1] - offsets[most], at, size):
            most = row
    return least, most


@njit(cache=True, nogil=True)
def hash_lookup3(data: Bytes, offsets: Offsets, valid: Bools, seed: int, rows: NDArray[np.uint64]) -> tuple[Any, Any]:
    """Sum of the column's hashes as (high, low) of 32 bits each, signed as PostgreSQL's; mixes each into `rows`."""
    high, low = np.int64(0), np.int64(0)
    for row in range(len(valid)):
        if valid[row]:
            value = hash_bytes(data, offsets[row], offsets[row + 1] - offsets[row], seed)
            rows[row] ^= value
            high += np.int64(value) >> 32
            low += np.int64(value & MASK)
    return high, low


@njit(cache=True, nogil=True)
def hash_numbers_lookup3(numbers: Ints, valid: Bools, seed: int, rows: NDArray[np.uint64]) -> tuple[Any, Any]:
    """The same of whole numbers."""
    high, low = np.int64(0), np.int64(0)
    for row in range(len(valid)):
        if valid[row]:
            value = mix_number(np.uint64(numbers[row]), seed)
            rows[row] ^= value
            high += np.int64(value) >> 32
            low += np.int64(value & MASK)
    return high, low


@njit(cache=True, nogil=True)
def hash_codes_lookup3(
    data: Bytes, offsets: Offsets, codes: Codes, valid: Bools, seed: int, rows: NDArray[np.uint64]
) -> tuple[Any, ...]:
    """The same of values given by their place in a list of the distinct ones; also which of the list are there."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    used = np.zeros(len(hashes), np.bool_)
    for k in range(len(hashes)):
        hashes[k] = hash_bytes(data, offsets[k], offsets[k + 1] - offsets[k], seed)
    high, low = np.int64(0), np.int64(0)
    for row in range(len(valid)):
        if valid[row]:
            value = hashes[codes[row]]
            used[codes[row]] = True
            rows[row] ^= value
            high += np.int64(value) >> 32
            low += np.int64(value & MASK)
    return (high, low), used


@njit(cache=True, nogil=True)
def finish_lookup3(rows: NDArray[np.uint64]) -> tuple[Any, Any]:
    """Sum of the rows' hashes as (high, low)."""
    high, low = np.int64(0), np.int64(0)
    for row in range(len(rows)):
        value = mix_number(rows[row], 0)
        high += np.int64(value) >> 32
        low += np.int64(value & MASK)
    return high, low


@njit(cache=True, nogil=True)
def hash_crc32(data: Bytes, offsets: Offsets, valid: Bools, place: int, rows: NDArray[np.uint64]) -> Any:
    """Sum of the CRC-32 of a column's values; goes on with those of the `rows`, in which NULL has a mark of its own."""
    total = np.int64(0)
    for row in range(len(valid)):
        whole: Any = rows[row]
        if place > 1:
            whole = _turn_crc(whole ^ MASK, SEPARATOR) ^ MASK
        if valid[row]:
            at, size = offsets[row], offsets[row + 1] - offsets[row]
            total += np.int64(crc_bytes(data, at, size, np.uint64(0)))
            whole = crc_bytes(data, at, size, whole)
        else:
            whole = _turn_crc(whole ^ MASK, NULL_OF_ROW) ^ MASK
        rows[row] = whole
    return total


@njit(cache=True, nogil=True)
def finish_crc32(rows: NDArray[np.uint64]) -> Any:
    """Sum of the CRC-32 of the decimal digits of the CRC-32 of each row's text."""
    total = np.int64(0)
    for row in range(len(rows)):
        unit = np.uint64(1)
        while rows[row] // unit > np.uint64(9):
            unit *= np.uint64(10)
        value = MASK
        while unit > np.uint64(0):
            value = _turn_crc(value, np.uint64(48) + rows[row] // unit % np.uint64(10))
            unit //= np.uint64(10)
        total += np.int64(value ^ MASK)
    return total


@njit(cache=True, nogil=True)
def hash_md5(data: Bytes, offsets: Offsets, valid: Bools) -> tuple[Any, Any]:
    """Sum of the MD5 numbers of a column's values as (high, low) of 32 bits each."""
    high, low = np.int64(0), np.int64(0)
    for row in range(len(valid)):
        if valid[row]:
            value = md5_number(data, offsets[row], offsets[row + 1] - offsets[row])
            high += np.int64(value >> np.uint64(32))
            low += np.int64(value & MASK)
    return high, low


@njit(cache=True, nogil=True)
def write_numbers(numbers: Ints, valid: Bools, scale: int) -> tuple[Any, ...]:
    """Whole numbers as decimal text with `scale` digits after the point: offsets and bytes."""
    offsets = np.zeros(len(numbers) + 1, np.int32)
    out = np.empty(len(numbers) * 24, np.uint8)
    digits = np.empty(24, np.uint8)
    at = 0
    for row in range(len(numbers)):
        if valid[row]:
            if numbers[row] < 0:
                out[at] = 45
                at += 1
            rest = np.uint64(numbers[row]) if numbers[row] >= 0 else np.uint64(0) - np.uint64(numbers[row])
            count = 0
            while rest > 0 or count <= scale:
                digits[count] = 48 + rest % np.uint64(10)
                rest //= np.uint64(10)
                count += 1
            for left in range(count, 0, -1):
                if left == scale:
                    out[at] = 46
                    at += 1
                out[at] = digits[left - 1]
                at += 1
        offsets[row + 1] = at
    return offsets, out[:at]


@njit(cache=True, nogil=True)
def write_hex(data: Bytes, offsets: Offsets) -> tuple[Any, ...]:
    """Bytes as upper-case hex digits: offsets and bytes."""
    out = np.empty(2 * (offsets[-1] - offsets[0]), np.uint8)
    for i in range(offsets[0], offsets[-1]):
        for half in range(2):
            digit = data[i] >> 4 if half == 0 else data[i] & 15
            out[2 * (i - offsets[0]) + half] = digit + (48 if digit < 10 else 55)
    return (offsets - offsets[0]) * np.int32(2), out


@njit(cache=True, nogil=True, inline="always")
def _count_digits(number: int) -> int:
    count = 1
    while number >= 10:
        number //= 10
        count += 1
    return count


@njit(cache=True, nogil=True)
def measure_values(offsets: Offsets, valid: Bools) -> Ints:
    """Bytes that each value of a column takes in the text of its row."""
    sizes = np.ones(len(valid), np.int64)
    for row in range(len(valid)):
        if valid[row]:
            size = offsets[row + 1] - offsets[row]
            sizes[row] = size + 1 + _count_digits(size)
    return sizes


@njit(cache=True, nogil=True)
def append_values(out: Bytes, ends: Ints, data: Bytes, offsets: Offsets, valid: Bools) -> None:
    """Put the values of a column at the end of the texts of their rows: `12:value`, `~` for NULL."""
    for row in range(len(valid)):
        at, size = ends[row], offsets[row + 1] - offsets[row]
        if valid[row]:
            digits = _count_digits(size)
            rest = size
            for i in range(digits - 1, -1, -1):
                out[at + i] = 48 + rest % 10
                rest //= 10
            out[at + digits] = 58
            at += digits + 1
            out[at : at + size] = data[offsets[row] : offsets[row + 1]]
            ends[row] = at + size
        else:
            out[at] = TILDE
            ends[row] = at + 1
