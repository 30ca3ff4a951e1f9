from pathlib import Path

import pytest

from migration.geocode.confidence import (
    build_calibration,
    load_calibration,
    read_counts,
    wilson_lower,
    wilson_upper,
    write_counts,
)

GOOD = "UPRN|EXACT|UNIT|TOWN|SAME|ALONE|EXACT|HOUSE|plain|NONE|NONE|APART|IN"
RARE = "UPRN|EXACT|UNIT|TOWN|SAME|ALONE|EXACT|FLAT|suffix_is_flat|NONE|NONE|APART|IN"


def test_confidence_is_a_lower_bound_of_what_was_observed() -> None:
    calibration = build_calibration([(GOOD, 1000, 990)])
    assert 0.97 < calibration.confidence(GOOD) < 0.99


def test_a_rare_reading_does_not_borrow_from_the_common_one() -> None:
    calibration = build_calibration([(GOOD, 100_000, 100_000), (RARE, 20, 19)])
    assert calibration.confidence(RARE) < 0.9


def test_a_pattern_never_seen_has_no_confidence() -> None:
    assert build_calibration([(GOOD, 1000, 1000)]).confidence("UPRN|FUZZY2|NONE") == 0.0


@pytest.mark.parametrize(("right", "seen"), [(0, 0), (0, 10), (10, 10), (5, 10)])
def test_wilson_bound_is_never_above_the_share(right: int, seen: int) -> None:
    assert 0.0 <= wilson_lower(right, seen) <= (right / seen if seen else 0.0)


def test_counts_survive_writing_and_reading(tmp_path: Path) -> None:
    rows = [(GOOD, 5, 4), (RARE, 2, 2)]
    write_counts(tmp_path / "c.csv", {"a": rows, "b": rows[:1]})
    assert read_counts(tmp_path / "c.csv") == {"a": sorted(rows), "b": rows[:1]}


def test_the_set_where_a_pattern_did_worst_speaks_for_it() -> None:
    good, bad = [(GOOD, 100_000, 100_000)], [(GOOD, 1_000, 900)]
    assert build_calibration(good, bad).confidence(GOOD) == build_calibration(bad).confidence(GOOD) < 0.9


def test_a_set_that_hardly_saw_a_pattern_does_not_speak_for_it() -> None:
    assert build_calibration([(GOOD, 100_000, 100_000)], [(GOOD, 3, 3)]).confidence(GOOD) > 0.99


def test_a_pattern_seen_seldom_and_mostly_wrong_does_not_borrow_its_parents_record() -> None:
    elsewhere = GOOD.replace("TOWN", "LOCALITY")
    seldom = build_calibration([(elsewhere, 10_000, 10_000), (GOOD, 20, 4)])
    assert seldom.confidence(GOOD) <= wilson_upper(4, 20) < 0.5 < seldom.confidence(elsewhere)


def test_the_shipped_calibration_trusts_a_full_match() -> None:
    assert load_calibration().confidence(GOOD) > 0.99
