"""The `migrate` command: every stage, and what people do before and after a run.

Each command lives in a module of `commands/`, whose docstring is its help. Exit codes: 0 fine, 1 bad data or a
red gate, 2 bad usage or settings. Only here and in `dags/` is `MigrationError` caught: one line is printed, no trace.
"""

import importlib
import os
import sys

import typer
from rich.console import Console

from migration.errors import MigrationError

COMMANDS = (
    "check",
    "packs",
    "run",
    "extract",
    "delta",
    "map",
    "geocode",
    "dedupe",
    "profile",
    "contract",
    "show",
    "status",
    "report",
    "issues",
    "waive",
    "explain",
    "judge",
    "gate",
    "sign_off",
    "publish",
    "verify",
    "rollback",
    "evidence",
    "scrs",
    "compare",
    "estate",
    "gazetteer",
    "schema",
    "db",
    "airflow",
)
"""Modules of `migration.commands`, in the order the help lists them; each has `register(app)`."""

app = typer.Typer(
    name="migrate",
    help="Move a division's legacy crime, nominal and location records to the national system, with proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def build_app() -> typer.Typer:
    """The application with every command registered."""
    for name in COMMANDS:
        importlib.import_module(f"migration.commands.{name}").register(app)
    return app


def main() -> None:
    """Run the command line; a `MigrationError` prints one line and sets the exit code."""
    try:
        build_app()()
    except MigrationError as error:
        if os.environ.get("MIGRATION_DEBUG"):
            raise
        Console(stderr=True).print(f"[bold red]error[/]: {error}", soft_wrap=True, highlight=False)
        sys.exit(error.exit_code)
