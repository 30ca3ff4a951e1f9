"""Weights learned without labels.

Enters: a `Matrix`, an untrained `Model`, blocking rules. Leaves: the model with u from pairs drawn at random, m by
expectation-maximisation over pairs that share a blocking value, the prior from what those imply, term frequencies, and
what relatives look like (`household.py`).
Must hold: the same records give the same weights, whatever their order: pairs are drawn by a fixed generator over
records in key order. Work is capped: at most `RANDOM_PAIRS` random pairs and `TRAINING_PAIRS` per rule. Refuses
nothing: a comparison that no rule can train keeps its starting weights.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from migration.dedupe.blocking import Rule, build_blocks, content_ranks
from migration.dedupe.candidates import RANK_COLUMNS, levels_given
from migration.dedupe.compiled import FloatArray, IntArray, LongArray
from migration.dedupe.household import with_household
from migration.dedupe.kernel import LEVEL_BITS
from migration.dedupe.levels import IDENTIFIER, names_alone, unless_identified
from migration.dedupe.matrix import Matrix, count_shares, name_shares, share_weights
from migration.dedupe.model import Comparison, LevelSet, Model
from migration.dedupe.program import frequency_table, keep_frequencies
from migration.dedupe.sampling import sample_pairs

RANDOM_PAIRS = 500_000
LEAST_PAIRS = 50
"""A rule with fewer pairs to learn from teaches nothing."""
ROUNDS = 40
SETTLED = 1e-5
SMALLEST_M, SMALLEST_U = 1e-6, 1e-7
START_SHARE = 1e-3
"""How much of the starting weights stays in learned ones: enough for levels that are never seen, no more."""
PURITY_POWER = 20
COMMON_OUTCOME = 0.02
"""A caution that more of the true pairs would raise says more about the recording than about the people."""
SEED = 20260921
PERSONAL = frozenset({"forename", "dob", "phone"})
"""Columns that tell one member of a household from another."""
DERIVED_FROM = {"surname_sound": "surname", "forename_initial": "forename"}
"""A rule on a column made from another tells nothing about that other one."""


def train_model(matrix: Matrix, model: Model, rules: Sequence[Rule], threads: int = 1) -> Model:
    """The model with weights and term frequencies learned from the records."""
    columns = model.frequency_columns
    shares_of = {c: count_shares(matrix, c) for c in columns}
    unseen = {c: 1.0 / max(int((matrix.column(c) != 0).sum()), 2) for c in columns}
    model = replace(model, unseen=unseen)
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        trained = _with_levels(model, estimate_chances(matrix, model, pool), None)
        named = pool.submit(lambda: {c: name_shares(matrix, *shares) for c, shares in shares_of.items()})
        shares, prior = estimate_shares(matrix, trained, personal_rules(rules), pool)
        frequencies = named.result()
    trained = replace(_with_levels(trained, None, shares), frequencies=frequencies)
    weights = [share_weights(*shares_of[c], unseen[c], len(matrix.pool.values) + 1) for c in columns]
    keep_frequencies(trained, matrix, np.asarray(weights) if weights else np.zeros((1, 1)))
    cautions = _telling(trained, (*model.vetoes, *model.cautions))
    trained = replace(trained, prior=prior, name="trained", vetoes=(), cautions=cautions)
    return with_household(matrix, trained, frequency_table(trained, matrix))


def personal_rules(rules: Sequence[Rule]) -> Sequence[Rule]:
    """The rules that relatives do not pass; all of them where there is none.

    Where everybody of one home shares a block, people and relatives look like one kind, and the block like a pure one.
    """
    return [r for r in rules if any(c in PERSONAL or c.startswith(IDENTIFIER) for c in r.columns)] or rules


def _telling(model: Model, combinations: Sequence[LevelSet]) -> tuple[LevelSet, ...]:
    """The combinations of levels that are rare among true pairs. Learned data may be full of errors: none is a veto."""
    shares = {c.name: {level.name: level.m or 0.0 for level in c.levels} for c in model.comparisons}
    kept = []
    silent = names_alone(model.comparisons)
    for combination in combinations:
        if combination.name == silent.name:
            continue
        if set(combination.levels) <= set(shares):
            outcomes = {c: levels for c, levels in combination.levels.items() if not c.startswith(IDENTIFIER)}
            parts = [sum(shares[c][level] for level in levels) for c, levels in outcomes.items()]
            if math.prod(parts) <= COMMON_OUTCOME:
                kept.append(unless_identified(combination, model.comparisons))
    return (*kept, silent)


def level_counts(model: Model, packed: LongArray, weights: FloatArray | None = None) -> list[FloatArray]:
    """Weighted count of every level of every comparison over pairs."""
    counts = []
    for place, comparison in enumerate(model.comparisons):
        level = (packed >> (LEVEL_BITS * place)) & 15
        counts.append(np.bincount(level, weights=weights, minlength=len(comparison.levels)).astype(np.float64))
    return counts


def estimate_chances(matrix: Matrix, model: Model, pool: Executor) -> list[FloatArray]:
    """U of every level: its share among random pairs in which the comparison has something to compare."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    records = len(matrix)
    wanted = min(RANDOM_PAIRS, records * (records - 1) // 2)
    left = generator.integers(0, records, wanted).astype(np.int32)
    right = generator.integers(0, records, wanted).astype(np.int32)
    keep = left != right
    packed = levels_given(matrix, model, left[keep], right[keep], pool)
    chances = []
    for comparison, counts in zip(model.comparisons, level_counts(model, packed), strict=True):
        chances.append(_shares(comparison, counts, [level.u for level in comparison.levels]))
    return chances


def _shares(comparison: Comparison, counts: FloatArray, start: Sequence[float | None]) -> FloatArray:
    """Shares of the levels that are not "missing", mixed with a little of the starting ones.

    A level that the records do not have (an initial, an alias) so keeps about its starting weight, instead of one that
    only says how many pairs were drawn.
    """
    real = np.asarray([not level.is_missing for level in comparison.levels])
    first = np.where(real, np.asarray([s or 0.0 for s in start]), 0.0)
    seen = np.where(real, counts, 0.0)
    share = seen / seen.sum() if seen.sum() > 0 else first / first.sum()
    return np.asarray((1.0 - START_SHARE) * share + START_SHARE * first / first.sum(), dtype=np.float64)


def estimate_shares(
    matrix: Matrix, model: Model, rules: Sequence[Rule], pool: Executor
) -> tuple[list[FloatArray], float]:
    """M of every level, averaged over the rules that can train it, and the prior weight of a random pair."""
    rank = content_ranks(matrix, RANK_COLUMNS)
    total: list[FloatArray] = [np.zeros(len(c.levels)) for c in model.comparisons]
    evidence = np.zeros(len(model.comparisons))
    most_matches = 1.0
    jobs = [pool.submit(_draw_pairs, matrix, rule, rank) for rule in rules]
    for rule, job in zip(rules, jobs, strict=True):
        left, right, proposed = job.result()
        if len(left) < LEAST_PAIRS:
            continue
        packed = levels_given(matrix, model, left, right, pool)
        fixed = set(rule.columns) | {DERIVED_FROM[c] for c in rule.columns if c in DERIVED_FROM}
        free = [not (c.own_columns & fixed) for c in model.comparisons]
        shares, share_of_matches = expect_and_maximise(model, packed, free)
        matches = share_of_matches * proposed
        most_matches = max(most_matches, matches)
        for place, is_free in enumerate(free):
            if is_free:
                # The purer a rule's pairs, the more it is believed: in a loose rule, relatives pass for matches.
                belief = share_of_matches**PURITY_POWER
                total[place] += belief * shares[place]
                evidence[place] += belief
    pairs = len(matrix) * (len(matrix) - 1) / 2
    prior = float(np.log2(most_matches / pairs)) if pairs else model.prior
    return [t / e if e > 0 else np.zeros(0) for t, e in zip(total, evidence, strict=True)], prior


def _draw_pairs(matrix: Matrix, rule: Rule, rank: Callable[[], IntArray]) -> tuple[IntArray, IntArray, int]:
    """Pairs of a rule to learn from, and how many it proposes."""
    blocks = build_blocks(matrix, rule, rank)
    return *sample_pairs(blocks), blocks.pairs


def expect_and_maximise(model: Model, packed: LongArray, free: Sequence[bool]) -> tuple[list[FloatArray], float]:
    """M of every level and the share of matches among the pairs, u held; comparisons that are not free are left out."""
    patterns, counts = np.unique(packed, return_counts=True)
    places = [i for i, is_free in enumerate(free) if is_free]
    levels = {i: ((patterns >> (LEVEL_BITS * i)) & 15).astype(np.int64) for i in places}
    shares = [np.asarray([level.m or 0.0 for level in c.levels]) for c in model.comparisons]
    chances = [np.asarray([level.u or 0.0 for level in c.levels]) for c in model.comparisons]
    share = 0.3
    for _ in range(ROUNDS):
        odds = np.full(len(patterns), np.log2(share / (1.0 - share)))
        for i in places:
            real = np.asarray([not level.is_missing for level in model.comparisons[i].levels])
            weight = np.where(
                real, np.log2(np.maximum(shares[i], SMALLEST_M) / np.maximum(chances[i], SMALLEST_U)), 0.0
            )
            odds += weight[levels[i]]
        probability = 1.0 / (1.0 + np.exp2(-np.clip(odds, -60, 60)))
        belief = probability * counts
        new_share = float(np.clip(belief.sum() / counts.sum(), 1e-6, 1 - 1e-6))
        for i in places:
            found = np.bincount(levels[i], weights=belief, minlength=len(shares[i])).astype(np.float64)
            shares[i] = _shares(model.comparisons[i], found, [level.m for level in model.comparisons[i].levels])
        settled = abs(new_share - share) < SETTLED
        share = new_share
        if settled:
            break
    return shares, share


def _with_levels(model: Model, chances: Sequence[FloatArray] | None, shares: Sequence[FloatArray] | None) -> Model:
    """The model with u and m of its levels, where they are given and a rule could train them."""
    comparisons = []
    for place, comparison in enumerate(model.comparisons):
        levels = []
        for number, level in enumerate(comparison.levels):
            if level.is_missing:
                levels.append(level)
                continue
            m = shares[place][number] if shares is not None and len(shares[place]) else level.m
            u = chances[place][number] if chances is not None else level.u
            levels.append(replace(level, m=max(float(m or 0.0), SMALLEST_M), u=max(float(u or 0.0), SMALLEST_U)))
        comparisons.append(replace(comparison, levels=tuple(levels)))
    return replace(model, comparisons=tuple(comparisons))
