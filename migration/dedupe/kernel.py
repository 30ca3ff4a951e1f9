"""The compiled kernel: block, bound, compare and score in one pass.

Enters: blocks of record numbers, a `Matrix`, a `Program`. Leaves: the pairs at or above the floor, with score, level of
every comparison (4 bits each) and the number of pairs looked at. Must hold: a pair is looked at once, under the first
rule whose full block holds it; the bound drops no pair that the full comparison would keep (tested against no bound).
Two passes per pair: the first settles what needs only integers and takes the best case for the rest, what tells most
first, and stops as soon as the floor is out of reach. The second compares strings, one comparison at a time.
"""

from typing import NamedTuple

import numpy as np

from migration.dedupe.compiled import (
    BoolArray,
    ByteArray,
    FloatArray,
    IntArray,
    LongArray,
    compiled,
    compiled_inline,
    compiled_plain,
)
from migration.dedupe.conditions import first_line, line_weight
from migration.dedupe.matrix import Matrix
from migration.dedupe.program import MOST_COMPARISONS, Program

BOUND_SLACK = 1e-6
LEVEL_BITS = 4
TILE = 256
"""Records of a large block whose codes are copied side by side before they are compared."""


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


@compiled_inline
def score_in_order(
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
    sequence: IntArray,
    chosen: IntArray,
) -> float:
    """Match weight of two records, with the line that applied of every comparison in `chosen`.

    The comparisons are made in the order of `sequence`, each starting from the most it can weigh, until the rest cannot
    reach the floor. Below `floor` the value is only an upper bound, and `chosen` is not complete.
    """
    bound = prior
    for comparison in sequence:
        bound += numbers[starts[comparison], 6]
    for comparison in sequence:
        first = starts[comparison]
        number = first_line(rows, chars, offsets, masks, lines, numbers, starts[comparison + 1], first, i, j, False)
        chosen[comparison] = number
        weight = line_weight(rows, lines, numbers, logs, number, i, j) if number >= 0 else numbers[-1 - number, 6]
        bound += weight - numbers[first, 6]
        if bound < floor - BOUND_SLACK:
            return float(bound)
    for comparison in sequence:
        if chosen[comparison] < 0:
            first = -1 - chosen[comparison]
            number = first_line(rows, chars, offsets, masks, lines, numbers, starts[comparison + 1], first, i, j, True)
            chosen[comparison] = number
            bound += line_weight(rows, lines, numbers, logs, number, i, j) - numbers[first, 6]
            if bound < floor - BOUND_SLACK:
                return float(bound)
    # Added again in the model's order, so that the last digit does not depend on which parts were bounded first.
    score = prior
    for comparison in range(len(starts) - 1):
        score += line_weight(rows, lines, numbers, logs, chosen[comparison], i, j)
    return float(score)


@compiled_plain
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
    chosen: IntArray,
) -> float:
    """Match weight of two records without bound, with the line that applied of every comparison in `chosen`."""
    score = prior
    for comparison in range(len(starts) - 1):
        first, end = starts[comparison], starts[comparison + 1]
        number = first_line(rows, chars, offsets, masks, lines, numbers, end, first, i, j, True)
        chosen[comparison] = number
        score += line_weight(rows, lines, numbers, logs, number, i, j)
    return float(score)


@compiled_inline
def pack_levels(lines: IntArray, starts: IntArray, chosen: IntArray) -> np.int64:
    """The levels of a pair, four bits per comparison, the first comparison lowest."""
    packed = np.int64(0)
    for comparison in range(len(starts) - 1):
        packed |= np.int64(lines[chosen[comparison], 0]) << np.int64(LEVEL_BITS * comparison)
    return packed


class Work(NamedTuple):
    """What the pairs of one rule are scored by.

    `order` holds record numbers, block after block; `starts` the first places of the blocks and the end. `keys` are per
    record and rule the number of its full block, 0 for none: pairs of an earlier rule are passed over. `is_new` are the
    records to link: pairs of two others are passed over. Comparisons are made in the order of `sequence`.
    """

    order: IntArray
    starts: LongArray
    keys: IntArray
    rule: int
    is_new: BoolArray
    floor: float
    sequence: IntArray


class Found(NamedTuple):
    """Where pairs are written, with room for all that are proposed."""

    left: IntArray
    right: IntArray
    scores: FloatArray
    levels: LongArray


