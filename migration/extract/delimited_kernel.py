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

_AT_START, _PLAIN, _IN_QUOTES, _AFTER_QUOTE = 0, 1, 2, 3


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
def find_fields(  # noqa: C901, PLR0912, PLR0915 (one state machine; splitting it would hide its states)
    data: Bytes, separator: Bytes, quote: int, escape: int, is_last: bool, max_fields: int, max_records: int
) -> tuple[Any, ...]:
    """Positions of the complete records and fields of a piece.

    Args:
        quote, escape: the byte, or `NO_MARK`.
        is_last: the piece ends the file: an unterminated last record is complete.
        max_fields, max_records: room to reserve; at least the separators plus the line feeds, plus one.

    Returns:
        record starts, record ends (after the line end), index of each record's first field (one more than records),
        flags per record, line feeds before each record, field starts, field ends, flags per field, bytes consumed,
        line feeds consumed.
    """
    record_start = np.empty(max_records, np.int64)
    record_end = np.empty(max_records, np.int64)
    first_field = np.empty(max_records + 1, np.int64)
    record_flags = np.zeros(max_records, np.uint8)
    record_lines = np.empty(max_records, np.int64)
    field_start = np.empty(max_fields, np.int64)
    field_end = np.empty(max_fields, np.int64)
    field_flags = np.zeros(max_fields, np.uint8)
    records, fields, lines, position = 0, 0, 0, 0
    start, begin, lines_at_start, flags, state = 0, 0, 0, 0, _AT_START
    fields_at_start = 0
    marks = 0
    end_of_quoted = 0
    size = len(data)
    step = len(separator)
    while position < size:
        byte = data[position]
        if state == _IN_QUOTES:
            if byte == escape and escape != quote:
                marks |= HAS_ESCAPE
                position += 1
                if position < size and data[position] == LINE_FEED:
                    lines += 1
            elif byte == quote:
                if position + 1 < size and data[position + 1] == quote:
                    marks |= HAS_QUOTE_PAIR
                    position += 1
                else:
                    state = _AFTER_QUOTE
                    end_of_quoted = position
            elif byte == LINE_FEED:
                lines += 1
            position += 1
            continue
        if state == _AT_START and byte == quote:
            state = _IN_QUOTES
            marks = QUOTED
            begin = position + 1
            position += 1
            continue
        is_separator = byte == separator[0] and _matches(data, position, separator)
        if not is_separator and byte != LINE_FEED:
            if state == _AFTER_QUOTE:
                is_line_end = byte == CARRIAGE_RETURN and position + 1 < size and data[position + 1] == LINE_FEED
                if not is_line_end and not (byte == CARRIAGE_RETURN and position + 1 == size):
                    flags |= TEXT_AFTER_QUOTE
            else:
                state = _PLAIN
                if byte == escape and position + 1 < size:
                    marks |= HAS_ESCAPE
                    position += 1
                    if data[position] == LINE_FEED:
                        lines += 1
            position += 1
            continue
        end = position
        if state == _AFTER_QUOTE:
            end = end_of_quoted
        elif byte == LINE_FEED and end > begin and data[end - 1] == CARRIAGE_RETURN:
            end -= 1
        field_start[fields], field_end[fields], field_flags[fields] = begin, end, marks
        fields += 1
        state = _AT_START
        marks = 0
        if is_separator:
            position += step
            begin = position
            continue
        position += 1
        lines += 1
        begin = position
        record_start[records], record_end[records] = start, position
        first_field[records], record_flags[records] = fields_at_start, flags
        record_lines[records] = lines_at_start
        records += 1
        start, flags, lines_at_start, fields_at_start = position, 0, lines, fields
    if is_last and start < size:
        if state == _IN_QUOTES:
            flags |= OPEN_QUOTE
        end = end_of_quoted if state == _AFTER_QUOTE else size
        if state != _AFTER_QUOTE and end > begin and data[end - 1] == CARRIAGE_RETURN:
            end -= 1
        field_start[fields], field_end[fields], field_flags[fields] = begin, end, marks
        fields += 1
        record_start[records], record_end[records] = start, size
        first_field[records], record_flags[records] = fields_at_start, flags
        record_lines[records] = lines_at_start
        records += 1
        start, lines_at_start, fields_at_start = size, lines, fields
    first_field[records] = fields_at_start
    return (
        record_start[:records],
        record_end[:records],
        first_field[: records + 1],
        record_flags[:records],
        record_lines[:records],
        field_start[:fields],
        field_end[:fields],
        field_flags[:fields],
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
