import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.geocode.premises import read_form, read_premises
from migration.geocode.readings import merge_flats
from migration.geocode.vocabulary import vocabulary

SAYING = (
    "FLOOR",
    "FLR",
    "FL",
    "MAIN",
    "DOOR",
    "NO",
    "NUMBER",
    "THE",
    "OF",
    "ROSE",
    "COTT",
    "GL",
    "STREAT",
    "FLOR",
    "A",
    "L",
)
CODES = ("2/1", "12-14", "34A", "12C", "2C", "G/L", "2F1", "2F", "34/2F1", "34/2/1", "1ST", ",", "/")
NUMBERS = ("1", "3", "12", "34", "105", "1234", "12345", "9876")
WORDS = st.one_of(
    st.sampled_from(SAYING),
    st.sampled_from(CODES),
    st.sampled_from(NUMBERS),
    st.sampled_from(sorted([*vocabulary().unit_classes, *vocabulary().floors, *vocabulary().sides])),
)


def plain(key: str) -> tuple[int, str, int, str, str]:
    reading = read_premises(key)[0]
    return reading.number, reading.suffix, reading.end, reading.flat, reading.name


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("34 @", (34, "", -1, "", "")),
        ("34A @", (34, "A", -1, "", "")),
        ("FLAT 2/1 , 34 @", (34, "", -1, "2/1", "")),
        ("2/1 34 @", (34, "", -1, "2/1", "")),
        ("46 @ FLAT 1/1", (46, "", -1, "1/1", "")),
        ("5 , 34 @", (34, "", -1, "5", "")),
        ("B , 167 @", (167, "", -1, "B", "")),
        ("12-14 @", (12, "", 14, "", "")),
        ("LEFT , 221 @", (221, "", -1, ":L", "")),
        ("ROSE COTT , 12 @", (12, "", -1, "", "ROSE COTT")),
        ("FLAT 3 , 12-14 @", (12, "", 14, "3", "")),
        ("NO 3 @", (3, "", -1, "", "")),
    ],
)
def test_plain_reading(key: str, expected: tuple[int, str, int, str, str]) -> None:
    assert plain(key) == expected


def test_slashed_pair_has_both_orders_and_the_reading_without_a_number() -> None:
    found = {(r.number, r.flat) for r in read_premises("5/4 @")}
    assert found == {(5, "4"), (4, "5"), (-1, "5/4")}


def test_suffix_may_be_a_flat_and_is_the_rarer_reading() -> None:
    first, second = read_premises("34A @")
    assert (first.suffix, second.flat, second.rank) == ("A", "A", 1)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("2/1 , FLAT 41 @", {(41, "2/1", -1, "flat_word_moved")}),
        ("FLAT 41 , 0/3 @", {(41, "0/3", -1, "flat_word_moved")}),
        ("1/3 , FLAT 43 @", {(43, "1/3", -1, "flat_word_moved"), (1, "43", 3, "range")}),
        ("1ST FLOOR D , 40 @", {(40, "D", -1, "floor_beside_flat")}),
        ("D 1ST FLOOR , 40 @", {(40, "D", -1, "floor_beside_flat")}),
        ("40 @ , 1ST FLOOR D", {(40, "D", -1, "floor_beside_flat")}),
        ("1ST FLOOR 2 , 40 @", {(40, "1/2", -1, "plain"), (40, "2", -1, "floor_beside_flat")}),
        ("40 @ , 1ST FLOOR 2", {(40, "1/2", -1, "plain"), (40, "2", -1, "floor_beside_flat")}),
    ],
)
def test_floors_and_the_word_flat_may_stand_elsewhere(key: str, expected: set[tuple[int, str, int, str]]) -> None:
    assert {(r.number, r.flat, r.end, r.order) for r in read_premises(key)} == expected


def test_two_numbers_side_by_side_may_be_a_range_only_without_a_comma() -> None:
    def ranges(key: str) -> list[tuple[int, int]]:
        return [(r.number, r.end) for r in read_premises(key) if r.end >= 0]

    assert ranges("13 15 @") == [(13, 15)]
    assert ranges("13 , 15 @") == ranges("13 16 @") == ranges("13 35 @") == ranges("15 13 @") == []


@pytest.mark.parametrize(
    "key",
    [
        "1 2 3 @",
        "FLAT 3 FLAT 4 , 12 @",
        "12-14 16-18 @",
        "FLAT 3 , 2/1 @",
        "UNIT 41 , 2/1 @",
        "3 1ST FLOOR 4 , 34 @",
    ],
)
def test_numbers_without_a_role_block_the_reading(key: str) -> None:
    assert all(r.has_unused_number for r in read_premises(key))


def test_words_behind_the_street_are_kept_apart_from_names_before_it() -> None:
    reading = read_premises("ROSE COTT , @ , ELSEWHERE")[0]
    assert (reading.name, reading.tail) == ("ROSE COTT", "ELSEWHERE")


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [("1/2", "F1", "1/2"), ("3", "F1", "1/3"), ("1/2", "F2", None), ("3", "4", None), (":L", "F2", "2:L")],
)
def test_a_flat_and_its_floor_agree_or_clash(one: str, other: str, merged: str | None) -> None:
    assert merge_flats(one, other) == merged


@given(
    before=st.lists(WORDS, max_size=4),
    house=st.sampled_from([*NUMBERS, "2 ,", "34 ,", ""]),
    behind=st.lists(WORDS, max_size=3),
)
@settings(max_examples=500, deadline=None)
def test_readings_are_the_same_whether_the_house_number_is_put_in_afterwards_or_read_with_the_rest(
    before: list[str], house: str, behind: list[str]
) -> None:
    key = " ".join([*before, *house.split(), "@", *behind])
    assert read_premises(key) == read_form(key)
