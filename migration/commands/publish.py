"""A signed run becomes national, in one transaction."""

from typing import Annotated

import typer
from rich.console import Console

from migration.runs import read_run
from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate publish`."""
    app.command("publish")(publish)


def publish(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    person: Annotated[str, typer.Option(help="Who publishes.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Publish a cutover run that both roles have approved; refused, with every reason, where the tables say no."""
    from migration.load.engine import open_engine, upgrade_schema
    from migration.load.publish import publish_run
    from migration.quality.national import check_national

    context = read_run(get_settings(), division.upper(), run_id or None)
    engine = open_engine(context.settings)
    upgrade_schema(engine)
    result = publish_run(context, engine, person, check_national)
    engine.dispose()
    console = Console()
    console.print(
        f"Division {result.division} is national: run {result.run_id}, {result.rows:,} rows, "
        f"{result.links.golden_combined:,} golden nominals combine other records than before."
    )
    console.print(f"National content before: {result.hash_before}\nNational content now:    {result.hash_after}")
    console.print(f"Undo: migrate rollback {result.division} --person NAME --reason ...", highlight=False)
