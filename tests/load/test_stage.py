"""Staging on a real PostgreSQL: whole, idempotent, and safe to interrupt."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from invented_lake import Lake, letters, make_row, write_rows

from migration.errors import MigrationError, ReconciliationError, SourceError
from migration.layers import find_entity, layer_folder, write_json
from migration.load import stage
from migration.load.engine import connect, create_database, drop_database, read_url, upgrade_schema
from migration.load.stage import load_staging, staged_entities
from migration.records import Layer, RunContext, StageStatus
from migration.schema.model import load_schema

FIRST, SECOND = letters(2)


def staged_rows(engine: sa.Engine, division: str) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            e.name: int(connection.scalar(sa.text(f"SELECT count(*) FROM staging.{e.name}_{division.lower()}")) or 0)
            for e in staged_entities()
        }


def content(engine: sa.Engine, table: str) -> str:
    with engine.connect() as connection:
        query = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
        return str(connection.scalar(sa.text(query)))


def test_load_staging_gives_every_entity_a_table_with_the_rows_of_its_file(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann", "bob", "cat"])
    result = load_staging(context, engine)
    assert result.status is StageStatus.DONE and result.counts["constraints_broken"] == 0
    rows = staged_rows(engine, FIRST)
    assert set(rows) == {t.name for t in result.tables} == {e.name for e in staged_entities()}
    for table in result.tables:
        path = find_entity(context, table.name)
        assert rows[table.name] == table.rows == (pq.read_metadata(path).num_rows if path else 0)
    assert rows["nominal"] == 3


def test_load_staging_keeps_every_value(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    load_staging(context, engine)
    entity = load_schema().entity("property_item")
    expected = make_row(entity, FIRST, 1, context.run_id)
    with engine.connect() as connection:
        row = connection.execute(sa.text(f"SELECT * FROM staging.property_item_{FIRST.lower()}")).mappings().one()
    assert dict(row) == expected
    with engine.connect() as connection:
        match = connection.execute(sa.text(f"SELECT evidence FROM staging.location_match_{FIRST.lower()}")).scalar_one()
    assert match == {"number": 1}


def test_load_staging_again_skips_and_after_a_change_loads_only_what_changed(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann", "bob"])
    load_staging(context, engine)
    assert load_staging(context, engine).status is StageStatus.SKIPPED
    changed = lake.make_run(FIRST, ["ann", "eve"])
    result = load_staging(changed, engine)
    assert 0 < result.counts["tables_loaded"] <= 4
    with engine.connect() as connection:
        names = connection.scalars(sa.text(f"SELECT full_name_raw FROM staging.nominal_{FIRST.lower()} ORDER BY 1"))
        assert list(names) == ["ann", "eve"]


def test_load_staging_of_one_division_leaves_the_other_alone(lake: Lake, engine: sa.Engine) -> None:
    load_staging(lake.make_run(FIRST, ["ann"]), engine)
    before = content(engine, f"staging.nominal_{FIRST.lower()}")
    load_staging(lake.make_run(SECOND, ["bob", "cat"]), engine)
    assert content(engine, f"staging.nominal_{FIRST.lower()}") == before
    assert staged_rows(engine, SECOND)["nominal"] == 2


def test_load_staging_when_rows_break_constraints_loads_them_and_names_the_constraints(
    lake: Lake, engine: sa.Engine
) -> None:
    context = lake.make_run(FIRST, ["ann", "bob"])
    entity = load_schema().entity("crime_report")
    rows = [make_row(entity, FIRST, 1, context.run_id) for _ in range(2)]
    rows[1]["storm_no"] = "x" * 100
    rewrite_mapped(context, "crime_report", pa.Table.from_pylist(rows))
    result = load_staging(context, engine)
    assert result.counts["constraints_broken"] == 3
    with engine.connect() as connection:
        query = "SELECT broken_constraints FROM control.staged_table WHERE table_name = 'crime_report'"
        assert connection.scalar(sa.text(query)) == "lengths, key, unique_1"
    assert staged_rows(engine, FIRST)["crime_report"] == 2


def rewrite_mapped(context: RunContext, name: str, table: pa.Table) -> None:
    """Replace a file of the mapped layer and say so in the manifest."""
    folder = layer_folder(context, Layer.MAPPED)
    path = folder / f"{name}.parquet"
    pq.write_table(table, path)
    raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for entry in raw["tables"]:
        if entry["name"] == name:
            entry.update(rows=table.num_rows, bytes=path.stat().st_size, content_hash="changed")
    write_json(folder / "manifest.json", raw)


def test_load_staging_when_file_holds_other_rows_than_its_manifest_refuses(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann", "bob"])
    folder = layer_folder(context, Layer.MAPPED)
    raw = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    next(t for t in raw["tables"] if t["name"] == "nominal")["rows"] = 5
    write_json(folder / "manifest.json", raw)
    with pytest.raises(ReconciliationError, match="2 rows; expected 5"):
        load_staging(context, engine)


def test_load_staging_when_a_value_cannot_be_stored_names_table_not_value(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    entity = load_schema().entity("nominal")
    row = make_row(entity, FIRST, 1, context.run_id) | {"full_name_raw": "Invented\x00Person"}
    write_rows(layer_folder(context, Layer.MAPPED) / "nominal.parquet", entity, [row])
    rewrite_mapped(context, "nominal", pq.read_table(layer_folder(context, Layer.MAPPED) / "nominal.parquet"))
    with pytest.raises(SourceError, match="refuses") as caught:
        load_staging(context, engine)
    assert "Invented" not in str(caught.value)


def test_load_staging_when_nothing_was_mapped_says_so(lake: Lake, engine: sa.Engine) -> None:
    with pytest.raises(SourceError, match="no layer to stage"):
        load_staging(RunContext(lake.settings, FIRST, "20260101T000000Z"), engine)


def test_load_staging_when_database_is_dropped_mid_load_is_one_clear_error_and_runs_again(
    lake: Lake, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = engine.url.render_as_string(hide_password=False)
    name = f"dropped_{os.getpid()}"
    context = lake.make_run(FIRST, ["ann", "bob"])
    original, calls = stage.ingest, []

    def drop_after_three(*arguments: object) -> int:
        calls.append(arguments)
        if len(calls) == 3:
            drop_database(server, name)
        return original(*arguments)  # type: ignore[arg-type]

    target = connect(read_url(create_database(server, name)), "test")
    upgrade_schema(target)
    monkeypatch.setattr(stage, "ingest", drop_after_three)
    with pytest.raises(SourceError, match="broken off"):
        load_staging(context, target)
    monkeypatch.undo()
    target.dispose()
    again = connect(read_url(create_database(server, name)), "test")
    upgrade_schema(again)
    assert load_staging(context, again).status is StageStatus.DONE
    assert staged_rows(again, FIRST)["nominal"] == 2
    again.dispose()
    drop_database(server, name)


KILLED = """
import sys, os, signal
from pathlib import Path
from migration.load import stage
from migration.load.engine import connect, read_url
from migration.records import RunContext
from migration.settings import Settings

