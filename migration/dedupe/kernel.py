"""The compiled kernel: block, bound, compare and score in one pass.

Enters: blocks of record numbers, a `Matrix`, a `Program`. Leaves: the pairs at or above the floor, with score, level of
every comparison (4 bits each) and the number of pairs looked at. Must hold: a pair is looked at once, under the first
rule whose full block holds it; the bound drops no pair that the full comparison would keep (tested against no bound).
Two passes per pair: the first settles what needs only integers and takes the best case for the rest; if that cannot
reach the floor the pair is gone. The second compares strings, one comparison at a time, and stops as soon as it fails.
"""

from typing import NamedTuple

import numpy as np

from migration.dedupe.comparators import (
    LONGEST,
    count_letters,
    damerau_distance,
    date_digits_differ_once,
    day_and_month_swapped,
    edit_distance,
    jaro,
    jaro_winkler,
    within_one_edit,
)
from migration.dedupe.compiled import BoolArray, ByteArray, FloatArray, IntArray, LongArray, compiled
from migration.dedupe.matrix import Matrix
from migration.dedupe.model import Operation
from migration.dedupe.program import (
    FIRST_STRING_OPERATION,
    LAST_STRING_OPERATION,
    MOST_COMPARISONS,
    OPERATION_NUMBERS,
    Program,
)

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
BOUND_SLACK = 1e-6
LEVEL_BITS = 4


class Tables(NamedTuple):
    """Everything the kernel reads: a matrix and a program (see `Matrix`, `StringPool` and `Program`).

    Compiled functions unpack it once at the top: reading a field inside a loop would count references each time.
    """

    rows: IntArray
    chars: ByteArray
    offsets: LongArray
    masks: IntArray
    lines: IntArray
    numbers: FloatArray
    starts: IntArray
    logs: FloatArray
    prior: float


def make_tables(matrix: Matrix, program: Program) -> Tables:
    """The kernel's tables of one matrix and one program."""
    pool = matrix.pool
    return Tables(
        matrix.rows,
        pool.chars,
        pool.offsets,
        pool.masks,
        program.lines,
        program.numbers,
        program.starts,
        program.logs,
        program.prior,
    )


@compiled
def _common_code(rows: IntArray, i: int, j: int, first: int, second: int, span: int) -> int:
    """The first code that a run of columns of one record shares with a run of the other's, or 0."""
    for a in range(first, first + span):
        if rows[i, a] != 0:
            for b in range(second, second + span):
                if rows[i, a] == rows[j, b]:
                    return int(rows[i, a])
    return 0


@compiled
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


@compiled
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


@compiled
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


@compiled
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


@compiled
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
        return damerau_distance(chars, first, length_x, second, length_y) <= limit
    return bool(min(length_x, length_y) == 1)


@compiled
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


@compiled
def _line_weight(
    rows: IntArray, lines: IntArray, numbers: FloatArray, logs: FloatArray, number: int, i: int, j: int
) -> float:
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


