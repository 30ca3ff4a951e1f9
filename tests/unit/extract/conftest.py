"""Small legacy systems in temporary folders, and the pack that names them."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migration.extract.sources import TableSource
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable
from migration.records import RunContext
from migration.settings import Settings

MakeSource = Callable[..., TableSource]
MakeContext = Callable[[dict[str, Any]], RunContext]


@pytest.fixture
def make_source() -> MakeSource:
    """Build a `TableSource` without a pack: kind, location, columns, then what a test needs to say."""

    def make(
        kind: SourceKind,
        location: object,
        columns: Sequence[str | SourceColumn],
        *,
        key: Sequence[str] = (),
        files: str = "*",
        table: str = "crime",
        percent: int = 100,
        sample_by: str | None = None,
        **options: object,
    ) -> TableSource:
        system = SourceSystem("legacy", kind, "MIGRATION_SOURCE_LEGACY", "", options, "OFFICIAL", 2, "legacy", ())
        made = tuple(c if isinstance(c, SourceColumn) else SourceColumn(c) for c in columns)
        described = SourceTable(table, tuple(key), "crime_report", made, {}, files=files, sample_by=sample_by)
        return TableSource("X", system, described, str(location), percent)

    return make


@pytest.fixture
def context(settings: Settings) -> RunContext:
    """A run of an invented division, without a pack."""
    return RunContext(settings, "X", "20260101T000000Z")


@pytest.fixture
def make_context(context: RunContext, monkeypatch: pytest.MonkeyPatch) -> MakeContext:
    """A run whose pack has the given systems and nothing else: extraction reads no more of a pack."""

    def make(systems: dict[str, Any]) -> RunContext:
        made = tuple(_build_system(name, system) for name, system in systems.items())
        pack = SimpleNamespace(division=context.division, systems=made)
        monkeypatch.setattr("migration.extract.sources.load_pack", lambda *_: pack)
        return context

    return make


def _build_system(name: str, system: dict[str, Any]) -> SourceSystem:
    tables = tuple(
        SourceTable(
            table,
            tuple(described.get("key", ())),
            None,
            tuple(SourceColumn(c) for c in described["columns"]),
            {},
            files=described.get("files", ""),
            options=described.get("options", {}),
            changed_by=described.get("changed_by"),
        )
        for table, described in system["tables"].items()
    )
    setting = f"MIGRATION_SOURCE_{name.upper()}"
    kind, location = SourceKind(system["kind"]), str(system["location"])
    return SourceSystem(name, kind, setting, location, system.get("options", {}), "OFFICIAL", 2, name, tables)


@pytest.fixture
def make_database(tmp_path: Path) -> Callable[[str], Path]:
    """Make a SQLite database from a script."""

    def make(script: str) -> Path:
        path = tmp_path / "legacy.sqlite"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as connection:
            connection.executescript(script)
        connection.close()
        return path

    return make
