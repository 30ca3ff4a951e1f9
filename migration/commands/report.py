"""Write a run's report again and say where it is."""

from typing import Annotated

import typer
from rich.console import Console

from migration.runs import read_run
from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate report`."""
    app.command("report")(report)


def report(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Write the report of a run: one HTML file, verdict first, printable, without personal values."""
    from migration.load.engine import open_engine, upgrade_schema
    from migration.quality.report import write_report

    context = read_run(get_settings(), division.upper(), run_id or None)
    engine = open_engine(context.settings)
    upgrade_schema(engine)
    path = write_report(context, engine)
    engine.dispose()
    Console().print(str(path), soft_wrap=True)
