"""A cutover through a real Airflow: two people decide, and nothing is published that the sign-offs do not permit.

Starts an api-server, a scheduler, a dag-processor and a triggerer, and speaks to them as their users do.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from migration.local_airflow import LocalAirflow, free_port, running
from migration.mapping.load import list_divisions, load_pack
from migration.settings import PROJECT_ROOT, Settings
from tests.dags.client import Person, Run

pytestmark = [pytest.mark.airflow, pytest.mark.wide]

PACKS = Settings(mappings=PROJECT_ROOT / "mappings")
PACK = min((load_pack(PACKS, d) for d in list_divisions(PACKS)), key=lambda p: sum(len(s.tables) for s in p.systems))
"""The pack of the fewest tables: what is asked of people is the same for all."""
DAG_ID = f"division_{PACK.division.lower()}"
OWNER, LEAD, PUBLISH = "cutover.data_owner", "cutover.rollout_lead", "cutover.publish"
SIGNERS = {
    "data_owner": {"data_owner": "data_owner"},
    "rollout_lead": {"rollout_lead": "rollout_lead", "data_owner": "data_owner"},
}
"""The data owner may answer for the rollout lead here, so that refusing the same person twice is ours to show."""


@dataclass(frozen=True)
class Installation:
    """A running Airflow, its people and the national database."""

    engineer: Person
    data_owner: Person
    rollout_lead: Person
    engine: sa.Engine

    def sign_offs(self, run_id: str) -> list[tuple[str, str, str]]:
        """Role, person and decision of every sign-off of a run."""
        query = sa.text(
            "SELECT role, person, decision FROM control.sign_off WHERE run_id = :run ORDER BY decided_at_utc"
        )
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query, {"run": run_id})]

    def outcome(self, run_id: str) -> str:
        """How a run ended."""
        with self.engine.connect() as connection:
            query = sa.text("SELECT outcome FROM control.migration_run WHERE run_id = :run")
            return connection.execute(query, {"run": run_id}).scalar_one()

    def published(self) -> list[str]:
        """Runs published so far."""
        with self.engine.connect() as connection:
            query = sa.text("SELECT run_id FROM control.publication WHERE action = 'PUBLISH' ORDER BY publication_id")
            return list(connection.scalars(query))

    def national_crimes(self) -> int:
        """Crimes in the national tables."""
        with self.engine.connect() as connection:
            return connection.execute(sa.text("SELECT count(*) FROM national.crime")).scalar_one()


@pytest.fixture(scope="module")
def installation(tmp_path_factory, create_national_database) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("cutover")
    url = create_national_database()
    variables = {
        "MIGRATION_HOME": str(folder / "home"),
        "MIGRATION_DATABASE_URL": url,
        "MIGRATION_EXPECTATIONS": str(widen_gate(folder / "expectations")),
        "MIGRATION_SIGNERS": json.dumps(SIGNERS),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        build_inputs()
        airflow = LocalAirflow(folder / "airflow", free_port())
        with running(airflow):
            people = {user: Person(airflow.address, user, word) for user, word in airflow.passwords().items()}
            engine = sa.create_engine(url)
            yield Installation(**people, engine=engine)
            engine.dispose()


def widen_gate(folder: Path) -> Path:
    """The project's expectations with a gate that dirty invented records pass: its verdict is not at stake here."""
    shutil.copytree(PROJECT_ROOT / "expectations", folder)
    path = folder / "gates.yml"
    gates = yaml.safe_load(path.read_text(encoding="utf-8"))
    for criterion in gates["criteria"]:
        widest = {"percent": 1 if criterion["kind"] == "sample" else 100, "rows": 10**9}
        criterion["green"] = {bound: widest[bound] for bound in criterion["green"]}
        criterion.pop("amber", None)
    path.write_text(yaml.safe_dump(gates), encoding="utf-8")
    return folder


def build_inputs() -> None:
    """The synthetic legacy systems and gazetteer, by the commands a person uses."""
    migrate = Path(sys.executable).with_name("migrate")
    for command in (["estate", "build", "--family", PACK.family, "--scale", "tiny"], ["gazetteer", "build"]):
        subprocess.run([migrate, *command], env=os.environ, check=True, capture_output=True)


def start_cutover(installation: Installation) -> tuple[Run, str]:
    """A triggered cutover that waits for the data owner, and its run id in the lake."""
    conf = {"phase": "cutover", "sample_percent": 100, "reason": "cutover in a test"}
    run = Run.trigger(installation.engineer, DAG_ID, conf)
    question = run.wait_for_question(installation.engineer, OWNER)
    lake_run = question["body"].split("run `")[1].split("`")[0]
    return run, lake_run


