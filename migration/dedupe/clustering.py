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
from migration.dedupe.compiled import BoolArray, FloatArray, IntArray, LongArray
from migration.dedupe.components import find_components
from migration.dedupe.grouping import group_components
from migration.dedupe.kernel import Tables, make_tables
from migration.dedupe.matrix import Matrix
from migration.dedupe.model import LevelSet, Model
from migration.dedupe.program import MOST_COMPARISONS, compile_model

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

    `alarms` are the first records of components that no threshold could part, whose records stay alone. `component` is
    the number of the first record of every record's component: records of different ones never share a cluster.
    """

    of: IntArray
    ambiguous: LongArray
    alarms: IntArray
    component: IntArray

    def renumber(self, places: IntArray, records: int) -> "Clusters":
        """The clusters with record numbers as they are in a larger set; -1 for its other records."""
        of, component = np.full(records, -1, dtype=np.int32), np.full(records, -1, dtype=np.int32)
        of[places] = places[self.of]
        component[places] = places[self.component]
        left, right = places[self.ambiguous // len(places)], places[self.ambiguous % len(places)]
        return Clusters(of, left.astype(np.int64) * records + right, places[self.alarms], component)


def cluster_records(
    matrix: Matrix, model: Model, pairs: Pairs, guards: Guards, threads: int, earlier: Clusters | None = None
) -> Clusters:
    """Clusters of all records of a matrix.

    Args:
        earlier: clusters of some of the records by this model and these guards, renumbered: a component that has
            neither gained nor lost a record is taken from them.
    """
    records = len(matrix)
    careful = guards.careful if guards.careful is not None else np.zeros(records, np.bool_)
    pseudo = guards.pseudo if guards.pseudo is not None else np.zeros(records, np.bool_)
    verified = guards.verified if guards.verified is not None else np.zeros((records, 1), np.int32)
    members, starts, alarms = find_components(records, pairs, model, guards.together, verified, pseudo)
    of, component = np.arange(records, dtype=np.int32), np.arange(records, dtype=np.int32)
    component[members] = np.repeat(members[starts[:-1]], np.diff(starts))
    kept = _no_pairs()
    if earlier is not None:
        same = _same_components(members, starts, earlier)
        within = np.repeat(same, np.diff(starts))
        of[members[within]] = earlier.of[members[within]]
        unchanged = np.zeros(records, dtype=np.bool_)
        unchanged[members[within]] = True
        kept = earlier.ambiguous[unchanged[earlier.ambiguous // max(records, 1)]]
        members, starts = members[~within], np.concatenate([[0], np.cumsum(np.diff(starts)[~same])]).astype(np.int64)
    tables = make_tables(matrix, compile_model(model, matrix))
    between = model.against_relatives()
    relatives = make_tables(matrix, compile_model(between, matrix)) if between else tables
    matching = _match_comparisons(model, between) if between else np.zeros(0, dtype=np.int32)
    rules = _Rules(compile_level_sets(model, model.vetoes), compile_level_sets(model, model.cautions), _limits(model))
    found = members.copy()
    jobs = list(_chunks(starts))
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        done = list(
            pool.map(
                lambda job: _cluster_chunk(
                    tables, relatives, matching, members, starts, job, rules, guards, careful, verified, found
                ),
                jobs,
            )
        )
    of[members] = found
    return Clusters(of, np.unique(np.concatenate([kept, *done])), alarms, component)


def _same_components(members: IntArray, starts: LongArray, earlier: Clusters) -> BoolArray:
    """Which components hold the very records of an earlier one."""
    if len(starts) < 2:
        return np.zeros(0, dtype=np.bool_)
    sizes = np.diff(starts)
    before = earlier.component[members]
    first = before[starts[:-1]]
    alike = np.logical_and.reduceat(before == np.repeat(first, sizes), starts[:-1])
    old_sizes = np.bincount(earlier.component[earlier.component >= 0], minlength=len(earlier.component))
    return np.asarray(alike & (first >= 0) & (old_sizes[first] == sizes), dtype=np.bool_)


def _match_comparisons(model: Model, between: Model) -> IntArray:
    """For every comparison of the model against relatives, its number in the model: it has the same lines there."""
    names = [c.name for c in model.comparisons]
    return np.asarray([names.index(c.name) for c in between.comparisons], dtype=np.int32)


@dataclass(frozen=True)
class _Rules:
    vetoes: LongArray
    cautions: LongArray
    limits: FloatArray


def _limits(model: Model) -> FloatArray:
    t = model.thresholds
    knows_relatives = float(model.household is not None)
    limits = [
        t.cohesion,
        t.support,
        t.lowest,
        t.highest,
        t.caution,
        t.margin,
        float(t.largest_cluster),
        knows_relatives,
    ]
    return np.asarray(limits)


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


def _chunks(starts: LongArray) -> list[tuple[int, int]]:
    if len(starts) < 2:
        return []
    edges = np.searchsorted(starts, np.arange(0, starts[-1], CHUNK_RECORDS))
    cuts = np.unique(np.concatenate([edges, [len(starts) - 1]]))
    return [(int(a), int(b)) for a, b in pairwise(cuts)]


# ---------------------------------------------------------------- groups inside a component


def _cluster_chunk(
    tables: Tables,
    relatives: Tables,
    matching: IntArray,
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
            relatives,
            matching,
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
