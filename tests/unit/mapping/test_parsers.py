"""Each parser reads what it should, refuses what it cannot, and changes no meaning."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from migration.mapping.parsers import PARSERS, Target

Read = Callable[..., tuple[object, str | None]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), ("-3", -3), ("007", 7), ("12.0", 12), ("12.5", None), ("1e3", None), ("", None), ("twelve", None)],
)
def test_an_integer_is_digits_and_nothing_else(read: Read, text: str, expected: int | None) -> None:
    assert read("integer", text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,250.00", Decimal("1250.00")),
        ("£1,250.5", Decimal("1250.50")),
        ("12", Decimal("12.00")),
        ("12.500", Decimal("12.50")),
        ("12.505", None),
        ("1,25", None),
        ("lots", None),
    ],
)
def test_a_decimal_keeps_its_value_or_is_unreadable(read: Read, text: str, expected: Decimal | None) -> None:
    assert read("decimal", text, "DECIMAL(12,2)")[0] == expected


@pytest.mark.parametrize(("text", "expected"), [("Y", True), ("no", False), ("1", True), ("X", None)])
def test_a_flag_is_one_of_the_known_words(read: Read, text: str, expected: bool | None) -> None:
    assert read("boolean", text)[0] is expected


def test_a_flag_takes_the_words_of_the_pack_instead(read: Read) -> None:
    assert read("boolean", "A", true_values=["A"], false_values=["C"])[0] is True
    assert read("boolean", "Y", true_values=["A"], false_values=["C"])[0] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dd11aa", "DD1 1AA"),
        ("DD1  1AA", "DD1 1AA"),
        ("EC1A 1BB", "EC1A 1BB"),
        ("DD1", None),
        ("DD1 1A", None),
        ("DD1 1CC", None),
        ("1AA DD1", None),
    ],
)
def test_a_postcode_is_formatted_or_refused(read: Read, text: str, expected: str | None) -> None:
    assert read("postcode", text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+44 (0)1382 123456", "01382123456"),
        ("0044 1382 123456", "01382123456"),
        ("01382-123456", "01382123456"),
        ("07700 900123", "07700900123"),
        ("12", None),
        ("ask at desk", None),
    ],
)
def test_a_telephone_number_is_its_digits(read: Read, text: str, expected: str | None) -> None:
    assert read("phone", text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("19/004", "19004"), ("1/4", "01004"), ("19004", "19004"), ("470012", "470012"), ("19-004", None), ("190", None)],
)
def test_a_crime_code_loses_its_oblique_only(read: Read, text: str, expected: str | None) -> None:
    assert read("crime_code", text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected", "error"),
    [
        ("1998/1234567L", "1998/1234567L", None),
        ("98/1234567L", "1998/1234567L", None),
        ("85/123b", "1985/0000123B", None),
        ("05/1234567X", "2005/1234567X", "CHECK_FAILED"),
        ("1998/1234567A", "1998/1234567A", "CHECK_FAILED"),
        ("1998-1234567L", None, None),
    ],
)
def test_a_pnc_id_is_completed_and_its_letter_checked(
    read: Read, text: str, expected: str | None, error: str | None
) -> None:
    assert read("pnc", text) == (expected, error)


def test_every_wrong_letter_of_a_pnc_id_is_found(read: Read) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    right = [letter for letter in letters if read("pnc", f"1998/1234567{letter}")[1] is None]
    assert right == ["L"]


@pytest.mark.parametrize(("text", "expected"), [("0101900000", True), ("0101900003", False), ("12", False)])
def test_a_chi_number_has_a_check_digit(read: Read, text: str, expected: bool) -> None:
    digits = "010190000"
    total = sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=True))
    check = (11 - total % 11) % 11
    assert read("identifier_ok", f"{digits}{check}", kind="CHI")[0] is True
    if text != f"{digits}{check}":
        assert read("identifier_ok", text, kind="CHI")[0] is (text == f"{digits}{check}")


@pytest.mark.parametrize(
    ("text", "easting", "northing"),
    [
        ("NX 975 765", 297500.0, 576500.0),
        ("NO40653025", 340650.0, 730250.0),
        ("297500,576500", 297500.0, 576500.0),
        ("HU 396 753", 439600.0, 1175300.0),
        ("TQ 30 80", 530000.0, 180000.0),
        ("NX 97 765", None, None),
        ("near the bridge", None, None),
    ],
)
def test_a_grid_reference_becomes_metres(read: Read, text: str, easting: float | None, northing: float | None) -> None:
    assert (read("grid_easting", text)[0], read("grid_northing", text)[0]) == (easting, northing)


@pytest.mark.parametrize(
    ("layout", "text", "parts"),
    [
        ("surname, forenames", "Testman, Ian  James Roy", ("Testman", "Ian", "James Roy")),
        ("surname, forenames", "Testman", ("Testman", None, None)),
        ("forenames surname", "Ian James van Testman", ("Testman", "Ian", "James van")),
        ("forenames surname", "Testman", ("Testman", None, None)),
        ("surname forenames", "Testman Ian James", ("Testman", "Ian", "James")),
    ],
)
def test_a_name_is_split_by_its_layout(read: Read, layout: str, text: str, parts: tuple[str | None, ...]) -> None:
    found = tuple(
        read("name", text, layout=layout, part=part)[0] or None for part in ("surname", "forename_1", "forename_2")
    )
    assert found == parts


@pytest.mark.parametrize("parser", sorted(PARSERS))
def test_every_parser_leaves_an_absent_value_absent(read: Read, parser: str) -> None:
    options = {"kind": "PNC"} if parser == "identifier_ok" else {}
    if parser == "precision":
        assert read(parser, None)[0] == "NONE"
    elif parser != "identifier_ok":
        assert read(parser, None, "DECIMAL(12,2)" if parser == "decimal" else "VARCHAR", **options)[0] in (None, "")


def test_an_option_that_makes_no_sense_is_refused_with_the_choices() -> None:
    target = Target("VARCHAR", "2023-12-01")
    with pytest.raises(ValueError, match="surname, forenames"):
        PARSERS["name"].build("x", {"layout": "backwards"}, target)
    with pytest.raises(ValueError, match="PNC"):
        PARSERS["identifier_ok"].build("x", {"kind": "LIBRARY"}, target)
    with pytest.raises(ValueError, match="earlier"):
        PARSERS["timestamp"].build("x", {"ambiguous": "both"}, target)
    with pytest.raises(ValueError, match="as_at"):
        PARSERS["date"].build("x", {"latest": "soon"}, target)
