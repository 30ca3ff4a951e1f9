"""A compiled gazetteer release as reference data: its beats and entries beside the records that were located with it.

Enters: a compiled release. Leaves: `reference.beat` and `reference.gazetteer_entry` of that release, replaced together,
and what they were loaded from in `control.manifest` (layer `gazetteer`). Must hold: a release whose tables' hashes are
recorded is not loaded again; two processes never load at once. Refuses: nothing of its own; the release is checked
where it is compiled.
"""

from pathlib import Path

import sqlalchemy as sa

from migration.duck import copy_to_parquet, open_session, read_parquet_sql, sql_text
from migration.geocode.gazetteer.release import ReleaseManifest, read_release, table_path
from migration.load.bulk import copy_table
from migration.schema.model import Entity, load_schema
from migration.schema.sql import table_of
from migration.settings import Settings

LAYER, NO_DIVISION = "gazetteer", "-"
RELEASE_COLUMN = "gazetteer_release"
TABLES = {"beat": "beat", "entry": "gazetteer_entry"}
"""Tables of a compiled release and the national entity each becomes."""
LOAD_LOCK = 0x67617A31


def load_gazetteer_reference(settings: Settings, engine: sa.Engine, release: str) -> int:
    """Load a release's beats and entries, unless they are there; returns the rows loaded.

    Raises:
        ConfigError: the release is not compiled.
        SourceError: the database went away; nothing of the release is recorded, so the next call loads it again.
    """
    manifest = read_release(settings, release)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": LOAD_LOCK})
        try:
            if _loaded_hashes(connection, release) == {entity: manifest.hashes[t] for t, entity in TABLES.items()}:
                return 0
            rows = {entity: _load_table(settings, engine, release, table, entity) for table, entity in TABLES.items()}
            _record(connection, manifest, rows)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": LOAD_LOCK})
    return sum(rows.values())


def _load_table(settings: Settings, engine: sa.Engine, release: str, table: str, entity: str) -> int:
    path = settings.home / "spill" / f"{release}-{entity}.parquet"
    try:
        _write_entity(settings, release, table, load_schema().entity(entity), path)
        return copy_table(engine, "reference", entity, path, replace={RELEASE_COLUMN: release})
    finally:
        path.unlink(missing_ok=True)


def _write_entity(settings: Settings, release: str, table: str, entity: Entity, path: Path) -> None:
    """The release's rows as the entity's columns; one row is kept of a doubled key (a finding of its check)."""
    columns = ", ".join(
        f.name if f.name != RELEASE_COLUMN else f"{sql_text(release)} AS {f.name}" for f in entity.fields
    )
    source = read_parquet_sql(table_path(settings, release, table))
    keys = ", ".join(entity.key)
    order = ", ".join(entity.field_names)
    query = f"""
        SELECT {columns} FROM {source}
        QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {order}) = 1
    """
    with open_session(settings) as connection:
        copy_to_parquet(connection, query, path, {})


def _loaded_hashes(connection: sa.Connection, release: str) -> dict[str, str]:
    table = table_of("manifest")
    query = sa.select(table.c.table_name, table.c.content_hash).where(
        table.c.run_id == release, table.c.division_code == NO_DIVISION, table.c.layer == LAYER
    )
    return {row.table_name: row.content_hash for row in connection.execute(query)}


def _record(connection: sa.Connection, manifest: ReleaseManifest, rows: dict[str, int]) -> None:
    table = table_of("manifest")
    is_release = sa.and_(
        table.c.run_id == manifest.release, table.c.division_code == NO_DIVISION, table.c.layer == LAYER
    )
    connection.execute(sa.delete(table).where(is_release))
    for name, entity in TABLES.items():
        connection.execute(
            sa.insert(table).values(
                run_id=manifest.release,
                division_code=NO_DIVISION,
                layer=LAYER,
                table_name=entity,
                rows=rows[entity],
                bytes=0,
                sha256=manifest.hashes[name],
                schema_fingerprint=str(manifest.format),
                content_hash=manifest.hashes[name],
            )
        )
