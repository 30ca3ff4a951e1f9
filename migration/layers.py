"""The lake: one folder per division, run and layer, each written whole or not at all.

Enters: Parquet files that a stage wrote into a `LayerWriter`'s folder. Leaves: the layer's folder with `manifest.json`
(rows, bytes, SHA-256, schema fingerprint and content hash per table; the stage key that says what it was made from).
Must hold: a layer without a manifest does not exist; a reader never sees half a layer; a killed stage leaves only a
temporary folder that the next one removes. A stage whose key equals the manifest's is current and is skipped.
Refuses: reading a layer that is not there, or one whose files are not those of its manifest.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow.parquet as pq

from migration.duck import open_session, read_parquet_sql
from migration.errors import SourceError, StorageError
from migration.fingerprint import combine_hashes, table_hash
from migration.records import Layer, RunContext, TableResult

MANIFEST = "manifest.json"
STORAGE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM})
ENTITY_LAYERS = (Layer.LINKED, Layer.LOCATED, Layer.MAPPED)
"""Where the newest version of an entity's rows lies: later stages rewrite what they complete."""


@dataclass(frozen=True)
class TableManifest:
    """One Parquet file of a layer. `path` is relative to the layer's folder."""

    name: str
    path: str
    rows: int
    bytes: int
    sha256: str
    schema_fingerprint: str
    content_hash: str


@dataclass(frozen=True)
class LayerManifest:
    """What a layer holds and what it was made from."""

    division: str
    layer: str
    stage_key: str
    security_marking: str
    tables: tuple[TableManifest, ...]
    facts: Mapping[str, object]

    @property
    def content_hash(self) -> str:
        """Hash of the layer's content: its tables' names and content hashes."""
        return combine_hashes(f"{t.name}={t.content_hash}" for t in sorted(self.tables, key=lambda t: t.name))

    def table_results(self) -> tuple[TableResult, ...]:
        """The tables as a stage reports them."""
        return tuple(TableResult(t.name, t.rows, t.bytes, t.content_hash) for t in self.tables)


class LayerWriter:
    """The temporary folder of a layer being written. Every `*.parquet` in it becomes a table named by its path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, object] = {}

    def path(self, name: str) -> Path:
        """Where to write the table `name` (`crime_report`, or `system/table`)."""
        path = self.folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def layer_folder(context: RunContext, layer: Layer) -> Path:
    """Folder of a run's layer, there or not."""
    return context.folder / layer.value


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def code_version() -> str:
    """Hash of this package's source: any change of code makes every stage stale."""
    root = Path(__file__).resolve().parent
    suffixes = {".py", ".sql", ".yml", ".csv"}
    files = sorted(p for p in root.rglob("*") if p.suffix in suffixes)
    return combine_hashes(f"{p.relative_to(root)}={hash_file(p)}" for p in files)


def stage_key(inputs: Iterable[str], **parameters: object) -> str:
    """Key of a stage's output: its inputs' content hashes, its parameters (pack version, sample, ...) and the code."""
    settings = json.dumps(parameters, sort_keys=True, default=str)
    return combine_hashes([*inputs, settings, code_version()])


def describe_table(context: RunContext, folder: Path, path: Path) -> TableManifest:
    """Manifest entry of one Parquet file: read once for its bytes, once for its content hash."""
    schema = pq.read_schema(path)
    fingerprint = combine_hashes(f"{f.name}:{f.type}" for f in sorted(schema, key=lambda f: f.name))
    with open_session(context.settings) as connection:
        rows, content = table_hash(connection, read_parquet_sql(path), schema.names)
    relative = path.relative_to(folder)
    return TableManifest(
        name=relative.with_suffix("").as_posix(),
        path=relative.as_posix(),
        rows=rows,
        bytes=path.stat().st_size,
        sha256=hash_file(path),
        schema_fingerprint=fingerprint,
        content_hash=content,
    )


