"""Profile a division's source tables: Parquet and one page that shows a migration engineer what is there."""

from typing import Annotated

import typer
from rich.console import Console

from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate profile`."""
    app.command("profile")(profile)


def profile(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Profile the extracted tables of a run; values of fewer than 5 records and personal values are not shown."""
    from migration.extract.profile_report import write_profile
    from migration.runs import read_run

    console, context = Console(), read_run(get_settings(), division.upper(), run_id or None)
    with console.status(f"Profiling run {context.run_id}") as status:
        paths = write_profile(context, lambda what: status.update(f"Profiling {what}"))
    for path in paths:
        console.print(str(path), soft_wrap=True, highlight=False)
