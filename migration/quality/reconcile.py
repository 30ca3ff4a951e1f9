"""Reconciliation of a run: every layer against the next, in full.

Enters: a run's lake and its staging tables. Leaves: `Reconciliation`: the ledger, the control totals of every layer
and the breaks. Must hold: nothing is sampled; every break names layer, table, column, owner and keys. Refuses: a
layer that is not there or whose files are not those of its manifest.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import duckdb
import sqlalchemy as sa

from migration.duck import open_session, read_parquet_sql
from migration.layers import find_entity, find_manifest, hash_file, layer_folder, read_manifest
from migration.mapping.load import load_pack
from migration.mapping.model import Pack
from migration.quality import ledger, measure, statistics
from migration.quality.breaks import SHOWN_KEYS, Break, LedgerLine, close_ledger, reconcile_layers
from migration.quality.fingerprints import TableTotals
from migration.quality.lake_fingerprints import measure_file
from migration.quality.raw_cells import compare_raw_cells
from migration.quality.returns import Statement, compare_return, explain_return
from migration.quality.statistics import Cells
from migration.quality.suite import staging_table
from migration.records import Layer, RunContext
from migration.schema.model import Entity, load_schema

REJECTS = "rejects.parquet"


@dataclass
class Reconciliation:
    """What was measured and what did not agree."""

    lines: tuple[LedgerLine, ...] = ()
    totals: dict[tuple[str, str], TableTotals] = field(default_factory=dict)
    raw_rows: dict[str, int] = field(default_factory=dict)
    cells: Cells = field(default_factory=dict)
    statement: Statement = field(default_factory=Statement)
    breaks: list[Break] = field(default_factory=list)


def reconcile_run(context: RunContext, engine: sa.Engine) -> Reconciliation:
    """Compare every layer of a run with the next, and the newest with staging.

    The server measures the staging tables while the lake is read.

    Raises:
        SourceError: a layer is missing or its files are not those of its manifest.
    """
    found = Reconciliation()
    pack = load_pack(context.settings, context.division)
    with ThreadPoolExecutor(1) as server, open_session(context.settings) as session:
        staged = {e.name: server.submit(measure_staging, context, engine, e) for e in lake_entities()}
        cells = server.submit(read_staging_cells, context, engine)
        found.breaks += check_files(context)
        reconcile_ledger(context, session, pack, found)
        found.breaks += compare_raw_cells(context, session, pack, load_schema())
        for entity in lake_entities():
            reconcile_rewrites(context, session, entity, found)
            reconcile_staging(context, session, engine, entity, found, staged[entity.name])
        found.cells = cells.result()
        found.breaks += statistics.compare_cells("mapped = staging", read_lake_cells(context, session), found.cells)
        found.statement = explain_return(context, session, pack)
        found.breaks += compare_return(found.statement, found.cells)
    return found


def measure_staging(context: RunContext, engine: sa.Engine, entity: Entity) -> TableTotals:
    """Totals of an entity's staging table."""
    with engine.connect() as connection:
        return measure.measure_table(connection, staging_table(entity.name, context.division), entity)


def read_staging_cells(context: RunContext, engine: sa.Engine) -> Cells:
    """Crime by year, code and disposal as staging holds it."""
    crime, report = (staging_table(name, context.division) for name in ("crime", "crime_report"))
    with engine.connect() as connection:
        return statistics.read_table_cells(connection, crime, report, load_schema().entity("crime"))


def read_lake_cells(context: RunContext, session: duckdb.DuckDBPyConnection) -> Cells:
    """Crime by year, code and disposal as the newest files hold it."""
    crime, report = find_entity(context, "crime"), find_entity(context, "crime_report")
    entity, threads = load_schema().entity("crime"), context.settings.threads
    return statistics.read_lake_cells(session, crime, report, entity, threads)


def lake_entities() -> tuple[Entity, ...]:
    """Entities that lie in the lake and in staging alike."""
    return load_schema().partitioned_entities()


def check_files(context: RunContext) -> list[Break]:
    """Files of finished layers whose bytes are not those their manifest was written for."""
    breaks = []
    for layer in Layer:
        if find_manifest(context, layer) is None:
            continue
        manifest = read_manifest(context, layer)
        folder = layer_folder(context, layer)
        with ThreadPoolExecutor(context.settings.threads) as pool:
            hashes = list(pool.map(lambda t: hash_file(folder / t.path), manifest.tables))  # noqa: B023
        for table, found in zip(manifest.tables, hashes, strict=True):
            if found != table.sha256:
                sides = (f"..{table.sha256[-6:]}", f"..{found[-6:]}")
                breaks.append(Break("file is the manifest's", layer.value, table.name, "", *sides, "rollout_lead"))
    return breaks


