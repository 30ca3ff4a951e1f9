"""The DAGs as a fresh interpreter parses them: one per division, cheap, complete, in order."""

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from string import ascii_uppercase

import pytest
from typer.testing import CliRunner

from migration.cli import build_app
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import SourceKind
from migration.records import Stage
from migration.settings import PROJECT_ROOT, Settings, get_settings

PACKS = Settings(mappings=PROJECT_ROOT / "mappings")
DIVISIONS = list_divisions(PACKS)
NATIONAL_DAGS = ("gazetteer_release",)
MOST_SECONDS = 5.0


def inspect(home: Path, mappings: Path) -> dict:
    """What Airflow finds in `dags/` when packs come from `mappings`."""
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "MIGRATION_HOME": str(home / "migration"),
        "MIGRATION_MAPPINGS": str(mappings),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, Path(__file__).with_name("inspect_dags.py"), PROJECT_ROOT / "dags"]
    result = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, cwd=home)
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict:
    return inspect(tmp_path_factory.mktemp("airflow"), PACKS.mappings)


def tasks_of(found: dict, division: str) -> dict:
    return found["dags"][f"division_{division.lower()}"]["tasks"]


def all_downstream(tasks: dict, name: str) -> set[str]:
    direct = set(tasks[name]["downstream"])
    return direct.union(*(all_downstream(tasks, item) for item in direct))


def test_nothing_fails_to_import_and_each_division_has_one_dag(found):
    assert found["import_errors"] == {}
    assert len(DIVISIONS) >= 2
    assert set(found["dags"]) == {*(f"division_{letter.lower()}" for letter in DIVISIONS), *NATIONAL_DAGS}
    assert not any("broken pack" in dag["tags"] for dag in found["dags"].values())


def test_parsing_loads_no_heavy_module_and_is_quick(found):
    assert found["heavy"] == found["heavy_before"] == []
    assert found["seconds"] < MOST_SECONDS


def test_parsing_writes_nothing_but_airflows_own_files(found, tmp_path):
    inspect(tmp_path, PACKS.mappings)
    assert not (tmp_path / "migration").exists()


@pytest.mark.parametrize("division", DIVISIONS)
def test_the_trigger_form_asks_for_phase_extract_sample_pack_and_reason(found, division):
    dag = found["dags"][f"division_{division.lower()}"]
    form = dag["params"]
    assert set(form) == {"phase", "extract", "sample_percent", "pack_version", "reason"}
    assert form["phase"]["enum"] == ["rehearsal", "cutover"]
    assert form["extract"]["enum"] == ["full", "delta"]
    assert (form["sample_percent"]["minimum"], form["sample_percent"]["maximum"]) == (1, 100)
    assert form["reason"]["minLength"] >= 5
    assert dag["schedule"] == "NullTimetable"
    assert dag["max_active_runs"] == 1


@pytest.mark.parametrize("division", DIVISIONS)
def test_stages_run_in_order_each_in_its_group(found, division):
    tasks = tasks_of(found, division)
    expected = ["extract.finish", *(f"{s.value}.run" for s in Stage if s is not Stage.EXTRACT), "gate.check_gate"]
    expected += ["is_cutover", "cutover.data_owner", "cutover.rollout_lead", "cutover.publish", "note_failure"]
    for earlier, later in pairwise(expected):
        assert later in tasks[earlier]["downstream"], f"{earlier} -> {later}"
    assert all_downstream(tasks, "begin") == set(tasks) - {"begin"}
    assert all_downstream(tasks, "note_failure") == set()


@pytest.mark.parametrize("division", DIVISIONS)
def test_each_legacy_table_is_a_mapped_task_in_the_pool_of_its_system(found, division):
    tasks = tasks_of(found, division)
    for system in load_pack(PACKS, division).systems:
        task = tasks[f"extract.read_{system.name}"]
        assert task["mapped"] == len(system.tables)
        assert task["pool"] == system.pool != "default_pool"
        assert task["pool_slots"] == (system.max_connections if system.kind is SourceKind.DATABASE else 1)


@pytest.mark.parametrize("division", DIVISIONS)
def test_every_task_is_documented_and_retries_safely(found, division):
    assert "Trigger" in found["dags"][f"division_{division.lower()}"]["doc"]
    for name, task in tasks_of(found, division).items():
        assert len(task["doc"]) > 20, name
        assert task["retries"] == 2, name
        assert task["trigger_rule"] == ("one_failed" if name == "note_failure" else "all_success"), name


