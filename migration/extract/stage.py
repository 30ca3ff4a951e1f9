"""The extract stage: every source table of a division into the `raw` layer.

Enters: the division's pack and its legacy systems. Leaves: `raw/<system>/<table>.parquet`, `raw/_quarantine.parquet`
(one row per line that could not be read) and `raw/_quarantine_lines.parquet` (the same lines, byte for byte), one
manifest. Must hold: tables are staged one by one, each whole or not at all, beside the layer; the layer appears when
all are there. A file source is read again only when its files changed; a database is read once a run. Refuses:
finishing without every table.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from migration.errors import ReconciliationError, SourceError
from migration.extract.connections import Session, open_session
from migration.extract.contract_check import check_contract
from migration.extract.delta_stage import count_staged, gather_deltas, is_delta_staged, stage_delta
from migration.extract.files import combine_file_hashes, find_files, hash_files
from migration.extract.partitions import drop_parts, split_reader
from migration.extract.plan import find_expected_rows
from migration.extract.raw_table import (
    BAD_LINE_SCHEMA,
    BAD_LINES,
    ROWS,
    TableFacts,
    read_table_facts,
    write_table,
)
from migration.extract.readers import open_reader
from migration.extract.sources import TableSource, find_source, is_synthetic, load_sources
from migration.extract.watch import Listener, Watch
from migration.layers import LayerManifest, LayerWriter, current_manifest, find_manifest, stage_key, write_layer
from migration.mapping.model import SourceKind
from migration.records import Layer, RunContext, Stage, StageResult, StageStatus, TableResult

QUARANTINE, QUARANTINE_LINES = "_quarantine", "_quarantine_lines"


def list_tables(context: RunContext) -> list[tuple[str, str]]:
    """The division's source tables as (system, table), in the order of its pack.

    Raises:
        ConfigError: the pack is wrong or a location is not set.
    """
    return [(s.system.name, s.table.name) for s in load_sources(context)]


def extract_division(
    context: RunContext, listener: Listener | None = None, base: RunContext | None = None
) -> StageResult:
    """Extract every source table and finish the `raw` layer; each database in one snapshot for all its tables.

    Args:
        listener: is told the rows of each table as they pass.
        base: an earlier run: tables are made of its extract and what changed since (`delta_stage`).

    Raises:
        SourceError: a legacy system or file is missing, unreachable, damaged or not shaped as its pack says.
        ReconciliationError: what was written is not what a source holds.
        QualityError: the layer is there, and its contract with the last run's extract forbids mapping it.
    """
    started = time.monotonic()
    sources = load_sources(context)
    keys = {s.where: table_key(s) for s in sources}
    if current_manifest(context, Layer.RAW, _layer_key(keys)) is None:
        with ExitStack() as stack:
            sessions: dict[str, Session] = {}
            for source in sources:
                if _is_staged(context, source, keys[source.where], base):
                    continue
                session = _shared_session(stack, sessions, source)
                _stage_table(context, source, keys[source.where], session, listener, base)
    return _finish(context, sources, keys, started)


def extract_table(context: RunContext, system: str, table: str, base: RunContext | None = None) -> StageResult:
    """Extract one source table into the run's staging folder; skipped when it is there, unchanged.

    Args:
        base: an earlier run: the table is made of its extract and what changed since (`delta_stage`).

    Raises:
        ConfigError, SourceError, ReconciliationError: as `extract_division`.
    """
    started = time.monotonic()
    source = find_source(context, system, table)
    key = table_key(source)
    if _is_in_layer(context, source, key) or _is_staged(context, source, key, base):
        return StageResult(Stage.EXTRACT, StageStatus.SKIPPED, time.monotonic() - started)
    facts = _stage_table(context, source, key, None, base=base)
    folder = staging_folder(context, source)
    result = TableResult(f"{system}/{table}", facts.rows, (folder / ROWS).stat().st_size, _fingerprint(facts))
    counts = {"rows": facts.rows, "quarantined": facts.quarantined, **count_staged(folder)}
    return StageResult(Stage.EXTRACT, StageStatus.DONE, time.monotonic() - started, (result,), counts, (folder,))


def finish_extract(context: RunContext) -> StageResult:
    """Gather the staged tables into the `raw` layer with one manifest.

    Raises:
        SourceError: a table has not been extracted.
        QualityError: the layer is there, and its contract with the last run's extract forbids mapping it.
    """
    sources = load_sources(context)
    return _finish(context, sources, {s.where: table_key(s) for s in sources}, time.monotonic())


def staging_folder(context: RunContext, source: TableSource) -> Path:
    """Where a table waits for the layer to be finished."""
    return context.folder / ".raw.tables" / source.system.name / source.table.name


def table_key(source: TableSource) -> str:
    """Key of an extracted table: its definition, its location, the code and, for files, their content.

    Raises:
        SourceError: files of the table are missing.
    """
    inputs = [source.fingerprint()]
    if source.system.kind is not SourceKind.DATABASE:
        inputs.append(combine_file_hashes(hash_files(find_files(source))))
    return stage_key(inputs)


def _layer_key(keys: dict[str, str]) -> str:
    return stage_key(f"{name}={key}" for name, key in sorted(keys.items()))


def _shared_session(stack: ExitStack, sessions: dict[str, Session], source: TableSource) -> Session | None:
    """The system's one session, opened when first needed; None for files."""
    if source.system.kind is not SourceKind.DATABASE:
        return None
    if source.system.name not in sessions:
        sessions[source.system.name] = stack.enter_context(open_session(source.system, source.location))
    return sessions[source.system.name]


