import pytest

from migration.geocode.coordinates import (
    check_coordinates,
    find_grid_reference,
    read_grid_reference,
    read_short_reference,
)


@pytest.mark.parametrize(
    ("text", "easting", "northing", "precision"),
    [
        ("NS 589 653", 258950, 665350, 100),
        ("NS5896265312", 258962, 665312, 1),
        ("NT 26 74", 326500, 674500, 1000),
        ("HU 47 41", 447500, 1141500, 1000),
        ("258962 665312", 258962, 665312, 1),
        ("258900, 665300", 258900, 665300, 100),
    ],
)
def test_grid_references_keep_their_precision(text: str, easting: int, northing: int, precision: int) -> None:
    point = read_grid_reference(text)
    assert point is not None
    assert (point.easting, point.northing, point.precision_m) == (easting, northing, precision)


@pytest.mark.parametrize("text", ["", "NS 58 6", "TQ 300 800", "12 High Street", "NS"])
def test_what_is_no_reference_in_scotland_is_none(text: str) -> None:
    assert read_grid_reference(text) is None


def test_a_house_number_after_no_is_not_a_grid_reference() -> None:
    assert find_grid_reference("NO 12 34 HIGH STREET")[0] is None


def test_a_reference_among_words_is_taken_out() -> None:
    point, rest = find_grid_reference("FIELD NEAR NS 589 653 BY THE BURN")
    assert point is not None and "589" not in rest


def test_six_figures_without_letters_take_the_nearest_square() -> None:
    point = read_short_reference("589 653", (258000, 665000))
    assert point is not None and (point.easting, point.northing) == (258950, 665350)


@pytest.mark.parametrize(
    ("easting", "northing", "problem"),
    [
        (0, 0, "ZERO"),
        (258962, 0, "ZERO"),
        (665312, 258962, "SWAPPED"),
        (25896, 66531, "TRUNCATED"),
        (258962, None, "HALF"),
        (258962, 665312, ""),
        (-5, 9_999_999, "OUTSIDE"),
    ],
)
def test_legacy_coordinates_say_what_is_wrong(easting: float, northing: float | None, problem: str) -> None:
    point = check_coordinates(easting, northing)
    assert point is not None and point.problem == problem


def test_no_coordinates_are_none_and_defaults_are_named() -> None:
    assert check_coordinates(None, None) is None
    point = check_coordinates(258962, 665312, is_default=True)
    assert point is not None and point.problem == "DEFAULT"
