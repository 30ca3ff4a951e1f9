"""Addresses are written in other words, never as another address."""

import pytest

from migration.synthetic.flats import FlatStyle, flat_text
from migration.synthetic.notation import flat_notation, street_notation, title_case


@pytest.mark.parametrize("style", [s for s in FlatStyle if s is not FlatStyle.NONE])
@pytest.mark.parametrize("flats", [4, 6, 8, 9, 12])
def test_flats_of_a_stair_never_come_out_alike(style: FlatStyle, flats: int) -> None:
    seen: dict[tuple[str, str], int] = {}
    for unit in range(1, flats + 1):
        text, number, suffix = flat_text(style, flats, unit)
        for luck in range(120):
            written = flat_notation(text, number or 0, f"34{suffix}", luck)
            plain = (written[0].upper().replace(" ", ""), written[1].upper())
            assert seen.setdefault(plain, unit) == unit


def test_house_number_is_kept_in_every_notation() -> None:
    for luck in range(120):
        assert flat_notation("2/1", 0, "34A", luck)[1] == "34A"
        assert flat_notation("", 5, "34", luck)[1] in {"34", "34/5"}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("HIGH STREET", {"High Street", "High St", "High St.", "High Str"}),
        (
            "ST JOHN'S PLACE",
            {
                f"{s} {p}"
                for s in ("St John's", "St Johns", "Saint John's", "Saint Johns")
                for p in ("Place", "Pl", "Pl.")
            },
        ),
    ],
)
def test_street_notation_stays_within_known_forms(name: str, allowed: set[str]) -> None:
    written = {street_notation(name, luck) for luck in range(10_000)}
    assert written <= allowed
    assert len(written) > 2


def test_title_case_keeps_small_words_small() -> None:
    assert title_case("MAINS OF DALRY") == "Mains of Dalry"
