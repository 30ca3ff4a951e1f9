import pytest

from migration.geocode.flats import code_token, floor_of, identifier_code, read_sub_building
from migration.geocode.text import tokenise


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Flat 3", "3"),
        ("Flat 3A", "3A"),
        ("Apartment B", "B"),
        ("Flat 2/1", "2/1"),
        ("Flat 2-1", "2/1"),
        ("2F1", "2/1"),
        ("Flat 2F1", "2/1"),
        ("2/L", "2:L"),
        ("2FL", "2:L"),
        ("2nd Floor Left", "2:L"),
        ("Second left", "2:L"),
        ("2F left", "2:L"),
        ("Flat 2 left", "2:L"),
        ("Ground floor right", "0:R"),
        ("GFR", "0:R"),
        ("G/1", "0/1"),
        ("0/1", "0/1"),
        ("GF1", "0/1"),
        ("First floor flat", "F1"),
        ("First floor flat 2", "1/2"),
        ("GF", "F0"),
        ("Basement", "F-1"),
        ("Basement flat", "F-1"),
        ("BF1", "-1/1"),
        ("Top left", "T:L"),
        ("TF1", "T/1"),
        ("Main door flat", "MD"),
        ("Garden flat", "GDN"),
        ("Unit 12A", "12A"),
        ("Flat 03", "3"),
        ("Rear flat", ":B"),
        ("Flat", "?"),
    ],
)
def test_notations_of_one_flat_share_one_code(text: str, code: str) -> None:
    read = read_sub_building(tokenise(text))
    assert read is not None and read[0] == code and read[2] == len(tokenise(text))


def test_floor_and_door_never_equals_floor_and_side() -> None:
    assert identifier_code("2/1") != identifier_code("2/L")


@pytest.mark.parametrize("token", ["34", "2/1", "12-14", "HIGH", "34A"])
def test_what_may_be_a_number_is_not_a_flat_by_itself(token: str) -> None:
    assert code_token(token) is None


@pytest.mark.parametrize(("code", "floor"), [("2/1", "2"), ("2:L", "2"), ("F0", "0"), ("3", None), ("MD", None)])
def test_floor_that_a_code_states(code: str, floor: str | None) -> None:
    assert floor_of(code) == floor
