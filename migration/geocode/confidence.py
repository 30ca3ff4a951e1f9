"""Confidence of an evidence pattern: the lower bound of the precision that such matches showed on labelled addresses.

Enters: `calibration.csv` (pattern, set, matches, right), made by `migrate geocode calibrate` on synthetic addresses
and shipped as data. Leaves: a confidence for any pattern. Must hold: the stated value is the lowest of the lower ends
of the 95 % Wilson interval of all sets together and of each set of addresses that saw the pattern often enough. A
pattern seen too seldom has the bound of its finest parent seen often enough, and never more than the upper end of its
own interval. A pattern never seen at any grain gets 0: it is refused.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import sqrt
from pathlib import Path

Counts = Sequence[tuple[str, int, int]]
"""Pattern, matches seen, matches right."""
Grains = tuple[dict[str, tuple[int, int]], ...]
"""Matches seen and right by pattern, from the finest grain to the coarsest."""
CALIBRATION_FILE = Path(__file__).with_name("calibration.csv")
Z = 1.96
LEAST_SEEN = 150
"""Matches from which a pattern speaks for itself; fewer, and its parent's bound counts too."""
ACCEPT_UPRN = 0.86
"""Confidence from which a UPRN is asserted. Chosen on the calibration sets: see decision 0041."""
ACCEPT_COARSE = 0.80
"""Confidence from which a building or street is asserted; below, the next coarser level is tried."""
FIELDS = (
    "level",
    "how",
    "pc",
    "place",
    "division",
    "rivals",
    "number",
    "flat",
    "order",
    "name",
    "tail",
    "adjacent",
    "force",
)
_PARENTS = (
    FIELDS,
    ("level", "how", "pc", "place", "division", "rivals", "number", "flat", "order", "name", "tail", "adjacent"),
    ("level", "how", "pc", "division", "rivals", "number", "flat", "order", "name", "tail", "adjacent"),
    ("level", "how", "pc", "rivals", "number", "flat", "order", "name", "tail"),
    ("level", "how", "rivals", "number", "flat", "order", "tail"),
)
"""From fine to coarse. What can make a match wrong by itself (how the street was read, rivals, number, flat, order of
the reading, unknown words) is never dropped: a rare convention does not borrow the record of a common one."""
_PLACES = tuple(tuple(FIELDS.index(name) for name in names) for names in _PARENTS)


def wilson_lower(right: int, seen: int, z: float = Z) -> float:
    """Lower end of the Wilson score interval of `right` of `seen`; 0 where nothing was seen."""
    if seen == 0:
        return 0.0
    share = right / seen
    square = z * z
    centre = share + square / (2 * seen)
    spread = z * sqrt(share * (1 - share) / seen + square / (4 * seen * seen))
    return max(0.0, (centre - spread) / (1 + square / seen))


def wilson_upper(right: int, seen: int, z: float = Z) -> float:
    """Upper end of the Wilson score interval of `right` of `seen`; 1 where nothing was seen."""
    return 1.0 - wilson_lower(seen - right, seen, z) if seen else 1.0


@dataclass
class Calibration:
    """Counts by pattern at every grain, of all sets and of each; `confidence` is memoised."""

    pooled: Grains
    by_set: tuple[Grains, ...] = ()
    memo: dict[str, float] = field(default_factory=dict)

    def confidence(self, pattern: str) -> float:
        """Lower bound of the precision of matches with this pattern, in the set where it did worst."""
        found = self.memo.get(pattern)
        if found is None:
            found = self.memo[pattern] = self._look_up(pattern)
        return found

    def _look_up(self, pattern: str) -> float:
        ceiling, lowest = 1.0, 0.0
        for grain, counts in enumerate(self.pooled):
            key = _coarsen(pattern, grain)
            seen, right = counts.get(key, (0, 0))
            lowest = min(wilson_lower(right, seen), self._lowest_of_sets(grain, key))
            if seen >= LEAST_SEEN:
                break
            ceiling = min(ceiling, wilson_upper(right, seen))
        return round(min(ceiling, lowest), 4)

    def _lowest_of_sets(self, grain: int, key: str) -> float:
        """Bound of the set where the pattern did worst, of those that saw it often enough; 1 where none did."""
        cells = [grains[grain].get(key, (0, 0)) for grains in self.by_set]
        return min((wilson_lower(right, seen) for seen, right in cells if seen >= LEAST_SEEN), default=1.0)


def build_calibration(*sets: Counts) -> Calibration:
    """A calibration from sets of pattern, matches seen and matches right."""
    keys: dict[str, tuple[str, ...]] = {}
    by_set = tuple(_count_grains(rows, keys) for rows in sets) if len(sets) > 1 else ()
    return Calibration(_count_grains((row for rows in sets for row in rows), keys), by_set)


def _count_grains(rows: Iterable[tuple[str, int, int]], keys: dict[str, tuple[str, ...]]) -> Grains:
    """Counts at every grain; `keys` remembers the parents of a pattern between sets."""
    grains: list[dict[str, tuple[int, int]]] = [{} for _ in _PARENTS]
    for pattern, seen, right in rows:
        found = keys.get(pattern)
        if found is None:
            found = keys[pattern] = tuple(_coarsen(pattern, grain) for grain in range(len(_PARENTS)))
        for counts, key in zip(grains, found, strict=True):
            seen_before, right_before = counts.get(key, (0, 0))
            counts[key] = (seen_before + seen, right_before + right)
    return tuple(grains)


def _coarsen(pattern: str, grain: int) -> str:
    if grain == 0:
        return pattern
    parts = pattern.split("|") + [""] * len(FIELDS)
    return "|".join([parts[i] for i in _PLACES[grain]])


@lru_cache(maxsize=1)
def load_calibration() -> Calibration:
    """The shipped calibration."""
    return build_calibration(*read_counts(CALIBRATION_FILE).values())


def read_counts(path: Path) -> dict[str, Counts]:
    """Pattern, matches and right matches of a calibration file, by set; one set where the file names none."""
    found: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for r in csv.DictReader(file):
                found[r.get("set") or ""].append((r["pattern"], int(r["matches"]), int(r["right"])))
    return dict(found)


def write_counts(path: Path, sets: Mapping[str, Counts]) -> None:
    """Write a calibration file, ordered by pattern and set."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("pattern", "set", "matches", "right"))
        writer.writerows(sorted((p, name, seen, right) for name, rows in sets.items() for p, seen, right in rows))
