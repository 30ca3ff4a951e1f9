"""Hashes of rows and tables that do not depend on row order, thread count or run.

Enters: a DuckDB relation by name or as a sub-query, and its columns. Leaves: SQL expressions and hex digests.
Must hold: equal rows give equal hashes wherever they are computed; NULL differs from the empty string; no two different
rows encode to the same text (each value carries its length). Refuses nothing: every DuckDB type casts to text.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

VOLATILE_COLUMNS = frozenset({"run_id", "linked_at_utc"})
"""Columns that say which run made a row, left out of content hashes; `linked_at_utc` is the time in the run id."""


def quote(name: str) -> str:
    """Identifier quoted for DuckDB and PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


def row_text_sql(columns: Sequence[str]) -> str:
    """SQL text expression of a row: each value with its length, NULL as `N`."""
    if not columns:
        return "''"
    return f"concat({', '.join(_value_text_sql(quote(c)) for c in columns)})"


def _value_text_sql(column: str) -> str:
    text = f"{column}::VARCHAR"
    return f"CASE WHEN {column} IS NULL THEN 'N' ELSE concat('V', length({text}), ':', {text}) END"


def row_hash_sql(columns: Sequence[str]) -> str:
    """SQL expression of a row's hash: 32 hex characters over `columns`, in name order."""
    return f"md5({row_text_sql(sorted(columns))})"


def stable_columns(columns: Iterable[str]) -> list[str]:
    """The columns that content hashes cover, sorted by name."""
    return sorted(c for c in columns if c not in VOLATILE_COLUMNS)


def table_hash(connection: "duckdb.DuckDBPyConnection", relation: str, columns: Iterable[str]) -> tuple[int, str]:
    """Row count and order-independent content hash of a relation.

    Args:
        connection: an open DuckDB connection.
        relation: table name, `read_parquet('...')` or a parenthesised query.
        columns: its columns; volatile ones are left out.

    Returns:
        Rows, and the SHA-256 (hex) of the column names, the row count and the sums of both halves of each row's MD5.
        Doubling or dropping a row changes it, reordering does not.
    """
    kept = stable_columns(columns)
    query = (
        "SELECT count(*), coalesce(sum(md5_number_lower(t)), 0), coalesce(sum(md5_number_upper(t)), 0) "
        f"FROM (SELECT {row_text_sql(kept)} AS t FROM {relation})"
    )
    row = connection.execute(query).fetchone()
    rows, lower, upper = (int(v) for v in row) if row else (0, 0, 0)
    digest = hashlib.sha256(f"{','.join(kept)}|{rows}|{lower}|{upper}".encode()).hexdigest()
    return rows, digest


def combine_hashes(parts: Iterable[str]) -> str:
    """One SHA-256 (hex) of several hashes or versions, order counting."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
