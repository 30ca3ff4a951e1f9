"""Column map of a gazetteer: which column of the supplier's file holds which standard column.

Enters: `columns.yml` (`columns: {standard: supplier's column}`; also `junctions:` and `beats:` for those files).
Leaves: a `ColumnMap`. Must hold: every standard column it names exists here, every supplier's column it names exists
in the file. Refuses: an unknown standard column; a map without `postcode` and without `uprn` (nothing could be
located).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from migration.errors import ConfigError

ENTRY_COLUMNS = {
    "uprn": "BIGINT",
    "usrn": "BIGINT",
    "parent_uprn": "BIGINT",
    "class_code": "VARCHAR",
    "address_status": "VARCHAR",
    "organisation": "VARCHAR",
    "sao_text": "VARCHAR",
    "sao_start_number": "INTEGER",
    "sao_start_suffix": "VARCHAR",
    "sao_end_number": "INTEGER",
    "sao_end_suffix": "VARCHAR",
    "pao_text": "VARCHAR",
    "pao_start_number": "INTEGER",
    "pao_start_suffix": "VARCHAR",
    "pao_end_number": "INTEGER",
    "pao_end_suffix": "VARCHAR",
    "street_description": "VARCHAR",
    "locality": "VARCHAR",
    "town": "VARCHAR",
    "administrative_area": "VARCHAR",
    "postcode": "VARCHAR",
    "easting": "DOUBLE",
    "northing": "DOUBLE",
    "division_code": "VARCHAR",
    "beat_code": "VARCHAR",
    "start_date": "DATE",
    "end_date": "DATE",
}
"""Standard columns of a gazetteer entry (one row per local property identifier, BS 7666) and their DuckDB types."""

JUNCTION_COLUMNS = {"usrn_a": "BIGINT", "usrn_b": "BIGINT", "easting": "DOUBLE", "northing": "DOUBLE"}
BEAT_PROPERTIES = ("beat_code", "division_code", "name")


@dataclass(frozen=True)
class ColumnMap:
    """Supplier's column (or None) for each standard column, and for the junction and beat files."""

    entries: Mapping[str, str]
    junctions: Mapping[str, str]
    beats: Mapping[str, str]
    delimiter: str = ","
    date_format: str = "%Y-%m-%d"


def default_columns() -> ColumnMap:
    """The map of a file that already uses the standard names."""
    return ColumnMap({c: c for c in ENTRY_COLUMNS}, {c: c for c in JUNCTION_COLUMNS}, {c: c for c in BEAT_PROPERTIES})


def read_columns(path: Path) -> ColumnMap:
    """The column map in a YAML file; sections left out keep the standard names.

    Raises:
        ConfigError: no such file, or it names a standard column that does not exist (the nearest one is suggested).
    """
    if not path.exists():
        raise ConfigError(f"column map {path.name}", "no file", "a YAML file with `columns:`", "Give its path.")
    raw = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    entries = raw.get("columns", raw if "uprn" in raw or "postcode" in raw else {})
    standard = default_columns()
    return ColumnMap(
        entries=_check_names(path, entries, ENTRY_COLUMNS) if entries else standard.entries,
        junctions=_check_names(path, raw.get("junctions") or standard.junctions, JUNCTION_COLUMNS),
        beats=_check_names(path, raw.get("beats") or standard.beats, dict.fromkeys(BEAT_PROPERTIES, "VARCHAR")),
        delimiter=str(raw.get("delimiter", ",")),
        date_format=str(raw.get("date_format", "%Y-%m-%d")),
    )


def _check_names(path: Path, given: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), list(known), 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(known)}."
            raise ConfigError(f"column map {path.name}", f"standard column {name}", "a standard column", hint)
    return {str(k): str(v) for k, v in given.items() if v}
