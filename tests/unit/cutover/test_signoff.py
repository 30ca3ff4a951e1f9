"""What a reason may not hold."""

import pytest

from migration.cutover.signoff import PERSONAL_PATTERNS


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
    assert [name for name, pattern in PERSONAL_PATTERNS.items() if pattern.search(reason)] == []
