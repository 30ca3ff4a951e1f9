"""Golden nominals from scored pairs: a function of the whole graph.

Enters: a `Matrix`, a `Model`, candidate pairs, `Guards` (what must and must not be one person). Leaves: a cluster
number per record, and the pairs refused because they fit two people. Must hold: the result depends on the set of
records, the model and the guards only: components are parted, then groups are joined in order of their mean weight,
ties in order of record ids. Every pair inside a cluster has been scored and weighs at least `support`, or a person said
so; no veto holds inside a cluster. Refuses: to join by a single bridge (the mean counts every pair), to choose between
two people who fit equally well, and to grow a cluster beyond `largest_cluster`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from migration.dedupe.candidates import Pairs
from migration.dedupe.compiled import BoolArray, FloatArray, IntArray, LongArray, compiled
from migration.dedupe.components import ALWAYS, find_components
from migration.dedupe.kernel import LEVEL_BITS, Tables, make_tables, pack_levels, score_pair
from migration.dedupe.matrix import Matrix
from migration.dedupe.model import LevelSet, Model
from migration.dedupe.program import MOST_COMPARISONS, compile_model

NEVER = -1e6
CHUNK_RECORDS = 20_000


def _no_pairs() -> LongArray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Guards:
    """What outranks scores. Pairs are `left * records + right` of record numbers, left < right, sorted.

    Attributes:
        together: pairs that are one person: judged so.
        apart: pairs that are not: judged so.
        careful: records that only a verified identifier or a judgement may link (protected, under 18).
        pseudo: records that are not a person; they stay alone.
        verified: per record and kind of identifier, the code of its verified value, 0 for none.
    """

    together: LongArray = field(default_factory=_no_pairs)
    apart: LongArray = field(default_factory=_no_pairs)
    careful: BoolArray | None = None
    pseudo: BoolArray | None = None
    verified: IntArray | None = None


@dataclass(frozen=True)
class Clusters:
    """Cluster of every record, as the number of its first record; refused pairs as `left * records + right`, sorted.

    `alarms` are the first records of components that no threshold could part, whose records stay alone.
    """

    of: IntArray
    ambiguous: LongArray
    alarms: IntArray


def cluster_records(matrix: Matrix, model: Model, pairs: Pairs, guards: Guards, threads: int) -> Clusters:
    """Clusters of all records of a matrix."""
    records = len(matrix)
    careful = guards.careful if guards.careful is not None else np.zeros(records, np.bool_)
    pseudo = guards.pseudo if guards.pseudo is not None else np.zeros(records, np.bool_)
    verified = guards.verified if guards.verified is not None else np.zeros((records, 1), np.int32)
    members, starts, alarms = find_components(records, pairs, model, guards.together, verified, pseudo)
    tables = make_tables(matrix, compile_model(model, matrix))
    rules = _Rules(compile_level_sets(model, model.vetoes), compile_level_sets(model, model.cautions), _limits(model))
    found = members.copy()
    jobs = list(_chunks(starts))
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        done = list(
            pool.map(
                lambda job: _cluster_chunk(tables, members, starts, job, rules, guards, careful, verified, found), jobs
            )
        )
    of = np.arange(records, dtype=np.int32)
    of[members] = found
    ambiguous = np.unique(np.concatenate(done)) if done else _no_pairs()
    return Clusters(of, ambiguous, alarms)


@dataclass(frozen=True)
class _Rules:
    vetoes: LongArray
    cautions: LongArray
    limits: FloatArray


def _limits(model: Model) -> FloatArray:
    t = model.thresholds
    return np.asarray([t.cohesion, t.support, t.lowest, t.highest, t.caution, t.margin, float(t.largest_cluster)])


def compile_level_sets(model: Model, combinations: Sequence[LevelSet]) -> LongArray:
    """Per combination and comparison, a bit mask of the levels named; 0 where any will do; none if it cannot hold."""
    names = [c.name for c in model.comparisons]
    rows = []
    for combination in combinations:
        if not set(combination.levels) <= set(names):
            continue
        row = np.zeros(MOST_COMPARISONS, dtype=np.int64)
        for place, comparison in enumerate(model.comparisons):
            for number, level in enumerate(comparison.levels):
                if level.name in combination.levels.get(comparison.name, ()):
                    row[place] |= 1 << number
        rows.append(row)
    return np.asarray(rows, dtype=np.int64) if rows else np.zeros((0, MOST_COMPARISONS), dtype=np.int64)


@compiled
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


def _chunks(starts: LongArray) -> list[tuple[int, int]]:
    if len(starts) < 2:
        return []
    edges = np.searchsorted(starts, np.arange(0, starts[-1], CHUNK_RECORDS))
    cuts = np.unique(np.concatenate([edges, [len(starts) - 1]]))
    return [(int(a), int(b)) for a, b in pairwise(cuts)]


# ---------------------------------------------------------------- groups inside a component


def _cluster_chunk(
    tables: Tables,
    members: IntArray,
    starts: LongArray,
    job: tuple[int, int],
    rules: _Rules,
    guards: Guards,
    careful: BoolArray,
    verified: IntArray,
    found: IntArray,
) -> LongArray:
    return np.asarray(
        group_components(
            tables,
            members,
            starts,
            *job,
            found,
            rules.vetoes,
            rules.cautions,
            rules.limits,
            guards.together,
            guards.apart,
            careful,
            verified,
        )
    )


@compiled
def _is_listed(pairs: LongArray, i: int, j: int, records: int) -> bool:
    if len(pairs) == 0:
        return False
    key = np.int64(i) * records + j
    place = np.searchsorted(pairs, key)
    return bool(place < len(pairs) and pairs[place] == key)


@compiled
def _identifiers(verified: IntArray, i: int, j: int) -> int:
    """1 if a verified identifier is equal, -1 if one conflicts, 0 otherwise. A conflict outranks."""
    answer = 0
    for kind in range(verified.shape[1]):
        if verified[i, kind] != 0 and verified[j, kind] != 0:
            if verified[i, kind] != verified[j, kind]:
                return -1
            answer = 1
    return answer


@compiled
def pair_weight(
    tables: Tables,
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
    score = score_pair(rows, chars, offsets, masks, lines, numbers, starts, logs, prior, i, j, -1e9, chosen)
    packed = pack_levels(lines, starts, chosen)
    comparisons = len(starts) - 1
    identifiers = _identifiers(verified, i, j)
    if identifiers < 0 or score < limits[1] or any_set_holds(vetoes, packed, comparisons):
        return NEVER
    if identifiers > 0:
        return ALWAYS
    if careful[i] or careful[j]:
        return NEVER
    if any_set_holds(cautions, packed, comparisons):
        score = min(score, limits[4])
    return float(min(max(score, limits[2]), limits[3]))


@compiled
def group_components(
    tables: Tables,
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
        labels, pairs = group_component(tables, part, vetoes, cautions, limits, together, apart, careful, verified)
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
            weight = pair_weight(tables, i, j, vetoes, cautions, limits, careful, verified, chosen)
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
