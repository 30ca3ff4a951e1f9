"""The hash that chains the processing log."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from migration.load.processing_log import FIRST_HASH, hash_entry

ENTRY: dict[str, object] = {
    "entry_no": 1,
    "operation": "COLLECTION",
    "done_by": "Lead",
    "done_at_utc": datetime(2026, 9, 1, 12, tzinfo=UTC),
    "subject": "10 rows",
    "justification": None,
    "previous_hash": FIRST_HASH,
}


@pytest.mark.parametrize(
    "change",
    [
        {"entry_no": 2},
        {"operation": "ERASURE"},
        {"done_by": "Owner"},
        {"done_at_utc": datetime(2026, 9, 1, 12, 0, 0, 1, tzinfo=UTC)},
        {"subject": "11 rows"},
        {"justification": ""},
        {"previous_hash": "1" * 64},
        {"done_by": "Lead1", "operation": "COLLECTIO"},
    ],
)
def test_hash_entry_changes_with_every_field(change: dict[str, object]) -> None:
    assert hash_entry({**ENTRY, **change}) != hash_entry(ENTRY)


def test_hash_entry_is_of_the_moment_not_of_its_time_zone() -> None:
    elsewhere = datetime(2026, 9, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    assert hash_entry({**ENTRY, "done_at_utc": elsewhere}) == hash_entry(ENTRY)
