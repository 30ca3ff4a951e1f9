"""Geocode any table: one row out per row in, always.

Enters: a Parquet or CSV table and the roles of its columns (`id`, `text` or `parts`, `postcode`, `easting`,
`northing`, `grid_ref`, `division`, `recorded_on`). Leaves: a Parquet file with the columns of `OUTPUT`, in the order
of the input. Must hold: rows out = rows in; the id is carried as text. Refuses: roles that name no column of the
table, a table without text.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from migration.duck import open_session, sql_text
from migration.errors import ConfigError, SourceError
from migration.fingerprint import quote
from migration.geocode.aliases import teach
from migration.geocode.batch import match_all
from migration.geocode.evidence import Match, Query
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.learn import load_labels
from migration.geocode.match import Matcher
from migration.geocode.rules import MatchLevel
from migration.settings import Settings

SINGLE_ROLES = ("id", "text", "postcode", "easting", "northing", "grid_ref", "division", "recorded_on", "source_system")
_QUERY_ROLES = ("postcode", "division", "recorded_on", "easting", "northing", "grid_ref")
_CARRIED_ROLES = frozenset({"id", "division", "source_system"})
OUTPUT = pa.schema(
    [
        ("id", pa.string()),
        ("location_class_code", pa.string()),
        ("match_level_code", pa.string()),
        ("uprn", pa.int64()),
        ("usrn", pa.int64()),
        ("matched_postcode", pa.string()),
        ("easting", pa.int32()),
        ("northing", pa.int32()),
        ("located_division_code", pa.string()),
        ("beat_code", pa.string()),
        ("confidence", pa.float64()),
        ("margin", pa.float64()),
        ("match_rule", pa.string()),
        ("refusal_code", pa.string()),
        ("evidence", pa.string()),
        ("gazetteer_release", pa.string()),
        ("division_code", pa.string()),
        ("source_system", pa.string()),
    ]
)
"""Columns of the result; meanings as in the national entity `location_match`. Coordinates are metres of EPSG:27700."""
BATCH_ROWS = 500_000


@dataclass(frozen=True)
class Roles:
    """Column of each role; `parts` are columns joined by commas where there is no one text."""

    columns: Mapping[str, str]
    parts: tuple[str, ...]
    constants: Mapping[str, str]


@dataclass(frozen=True)
class FileResult:
    """What geocoding a table did."""

    rows: int
    seconds: float
    levels: Mapping[str, int]


def read_roles(path: Path) -> Roles:
    """Roles in a YAML file: `roles: {id: ..., text: ...}`, `parts: [...]`, `constants: {division: ...}`.

    Raises:
        ConfigError: no file, an unknown role, or neither text nor parts.
    """
    if not path.exists():
        raise ConfigError(f"roles {path.name}", "no file", "a YAML file with `roles:`", "Give its path.")
    raw = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    roles = {str(k): str(v) for k, v in (raw.get("roles") or {}).items()}
    unknown = sorted(set(roles) - set(SINGLE_ROLES))
    parts = tuple(str(p) for p in raw.get("parts") or ())
    if unknown:
        raise ConfigError(
            f"roles {path.name}", f"role {', '.join(unknown)}", f"{', '.join(SINGLE_ROLES)}", "Correct it."
        )
    if "text" not in roles and not parts:
        raise ConfigError(
            f"roles {path.name}", "neither `text` nor `parts`", "one of them", "Name the address columns."
        )
    return Roles(roles, parts, {str(k): str(v) for k, v in (raw.get("constants") or {}).items()})


def geocode_file(settings: Settings, addresses: Path, roles: Roles, out: Path, release: str) -> FileResult:
    """Geocode a table and write the result; rows out equal rows in.

    Raises:
        ConfigError: the release is not compiled.
        SourceError: the table is missing, or lacks a column that the roles name.
    """
    started = time.perf_counter()
    matcher = Matcher(teach(load_gazetteer(settings, release), settings), labels=load_labels(settings))
    relation = _relation(addresses)
    levels: Counter[str] = Counter()
    rows = 0
    temporary = out.with_name(f".{out.name}.writing")
    with open_session(settings) as connection:
        connection.execute("SET preserve_insertion_order = true")
        present = {str(r[0]) for r in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
        _check_columns(addresses, present, roles)
        wanted = sorted({*roles.columns.values(), *roles.parts})
        selected = ", ".join(f"CAST({quote(c)} AS VARCHAR) AS {quote(c)}" for c in wanted)
        reader = connection.execute(f"SELECT {selected} FROM {relation}").to_arrow_reader(BATCH_ROWS)
        schema = OUTPUT.with_metadata({b"security_marking": settings.security_marking.encode()})
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for batch in reader:
                matches = match_all(matcher, _queries(batch, roles), settings.threads)
                writer.write_table(_table(batch, matches, roles, rows, release).cast(schema))
                rows += len(matches)
                levels.update(m.level for m in matches)
    temporary.replace(out)
    ordered = {level.value: levels[level] for level in MatchLevel if levels[level]}
    return FileResult(rows, time.perf_counter() - started, ordered)


def _relation(path: Path) -> str:
    if not path.exists():
        raise SourceError(f"file {path.name}", "no file", "a Parquet or CSV table", "Give its path.")
    if path.suffix == ".parquet":
        return f"read_parquet({sql_text(path)})"
    return f"read_csv({sql_text(path)}, all_varchar=true, header=true)"


def _check_columns(path: Path, present: set[str], roles: Roles) -> None:
    missing = sorted({*roles.columns.values(), *roles.parts} - present)
    if missing:
        raise SourceError(
            f"file {path.name}", f"no column {', '.join(missing)}", "every column of the roles", "Correct them."
        )


def _queries(batch: pa.RecordBatch, roles: Roles) -> list[Query]:
    """One query per row."""
    texts = [_cells(batch, roles, "text"), *(_strip(batch.column(p)) for p in roles.parts)]
    joined = texts[0] if len(texts) == 1 else [", ".join(t for t in row if t) for row in zip(*texts, strict=True)]
    return [
        Query(text, postcode, division, _date(recorded), _float(easting), _float(northing), grid_ref)
        for text, postcode, division, recorded, easting, northing, grid_ref in zip(
            joined,
            *(_cells(batch, roles, r) for r in _QUERY_ROLES),
            strict=True,
        )
    ]


def _cells(batch: pa.RecordBatch, roles: Roles, role: str) -> list[str]:
    column = roles.columns.get(role)
    return _strip(batch.column(column)) if column else [roles.constants.get(role, "")] * batch.num_rows


def _strip(column: pa.Array) -> list[str]:
    return [(cell or "").strip() for cell in column.to_pylist()]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def _float(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _table(batch: pa.RecordBatch, matches: list[Match], roles: Roles, first: int, release: str) -> pa.Table:
    rows = len(matches)
    carried = {role: batch.column(c).to_pylist() for role, c in roles.columns.items() if role in _CARRIED_ROLES}
    columns = {
        "id": carried.get("id") or [str(first + i + 1) for i in range(rows)],
        "location_class_code": [m.location_class for m in matches],
        "match_level_code": [m.level for m in matches],
        "uprn": [m.uprn for m in matches],
        "usrn": [m.usrn for m in matches],
        "matched_postcode": [m.postcode for m in matches],
        "easting": [m.easting for m in matches],
        "northing": [m.northing for m in matches],
        "located_division_code": [m.division for m in matches],
        "beat_code": [m.beat for m in matches],
        "confidence": [m.confidence for m in matches],
        "margin": [m.margin for m in matches],
        "match_rule": [m.rule for m in matches],
        "refusal_code": [m.refusal for m in matches],
        "evidence": [m.evidence for m in matches],
        "gazetteer_release": [release] * rows,
        "division_code": carried.get("division") or [roles.constants.get("division")] * rows,
        "source_system": carried.get("source_system") or [roles.constants.get("source_system")] * rows,
    }
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in OUTPUT}, schema=OUTPUT)
