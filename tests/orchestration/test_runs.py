"""Runs as an orchestrator starts and ends them, in the lake and in `control.migration_run`."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from migration import orchestration
from migration.errors import ConfigError, CutoverError
from migration.mapping import load
from migration.orchestration import begin_run, name_run, note_failure, require_passing_gate

KEY = {"division": "Z", "run_id": name_run("manual__1", datetime(2026, 9, 21, tzinfo=UTC))}
VERSION = "ab12cd34ef56"


@pytest.fixture
def packed(database_settings, tmp_path, monkeypatch):
    """Settings with one invented division whose pack has a known version."""
    settings = database_settings.model_copy(update={"mappings": tmp_path / "mappings"})
    head = settings.mappings / "divisions" / "Z" / "division.yml"
    head.parent.mkdir(parents=True)
    head.write_text("division: Z\n", encoding="utf-8")
    monkeypatch.setattr(orchestration, "get_settings", lambda: settings)
    monkeypatch.setattr(load, "load_pack", lambda settings, division: SimpleNamespace(version=VERSION))
    return settings


def request(**values):
    return {"phase": "rehearsal", "sample_percent": 100, "pack_version": None, "reason": "a first try", **values}


def recorded(settings) -> list[tuple[str, str, str, str]]:
    engine = sa.create_engine(settings.database_url.get_secret_value())
    query = sa.text("SELECT run_id, outcome, started_by, pack_version FROM control.migration_run")
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    return rows


def set_outcome(settings, outcome: str) -> None:
    engine = sa.create_engine(settings.database_url.get_secret_value())
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE control.migration_run SET outcome = :outcome"), {"outcome": outcome})
    engine.dispose()


def test_a_run_begins_once_and_is_found_again(packed):
    assert begin_run(KEY, request(), "engineer") == KEY
    record = packed.lake / "Z" / KEY["run_id"] / "run.json"
    first = record.read_bytes()
    assert begin_run(KEY, request(), "engineer") == KEY
    assert record.read_bytes() == first
    assert orchestration.open_run(KEY).reason == "a first try"
    assert recorded(packed) == [(KEY["run_id"], "RUNNING", "engineer", VERSION)]


def test_a_run_is_refused_where_another_pack_was_pinned(packed):
    with pytest.raises(ConfigError, match="expected the pinned version 00000000"):
        begin_run(KEY, request(pack_version="00000000"), "engineer")
    assert not (packed.lake / "Z").exists()
    assert recorded(packed) == []


def test_a_cutover_of_a_sample_is_refused(packed):
    with pytest.raises(ConfigError, match="a cutover of 10 %"):
        begin_run(KEY, request(phase="cutover", sample_percent=10), "engineer")
    assert recorded(packed) == []


def test_a_run_that_broke_off_is_on_record_as_failed(packed):
    begin_run(KEY, request(), "engineer")
    with pytest.raises(CutoverError, match="a task that failed"):
        note_failure(KEY)
    assert [row[1] for row in recorded(packed)] == ["FAILED"]


@pytest.mark.parametrize("outcome", ["GATE_RED", "REFUSED"])
def test_a_run_that_was_decided_keeps_its_outcome(packed, outcome):
    begin_run(KEY, request(), "engineer")
    set_outcome(packed, outcome)
    with pytest.raises(CutoverError, match="a task that failed"):
        note_failure(KEY)
    assert [row[1] for row in recorded(packed)] == [outcome]


def test_a_gate_that_was_not_evaluated_does_not_pass(packed):
    begin_run(KEY, request(), "engineer")
    with pytest.raises(CutoverError, match="not evaluated"):
        require_passing_gate(KEY)
