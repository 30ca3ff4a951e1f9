"""A compiled gazetteer release as reference data: its beats and entries beside the records that were located with it.

Enters: a compiled release. Leaves: `reference.beat` and `reference.gazetteer_entry` of that release, replaced together,
and what they were loaded from in `control.manifest` (layer `gazetteer`). Must hold: a release whose tables' hashes are
recorded is not loaded again; two processes never load at once. Refuses: nothing of its own; the release is checked
where it is compiled.
"""

import sqlalchemy as sa

from migration.geocode.gazetteer.reference import reference_beats, reference_entries
from migration.geocode.gazetteer.release import ReleaseManifest, read_release
from migration.load.bulk import copy_table
from migration.schema.sql import table_of
from migration.settings import Settings

LAYER, NO_DIVISION = "gazetteer", "-"
RELEASE_COLUMN = "gazetteer_release"
TABLES = {"beat": "beat", "entry": "gazetteer_entry"}
"""Tables of a compiled release and the national entity each becomes."""
ROWS = {"beat": reference_beats, "gazetteer_entry": reference_entries}
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
            replaced = {RELEASE_COLUMN: release}
            rows = {
                entity: copy_table(engine, "reference", entity, ROWS[entity](settings, release), replace=replaced)
                for entity in TABLES.values()
            }
            _record(connection, manifest, rows)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": LOAD_LOCK})
    return sum(rows.values())


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
