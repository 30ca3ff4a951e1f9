"""Each stage is killed half-way and run again: the same hashes, and nothing half-written in between."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from conftest import make_settings
from journey import build_inputs, content_hashes, run_to_gate, start

from migration.layers import MANIFEST
from migration.load.engine import open_engine
from migration.mapping.load import load_pack
from migration.records import RunContext, Stage
from migration.runner import run_stage
from migration.settings import Settings

HERE = Path(__file__).parent
UNLIKE = {"dq_result": "AND rule_id NOT LIKE 'volume.%'"}
PLAN = yaml.safe_load((HERE / "faults.yml").read_text())
pytestmark = pytest.mark.wide


@dataclass(frozen=True)
class Wounded:
    """A run that was never interrupted, one that will be at every stage, and one that will be while renaming."""

    whole: RunContext
    wounded: RunContext
    renamed: RunContext
    engine: sa.Engine
    database_url: str


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, create_national_database: Callable[[], str]) -> Iterator[Wounded]:
    url = create_national_database()
    settings = make_settings(tmp_path_factory.mktemp("faults"), database_url=url)
    build_inputs(settings, [load_pack(settings, PLAN["division"]).family])
    whole = start(settings, PLAN["division"], "20260101T000000Z")
    run_to_gate(whole)
    engine = open_engine(settings)
    others = (start(settings, PLAN["division"], f"2026010{n}T000000Z") for n in (2, 3))
    yield Wounded(whole, *others, engine, url)
    engine.dispose()


def kill_in(runs: Wounded, context: RunContext, fault: dict[str, object]) -> int:
    settings: Settings = context.settings
    environment = {
        **os.environ,
        "MIGRATION_HOME": str(settings.home),
        "MIGRATION_DATABASE_URL": runs.database_url,
        "MIGRATION_MAPPINGS": str(settings.mappings),
        "MIGRATION_EXPECTATIONS": str(settings.expectations),
    }
    words = [str(fault["target"]), str(fault["nth"]), context.division, context.run_id, str(fault["stage"])]
    command = [sys.executable, str(HERE / "crash.py"), *words]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def half_written(context: RunContext) -> list[str]:
    """Layers without a manifest: none may ever be seen."""
    return [p.name for p in context.folder.iterdir() if p.is_dir() and p.name[0] != "." and not (p / MANIFEST).exists()]


def verdicts(engine: sa.Engine, context: RunContext, table: str, columns: str) -> list[tuple[object, ...]]:
    """Rows of a control table; rules that compare a run with the one before it are left out: these two have others."""
    query = sa.text(f"SELECT {columns} FROM control.{table} WHERE run_id = :run {UNLIKE.get(table, '')} ORDER BY 1")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"run": context.run_id})]


def describe(fault: dict[str, object]) -> str:
    return f"{fault['stage']} at {str(fault['target']).split(':')[1]}"


@pytest.mark.parametrize("fault", PLAN["faults"], ids=describe)
def test_stage_when_killed_and_run_again_gives_the_same(runs, fault):
    kill_and_repeat(runs, runs.wounded, fault)


@pytest.mark.parametrize("fault", PLAN["rename"], ids=describe)
def test_stage_when_killed_while_renaming_its_layer_and_run_again_gives_the_same(runs, fault):
    kill_and_repeat(runs, runs.renamed, fault)


def kill_and_repeat(runs: Wounded, context: RunContext, fault: dict[str, object]) -> None:
    assert kill_in(runs, context, fault) == -signal.SIGKILL
    assert half_written(context) == []
    run_stage(context, Stage(fault["stage"]))
    assert [p.name for p in context.folder.iterdir() if p.name.endswith((".writing", ".old"))] == []
    after = content_hashes(context)
    whole = content_hashes(runs.whole)
    assert {name: whole[name] for name in after} == after


def test_run_when_every_stage_was_killed_once_ends_with_the_same_evidence(runs):
    assert content_hashes(runs.wounded) == content_hashes(runs.whole)
    for table, columns in (
        ("dq_result", "rule_id, status, failing_rows, tested_rows"),
        ("gate", "criterion_id, verdict"),
        ("disposition", "source_system || source_table || entity || source_key, outcome, target_id"),
    ):
        whole = verdicts(runs.engine, runs.whole, table, columns)
        assert whole
        assert verdicts(runs.engine, runs.wounded, table, columns) == whole, table
