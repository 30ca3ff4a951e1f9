"""All thirteen divisions: last run, computed verdict, sign-offs, what is national."""

import typer
from rich.console import Console
from rich.table import Table

from migration.settings import get_settings

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
    table = Table("", "division", "pack", "runs", "last run", "phase", "stage", "verdict", "sign-offs", "national now")
    for row in read_board(settings, engine):
        last = row.last_run
        verdict = f"[{COLOURS[row.verdict]}]{row.verdict}[/]" if row.verdict else "-"
        table.add_row(
            row.division,
            row.name,
            "yes" if row.has_pack else "no",
            str(row.runs),
            last.run_id if last else "-",
            f"{last.phase.value} {last.sample_percent} %" if last else "-",
            row.last_stage or "-",
            verdict,
            ", ".join(row.signed_by) or "-",
            row.published_run or "-",
        )
    engine.dispose()
    Console().print(table)
