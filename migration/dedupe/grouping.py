"""Groups within one component of the graph: the compiled part of clustering.

Enters: a component's records as plain arrays, compiled level sets, limits and guards. Leaves: a group number per
record, and the pairs refused because they fit two groups. Must hold: groups are joined in order of their mean weight,
ties in order of record ids, and no veto holds inside a group. Refuses: to choose between two groups that fit equally
well.
"""

import numpy as np

from migration.dedupe.compiled import (
    BoolArray,
    FloatArray,
    IntArray,
    LongArray,
    compiled,
    compiled_inline,
    compiled_plain,
)
from migration.dedupe.components import ALWAYS
from migration.dedupe.conditions import line_weight
from migration.dedupe.kernel import LEVEL_BITS, Tables, pack_levels, score_pair
from migration.dedupe.program import MOST_COMPARISONS

NEVER = -1e6


@compiled_inline
def any_set_holds(sets: LongArray, packed: np.int64, comparisons: int) -> bool:
    """Whether any combination of levels holds for a pair's packed levels."""
    for row in range(sets.shape[0]):
        holds = True
        for place in range(comparisons):
            mask = sets[row, place]
            if mask != 0 and (mask >> ((packed >> (LEVEL_BITS * place)) & 15)) & 1 == 0:
                holds = False
                break
        if holds:
            return True
    return False


@compiled
def _is_listed(pairs: LongArray, i: int, j: int, records: int) -> bool:
    if len(pairs) == 0:
        return False
    key = np.int64(i) * records + j
    place = np.searchsorted(pairs, key)
    return bool(place < len(pairs) and pairs[place] == key)


@compiled_inline
def _identifiers(verified: IntArray, i: int, j: int) -> int:
    """1 if a verified identifier is equal, -1 if one conflicts, 0 otherwise. A conflict outranks."""
    answer = 0
    for kind in range(verified.shape[1]):
        if verified[i, kind] != 0 and verified[j, kind] != 0:
            if verified[i, kind] != verified[j, kind]:
                return -1
            answer = 1
    return answer


@compiled_inline
def _score_between_relatives(
    relatives: Tables, matching: IntArray, starts: IntArray, i: int, j: int, chosen: IntArray
) -> float:
    """Log2 of the odds that two records of one household are one person and not two relatives.

    The levels are those already `chosen` over the lines that begin at `starts`: only their weights differ.
    """
    rows, _, _, _, lines, numbers, own_starts, logs, prior = relatives
    score = prior
    for comparison in range(len(matching)):
        line = chosen[matching[comparison]] - starts[matching[comparison]]
        score += line_weight(rows, lines, numbers, logs, own_starts[comparison] + line, i, j)
    return float(score)


@compiled_plain
def pair_weight(
    tables: Tables,
    relatives: Tables,
    matching: IntArray,
    i: int,
    j: int,
    vetoes: LongArray,
    cautions: LongArray,
    limits: FloatArray,
    careful: BoolArray,
    verified: IntArray,
    chosen: IntArray,
) -> float:
    """A pair's weight when groups are joined: its score within limits, `NEVER` for a veto, `ALWAYS` for a firm link."""
    rows, chars, offsets, masks, lines, numbers, starts, logs, prior = tables
    score = score_pair(rows, chars, offsets, masks, lines, numbers, starts, logs, prior, i, j, chosen)
    packed = pack_levels(lines, starts, chosen)
    comparisons = len(starts) - 1
    identifiers = _identifiers(verified, i, j)
    if identifiers < 0 or score < limits[1] or any_set_holds(vetoes, packed, comparisons):
        return NEVER
    if identifiers > 0:
        return ALWAYS
    if careful[i] or careful[j]:
        return NEVER
    if score > limits[2] and limits[7] > 0:
        score = min(score, _score_between_relatives(relatives, matching, starts, i, j, chosen))
    if any_set_holds(cautions, packed, comparisons):
        score = min(score, limits[4])
    return float(min(max(score, limits[2]), limits[3]))


@compiled
def group_components(
    tables: Tables,
    relatives: Tables,
    matching: IntArray,
    members: IntArray,
    starts: LongArray,
    first: int,
    last: int,
    found: IntArray,
    vetoes: LongArray,
    cautions: LongArray,
    limits: FloatArray,
    together: LongArray,
    apart: LongArray,
    careful: BoolArray,
    verified: IntArray,
) -> LongArray:
    """Write the groups of consecutive components into `found`; returns the pairs refused as ambiguous."""
    refused = np.zeros(64, dtype=np.int64)
    count = 0
    for component in range(first, last):
        part = members[starts[component] : starts[component + 1]]
        labels, pairs = group_component(
            tables, relatives, matching, part, vetoes, cautions, limits, together, apart, careful, verified
        )
        for place in range(len(part)):
            found[starts[component] + place] = labels[place]
        while count + len(pairs) > len(refused):
            refused = np.concatenate((refused, np.zeros_like(refused)))
        refused[count : count + len(pairs)] = pairs
        count += len(pairs)
    return refused[:count].copy()


