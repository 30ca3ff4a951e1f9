"""Legacy systems that go on living between two runs: late edits, new and deleted records, in tables and in files."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner

from migration import cli
from migration.extract.delta_stage import DeltaMethod, read_deltas
from migration.extract.sources import TableSource, load_sources
from migration.layers import read_manifest
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import SourceKind
from migration.records import Layer, RunContext
from migration.runs import list_runs
from migration.settings import Settings, get_settings
from migration.synthetic.build import build_estate

TINY = 0.0003


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A working folder of its own, for the commands too."""
    monkeypatch.setenv("MIGRATION_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


def find_division(settings: Settings, kind: SourceKind) -> str:
    """The first division whose legacy system is of the kind and keeps the time of changes somewhere."""
    packs = (load_pack(settings, d) for d in list_divisions(settings))
    living = (p for p in packs if any(t.changed_by and len(t.key) == 1 for s in p.systems for t in s.tables))
    return next(p.division for p in living if [s.kind for s in p.systems] == [kind])


def run(*words: str) -> None:
    result = CliRunner().invoke(cli.build_app(), list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def change_database(sources: list[TableSource]) -> dict[str, tuple[int, int, int]]:
    """Edit a table that keeps the time of changes, and delete from and insert into one that does not."""
    stamped = next(s for s in sources if s.table.changed_by and len(s.table.key) == 1).table
    other = next(s for s in sources if not s.table.changed_by and len(s.table.key) == 1 and not s.allows_empty).table
    key = other.key[0]
    with sqlite3.connect(sources[0].location.removeprefix("sqlite:///")) as connection:
        edited = connection.execute(
            f"UPDATE {stamped.name} SET {stamped.changed_by} = '1999-01-01 00:00:00' WHERE rowid % 40 = 3"
        ).rowcount
        names = ", ".join(c for c in other.column_names if c != key)
        connection.execute(
            f"INSERT INTO {other.name} ({key}, {names}) SELECT max({key}) + 1, {names} FROM {other.name}"
        )
        deleted = connection.execute(f"DELETE FROM {other.name} WHERE rowid % 40 = 3").rowcount
    connection.close()
    return {stamped.name: (0, edited, 0), other.name: (1, 0, deleted)}


def change_documents(sources: list[TableSource]) -> dict[str, tuple[int, int, int]]:
    """Edit a record of one kind and take one of another out of the newest document."""
    edited, deleted = [s for s in sources if len(s.table.key) == 1 and s.table.files == sources[0].table.files][:2]
    path = max(Path(edited.location).glob(edited.table.files))
    document = etree.parse(path)
    field = next(document.iter(edited.text("record", edited.table.name)))
    next(child for child in field if len(child) == 0 and child.text).text = "X1"
    gone = next(document.iter(deleted.text("record", deleted.table.name)))
    gone.getparent().remove(gone)
    document.write(path, encoding="UTF-8", xml_declaration=True)
    return {edited.table.name: (0, 1, 0), deleted.table.name: (0, 0, 1)}


CHANGES = {SourceKind.DATABASE: change_database, SourceKind.XML: change_documents}


@pytest.mark.wide
@pytest.mark.parametrize("kind", list(CHANGES))
def test_run_by_delta_maps_what_a_full_run_maps_after_the_estate_changed(home: Settings, kind: SourceKind) -> None:
    division = find_division(home, kind)
    build_estate(home, [load_pack(home, division).family], TINY, 7)
    run("run", division, "--until", "extract", "--run-id", "20260101T000000Z")
    expected = CHANGES[kind](list(load_sources(RunContext(home, division, ""))))
    run("delta", division, "--run-id", "20260102T000000Z", "--reason", "what changed in a week")
    run("run", division, "--run-id", "20260102T000000Z", "--until", "map", "--reason", "go on")
    run("run", division, "--run-id", "20260103T000000Z", "--until", "map")
    by_delta, whole = (record.context(home) for record in list_runs(home, division)[1:])
    found = {d.table.rpartition("/")[2]: d for d in read_deltas(by_delta)}
    assert {d.method for d in found.values()} <= {DeltaMethod.WATERMARK, DeltaMethod.KEY_AND_HASH}
    changed = {n: (d.inserted, d.updated, d.deleted) for n, d in found.items() if d.inserted + d.updated + d.deleted}
    assert changed == expected
    for layer in (Layer.RAW, Layer.MAPPED):
        assert read_manifest(by_delta, layer).content_hash == read_manifest(whole, layer).content_hash