url, home, division, run_id, at = sys.argv[1:]
original, calls = stage.ingest, []

def die_at(*arguments):
    calls.append(arguments)
    if len(calls) == int(at):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)

stage.ingest = die_at
stage.load_staging(RunContext(Settings(home=Path(home)), division, run_id), connect(read_url(url), "test"))
"""


@pytest.mark.parametrize("at", [1, 9])
def test_load_staging_after_kill_9_shows_nothing_half_and_gives_the_same_tables(
    lake: Lake, engine: sa.Engine, create_national_database: Callable[[], str], at: int
) -> None:
    context = lake.make_run(FIRST, ["ann", "bob"])
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", KILLED, url, str(lake.settings.home), FIRST, context.run_id, str(at)]
    killed = subprocess.run(command, check=False, env={**os.environ, "MIGRATION_DATABASE_URL": ""})
    assert killed.returncode == -signal.SIGKILL
    with engine.connect() as connection:
        tables = connection.scalars(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")).all()
        assert all(name.endswith("__new") for name in tables)
        assert connection.scalar(sa.text("SELECT count(*) FROM control.staged_table")) == 0
    load_staging(context, engine)
    clean = connect(read_url(create_national_database()), "test")
    load_staging(context, clean)
    for entity in staged_entities():
        table = f"staging.{entity.name}_{FIRST.lower()}"
        assert content(engine, table) == content(clean, table)
    with engine.connect() as connection:
        tables = connection.scalars(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'")).all()
        assert not [name for name in tables if name.endswith("__new")]
    clean.dispose()


HOLDER = """
import sys, time
import sqlalchemy as sa
from migration.load.engine import connect, read_url
from migration.load.stage import _lock

with connect(read_url(sys.argv[1]), "test").begin() as connection:
    _lock(connection, sys.argv[2])
    print("locked", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def test_load_staging_while_another_load_of_the_division_runs_waits(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", HOLDER, url, FIRST, "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline().strip() == "locked"
        started = time.monotonic()
        load_staging(context, engine)
        assert time.monotonic() - started > 1.0


def test_every_error_of_staging_is_one_a_person_can_act_on(lake: Lake, engine: sa.Engine, tmp_path: Path) -> None:
    context = lake.make_run(FIRST, ["ann"])
    (layer_folder(context, Layer.MAPPED) / "crime.parquet").unlink()
    with pytest.raises(MigrationError, match=r"crime\.parquet.*no file"):
        load_staging(context, engine)
