"""Compiled parts of the delimited reader: finding records and fields in bytes, and gathering a column's bytes.

Enters: the bytes of a piece of a file and the marks of its dialect. Leaves: positions of records and fields, and
per column the bytes, offsets and nulls that an Arrow array is made of. Must hold: every byte of the piece belongs
to exactly one record (or to the unfinished tail), and no byte of a field is altered other than undoubling quotes,
removing escapes and decoding by table. Refuses nothing: judging a record is the reader's work; this module only
sets flags.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

TEXT_AFTER_QUOTE = 1
OPEN_QUOTE = 2
UNDECODABLE = 4

QUOTED = 1
HAS_QUOTE_PAIR = 2
HAS_ESCAPE = 4

NO_MARK = -1
LINE_FEED = 10
CARRIAGE_RETURN = 13


@njit(cache=True)
def _matches(data: Bytes, at: int, mark: Bytes) -> bool:
    """Whether `mark` stands at position `at`."""
    if at + len(mark) > len(data):
        return False
    for i in range(len(mark)):  # noqa: SIM110 (compiled: a plain loop)
        if data[at + i] != mark[i]:
            return False
    return True


@njit(cache=True)
def _skip_quoted(data: Bytes, position: int, quote: int, escape: int) -> tuple[int, int, int]:
    """Where the quote that closes a field stands (the end of the data where none does), its marks, its line feeds."""
    marks, lines, size = QUOTED, 0, len(data)
    while position < size:
        byte = data[position]
        if byte == escape and escape != quote:
            marks |= HAS_ESCAPE
            position += 1
            if position < size and data[position] == LINE_FEED:
                lines += 1
        elif byte == quote:
            if position + 1 == size or data[position + 1] != quote:
                return position, marks, lines
            marks |= HAS_QUOTE_PAIR
            position += 1
        elif byte == LINE_FEED:
            lines += 1
        position += 1
    return size, marks, lines


@njit(cache=True)
def _skip_after_quote(data: Bytes, position: int, separator: Bytes) -> tuple[int, bool]:
    """Where a field ends whose quote is closed, and whether text other than a line end stands before that."""
    has_text, size = False, len(data)
    while position < size:
        byte = data[position]
        if byte == LINE_FEED or (byte == separator[0] and _matches(data, position, separator)):
            return position, has_text
        if byte != CARRIAGE_RETURN or (position + 1 < size and data[position + 1] != LINE_FEED):
            has_text = True
        position += 1
    return size, has_text


@njit(cache=True)
def _skip_plain(data: Bytes, position: int, separator: Bytes, escape: int) -> tuple[int, int, int]:
    """Where a field without quotes ends (separator, line feed or end of the data), its marks, its line feeds."""
    marks, lines, size = 0, 0, len(data)
    while position < size:
        byte = data[position]
        if byte == LINE_FEED or (byte == separator[0] and _matches(data, position, separator)):
            return position, marks, lines
        if byte == escape and position + 1 < size:
            marks |= HAS_ESCAPE
            position += 1
            if data[position] == LINE_FEED:
                lines += 1
        position += 1
    return size, marks, lines


@njit(cache=True)
def _skip_field(
    data: Bytes, begin: int, separator: Bytes, quote: int, escape: int
) -> tuple[int, int, int, int, int, int]:
    """One field: where its text begins and ends, its marks, where it stops, its line feeds, its record's flags."""
    size = len(data)
    if begin < size and data[begin] == quote:
        end, marks, lines = _skip_quoted(data, begin + 1, quote, escape)
        stop, has_text = _skip_after_quote(data, min(end + 1, size), separator)
        flags = (TEXT_AFTER_QUOTE if has_text else 0) | (OPEN_QUOTE if end == size else 0)
        return begin + 1, end, marks, stop, lines, flags
    stop, marks, lines = _skip_plain(data, begin, separator, escape)
    end = stop
    if (stop == size or data[stop] == LINE_FEED) and end > begin and data[end - 1] == CARRIAGE_RETURN:
        end -= 1
    return begin, end, marks, stop, lines, 0


