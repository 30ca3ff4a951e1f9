"""What an extract will read, and for about how long.

Enters: the division's pack, its systems, and the newest finished extract of the division. Leaves: one
`PlannedTable` per source table. Must hold: nothing is read but sizes of files and, on request, counts. Refuses:
what the readers refuse on opening.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migration.extract.connections import Session, open_session
from migration.extract.database import DatabaseReader, TablePlan, naming_failure, plan_table
from migration.extract.files import find_files
from migration.extract.reader import TableReader
from migration.extract.sources import TableSource, load_sources
from migration.extract.watch import load_window
from migration.layers import LayerManifest, find_manifest
from migration.mapping.model import SourceKind
from migration.records import Layer, RunContext

ROWS_PER_SECOND = 50_000
"""Assumed of a database that was never read, proof included."""
BYTES_PER_SECOND = 10_000_000
"""Assumed of files that were never read, proof included."""
SAMPLE_BYTES = 1 << 20
COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
ROW_MARKS = dict.fromkeys((SourceKind.DELIMITED, SourceKind.FIXED_WIDTH, SourceKind.JSON_LINES), b"\n")
"""What a record of a kind of file ends with, near enough for an estimate."""
KNOWN_ROWS = {"postgresql": "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = '{relation}'::regclass"}
"""By engine, the SQL of the rows that its statistics tell of a table."""


@dataclass(frozen=True)
class PlannedTable:
    """One table to be read: rows (counted by a database, estimated of files), bytes of files, seconds, and terms."""

    system: str
    table: str
    kind: str
    rows: int | None
    bytes: int | None
    files: int
    seconds: float
    based_on: str
    rows_per_second: int
    window: str


def plan_extract(context: RunContext) -> list[PlannedTable]:
    """The tables of the division in the order they will be read. Databases are asked for counts.

    Raises:
        ConfigError: the pack is wrong, or a location is not set.
        SourceError: a system cannot be reached, or a table or file is not there.
    """
    last = find_last_extract(context)
    planned: list[PlannedTable] = []
    sources = load_sources(context)
    for name in dict.fromkeys(s.system.name for s in sources):
        own = [s for s in sources if s.system.name == name]
        if own[0].system.kind is SourceKind.DATABASE:
            with open_session(own[0].system, own[0].location) as session:
                planned += [_plan_table(s, last, _count_rows(s, session), None) for s in own]
        else:
            planned += [_plan_table(s, last, None, [p.stat().st_size for p in find_files(s)]) for s in own]
    return planned


def find_last_extract(context: RunContext) -> LayerManifest | None:
    """The newest finished `raw` manifest of the division, this run's included."""
    folder = context.settings.lake / context.division
    for run_id in sorted((p.name for p in folder.glob("*")), reverse=True):
        manifest = find_manifest(RunContext(context.settings, context.division, run_id), Layer.RAW)
        if manifest is not None:
            return manifest
    return None


def expected_rows(last: LayerManifest | None, source: TableSource) -> int | None:
    """Rows of the table in the last extract."""
    name = f"{source.system.name}/{source.table.name}"
    return next((t.rows for t in last.tables if t.name == name), None) if last else None


def find_expected_rows(context: RunContext, source: TableSource, reader: TableReader) -> int | None:
    """Rows that reading the table will give, for the time left; None where nothing tells.

    As in the last extract, or as its database knows or counts them, or estimated from the beginning of its files.
    """
    last = expected_rows(find_last_extract(context), source)
    if last or not isinstance(reader, DatabaseReader):
        return last or estimate_rows(source, find_files(source))
    return _known_rows(source, reader) or _count_planned(source, reader.plan, reader.session)


def _known_rows(source: TableSource, reader: DatabaseReader) -> int:
    """Rows by the statistics of the server, which cost no reading; 0 where it has none."""
    known = KNOWN_ROWS.get(reader.session.engine.name)
    if known is None or reader.plan.condition:
        return 0
    with naming_failure(source, reader.session):
        relation = reader.plan.relation.replace("'", "''")
        return int(reader.session.fetch_one(known.format(relation=relation))[0])


def estimate_rows(source: TableSource, files: Sequence[Path]) -> int | None:
    """About how many records files hold, from those in the first megabyte.

    None for compressed files, and kinds of file whose records have no mark.
    """
    mark = ROW_MARKS.get(source.system.kind)
    if source.system.kind is SourceKind.XML:
        mark = f"<{source.text('record', source.table.name)}".encode()
    if mark is None or any(p.suffix.lower() in COMPRESSED for p in files):
        return None
    with files[0].open("rb") as stream:
        beginning = stream.read(SAMPLE_BYTES)
    share = sum(p.stat().st_size for p in files) / max(len(beginning), 1)
    return round(beginning.count(mark) * share) or None


def _count_rows(source: TableSource, session: Session) -> int:
    return _count_planned(source, plan_table(source, session), session)


def _count_planned(source: TableSource, plan: TablePlan, session: Session) -> int:
    where = f" WHERE {plan.condition}" if plan.condition else ""
    with naming_failure(source, session):
        return int(session.fetch_one(f"SELECT count(*) FROM {plan.relation}{where}")[0])


def _plan_table(
    source: TableSource, last: LayerManifest | None, rows: int | None, sizes: Sequence[int] | None
) -> PlannedTable:
    size = sum(sizes) if sizes is not None else None
    rows = estimate_rows(source, find_files(source)) if rows is None else rows
    seconds, based_on = _estimate(source, last, rows, size)
    limit = source.number("rows_per_second", 0)
    if limit and rows is not None:
        seconds = max(seconds, rows / limit)
    window = load_window(source)
    return PlannedTable(
        system=source.system.name,
        table=source.table.name,
        kind=source.system.kind.value,
        rows=rows,
        bytes=size,
        files=len(sizes or ()),
        seconds=seconds,
        based_on=based_on,
        rows_per_second=limit,
        window=f"{window.start:%H:%M}-{window.end:%H:%M}" if window else "",
    )


def _estimate(source: TableSource, last: LayerManifest | None, rows: int | None, size: int | None) -> tuple[float, str]:
    """Seconds, from the last extract's own pace where there is one."""
    seconds = last.facts.get("seconds") if last else None
    before = expected_rows(last, source)
    if isinstance(seconds, dict) and before and source.where in seconds:
        taken = float(seconds[source.where])
        return taken * (rows / before if rows is not None and size is None else 1.0), "last extract"
    if size is not None:
        return size / BYTES_PER_SECOND, "assumed rate"
    return (rows or 0) / ROWS_PER_SECOND, "assumed rate"
