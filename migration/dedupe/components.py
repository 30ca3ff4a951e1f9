"""Connected components of the graph of pairs, none too large.

Enters: scored pairs, what judgements and verified identifiers hold together. Leaves: the records of every component of
two and more. Must hold: a function of the set of pairs: a component that is too large is parted by a rising threshold,
for its own records only. Refuses: what no threshold parts; of its records only those judged to be one person stay
together, and it is named as an alarm.
"""

import numpy as np

from migration.dedupe.candidates import Pairs
from migration.dedupe.compiled import BoolArray, FloatArray, IntArray, LongArray, compiled
from migration.dedupe.model import Model

STEP = 1.0
HIGHEST_STEP = 60.0
ALWAYS = 1e6


@compiled
def _root(parents: IntArray, record: int) -> int:
    while parents[record] != record:
        parents[record] = parents[parents[record]]
        record = parents[record]
    return record


@compiled
def _join(parents: IntArray, left: IntArray, right: IntArray, scores: FloatArray, at_least: float) -> None:
    """Join the ends of every pair that weighs enough; the smaller record number is the root."""
    for pair in range(len(left)):
        if scores[pair] >= at_least:
            a, b = _root(parents, left[pair]), _root(parents, right[pair])
            if a < b:
                parents[b] = a
            elif b < a:
                parents[a] = b


@compiled
def _roots(parents: IntArray) -> IntArray:
    roots = np.empty_like(parents)
    for record in range(len(parents)):
        roots[record] = _root(parents, record)
    return roots


def connected(records: int, left: IntArray, right: IntArray, scores: FloatArray, at_least: float) -> IntArray:
    """First record of every record's connected component, over pairs that weigh `at_least`."""
    parents = np.arange(records, dtype=np.int32)
    _join(parents, left, right, scores, at_least)
    return np.asarray(_roots(parents), dtype=np.int32)


def find_components(
    records: int, pairs: Pairs, model: Model, together: LongArray, verified: IntArray, pseudo: BoolArray
) -> tuple[IntArray, LongArray, IntArray]:
    """Components of two and more records, none larger than `largest_component`.

    A larger component is parted by raising the threshold a bit at a time, for its own records only. Pairs judged to be
    one person, and pairs with an equal verified identifier, hold at every threshold.

    Returns:
        Members, component after component, each in record order; the first places and the end; first records of the
        components that no threshold parts.
    """
    links = (
        [together // records, *_identifier_links(verified)[:1]],
        [together % records, *_identifier_links(verified)[1:]],
    )
    firm_left, firm_right = (np.concatenate(part).astype(np.int32) for part in links)
    left, right = np.concatenate([pairs.left, firm_left]), np.concatenate([pairs.right, firm_right])
    scores = np.concatenate([pairs.scores, np.full(len(firm_left), ALWAYS)])
    keep = (scores >= model.thresholds.cohesion) & ~pseudo[left] & ~pseudo[right]
    left, right, scores = left[keep], right[keep], scores[keep]
    threshold = model.thresholds.cohesion
    root = connected(records, left, right, scores, threshold)
    while True:
        sizes = np.bincount(root, minlength=records)
        is_large = sizes[root] > model.thresholds.largest_component
        if not is_large.any() or threshold > HIGHEST_STEP:
            break
        threshold += STEP
        inside = is_large[left]
        left_in, right_in, scores_in = left[inside], right[inside], scores[inside]
        higher = connected(records, left_in, right_in, scores_in, threshold)
        root = np.where(is_large, higher, root).astype(np.int32)
        same = root[left] == root[right]
        left, right, scores = left[same], right[same], scores[same]
    alarms = np.unique(root[is_large]).astype(np.int32)
    # What people judged to be one person holds even there.
    ends = (together // max(records, 1)).astype(np.int32), (together % max(records, 1)).astype(np.int32)
    judged = connected(records, *ends, np.zeros(len(together)), 0.0)
    root = np.where(is_large, judged, root).astype(np.int32)
    sizes = np.bincount(root, minlength=records)
    usable = np.flatnonzero(sizes[root] > 1).astype(np.int32)
    members = usable[np.argsort(root[usable], kind="stable")]
    edges = np.flatnonzero(np.diff(root[members])) + 1
    starts = np.concatenate([[0], edges, [len(members)]]).astype(np.int64) if len(members) else np.zeros(1, np.int64)
    return members, starts, alarms


def _identifier_links(verified: IntArray) -> tuple[LongArray, LongArray]:
    """Pairs that chain together the records with an equal verified identifier."""
    left, right = [], []
    for kind in range(verified.shape[1]):
        known = np.flatnonzero(verified[:, kind])
        order = known[np.argsort(verified[known, kind], kind="stable")]
        same = verified[order[1:], kind] == verified[order[:-1], kind]
        left.append(order[:-1][same])
        right.append(order[1:][same])
    return np.concatenate(left).astype(np.int64), np.concatenate(right).astype(np.int64)
