import pytest

from migration.geocode.postcodes import area, district, find_postcode, format_postcode, is_outside, sector


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AB10 1AB", "AB10 1AB"),
        ("ab101ab", "AB10 1AB"),
        ("G1 1AA", "G1 1AA"),
        ("AB1O 1AB", "AB10 1AB"),
        ("EH6 IAA", "EH6 1AA"),
        ("XX1", None),
        ("", None),
        ("not one", None),
        ("AB10", None),
    ],
)
def test_formatting_repairs_only_what_has_one_reading(text: str, expected: str | None) -> None:
    assert format_postcode(text) == expected


def test_formatting_twice_is_formatting_once() -> None:
    formatted = format_postcode("kw151aa")
    assert formatted is not None and format_postcode(formatted) == formatted


def test_every_postcode_is_taken_out_of_the_text_and_the_last_one_counts() -> None:
    found, rest = find_postcode("3 LARCH RD AB10 1AA, AB11 2BB")
    assert found == "AB11 2BB" and "AB1" not in rest


def test_a_flat_is_not_taken_for_a_postcode() -> None:
    assert find_postcode("FLAT G1 2 HIGH STREET")[0] is None


def test_parts_of_a_postcode() -> None:
    assert (area("AB10 1AB"), district("AB10 1AB"), sector("AB10 1AB")) == ("AB", "AB10", "AB10 1")
    assert is_outside("SW1A 1AA") and not is_outside("TD1 1AA")
