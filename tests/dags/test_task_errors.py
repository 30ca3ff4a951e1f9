"""What a task's failure says in a log, and whether Airflow tries it again."""

import json
import os
import subprocess
import sys

import pytest

from migration.settings import PROJECT_ROOT

RAISE_EACH = """
import json, sys
sys.path.insert(0, sys.argv[1])
from division.tasks import guarded
from migration.errors import ConfigError, CutoverError, QualityError, SourceError

def fail(kind):
    if kind == "bug":
        return int("Agnes Invented")
    kinds = {e.__name__: e for e in (ConfigError, CutoverError, QualityError, SourceError)}
    try:
        int("Agnes Invented")
    except ValueError as cause:
        raise kinds[kind]("table crime", "3 rows", "4", "Look again.") from cause

found = {}
for kind in ("ConfigError", "CutoverError", "QualityError", "SourceError", "bug"):
    try:
        guarded(fail)(kind)
    except Exception as error:
        found[kind] = [type(error).__name__, str(error), repr(error.__cause__), repr(error.__context__)]
found["result"] = guarded(lambda x: x + 1)(1)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict:
    home = str(tmp_path_factory.mktemp("airflow"))
    variables = {"PATH": os.environ["PATH"], "HOME": home, "AIRFLOW_HOME": home, "XDG_RUNTIME_DIR": home}
    command = [sys.executable, "-c", RAISE_EACH, PROJECT_ROOT / "dags"]
    result = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, cwd=home)
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", ["ConfigError", "CutoverError", "QualityError"])
def test_an_error_a_retry_cannot_help_ends_the_task_with_its_line(found, kind):
    name, message, *_ = found[kind]
    assert name == "AirflowFailException"
    assert message == "table crime: found 3 rows; expected 4. Look again."


def test_a_source_out_of_reach_is_tried_again(found):
    name, message, *_ = found["SourceError"]
    assert name == "AirflowException"
    assert message == "table crime: found 3 rows; expected 4. Look again."


def test_a_bug_is_tried_again_and_told_without_its_message(found):
    name, message, *_ = found["bug"]
    assert name == "AirflowException"
    assert message.startswith("unexpected ValueError; its message is withheld")


def test_no_value_of_a_record_gets_out_by_any_path(found):
    assert "Agnes" not in json.dumps(found)
    assert all(found[kind][2:] == ["None", "None"] for kind in found if kind != "result")


def test_what_a_task_returns_is_passed_on(found):
    assert found["result"] == 2
