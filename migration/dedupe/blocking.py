"""Blocking: which pairs are compared at all.

Enters: a `Matrix` and named rules. Leaves: `Blocks` per rule: groups of records that agree on the rule's columns.
Must hold: the work is bounded whatever the data. A block of up to `FULL_BLOCK` records is compared in full; in a larger
one, records are put in order of what else they say, and each is compared with the next `WINDOW` only. So a rule costs
at most `FULL_BLOCK / 2` pairs a record, and a value shared by every record costs `WINDOW`.
The order within a block depends on the records' content and ids, never on how they arrived. Refuses nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from migration.dedupe.compiled import BoolArray, IntArray, LongArray, compiled
from migration.dedupe.matrix import Matrix
from migration.dedupe.sorting import sort_order

FULL_BLOCK = 250
"""A block this large costs 31,000 pairs. 99.9 % of the true pairs of the historical set lie in smaller ones."""
WINDOW = 8
"""Neighbours compared in a larger block. Duplicates of one person sort together by their other values."""

MOST_KINDS = 2.0**62
"""Different combinations of values that one number can tell apart."""


@dataclass(frozen=True)
class Rule:
    """Records that agree on all `columns` are compared. `name` is what reports and evidence call it.

    Blocks of up to `full_block` records are compared in full.
    """

    name: str
    columns: tuple[str, ...]
    full_block: int = FULL_BLOCK


@dataclass(frozen=True)
class Blocks:
    """The blocks of one rule: `order[starts[b]:starts[b + 1]]` are the records of block b.

    Attributes:
        full: which blocks are compared in full.
        key: per record, the number of its full block, 0 for none.
        pairs: upper bound of the pairs the rule proposes.
        largest: records of the largest block.
    """

    rule: Rule
    order: IntArray
    starts: LongArray
    full: BoolArray
    key: IntArray
    pairs: int
    largest: int


def build_blocks(
    matrix: Matrix, rule: Rule, tie_order: Callable[[], IntArray], reached_by: BoolArray | None = None
) -> Blocks:
    """The blocks of a rule over all records.

    Args:
        tie_order: gives the rank of every record by its content (`content_ranks`), for the order within large blocks.
        reached_by: only blocks that hold one of these records are wanted.
    """
    key, known = _combine(matrix, rule.columns)
    if reached_by is not None:
        known = share_key(key, known, reached_by)
    order, starts = part_blocks(key, sort_order(key, np.flatnonzero(known).astype(np.int32)))
    sizes = np.diff(starts)
    full = sizes <= rule.full_block
    if not full.all():
        _sort_large_blocks(order, starts, full, tie_order())
    block_key = number_blocks(order, starts, full, len(matrix))
    pairs = int(np.where(full, sizes * (sizes - 1) // 2, sizes * WINDOW).sum())
    return Blocks(rule, order, starts, full, block_key, pairs, int(sizes.max(initial=0)))


@compiled
def part_blocks(keys: LongArray, order: IntArray) -> tuple[IntArray, LongArray]:
    """The records of `order` that share their key with a neighbour; where each block of them begins, and the end."""
    members = np.empty_like(order)
    starts = np.empty(len(order) // 2 + 1, dtype=np.int64)
    count = blocks = first = 0
    while first < len(order):
        key = keys[order[first]]
        last = first + 1
        while last < len(order) and keys[order[last]] == key:
            last += 1
        if last - first > 1:
            starts[blocks] = count
            blocks += 1
            for place in range(first, last):
                members[count] = order[place]
                count += 1
        first = last
    starts[blocks] = count
    return members[:count].copy(), starts[: blocks + 1].copy()


@compiled
def number_blocks(order: IntArray, starts: LongArray, full: BoolArray, records: int) -> IntArray:
    """Per record, the number of its block, counted from 1; 0 where it is in none that is compared in full."""
    numbers = np.zeros(records, dtype=np.int32)
    for block in range(len(starts) - 1):
        if full[block]:
            for place in range(starts[block], starts[block + 1]):
                numbers[order[place]] = block + 1
    return numbers


def _combine(matrix: Matrix, columns: Sequence[str]) -> tuple[LongArray, BoolArray]:
    """One number per record that is equal exactly where all columns are equal, and whether all are known."""
    places = np.asarray([matrix.columns[c] for c in columns if c in matrix.columns], dtype=np.int64)
    if len(places) < len(columns):
        return np.zeros(len(matrix), dtype=np.int64), np.zeros(len(matrix), dtype=np.bool_)
    sizes = matrix.sizes[places]
    if float(np.prod(sizes.astype(np.float64))) < MOST_KINDS:
        return combine_codes(matrix.rows, places, sizes)
    first, known = combine_codes(matrix.rows, places[:2], sizes[:2])
    for place, size in zip(places[2:], sizes[2:], strict=True):
        codes = matrix.rows[:, place]
        known &= codes != 0
        first = _rank_keys(first) * size + codes
    return first, known


def _rank_keys(keys: LongArray) -> LongArray:
    """Numbers in the order of the keys, equal for equal ones, that leave no gap."""
    return fill_ranks(keys, sort_order(keys, np.arange(len(keys), dtype=np.int32)))


@compiled
def fill_ranks(keys: LongArray, order: IntArray) -> LongArray:
    """Per record, how many different keys come before its own; `order` sorts the keys."""
    ranks = np.zeros(len(keys), dtype=np.int64)
    rank = 0
    for place in range(1, len(order)):
        if keys[order[place]] != keys[order[place - 1]]:
            rank += 1
        ranks[order[place]] = rank
    return ranks


@compiled
def combine_codes(rows: IntArray, places: LongArray, sizes: LongArray) -> tuple[LongArray, BoolArray]:
    """The codes of some columns as one number per record, and whether none of them is 0."""
    combined = np.zeros(len(rows), dtype=np.int64)
    known = np.ones(len(rows), dtype=np.bool_)
    for record in range(len(rows)):
        number = np.int64(0)
        for column in range(len(places)):
            code = rows[record, places[column]]
            number = number * sizes[column] + code
            if code == 0:
                known[record] = False
        combined[record] = number
    return combined, known


@compiled
def share_key(keys: LongArray, known: BoolArray, chosen: BoolArray) -> BoolArray:
    """Which records with a known key have that of a chosen one."""
    bits = 4
    while (1 << bits) < 2 * np.count_nonzero(known & chosen) + 1:
        bits += 1
    # Open addressing: a chosen key lies at the first free slot from where its multiplied bits say.
    table = np.full(1 << bits, -1, dtype=np.int64)
    found = np.zeros(len(keys), dtype=np.bool_)
    for is_lookup in (False, True):
        for record in range(len(keys)):
            if not known[record] or (not is_lookup and not chosen[record]):
                continue
            slot = (np.uint64(keys[record]) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits)
            while table[slot] not in (-1, keys[record]):
                slot = (slot + np.uint64(1)) & np.uint64((1 << bits) - 1)
            if is_lookup:
                found[record] = table[slot] != -1
            else:
                table[slot] = keys[record]
    return found


def content_ranks(matrix: Matrix, columns: Sequence[str]) -> Callable[[], IntArray]:
    """`rank_records` of those columns that the matrix has, worked out when first asked for: most rules never ask."""
    return cache(lambda: rank_records(matrix, [c for c in columns if c in matrix.columns]))


def rank_records(matrix: Matrix, columns: Sequence[str]) -> IntArray:
    """Rank of every record by the named columns and then by its id: a pure function of the set of records."""
    order = np.arange(len(matrix), dtype=np.int32)
    for name in reversed(columns):
        order = sort_order(matrix.column(name).astype(np.int64), order)
    rank = np.empty(len(matrix), dtype=np.int32)
    rank[order] = np.arange(len(matrix), dtype=np.int32)
    return rank


def _sort_large_blocks(order: IntArray, starts: LongArray, full: BoolArray, tie_order: IntArray) -> None:
    for block in np.flatnonzero(~full):
        part = order[starts[block] : starts[block + 1]]
        order[starts[block] : starts[block + 1]] = part[np.argsort(tie_order[part])]


@compiled
def window_places(order: IntArray, starts: LongArray, full: BoolArray, records: int) -> LongArray:
    """Place of every record in its large block's order, offset so that places of different blocks are far apart."""
    places = np.full(records, -1, dtype=np.int64)
    shift = np.int64(0)
    for block in range(len(starts) - 1):
        if not full[block]:
            for place in range(starts[block], starts[block + 1]):
                places[order[place]] = place + shift
            shift += 1000000
    return places
