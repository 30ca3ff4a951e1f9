"""Compare two tables or databases: counts, keys, columns, cells; values are never shown."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.settings import get_settings

if TYPE_CHECKING:
    from migration.quality.compare import Comparison


def register(app: typer.Typer) -> None:
    """Add `migrate compare`."""
    app.command("compare")(compare)


def compare(
    left: Annotated[str, typer.Argument(help="Parquet or CSV file, folder, or database URL, with #schema.table.")],
    right: Annotated[str, typer.Argument(help="What to compare it with.")],
    key: Annotated[str, typer.Option(help="Key columns, separated by commas.")],
    ignore: Annotated[str, typer.Option(help="Columns to leave out, separated by commas.")] = "",
    tolerance: Annotated[float, typer.Option(help="Numbers this far apart are equal.")] = 0.0,
    trim: Annotated[bool, typer.Option(help="Spaces at the ends of texts do not count.")] = False,
    ignore_case: Annotated[bool, typer.Option(help="Upper and lower case are equal.")] = False,
) -> None:
    """Compare two tables by key, or two folders or databases table by table. Exit code 1 where they differ."""
    from migration.duck import open_session
    from migration.quality.compare import Options, compare_tables
    from migration.quality.compare_sources import open_tables, pair_tables

    settings = get_settings()
    options = Options(frozenset(_split(ignore)), tolerance, trim, ignore_case)
    console = Console()
    is_equal = True
    with (
        open_tables(settings, left) as left_tables,
        open_tables(settings, right) as right_tables,
        open_session(settings) as session,
    ):
        for name, one, other in pair_tables(left_tables, right_tables):
            if one is None or other is None:
                console.print(f"{name}: only on the {'left' if other is None else 'right'}")
                is_equal = False
                continue
            found = compare_tables(session, one, other, _split(key), options)
            print_comparison(console, name, found)
            is_equal = is_equal and found.is_equal
    if not is_equal:
        raise typer.Exit(1)


def print_comparison(console: Console, name: str, found: "Comparison") -> None:
    """Show one comparison: figures, then the columns that differ with keys and masked shapes of the values."""
    verdict = "equal" if found.is_equal else "different"
    console.print(
        f"[bold]{name}: {verdict}[/]. Rows {found.left_rows:,} and {found.right_rows:,}; in both {found.matched:,}; "
        f"only left {found.only_left:,}, only right {found.only_right:,}; keys twice: left {found.doubled_left:,}, "
        f"right {found.doubled_right:,}; rows that differ {found.differing_rows:,}.",
        soft_wrap=True,
    )
    for side, keys, columns in (
        ("left", found.only_left_keys, found.columns_only_left),
        ("right", found.only_right_keys, found.columns_only_right),
    ):
        if keys:
            console.print(f"  first keys only on the {side}: {', '.join(keys)}", soft_wrap=True, markup=False)
        if columns:
            console.print(f"  columns only on the {side}: {', '.join(columns)}", soft_wrap=True, markup=False)
    if found.differences:
        table = Table("column", "cells", "first keys", "shape left", "shape right")
        for item in found.differences:
            shapes = item.shapes[0] if item.shapes else ("", "")
            table.add_row(item.column, f"{item.cells:,}", ", ".join(item.keys[:3]), *shapes)
        console.print(table)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
