"""The feed of golden ids for downstream systems.

Enters: the golden history of the national database, or a part of it: a dated row per nominal and golden id. Leaves: one
row per change of a golden id: created, merged, split, changed, retired, when, by which run, where its nominals went.
Must hold: replaying the feed from its beginning gives the ids in force; the same history gives the same feed in
whatever order its rows come. Refuses: a history in which a nominal has two golden ids at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from migration.dedupe.golden import trace_lineage
from migration.errors import ConfigError, SourceError

FEED = pa.schema(
    [
        pa.field("at_utc", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("cause_run_id", pa.string()),
        pa.field("golden_id", pa.string(), nullable=False),
        pa.field("change", pa.string(), nullable=False),
        pa.field("successors", pa.list_(pa.string()), nullable=False),
        pa.field("nominals_before", pa.int64(), nullable=False),
        pa.field("nominals_after", pa.int64(), nullable=False),
    ]
)


def lineage_feed(history: Iterable[Mapping[str, Any]], since: datetime | None = None) -> pa.Table:
    """Changes of golden ids, in order of time and id.

    Args:
        history: rows with `nominal_id`, `golden_id`, `valid_from_utc`, `valid_to_utc` (None while in force) and
            `cause_run_id`, all of them: what an id was before is worked out from the beginning.
        since: leave out changes before this moment.

    Raises:
        SourceError: a nominal has two golden ids at once.
    """
    opened: dict[datetime, list[Mapping[str, Any]]] = defaultdict(list)
    closed: dict[datetime, list[Mapping[str, Any]]] = defaultdict(list)
    for row in history:
        opened[row["valid_from_utc"]].append(row)
        if row["valid_to_utc"] is not None:
            closed[row["valid_to_utc"]].append(row)
    state = _State()
    rows: list[dict[str, Any]] = []
    for moment in sorted(opened.keys() | closed.keys()):
        events = state.move(closed.get(moment, []), opened.get(moment, []))
        cause = max((str(r["cause_run_id"]) for r in opened.get(moment, [])), default=None)
        if since is None or moment >= since:
            rows += [{"at_utc": moment, "cause_run_id": cause, **event} for event in events]
    return pa.Table.from_pylist(rows, schema=FEED)


def write_feed(feed: pa.Table, path: Path) -> None:
    """Write a feed as Parquet, or as CSV with the successors joined by spaces.

    Raises:
        ConfigError: another kind of file.
    """
    if path.suffix == ".parquet":
        pq.write_table(feed, path, compression="zstd")
    elif path.suffix == ".csv":
        joined = pc.binary_join(feed.column("successors"), " ")
        pacsv.write_csv(feed.set_column(feed.column_names.index("successors"), "successors", joined), path)
    else:
        raise ConfigError("lineage feed", f"a file that ends in {path.suffix}", ".parquet or .csv", "Name it so.")


class _State:
    """Golden id of every nominal at a moment, and the nominals of every golden id."""

    def __init__(self) -> None:
        self.golden: dict[str, str] = {}
        self.members: dict[str, set[str]] = defaultdict(set)

    def move(self, closed: Iterable[Mapping[str, Any]], opened: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Close and open periods; what happened to the golden ids they touch."""
        gone, come = list(closed), list(opened)
        touched = {str(r["golden_id"]) for r in (*gone, *come)}
        before = {n: g for g in touched for n in self.members.get(g, ())}
        for row in gone:
            self._leave(row["nominal_id"], row["golden_id"])
        for row in come:
            self._enter(row["nominal_id"], row["golden_id"])
        after = {n: g for g in touched for n in self.members.get(g, ())}
        return [
            {
                "golden_id": e.golden_id,
                "change": e.change.value,
                "successors": list(e.successors),
                "nominals_before": e.nominals_before,
                "nominals_after": e.nominals_after,
            }
            for e in trace_lineage(before, after)
        ]

    def _leave(self, nominal: str, golden: str) -> None:
        self.members[golden].discard(nominal)
        self.golden.pop(nominal, None)

    def _enter(self, nominal: str, golden: str) -> None:
        if nominal in self.golden:
            raise SourceError("golden history", "a nominal with two golden ids at once", "one", "Check the history.")
        self.golden[nominal] = golden
        self.members[golden].add(nominal)
