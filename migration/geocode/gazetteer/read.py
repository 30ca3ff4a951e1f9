"""A supplier's gazetteer files as one typed DuckDB table `lpi`, plus `junction_source` and `beat_source`.

Enters: CSV or Parquet files and a column map. Leaves: the standard columns, typed; texts trimmed, empty as NULL. Must
hold: one row of `lpi` per row of the files. Refuses: a missing file, a column the map names and the file lacks.
Values that do not read as their type become NULL and are counted by `check.py`; nothing is guessed.
"""

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import shapely
import shapely.geometry

from migration.duck import sql_text
from migration.errors import SourceError
from migration.fingerprint import quote
from migration.geocode.gazetteer.columns import ENTRY_COLUMNS, JUNCTION_COLUMNS, ColumnMap


def read_entries(connection: duckdb.DuckDBPyConnection, paths: list[Path], columns: ColumnMap) -> None:
    """Create `lpi` from delimited or Parquet files.

    Raises:
        SourceError: a file is missing, unreadable, or lacks a column of the map.
    """
    selects = []
    for path in paths:
        relation = _relation(path, columns.delimiter)
        present = _columns_of(connection, relation, path)
        _check_present(path, present, columns)
        selects.append(f"SELECT {', '.join(_typed(n, t, columns) for n, t in ENTRY_COLUMNS.items())} FROM {relation}")
    connection.execute(f"CREATE TABLE lpi AS {' UNION ALL '.join(selects)}")


def _relation(path: Path, delimiter: str) -> str:
    if not path.exists():
        raise SourceError(f"gazetteer file {path.name}", "no file", "a CSV or Parquet file", "Give its path.")
    if path.suffix == ".parquet":
        return f"read_parquet({sql_text(path)})"
    return f"read_csv({sql_text(path)}, all_varchar=true, header=true, delim={sql_text(delimiter)}, quote='\"')"


def _columns_of(connection: duckdb.DuckDBPyConnection, relation: str, path: Path) -> set[str]:
    try:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    except duckdb.Error as error:
        kind = type(error).__name__
        raise SourceError(f"gazetteer file {path.name}", kind, "a readable table", "Ask for the file again.") from error
    return {str(r[0]) for r in rows}


def _check_present(path: Path, present: set[str], columns: ColumnMap) -> None:
    missing = sorted(set(columns.entries.values()) - present)
    if missing:
        where = f"gazetteer file {path.name}"
        raise SourceError(where, f"no column {', '.join(missing)}", "every column of the map", "Correct the map.")


def _typed(name: str, kind: str, columns: ColumnMap) -> str:
    source = columns.entries.get(name)
    if source is None:
        return f"CAST(NULL AS {kind}) AS {name}"
    text = f"nullif(trim(CAST({quote(source)} AS VARCHAR)), '')"
    if kind == "VARCHAR":
        return f"{text} AS {name}"
    if kind == "DATE":
        other = f"TRY_CAST(try_strptime({text}, {sql_text(columns.date_format)}) AS DATE)"
        return f"coalesce(TRY_CAST({text} AS DATE), {other}) AS {name}"
    return f"TRY_CAST({text} AS {kind}) AS {name}"


def read_junctions(connection: duckdb.DuckDBPyConnection, path: Path | None, columns: ColumnMap) -> None:
    """Create `junction_source` (pairs of USRN with a point); empty where there is no file."""
    fields = ", ".join(f"{n} {t}" for n, t in JUNCTION_COLUMNS.items())
    connection.execute(f"CREATE TABLE junction_source ({fields})")
    if path is None:
        return
    relation = _relation(path, columns.delimiter)
    present = _columns_of(connection, relation, path)
    missing = sorted(set(columns.junctions.values()) - present)
    if missing:
        where = f"junction file {path.name}"
        raise SourceError(where, f"no column {', '.join(missing)}", "every column of the map", "Correct the map.")
    typed = ", ".join(f"TRY_CAST({quote(columns.junctions[n])} AS {t})" for n, t in JUNCTION_COLUMNS.items())
    connection.execute(f"INSERT INTO junction_source SELECT {typed} FROM {relation}")


def read_beats(connection: duckdb.DuckDBPyConnection, path: Path | None, columns: ColumnMap) -> None:
    """Create `beat_source` (beat_code, division_code, name, wkb) from GeoJSON in EPSG:27700; empty without a file.

    Raises:
        SourceError: the file is not a GeoJSON feature collection, or a feature lacks its beat code.
    """
    rows = _beat_rows(path, columns) if path else []
    schema = pa.schema([(n, pa.string()) for n in ("beat_code", "division_code", "name")] + [("wkb", pa.binary())])
    connection.register("beat_rows", pa.Table.from_pylist(rows, schema=schema))
    connection.execute("CREATE TABLE beat_source AS SELECT * FROM beat_rows ORDER BY beat_code")
    connection.unregister("beat_rows")


def _beat_rows(path: Path, columns: ColumnMap) -> list[dict[str, object]]:
    if not path.exists():
        raise SourceError(f"beat file {path.name}", "no file", "a GeoJSON file", "Give its path.")
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
    except (ValueError, KeyError) as error:
        where = f"beat file {path.name}"
        raise SourceError(where, type(error).__name__, "a GeoJSON feature collection", "Export it again.") from error
    rows: list[dict[str, object]] = []
    for ordinal, feature in enumerate(features, 1):
        properties = feature.get("properties") or {}
        code = properties.get(columns.beats["beat_code"])
        if not code:
            where = f"beat file {path.name}, feature {ordinal}"
            raise SourceError(where, "no beat code", f"property {columns.beats['beat_code']}", "Correct the map.")
        geometry = shapely.geometry.shape(feature["geometry"])
        division = properties.get(columns.beats.get("division_code", "division_code"))
        name = properties.get(columns.beats.get("name", "name"))
        rows.append({"beat_code": str(code), "division_code": division, "name": name, "wkb": shapely.to_wkb(geometry)})
    return rows
