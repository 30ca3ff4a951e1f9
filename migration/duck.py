"""DuckDB sessions as every stage uses them.

Enters: settings. Leaves: an in-memory session in UTC that spills to the home folder, and Parquet files with their
protective marking in the footer. Refuses extensions: none can be downloaded where this runs.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from migration.settings import Settings

if TYPE_CHECKING:
    import duckdb

PARQUET = "COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2"
"""Faster to write and smaller than zstd's usual level with the encodings of Parquet's first version."""


@contextmanager
def open_session(settings: Settings) -> Iterator["duckdb.DuckDBPyConnection"]:
    """An in-memory DuckDB session in UTC, bounded by `settings.memory_limit`, spilling under `settings.home`."""
    import duckdb  # here, so that what only writes SQL stays cheap to import

    spill = settings.home / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": settings.threads,
            "memory_limit": settings.memory_limit,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


def sql_text(value: str | Path) -> str:
    """A value as a SQL string literal, for the few places that take no bound parameter (paths in `COPY`, views)."""
    return "'" + str(value).replace("'", "''") + "'"


def read_parquet_sql(path: Path) -> str:
    """SQL relation that reads one Parquet file or a glob of them."""
    return f"read_parquet({sql_text(path)})"


def copy_to_parquet(
    connection: "duckdb.DuckDBPyConnection", query: str, path: Path, metadata: Mapping[str, str]
) -> int:
    """Write a query's rows to one Parquet file with `metadata` in its footer; returns the rows written."""
    pairs = ", ".join(f"{sql_text(k)}: {sql_text(v)}" for k, v in sorted(metadata.items()))
    footer = f", KV_METADATA {{{pairs}}}" if pairs else ""
    row = connection.execute(f"COPY ({query}) TO {sql_text(path)} (FORMAT parquet, {PARQUET}{footer})").fetchone()
    return int(row[0]) if row else 0
