"""Extract a division's legacy systems into the lake, or say what that would read and for how long."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from migration.records import Layer, RunContext, StageResult
from migration.settings import get_settings

if TYPE_CHECKING:
    from migration.extract.plan import PlannedTable


def register(app: typer.Typer) -> None:
    """Add `migrate extract`."""
    app.command("extract")(extract)


def extract(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be read, and for how long.")] = False,
) -> None:
    """Read every source table of a division's run into the raw layer, with proof that nothing changed on the way."""
    from migration.commands.run import timing_table
    from migration.extract.plan import plan_extract
    from migration.extract.stage import extract_division
    from migration.runs import find_base_run, read_run, record_timing

    console = Console()
    if plan:
        console.print(plan_table(plan_extract(RunContext(get_settings(), division.upper(), run_id or "plan"))))
        return
    context = read_run(get_settings(), division.upper(), run_id or None)
    base = find_base_run(context)
    result = extract_with_bars(console, lambda listener: extract_division(context, listener, base))
    record_timing(context, result)
    console.print(timing_table([result]))
    print_outcome(console, context, result)


def extract_with_bars(
    console: Console, run: Callable[[Callable[[str, int, int | None], None]], StageResult]
) -> StageResult:
    """Run the extract with a bar for each table: rows, rate and time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def show(table: str, rows: int, expected: int | None) -> None:
            if table not in tasks:
                tasks[table] = progress.add_task(table, total=expected, rate="")
            task = progress.tasks[tasks[table]]
            progress.update(tasks[table], total=expected, completed=rows)
            speed = task.finished_speed or task.speed
            progress.update(tasks[table], rate=f"{speed:,.0f} rows/s" if speed else "")

        return run(show)


def print_outcome(console: Console, context: RunContext, result: StageResult) -> None:
    """Say what asks for a look: records that could not be read, and what differs from the last run's extract."""
    bad, findings = (result.counts.get(name, 0) for name in ("quarantined", "findings"))
    if bad:
        folder = context.folder / Layer.RAW.value
        text = f"Records that could not be read: {bad:,}; place and reason in {folder / '_quarantine.parquet'}"
        console.print(f"{text}, the records beside it in _quarantine_lines.parquet.", soft_wrap=True, highlight=False)
    if findings:
        text = f"Findings against the last run's extract: {findings:,}"
        console.print(f"{text}; `migrate contract {context.division} --run-id {context.run_id}`.", soft_wrap=True)


def plan_table(planned: "list[PlannedTable]") -> Table:
    """One row per source table: what will be read, at what pace, under which terms."""
    table = Table("system", "table", "kind", title="What will be read")
    for heading in ("rows", "MB", "files", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("estimated from")
    table.add_column("terms")
    for item in planned:
        rows = "" if item.rows is None else f"{item.rows:,}" if item.kind == "database" else f"~{item.rows:,}"
        size = "" if item.bytes is None else f"{item.bytes / 1e6:,.1f}"
        terms = [f"{item.rows_per_second:,} rows/s"] if item.rows_per_second else []
        terms += [item.window] if item.window else []
        numbers = (rows, size, str(item.files or ""), f"{item.seconds:,.1f}")
        table.add_row(item.system, item.table, item.kind, *numbers, item.based_on, ", ".join(terms))
    table.add_section()
    table.add_row("", "all", "", "", "", "", f"{sum(p.seconds for p in planned):,.1f}", "", "")
    return table
