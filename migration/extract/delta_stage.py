"""The extract stage by deltas: each table made of the last run's extract and what changed since.

Enters: the division's pack, its legacy systems and the newest earlier run whose `raw` layer is finished. Leaves: a
whole `raw` layer as `stage` writes it, which every later stage reads like any other, and beside it
`<run>/delta/<system>/<table>.parquet` (the changed rows, told apart by `_change`) with `manifest.json` (per table
the method, the keys inserted, updated and deleted, rows, SHA-256). Must hold: a database table with its delta applied
has the control totals that the database computes in the same snapshot, so it is what a new full extract would be; a
file is delivered whole and read whole, and its delta applied to the last extract has the content hash of the new one.
A table that cannot be taken by delta, or whose delta does not stand the proof, is read whole, and the manifest says
why; so does one of files where a key is gone while a record cannot be read any more: the key may be that record's, and
a delta must not say of it that it was deleted. Refuses: a division without an earlier run.

Option of a system or table: `delta_ignored` (none: columns whose change alone is none, such as the day of export).
"""

import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from migration.errors import ConfigError, ReconciliationError
from migration.extract.contract_check import find_last_run
from migration.extract.database import DatabaseReader
from migration.extract.delta import DeltaCounts, check_delta, find_delta, read_applied
from migration.extract.delta_source import extract_delta
from migration.extract.partitions import drop_parts, split_reader
from migration.extract.raw_table import BAD_LINES, ROWS, TableFacts, write_table
from migration.extract.reader import SOURCE_ROW, RawBatch, TableReader
from migration.extract.sources import TableSource
from migration.extract.totals import ColumnKind, ControlTotals, column_kinds
from migration.extract.watch import Watch
from migration.layers import hash_file, layer_folder, write_json
from migration.records import Layer, RunContext

LOG = logging.getLogger(__name__)
DELTA, DELTA_FACTS, MANIFEST = "delta.parquet", "delta.json", "manifest.json"


class DeltaMethod(StrEnum):
    """How a table's changes were found."""

    WATERMARK = "WATERMARK"
    KEY_AND_HASH = "KEY_AND_HASH"
    WHOLE = "WHOLE"


@dataclass(frozen=True)
class TableDelta:
    """What changed in one table. `reason` says why it was read whole; `sha256` is of the delta's file."""

    table: str
    base_run: str
    method: DeltaMethod
    reason: str
    inserted: int
    updated: int
    deleted: int
    rows: int
    sha256: str
    seconds: float


def find_base(context: RunContext) -> RunContext:
    """The run whose extract a delta starts from: the newest earlier one of the same sample.

    Raises:
        ConfigError: there is none.
    """
    base = find_last_run(context)
    if base is None:
        where = f"division {context.division}, run {context.run_id}"
        expected = f"a finished extract of {context.sample_percent} % that a delta can start from"
        fix = f"Take a full extract first: `migrate run {context.division}`, or the DAG with `extract` full."
        raise ConfigError(where, "no earlier extract", expected, fix)
    return base


def delta_folder(context: RunContext) -> Path:
    """Where a run keeps the deltas its `raw` layer was made by."""
    return context.folder / "delta"


def read_deltas(context: RunContext) -> tuple[TableDelta, ...]:
    """What changed in each table since the run's base; empty where the run was extracted whole."""
    path = delta_folder(context) / MANIFEST
    if not path.exists():
        return ()
    raw = json.loads(path.read_text(encoding="utf-8"))["tables"]
    return tuple(TableDelta(**{**t, "method": DeltaMethod(t["method"])}) for t in raw)


def is_delta_staged(folder: Path, base: RunContext) -> bool:
    """Whether a staged table has its delta beside it, made from the same base."""
    path = folder / DELTA_FACTS
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["base_run"] == base.run_id


def count_staged(folder: Path) -> dict[str, int]:
    """Keys that a staged table's delta inserted, updated and deleted; empty where it was read whole."""
    path = folder / DELTA_FACTS
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"reason": "no delta"}
    return {} if facts["reason"] else {name: int(facts[name]) for name in ("inserted", "updated", "deleted")}


def stage_delta(
    context: RunContext,
    base: RunContext,
    reader: TableReader,
    source: TableSource,
    folder: Path,
    key: str,
    watch: Watch,
) -> TableFacts:
    """Stage one table by its delta, or whole where that cannot be.

    Raises:
        SourceError, ReconciliationError: as `raw_table.write_table`.
    """
    started = time.monotonic()
    full = _base_path(base, source)
    reason = _why_whole(source, reader, full)
    facts, counts, method = None, DeltaCounts(0, 0, 0), DeltaMethod.WHOLE
    if not reason and isinstance(reader, DatabaseReader):
        try:
            facts, counts = _apply_to_base(context, reader, source, full, folder, key, watch)
            method = DeltaMethod.WATERMARK if source.table.changed_by else DeltaMethod.KEY_AND_HASH
        except ReconciliationError as failure:
            reason = f"the delta did not stand the proof: {failure.found}"
            LOG.warning("delta table=%s read whole: %s", source.where, reason)
    if facts is None:
        facts = write_table(context, source, split_reader(reader, source, folder, key), folder, key, watch)
        drop_parts(folder)
        if not reason:
            counts, method, reason = _compare_files(context, base, source, full, folder)
    delta = folder / DELTA
    written = TableDelta(
        table=f"{source.system.name}/{source.table.name}",
        base_run=base.run_id,
        method=method,
        reason=reason,
        **asdict(counts),
        rows=facts.rows,
        sha256=hash_file(delta) if delta.exists() else "",
        seconds=round(time.monotonic() - started, 3),
    )
    write_json(folder / DELTA_FACTS, asdict(written))
    keys = f"inserted={counts.inserted} updated={counts.updated} deleted={counts.deleted}"
    LOG.info("delta table=%s base=%s method=%s %s", source.where, base.run_id, method, reason or keys)
    return facts


