"""Extract only what changed since a division's last run, into a new run that goes on like any other."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.records import Phase, RunContext, new_run_id
from migration.settings import get_settings

if TYPE_CHECKING:
    from migration.extract.delta_stage import TableDelta


def register(app: typer.Typer) -> None:
    """Add `migrate delta`."""
    app.command("delta")(delta)


def delta(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    phase: Annotated[
        Phase, typer.Option(help="A rehearsal ends at the gate; a cutover can be signed.")
    ] = Phase.REHEARSAL,
    reason: Annotated[
        str, typer.Option(help="Why this run is started; kept in its record.")
    ] = "Delta from the command line",
    sample: Annotated[int, typer.Option(help="Share of crime reports, in %, as of the run before.")] = 100,
    run_id: Annotated[str, typer.Option(help="Resume this run instead of starting one.")] = "",
) -> None:
    """Make a run's raw layer of the last run's and what changed since: new, edited and deleted records.

    Each table is proved to be what a new full extract would be. `migrate run DIVISION --run-id RUN` goes on from there.
    """
    from migration.commands.extract import extract_with_bars, print_outcome
    from migration.commands.run import timing_table
    from migration.extract.delta_stage import find_base, read_deltas
    from migration.extract.stage import extract_division
    from migration.runs import check_division, find_base_run, record_timing, start_run

    settings, wanted = get_settings(), run_id or new_run_id()
    check_division(settings, division.upper())
    newest = find_base(RunContext(settings, division.upper(), wanted, sample_percent=sample))
    context = start_run(
        settings,
        division.upper(),
        phase=phase,
        reason=reason,
        started_by=getpass.getuser(),
        sample_percent=sample,
        run_id=wanted,
        base_run=newest.run_id,
    )
    base = find_base_run(context) or newest
    console = Console()
    console.print(f"Division {context.division}, run [bold]{context.run_id}[/], changes since run {base.run_id}")
    result = extract_with_bars(console, lambda listener: extract_division(context, listener, base))
    record_timing(context, result)
    console.print(delta_table(read_deltas(context)))
    console.print(timing_table([result]))
    print_outcome(console, context, result)
    console.print(
        f"Go on with `migrate run {context.division} --phase {phase} --run-id {context.run_id}`.", soft_wrap=True
    )


def delta_table(deltas: "tuple[TableDelta, ...]") -> Table:
    """One row per source table: how its changes were found, the keys that changed, and why it was read whole."""
    table = Table("table", "found by", title="What changed")
    for heading in ("new", "edited", "deleted", "rows now", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("read whole because")
    for item in deltas:
        keys = [f"{n:,}" for n in (item.inserted, item.updated, item.deleted)]
        shown = keys if not item.reason else ["", "", ""]
        method = item.method.value.lower().replace("_", " ")
        table.add_row(item.table, method, *shown, f"{item.rows:,}", f"{item.seconds:,.1f}", item.reason)
    return table
