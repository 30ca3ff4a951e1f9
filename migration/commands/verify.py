"""What is national, held against what was reconciled before it was published."""

from typing import Annotated

import typer
from rich.console import Console

from migration.records import RunContext
from migration.runs import read_run
from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate verify`."""
    app.command("verify")(verify)


def verify(
    division: Annotated[str, typer.Argument(help="Division letter.")],
) -> None:
    """Compare a division's national partitions with its published run's staging totals: rows, keys, every column.

    Exit code 0 where they are the same; a difference is named with table, column, owner and keys, exit code 1.
    """
    from migration.load.engine import open_engine, upgrade_schema
    from migration.load.publications import published_runs
    from migration.quality.national import check_national

    settings = get_settings()
    letter = division.upper()
    engine = open_engine(settings)
    upgrade_schema(engine)
    published = next((run for run in published_runs(engine) if run.division == letter), None)
    console = Console()
    if published is None:
        console.print(f"Division {letter} is not national: nothing to verify.")
        raise typer.Exit(1)
    context: RunContext = read_run(settings, letter, published.run_id)
    with engine.connect() as connection:
        check_national(connection, context)
    engine.dispose()
    console.print(f"Division {letter}, run {context.run_id}: national is what was reconciled, in every row and column.")
