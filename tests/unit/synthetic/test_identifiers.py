"""Invented identifiers pass the checks of real ones."""

import re
from datetime import date

import pytest

from migration.synthetic.identifiers import (
    CHECK_LETTERS,
    chi_no,
    cro_no,
    driver_no,
    grid_reference,
    pnc_id,
    registration_mark,
    scro_no,
)


@pytest.mark.parametrize("serial", [0, 1, 22, 23, 9_999_999])
def test_pnc_id_ends_in_the_letter_of_its_digits_modulo_23(serial: int) -> None:
    made = pnc_id(1998, serial)
    match = re.fullmatch(r"(\d{4})/(\d{7})([A-Z])", made)
    assert match
    assert match[3] == CHECK_LETTERS[int(match[1][2:] + match[2]) % 23]


def test_check_letters_leave_out_letters_that_look_like_digits() -> None:
    assert len(CHECK_LETTERS) == 23
    assert not set("IOS") & set(CHECK_LETTERS)


def test_scro_and_cro_numbers_have_their_lengths() -> None:
    assert re.fullmatch(r"S\d{6}/\d{2}[A-Z]", scro_no(2003, 77))
    assert len(scro_no(2003, 77)) == 11
    assert re.fullmatch(r"\d{6}/\d{2}[A-Z]", cro_no(2003, 77))


def test_driver_no_has_sixteen_characters_and_marks_women_in_the_month() -> None:
    man = driver_no("O'Hara", "Iain", "", date(1971, 2, 3), is_female=False, tail=5)
    woman = driver_no("O'Hara", "Iona", "Ann", date(1971, 2, 3), is_female=True, tail=5)
    assert len(man) == len(woman) == 16
    assert man.startswith("OHARA702031I99")
    assert woman.startswith("OHARA752031IA9")


@pytest.mark.parametrize("is_female", [True, False])
def test_chi_no_passes_modulo_11_and_tells_sex(is_female: bool) -> None:
    for serial in range(600):
        made = chi_no(date(1966, 11, 30), serial, is_female=is_female)
        assert len(made) == 10
        assert (int(made[8]) % 2 == 0) is is_female
        assert sum(int(d) * w for d, w in zip(made, range(10, 0, -1), strict=True)) % 11 == 0


def test_grid_reference_of_known_points() -> None:
    assert grid_reference(340_300, 730_100) == "NO 403 301"
    assert grid_reference(297_500, 576_500, 4) == "NX 9750 7650"
    assert grid_reference(447_500, 1_141_500) == "HU 475 415"


def test_registration_marks_have_the_current_form() -> None:
    assert all(re.fullmatch(r"S[A-Z]\d{2} [A-Z]{3}", registration_mark(n)) for n in range(0, 300_000, 997))
