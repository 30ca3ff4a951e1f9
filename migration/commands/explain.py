"""Follow one source record, nominal pair or location through the layers."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from migration.commands.groups import DefaultCommandGroup
from migration.runs import list_runs, read_run
from migration.settings import Settings, get_settings
from migration.trace import Trace, trace_key

explain = typer.Typer(cls=DefaultCommandGroup, help="Where a record went and why; what a match rests on.")


def register(app: typer.Typer) -> None:
    """Add `migrate explain`."""
    app.add_typer(explain, name="explain")


@explain.command("record")
def explain_record(
    key: Annotated[str, typer.Argument(help="Legacy key (as in the legacy system) or record id.")],
    division: Annotated[str, typer.Option(help="Division letter; all divisions where left out.")] = "",
    run_id: Annotated[str, typer.Option(help="Run; each division's latest where left out.")] = "",
) -> None:
    """Follow a source record through every layer to its disposition. `migrate explain KEY` is the same."""
    settings = get_settings()
    console = Console()
    divisions = [division.upper()] if division else _divisions_with_runs(settings)
    traces: list[tuple[str, Trace]] = []
    for letter in divisions:
        context = read_run(settings, letter, run_id or None)
        traces += [(f"{letter}/{context.run_id}", t) for t in trace_key(context, key)]
    if not traces:
        console.print(
            "No source record with that key in the latest runs of " + ", ".join(divisions or ["any division"])
        )
        raise typer.Exit(1)
    for run, trace in traces:
        console.print(_render(run, trace))


def _divisions_with_runs(settings: Settings) -> list[str]:
    return [p.name for p in sorted(settings.lake.glob("*")) if p.is_dir() and list_runs(settings, p.name)]


def _render(run: str, trace: Trace) -> Tree:
    heading = f"[bold]{escape(trace.entity)}[/] {escape(trace.source_key)} → [bold]{trace.outcome}[/]  ({run})"
    tree = Tree(heading)
    tree.add(f"source: {escape(trace.source_system)}, table {escape(trace.source_table)}")
    for step in trace.steps:
        tree.add(f"{step.layer}: {escape(step.what)}")
    return tree
