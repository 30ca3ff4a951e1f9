"""The command line: every command is registered, has help, and fails in one line."""

import pkgutil
import subprocess
import sys

import pytest
import typer.main
from typer.testing import CliRunner

from migration import cli, commands


def all_commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.fixture(scope="module")
def application():
    return cli.build_app()


def test_every_module_of_commands_is_registered():
    modules = {m.name for m in pkgutil.iter_modules(commands.__path__)} - {"groups"}
    assert modules == set(cli.COMMANDS)


def test_every_command_and_group_has_help(application):
    group = typer.main.get_command(application)
    found = dict(all_commands(group))
    assert len(found) > 30
    assert [path for path, command in found.items() if not (command.help or "").strip()] == []
    assert [name for name, command in group.commands.items() if not (command.help or "").strip()] == []


def test_every_stage_is_a_verb(application):
    from migration.records import Stage

    verbs = set(typer.main.get_command(application).commands)
    assert {stage.value for stage in Stage} <= verbs


@pytest.mark.parametrize("words", [["explain", "--help"], ["geocode", "file", "--help"], ["dedupe", "--help"]])
def test_help_of_groups_that_take_a_division_without_a_verb(application, words):
    result = CliRunner().invoke(application, words)
    assert result.exit_code == 0, result.output


def test_error_is_one_line_without_a_trace_and_sets_the_exit_code(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from migration.cli import main; main()",
        "run",
        "?",
        "--reason",
        "no such division",
    ]
    environment = {"MIGRATION_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "COLUMNS": "300"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: run of division ?: found no mapping pack; expected one of ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
