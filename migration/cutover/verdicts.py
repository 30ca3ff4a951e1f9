"""Red, amber, green: computed from figures and bounds.

Enters: a figure (share and rows) and a criterion's bounds. Leaves: a verdict. Must hold: no figure is no verdict but
RED; a waiver turns RED into AMBER at most, and never anything into GREEN; the worst criterion is the gate's verdict.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from migration.cutover.gates_file import AT_LEAST, Bound, CriterionSpec


class Verdict(StrEnum):
    """Verdict of a criterion and of the gate (code list `gate_verdict`), best first."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"


@dataclass(frozen=True)
class Finding:
    """What a measure found.

    Attributes:
        percent: share that counts against the criterion, 0 to 100 (for a sample: the share taken); None where none is.
        rows: rows that count against it; None where none are counted.
        figures: everything it rests on: names and counts, never a value of a record.
        waived_rows: of `rows`, those under a waiver in force.
        error: why nothing could be measured; such a finding is RED.
    """

    percent: float | None = None
    rows: int | None = None
    figures: Mapping[str, object] = field(default_factory=dict)
    waived_rows: int = 0
    error: str = ""


@dataclass(frozen=True)
class Evaluated:
    """A criterion with its verdict. `is_waived`: it is AMBER because waivers cover all that breaks it."""

    spec: CriterionSpec
    verdict: Verdict
    is_waived: bool
    finding: Finding
    to_green: str


def judge(spec: CriterionSpec, finding: Finding, waiver_cap: int | None = None) -> Evaluated:
    """The verdict on a finding.

    Args:
        waiver_cap: rows that a waiver of the criterion itself covers; None where there is no such waiver.
    """
    if finding.error or (finding.percent is None and finding.rows is None):
        reason = finding.error or "nothing was measured"
        return Evaluated(spec, Verdict.RED, False, finding, f"It could not be computed ({reason}). {spec.fix}")
    verdict = _place(spec, finding)
    if verdict is Verdict.GREEN:
        return Evaluated(spec, verdict, False, finding, "")
    counted = finding.rows if finding.rows is not None else 0
    by_rules = finding.rows is not None and finding.waived_rows >= counted > 0
    by_criterion = waiver_cap is not None and waiver_cap >= counted and verdict is Verdict.AMBER
    is_waived = by_rules or by_criterion
    final = Verdict.AMBER if is_waived else verdict
    return Evaluated(spec, final, is_waived, finding, _say_to_green(spec, finding))


def _place(spec: CriterionSpec, finding: Finding) -> Verdict:
    if _is_within(spec.green, finding, spec.kind):
        return Verdict.GREEN
    if spec.amber is not None and _is_within(spec.amber, finding, spec.kind):
        return Verdict.AMBER
    return Verdict.RED


def _is_within(bound: Bound, finding: Finding, kind: str) -> bool:
    pairs = ((finding.percent, bound.percent), (finding.rows, bound.rows))
    limited = [(figure, limit) for figure, limit in pairs if limit is not None]
    if any(figure is None for figure, _ in limited):
        return False
    if kind in AT_LEAST:
        return all(figure >= limit for figure, limit in limited if figure is not None)
    return all(figure <= limit for figure, limit in limited if figure is not None)


def _say_to_green(spec: CriterionSpec, finding: Finding) -> str:
    """What would make the criterion green, with its numbers."""
    needs = []
    if spec.green.rows is not None and finding.rows is not None and finding.rows > spec.green.rows:
        needs.append(f"{finding.rows:,} now, at most {spec.green.rows:,}")
    if spec.green.percent is not None and finding.percent is not None:
        word = "at least" if spec.kind in AT_LEAST else "at most"
        needs.append(f"{finding.percent:.2f} % now, {word} {spec.green.percent:g} %")
    return f"{spec.title}: {'; '.join(needs)}. {spec.fix}"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts; RED where there is none, because nothing was shown."""
    found = list(verdicts)
    return max(found, key=list(Verdict).index) if found else Verdict.RED
