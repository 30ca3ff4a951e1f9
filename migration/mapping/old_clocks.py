"""What clocks in London showed before 1996, for points in time that no short rule covers.

Enters: a wall-clock time in microseconds since 1970. Leaves: how far the clock was ahead of UTC, or why that is unsure.
Must hold: it gives what DuckDB's own time zones give (`test_dates.py` asks both); these cost every statement that names
them, used or not, as much as reading some thousands of rows.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb

ZONE = ZoneInfo("Europe/London")
EPOCH = datetime(1970, 1, 1)
TICK = timedelta(microseconds=1)
FIRST = (datetime(2, 1, 1) - EPOCH) // TICK
"""Python knows no year before 1; clocks had not changed for long by then."""


def clock_offsets(local: int) -> tuple[int, int]:
    """How far the clock was ahead of UTC, in microseconds, by the first and by the second reading of a time.

    They differ where the hour occurs twice (the first is larger) or never (the second is).
    """
    moment = (EPOCH + max(local, FIRST) * TICK).replace(tzinfo=ZONE)
    first, second = ((moment.replace(fold=f).utcoffset() or timedelta()) // TICK for f in (0, 1))
    return first, second


def old_london_offset(local: int, later: bool) -> int:
    """How far the clock was ahead of UTC; an hour that was left out is read by the clock before the change."""
    first, second = clock_offsets(local)
    return min(first, second) if later else first


def old_london_error(local: int) -> str:
    """Code of a time that occurs twice, or never; else empty."""
    first, second = clock_offsets(local)
    if first == second:
        return ""
    return "AMBIGUOUS_TIME" if first > second else "NONEXISTENT_TIME"


def register_clocks(connection: duckdb.DuckDBPyConnection) -> None:
    """Make both known to a DuckDB session."""
    connection.create_function("old_london_offset", old_london_offset, ["BIGINT", "BOOLEAN"], "BIGINT")
    connection.create_function("old_london_error", old_london_error, ["BIGINT"], "VARCHAR")
