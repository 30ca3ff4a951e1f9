"""How good the matcher is on labelled addresses, and what each evidence pattern has earned.

Enters: labelled addresses: `id, text, postcode, division, recorded_on`, and what is true of them: `uprn` (empty where
the entry is not in the gazetteer), `parent_uprn, usrn, true_postcode, true_town`. Leaves: counts per pattern
(`calibration.csv`) and an `Evaluation`. Must hold: a match is right only if the place is the true one at the level
stated; an address whose entry is absent counts against every UPRN asserted for it. Refuses a labelled file without
these columns.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from migration.errors import SourceError
from migration.geocode.batch import match_all
from migration.geocode.confidence import (
    ACCEPT_COARSE,
    ACCEPT_UPRN,
    Calibration,
    Counts,
    build_calibration,
    wilson_lower,
)
from migration.geocode.evidence import Match, Query
from migration.geocode.gazetteer.index import Gazetteer
from migration.geocode.match import Matcher
from migration.geocode.rules import MatchLevel
from migration.geocode.text import name_key

COLUMNS = frozenset(
    {"id", "text", "postcode", "division", "recorded_on", "uprn", "parent_uprn", "usrn", "true_postcode", "true_town"}
)
_FINEST_FIRST = (MatchLevel.UPRN, MatchLevel.BUILDING, MatchLevel.STREET, MatchLevel.POSTCODE, MatchLevel.LOCALITY)


@dataclass(frozen=True)
class Label:
    """A labelled address: the query and what is true of it; `uprn` 0 where its entry is absent."""

    id: str
    query: Query
    uprn: int
    parent: int
    usrn: int
    postcode: str
    town: str
    kind: str = ""


class StagedCalibration(Calibration):
    """Lets every pattern of one level through, to measure it; finer levels by the counts so far, coarser ones never."""

    def __init__(self, counts: Mapping[str, Counts], level: MatchLevel) -> None:
        so_far = build_calibration(*counts.values())
        super().__init__(so_far.pooled, so_far.by_set)
        self.open = level.value

    def confidence(self, pattern: str) -> float:
        """1 for the level let through, else what the counts say."""
        return 1.0 if pattern.split("|", 1)[0] == self.open else super().confidence(pattern)


@dataclass
class Evaluation:
    """Counts of an evaluation at UPRN level, and the confidence bands."""

    total: int = 0
    matchable: int = 0
    absent: int = 0
    right: int = 0
    wrong_of_matchable: int = 0
    false_on_absent: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    bands: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def recall(self) -> float:
        """Right UPRNs of all that have one."""
        return self.right / self.matchable if self.matchable else 0.0

    @property
    def precision(self) -> float:
        """Right UPRNs of all asserted, absent entries included."""
        asserted = self.right + self.wrong_of_matchable + self.false_on_absent
        return self.right / asserted if asserted else 1.0

    @property
    def false_rate(self) -> float:
        """UPRNs asserted of all addresses whose entry is absent."""
        return self.false_on_absent / self.absent if self.absent else 0.0


def read_labels(path: Path) -> list[Label]:
    """Labelled addresses of a CSV file.

    Raises:
        SourceError: no file, or a column is missing.
    """
    if not path.exists():
        raise SourceError(f"labelled file {path.name}", "no file", "a CSV file", "Give its path.")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = sorted(COLUMNS - set(reader.fieldnames or ()))
        if missing:
            where = f"labelled file {path.name}"
            raise SourceError(where, f"no column {', '.join(missing)}", "every column of a label", "Add them.")
        return [_label(row) for row in reader]


def _label(row: dict[str, str]) -> Label:
    recorded = date.fromisoformat(row["recorded_on"]) if row["recorded_on"] else None
    query = Query(row["text"], row["postcode"], row["division"], recorded)
    return Label(
        row["id"],
        query,
        int(row["uprn"] or 0),
        int(row["parent_uprn"] or 0),
        int(row["usrn"] or 0),
        row["true_postcode"],
        name_key(row["true_town"]),
        row.get("kind", ""),
    )


def is_right(label: Label, match: Match) -> bool:
    """Whether a match is true at the level it states."""
    if match.level is MatchLevel.UPRN:
        return match.uprn == label.uprn
    if match.level is MatchLevel.BUILDING:
        return match.uprn in (label.uprn, label.parent) or (match.usrn == label.usrn and match.uprn == 0)
    if match.level is MatchLevel.STREET:
        return match.usrn == label.usrn
    if match.level is MatchLevel.POSTCODE:
        return match.postcode == label.postcode
    return match.level is MatchLevel.GRID or bool(label.town)


def calibrate(sources: Sequence[tuple[str, Gazetteer, Sequence[Label]]], processes: int) -> dict[str, Counts]:
    """Pattern, matches and right matches by set, of addresses with the name of their set and their gazetteer.

    Each level is measured on the addresses that fall to it from the finer ones, by what all sets together earned there.
    """
    counts: dict[str, Counts] = {name: [] for name, _, _ in sources}
    for level in _FINEST_FIRST:
        staged, before = StagedCalibration(counts, level), dict(counts)
        answered = [
            (name, gazetteer, labels, match_all(Matcher(gazetteer, staged), [c.query for c in labels], processes))
            for name, gazetteer, labels in sources
        ]
        for name, _, labels, matches in answered:
            counted = _count_level(level, labels, matches)
            named = _named_alone(before[name], staged) if level is MatchLevel.BUILDING else []
            counts[name] = merge_counts(counts[name], counted, named)
        earned = build_calibration(*counts.values())
        sources = [(name, g, _fallen(level, labels, matches, earned)) for name, g, labels, matches in answered]
    return counts


def _named_alone(finer: Counts, earned: Calibration) -> Counts:
    """Counts of sites known by name alone: accepted as premises, they fall to no building, and are as right as one."""
    return [
        ("BUILDING" + pattern[len("UPRN") :], seen, right)
        for pattern, seen, right in finer
        if pattern.startswith("UPRN|NONE|") and "|NAMED|" in pattern and earned.confidence(pattern) >= ACCEPT_UPRN
    ]


def _count_level(level: MatchLevel, labels: Sequence[Label], matches: Sequence[Match]) -> Counts:
    """Counts of one level's patterns."""
    seen: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for label, match in zip(labels, matches, strict=True):
        pattern = pattern_of(match)
        if match.level is level and pattern.split("|", 1)[0] == level.value:
            seen[pattern] += 1
            right[pattern] += is_right(label, match)
    return [(pattern, count, right[pattern]) for pattern, count in sorted(seen.items())]


