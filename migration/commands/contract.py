"""Compare a run's extracts with the last run's, or any two extract files, and name what would write wrong records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.commands.groups import DefaultCommandGroup
from migration.settings import get_settings

if TYPE_CHECKING:
    from migration.extract.contract import ContractReport

group = typer.Typer(
    cls=DefaultCommandGroup,
    no_args_is_help=True,
    help="Compare a run's extracts with the last run's, or any two files with `compare OLD NEW --key COLUMN`.",
)


def register(app: typer.Typer) -> None:
    """Add `migrate contract`."""
    app.add_typer(group, name="contract")


@group.command("division")
def division(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Compare each table of a run with the last run's. Exit code 1 where a finding forbids mapping."""
    from migration.extract.contract_check import check_contract, find_last_run, read_contract
    from migration.runs import read_run

    console = Console()
    context = read_run(get_settings(), division.upper(), run_id or None)
    last = find_last_run(context)
    if last is None:
        console.print(f"Run {context.run_id}: there is no earlier extract of the same sample to compare with.")
        return
    console.print(f"Run {context.run_id}, compared with run {last.run_id}")
    try:
        check_contract(context)
    finally:
        for name, report in read_contract(context).items():
            print_report(console, name, report)


@group.command("compare")
def compare(
    old: Annotated[Path, typer.Argument(help="The earlier extract: Parquet, CSV, XML or JSON Lines.")],
    new: Annotated[Path, typer.Argument(help="The later extract.")],
    key: Annotated[str, typer.Option(help="Key columns, separated by commas.")],
    record: Annotated[str, typer.Option(help="Tag of a record, of XML documents that hold several kinds.")] = "",
) -> None:
    """Compare any two extracts of one table. Exit code 1 where a finding forbids mapping."""
    from migration.extract.contract_compare import compare_extracts

    keys = [k.strip() for k in key.split(",") if k.strip()]
    report = compare_extracts(get_settings(), old, new, keys, record=record)
    print_report(Console(), new.name, report)
    if report.stops:
        raise typer.Exit(1)


def print_report(console: Console, name: str, report: "ContractReport") -> None:
    """Show one comparison: rows and keys, then the findings with their figures; never a value."""
    console.print(
        f"[bold]{name}[/]: rows {report.old_rows:,} before, {report.new_rows:,} now; "
        f"keys in both {report.known_keys:,}, new {report.added_keys:,}, "
        f"gone {report.gone_keys:,}, changed {report.changed_keys:,}",
        soft_wrap=True,
    )
    if not report.findings:
        return
    table = Table("severity", "finding", "column")
    for heading in ("count", "of", "share"):
        table.add_column(heading, justify="right")
    for found in report.findings:
        figures = (f"{found.count:,}", f"{found.base:,}", f"{found.share:.1%}")
        table.add_row(found.severity, found.name, found.column, *figures)
    console.print(table)