@compiled
def group_component(
    tables: Tables,
    relatives: Tables,
    matching: IntArray,
    members: IntArray,
    vetoes: LongArray,
    cautions: LongArray,
    limits: FloatArray,
    together: LongArray,
    apart: LongArray,
    careful: BoolArray,
    verified: IntArray,
) -> tuple[IntArray, LongArray]:
    """Groups of one component: first record of every member's group, and the pairs refused as ambiguous.

    `sums[a, b]` is the total weight of all pairs between groups a and b (`NEVER` or less if any of them is vetoed).
    """
    size = len(members)
    records = tables.rows.shape[0]
    chosen = np.zeros(MOST_COMPARISONS, dtype=np.int32)
    sums = np.zeros((size, size))
    firm = np.zeros((size, size), dtype=np.bool_)
    for a in range(size):
        for b in range(a + 1, size):
            i, j = members[a], members[b]
            weight = pair_weight(tables, relatives, matching, i, j, vetoes, cautions, limits, careful, verified, chosen)
            if _is_listed(apart, i, j, records):
                weight = NEVER
            elif _is_listed(together, i, j, records) or weight == ALWAYS:
                weight = limits[3]
                firm[a, b] = firm[b, a] = True
            sums[a, b] = sums[b, a] = weight
    group = np.arange(size)
    counts = np.ones(size)
    _join_firm(members, sums, firm, group, counts, together, records)
    blocked = np.zeros((size, size), dtype=np.bool_)
    while _join_best(sums, group, counts, blocked, limits):
        pass
    return _describe_groups(members, group, blocked, records)


@compiled
def _merge_groups(sums: FloatArray, group: LongArray, counts: FloatArray, a: int, b: int) -> None:
    """Put group b into group a; a < b, so a group is named by its first member."""
    size = len(group)
    for other in range(size):
        if group[other] == b:
            group[other] = a
    for other in range(size):
        if other not in (a, b):
            sums[a, other] += sums[b, other]
            sums[other, a] = sums[a, other]
    counts[a] += counts[b]
    counts[b] = 0


@compiled
def _join_firm(
    members: IntArray,
    sums: FloatArray,
    firm: BoolArray,
    group: LongArray,
    counts: FloatArray,
    together: LongArray,
    records: int,
) -> None:
    """Join what judgements say first, then what verified identifiers say unless a veto stands between the groups."""
    size = len(group)
    for judged in (True, False):
        for a in range(size):
            for b in range(a + 1, size):
                if not firm[a, b] or judged != _is_listed(together, members[a], members[b], records):
                    continue
                first, second = min(group[a], group[b]), max(group[a], group[b])
                if first == second:
                    continue
                if judged:
                    if sums[first, second] < NEVER * 0.5:
                        sums[first, second] = sums[second, first] = 0.0
                    _merge_groups(sums, group, counts, first, second)
                elif sums[first, second] > NEVER * 0.5:
                    _merge_groups(sums, group, counts, first, second)


@compiled
def _mean(sums: FloatArray, counts: FloatArray, a: int, b: int) -> float:
    return float(sums[a, b] / (counts[a] * counts[b]))


@compiled
def _join_best(sums: FloatArray, group: LongArray, counts: FloatArray, blocked: BoolArray, limits: FloatArray) -> bool:
    """Join the two groups with the highest mean, or refuse them as ambiguous; False when none is left."""
    size = len(group)
    best = limits[0]
    first, second = -1, -1
    for a in range(size):
        if counts[a] > 0:
            for b in range(a + 1, size):
                if counts[b] > 0 and not blocked[a, b] and counts[a] + counts[b] <= limits[6]:
                    mean = _mean(sums, counts, a, b)
                    if mean > best + 1e-9 or (first < 0 and mean >= best):
                        best, first, second = mean, a, b
    if first < 0:
        return False
    rival = _find_rival(sums, counts, first, second, best, limits)
    if rival < 0:
        _merge_groups(sums, group, counts, first, second)
        for other in range(size):
            blocked[first, other] |= blocked[second, other]
            blocked[other, first] = blocked[first, other]
    else:
        blocked[first, second] = blocked[second, first] = True
    return True


@compiled
def _find_rival(sums: FloatArray, counts: FloatArray, a: int, b: int, best: float, limits: FloatArray) -> int:
    """A group that fits a (or b) about as well as the other does, but not the other; -1 if there is none."""
    for rival in range(len(counts)):
        if rival in (a, b) or counts[rival] == 0:
            continue
        for inner, outer in ((a, b), (b, a)):
            fits = _mean(sums, counts, inner, rival)
            if fits >= max(limits[0], best - limits[5]) and _mean(sums, counts, outer, rival) < limits[2]:
                return rival
    return -1


@compiled
def _describe_groups(
    members: IntArray, group: LongArray, blocked: BoolArray, records: int
) -> tuple[IntArray, LongArray]:
    size = len(group)
    labels = np.empty(size, dtype=np.int32)
    for a in range(size):
        labels[a] = members[group[a]]
    pairs = np.zeros(size * (size - 1) // 2, dtype=np.int64)
    count = 0
    for a in range(size):
        for b in range(a + 1, size):
            if group[a] != group[b] and blocked[group[a], group[b]]:
                pairs[count] = np.int64(members[a]) * records + members[b]
                count += 1
    return labels, pairs[:count].copy()
