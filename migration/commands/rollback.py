"""A division's last publish is undone; the others stay as they are."""

from typing import Annotated

import typer
from rich.console import Console

from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate rollback`."""
    app.command("rollback")(rollback)


def rollback(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    person: Annotated[str, typer.Option(help="Who rolls it back.")],
    reason: Annotated[str, typer.Option(help="Why; name no person of the records.")],
) -> None:
    """Take a division's last publish out of the national database and link the rest again."""
    from migration.load.engine import open_engine, upgrade_schema
    from migration.load.rollback import roll_back_division

    settings = get_settings()
    engine = open_engine(settings)
    upgrade_schema(engine)
    result = roll_back_division(settings, engine, division.upper(), person, reason)
    engine.dispose()
    console = Console()
    now = f"run {result.restored_run_id} is national again" if result.restored_run_id else "nothing of it is national"
    console.print(f"Division {result.division}: run {result.run_id} taken out; {now}.")
    console.print(f"National content before: {result.hash_before}\nNational content now:    {result.hash_after}")
    if result.is_as_before:
        console.print("Content equals what the same runs held before.")
