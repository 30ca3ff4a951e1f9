"""Candidate pairs with their scores.

Enters: a `Matrix`, a `Model`, blocking rules and, when linking into an existing set, which records are new. Leaves:
`Pairs` at or above the model's floor, sorted, and what every rule cost. Must hold: the result is a function of the set
of records and the model; thread count and chunking do not show. Refuses nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from migration.dedupe.blocking import WINDOW, Blocks, Rule, build_blocks, content_ranks, window_places
from migration.dedupe.compiled import BoolArray, FloatArray, IntArray, LongArray
from migration.dedupe.kernel import (
    TILE,
    Found,
    Tables,
    Work,
    find_levels,
    make_tables,
    mark_rules,
    score_blocks,
    score_pairs,
)
from migration.dedupe.matrix import Matrix
from migration.dedupe.model import Model
from migration.dedupe.program import compile_model, telling_order
from migration.dedupe.sorting import sort_order

CHUNK_PAIRS = 400_000
GIVEN_AT_ONCE = 25_000
RANK_COLUMNS = ("dob", "surname", "forename", "postcode")


@dataclass(frozen=True)
class Pairs:
    """Scored pairs of record numbers, left < right, sorted. `levels` packs four bits per comparison."""

    left: IntArray
    right: IntArray
    scores: FloatArray
    levels: LongArray
    rules: IntArray

    def __len__(self) -> int:
        return len(self.left)

    def take(self, chosen: "LongArray | BoolArray | slice") -> "Pairs":
        """Some of the pairs."""
        return Pairs(
            self.left[chosen], self.right[chosen], self.scores[chosen], self.levels[chosen], self.rules[chosen]
        )


@dataclass(frozen=True)
class RuleReport:
    """What a blocking rule cost and gave: records it reaches, pairs first proposed by it, pairs kept, largest block.

    Where records join, the records and blocks that were looked at; `largest` is that of all blocks.
    """

    rule: str
    records: int
    blocks: int
    largest: int
    compared: int
    kept: int


@dataclass(frozen=True)
class Candidates:
    """Pairs at or above the floor, the report of every rule, and how many pairs had been compared before."""

    pairs: Pairs
    reports: tuple[RuleReport, ...]
    reused: int = 0

    @property
    def compared(self) -> int:
        """Pairs looked at."""
        return sum(r.compared for r in self.reports)


def find_candidates(
    matrix: Matrix,
    model: Model,
    rules: Sequence[Rule],
    threads: int,
    is_new: BoolArray | None = None,
    earlier: Pairs | None = None,
    before: Sequence[RuleReport] = (),
) -> Candidates:
    """Block, compare and score.

    Args:
        is_new: records to link into the rest; pairs of two others are not compared. None means all records are new.
        earlier: the candidates among the others, by the same rules and model. Those that the rules still propose are
            kept: records that join can make a block too large to compare in full, or come between two neighbours in
            one; they never make a candidate of two others.
        before: the reports that came with `earlier`, whose `rules` are then known: of a rule without large blocks, then
            and now, only the blocks with a new record are made, and earlier pairs keep it.
    """
    program = compile_model(model, matrix)
    tables = make_tables(matrix, program)
    new = np.ones(len(matrix), dtype=np.bool_) if is_new is None else is_new
    rank = content_ranks(matrix, RANK_COLUMNS)
    largest = {r.rule: r.largest for r in before}
    keys = np.zeros((len(matrix), len(rules)), dtype=np.int32)
    marks = np.zeros(len(earlier) if earlier else 0, dtype=np.int32)
    held = np.zeros(len(marks), dtype=np.bool_)
    parts: list[_Part] = []
    reports: list[RuleReport] = []
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        running: tuple[Blocks, list[Future[_Part]]] | None = None
        for number, rule in enumerate(rules):
            # The next rule's blocks are made while this one's are scored: scoring reads the keys of earlier rules only.
            blocks, is_part = _build_blocks(matrix, rule, rank, new, largest.get(rule.name))
            keys[:, number] = blocks.key
            sequence = telling_order(model, program, rule.columns)
            if earlier and is_part:
                proposed = earlier.rules & np.int32(1 << number)
                marks |= proposed
                held |= proposed != 0
            elif earlier:
                held = _mark_proposed(blocks, earlier, len(matrix), number, held, marks)
            work = Work(blocks.order, blocks.starts, keys, number, new, model.thresholds.floor, sequence)
            score = partial(_score_chunk, tables, work, blocks.full, _block_costs(blocks))
            jobs = [pool.submit(score, first, last) for first, last in _chunks(blocks)]
            if running:
                reports.append(_collect(*running, parts))
            running = blocks, jobs
        if running:
            reports.append(_collect(*running, parts))
        fresh = _merge(parts, keys, pool)
    if earlier is None:
        return Candidates(fresh, tuple(reports))
    kept = replace(earlier, rules=marks).take(marks != 0)
    return Candidates(_unite(fresh, kept, len(matrix)), tuple(reports), len(kept))


def _build_blocks(
    matrix: Matrix, rule: Rule, rank: Callable[[], IntArray], new: BoolArray, largest: int | None
) -> tuple[Blocks, bool]:
    """The blocks of a rule; only those with a new record, and True, where none is nor was large.

    Args:
        largest: records of the largest block before the new ones joined, None where that is not known.
    """
    if largest is not None and largest <= rule.full_block:
        blocks = build_blocks(matrix, rule, rank, new)
        if blocks.largest <= rule.full_block:
            return replace(blocks, largest=max(blocks.largest, largest)), True
    return build_blocks(matrix, rule, rank), False


@dataclass(frozen=True)
class _Part:
    left: IntArray
    right: IntArray
    scores: FloatArray
    levels: LongArray
    bit: int
    seen: int


def _collect(blocks: Blocks, jobs: Sequence[Future[_Part]], parts: list[_Part]) -> RuleReport:
    """The report of a rule whose pairs are being scored; what is found is added to `parts`."""
    done = [job.result() for job in jobs]
    parts.extend(d for d in done if len(d.left))
    seen, kept = sum(d.seen for d in done), sum(len(d.left) for d in done)
    return RuleReport(blocks.rule.name, len(blocks.order), len(blocks.full), blocks.largest, seen, kept)


def _block_costs(blocks: Blocks) -> LongArray:
    sizes = np.diff(blocks.starts)
    return np.where(blocks.full, sizes * (sizes - 1) // 2, sizes * WINDOW)


def _chunks(blocks: Blocks) -> Iterator[tuple[int, int]]:
    """Ranges of blocks of one kind (full or large) with about `CHUNK_PAIRS` pairs each."""
    costs = _block_costs(blocks)
    if not len(costs):
        return
    kind_changes = np.flatnonzero(np.diff(blocks.full.astype(np.int8))) + 1
    edges = np.searchsorted(np.cumsum(costs), np.arange(CHUNK_PAIRS, int(costs.sum()), CHUNK_PAIRS))
    cuts = np.unique(np.concatenate([[0], kind_changes, edges, [len(costs)]]))
    yield from zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)


def _score_chunk(tables: Tables, work: Work, full: BoolArray, costs: LongArray, first: int, last: int) -> _Part:
    room = int(costs[first:last].sum())
    found = Found(
        np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.float64), np.empty(room, np.int64)
    )
    is_full = bool(full[first])
    largest = int(np.diff(work.starts[first : last + 1]).max()) if is_full else 0
    kept, seen = score_blocks(tables, work, found, first, last, 0 if is_full else WINDOW, max(TILE, largest))
    left, right, scores, levels = found
    bit = 1 << work.rule
    return _Part(left[:kept].copy(), right[:kept].copy(), scores[:kept].copy(), levels[:kept].copy(), bit, int(seen))


def _merge(parts: Sequence[_Part], keys: IntArray, pool: Executor) -> Pairs:
    """All parts as one sorted table; a pair that large blocks of several rules propose is kept once."""
    if not parts:
        empty = np.zeros(0, np.int32)
        return Pairs(empty, empty, np.zeros(0), np.zeros(0, np.int64), empty)
    left = np.concatenate([p.left for p in parts])
    right = np.concatenate([p.right for p in parts])
    bits = np.concatenate([np.full(len(p.left), p.bit, np.int32) for p in parts])
    order = sort_order(left.astype(np.int64) * len(keys) + right, np.arange(len(left), dtype=np.int32))
    left, right, bits = left[order], right[order], bits[order]
    is_first = np.ones(len(left), dtype=np.bool_)
    is_first[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    groups = np.cumsum(is_first) - 1
    rules = np.zeros(int(groups[-1]) + 1, dtype=np.int32)
    np.bitwise_or.at(rules, groups, bits)
    chosen = order[is_first]
    left, right = left[is_first], right[is_first]
    scores = np.concatenate([p.scores for p in parts])[chosen]
    levels = np.concatenate([p.levels for p in parts])[chosen]
    places = range(0, len(left), GIVEN_AT_ONCE)
    marks = pool.map(lambda p: mark_rules(keys, left[p : p + GIVEN_AT_ONCE], right[p : p + GIVEN_AT_ONCE]), places)
    return Pairs(left, right, scores, levels, rules | np.concatenate(list(marks)))


def score_given(
    matrix: Matrix, model: Model, left: IntArray, right: IntArray, logs: FloatArray | None = None
) -> tuple[FloatArray, LongArray]:
    """Scores and packed levels of given pairs of record numbers, whatever blocking would say of them."""
    tables = make_tables(matrix, compile_model(model, matrix, logs))
    scores, levels = np.empty(len(left), np.float64), np.empty(len(left), np.int64)
    score_pairs(tables, left.astype(np.int32), right.astype(np.int32), scores, levels)
    return scores, levels


def levels_given(matrix: Matrix, model: Model, left: IntArray, right: IntArray, pool: Executor) -> LongArray:
    """Packed levels of given pairs of record numbers, some at a time in each thread of a pool."""
    unknown = np.zeros((max(len(model.frequency_columns), 1), 1))  # a level does not depend on how common a value is
    tables = make_tables(matrix, compile_model(model, matrix, unknown))
    levels = np.empty(len(left), np.int64)
    jobs = [
        pool.submit(find_levels, tables, left[part], right[part], levels[part])
        for part in (slice(start, start + GIVEN_AT_ONCE) for start in range(0, len(left), GIVEN_AT_ONCE))
    ]
    for job in jobs:
        job.result()
    return levels


def _mark_proposed(
    blocks: Blocks, pairs: Pairs, records: int, rule: int, held: BoolArray, marks: IntArray
) -> BoolArray:
    """Set bit `rule` of `marks` for every pair that the blocks of a rule propose.

    Args:
        held: pairs that a full block of an earlier rule holds: they are not looked for among neighbours again.

    Returns:
        `held`, with the pairs that a full block of this rule holds.
    """
    left, right = blocks.key[pairs.left], blocks.key[pairs.right]
    same = (left != 0) & (left == right)
    proposed = same
    if not blocks.full.all():
        places = window_places(blocks.order, blocks.starts, blocks.full, records)
        first, second = places[pairs.left], places[pairs.right]
        proposed = same | ((first >= 0) & (second >= 0) & (np.abs(first - second) <= WINDOW) & ~held)
    marks[proposed] |= np.int32(1 << rule)
    return np.asarray(held | same, dtype=np.bool_)


def _unite(fresh: Pairs, earlier: Pairs, records: int) -> Pairs:
    """Both tables as one, sorted. They share no pair: only those of `fresh` have a new record."""
    both = Pairs(
        np.concatenate([fresh.left, earlier.left]),
        np.concatenate([fresh.right, earlier.right]),
        np.concatenate([fresh.scores, earlier.scores]),
        np.concatenate([fresh.levels, earlier.levels]),
        np.concatenate([fresh.rules, earlier.rules]),
    )
    return both.take(np.argsort(both.left.astype(np.int64) * records + both.right, kind="stable"))
