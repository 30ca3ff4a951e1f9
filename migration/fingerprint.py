"""Hashes of rows and tables that do not depend on row order, thread count or run.

Enters: a DuckDB relation by name or as a sub-query, and its columns. Leaves: SQL expressions and hex digests.
Must hold: equal rows give equal hashes wherever they are computed; NULL differs from the empty string; no two different
rows encode to the same text (each value carries its length). Refuses nothing: every DuckDB type casts to text.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

VOLATILE_COLUMNS = frozenset({"run_id", "linked_at_utc"})
"""Columns that say which run made a row, left out of content hashes; `linked_at_utc` is the time in the run id."""


def quote(name: str) -> str:
    """Identifier quoted for DuckDB and PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


EXACT_YEARS = ("0001-01-02 00:00:00+00", "9999-12-30 00:00:00+00")
"""Between these the text of a point in time is that of its wall clock in UTC, which is cheaper to write."""


def row_text_sql(columns: Sequence[str]) -> str:
    """SQL text expression of a row: each value with its length, NULL as `N`."""
    return join_texts_sql({quote(c): f"{quote(c)}::VARCHAR" for c in columns})


def join_texts_sql(texts: Mapping[str, str]) -> str:
    """SQL text expression of a row: of each value the SQL that is null where it is, and that of its text.

    One `concat`, which skips what is NULL, and no text in between.
    """
    if not texts:
        return "''"
    return f"concat({', '.join(_tagged_sql(value, text) for value, text in texts.items())})"


def _tagged_sql(value: str, text: str) -> str:
    tag, colon = f"CASE WHEN {value} IS NULL THEN 'N' ELSE 'V' END", f"CASE WHEN {value} IS NOT NULL THEN ':' END"
    return f"{tag}, length({text}), {colon}, {text}"


def value_text_sql(column: str, type_name: str) -> str:
    """SQL of what `column::VARCHAR` gives in a session in UTC, the cheapest way for the column's DuckDB type."""
    if type_name not in ("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"):
        return column if type_name == "VARCHAR" else f"{column}::VARCHAR"
    first, last = (f"TIMESTAMPTZ '{day}'" for day in EXACT_YEARS)
    clock = f"make_timestamp(epoch_us({column}))::VARCHAR || '+00'"
    return f"CASE WHEN {column} BETWEEN {first} AND {last} THEN {clock} ELSE {column}::VARCHAR END"


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
    types = {str(r[0]): str(r[1]) for r in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    # the texts in a layer of their own: each is used several times above
    texts = {f"_text_{i}": value_text_sql(quote(c), types[c]) for i, c in enumerate(kept)}
    columns_sql = ", ".join(f"{sql} AS {key}" for key, sql in texts.items()) or "NULL"
    query = (
        "SELECT count(*), coalesce(sum(md5_number_lower(t)), 0), coalesce(sum(md5_number_upper(t)), 0) "
        f"FROM (SELECT {join_texts_sql({t: t for t in texts})} AS t FROM (SELECT {columns_sql} FROM {relation}))"
    )
    row = connection.execute(query).fetchone()
    rows, lower, upper = (int(v) for v in row) if row else (0, 0, 0)
    digest = hashlib.sha256(f"{','.join(kept)}|{rows}|{lower}|{upper}".encode()).hexdigest()
    return rows, digest


def combine_hashes(parts: Iterable[str]) -> str:
    """One SHA-256 (hex) of several hashes or versions, order counting."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
