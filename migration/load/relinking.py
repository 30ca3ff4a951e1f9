"""Golden links of a national set recomputed from the lake and put into the database, ready to be applied.

Enters: the runs that are to be national and a function that links them. Leaves: three tables in `staging` with the
suffix `relink`, as `golden.apply_links` takes them; empty where no run is left. Must hold: the same runs and
judgements give the same tables, whatever was national in between. Refuses: a linkage that leaves one of its files
out.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from migration.errors import SourceError
from migration.fingerprint import quote
from migration.load.bulk import BulkConnection, column_types, ingest, open_bulk
from migration.load.golden import LinkTables, staged_link_tables
from migration.load.partitions import NATIONAL, STAGING, qualified
from migration.load.stage import staged_entities
from migration.records import PublishedRun
from migration.schema.model import Entity

Relink = Callable[[Sequence[PublishedRun], Path], None]
"""Links the given runs and writes `national_link`, `survivorship` and `match_candidate` (Parquet) into a folder."""
SUFFIX = "relink"
LINK_ENTITIES = ("national_link", "survivorship", "match_candidate")


def load_relinked(engine: sa.Engine, runs: Sequence[PublishedRun], relink: Relink, folder: Path) -> LinkTables:
    """Link `runs` and load the result; `folder` is emptied before and removed after.

    Raises:
        SourceError: a file is missing, or the load broke off.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        if runs:
            relink(runs, folder)
        with open_bulk(engine) as bulk:
            for entity in staged_entities():
                if entity.name in LINK_ENTITIES:
                    _load(engine, bulk, entity, folder / f"{entity.name}.parquet", is_expected=bool(runs))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return staged_link_tables(SUFFIX)


def drop_relinked(connection: sa.Connection) -> None:
    """Drop the tables that `load_relinked` left, in the caller's transaction."""
    for name in LINK_ENTITIES:
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {qualified(STAGING, f'{name}_{SUFFIX}')}"))


def _load(engine: sa.Engine, bulk: BulkConnection, entity: Entity, path: Path, *, is_expected: bool) -> None:
    if is_expected and not path.exists():
        fix = "Report this: the linkage must write all its files."
        raise SourceError("linkage of the remaining divisions", f"no file {path.name}", "all link tables", fix)
    parent = "nominal_link" if entity.name == "national_link" else entity.name
    table = f"{entity.name}_{SUFFIX}"
    columns = ", ".join(quote(name) for name in entity.field_names)
    types = column_types(engine, NATIONAL, parent)
    with bulk.cursor() as cursor:
        source = qualified(NATIONAL, parent)
        cursor.execute(f"DROP TABLE IF EXISTS {qualified(STAGING, table)}")
        cursor.execute(f"CREATE TABLE {qualified(STAGING, table)} AS SELECT {columns} FROM {source} WITH NO DATA")
    if is_expected:
        ingest(bulk, STAGING, table, path, types)
    bulk.commit()