@pytest.mark.parametrize("division", DIVISIONS)
def test_two_people_are_asked_and_publication_waits_for_both(found, division):
    tasks = tasks_of(found, division)
    questions = [name for name, task in tasks.items() if task["operator"] == "SignOffOperator"]
    assert questions == ["cutover.data_owner", "cutover.rollout_lead"]
    assert all("cutover.publish" in all_downstream(tasks, name) for name in questions)


@pytest.mark.parametrize("division", DIVISIONS)
def test_each_output_is_an_asset_of_its_division(found, division):
    assets = [asset for task in tasks_of(found, division).values() for asset in task["outlets"]]
    layers = [
        "raw",
        "mapped",
        "located",
        "linked",
        "staging",
        "quality_results",
        "control_totals",
        "run_report",
        "national",
    ]
    assert sorted(assets) == sorted(f"division_{division.lower()}/{layer}" for layer in layers)


@pytest.mark.parametrize("dag_id", NATIONAL_DAGS)
def test_national_dags_are_documented_and_ask_before_they_run(found, dag_id):
    dag = found["dags"][dag_id]
    assert len(dag["doc"]) > 50
    assert dag["schedule"] == "NullTimetable"
    assert set(dag["params"]) == {"release", "folder"}
    assert all(task["doc"] and task["retries"] == 2 and task["outlets"] for task in dag["tasks"].values())


def test_a_broken_pack_takes_only_its_own_division_away(tmp_path):
    mappings = tmp_path / "mappings"
    shutil.copytree(PACKS.mappings, mappings)
    broken, *others = DIVISIONS
    head = mappings / "divisions" / broken / "division.yml"
    head.write_text(head.read_text(encoding="utf-8") + "\nno_such_key: 1\n", encoding="utf-8")
    report = inspect(tmp_path, mappings)
    assert report["import_errors"] == {}
    dag = report["dags"][f"division_{broken.lower()}"]
    assert dag["tags"] == ["broken pack"]
    assert list(dag["tasks"]) == ["check_pack"]
    assert "no_such_key" in dag["doc"]
    for other in others:
        assert "gate.run" in tasks_of(report, other)


def test_a_division_that_may_overload_a_host_it_shares_cannot_run_until_the_packs_agree(tmp_path):
    """One division of a family that shares a legacy system's pool allows itself more connections than the others."""
    mappings = tmp_path / "mappings"
    shutil.copytree(PACKS.mappings, mappings)
    packs = [load_pack(PACKS, d) for d in DIVISIONS]
    packs = [p for p in packs if {s.kind for s in p.systems} == {SourceKind.DATABASE}]
    greedy, other = next((a, b) for a in packs for b in packs if a is not b and a.family == b.family)
    system = greedy.systems[0]
    own = mappings / "divisions" / greedy.division / "sources.yml"
    assert not own.exists()
    own.write_text(f"systems:\n  {system.name}:\n    max_connections: {system.max_connections + 3}\n", encoding="utf-8")
    report = inspect(tmp_path, mappings)
    dag = report["dags"][f"division_{greedy.division.lower()}"]
    assert dag["tags"] == ["broken pack"]
    assert f"{system.max_connections + 3} connections of system {system.name}" in dag["doc"]
    assert "gate.run" in tasks_of(report, other.division)
    get_settings.cache_clear()
    result = CliRunner(env={"MIGRATION_MAPPINGS": str(mappings)}).invoke(build_app(), ["check", greedy.division])
    get_settings.cache_clear()
    assert result.exit_code == 2
    assert f"pool {system.pool}" in result.output


def test_a_new_division_is_a_new_folder_and_nothing_else(tmp_path):
    mappings = tmp_path / "mappings"
    shutil.copytree(PACKS.mappings, mappings)
    first = mappings / "divisions" / DIVISIONS[0]
    letter = next(x for x in reversed(ascii_uppercase) if x not in DIVISIONS)
    new = shutil.copytree(first, mappings / "divisions" / letter)
    for path in new.rglob("*.yml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"division: {DIVISIONS[0]}\n", f"division: {letter}\n"), encoding="utf-8")
    report = inspect(tmp_path, mappings)
    assert set(tasks_of(report, letter)) == set(tasks_of(report, DIVISIONS[0]))
