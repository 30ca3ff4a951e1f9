"""How good clusters and scores are, against truth or review labels.

Enters: cluster and true person per record; optionally a group (division, sex, age band) per record. Leaves: pairwise,
B-cubed and whole-cluster figures with 95 % intervals. Must hold: intervals come from resampling true people, not pairs,
since pairs of one person are not independent (those of clusters are Wilson's); the generator is fixed. Refuses nothing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from migration.dedupe.compiled import FloatArray, LongArray

RESAMPLES = 200
SEED = 20260922


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """Figures of a clustering against truth.

    `cluster_precision` is the share of golden nominals of two records and more (band AUTO) that hold one person.
    """

    records: int
    people: int
    clusters: int
    largest_cluster: int
    largest_person: int
    pair_precision: Figure
    pair_recall: Figure
    pair_f1: Figure
    cubed_precision: Figure
    cubed_recall: Figure
    cubed_f1: Figure
    exact_clusters: Figure
    cluster_precision: Figure


@dataclass(frozen=True)
class _Counts:
    """Per true person: pairs right, linked and true; sums of B-cubed precision and recall; records; whether exact."""

    right: FloatArray
    linked: FloatArray
    true: FloatArray
    precision: FloatArray
    recall: FloatArray
    records: FloatArray
    exact: FloatArray


def _number(values: npt.NDArray[np.generic]) -> LongArray:
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.int64)


def _count(clusters: LongArray, truth: LongArray) -> _Counts:
    people = int(truth.max(initial=-1)) + 1
    cells, overlap = np.unique(truth * (int(clusters.max(initial=0)) + 1) + clusters, return_counts=True)
    person = (cells // (int(clusters.max(initial=0)) + 1)).astype(np.int64)
    cluster = cells % (int(clusters.max(initial=0)) + 1)
    size_of_cluster = np.bincount(clusters)[cluster].astype(np.float64)
    size_of_person = np.bincount(truth)[person].astype(np.float64)
    shared = overlap.astype(np.float64)

    def per_person(values: FloatArray) -> FloatArray:
        return np.bincount(person, weights=values, minlength=people).astype(np.float64)

    sizes = np.bincount(truth, minlength=people).astype(np.float64)
    return _Counts(
        right=per_person(shared * (shared - 1) / 2),
        # A pair that links two people is half of it each person's mistake.
        linked=per_person(shared * (size_of_cluster - 1) / 2),
        true=sizes * (sizes - 1) / 2,
        precision=per_person(shared * shared / size_of_cluster),
        recall=per_person(shared * shared / size_of_person),
        records=sizes,
        exact=per_person(((shared == size_of_cluster) & (shared == size_of_person)).astype(np.float64)),
    )


def _figures(c: _Counts, weight: FloatArray) -> FloatArray:
    def total(values: FloatArray) -> FloatArray:
        return np.asarray(weight @ values, dtype=np.float64)

    def share(part: FloatArray, whole: FloatArray) -> FloatArray:
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 1.0)

    pair_p, pair_r = share(total(c.right), total(c.linked)), share(total(c.right), total(c.true))
    cubed_p, cubed_r = share(total(c.precision), total(c.records)), share(total(c.recall), total(c.records))
    both, cubed = pair_p + pair_r, cubed_p + cubed_r
    exact = share(total(c.exact), weight.sum(axis=-1))
    return np.stack(
        [
            pair_p,
            pair_r,
            share(2 * pair_p * pair_r, both),
            cubed_p,
            cubed_r,
            share(2 * cubed_p * cubed_r, cubed),
            exact,
        ]
    )


def wilson_interval(hits: int, trials: int) -> tuple[float, float, float]:
    """A share and its 95 % interval (Wilson 1927); (0, 0, 1) where nothing was tried."""
    if not trials:
        return 0.0, 0.0, 1.0
    z = 1.959964
    share = hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    return share, max(middle - half, 0.0), min(middle + half, 1.0)


def _cluster_precision(clusters: LongArray, truth: LongArray, of_interest: npt.NDArray[np.bool_] | None) -> Figure:
    """Share of clusters of two records and more that hold one person; 1 where there is none."""
    people = int(truth.max(initial=-1)) + 1
    cells = np.unique(clusters * people + truth)
    persons = np.bincount(cells // max(people, 1), minlength=int(clusters.max(initial=-1)) + 1)
    judged = np.bincount(clusters) > 1
    if of_interest is not None:
        judged &= np.bincount(clusters, weights=of_interest) > 0
    if not judged.any():
        return Figure(1.0, 0.0, 1.0)
    return Figure(*wilson_interval(int((persons[judged] == 1).sum()), int(judged.sum())))


def evaluate_clusters(
    clusters: npt.NDArray[np.generic], truth: npt.NDArray[np.generic], of_interest: npt.NDArray[np.bool_] | None = None
) -> Evaluation:
    """Figures of a clustering.

    Args:
        clusters: cluster of every record. truth: true person of every record.
        of_interest: judge only people with a record marked here (for figures by group); None for all.
    """
    cluster_numbers, people = _number(clusters), _number(truth)
    counts = _count(cluster_numbers, people)
    if of_interest is not None:
        chosen = np.bincount(people, weights=of_interest, minlength=len(counts.records)) > 0
        counts = _Counts(*(getattr(counts, f)[chosen] for f in _Counts.__dataclass_fields__))
    judged = len(counts.records)
    values = _figures(counts, np.ones(judged))
    generator = np.random.Generator(np.random.PCG64(SEED))
    draws = [
        _figures(counts, np.bincount(generator.integers(0, judged, judged), minlength=judged).astype(np.float64))
        for _ in range(RESAMPLES if judged else 0)
    ]
    low, high = np.percentile(np.asarray(draws), [2.5, 97.5], axis=0) if draws else (values, values)
    figures = [Figure(float(v), float(a), float(b)) for v, a, b in zip(values, low, high, strict=True)]
    figures.append(_cluster_precision(cluster_numbers, people, of_interest))
    return Evaluation(
        int(counts.records.sum()),
        judged,
        len(np.unique(cluster_numbers)),
        int(np.bincount(cluster_numbers).max(initial=0)),
        int(np.bincount(people).max(initial=0)),
        *figures,
    )