def test_a_refusal_fails_the_run_and_is_on_record(installation):
    run, lake_run = start_cutover(installation)
    assert run.answer(installation.data_owner, OWNER, "Refuse", "the rejects are not explained") == 200
    assert run.wait(installation.engineer) == "failed"
    states = run.tasks(installation.engineer)
    assert states[f"{OWNER}[-1]"] == "failed"
    assert states[f"{PUBLISH}[-1]"] == "upstream_failed"
    assert installation.sign_offs(lake_run) == [("data_owner", "data_owner", "REFUSE")]
    assert installation.outcome(lake_run) == "REFUSED"
    assert installation.published() == []


def test_only_two_people_who_answer_publish(installation):
    """One run, three attempts: tasks set to success by hand, one person for both roles, then as it should be."""
    run, lake_run = start_cutover(installation)
    set_both_to_success_by_hand(installation, run, lake_run)
    sign_twice_as_one_person(installation, run, lake_run)
    approve_as_two_people(installation, run, lake_run)


def set_both_to_success_by_hand(installation: Installation, run: Run, lake_run: str) -> None:
    run.set_to_success(installation.engineer, OWNER)
    run.wait_for_question(installation.engineer, LEAD)
    run.set_to_success(installation.engineer, LEAD)
    assert run.wait(installation.engineer) == "failed"
    assert run.tasks(installation.engineer)[f"{PUBLISH}[-1]"] == "failed"
    assert "no data_owner; no rollout_lead" in run.log(installation.engineer, PUBLISH)
    assert installation.sign_offs(lake_run) == []
    assert installation.published() == []
    assert installation.national_crimes() == 0


def sign_twice_as_one_person(installation: Installation, run: Run, lake_run: str) -> None:
    run.clear(installation.engineer, OWNER)
    question = run.wait_for_question(installation.data_owner, OWNER)
    assert question["defaults"] is None
    assert "Evidence: `" in question["body"]
    assert "| LOADED |" in question["body"]
    assert run.answer(installation.engineer, OWNER, "Approve") == 403
    assert run.answer(installation.rollout_lead, OWNER, "Approve") == 403
    assert run.answer(installation.data_owner, OWNER, "Approve", "report read") == 200
    run.wait_for_question(installation.engineer, LEAD)
    assert run.answer(installation.data_owner, LEAD, "Approve", "report read") == 200
    assert run.wait(installation.engineer) == "failed"
    assert "signed this run in another role" in run.log(installation.engineer, LEAD)
    assert installation.sign_offs(lake_run) == [("data_owner", "data_owner", "APPROVE")]
    assert installation.published() == []


def approve_as_two_people(installation: Installation, run: Run, lake_run: str) -> None:
    run.clear(installation.engineer, LEAD)
    run.wait_for_question(installation.engineer, LEAD)
    assert run.answer(installation.rollout_lead, LEAD, "Approve", "go") == 200
    assert run.answer(installation.rollout_lead, LEAD, "Refuse", "second thoughts") in (404, 409)
    assert run.wait(installation.engineer) == "success"
    approvals = [("data_owner", "data_owner", "APPROVE"), ("rollout_lead", "rollout_lead", "APPROVE")]
    assert installation.sign_offs(lake_run) == approvals
    assert installation.published() == [lake_run]
    assert installation.outcome(lake_run) == "PUBLISHED"
    assert installation.national_crimes() > 0


def test_a_rehearsal_ends_at_the_gate(installation):
    before = installation.published()
    conf = {"phase": "rehearsal", "sample_percent": 50, "reason": "rehearsal in a test"}
    run = Run.trigger(installation.engineer, DAG_ID, conf)
    assert run.wait(installation.engineer) == "success"
    states = run.tasks(installation.engineer)
    assert states["gate.check_gate[-1]"] == "success"
    assert {states[f"{task}[-1]"] for task in (OWNER, LEAD, PUBLISH)} == {"skipped"}
    assert installation.published() == before


@pytest.mark.parametrize(
    "conf",
    [
        {"phase": "cutover"},
        {"phase": "cutover", "reason": "x"},
        {"phase": "publish", "reason": "a phase that is none"},
        {"phase": "rehearsal", "sample_percent": 0, "reason": "no sample"},
    ],
)
def test_the_trigger_form_refuses_what_is_incomplete(installation, conf):
    status, _ = installation.engineer.call(
        "POST", f"/api/v2/dags/{DAG_ID}/dagRuns", {"logical_date": None, "conf": conf}
    )
    assert status in (400, 422)