@compiled
def score_blocks(
    tables: Tables, work: Work, found: Found, first_block: int, last_block: int, window: int, tile_size: int
) -> tuple[int, int]:
    """Score the pairs of consecutive blocks of one rule into the output arrays.

    Args:
        window: compare a record with that many after it in its block; 0 for all of them.
        tile_size: records compared from one copy of their codes; with `window` 0, at least the largest block.

    Returns:
        Pairs kept and pairs looked at.
    """
    rows, order, starts, keys, rule = tables.rows, work.order, work.starts, work.keys, work.rule
    # Codes of a tile of records side by side: every pair then reads memory that is near.
    near = np.empty((tile_size + window, rows.shape[1]), dtype=np.int32)
    near_keys = np.empty((tile_size + window, max(rule, 1)), dtype=np.int32)
    chosen = np.zeros(MOST_COMPARISONS, dtype=np.int32)
    kept = seen = 0
    block = first_block
    while block < last_block:
        tile = starts[block]
        if window == 0:  # as many small blocks as a tile holds are copied together
            after = block + 1
            while after < last_block and starts[after + 1] - tile <= tile_size:
                after += 1
            _copy_tile(rows, keys, order, tile, starts[after], rule, near, near_keys)
            while block < after:
                place, end = starts[block], starts[block + 1]
                kept, seen = _score_tile(
                    tables, work, found, near, near_keys, tile, place, end, end, window, chosen, kept, seen
                )
                block += 1
        else:
            end = starts[block + 1]
            for tile in range(starts[block], end, tile_size):
                stop = min(tile + tile_size + window, end)
                _copy_tile(rows, keys, order, tile, stop, rule, near, near_keys)
                last = min(tile + tile_size, end)
                kept, seen = _score_tile(
                    tables, work, found, near, near_keys, tile, tile, last, stop, window, chosen, kept, seen
                )
            block += 1
    return kept, seen


@compiled_inline
def _score_tile(
    tables: Tables,
    work: Work,
    found: Found,
    near: IntArray,
    near_keys: IntArray,
    tile: int,
    first: int,
    last: int,
    stop: int,
    window: int,
    chosen: IntArray,
    kept: int,
    seen: int,
) -> tuple[int, int]:
    """Score the records at places `first` to `last` against those after them, up to `stop`; `near` begins at `tile`."""
    _, chars, offsets, masks, lines, numbers, starts, logs, prior = tables
    order, _, _, rule, is_new, floor, sequence = work
    left, right, scores, levels = found
    for place in range(first, last):
        i = order[place]
        for other in range(place + 1, stop if window == 0 else min(stop, place + 1 + window)):
            j = order[other]
            a, b = place - tile, other - tile
            if not (is_new[i] or is_new[j]) or _under_earlier_rule(near_keys, rule, a, b):
                continue
            seen += 1
            if i > j:
                a, b = b, a
            score = score_in_order(
                near, chars, offsets, masks, lines, numbers, starts, logs, prior, a, b, floor, sequence, chosen
            )
            if score >= floor:
                left[kept], right[kept] = min(i, j), max(i, j)
                scores[kept] = score
                levels[kept] = pack_levels(lines, starts, chosen)
                kept += 1
    return kept, seen


@compiled_plain
def _copy_tile(
    rows: IntArray,
    keys: IntArray,
    order: IntArray,
    tile: int,
    stop: int,
    rule: int,
    near: IntArray,
    near_keys: IntArray,
) -> None:
    """Copy codes and earlier rules' blocks of the records at places `tile` to `stop` side by side."""
    for place in range(tile, stop):
        record = order[place]
        for column in range(rows.shape[1]):
            near[place - tile, column] = rows[record, column]
        for earlier in range(rule):
            near_keys[place - tile, earlier] = keys[record, earlier]


@compiled_inline
def _under_earlier_rule(keys: IntArray, rule: int, i: int, j: int) -> bool:
    for earlier in range(rule):  # noqa: SIM110 (no generators in compiled code)
        if keys[i, earlier] != 0 and keys[i, earlier] == keys[j, earlier]:
            return True
    return False


@compiled
def score_pairs(tables: Tables, left: IntArray, right: IntArray, scores: FloatArray, levels: LongArray) -> None:
    """Score given pairs."""
    rows, chars, offsets, masks, lines, numbers, line_starts, logs, prior = tables
    chosen = np.zeros(MOST_COMPARISONS, dtype=np.int32)
    for pair in range(len(left)):
        a, b = min(left[pair], right[pair]), max(left[pair], right[pair])
        scores[pair] = score_pair(rows, chars, offsets, masks, lines, numbers, line_starts, logs, prior, a, b, chosen)
        levels[pair] = pack_levels(lines, line_starts, chosen)


@compiled
def find_levels(tables: Tables, left: IntArray, right: IntArray, levels: LongArray) -> None:
    """The packed levels of given pairs, without weighing them."""
    rows, chars, offsets, masks, lines, numbers, starts, _, _ = tables
    for pair in range(len(left)):
        i, j = min(left[pair], right[pair]), max(left[pair], right[pair])
        packed = np.int64(0)
        for comparison in range(len(starts) - 1):
            first, end = starts[comparison], starts[comparison + 1]
            number = first_line(rows, chars, offsets, masks, lines, numbers, end, first, i, j, True)
            packed |= np.int64(lines[number, 0]) << np.int64(LEVEL_BITS * comparison)
        levels[pair] = packed


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
