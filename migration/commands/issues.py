"""Issues of a division: by rule, year and owner; exported for correction in the legacy system."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.commands.groups import DefaultCommandGroup
from migration.settings import get_settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

issues = typer.Typer(cls=DefaultCommandGroup, help="Data-quality issues of a division: list them, export them.")
Division = Annotated[str, typer.Argument(help="Division letter.")]


def register(app: typer.Typer) -> None:
    """Add `migrate issues`."""
    app.add_typer(issues, name="issues")


@issues.command("list")
def list_division_issues(division: Division) -> None:
    """Show issues by owner, rule, year and state. `migrate issues D` is the same."""
    from migration.quality.issue_export import summarise_issues

    table = Table("owner", "rule", "year", "state", title=f"Issues of division {division.upper()}")
    table.add_column("records", justify="right")
    with national_connection() as connection:
        for owner, rule, year, state, count in summarise_issues(connection, division.upper()):
            table.add_row(owner, rule, year, state, f"{count:,}")
    Console().print(table)


@issues.command("export")
def export_division_issues(
    division: Division,
    to: Annotated[Path | None, typer.Option(help="CSV file; beside the reports where left out.")] = None,
    owner: Annotated[str, typer.Option(help="Only this owner's.")] = "",
    rule: Annotated[str, typer.Option(help="Only this rule's.")] = "",
    year: Annotated[int | None, typer.Option(help="Only records of this year.")] = None,
    waived: Annotated[bool, typer.Option(help="Waived issues too.")] = False,
) -> None:
    """Write open issues to a CSV file, by legacy key, for correction in the legacy system."""
    from migration.quality.issue_export import OPEN_STATES, IssueFilter, write_issues

    settings = get_settings()
    letter, marking = division.upper(), settings.security_marking
    path = to or settings.reports / letter / f"issues {letter} {marking}.csv"
    chosen = IssueFilter(owner, rule, year, (*OPEN_STATES, "WAIVED") if waived else OPEN_STATES)
    with national_connection() as connection:
        count = write_issues(connection, letter, chosen, marking, path)
    Console().print(f"{count:,} issues in {path}", soft_wrap=True)


@contextmanager
def national_connection() -> Iterator["Connection"]:
    """A transaction on the national database, at the newest schema."""
    from migration.load.engine import open_engine, upgrade_schema

    engine = open_engine(get_settings())
    try:
        upgrade_schema(engine)
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
