"""Deltas between two full extracts of a table, by key and hash, and their application.

Enters: extracts of one table and its key. Leaves: a delta (the rows of every key that is new or changed, and one
row for every key that is gone, told apart by `_change`), or the full extract that a delta makes of the last one.
Must hold: the last full extract with the delta applied has the content hash of the new full extract; rows are
replaced by key, so equal rows under one key are kept as often as they occur. Refuses: extracts whose columns
differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from migration.duck import copy_to_parquet, open_session, read_parquet_sql
from migration.errors import ReconciliationError, SourceError
from migration.extract.extracts import open_extract
from migration.extract.reader import SOURCE_ROW, add_source_row
from migration.fingerprint import quote, row_hash_sql, row_text_sql, table_hash
from migration.settings import Settings

CHANGE = "_change"
BATCH_ROWS = 50_000


class Change(StrEnum):
    """What happened to a record since the last extract."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True)
class DeltaCounts:
    """Keys of a delta by change."""

    inserted: int
    updated: int
    deleted: int


def find_delta(
    settings: Settings, old: Path, new: Path, key: Sequence[str], delta: Path, ignored: Sequence[str] = ()
) -> DeltaCounts:
    """Write what changed from `old` to `new` to `delta` (Parquet: the columns of `new` and `_change`).

    Args:
        ignored: columns whose change alone is none, such as the day of the export; their old values are kept.

    Raises:
        SourceError: an extract cannot be read, or their columns differ.
    """
    with open_session(settings) as connection:
        columns = open_extract(connection, "old", old)
        _check_same(old, new, columns, open_extract(connection, "new", new))
        compared = [c for c in columns if c not in (SOURCE_ROW, *ignored)]
        for side in ("old", "new"):
            connection.execute(
                f"CREATE TEMP TABLE {side}_keys AS SELECT {row_text_sql(key)} AS k, count(*) AS n, "
                f"sum(md5_number_lower({row_hash_sql(compared)})) AS h FROM {side} GROUP BY 1"
            )
        connection.execute(
            "CREATE TEMP TABLE changes AS SELECT k, CASE WHEN o.n IS NULL THEN 'INSERT' WHEN w.n IS NULL THEN 'DELETE' "
            "ELSE 'UPDATE' END AS change FROM old_keys o FULL JOIN new_keys w USING (k) "
            "WHERE o.n IS DISTINCT FROM w.n OR o.h IS DISTINCT FROM w.h"
        )
        names = ", ".join(quote(c) for c in columns)
        query = (
            f"SELECT {names}, change AS {CHANGE} FROM new JOIN changes ON k = {row_text_sql(key)} UNION ALL "
            f"SELECT {names}, change AS {CHANGE} FROM (SELECT *, {row_text_sql(key)} AS k FROM old) "
            f"JOIN changes USING (k) WHERE change = 'DELETE' QUALIFY row_number() OVER (PARTITION BY k) = 1"
        )
        order = ", ".join([*(quote(k) for k in key), *(quote(c) for c in columns if c not in key)])
        copy_to_parquet(connection, f"SELECT * FROM ({query}) ORDER BY {order}", delta, {})
        return count_changes(connection)


def _check_same(old: Path, new: Path, left: dict[str, str], right: dict[str, str]) -> None:
    if left == right:
        return
    differing = sorted(c for c in {*left, *right} if left.get(c) != right.get(c))
    raise SourceError(
        f"extracts {old.name} and {new.name}",
        f"other columns or types: {', '.join(differing)}",
        "the same columns",
        "Compare them with `migrate contract compare`; take a full extract instead of a delta.",
    )


def count_changes(connection: duckdb.DuckDBPyConnection) -> DeltaCounts:
    """Keys of the session's table `changes` by their change."""
    counts = dict(connection.execute("SELECT change, count(*) FROM changes GROUP BY 1").fetchall())
    return DeltaCounts(*(int(counts.get(c.value, 0)) for c in Change))


def read_applied(settings: Settings, full: Path, delta: Path, key: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of the full extract that `delta` makes of `full`, numbered from 1 in the order of the key.

    Raises:
        SourceError: an extract cannot be read, or the delta's columns are others.
    """
    with open_session(settings) as connection:
        query, _ = _applied_sql(connection, full, delta, key)
        before = 0
        for batch in connection.execute(query).to_arrow_reader(BATCH_ROWS):
            yield add_source_row(batch, before + 1 + np.arange(batch.num_rows))
            before += batch.num_rows


def apply_delta(settings: Settings, full: Path, delta: Path, key: Sequence[str], result: Path) -> int:
    """Write the full extract that `delta` makes of `full`; returns its rows. Rows are numbered in the order of the key.

    Raises:
        SourceError: an extract cannot be read, or the delta's columns are others.
    """
    with open_session(settings) as connection:
        query, is_numbered = _applied_sql(connection, full, delta, key)
        connection.execute("SET preserve_insertion_order = true")
        number = f", row_number() OVER () AS {SOURCE_ROW}" if is_numbered else ""
        return copy_to_parquet(connection, f"SELECT *{number} FROM ({query})", result, {})


def _applied_sql(
    connection: duckdb.DuckDBPyConnection, full: Path, delta: Path, key: Sequence[str]
) -> tuple[str, bool]:
    """SELECT of the applied rows in the order of the key, and whether the extract numbers its rows."""
    columns = open_extract(connection, "base", full)
    changed = open_extract(connection, "delta", delta)
    _check_same(full, delta, columns, {c: t for c, t in changed.items() if c != CHANGE})
    kept = [c for c in columns if c != SOURCE_ROW]
    names = ", ".join(quote(c) for c in kept)
    text = row_text_sql(key)
    rows = (
        f"SELECT {names} FROM base WHERE {text} NOT IN (SELECT {text} FROM delta) "
        f"UNION ALL SELECT {names} FROM delta WHERE {CHANGE} <> 'DELETE'"
    )
    order = ", ".join([*(quote(k) for k in key), *(quote(c) for c in kept if c not in key)])
    return f"SELECT {names} FROM ({rows}) ORDER BY {order}", SOURCE_ROW in columns


def content_hash(settings: Settings, extract: Path, ignored: Sequence[str] = ()) -> tuple[int, str]:
    """Rows and content hash of an extract's legacy columns: what two full extracts are compared by."""
    with open_session(settings) as connection:
        columns = open_extract(connection, "extract", extract)
        kept = [c for c in columns if c not in (SOURCE_ROW, *ignored)]
        return table_hash(connection, read_parquet_sql(extract) if extract.suffix == ".parquet" else "extract", kept)


def check_delta(
    settings: Settings, full: Path, delta: Path, new: Path, key: Sequence[str], ignored: Sequence[str] = ()
) -> int:
    """Prove that `full` with `delta` is `new`; returns the rows.

    Raises:
        ReconciliationError: it is not.
    """
    result = delta.with_name(f".{delta.stem}.applied.parquet")
    try:
        rows = apply_delta(settings, full, delta, key, result)
        if content_hash(settings, result, ignored) != content_hash(settings, new, ignored):
            raise ReconciliationError(
                f"delta {delta.name}",
                "another content hash after applying it to the last full extract",
                "that of the new full extract",
                "Take a full extract; do not use the delta.",
            )
        return rows
    finally:
        result.unlink(missing_ok=True)
