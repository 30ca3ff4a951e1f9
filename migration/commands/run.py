"""Run a division's stages in order, showing progress and a timing table."""

import getpass
import pkgutil
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from migration import commands
from migration.records import Phase, RunContext, Stage, StageResult, StageStatus
from migration.runner import failure_on_record, run_stage
from migration.runs import check_division, check_listed, find_base_run, read_run, record_timing, start_run
from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate run` and a verb for each stage that has no module of its own."""
    app.command("run")(run)
    own = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    for stage in (s for s in Stage if s.value not in own):
        app.command(stage.value, help=f"Run the stage {stage.value} of a division's latest run (or of --run-id).")(
            _stage_command(stage)
        )


def run(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    phase: Annotated[
        Phase, typer.Option(help="A rehearsal ends at the gate; a cutover can be signed.")
    ] = Phase.REHEARSAL,
    reason: Annotated[
        str, typer.Option(help="Why this run is started; kept in its record.")
    ] = "Run from the command line",
    sample: Annotated[int, typer.Option(help="Share of crime reports, in %.")] = 100,
    run_id: Annotated[str, typer.Option(help="Resume this run instead of starting one.")] = "",
    until: Annotated[Stage, typer.Option(help="Last stage to run.")] = Stage.GATE,
) -> None:
    """Run a division from its legacy systems to the gate. Stages whose inputs did not change are skipped."""
    settings = get_settings()
    check_division(settings, division.upper())
    check_listed(division.upper())
    context = start_run(
        settings,
        division.upper(),
        phase=phase,
        reason=reason,
        started_by=getpass.getuser(),
        sample_percent=sample,
        run_id=run_id or None,
    )
    console = Console()
    console.print(f"Division {context.division}, {context.phase}, run [bold]{context.run_id}[/]")
    with failure_on_record(context):
        results = _run_with_progress(context, until, console)
    console.print(timing_table(results))


def _run_with_progress(context: RunContext, until: Stage, console: Console) -> list[StageResult]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    results = [_extract(context, console)]
    if until is Stage.EXTRACT:
        return results
    with Progress(*columns, console=console) as progress:
        for stage in (s for s in Stage if s is not Stage.EXTRACT):
            task = progress.add_task(f"{stage.value}", total=1)
            results.append(run_stage(context, stage))
            rows = sum(t.rows for t in results[-1].tables)
            progress.update(task, completed=1, description=f"{stage.value}: {results[-1].status}, {rows:,} rows")
            if stage is until:
                break
    return results


def _extract(context: RunContext, console: Console) -> StageResult:
    """The first stage, with a bar for each table that is read."""
    from migration.commands.extract import extract_with_bars, print_outcome
    from migration.extract.stage import extract_division

    base = find_base_run(context)
    result = extract_with_bars(console, lambda listener: extract_division(context, listener, base))
    record_timing(context, result)
    print_outcome(console, context, result)
    return result


def timing_table(results: list[StageResult]) -> Table:
    """One row per stage: status, rows, seconds, rows a second."""
    table = Table("stage", "status", title="Timings")
    for heading in ("rows", "seconds", "rows/s"):
        table.add_column(heading, justify="right")
    for result in results:
        rows = sum(t.rows for t in result.tables)
        rate = f"{rows / result.seconds:,.0f}" if result.seconds and result.status is StageStatus.DONE else ""
        table.add_row(result.stage.value, result.status.value, f"{rows:,}", f"{result.seconds:.2f}", rate)
    return table


def _stage_command(stage: Stage) -> Callable[[str, str], None]:
    def command(
        division: Annotated[str, typer.Argument(help="Division letter.")],
        run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
    ) -> None:
        context = read_run(get_settings(), division.upper(), run_id or None)
        with failure_on_record(context):
            result = run_stage(context, stage)
        Console().print(timing_table([result]))

    return command
