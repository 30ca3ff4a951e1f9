"""Waivers in force and their shrinking caps."""

from datetime import UTC, date, datetime

from migration.quality.waivers import Waiver, combine_waivers


def waiver(rule_id: str, cap: int, day: int = 1) -> Waiver:
    granted = datetime(2026, 9, day, tzinfo=UTC)
    return Waiver(f"w{day}", "X", rule_id, "a reason", "registrar", granted, date(2026, 12, 1), cap)


def test_cap_shrinks_to_what_still_fails() -> None:
    assert combine_waivers([waiver("a", 10)], {"a": 4})[0].cap_rows == 4
    assert combine_waivers([waiver("a", 10)], {"a": 40})[0].cap_rows == 10


def test_rule_that_no_longer_fails_has_no_waiver() -> None:
    assert combine_waivers([waiver("a", 10)], {"a": 0}) == ()


def test_newest_waiver_of_a_rule_counts() -> None:
    assert combine_waivers([waiver("a", 10, 1), waiver("a", 3, 2)], {"a": 20})[0].cap_rows == 3


def test_rule_that_did_not_run_keeps_its_waiver() -> None:
    assert combine_waivers([waiver("a", 10)], {})[0].cap_rows == 10
