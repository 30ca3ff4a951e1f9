import pytest

from migration.geocode.classify import classify
from migration.geocode.text import tokenise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("34 High Street", "ADDRESS"),
        ("NFA", "NO_FIXED_ABODE"),
        ("of no fixed abode", "NO_FIXED_ABODE"),
        ("unknown", "UNUSABLE"),
        ("", "UNUSABLE"),
        ("--", "UNUSABLE"),
        ("o/s 3 High Street", "RELATIVE"),
        ("Rear of 3 High Street", "RELATIVE"),
        ("Junction of A Street and B Road", "JUNCTION"),
        ("M8 J15", "ROAD_MARKER"),
        ("A90 northbound", "ROAD_MARKER"),
    ],
)
def test_class_of_a_text(text: str, expected: str) -> None:
    assert classify(tokenise(text)).location_class == expected


def test_a_relative_text_keeps_its_anchor() -> None:
    assert classify(tokenise("opposite 3 High Street")).tokens == tokenise("3 High Street")


def test_unknown_in_a_longer_text_does_not_make_it_unusable() -> None:
    assert classify(tokenise("Unknown flat, 3 High Street")).location_class == "ADDRESS"
