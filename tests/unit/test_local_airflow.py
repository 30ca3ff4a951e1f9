"""A local Airflow's settings and its refusals, without starting one."""

import json
import socket

import pytest

from migration.errors import ConfigError
from migration.local_airflow import USERS, LocalAirflow, environment, free_port, is_healthy, running

URL = "postgresql+psycopg2://postgres@/airflow?host=/tmp/x&port=5432"


@pytest.fixture
def airflow(tmp_path) -> LocalAirflow:
    return LocalAirflow(tmp_path / "airflow", free_port())


def test_every_process_is_told_the_same_port_home_and_database(airflow):
    variables = environment(airflow, URL)
    assert variables["AIRFLOW_HOME"] == str(airflow.home)
    assert variables["AIRFLOW__API__PORT"] == str(airflow.port)
    assert variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"http://localhost:{airflow.port}/execution/"
    assert variables["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == URL
    assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"].startswith("postgresql+asyncpg:")


def test_only_the_two_roles_may_sign_unless_the_environment_says_otherwise(airflow, monkeypatch):
    monkeypatch.delenv("MIGRATION_SIGNERS", raising=False)
    signers = json.loads(environment(airflow, URL)["MIGRATION_SIGNERS"])
    assert signers == {role: {role: role} for role in ("data_owner", "rollout_lead")}
    assert set(USERS) == {"engineer", *signers}
    monkeypatch.setenv("MIGRATION_SIGNERS", "{}")
    assert environment(airflow, URL)["MIGRATION_SIGNERS"] == "{}"


def test_a_port_in_use_is_refused_before_anything_is_written(airflow):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", airflow.port))
        taken.listen()
        with pytest.raises(ConfigError, match=f"port {airflow.port} in use"), running(airflow):
            pass
    assert not airflow.home.exists()


def test_an_airflow_that_does_not_answer_is_not_healthy(airflow):
    assert not is_healthy(airflow)
