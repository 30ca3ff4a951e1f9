"""The processing log that DPA 2018 s.62 asks for: what was done with records, by whom, when and why.

Enters: an open transaction and an operation of the code list `processing_operation`. Leaves: one row of
`control.processing_log`, chained to the row before by its hash. Must hold: entries are numbered without gaps; changing,
removing or inserting one breaks the chain at that number. Refuses (in the database): update, delete, truncate.
The subject names keys, runs and counts, never the content of a record.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from migration.schema.sql import table_of

LOG_LOCK = 0x6C6F67
FIRST_HASH = "0" * 64
_HASHED = ("entry_no", "operation", "done_by", "done_at_utc", "subject", "justification", "previous_hash")


@dataclass(frozen=True)
class ChainResult:
    """Whether the log is as it was written: its entries, and the number of the first that is not (None: intact)."""

    entries: int
    first_broken: int | None

    @property
    def is_intact(self) -> bool:
        """Whether every entry follows from the one before."""
        return self.first_broken is None


def append_entry(
    connection: sa.Connection, operation: str, person: str, subject: str, justification: str | None = None
) -> int:
    """Add an entry inside the caller's transaction; returns its number."""
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})
    table = table_of("processing_log")
    query = sa.select(table.c.entry_no, table.c.entry_hash).order_by(table.c.entry_no.desc()).limit(1)
    last = connection.execute(query).first()
    entry: dict[str, object] = {
        "entry_no": (last.entry_no if last else 0) + 1,
        "operation": operation,
        "done_by": person,
        "done_at_utc": datetime.now(UTC),
        "subject": subject,
        "justification": justification,
        "previous_hash": last.entry_hash if last else FIRST_HASH,
    }
    connection.execute(sa.insert(table).values(**entry, entry_hash=hash_entry(entry)))
    return int(str(entry["entry_no"]))


def hash_entry(entry: dict[str, object]) -> str:
    """SHA-256 (hex) of an entry's fields, each with its length so that no two entries read the same."""
    parts = []
    for name in _HASHED:
        value = entry[name]
        moment = value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value
        text = "" if moment is None else str(moment)
        parts.append(f"{'N' if value is None else 'V'}{len(text)}:{text}")
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def verify_chain(engine: sa.Engine) -> ChainResult:
    """Compute the whole chain again."""
    table = table_of("processing_log")
    previous, expected_no, entries, broken = FIRST_HASH, 1, 0, None
    with engine.connect().execution_options(yield_per=10_000) as connection:
        for row in connection.execute(sa.select(table).order_by(table.c.entry_no)).mappings():
            entries += 1
            entry = dict(row)
            is_next = entry["entry_no"] == expected_no and entry["previous_hash"] == previous
            if broken is None and not (is_next and entry["entry_hash"] == hash_entry(entry)):
                broken = int(entry["entry_no"])
            previous, expected_no = entry["entry_hash"], expected_no + 1
    return ChainResult(entries, broken)
