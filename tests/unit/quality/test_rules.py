"""Verdicts of rules from counts."""

from dataclasses import replace

import pytest

from migration.quality.rules import Rule, RuleKind, RuleStatus, Threshold, judge_counts, judge_error, judge_measure

RULE = Rule(
    rule_id="crime.test", entity="crime", field="crime_code", kind=RuleKind.ROWS, dimension="conformance",
    severity="critical", owner="crime_registrar", title="t", why="w", usual_fix="f", source="s",
    threshold=Threshold(1.0, 5),
)  # fmt: skip


@pytest.mark.parametrize(
    ("tested", "failing", "status"),
    [
        (0, 0, RuleStatus.NOT_APPLICABLE),
        (100, 0, RuleStatus.PASS),
        (100, 1, RuleStatus.PASS),
        (100, 2, RuleStatus.FAIL),
        (1_000_000, 5, RuleStatus.PASS),
        (1_000_000, 6, RuleStatus.FAIL),
    ],
)
def test_counts_pass_only_within_both_thresholds(tested: int, failing: int, status: RuleStatus) -> None:
    assert judge_counts(RULE, tested, failing).status is status


def test_small_share_of_many_rows_does_not_hide() -> None:
    outcome = judge_counts(RULE, 10_000_000, 50)
    assert outcome.failing_percent == pytest.approx(0.0005)
    assert outcome.status is RuleStatus.FAIL


@pytest.mark.parametrize(
    ("measured", "status"),
    [(None, RuleStatus.NOT_APPLICABLE), (0.9, RuleStatus.FAIL), (1.0, RuleStatus.PASS), (4.1, RuleStatus.FAIL)],
)
def test_measure_passes_within_its_bounds(measured: float | None, status: RuleStatus) -> None:
    rule = replace(RULE, kind=RuleKind.MEASURE, minimum=1.0, maximum=4.0)
    assert judge_measure(rule, measured).status is status


def test_rule_that_could_not_run_has_no_counts() -> None:
    outcome = judge_error(RULE, "UndefinedColumn")
    assert (outcome.status, outcome.tested_rows, outcome.failing_rows) == (RuleStatus.ERROR, None, None)
    assert outcome.failing_percent is None


def test_version_follows_what_is_tested_and_not_how_it_is_said() -> None:
    assert replace(RULE, title="other", why="other").version == RULE.version
    assert replace(RULE, fails="TRUE").version != RULE.version
    assert replace(RULE, threshold=Threshold(1.0, 6)).version != RULE.version
