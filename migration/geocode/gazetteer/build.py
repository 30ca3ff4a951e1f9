"""Compile a gazetteer release: supplier's files in, content-hashed Parquet tables out, once per release.

Enters: CSV or Parquet of entries (one row per local property identifier), optionally junctions (CSV) and beats
(GeoJSON), and a column map. Leaves: `<home>/gazetteers/<release>/` with the tables of `release.TABLES` and
`manifest.json`. Must hold: every entry with a UPRN is in `entry` and `premises` exactly once; a postcode-only
gazetteer compiles to `postcode` and `locality` alone; the same files give the same hashes. Refuses: what `read.py`
and `check.py` refuse.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path

import duckdb

from migration.duck import copy_to_parquet, open_session
from migration.errors import SourceError
from migration.fingerprint import table_hash
from migration.geocode.gazetteer.beats import compare_beats
from migration.geocode.gazetteer.check import check_entries
from migration.geocode.gazetteer.columns import ColumnMap, default_columns, read_columns
from migration.geocode.gazetteer.equivalence import add_equivalences
from migration.geocode.gazetteer.keys import add_keys
from migration.geocode.gazetteer.read import read_beats, read_entries, read_junctions
from migration.geocode.gazetteer.release import (
    FORMAT,
    MANIFEST,
    TABLES,
    ReleaseManifest,
    release_folder,
    vocabulary_hash,
)
from migration.layers import hash_file, write_json
from migration.settings import Settings

TABLE_SUFFIXES = frozenset({".csv", ".parquet", ".psv", ".txt", ".tsv"})


def build_gazetteer(
    settings: Settings,
    source_paths: Sequence[Path],
    columns_map: Path | ColumnMap | None,
    release: str,
) -> ReleaseManifest:
    """Compile a release from its files and return its manifest.

    Args:
        settings: where releases lie.
        source_paths: entry files (`.csv`, `.parquet`, other delimited); a `.geojson` holds beats, a file named
        `junctions.*`
            holds junctions; a folder stands for the files in it.
        columns_map: path of `columns.yml`, a `ColumnMap`, or None (standard names, or the `columns.yml` beside the
        sources). release: name of the release; an existing one is replaced whole.

    Raises:
        ConfigError: the column map is wrong.
        SourceError: a file is missing or damaged, or no entry can be located.
    """
    started = time.perf_counter()
    entries, junctions, beats, beside = _sort_sources(source_paths)
    chosen = columns_map or beside
    columns = chosen if isinstance(chosen, ColumnMap) else (read_columns(chosen) if chosen else default_columns())
    final = release_folder(settings, release)
    temporary = final.with_name(f".{final.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with open_session(settings) as connection:
            read_entries(connection, entries, columns)
            read_junctions(connection, junctions, columns)
            read_beats(connection, beats, columns)
            issues = _compile(connection)
            rows, hashes = _write_tables(connection, temporary, release)
        sources = {p.name: hash_file(p) for p in (*entries, *(p for p in (junctions, beats) if p))}
        seconds = time.perf_counter() - started
        manifest = ReleaseManifest(release, FORMAT, sources, rows, hashes, issues, round(seconds, 2), vocabulary_hash())
        write_json(temporary / MANIFEST, asdict(manifest))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    return manifest


def _sort_sources(paths: Sequence[Path]) -> tuple[list[Path], Path | None, Path | None, Path | None]:
    """Entry files, the junction file, the beat file and a `columns.yml` lying beside them."""
    files: list[Path] = []
    for path in paths:
        files.extend(_folder_files(path) if path.is_dir() else [path])
    beats = next((p for p in files if p.suffix in (".geojson", ".json")), None)
    junctions = next((p for p in files if p.stem.startswith("junction")), None)
    beside = next((p for p in files if p.name == "columns.yml"), None)
    entries = [p for p in files if p not in (beats, junctions, beside)]
    if not entries:
        raise SourceError("gazetteer sources", "no entry file", "a CSV or Parquet file of entries", "Give its path.")
    return entries, junctions, beats, beside


def _folder_files(folder: Path) -> list[Path]:
    """Of a folder: map, junctions, beats, and the entry files (`gazetteer*`, or every table)."""
    files = sorted(p for p in folder.iterdir() if p.is_file())
    tables = [p for p in files if p.suffix in TABLE_SUFFIXES and not p.stem.startswith("junction")]
    named = [p for p in tables if p.stem.startswith("gazetteer")]
    others = [p for p in files if p.name == "columns.yml" or p.suffix == ".geojson" or p.stem.startswith("junction")]
    return [*(named or tables), *others]


def _compile(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    add_keys(connection)
    connection.execute("DROP TABLE lpi")
    sql = (resources.files("migration.geocode.gazetteer") / "compile.sql").read_text(encoding="utf-8")
    connection.execute(sql)
    add_equivalences(connection)
    compare_beats(connection)
    return check_entries(connection)


def _write_tables(
    connection: duckdb.DuckDBPyConnection, folder: Path, release: str
) -> tuple[dict[str, int], dict[str, str]]:
    rows: dict[str, int] = {}
    hashes: dict[str, str] = {}
    for table in TABLES:
        relation = f"out_{table}"
        columns = [str(c[0]) for c in connection.execute(f"DESCRIBE {relation}").fetchall()]
        order = ", ".join(str(i + 1) for i in range(len(columns)))
        query = f"SELECT * FROM {relation} ORDER BY {order}"
        copy_to_parquet(connection, query, folder / f"{table}.parquet", {"gazetteer_release": release})
        rows[table], hashes[table] = table_hash(connection, relation, columns)
    return rows, hashes
