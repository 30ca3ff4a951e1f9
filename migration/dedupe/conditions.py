"""Conditions of a linkage model, compiled: does a line of the program hold for two records?

Enters: rows of codes, the string pool's arrays, a program's lines. Leaves: the line of a comparison that applies, and
what it weighs. Must hold: what lengths, letters and first letters rule out could not hold in full either, so asking
cheaply first changes no outcome. Refuses nothing.
"""

from migration.dedupe.comparators import (
    LONGEST,
    count_letters,
    damerau_within,
    date_digits_differ_once,
    day_and_month_swapped,
    edit_distance,
    jaro,
    jaro_winkler,
    within_one_edit,
)
from migration.dedupe.compiled import ByteArray, FloatArray, IntArray, LongArray, compiled_inline, compiled_plain
from migration.dedupe.model import Operation
from migration.dedupe.program import FIRST_STRING_OPERATION, LAST_STRING_OPERATION, OPERATION_NUMBERS

MISSING = OPERATION_NUMBERS[Operation.MISSING]
EQUAL = OPERATION_NUMBERS[Operation.EQUAL]
ANY_EQUAL = OPERATION_NUMBERS[Operation.ANY_EQUAL]
JARO_WINKLER = OPERATION_NUMBERS[Operation.JARO_WINKLER]
JARO = OPERATION_NUMBERS[Operation.JARO]
LEVENSHTEIN = OPERATION_NUMBERS[Operation.LEVENSHTEIN]
ALIGNMENT = OPERATION_NUMBERS[Operation.ALIGNMENT]
DAMERAU = OPERATION_NUMBERS[Operation.DAMERAU]
DATE_DIGIT = OPERATION_NUMBERS[Operation.DATE_DIGIT]
DATE_SWAPPED = OPERATION_NUMBERS[Operation.DATE_SWAPPED]
DATE_MONTH = OPERATION_NUMBERS[Operation.DATE_MONTH]
DATE_DAY = OPERATION_NUMBERS[Operation.DATE_DAY]
DATE_YEARS = OPERATION_NUMBERS[Operation.DATE_YEARS]
DATE_NEW_YEAR = OPERATION_NUMBERS[Operation.DATE_NEW_YEAR]
OPEN = -1


@compiled_inline
def _common_code(rows: IntArray, i: int, j: int, first: int, second: int, span: int) -> int:
    """The first code that a run of columns of one record shares with a run of the other's, or 0."""
    for a in range(first, first + span):
        if rows[i, a] != 0:
            for b in range(second, second + span):
                if rows[i, a] == rows[j, b]:
                    return int(rows[i, a])
    return 0


