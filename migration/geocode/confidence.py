"""Confidence of an evidence pattern: the lower bound of the precision that such matches showed on labelled addresses.

Enters: `calibration.csv` (pattern, matches, right), made by `migrate calibrate` on synthetic addresses and shipped as
data. Leaves: a confidence for any pattern. Must hold: the stated value is the lower end of the 95 % Wilson interval
of the pattern, or, for a pattern seen too seldom, of the coarsest of its parents that is no better; never more than
was observed. A pattern never seen at any grain gets 0: it is refused.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import sqrt
from pathlib import Path

CALIBRATION_FILE = Path(__file__).with_name("calibration.csv")
Z = 1.96
LEAST_SEEN = 150
"""Matches from which a pattern speaks for itself; fewer, and its parent's bound counts too."""
ACCEPT_UPRN = 0.95
"""Confidence from which a UPRN is asserted. Chosen on the calibration set: see decision 0041."""
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


def wilson_lower(right: int, seen: int, z: float = Z) -> float:
    """Lower end of the Wilson score interval of `right` of `seen`; 0 where nothing was seen."""
    if seen == 0:
        return 0.0
    share = right / seen
    square = z * z
    centre = share + square / (2 * seen)
    spread = z * sqrt(share * (1 - share) / seen + square / (4 * seen * seen))
    return max(0.0, (centre - spread) / (1 + square / seen))


@dataclass
class Calibration:
    """Counts by pattern at every grain; `confidence` is memoised."""

    counts: tuple[dict[str, tuple[int, int]], ...]
    memo: dict[str, float] = field(default_factory=dict)

    def confidence(self, pattern: str) -> float:
        """Lower bound of the precision of matches with this pattern."""
        found = self.memo.get(pattern)
        if found is None:
            found = self.memo[pattern] = self._look_up(pattern)
        return found

    def _look_up(self, pattern: str) -> float:
        best = 0.0
        for grain, counts in enumerate(self.counts):
            seen, right = counts.get(_coarsen(pattern, grain), (0, 0))
            best = wilson_lower(right, seen)
            if seen >= LEAST_SEEN:
                break
        return round(best, 4)


def build_calibration(rows: Iterable[tuple[str, int, int]]) -> Calibration:
    """A calibration from pattern, matches seen and matches right."""
    grains: list[dict[str, list[int]]] = [defaultdict(lambda: [0, 0]) for _ in _PARENTS]
    for pattern, seen, right in rows:
        for grain, counts in enumerate(grains):
            cell = counts[_coarsen(pattern, grain)]
            cell[0] += seen
            cell[1] += right
    return Calibration(tuple({k: (v[0], v[1]) for k, v in counts.items()} for counts in grains))


def _coarsen(pattern: str, grain: int) -> str:
    if grain == 0:
        return pattern
    parts = dict(zip(FIELDS, pattern.split("|"), strict=False))
    return "|".join(parts.get(name, "") for name in _PARENTS[grain])


@lru_cache(maxsize=1)
def load_calibration() -> Calibration:
    """The shipped calibration."""
    return build_calibration(read_counts(CALIBRATION_FILE))


def read_counts(path: Path) -> list[tuple[str, int, int]]:
    """Pattern, matches and right matches of a calibration file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [(r["pattern"], int(r["matches"]), int(r["right"])) for r in csv.DictReader(file)]


def write_counts(path: Path, rows: Iterable[tuple[str, int, int]]) -> None:
    """Write a calibration file, ordered by pattern."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("pattern", "matches", "right"))
        writer.writerows(sorted(rows))
