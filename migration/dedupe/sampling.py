"""Pairs to learn from: those of evenly spaced small blocks.

Enters: the blocks of a rule. Leaves: pairs of record numbers. Must hold: the same blocks give the same pairs, at most
about `TRAINING_PAIRS` of them. Refuses: large blocks, whose pairs are mostly strangers.
"""

import numpy as np

from migration.dedupe.blocking import Blocks
from migration.dedupe.compiled import IntArray

TRAINING_PAIRS = 100_000
LARGEST_SAMPLED = 50


def sample_pairs(blocks: Blocks) -> tuple[IntArray, IntArray]:
    """Up to `TRAINING_PAIRS` pairs of a rule: every pair of evenly spaced small blocks."""
    sizes = np.diff(blocks.starts)
    usable = np.flatnonzero(blocks.full & (sizes <= LARGEST_SAMPLED))
    costs = sizes[usable] * (sizes[usable] - 1) // 2
    step = max(int(np.ceil(costs.sum() / TRAINING_PAIRS)), 1)
    left: list[IntArray] = []
    right: list[IntArray] = []
    for size in np.unique(sizes[usable][::step]):
        chosen = usable[::step][sizes[usable][::step] == size]
        members = blocks.order[blocks.starts[chosen][:, None] + np.arange(size)[None, :]]
        first, second = np.triu_indices(int(size), 1)
        left.append(members[:, first].ravel())
        right.append(members[:, second].ravel())
    if not left:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    return np.concatenate(left), np.concatenate(right)
