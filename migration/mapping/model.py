"""The frozen parts of a mapping pack.

Enters: nothing. Leaves: dataclasses and closed lists that `load` fills, extraction and the DAGs read, and `compile`
turns into SQL. Must hold: importing this module is cheap (a scheduler does it at every parse). No behaviour beyond
lookups by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from migration.errors import ConfigError
from migration.mapping.expressions import Condition, Expression


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
        identity: the key columns that name the record where several rows are one (history rows); else the key.
        surrogate: key columns that mean nothing: rows equal in all other columns are duplicates.
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
    identity: tuple[str, ...] = ()
    surrogate: tuple[str, ...] = ()
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
        ignored_tables: tables of the system that are left behind, with the reason.
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
    ignored_tables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def table(self, name: str) -> SourceTable:
        """The table `name`. Raises KeyError where there is none."""
        for item in self.tables:
            if item.name == name:
                return item
        raise KeyError(f"{self.name}.{name}")


class Policy(StrEnum):
    """What happens to a value that cannot be used."""

    QUARANTINE = "quarantine"
    NULL = "null"
    KEEP = "keep"
    SUCCESSOR = "successor"


@dataclass(frozen=True)
class FieldMap:
    """How one national field is made, and what happens where it cannot be.

    Attributes:
        on_error: for a value that does not parse, is too long, breaks the pattern or points nowhere.
        on_unmapped: for a legacy code without a national one.
        on_not_valid: for a code outside its period; KEEP and SUCCESSOR raise an issue and load the record.
        is_required: quarantine the record where the value is absent.
    """

    name: str
    expression: Expression
    origin: Origin
    on_error: Policy
    on_unmapped: Policy
    on_not_valid: Policy
    is_required: bool
    inherited: tuple[Origin, ...] = ()


@dataclass(frozen=True)
class Order:
    """One column rows are ordered by."""

    column: str
    is_descending: bool = False


@dataclass(frozen=True)
class Join:
    """Another table beside the record's own; never more than one row of it to a record.

    Attributes:
        on: their column and the value it must equal, in pairs.
        pick: order by which one of several matching rows is taken; empty: more than one stops the run.
        collect: columns whose values of all matching rows are joined by `separator` in the order of `pick`.
    """

    alias: str
    system: str
    table: str
    on: tuple[tuple[str, Expression], ...]
    pick: tuple[Order, ...] = ()
    collect: tuple[str, ...] = ()
    separator: str = " "


@dataclass(frozen=True)
class Rule:
    """A named decision on whole records: out of scope, or due for weeding.

    Attributes:
        confirmed_by: two people that confirmed a weeding rule; without them it only proposes (retention class DUE).
        cap: most records a confirmed weeding rule may take.
    """

    name: str
    condition: Condition
    reason: str
    origin: Origin
    confirmed_by: tuple[str, ...] = ()
    cap: int = 0


@dataclass(frozen=True)
class Split:
    """One column that holds several values: one record to each."""

    column: str
    separator: str


@dataclass(frozen=True)
class Record:
    """How the rows of one source table become rows of one national entity.

    Attributes:
        group: suffix of the source key where one row holds several such records.
        present: columns of which at least one is filled where the group is there; empty: always.
        merged_into: record id of the record these rows are part of; such a record has no fields.
        pick: where the table's identity is less than its key: which of the rows is the record.
        as_of: day by which codes are looked up.
    """

    name: str
    entity: str
    system: str
    table: str
    origin: Origin
    fields: tuple[FieldMap, ...]
    group: str = ""
    present: tuple[str, ...] = ()
    when: Condition | None = None
    joins: tuple[Join, ...] = ()
    pick: tuple[Order, ...] = ()
    split: Split | None = None
    merged_into: Expression | None = None
    as_of: Expression | None = None
    out_of_scope: tuple[Rule, ...] = ()
    weed: tuple[Rule, ...] = ()
    retention_class: Expression | None = None

    def field(self, name: str) -> FieldMap | None:
        """The map of the field `name`, or None."""
        return next((f for f in self.fields if f.name == name), None)


@dataclass(frozen=True)
class CodeDecision:
    """One line of a crosswalk: what a legacy value means nationally, and who says so."""

    legacy_value: str
    national_code: str
    rationale: str
    status: str
    agreed_by: str
    agreed_on: str
    level: str
    origin: Origin


@dataclass(frozen=True)
class Crosswalk:
    """The decisions on one list of legacy codes, national first and the division's last word last."""

    name: str
    decisions: Mapping[str, CodeDecision]


@dataclass(frozen=True)
class Pack:
    """One division's effective pack: national, family and division files merged.

    Attributes:
        version: SHA-256 (hex) of the effective content and its code lists; `mapping_version` of every row.
        as_at: day the legacy system was frozen or extracted: retention and impossible dates are judged by it.
        is_draft: columns and codes may still be undecided; such a pack never runs a cutover.
        files: the files it was made from.
    """

    division: str
    family: str
    title: str
    version: str
    as_at: date
    systems: tuple[SourceSystem, ...]
    records: tuple[Record, ...]
    crosswalks: Mapping[str, Crosswalk]
    files: tuple[Path, ...]
    is_draft: bool = False

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

    def records_of(self, system: str, table: str) -> tuple[Record, ...]:
        """The records made from one source table."""
        return tuple(r for r in self.records if (r.system, r.table) == (system, table))