@compiled_inline
def _date_test(operation: int, left: int, right: int, limit: float) -> bool:  # noqa: PLR0911
    if left == 0 or right == 0:
        return False
    if operation == DATE_DIGIT:
        return left % 100 != 0 and right % 100 != 0 and date_digits_differ_once(left, right)
    if operation == DATE_SWAPPED:
        return day_and_month_swapped(left, right)
    if operation == DATE_MONTH:
        return left // 100 == right // 100 and left // 100 % 100 != 0
    if operation == DATE_DAY:
        return left % 10000 == right % 10000 and left % 100 != 0
    if operation == DATE_YEARS:
        return abs(left // 10000 - right // 10000) <= limit
    return left == right and left % 10000 == 101


@compiled_inline
def _integer_test(rows: IntArray, i: int, j: int, operation: int, a: int, b: int, span: int, limit: float) -> bool:
    if operation == 0:
        return True
    if operation == MISSING:
        return bool(rows[i, a] == 0 or rows[j, b] == 0)
    if operation == EQUAL:
        return bool(rows[i, a] == rows[j, b] and rows[i, a] != 0)
    if operation == ANY_EQUAL:
        return _common_code(rows, i, j, a, b, span) != 0
    return _date_test(operation, rows[i, a], rows[j, b], limit)


@compiled_inline
def _can_pass(
    chars: ByteArray, offsets: LongArray, masks: IntArray, operation: int, x: int, y: int, limit: float
) -> bool:
    """Whether a string test could hold, from lengths, letters and first letters only."""
    if x == 0 or y == 0:
        return False
    length_x = offsets[x + 1] - offsets[x]
    length_y = offsets[y + 1] - offsets[y]
    only_x = count_letters(masks[x] & ~masks[y])
    only_y = count_letters(masks[y] & ~masks[x])
    if operation in (LEVENSHTEIN, ALIGNMENT, DAMERAU):
        return bool(max(abs(length_x - length_y), only_x, only_y) <= limit)
    if operation in (JARO_WINKLER, JARO):
        return _highest_jaro(chars, offsets, operation, x, y, min(length_x - only_x, length_y - only_y)) + 1e-9 >= limit
    return bool(chars[offsets[x]] == chars[offsets[y]])


@compiled_inline
def _highest_jaro(chars: ByteArray, offsets: LongArray, operation: int, x: int, y: int, common: int) -> float:
    first, second = offsets[x], offsets[y]
    length_x, length_y = offsets[x + 1] - first, offsets[y + 1] - second
    if min(length_x, length_y) > LONGEST:
        return 1.0
    if common <= 0:
        return 0.0
    shortened_x, shortened_y = min(length_x, LONGEST), min(length_y, LONGEST)
    common = min(common, shortened_x, shortened_y)
    highest = (common / shortened_x + common / shortened_y + 1.0) / 3.0
    if operation == JARO_WINKLER and highest > 0.7:
        prefix = 0
        while prefix < min(4, length_x, length_y) and chars[first + prefix] == chars[second + prefix]:
            prefix += 1
        highest += prefix * 0.1 * (1.0 - highest)
    return float(highest)


@compiled_plain
def _string_test(chars: ByteArray, offsets: LongArray, operation: int, x: int, y: int, limit: float) -> bool:
    first, second = offsets[x], offsets[y]
    length_x, length_y = offsets[x + 1] - first, offsets[y + 1] - second
    if operation == JARO_WINKLER:
        return jaro_winkler(chars, first, length_x, second, length_y) >= limit
    if operation == JARO:
        return jaro(chars, first, length_x, second, length_y) >= limit
    if operation in (LEVENSHTEIN, ALIGNMENT):
        may_swap = operation == ALIGNMENT
        if limit < 2:
            return within_one_edit(chars, first, length_x, second, length_y, may_swap)
        return edit_distance(chars, first, length_x, second, length_y, may_swap) <= limit
    if operation == DAMERAU:
        return damerau_within(chars, first, length_x, second, length_y, limit)
    return bool(min(length_x, length_y) == 1)


@compiled_inline
def _try_line(
    rows: IntArray,
    chars: ByteArray,
    offsets: LongArray,
    masks: IntArray,
    lines: IntArray,
    numbers: FloatArray,
    number: int,
    i: int,
    j: int,
    settle: bool,
) -> int:
    """1 if the line applies, 0 if not, `OPEN` if only a string comparison can tell and `settle` is off."""
    answer = 1
    for part in range(2):
        operation = lines[number, 1 + 4 * part]
        if operation == 0:
            continue
        a, b = lines[number, 2 + 4 * part], lines[number, 3 + 4 * part]
        limit = numbers[number, part]
        if operation < FIRST_STRING_OPERATION or operation > LAST_STRING_OPERATION:
            if not _integer_test(rows, i, j, operation, a, b, lines[number, 4 + 4 * part], limit):
                return 0
        elif not _can_pass(chars, offsets, masks, operation, rows[i, a], rows[j, b], limit):
            return 0
        elif not settle:
            answer = OPEN
        elif not _string_test(chars, offsets, operation, rows[i, a], rows[j, b], limit):
            return 0
    return answer


@compiled_inline
def line_weight(
    rows: IntArray, lines: IntArray, numbers: FloatArray, logs: FloatArray, number: int, i: int, j: int
) -> float:
    """What a line weighs for two records, term frequency included."""
    weight = numbers[number, 2]
    row = lines[number, 10]
    if row >= 0:
        column = lines[number, 9]
        x, y = rows[i, column], rows[j, column]
        if lines[number, 1] == ANY_EQUAL:
            x = y = _common_code(rows, i, j, lines[number, 2], lines[number, 3], lines[number, 4])
        commoner = max(logs[row, x], logs[row, y], numbers[number, 5])
        weight += numbers[number, 3] * (numbers[number, 4] - commoner)
    return float(weight)


@compiled_inline
def first_line(
    rows: IntArray,
    chars: ByteArray,
    offsets: LongArray,
    masks: IntArray,
    lines: IntArray,
    numbers: FloatArray,
    end: int,
    first: int,
    i: int,
    j: int,
    settle: bool,
) -> int:
    """Number of the first line that applies, or, when not settling, -1 - line of the first that is open."""
    for number in range(first, end):
        answer = _try_line(rows, chars, offsets, masks, lines, numbers, number, i, j, settle)
        if answer == 1:
            return number
        if answer == OPEN:
            return -1 - number
    return end - 1
