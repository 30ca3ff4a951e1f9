"""The evidence pack of a run: one file that a board member can read and anyone can check."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from migration.errors import ConfigError
from migration.runs import read_run
from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate evidence`."""
    app.command("evidence")(evidence)


def evidence(
    division: Annotated[str, typer.Argument(help="Division letter; left out with --check.")] = "",
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
    check: Annotated[Path | None, typer.Option(help="Check this pack instead of writing one.")] = None,
) -> None:
    """Write the evidence pack of a run, or check one: same evidence, same bytes."""
    from migration.cutover.pack import check_pack, write_pack
    from migration.load.engine import open_engine, upgrade_schema

    console = Console()
    if check is not None:
        console.print(f"{check_pack(check)} files, all as packed.")
        return
    if not division:
        raise ConfigError("migrate evidence", "no division", "a division letter or --check", "Name the division.")
    context = read_run(get_settings(), division.upper(), run_id or None)
    engine = open_engine(context.settings)
    upgrade_schema(engine)
    console.print(f"Written: {write_pack(context, engine)}", soft_wrap=True)
    engine.dispose()