@contextmanager
def write_layer(context: RunContext, layer: Layer, key: str) -> Iterator[LayerWriter]:
    """A writer whose folder replaces the layer when the block ends without an error, and vanishes otherwise.

    Args:
        key: the stage key (`stage_key`) the manifest will carry.
    """
    final = layer_folder(context, layer)
    temporary = final.with_name(f".{layer.value}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    writer = LayerWriter(temporary)
    try:
        yield writer
        tables = tuple(describe_table(context, temporary, p) for p in sorted(temporary.rglob("*.parquet")))
        marking = context.settings.security_marking
        manifest = LayerManifest(
            context.division, layer.value, key, marking, tables, dict(sorted(writer.facts.items()))
        )
        write_json(temporary / MANIFEST, asdict(manifest))
        _replace_folder(temporary, final)
    except _write_failures() as error:
        if not _is_storage_failure(error):
            raise
        free = shutil.disk_usage(context.settings.home).free // 2**20
        found = f"{type(error).__name__} while writing ({free:,} MiB free)"
        fix = "Free space or permissions under MIGRATION_HOME, then run it again: the layer is as it was before."
        raise StorageError(f"lake layer {final}", found, "a folder that can be written", fix) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_failures() -> tuple[type[Exception], ...]:
    """Errors of disk and memory; DuckDB is imported only here, because a writer may do without its 30 MB."""
    import duckdb

    return OSError, duckdb.IOException, duckdb.OutOfMemoryException


def _is_storage_failure(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in STORAGE_ERRNOS
    text = str(error).lower()
    return any(word in text for word in ("write", "no space", "offload"))


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, synced to disk, to a temporary name and then renamed."""
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True, default=str)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _replace_folder(temporary: Path, final: Path) -> None:
    """Put `temporary` in `final`'s place. A kill in between leaves no layer, which the next run makes again."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    temporary.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def find_manifest(context: RunContext, layer: Layer) -> LayerManifest | None:
    """The layer's manifest, or None where the layer has not been written."""
    path = layer_folder(context, layer) / MANIFEST
    if not path.exists():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    return LayerManifest(**{**raw, "tables": tuple(TableManifest(**t) for t in raw["tables"])})


def read_manifest(context: RunContext, layer: Layer) -> LayerManifest:
    """The layer's manifest.

    Raises:
        SourceError: the layer is not there, or a file of it is gone or not the size the manifest says.
    """
    manifest = find_manifest(context, layer)
    where = f"lake layer {context.division}/{context.run_id}/{layer.value}"
    if manifest is None:
        raise SourceError(where, "no manifest", "a finished layer", f"Run `migrate run {context.division}` again.")
    folder = layer_folder(context, layer)
    for table in manifest.tables:
        path = folder / table.path
        size = path.stat().st_size if path.exists() else -1
        if size != table.bytes:
            found = "no file" if size < 0 else f"{size} bytes"
            fix = f"Delete the folder {layer.value} of this run and run it again."
            raise SourceError(f"{where}, file {table.path}", found, f"{table.bytes} bytes, as its manifest says", fix)
    return manifest


def current_manifest(context: RunContext, layer: Layer, key: str) -> LayerManifest | None:
    """The layer's manifest if it was made from exactly what `key` stands for, else None: the stage must run."""
    manifest = find_manifest(context, layer)
    if manifest is None or manifest.stage_key != key:
        return None
    return read_manifest(context, layer)


def find_entity(context: RunContext, entity: str) -> Path | None:
    """The newest Parquet file of a national entity in this run (linked, located or mapped), or None."""
    for layer in ENTITY_LAYERS:
        path = layer_folder(context, layer) / f"{entity}.parquet"
        if path.exists() and (layer_folder(context, layer) / MANIFEST).exists():
            return path
    return None


def parquet_metadata(context: RunContext) -> dict[str, str]:
    """Footer metadata of every Parquet file a stage writes: its division and protective marking."""
    return {"division": context.division, "security_marking": context.settings.security_marking}