def _fallen(level: MatchLevel, labels: Sequence[Label], matches: Sequence[Match], earned: Calibration) -> list[Label]:
    """The labels that this level does not answer with enough confidence."""
    needed = ACCEPT_UPRN if level is MatchLevel.UPRN else ACCEPT_COARSE
    return [
        label
        for label, match in zip(labels, matches, strict=True)
        if match.level is not level or earned.confidence(pattern_of(match)) < needed
    ]


def pattern_of(match: Match) -> str:
    """The evidence pattern of a match, at the level it was asserted; `` where it has none."""
    start = match.evidence.find('"pattern":"')
    if start < 0:
        return ""
    pattern = match.evidence[start + 11 : match.evidence.index('"', start + 11)]
    level, _, rest = pattern.partition("|")
    if level == MatchLevel.UPRN.value and match.level is MatchLevel.BUILDING:
        return f"{match.level.value}|{rest}"
    return pattern


def merge_counts(*parts: Counts) -> Counts:
    """Counts of several sets as one."""
    seen: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for rows in parts:
        for pattern, matches, good in rows:
            seen[pattern] += matches
            right[pattern] += good
    return [(pattern, count, right[pattern]) for pattern, count in sorted(seen.items())]


def evaluate(matcher: Matcher, labels: Sequence[Label], processes: int) -> tuple[Evaluation, list[Match]]:
    """Evaluation of the matcher on labelled addresses, and its matches."""
    matches = match_all(matcher, [label.query for label in labels], processes)
    result = Evaluation()
    bands: dict[str, list[int]] = {}
    for label, match in zip(labels, matches, strict=True):
        result.total += 1
        result.levels[match.level.value] += 1
        if match.refusal:
            result.refusals[match.refusal.value] += 1
        _count(result, label, match)
        if match.level is not MatchLevel.NONE:
            cell = bands.setdefault(band(match.confidence), [0, 0])
            cell[0] += 1
            cell[1] += is_right(label, match)
    result.bands = {k: (v[0], v[1]) for k, v in sorted(bands.items(), reverse=True)}
    return result, matches


def _count(result: Evaluation, label: Label, match: Match) -> None:
    asserted = match.level is MatchLevel.UPRN
    if label.uprn:
        result.matchable += 1
        if asserted and match.uprn == label.uprn:
            result.right += 1
        elif asserted:
            result.wrong_of_matchable += 1
    else:
        result.absent += 1
        result.false_on_absent += asserted


def band(confidence: float) -> str:
    """Confidence band: `0.995+`, `0.99+`, `0.98+`, ..., `0+`."""
    for floor in (0.995, 0.99, 0.98, 0.96, 0.9, 0.8, 0.5):
        if confidence >= floor:
            return f"{floor}+"
    return "0+"


def holds(stated: float, seen: int, right: int) -> bool:
    """Whether a band's observed lower bound is not under what it states."""
    return wilson_lower(right, seen) >= stated


__all__ = ["Evaluation", "Label", "build_calibration", "calibrate", "evaluate", "merge_counts", "read_labels"]
