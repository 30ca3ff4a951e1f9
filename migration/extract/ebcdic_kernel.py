"""Compiled parts of the mainframe reader: record descriptor words, and numbers as text.

Enters: bytes of a piece of a file. Leaves: positions of records, and per numeric field its canonical text. Must
hold: a number is exact; bytes that are no number of their picture are given as hexadecimal (`x'4040'`), never
guessed. Source: IBM z/Architecture Principles of Operation, decimal formats; DFSMS, record descriptor word.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

PACKED, ZONED, BINARY = 0, 1, 2
RDW_BIG, RDW_LITTLE = 0, 1
"""Length in the first two bytes, big-endian, with the word itself; or in the last two, little-endian, without it."""
RDW_BYTES = 4
MOST_DIGITS = 40
PLUS, MINUS = 0x4E, 0x60
ZERO, POINT, DASH, QUOTE_MARK, LETTER_X = 48, 46, 45, 39, 120


@njit(cache=True)
def scan_rdw(data: Bytes, kind: int, max_records: int) -> tuple[Any, ...]:
    """Starts and ends of complete records (without their words), bytes consumed, and whether a word is impossible."""
    starts = np.empty(max_records, np.int64)
    ends = np.empty(max_records, np.int64)
    position, records, size = 0, 0, len(data)
    while position + RDW_BYTES <= size:
        if kind == RDW_BIG:
            length = (np.int64(data[position]) << 8 | np.int64(data[position + 1])) - RDW_BYTES
            filler = np.int64(data[position + 2]) + np.int64(data[position + 3])
        else:
            length = np.int64(data[position + 3]) << 8 | np.int64(data[position + 2])
            filler = np.int64(data[position]) + np.int64(data[position + 1])
        if length <= 0 or filler != 0:
            return starts[:records], ends[:records], position, True
        if position + RDW_BYTES + length > size:
            break
        starts[records] = position + RDW_BYTES
        ends[records] = position + RDW_BYTES + length
        position = ends[records]
        records += 1
    return starts[:records], ends[:records], position, False


@njit(cache=True)
def _read_packed(data: Bytes, at: int, size: int, digits: Bytes) -> Any:
    """Digits of a packed number into `digits`; returns how many (-1: none) and whether it is negative."""
    count = 0
    for i in range(size):
        high, low = data[at + i] >> 4, data[at + i] & 15
        if high > 9 or (i < size - 1 and low > 9):
            return -1, False
        digits[count] = high
        count += 1
        if i < size - 1:
            digits[count] = low
            count += 1
    sign = data[at + size - 1] & 15
    return (count, sign in (11, 13)) if sign > 9 else (-1, False)


@njit(cache=True)
def _read_zoned(
    data: Bytes, at: int, size: int, digits: Bytes, is_signed: bool, is_leading: bool, is_separate: bool
) -> Any:
    """Digits of a zoned number, its sign in a zone (overpunch) or in a byte of its own."""
    sign_at = at if is_leading else at + size - 1
    count = 0
    is_negative = False
    for i in range(at, at + size):
        if is_separate and i == sign_at:
            if data[i] not in (PLUS, MINUS):
                return -1, False
            is_negative = data[i] == MINUS
            continue
        zone, digit = data[i] >> 4, data[i] & 15
        if digit > 9 or zone < 10 or (zone != 15 and not (is_signed and i == sign_at)):
            return -1, False
        if i == sign_at and not is_separate:
            is_negative = zone in (11, 13)
        digits[count] = digit
        count += 1
    return count, is_negative


@njit(cache=True)
def _read_binary(data: Bytes, at: int, size: int, digits: Bytes, is_signed: bool) -> Any:
    """Digits of a big-endian binary number."""
    value = np.uint64(0)
    for i in range(size):
        value = (value << np.uint64(8)) | np.uint64(data[at + i])
    is_negative = is_signed and data[at] > 127
    if is_negative:
        value = ~value + np.uint64(1)
        if size < 8:
            value &= (np.uint64(1) << np.uint64(8 * size)) - np.uint64(1)
    count = 20
    for i in range(count - 1, -1, -1):
        digits[i] = value % np.uint64(10)
        value //= np.uint64(10)
    return count, is_negative


@njit(cache=True)
def _write_number(digits: Bytes, count: int, scale: int, is_negative: bool, out: Bytes, at: int) -> int:
    """Write digits without leading zeros, with sign and point; returns the position after them."""
    first = 0
    while first < count - scale - 1 and digits[first] == 0:
        first += 1
    is_zero = True
    for i in range(first, count):
        is_zero = is_zero and digits[i] == 0
    if is_negative and not is_zero:
        out[at] = DASH
        at += 1
    if count == scale:
        out[at] = ZERO
        at += 1
    for i in range(first, count):
        if i == count - scale:
            out[at] = POINT
            at += 1
        out[at] = ZERO + digits[i]
        at += 1
    return at


@njit(cache=True)
def _hex_digit(nibble: int) -> int:
    return ZERO + nibble if nibble < 10 else ZERO + 7 + nibble


@njit(cache=True)
def _write_hex(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """Write bytes as `x'...'`; returns the position after them."""
    out[at], out[at + 1] = LETTER_X, QUOTE_MARK
    at += 2
    for i in range(begin, end):
        out[at], out[at + 1] = _hex_digit(data[i] >> 4), _hex_digit(data[i] & 15)
        at += 2
    out[at] = QUOTE_MARK
    return at + 1


@njit(cache=True)
def write_numbers(
    data: Bytes,
    starts: Ints,
    valid: NDArray[np.bool_],
    size: int,
    storage: int,
    scale: int,
    signs: tuple[bool, bool, bool],
) -> tuple[Any, ...]:
    """Arrow offsets and text of a numeric field in each record; `signs`: is signed, leading, separate."""
    rows = len(starts)
    offsets = np.zeros(rows + 1, np.int32)
    out = np.empty(rows * (max(2 * size, 20) + 4), np.uint8)
    digits = np.zeros(MOST_DIGITS, np.uint8)
    at = 0
    for row in range(rows):
        if valid[row]:
            begin = starts[row]
            if storage == PACKED:
                count, is_negative = _read_packed(data, begin, size, digits)
            elif storage == ZONED:
                count, is_negative = _read_zoned(data, begin, size, digits, signs[0], signs[1], signs[2])
            else:
                count, is_negative = _read_binary(data, begin, size, digits, signs[0])
            if count < 0:
                at = _write_hex(data, begin, begin + size, out, at)
            else:
                at = _write_number(digits, count, scale, is_negative, out, at)
        offsets[row + 1] = at
    return offsets, out[:at]
