"""The source tables of a division, each with where it lies and how it is written.

Enters: the division's pack and the environment. Leaves: one `TableSource` per source table, its location resolved.
Must hold: two sources with equal `fingerprint` ask for the same rows of the same place. Refuses: a location that is
not set, and an option whose value is not of its kind.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from migration.errors import ConfigError
from migration.fingerprint import combine_hashes
from migration.mapping.load import load_pack
from migration.mapping.model import Pack, SourceSystem, SourceTable
from migration.records import RunContext
from migration.settings import Settings

SYNTHETIC_MARK = "SYNTHETIC.txt"
"""File that a folder of invented records carries; the run report says so."""


@dataclass(frozen=True)
class TableSource:
    """One source table of a division, ready to be read.

    Attributes:
        location: SQLAlchemy URL (databases) or folder (files), resolved. May hold a password: never print it.
        sample_percent: share of the rows to take, by hash of the table's `sample_by` column.
    """

    division: str
    system: SourceSystem
    table: SourceTable
    location: str
    sample_percent: int = 100

    @property
    def where(self) -> str:
        """How messages name the table."""
        return f"{self.system.name}.{self.table.name}"

    @property
    def is_sampled(self) -> bool:
        """Whether only a share of the rows is taken."""
        return self.sample_percent < 100 and self.table.sample_by is not None

    @property
    def allows_empty(self) -> bool:
        """Whether no rows at all is a normal state of the table."""
        return self.flag("allow_empty", False)

    def option(self, name: str) -> object:
        """The table's option `name`, else the system's, else None."""
        return self.table.options.get(name, self.system.options.get(name))

    def text(self, name: str, default: str) -> str:
        """Option `name` as text. Raises ConfigError where it is something else."""
        value = self.option(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong_option(name, type(value).__name__, "text")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Option `name` as true or false. Raises ConfigError where it is something else."""
        value = self.option(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong_option(name, type(value).__name__, "true or false")
        return value

    def number(self, name: str, default: int) -> int:
        """Option `name` as a whole number. Raises ConfigError where it is something else."""
        value = self.option(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong_option(name, type(value).__name__, "a whole number")
        return value

    def _wrong_option(self, name: str, found: str, expected: str) -> ConfigError:
        where = f"pack of division {self.division}, source {self.where}, option {name}"
        return ConfigError(where, found, expected, "Correct the option in the division's sources.")

    def fingerprint(self) -> str:
        """Hash of what is asked for and where: definition, location and sample."""
        columns = [[c.name, c.start, c.length, plain(c.options)] for c in self.table.columns]
        definition = {
            "system": [self.system.name, self.system.kind, plain(self.system.options), self.system.marking],
            "table": [self.table.name, self.table.key, self.table.files, columns, plain(self.table.options)],
            "sample": [self.table.sample_by, self.sample_percent] if self.is_sampled else None,
            "location": self.location,
        }
        return combine_hashes([json.dumps(definition, sort_keys=True, default=str)])


def plain(value: object) -> object:
    """The value as JSON takes it: mappings and sequences of plain values."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(v) for v in value]
    return value


def resolve_location(settings: Settings, system: SourceSystem) -> str:
    """URL or folder of a legacy system: its environment variable, else the pack's default.

    Raises:
        ConfigError: neither is set.
    """
    location = os.environ.get(system.location_setting) or system.location_default
    if not location:
        raise ConfigError(
            f"legacy system {system.name}",
            f"no value in {system.location_setting}",
            "the SQLAlchemy URL or the folder of the system",
            f"Set {system.location_setting} in the environment.",
        )
    return location.replace("{home}", str(settings.home))


def is_synthetic(location: str) -> bool:
    """Whether the folder of a legacy system (or of its SQLite file) says that its records are invented."""
    path = Path(location.removeprefix("sqlite:///"))
    folder = path if path.is_dir() else path.parent
    return (folder / SYNTHETIC_MARK).exists()


def load_sources(context: RunContext) -> tuple[TableSource, ...]:
    """The division's source tables, by system and table as its pack lists them.

    Raises:
        ConfigError: the pack is wrong, or a location is not set.
    """
    pack = load_pack(context.settings, context.division)
    return tuple(source for system in pack.systems for source in _tables_of(context, pack, system))


def load_tables(context: RunContext) -> tuple[TableSource, ...]:
    """The same tables without their location, for work on extracts alone: nothing can be read by them.

    Raises:
        ConfigError: the pack is wrong.
    """
    pack = load_pack(context.settings, context.division)
    return tuple(
        TableSource(pack.division, system, table, "", context.sample_percent)
        for system in pack.systems
        for table in system.tables
    )


def _tables_of(context: RunContext, pack: Pack, system: SourceSystem) -> tuple[TableSource, ...]:
    location = resolve_location(context.settings, system)
    return tuple(TableSource(pack.division, system, t, location, context.sample_percent) for t in system.tables)


def find_source(context: RunContext, system: str, table: str) -> TableSource:
    """One source table of the division.

    Raises:
        ConfigError: the pack has no such system or table.
    """
    sources = load_sources(context)
    for source in sources:
        if (source.system.name, source.table.name) == (system, table):
            return source
    known = ", ".join(s.where for s in sources)
    where = f"pack of division {context.division}"
    raise ConfigError(where, f"source table {system}.{table}", f"one of {known}", "Correct the name.")
