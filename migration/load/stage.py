"""The stage `stage`: a run's newest files into the database's `staging` schema.

Enters: the run's mapped, located and linked layers. Leaves: for every entity a table `staging.<entity>_<division>`,
empty where the run has no file of it; the same for the golden tables; rows in `control.staged_table`,
`control.manifest` and `control.migration_run`. Must hold: readers see the old tables or all the new ones; each
table's rows equal its file's; a table whose file did not change is left alone; a killed load leaves only `__new`
tables, which the next one replaces. Refuses: two loads of one division at once (the second waits), a file that is not
the one of its manifest.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from migration.duck import open_session, read_parquet_sql
from migration.errors import ReconciliationError, SourceError
from migration.fingerprint import quote
from migration.layers import ENTITY_LAYERS, TableManifest, find_manifest, layer_folder, read_manifest
from migration.load.bulk import BulkConnection, column_types, ingest, open_bulk
from migration.load.failures import guard
from migration.load.partitions import STAGING, add_constraints, add_indexes, partition_name, qualified, table_exists
from migration.load.run_record import record_manifests, record_run
from migration.records import RunContext, Stage, StageResult, StageStatus, TableResult
from migration.schema.model import Entity, load_schema
from migration.schema.sql import NATIONAL_AREAS, database_schema, table_of

STAGE_LOCK = 0x73746167
"""Advisory lock space of staging; its second key is the division."""
NEW = "__new"
LINK_COLUMNS = ("division_code", "nominal_id", "golden_id", "link_rule", "model_version")
_EMPTY_HASH = "-"


@dataclass(frozen=True)
class StagedFile:
    """One table to stage: its entity, and the file it comes from (None: the table is made empty)."""

    entity: Entity
    path: Path | None
    manifest: TableManifest | None

    @property
    def rows(self) -> int:
        """Rows the table must hold."""
        return self.manifest.rows if self.manifest else 0

    @property
    def content_hash(self) -> str:
        """What the table is made from."""
        return self.manifest.content_hash if self.manifest else _EMPTY_HASH


def staged_entities() -> tuple[Entity, ...]:
    """Everything that is staged: the entities of the national areas, and `national_link` as dedupe writes it."""
    schema = load_schema()
    link = schema.entity("nominal_link")
    national_link = replace(
        link,
        name="national_link",
        is_partitioned=False,
        fields=tuple(f for f in link.fields if f.name in LINK_COLUMNS),
    )
    return (*(e for e in schema.entities.values() if e.area in NATIONAL_AREAS), national_link)


def load_staging(context: RunContext, engine: sa.Engine) -> StageResult:
    """Load a run's newest files into the staging tables of its division; skips those that hold them already.

    Raises:
        SourceError: no mapped layer, a file that is not its manifest's, a value PostgreSQL refuses, a lost connection.
        ReconciliationError: a table that holds other rows than its file.
    """
    started = time.monotonic()
    files = find_files(context)
    where = f"staging of division {context.division}"
    with guard(engine, where), engine.begin() as connection:
        _lock(connection, context.division)
        stale = [f for f in files if not _is_staged(connection, context, f)]
        if stale:
            with open_bulk(engine) as bulk:
                for file in stale:
                    _load_new(engine, bulk, context.division, file)
        broken = {f.entity.name: _swap_in(connection, context, f) for f in stale}
        record_run(connection, context, find_pack_version(context, files))
        record_manifests(connection, context)
    with guard(engine, where):
        _vacuum(engine, [partition_name(f.entity.name, context.division) for f in stale])
    tables = tuple(
        TableResult(f.entity.name, f.rows, f.manifest.bytes if f.manifest else 0, f.content_hash) for f in files
    )
    counts = {"tables_loaded": len(stale), "constraints_broken": sum(len(b) for b in broken.values())}
    status = StageStatus.DONE if stale else StageStatus.SKIPPED
    return StageResult(Stage.STAGE, status, time.monotonic() - started, tables, counts)


def find_files(context: RunContext) -> list[StagedFile]:
    """The newest file of every staged entity, checked against its manifest.

    Raises:
        SourceError: the run has no mapped layer, or a file is not there or not of its manifest's size.
    """
    manifests = [(layer, read_manifest(context, layer)) for layer in ENTITY_LAYERS if find_manifest(context, layer)]
    if not manifests:
        fix = f"Run `migrate run {context.division}` from the start."
        raise SourceError(f"run {context.division}/{context.run_id}", "no layer to stage", "a mapped layer", fix)
    found: dict[str, StagedFile] = {}
    for entity in staged_entities():
        found[entity.name] = StagedFile(entity, None, None)
        for layer, manifest in reversed(manifests):
            for table in manifest.tables:
                if table.name == entity.name:
                    found[entity.name] = StagedFile(entity, layer_folder(context, layer) / table.path, table)
    return list(found.values())


def find_pack_version(context: RunContext, files: list[StagedFile]) -> str | None:
    """Version of the pack that mapped the run's rows; None where there is no row."""
    for file in files:
        if file.path is None or not file.entity.has_lineage or not file.rows:
            continue
        with open_session(context.settings) as session:
            row = session.execute(f"SELECT max(mapping_version) FROM {read_parquet_sql(file.path)}").fetchone()
        return str(row[0]) if row and row[0] is not None else None
    return None