def _is_staged(context: RunContext, source: TableSource, key: str, base: RunContext | None = None) -> bool:
    folder = staging_folder(context, source)
    facts = read_table_facts(folder)
    return facts is not None and facts.key == key and (base is None or is_delta_staged(folder, base))


def _is_in_layer(context: RunContext, source: TableSource, key: str) -> bool:
    manifest = find_manifest(context, Layer.RAW)
    keys = manifest.facts.get("table_keys") if manifest else None
    return isinstance(keys, dict) and keys.get(source.where) == key


def _stage_table(
    context: RunContext,
    source: TableSource,
    key: str,
    session: Session | None,
    listener: Listener | None = None,
    base: RunContext | None = None,
) -> TableFacts:
    folder = staging_folder(context, source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    watch = Watch(source, listener=listener)
    with open_reader(source, session) as reader:
        watch.expected = find_expected_rows(context, source, reader)
        try:
            if base is not None:
                facts = stage_delta(context, base, reader, source, folder, key, watch)
            else:
                split = split_reader(reader, source, folder, key)
                facts = write_table(context, source, split, folder, key, watch)
        except ReconciliationError:
            drop_parts(folder)
            _check_at_rest(source, key, folder)
            raise
    drop_parts(folder)
    watch.finish()
    _check_at_rest(source, key, folder)
    return facts


def _check_at_rest(source: TableSource, key: str, folder: Path) -> None:
    """Refuse a table whose files are not those it was begun with; nothing of it is kept."""
    if table_key(source) == key:
        return
    shutil.rmtree(folder, ignore_errors=True)
    fix = "Wait until the export has finished, then run again."
    raise SourceError(source.where, "files that changed while they were read", "files at rest", fix)


def _finish(context: RunContext, sources: tuple[TableSource, ...], keys: dict[str, str], started: float) -> StageResult:
    key = _layer_key(keys)
    manifest = current_manifest(context, Layer.RAW, key)
    status = StageStatus.SKIPPED
    if manifest is None:
        gather_deltas(context, {f"{s.system.name}/{s.table.name}": staging_folder(context, s) for s in sources})
        manifest = _write_raw(context, sources, keys, key)
        status = StageStatus.DONE
    shutil.rmtree(context.folder / ".raw.tables", ignore_errors=True)
    reports = check_contract(context)
    tables = tuple(t for t in manifest.table_results() if not t.name.startswith("_"))
    quarantined = manifest.facts["quarantined"]
    bad = sum(quarantined.values()) if isinstance(quarantined, dict) else 0
    findings = sum(len(r.findings) for r in reports.values())
    counts = {"tables": len(tables), "rows": sum(t.rows for t in tables), "quarantined": bad, "findings": findings}
    folder = context.folder / Layer.RAW.value
    return StageResult(Stage.EXTRACT, status, time.monotonic() - started, tables, counts, (folder,))


def _write_raw(context: RunContext, sources: tuple[TableSource, ...], keys: dict[str, str], key: str) -> LayerManifest:
    found = {s.where: read_table_facts(staging_folder(context, s)) for s in sources}
    facts = {where: f for where, f in found.items() if f is not None and f.key == keys[where]}
    missing = sorted(set(keys) - set(facts))
    if missing:
        fix = f"Run `migrate extract {context.division}` again."
        raise SourceError("layer raw", f"no extract of {', '.join(missing)}", "every table of the pack", fix)
    with write_layer(context, Layer.RAW, key) as writer:
        for source in sources:
            _link(staging_folder(context, source) / ROWS, writer.path(f"{source.system.name}/{source.table.name}"))
        _write_quarantine(context, sources, writer)
        writer.facts["table_keys"] = keys
        if any(is_synthetic(source.location) for source in sources):
            writer.facts["note"] = "SYNTHETIC"
        writer.facts["sample_percent"] = context.sample_percent
        writer.facts["quarantined"] = {where: f.quarantined for where, f in facts.items()}
        for name in ("control_totals", "schema_fingerprint", "source", "seconds"):
            writer.facts[name] = {where: f.facts[name] for where, f in facts.items()}
    manifest = find_manifest(context, Layer.RAW)
    if manifest is None:
        fix = "See whether another process removes files of the run's folder, then run again: finished tables are kept."
        raise SourceError("layer raw", "no manifest after it was written", "one", fix)
    return manifest


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write_quarantine(context: RunContext, sources: tuple[TableSource, ...], writer: LayerWriter) -> None:
    """Both quarantine tables, of all source tables in the order of the pack; without rows where nothing was bad."""
    described = pa.schema([f for f in BAD_LINE_SCHEMA if f.name != "content"])
    metadata = {"division": context.division, "security_marking": context.settings.security_marking}
    with (
        pq.ParquetWriter(writer.path(QUARANTINE), described.with_metadata(metadata)) as index,
        pq.ParquetWriter(writer.path(QUARANTINE_LINES), BAD_LINE_SCHEMA.with_metadata(metadata)) as lines,
    ):
        for batch in _bad_lines(context, sources):
            table = pa.Table.from_batches([batch])
            index.write_table(table.select(described.names).cast(described.with_metadata(metadata)))
            lines.write_table(table.cast(BAD_LINE_SCHEMA.with_metadata(metadata)))


def _bad_lines(context: RunContext, sources: tuple[TableSource, ...]) -> Iterator[pa.RecordBatch]:
    for source in sources:
        path = staging_folder(context, source) / BAD_LINES
        if path.exists():
            yield from pq.ParquetFile(path).iter_batches()


def _fingerprint(facts: TableFacts) -> str:
    return str(facts.facts["control_totals"]["fingerprint"])
