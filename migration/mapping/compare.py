"""What a change of a pack would change, before it is kept.

Enters: a run whose raw layer is there, and the packs as they are now. Leaves: counts by entity, field and disposition;
the run itself is not touched. Must hold: counts and keys only, never a value. Refuses: a run that was never mapped.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from migration.duck import open_session
from migration.layers import layer_folder, read_manifest
from migration.mapping.literals import literal, name
from migration.mapping.stage import map_division
from migration.records import Layer, RunContext
from migration.schema.model import Entity, load_schema

PREVIEW = "preview-of-"
SHOWN_KEYS = 5
VOLATILE = frozenset({"run_id", "mapping_version", "row_hash", "source_row"})


@dataclass(frozen=True)
class EntityChange:
    """How the rows of one entity would change.

    Attributes:
        fields: changed values by field.
        keys: the first source keys of the rows that would be added, removed or changed.
    """

    entity: str
    added: int
    removed: int
    changed: int
    fields: dict[str, int]
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class DispositionChange:
    """Source records that would end otherwise: how many, from what to what, and one of their keys."""

    entity: str
    before: str
    after: str
    records: int
    example_key: str


@dataclass(frozen=True)
class MappingChange:
    """The difference that the packs as they are now would make to a run."""

    version_before: str
    version_after: str
    entities: tuple[EntityChange, ...]
    dispositions: tuple[DispositionChange, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not self.entities and not self.dispositions


def compare_mapping(context: RunContext) -> MappingChange:
    """Map a run's raw layer again with the packs as they are now, and compare with what the run holds.

    Raises:
        SourceError: the run has no raw or no mapped layer.
        ConfigError: the pack has problems.
    """
    before = read_manifest(context, Layer.MAPPED)
    with _preview(context) as preview:
        map_division(preview)
        after = read_manifest(preview, Layer.MAPPED)
        folders = (layer_folder(context, Layer.MAPPED), layer_folder(preview, Layer.MAPPED))
        with open_session(context.settings) as connection:
            entities = tuple(
                change
                for entity in load_schema().mapped_entities()
                if (change := _compare_entity(connection, entity, *folders)) is not None
            )
            dispositions = _compare_dispositions(connection, *folders)
    old, new = (str(m.facts.get("pack_version", "")) for m in (before, after))
    return MappingChange(old, new, entities, dispositions)


@contextmanager
def _preview(context: RunContext) -> Iterator[RunContext]:
    """A run beside the run, with the same raw layer; gone when the block ends."""
    preview = replace(context, run_id=f"{PREVIEW}{context.run_id}")
    shutil.rmtree(preview.folder, ignore_errors=True)
    preview.folder.mkdir(parents=True)
    try:
        (preview.folder / Layer.RAW.value).symlink_to(layer_folder(context, Layer.RAW), target_is_directory=True)
        yield preview
    finally:
        shutil.rmtree(preview.folder, ignore_errors=True)


def _compare_entity(
    connection: duckdb.DuckDBPyConnection, entity: Entity, before: Path, after: Path
) -> EntityChange | None:
    paths = [folder / f"{entity.name}.parquet" for folder in (before, after)]
    if not any(p.exists() for p in paths):
        return None
    sides = [_relation(p, entity) for p in paths]
    key = name(entity.key[-1])
    fields = [f.name for f in entity.fields if f.name not in VOLATILE]
    counts = ", ".join(
        f"count(*) FILTER (b.{key} IS NOT NULL AND a.{key} IS NOT NULL AND b.{name(f)} IS DISTINCT FROM a.{name(f)})"
        for f in fields
    )
    any_changed = " OR ".join(f"b.{name(f)} IS DISTINCT FROM a.{name(f)}" for f in fields)
    joined = f"FROM {sides[0]} AS b FULL JOIN {sides[1]} AS a ON b.{key} = a.{key}"
    row = connection.execute(
        f"SELECT count(*) FILTER (b.{key} IS NULL), count(*) FILTER (a.{key} IS NULL), "
        f"count(*) FILTER (b.{key} IS NOT NULL AND a.{key} IS NOT NULL AND ({any_changed})), {counts} {joined}"
    ).fetchone()
    added, removed, changed, *by_field = (int(v) for v in row or ())
    if not (added or removed or changed):
        return None
    shown = connection.execute(
        f"SELECT DISTINCT coalesce(b.source_key, a.source_key) {joined} "
        f"WHERE b.{key} IS NULL OR a.{key} IS NULL OR {any_changed} ORDER BY 1 LIMIT {SHOWN_KEYS}"
    ).fetchall()
    return EntityChange(
        entity.name,
        added,
        removed,
        changed,
        {f: n for f, n in zip(fields, by_field, strict=True) if n},
        tuple(str(k) for (k,) in shown),
    )


def _relation(path: Path, entity: Entity) -> str:
    if path.exists():
        return f"read_parquet({literal(path)})"
    columns = ", ".join(f"NULL::VARCHAR AS {name(f.name)}" for f in entity.fields)
    return f"(SELECT {columns} WHERE false)"


def _compare_dispositions(
    connection: duckdb.DuckDBPyConnection, before: Path, after: Path
) -> tuple[DispositionChange, ...]:
    key = "source_system, source_table, entity, source_key"
    outcome = "concat_ws(' ', outcome, reason_code, rule_id)"
    sides = [
        f"(SELECT {key}, {outcome} AS fate FROM read_parquet({literal(folder / 'disposition.parquet')}))"
        for folder in (before, after)
    ]
    rows = connection.execute(
        "SELECT entity, coalesce(b.fate, '(not a record)'), coalesce(a.fate, '(not a record)'), count(*), "
        f"min(source_key) FROM {sides[0]} AS b FULL JOIN {sides[1]} AS a USING ({key}) "
        "WHERE b.fate IS DISTINCT FROM a.fate GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return tuple(DispositionChange(str(e), str(b), str(a), int(n), str(k)) for e, b, a, n, k in rows)
