"""Code lists are effective-dated without gaps in meaning, and the crime codes know both classifications."""

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise

import pytest

from migration.schema.model import Code, load_schema

BEFORE, SINCE = date(2021, 3, 31), date(2021, 4, 1)
"""Last day of the groups used up to 2020-21, first day of those used since."""


def periods(name: str) -> dict[str, list[Code]]:
    found: dict[str, list[Code]] = defaultdict(list)
    for code in load_schema().codes[name]:
        found[code.code].append(code)
    return found


def group_on(code: str, day: date) -> tuple[str, str]:
    for period in periods("crime_code")[code]:
        if period.valid_from <= day <= (period.valid_to or date.max):
            return period.attributes["group_no"], period.attributes["crime_or_offence"]
    pytest.fail(f"{code} has no period on {day}")


@pytest.mark.parametrize("name", sorted(load_schema().codes))
def test_periods_of_a_code_do_not_overlap(name):
    for found in periods(name).values():
        for earlier, later in pairwise(found):
            assert earlier.valid_to is not None and earlier.valid_to < later.valid_from, later.code


def test_retired_crime_codes_name_a_successor_that_is_in_force_the_next_day():
    known = periods("crime_code")
    retired = {code: found[-1] for code, found in known.items() if found[-1].valid_to is not None}
    assert retired
    for last in retired.values():
        successor = known[last.attributes["successor_code"]][0]
        assert successor.valid_from <= last.valid_to + timedelta(days=1) and successor.valid_to is None


def test_every_crime_code_has_a_group_of_the_classification_in_force():
    groups = periods("crime_group")
    for found in periods("crime_code").values():
        for period in found:
            for day in {period.valid_from, period.valid_to or date.max}:
                names = [
                    g for g in groups[period.attributes["group_no"]] if g.valid_from <= day <= (g.valid_to or date.max)
                ]
                assert len(names) == 1, (period.code, day)
            assert period.source and period.attributes["crime_or_offence"] in {"C", "O"}


@pytest.mark.parametrize(
    ("code", "before", "since"),
    [
        ("47009", ("6", "O"), ("1", "C")),
        ("47008", ("6", "O"), ("6", "O")),
        ("84002", ("6", "O"), ("7", "O")),
        ("33012", ("4", "C"), ("4", "C")),
        ("43001", ("5", "C"), ("5", "C")),
    ],
)
def test_groups_differ_before_and_since_2021_22(code, before, since):
    assert (group_on(code, BEFORE), group_on(code, SINCE)) == (before, since)
