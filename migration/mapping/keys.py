"""Keys of source records: `source_key` and `record_id`, the same in Python and in SQL.

Enters: a record's own raw key values. Leaves: the key they make. Must hold: a key never depends on a cleaned value, a
run or the order of rows, so improving a parser moves no record.
"""

import hashlib
from collections.abc import Sequence

from migration.mapping.literals import literal

UNIT = "\x1f"
KEY_SEPARATOR = "|"
ID_LENGTH = 32


def source_key(values: Sequence[str], group: str = "") -> str:
    """The legacy key of a record: its key values, and its group where one row holds several records."""
    key = KEY_SEPARATOR.join(values)
    return f"{key}#{group}" if group else key


def record_id(division: str, system: str, table: str, key: str) -> str:
    """National id of a source record: 32 hex characters, the same in every run.

    Args:
        key: its `source_key`, raw.

    Source: migration/README.md, section The lake.
    """
    text = UNIT.join((division, system, table, key))
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


def record_id_sql(division: str, system: str, table: str, key_sql: str) -> str:
    """SQL expression of `record_id` for a key expression; null where the key is."""
    prefix = UNIT.join((division, system, table, ""))
    return f"left(sha256({literal(prefix)} || {key_sql}), {ID_LENGTH})"


def source_key_sql(values: Sequence[str], group_sql: str = "") -> str:
    """SQL expression of `source_key` from text expressions; null where any part is."""
    key = f" || {literal(KEY_SEPARATOR)} || ".join(values)
    return f"{key} || '#' || {group_sql}" if group_sql else key
