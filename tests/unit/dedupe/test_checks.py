"""Check digits by kind, and what a table's wrong numbers become."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.dedupe.checks import is_check_right
from migration.dedupe.roles import read_records
from migration.synthetic.identifiers import chi_no, cro_no, pnc_id, scro_no


@given(st.integers(1960, 2023), st.integers(0, 999_999))
def test_numbers_made_right_are_right_and_any_other_letter_is_wrong(year, serial):
    for kind, number in (("pnc", pnc_id(year, serial)), ("cro", cro_no(year, serial)), ("scro", scro_no(year, serial))):
        assert is_check_right(kind, number) is True
        other = "B" if number[-1] != "B" else "C"
        assert is_check_right(kind, number[:-1] + other) is False


@given(st.integers(0, 499), st.booleans(), st.integers(0, 9))
def test_a_chi_number_with_any_digit_changed_is_wrong(serial, is_female, place):
    number = chi_no(date(1961, 4, 19), serial, is_female=is_female)
    changed = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    assert is_check_right("chi", number) is True
    assert is_check_right("nhs", changed) is False


@pytest.mark.parametrize(("kind", "value"), [("passport", "123456789"), ("pnc", "1234"), ("chi", "190461")])
def test_nothing_is_said_of_other_kinds_and_short_forms(kind, value):
    assert is_check_right(kind, value) is None


def test_read_records_drops_numbers_whose_check_fails_and_keeps_the_rest(tmp_path):
    good = pnc_id(1990, 123456)
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    table = pa.table({"key": ["a", "b", "c", "d"], "pnc": [good, "90/123", wrong, None]})
    pq.write_table(table, tmp_path / "people.parquet")
    records, _ = read_records(tmp_path / "people.parquet", {"key": "record_id", "pnc": "identifier:pnc"})
    assert records["id_pnc"].to_pylist() == [good, "90/123", None, None]