@compiled
def _first_line(
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


@compiled
def score_pair(
    rows: IntArray,
    chars: ByteArray,
    offsets: LongArray,
    masks: IntArray,
    lines: IntArray,
    numbers: FloatArray,
    starts: IntArray,
    logs: FloatArray,
    prior: float,
    i: int,
    j: int,
    floor: float,
    chosen: IntArray,
) -> float:
    """Match weight of two records, with the line that applied of every comparison in `chosen`.

    Below `floor` the value is only an upper bound, and `chosen` is not complete.
    """
    comparisons = len(starts) - 1
    score = prior
    for comparison in range(comparisons):
        number = _first_line(
            rows, chars, offsets, masks, lines, numbers, starts[comparison + 1], starts[comparison], i, j, False
        )
        chosen[comparison] = number
        score += _line_weight(rows, lines, numbers, logs, number, i, j) if number >= 0 else numbers[-1 - number, 6]
    if score < floor - BOUND_SLACK:
        return float(score)
    for comparison in range(comparisons):
        if chosen[comparison] < 0:
            first = -1 - chosen[comparison]
            number = _first_line(rows, chars, offsets, masks, lines, numbers, starts[comparison + 1], first, i, j, True)
            chosen[comparison] = number
            score += _line_weight(rows, lines, numbers, logs, number, i, j) - numbers[first, 6]
            if score < floor - BOUND_SLACK:
                return float(score)
    # Added again in the model's order, so that the last digit does not depend on which parts were bounded first.
    score = prior
    for comparison in range(comparisons):
        score += _line_weight(rows, lines, numbers, logs, chosen[comparison], i, j)
    return float(score)


@compiled
def pack_levels(lines: IntArray, starts: IntArray, chosen: IntArray) -> np.int64:
    """The levels of a pair, four bits per comparison, the first comparison lowest."""
    packed = np.int64(0)
    for comparison in range(len(starts) - 1):
        packed |= np.int64(lines[chosen[comparison], 0]) << np.int64(LEVEL_BITS * comparison)
    return packed


@compiled
def score_blocks(
    tables: Tables,
    order: IntArray,
    starts: LongArray,
    first_block: int,
    last_block: int,
    window: int,
    keys: IntArray,
    rule: int,
    is_new: BoolArray,
    floor: float,
    left: IntArray,
    right: IntArray,
    scores: FloatArray,
    levels: LongArray,
) -> tuple[int, int]:
    """Score the pairs of consecutive blocks of one rule into the output arrays.

    Args:
        order: record numbers, block after block; `starts` are the first places of the blocks and the end.
        window: compare a record with that many after it in its block; 0 for all of them.
        keys: per record and rule, the number of its full block, 0 for none: pairs of an earlier rule are passed over.
        is_new: records to link; pairs of two others are passed over.

    Returns:
        Pairs kept and pairs looked at.
    """
    rows, chars, offsets, masks, lines, numbers, line_starts, logs, prior = tables
    chosen = np.zeros(MOST_COMPARISONS, dtype=np.int32)
    kept = 0
    seen = 0
    for block in range(first_block, last_block):
        end = starts[block + 1]
        for place in range(starts[block], end):
            i = order[place]
            stop = end if window == 0 else min(end, place + 1 + window)
            for other in range(place + 1, stop):
                j = order[other]
                if not (is_new[i] or is_new[j]) or _under_earlier_rule(keys, rule, i, j):
                    continue
                seen += 1
                a, b = min(i, j), max(i, j)
                score = score_pair(
                    rows, chars, offsets, masks, lines, numbers, line_starts, logs, prior, a, b, floor, chosen
                )
                if score >= floor:
                    left[kept] = a
                    right[kept] = b
                    scores[kept] = score
                    levels[kept] = pack_levels(lines, line_starts, chosen)
                    kept += 1
    return kept, seen


@compiled
def _under_earlier_rule(keys: IntArray, rule: int, i: int, j: int) -> bool:
    for earlier in range(rule):  # noqa: SIM110 (no generators in compiled code)
        if keys[i, earlier] != 0 and keys[i, earlier] == keys[j, earlier]:
            return True
    return False


@compiled
def score_pairs(
    tables: Tables, left: IntArray, right: IntArray, floor: float, scores: FloatArray, levels: LongArray
) -> None:
    """Score given pairs; where a pair is below `floor` its score is an upper bound and its levels are 0."""
    rows, chars, offsets, masks, lines, numbers, line_starts, logs, prior = tables
    chosen = np.zeros(MOST_COMPARISONS, dtype=np.int32)
    for pair in range(len(left)):
        a, b = min(left[pair], right[pair]), max(left[pair], right[pair])
        scores[pair] = score_pair(
            rows, chars, offsets, masks, lines, numbers, line_starts, logs, prior, a, b, floor, chosen
        )
        levels[pair] = pack_levels(lines, line_starts, chosen) if scores[pair] >= floor else 0


@compiled
def mark_rules(keys: IntArray, left: IntArray, right: IntArray) -> IntArray:
    """For every pair, which rules' full blocks hold it: bit r for rule r."""
    marks = np.zeros(len(left), dtype=np.int32)
    for pair in range(len(left)):
        bits = 0
        for rule in range(keys.shape[1]):
            key = keys[left[pair], rule]
            if key != 0 and key == keys[right[pair], rule]:
                bits |= 1 << rule
        marks[pair] = bits
    return marks
