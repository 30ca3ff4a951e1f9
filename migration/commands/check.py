"""Check every pack without data: files, inheritance, columns, codes and compiled SQL; all problems at once."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.settings import get_settings

SHOWN = 5
"""Lines a remark names at most."""


def register(app: typer.Typer) -> None:
    """Add `migrate check`."""
    app.command("check")(check)


def check(
    division: Annotated[list[str] | None, typer.Argument(help="Division letters; all where left out.")] = None,
) -> None:
    """Check packs without any data. Exit code 2 where one has a problem."""
    from migration.mapping.check import check_packs
    from migration.mapping.code_memory import find_disagreements

    results = check_packs(get_settings(), tuple(d.upper() for d in division or ()))
    table = Table("division", "version", title="Mapping packs")
    for heading in ("records", "fields", "codes", "proposed"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for result in results:
        state = "draft" if result.is_draft else "sound"
        counts = (result.records, result.fields, result.codes, len(result.proposed))
        shown = state if result.is_sound else "[bold red]problems[/]"
        table.add_row(result.division, result.version[:12], *map(str, counts), shown)
    console = Console()
    console.print(table)
    for result in results:
        if not result.is_sound:
            console.print(f"[bold red]{result.division}[/]: {result.problem}", soft_wrap=True, highlight=False)
    if not all(r.is_sound for r in results):
        raise typer.Exit(2)
    for result in (r for r in results if r.proposed):
        where = ", ".join(result.proposed[:SHOWN]) + (" ..." if len(result.proposed) > SHOWN else "")
        text = (
            f"remark: {result.division} has {len(result.proposed)} codes proposed and not agreed; a record read by one"
        )
        console.print(f"{text} keeps the gate red: {where}", soft_wrap=True, highlight=False)
    for item in find_disagreements(get_settings()):
        meanings = "; ".join(f"{code} ({where})" for code, where in item.meanings)
        console.print(f"remark: {item.list_name} {item.legacy_value} means {meanings}", soft_wrap=True, highlight=False)
