"""The compose file: every part there, each watched, no secret with a default, everything from the lock."""

import re

import pytest
import yaml

from migration.settings import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
RUN_ONCE = "init"
AIRFLOW = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker")
SECRET = re.compile(r"PASSWORD|SECRET|KEY|AUTH|SIGNERS")


def variables() -> list[tuple[str, str]]:
    """Every interpolated variable with what follows its name (`:?message`, `:-default` or nothing)."""
    return re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", TEXT)


def test_every_part_of_the_system_is_a_service():
    assert set(SERVICES) == {*AIRFLOW, "national-database", "airflow-database", "broker"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {RUN_ONCE}))
def test_each_service_is_watched_and_restarted(name):
    assert SERVICES[name]["healthcheck"]["test"], name
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(set(AIRFLOW) - {RUN_ONCE}))
def test_airflow_waits_for_its_databases_broker_and_set_up(name):
    waits = {service: item["condition"] for service, item in SERVICES[name]["depends_on"].items()}
    assert waits == {
        "init": "service_completed_successfully",
        "airflow-database": "service_healthy",
        "national-database": "service_healthy",
        "broker": "service_healthy",
    }


def test_each_secret_is_required_and_none_has_a_default():
    secrets = [(name, rest) for name, rest in variables() if SECRET.search(name)]
    assert len({name for name, _ in secrets}) == 8
    assert all(rest.startswith(":?") and len(rest) > 5 for _, rest in secrets), secrets


def test_no_secret_is_written_out():
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key) and key != "AIRFLOW__CORE__AUTH_MANAGER":
                assert value.startswith("${"), f"{name}.{key}"
    assert not re.search(r"://[^:/\s]*:[^$@\s][^@\s]*@", TEXT), "a URL with a password written out"


def test_the_image_is_built_from_the_lock_by_hash():
    for name in AIRFLOW:
        recipe = SERVICES[name]["build"]["dockerfile_inline"]
        assert "uv pip sync --require-hashes requirements.lock" in recipe
        assert "pip install --no-cache-dir --require-hashes --requirement /tmp/uv.lock" in recipe
        assert "USER migration" in recipe


def test_workers_take_tasks_from_the_broker_and_report_to_the_api_server():
    environment = SERVICES["worker"]["environment"]
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert "@broker:" in environment["AIRFLOW__CELERY__BROKER_URL"]
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api-server:8080/execution/"


def test_nothing_is_published_beyond_this_machine_unless_asked():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["${AIRFLOW_ADDRESS:-127.0.0.1:8080}:8080"]