def reconcile_ledger(
    context: RunContext, session: duckdb.DuckDBPyConnection, pack: Pack, found: Reconciliation
) -> None:
    """Raw rows against dispositions, dispositions against the mapped rows, rejects against quarantined records."""
    raw = read_manifest(context, Layer.RAW)
    read_manifest(context, Layer.MAPPED)
    disposition = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
    raw_rows = ledger.count_raw_rows(raw)
    found.raw_rows = {f"{system}/{table}": rows for (system, table), rows in sorted(raw_rows.items())}
    found.lines = ledger.count_ledger(session, disposition, raw_rows, primary_entities(pack))
    found.breaks += close_ledger(found.lines)
    found.breaks += compare_source_totals(raw.facts, found.raw_rows)
    found.breaks += ledger.find_doubled(session, disposition)
    for entity in load_schema().mapped_entities():
        found.breaks += ledger.compare_loaded(session, disposition, find_entity(context, entity.name), entity)
        found.breaks += ledger.check_row_hashes(layer_folder(context, Layer.MAPPED), entity)
    rejects = layer_folder(context, Layer.REJECTED) / REJECTS
    found.breaks += ledger.compare_rejects(session, disposition, rejects if rejects.exists() else None)


def primary_entities(pack: Pack) -> dict[tuple[str, str], str]:
    """Primary entity of every source table of a pack."""
    return {(s.name, t.name): t.primary for s in pack.systems for t in s.tables if t.primary is not None}


def compare_source_totals(facts: Mapping[str, object], raw_rows: Mapping[str, int]) -> list[Break]:
    """Rows the legacy system counted against rows of the raw layer, by table."""
    totals = facts.get("control_totals")
    counted = _source_rows(totals) if isinstance(totals, Mapping) else {}
    breaks = []
    for name in sorted(counted.keys() | raw_rows.keys()):
        expected, found = counted.get(name), raw_rows.get(name)
        if expected != found:
            source, kept = ("no count" if n is None else f"{n} rows" for n in (expected, found))
            breaks.append(Break("rows", "source = raw", name, "", source, kept, "information_governance"))
    return breaks


def _source_rows(totals: Mapping[str, Mapping[str, object]]) -> dict[str, int]:
    """Rows the source counted by `system/table`; the manifest's facts name a table `system.table`."""
    return {name.replace(".", "/", 1): int(str(value["rows"])) for name, value in totals.items()}


def reconcile_rewrites(
    context: RunContext, session: duckdb.DuckDBPyConnection, entity: Entity, found: Reconciliation
) -> None:
    """An entity that a later stage wrote again keeps every row and every field but those that stage fills."""
    written = list(_files(context, entity))
    kept, threads = (
        replace(entity, fields=tuple(f for f in entity.fields if f.filled_by is None)),
        context.settings.threads,
    )
    for (before, old), (after, new) in pairwise(written):
        left, right = (measure_file(session, read_parquet_sql(path), kept, threads) for path in (old, new))
        found.totals[(before.value, entity.name)] = left
        found.breaks += reconcile_layers(f"{before.value} = {after.value}", entity.name, left, right, owners(kept))


def _files(context: RunContext, entity: Entity) -> Iterable[tuple[Layer, Path]]:
    for layer in (Layer.MAPPED, Layer.LOCATED, Layer.LINKED):
        path = layer_folder(context, layer) / f"{entity.name}.parquet"
        if path.exists():
            yield layer, path


def reconcile_staging(
    context: RunContext,
    session: duckdb.DuckDBPyConnection,
    engine: sa.Engine,
    entity: Entity,
    found: Reconciliation,
    staged: "Future[TableTotals]",
) -> None:
    """The newest file of an entity against its staging table: rows, keys, every value."""
    path = find_entity(context, entity.name)
    layer = path.parent.name if path else Layer.MAPPED.value
    left = measure_file(session, read_parquet_sql(path) if path else None, entity, context.settings.threads)
    right = staged.result()
    breaks = reconcile_layers(f"{layer} = staging", entity.name, left, right, owners(entity))
    if breaks:
        columns = [b.column for b in breaks if b.column]
        with engine.connect() as connection:
            table = staging_table(entity.name, context.division)
            keys = measure.differing_keys(session, path, connection, table, entity, columns, SHOWN_KEYS)
        breaks = [replace(b, keys=keys) for b in breaks]
    found.totals[(layer, entity.name)] = left
    found.totals[("staging", entity.name)] = right
    found.breaks += breaks


def owners(entity: Entity) -> dict[str, str]:
    """Owner of each field, and of the entity under an empty name."""
    return {"": entity.owner, **{f.name: f.owner for f in entity.fields}}
