"""All thirteen divisions: last run, computed verdict, sign-offs, what is national."""

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from migration.settings import get_settings

if TYPE_CHECKING:
    from migration.board import DivisionStatus

COLOURS = {"GREEN": "green", "AMBER": "yellow", "RED": "bold red"}


def register(app: typer.Typer) -> None:
    """Add `migrate status`."""
    app.command("status")(status)


def status() -> None:
    """Show every division: its last run, how far it came, the gate's verdict, sign-offs, and what is published."""
    from migration.board import read_board
    from migration.load.engine import open_engine, upgrade_schema

    settings = get_settings()
    engine = open_engine(settings)
    upgrade_schema(engine)
    table = Table()
    for heading in ("division", "last run", "stage", "verdict", "signed", "national now"):
        table.add_column(heading, no_wrap=heading in {"division", "last run", "national now"})
    for row in read_board(settings, engine):
        table.add_row(*_cells(row))
    engine.dispose()
    Console().print(table)


def _cells(row: "DivisionStatus") -> tuple[str, ...]:
    name = f"{row.division} {row.name}"
    last = row.last_run
    if last is None:
        return (name, "no run yet" if row.has_pack else "[dim]no pack yet[/]", "", "", "", "")
    verdict = f"[{COLOURS[row.verdict]}]{row.verdict}[/]" if row.verdict else "not evaluated"
    sample = "" if last.sample_percent == 100 else f" {last.sample_percent} %"
    run = f"{last.run_id} {last.phase.value}{sample}"
    return (name, run, row.last_stage, verdict, ", ".join(row.signed_by), row.published_run or "")
