"""Map a division's raw layer by its pack, or show what the pack as it is now would change in a run."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.commands.run import timing_table
from migration.records import RunContext, Stage
from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate map`."""
    app.command("map")(map_division)


def map_division(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run to map; the division's latest where left out.")] = "",
    compare: Annotated[
        str,
        typer.Option(metavar="RUN", help="Map nothing: show what the packs as they are now would change in this run."),
    ] = "",
) -> None:
    """Map a division's raw layer; with --compare, preview a pack edit: rows, fields and dispositions it changes."""
    from migration.runner import run_stage
    from migration.runs import read_run

    settings = get_settings()
    if compare:
        show_change(read_run(settings, division.upper(), compare))
        return
    context = read_run(settings, division.upper(), run_id or None)
    Console().print(timing_table([run_stage(context, Stage.MAP)]))


def show_change(context: RunContext) -> None:
    """Print what the packs as they are now would change in a run. Changes nothing."""
    from migration.mapping.compare import compare_mapping

    change = compare_mapping(context)
    console = Console()
    console.print(f"Pack {change.version_before[:12]} in the run, {change.version_after[:12]} now.")
    if change.is_empty:
        console.print("Nothing would change.")
        return
    rows = Table("entity", "added", "removed", "changed", "fields", "first keys", title="Rows")
    for entity in change.entities:
        fields = ", ".join(f"{f} {n:,}" for f, n in entity.fields.items())
        counts = (f"{n:,}" for n in (entity.added, entity.removed, entity.changed))
        rows.add_row(entity.entity, *counts, fields, "\n".join(entity.keys))
    fates = Table("entity", "before", "after", "records", "for instance", title="Dispositions")
    for item in change.dispositions:
        fates.add_row(item.entity, item.before, item.after, f"{item.records:,}", item.example_key)
    console.print(rows, fates)
