"""Counts a report takes from the lake: rejects by rule, levels of location matches, bands of nominal matches.

Enters: a run. Leaves: names and counts, largest first; empty where the layer has not been written.
"""

from pathlib import Path

from migration.duck import open_session, read_parquet_sql
from migration.layers import find_entity, layer_folder
from migration.records import Layer, RunContext

Shares = tuple[tuple[tuple[str, ...], int], ...]
"""Rows of (names, count)."""


def count_rejects(context: RunContext) -> Shares:
    """Rejected records by source table, field, rule and reason."""
    path = layer_folder(context, Layer.REJECTED) / "rejects.parquet"
    columns = ("source_table", "entity", "field", "rule_id", "reason_code")
    return _count(context, path if path.exists() else None, columns)


def count_levels(context: RunContext) -> Shares:
    """Locations by level of their gazetteer match and reason of refusal."""
    return _count(context, find_entity(context, "location_match"), ("match_level_code", "refusal_code"))


def count_bands(context: RunContext) -> Shares:
    """Compared pairs of nominals by band."""
    return _count(context, find_entity(context, "match_candidate"), ("band_code",))


def _count(context: RunContext, path: Path | None, columns: tuple[str, ...]) -> Shares:
    if path is None:
        return ()
    names = ", ".join(f"coalesce({c}, '')" for c in columns)
    numbers = ", ".join(str(n) for n in range(1, len(columns) + 1))
    query = f"SELECT {names}, count(*) AS n FROM {read_parquet_sql(path)} GROUP BY {numbers} ORDER BY n DESC, {numbers}"
    with open_session(context.settings) as session:
        rows = session.execute(query).fetchall()
    return tuple((tuple(str(v) for v in row[:-1]), int(row[-1])) for row in rows)
