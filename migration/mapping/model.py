"""The frozen parts of a mapping pack.

Enters: nothing. Leaves: dataclasses and closed lists that `load` fills, extraction and the DAGs read, and `compile`
turns into SQL. Must hold: importing this module is cheap (a scheduler does it at every parse). No behaviour beyond
lookups by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from migration.errors import ConfigError


class SourceKind(StrEnum):
    """Kinds of legacy system a pack can name."""

    DATABASE = "database"
    DELIMITED = "delimited"
    FIXED_WIDTH = "fixed_width"
    EBCDIC = "ebcdic"
    XML = "xml"
    JSON_LINES = "json_lines"
    EXCEL = "excel"


class TableRole(StrEnum):
    """What a source table is for: rows that each need a disposition, or code tables that are only looked up."""

    RECORD = "record"
    LOOKUP = "lookup"


@dataclass(frozen=True)
class Origin:
    """File (relative to the folder of packs) and line that decided a value."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class SourceColumn:
    """One column of a source table.

    Attributes:
        name: as the legacy system spells it.
        start: first character or byte, from 1 (fixed width).
        length: characters or bytes (fixed width).
        options: what the kind of source needs further (`path` of an XML element, `picture` of a copybook field).
    """

    name: str
    start: int | None = None
    length: int | None = None
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class SourceTable:
    """One legacy table, or one family of files with the same columns.

    Attributes:
        name: table name; for files the name of the family of files.
        key: the system's own key columns, in order.
        primary: national entity whose source records equal the table's rows; None for lookups.
        columns: every column the extract must hold, no more and no fewer.
        ignored: columns not mapped, with the reason.
        files: glob under the system's location (kinds other than database); empty for databases.
        sample_by: column that holds the crime report's own key, by which sampling keeps related rows together.
        changed_by: column with the time of the last change, for delta extracts; None where there is none.
        options: what the kind needs for this table (`schema`, `sheet`, `copybook`, `record_path`, `encoding`, ...);
            they override the system's options of the same name.
    """

    name: str
    key: tuple[str, ...]
    primary: str | None
    columns: tuple[SourceColumn, ...]
    ignored: Mapping[str, str]
    role: TableRole = TableRole.RECORD
    files: str = ""
    sample_by: str | None = None
    changed_by: str | None = None
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the pack."""
        return tuple(c.name for c in self.columns)


@dataclass(frozen=True)
class SourceSystem:
    """One legacy system of a division.

    Attributes:
        location_setting: environment variable that holds the URL (databases) or folder (files).
        location_default: used where the variable is not set; `{home}` stands for `settings.home`. Empty: none.
        options: what the kind needs (`encoding`, `separator`, `quote`, `schema`, `isolation`, ...).
        marking: protective marking of what the system holds.
        max_connections: most connections or readers at once: an ageing host is protected.
        pool: Airflow pool whose slots its tasks take.
    """

    name: str
    kind: SourceKind
    location_setting: str
    location_default: str
    options: Mapping[str, object]
    marking: str
    max_connections: int
    pool: str
    tables: tuple[SourceTable, ...]

    def table(self, name: str) -> SourceTable:
        """The table `name`. Raises KeyError where there is none."""
        for item in self.tables:
            if item.name == name:
                return item
        raise KeyError(f"{self.name}.{name}")


@dataclass(frozen=True)
class Pack:
    """One division's effective pack: national, family and division files merged.

    Attributes:
        version: SHA-256 (hex) of the effective content and its code lists; `mapping_version` of every row.
        files: the files it was made from.
    """

    division: str
    family: str
    title: str
    version: str
    systems: tuple[SourceSystem, ...]
    files: tuple[Path, ...]

    def system(self, name: str) -> SourceSystem:
        """The source system `name`.

        Raises:
            ConfigError: the pack has none of that name.
        """
        for item in self.systems:
            if item.name == name:
                return item
        known = ", ".join(s.name for s in self.systems)
        raise ConfigError(f"pack of division {self.division}", f"system {name}", f"one of {known}", "Correct the name.")