@njit(cache=True)
def find_fields(
    data: Bytes, separator: Bytes, quote: int, escape: int, is_last: bool, max_fields: int, max_records: int
) -> tuple[Any, ...]:
    """Positions of the complete records and fields of a piece.

    Args:
        quote, escape: the byte, or `NO_MARK`.
        is_last: the piece ends the file: an unterminated last record is complete.
        max_fields, max_records: room to reserve; at least the separators plus the line feeds, plus one.

    Returns:
        records (rows: starts, ends after the line end, line feeds before), index of each record's first field (one
        more than records), flags per record, fields (rows: starts, ends), flags per field, bytes consumed, line feeds
        consumed.
    """
    record_at = np.empty((3, max_records), np.int64)
    first_field = np.zeros(max_records + 1, np.int64)
    record_flags = np.zeros(max_records, np.uint8)
    field_at = np.empty((2, max_fields), np.int64)
    field_flags = np.zeros(max_fields, np.uint8)
    records, fields, lines, lines_at_start, start, position, size = 0, 0, 0, 0, 0, 0, len(data)
    while start < size:
        begin, end, marks, position, inner, flags = _skip_field(data, position, separator, quote, escape)
        if position == size and not is_last:
            break
        lines += inner
        field_at[0, fields], field_at[1, fields], field_flags[fields] = begin, end, marks
        record_flags[records] |= flags
        fields += 1
        if position < size and data[position] != LINE_FEED:
            position += len(separator)
            continue
        lines += position < size
        position = min(position + 1, size)
        record_at[0, records], record_at[1, records], record_at[2, records] = start, position, lines_at_start
        records += 1
        first_field[records], start, lines_at_start = fields, position, lines
    return (
        record_at[:, :records],
        first_field[: records + 1],
        record_flags[:records],
        field_at[:, : first_field[records]],
        field_flags[: first_field[records]],
        start,
        lines_at_start,
    )


@njit(cache=True)
def flag_undecodable(data: Bytes, starts: Ints, ends: Ints, widths: Bytes, flags: Bytes) -> None:
    """Set `UNDECODABLE` on the records that hold a byte whose decoded width is 0."""
    for record in range(len(starts)):
        for position in range(starts[record], ends[record]):
            if widths[data[position]] == 0:
                flags[record] |= UNDECODABLE
                break


@njit(cache=True)
def gather_column(
    data: Bytes,
    starts: Ints,
    ends: Ints,
    flags: Bytes,
    quote: int,
    escape: int,
    null_token: Bytes,
    widths: Bytes,
    images: NDArray[np.uint8],
) -> tuple[Any, ...]:
    """Offsets, UTF-8 bytes and validity of one column.

    Args:
        starts, ends, flags: the column's field in each record.
        null_token: bytes of an unquoted field that stands for NULL.
        widths: UTF-8 width of each byte value; all 1 leaves the bytes as they are (UTF-8, ASCII).
        images: UTF-8 image of each byte value, shape (256, 4).
    """
    rows = len(starts)
    offsets = np.zeros(rows + 1, np.int32)
    valid = np.ones(rows, np.bool_)
    total = 0
    for row in range(rows):
        size = ends[row] - starts[row]
        if flags[row] & QUOTED == 0 and size == len(null_token) and _matches(data, starts[row], null_token):
            valid[row] = False
        else:
            position = starts[row]
            while position < ends[row]:
                byte = data[position]
                skips_quote = flags[row] & HAS_QUOTE_PAIR != 0 and byte == quote
                skips_escape = flags[row] & HAS_ESCAPE != 0 and byte == escape and position + 1 < ends[row]
                if skips_quote or skips_escape:
                    position += 1
                    byte = data[position]
                total += widths[byte]
                position += 1
        offsets[row + 1] = total
    out = np.empty(total, np.uint8)
    written = 0
    for row in range(rows):
        if not valid[row]:
            continue
        position = starts[row]
        while position < ends[row]:
            byte = data[position]
            skips_quote = flags[row] & HAS_QUOTE_PAIR != 0 and byte == quote
            skips_escape = flags[row] & HAS_ESCAPE != 0 and byte == escape and position + 1 < ends[row]
            if skips_quote or skips_escape:
                position += 1
                byte = data[position]
            for i in range(widths[byte]):
                out[written] = images[byte, i]
                written += 1
            position += 1
    return offsets, out, valid
