"""The other alternative: two people of one household.

Enters: a `Matrix`, a trained `Model`. Leaves: the model with a `Household`: how often each level is seen between two
relatives under one roof, and the odds that two records of one surname and one home are one person. Must hold: learned
from the records without labels, by expectation-maximisation over pairs that share surname and home, with m held as
trained. Refuses: to learn from fewer than `LEAST_RELATIVES` expected pairs of relatives; the model is left without.

Fellegi and Sunter weigh "one person" against "two strangers" and take comparisons as independent. Relatives break
that: surname, home and place of birth agree together, and no score over strangers sees it. So a pair is also weighed
against relatives, and counts what the less favourable of the two says. Forenames and births of relatives are taken to
agree no more than those of strangers: learned freely, badly recorded pairs of one person would pass for relatives.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from migration.dedupe.blocking import Rule, build_blocks, content_ranks
from migration.dedupe.candidates import RANK_COLUMNS, score_given
from migration.dedupe.compiled import FloatArray, LongArray
from migration.dedupe.kernel import LEVEL_BITS
from migration.dedupe.matrix import Matrix
from migration.dedupe.model import Comparison, Household, Model
from migration.dedupe.sampling import sample_pairs

HOMES = ("uprn", "postcode", "address", "place_of_birth")
"""Columns that with the surname say who lives together, the most exact first; the fullest of them is used."""
LEAST_RELATIVES = 200.0
LEAST_KNOWN = 0.3
"""A home column is used where at least this share of records has it."""
PRIOR_PAIRS = 20.0
"""Pairs of strangers that every level starts with, so that a level seen once between relatives is no certainty."""
PERSONAL = frozenset({"forename", "birth"})
"""What tells relatives apart, so that the rest can be learned."""
ROUNDS = 60
SETTLED = 1e-6
SMALLEST = 1e-7


def with_household(matrix: Matrix, model: Model, logs: FloatArray) -> Model:
    """The model with what its records say of relatives; unchanged where too few live together."""
    rule = _household_rule(matrix)
    if rule is None:
        return replace(model, household=None)
    rank = content_ranks(matrix, RANK_COLUMNS)
    left, right = sample_pairs(build_blocks(matrix, rule, rank))
    if not len(left):
        return replace(model, household=None)
    _, packed = score_given(matrix, model, left, right, logs)
    free = tuple(c for c in model.comparisons if not c.own_columns & frozenset(rule.columns))
    places = [model.comparisons.index(c) for c in free]
    share, chances = _expect_and_maximise(free, places, packed)
    if (1.0 - share) * len(left) < LEAST_RELATIVES:
        return replace(model, household=None)
    found = {
        c.name: {level.name: float(u) for level, u in zip(c.levels, chance, strict=True) if not level.is_missing}
        for c, chance in zip(free, chances, strict=True)
    }
    return replace(model, household=Household(float(np.log2(share / (1.0 - share))), found))


def _household_rule(matrix: Matrix) -> Rule | None:
    if "surname" not in matrix.columns:
        return None
    for column in HOMES:
        if column in matrix.columns and float((matrix.column(column) != 0).mean()) >= LEAST_KNOWN:
            return Rule("household", ("surname", column))
    return None


def _expect_and_maximise(
    comparisons: Sequence[Comparison], places: Sequence[int], packed: LongArray
) -> tuple[float, list[FloatArray]]:
    """Share of pairs that are one person, and u of every level between the rest; m is held."""
    patterns, counts = np.unique(packed, return_counts=True)
    levels = [((patterns >> (LEVEL_BITS * place)) & 15).astype(np.int64) for place in places]
    real = [np.asarray([not level.is_missing for level in c.levels]) for c in comparisons]
    shares = [np.asarray([level.m or 0.0 for level in c.levels]) for c in comparisons]
    strangers = [np.asarray([level.u or 0.0 for level in c.levels]) for c in comparisons]
    chances = [u.copy() for u in strangers]
    share = 0.5
    for _ in range(ROUNDS):
        odds = np.full(len(patterns), np.log2(share / (1.0 - share)))
        for at, known, m, u in zip(levels, real, shares, chances, strict=True):
            weight = np.where(known, np.log2(np.maximum(m, SMALLEST) / np.maximum(u, SMALLEST)), 0.0)
            odds += weight[at]
        others = counts / (1.0 + np.exp2(np.clip(odds, -60, 60)))
        new_share = float(np.clip(1.0 - others.sum() / counts.sum(), 1e-6, 1.0 - 1e-6))
        for number, at in enumerate(levels):
            if comparisons[number].name in PERSONAL:
                continue
            seen = np.bincount(at, weights=others, minlength=len(real[number])) + PRIOR_PAIRS * strangers[number]
            seen = np.where(real[number], seen, 0.0)
            chances[number] = np.asarray(seen / seen.sum(), dtype=np.float64)
        settled = abs(new_share - share) < SETTLED
        share = new_share
        if settled:
            break
    return share, chances
