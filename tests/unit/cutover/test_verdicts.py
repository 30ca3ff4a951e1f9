"""Red, amber and green from figures and bounds."""

import pytest

from migration.cutover.gates_file import Bound, CriterionSpec
from migration.cutover.verdicts import Finding, Verdict, judge, worst


def make_spec(green: Bound, amber: Bound | None = None, kind: str = "quarantine") -> CriterionSpec:
    return CriterionSpec("c", "Something holds", kind, "why", "Do this.", "source", green, amber, {})


SHARE = make_spec(Bound(percent=1, rows=10), Bound(percent=5, rows=100))


@pytest.mark.parametrize(
    ("percent", "rows", "verdict"),
    [
        (0.0, 0, Verdict.GREEN),
        (1.0, 10, Verdict.GREEN),
        (0.1, 11, Verdict.AMBER),
        (1.1, 1, Verdict.AMBER),
        (5.0, 100, Verdict.AMBER),
        (0.1, 101, Verdict.RED),
        (5.1, 1, Verdict.RED),
        (None, 1, Verdict.RED),
        (1.0, None, Verdict.RED),
    ],
)
def test_judge_needs_both_the_share_and_the_rows_within_bounds(
    percent: float | None, rows: int | None, verdict: Verdict
) -> None:
    assert judge(SHARE, Finding(percent=percent, rows=rows)).verdict is verdict


def test_judge_when_nothing_was_measured_is_red() -> None:
    for finding in (Finding(), Finding(percent=0.0, rows=0, error="no rows")):
        result = judge(SHARE, finding, waiver_cap=10**9)
        assert (result.verdict, result.is_waived) == (Verdict.RED, False)
        assert "could not be computed" in result.to_green


def test_judge_without_amber_bound_is_green_or_red() -> None:
    spec = make_spec(Bound(rows=0))
    assert judge(spec, Finding(rows=0)).verdict is Verdict.GREEN
    assert judge(spec, Finding(rows=1)).verdict is Verdict.RED


def test_judge_when_every_failing_row_is_waived_is_amber_never_green() -> None:
    spec = make_spec(Bound(rows=0))
    assert judge(spec, Finding(rows=3, waived_rows=2)).verdict is Verdict.RED
    result = judge(spec, Finding(rows=3, waived_rows=3))
    assert (result.verdict, result.is_waived) == (Verdict.AMBER, True)


def test_judge_when_the_criterion_is_waived_covers_amber_within_the_cap_but_never_red() -> None:
    amber, red = Finding(percent=2.0, rows=50), Finding(percent=2.0, rows=500)
    assert judge(SHARE, amber).is_waived is False
    assert judge(SHARE, amber, waiver_cap=49).is_waived is False
    assert judge(SHARE, amber, waiver_cap=50).is_waived is True
    assert judge(SHARE, red, waiver_cap=1000).verdict is Verdict.RED


def test_judge_of_a_sample_needs_at_least_its_bound() -> None:
    spec = make_spec(Bound(percent=100), Bound(percent=1), kind="sample")
    verdicts = [judge(spec, Finding(percent=p)).verdict for p in (100.0, 99.0, 1.0, 0.5)]
    assert verdicts == [Verdict.GREEN, Verdict.AMBER, Verdict.AMBER, Verdict.RED]


def test_judge_says_what_would_make_it_green_with_the_numbers() -> None:
    assert "500 now, at most 10" in judge(SHARE, Finding(percent=9.0, rows=500)).to_green
    assert "9.00 % now, at most 1 %" in judge(SHARE, Finding(percent=9.0, rows=500)).to_green
    assert judge(SHARE, Finding(percent=0.0, rows=0)).to_green == ""


def test_worst_of_nothing_is_red() -> None:
    assert worst([]) is Verdict.RED
    assert worst([Verdict.GREEN, Verdict.AMBER]) is Verdict.AMBER
    assert worst([Verdict.AMBER, Verdict.RED, Verdict.GREEN]) is Verdict.RED
