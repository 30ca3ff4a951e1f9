"""What a reason may not hold."""

import pytest

from migration.load.reasons import WITHHELD, find_personal, keep_reason


@pytest.mark.parametrize(
    "reason",
    [
        "Figures agree with our own counts",
        "3,963 records, 35 quarantined, all explained by rule crime.crime_code",
        "Waiver of critical rule nominal.name_encoding agreed; 1 row",
        "Reconciled to the row for 2013 to 2023",
        "Evidence 27a538f1 read; quality report page 2",
    ],
)
def test_a_reason_of_rules_and_counts_holds_nothing_personal(reason: str) -> None:
    assert find_personal(reason) == []
    assert keep_reason(reason) == reason


def test_keep_reason_withholds_what_could_name_somebody() -> None:
    assert keep_reason("The man born 12/03/1961") == WITHHELD
    assert keep_reason("") is None and keep_reason(None) is None
