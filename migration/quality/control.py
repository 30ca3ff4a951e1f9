"""Reads and writes of the quality tables in the schema `control`.

Enters: rows as dictionaries keyed by the fields of `national.yml`. Leaves: the same rows in PostgreSQL. Must hold:
what belongs to one run and division is replaced whole in the caller's transaction, so a rerun never doubles it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from migration.schema.model import load_schema
from migration.schema.sql import table_of

BATCH = 5_000


def replace_run_rows(
    connection: sa.Connection, table: str, division: str, run_id: str, rows: Iterable[Mapping[str, Any]]
) -> int:
    """Put `rows` in the place of what a control table holds of one run of a division; returns how many."""
    target = table_of(table)
    connection.execute(sa.delete(target).where(target.c.division_code == division, target.c.run_id == run_id))
    return insert_rows(connection, table, rows)


def insert_rows(connection: sa.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add rows to a control table; returns how many."""
    target = table_of(table)
    kept = [dict(row) for row in rows]
    for start in range(0, len(kept), BATCH):
        connection.execute(sa.insert(target), kept[start : start + BATCH])
    return len(kept)


def upsert_rows(connection: sa.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows to a control table, rewriting those whose key is there."""
    target = table_of(table)
    key = list(load_schema().entity(table).key)
    for row in rows:
        statement = insert(target).values(**row)
        changed = {k: statement.excluded[k] for k in row if k not in key}
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))