def _lock(connection: sa.Connection, division: str) -> None:
    statement = sa.text("SELECT pg_advisory_xact_lock(:space, :division)")
    connection.execute(statement, {"space": STAGE_LOCK, "division": ord(division)})


def _is_staged(connection: sa.Connection, context: RunContext, file: StagedFile) -> bool:
    """Whether the staging table holds this file of this run already."""
    table = table_of("staged_table")
    query = sa.select(table.c.run_id, table.c.content_hash).where(
        table.c.division_code == context.division, table.c.table_name == file.entity.name
    )
    row = connection.execute(query).first()
    is_same = row is not None and tuple(row) == (context.run_id, file.content_hash)
    return is_same and table_exists(connection, STAGING, partition_name(file.entity.name, context.division))


def _load_new(engine: sa.Engine, bulk: BulkConnection, division: str, file: StagedFile) -> None:
    """Load a file into a new table beside the one in use, in a transaction of its own (which spares it the log)."""
    table = partition_name(file.entity.name, division) + NEW
    columns = ", ".join(quote(name) for name in file.entity.field_names)
    parent = "nominal_link" if file.entity.name == "national_link" else file.entity.name
    types = column_types(engine, database_schema(file.entity), parent)
    with bulk.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {qualified(STAGING, table)}")
        source = qualified(database_schema(file.entity), parent)
        cursor.execute(f"CREATE TABLE {qualified(STAGING, table)} AS SELECT {columns} FROM {source} WITH NO DATA")
    if file.path is not None:
        ingest(bulk, STAGING, table, file.path, types)
    bulk.commit()


def _swap_in(connection: sa.Connection, context: RunContext, file: StagedFile) -> list[str]:
    """Put a loaded table in the old one's place, with constraints and indexes; returns the constraints it breaks."""
    table = partition_name(file.entity.name, context.division)
    _check_rows(connection, table + NEW, file)
    connection.execute(sa.text(f"DROP TABLE IF EXISTS {qualified(STAGING, table)}"))
    connection.execute(sa.text(f"ALTER TABLE {qualified(STAGING, table + NEW)} RENAME TO {quote(table)}"))
    broken = add_constraints(connection, table, file.entity, context.division)
    add_indexes(connection, table, file.entity, context.division)
    connection.execute(sa.text(f"ANALYZE {qualified(STAGING, table)}"))
    _record_staged(connection, context, file, broken)
    return broken


def _check_rows(connection: sa.Connection, table: str, file: StagedFile) -> None:
    rows = connection.scalar(sa.text(f"SELECT count(*) FROM {qualified(STAGING, table)}"))
    if rows != file.rows:
        fix = (
            "Run the stage again; where it happens twice, the file is not the one of its manifest: run from the start."
        )
        raise ReconciliationError(f"staging of {file.entity.name}", f"{rows} rows", f"{file.rows}, as its file", fix)


def _vacuum(engine: sa.Engine, tables: list[str]) -> None:
    """Write the visibility of new rows once, here: else the first reader of a table, a rule, rewrites every page."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            connection.execute(sa.text(f"VACUUM {qualified(STAGING, table)}"))


def _record_staged(connection: sa.Connection, context: RunContext, file: StagedFile, broken: list[str]) -> None:
    values = {
        "run_id": context.run_id,
        "rows": file.rows,
        "content_hash": file.content_hash,
        "broken_constraints": _shorten(broken),
        "staged_at_utc": datetime.now(UTC),
    }
    key = {"division_code": context.division, "table_name": file.entity.name}
    statement = insert(table_of("staged_table")).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def _shorten(names: list[str]) -> str | None:
    """The names in one text of at most 400 characters."""
    text = ", ".join(names)
    return text[:397] + "..." if len(text) > 400 else text or None
