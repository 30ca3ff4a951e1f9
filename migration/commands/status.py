"""All thirteen divisions: last run, computed verdict, sign-offs, what is national."""

from datetime import datetime
from typing import TYPE_CHECKING

import typer
from rich import box
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
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("division", "last run", "verdict", "signed", "live"):
        table.add_column(heading, no_wrap=True)
    for row in read_board(settings, engine):
        table.add_row(*_cells(row))
    engine.dispose()
    Console().print(table)


def _cells(row: "DivisionStatus") -> tuple[str, ...]:
    name = f"{row.division} {row.name}"
    last = row.last_run
    if last is None:
        return (name, "no run yet" if row.has_pack else "[dim]no pack yet[/]", "", "", "")
    verdict = f"[{COLOURS[row.verdict]}]{row.verdict}[/]" if row.verdict else f"at {row.last_stage}"
    started = datetime.fromisoformat(last.started_at_utc)
    sample = "" if last.sample_percent == 100 else f" {last.sample_percent} %"
    run = f"{last.phase.value}{sample} {started:%d/%m %H:%M}"
    approvals = sum(decision.endswith("APPROVE") for decision in row.signed_by)
    signed = "refused" if approvals < len(row.signed_by) else f"{approvals} of 2"
    national = "yes" if row.published_run == last.run_id else "earlier" if row.published_run else "no"
    return (name, run, verdict, signed, national)