def _base_path(base: RunContext, source: TableSource) -> Path:
    return layer_folder(base, Layer.RAW) / source.system.name / f"{source.table.name}.parquet"


def _why_whole(source: TableSource, reader: TableReader, full: Path) -> str:
    """Why the table cannot be taken by delta; empty where it can."""
    if not full.exists():
        return "the last extract does not have the table"
    if not source.table.key:
        return "the pack names no key"
    if source.flag("allow_duplicate_keys", False):
        return "a key may stand for several rows"
    before = {f.name: f.type for f in pq.read_schema(full) if f.name != SOURCE_ROW}
    if before != {f.name: f.type for f in reader.schema}:
        return "its columns are not those of the last extract"
    is_hashed = isinstance(reader, DatabaseReader) and source.table.changed_by is None
    if is_hashed and ColumnKind.DOUBLE in column_kinds(reader.schema).values():
        return "a floating point column, which no hash of the database covers"
    return ""


class _AppliedReader:
    """A database table as its last extract with its delta applied; proved against the database's own totals."""

    def __init__(self, reader: DatabaseReader, batches: Iterator[pa.RecordBatch], counts: DeltaCounts) -> None:
        self.reader, self._batches, self._counts = reader, batches, counts
        self.schema = reader.schema
        self.null_text = reader.null_text

    def read_batches(self) -> Iterator[RawBatch]:
        """The rows of the applied delta, in the order of the key."""
        names = [*self.schema.names, SOURCE_ROW]
        return (RawBatch(batch.select(names)) for batch in self._batches)

    def measure_source(self, quarantined: frozenset[int]) -> ControlTotals:
        """Totals of the whole table, computed by the database in the snapshot of the delta."""
        return self.reader.measure_source(quarantined)

    def describe(self) -> dict[str, object]:
        """Snapshot, server time and the keys that changed."""
        return {**self.reader.describe(), "delta": asdict(self._counts)}


def _apply_to_base(
    context: RunContext, reader: DatabaseReader, source: TableSource, full: Path, folder: Path, key: str, watch: Watch
) -> tuple[TableFacts, DeltaCounts]:
    """Stage the last extract with the table's delta applied, the delta beside it."""
    delta = folder.with_name(f".{folder.name}.{DELTA}")
    try:
        counts = extract_delta(context.settings, reader, full, delta, watch)
        applied = _AppliedReader(reader, read_applied(context.settings, full, delta, source.table.key), counts)
        facts = write_table(context, source, applied, folder, key, Watch(source, is_local=True))
        delta.replace(folder / DELTA)
    finally:
        delta.unlink(missing_ok=True)
    return facts, counts


def _compare_files(
    context: RunContext, base: RunContext, source: TableSource, full: Path, folder: Path
) -> tuple[DeltaCounts, DeltaMethod, str]:
    """Find and prove the delta from the last extract of a table's files to the one staged; none with the reason."""
    option = source.option("delta_ignored")
    ignored = [str(name) for name in option] if isinstance(option, list | tuple) else []
    counts = find_delta(context.settings, full, folder / ROWS, source.table.key, folder / DELTA, ignored)
    unread = _count_newly_unread(base, source, folder) if counts.deleted else 0
    if unread:
        (folder / DELTA).unlink()
        reason = f"{unread} records newly in quarantine: keys not read and keys that are gone cannot be told apart"
        return DeltaCounts(0, 0, 0), DeltaMethod.WHOLE, reason
    check_delta(context.settings, full, folder / DELTA, folder / ROWS, source.table.key, ignored)
    return counts, DeltaMethod.KEY_AND_HASH, ""


def _count_newly_unread(base: RunContext, source: TableSource, folder: Path) -> int:
    """Records in the staged table's quarantine that were not, byte for byte, in that of the last extract."""
    if not (folder / BAD_LINES).exists():
        return 0
    name = "line_sha256"
    of_table = [("source_system", "=", source.system.name), ("source_table", "=", source.table.name)]
    before = layer_folder(base, Layer.RAW) / "_quarantine.parquet"
    known = pq.read_table(before, columns=[name], filters=of_table)[name].to_pylist() if before.exists() else []
    found = pq.read_table(folder / BAD_LINES, columns=[name])[name].to_pylist()
    return (Counter(found) - Counter(known)).total()


def gather_deltas(context: RunContext, folders: dict[str, Path]) -> None:
    """Put the staged tables' deltas into the run's folder, whole or not at all; no folder where there are none.

    Args:
        folders: staging folder of each table, by `system/table`.
    """
    staged = {name: folder for name, folder in folders.items() if (folder / DELTA_FACTS).exists()}
    final = delta_folder(context)
    if not staged:
        shutil.rmtree(final, ignore_errors=True)
        return
    temporary = final.with_name(".delta.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    tables = []
    for name, folder in staged.items():
        target = temporary / f"{name}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        if (folder / DELTA).exists():
            shutil.copyfile(folder / DELTA, target)
        tables.append(json.loads((folder / DELTA_FACTS).read_text(encoding="utf-8")))
    write_json(temporary / MANIFEST, {"division": context.division, "run_id": context.run_id, "tables": tables})
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
