"""Mapping packs: what a division inherits, how two divisions differ, why a field is what it is, and a first draft."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate packs`."""
    group = typer.Typer(help=__doc__, no_args_is_help=True)
    group.command("effective")(effective)
    group.command("diff")(diff)
    group.command("explain")(explain)
    group.command("codes")(codes)
    group.command("scaffold")(scaffold)
    app.add_typer(group, name="packs")


def effective(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    level: Annotated[str, typer.Option(help="Only what this level decides: national, a family, a division.")] = "",
    under: Annotated[str, typer.Option(help="Only paths that begin with this, such as entities.crime.")] = "",
) -> None:
    """Show every value of a division's pack with the file and line that decide it, and how much is inherited."""
    from migration.mapping.effective import list_effective, measure_reuse

    console = Console()
    settings = get_settings()
    table = Table()
    for heading in ("path", "value", "level", "decided in", "overrides"):
        table.add_column(heading, overflow="fold")
    for value in list_effective(settings, division.upper()):
        if (not level or value.level == level) and value.path.startswith(under):
            overrides = "\n".join(map(str, value.overrides))
            table.add_row(value.path, value.value, value.level, str(value.origin), overrides)
    console.print(table)
    reuse = measure_reuse(settings, division.upper())
    counts = ", ".join(f"{name} {count}" for name, count in reuse.by_level.items())
    console.print(f"Values by level: {counts}. Inherited: [bold]{reuse.share:.1%}[/]")


def diff(
    left: Annotated[str, typer.Argument(help="Division letter.")],
    right: Annotated[str, typer.Argument(help="Division letter.")],
) -> None:
    """Show the values in which two divisions' packs differ."""
    from migration.mapping.effective import diff_packs, measure_reuse

    console = Console()
    settings = get_settings()
    table = Table()
    for heading in ("path", left.upper(), right.upper(), "decided in"):
        table.add_column(heading, overflow="fold")
    for item in diff_packs(settings, left.upper(), right.upper()):
        sides = [(v.value, str(v.origin)) if v else ("-", "") for v in (item.left, item.right)]
        table.add_row(item.path, sides[0][0], sides[1][0], "\n".join(s[1] for s in sides if s[1]))
    console.print(table if table.row_count else "The two packs say the same.")
    for division in (left.upper(), right.upper()):
        console.print(f"{division}: {measure_reuse(settings, division).share:.1%} inherited")


def explain(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    field: Annotated[str, typer.Argument(help="National field, such as crime_report.how_reported.")],
) -> None:
    """Show which file and line decide a field, what it overrides, its policies and the compiled SQL."""
    from migration.mapping.explain import explain_field
    from migration.mapping.load import load_pack

    console = Console()
    for item in explain_field(load_pack(get_settings(), division.upper()), field):
        console.print(f"[bold]{item.field}[/] from {item.source} (record {item.record})", highlight=False)
        console.print(f"  decided in {item.origin}", highlight=False)
        for origin in reversed(item.inherited):
            console.print(f"  overrides  {origin}", highlight=False)
        console.print("  " + ", ".join(f"{k}: {v}" for k, v in item.policies.items()), highlight=False)
        console.print(item.sql, soft_wrap=True, highlight=False, markup=False)


def codes(
    list_name: Annotated[str, typer.Argument(metavar="LIST", help="National code list; all where left out.")] = "",
    write: Annotated[
        bool, typer.Option("--write", help="First note how often the newest runs used each code (code_uses.csv).")
    ] = False,
) -> None:
    """Show what has been agreed of legacy codes: meaning, why, who, when, in which divisions, how often used."""
    from migration.mapping.code_memory import load_memory
    from migration.mapping.code_uses import write_uses

    console = Console()
    if write:
        console.print(f"Written: {write_uses(get_settings())}", soft_wrap=True, highlight=False)
    memory, _ = load_memory(get_settings())
    found = {name: values for name, values in sorted(memory.items()) if list_name in ("", name)}
    if not found:
        console.print(f"Nothing was agreed of a list {list_name}.")
    for name, values in found.items():
        console.print(f"{name}", style="bold")
        for value, agreed in values.items():
            for item in agreed:
                text = f"  {value}: {item}. {item.decision.rationale} ({item.decision.origin})"
                console.print(text, soft_wrap=True, highlight=False, markup=False)


def scaffold(
    source: Annotated[str, typer.Option(help="SQLAlchemy URL, or folder of files.")],
    division: Annotated[str, typer.Option(help="Division letter.")],
    family: Annotated[str, typer.Option(help="Name of the new family; draft_<division> where left out.")] = "",
) -> None:
    """Draft a pack for a system nobody has mapped yet, from the system itself and from every earlier pack."""
    from migration.mapping.scaffold import scaffold_pack

    result = scaffold_pack(get_settings(), source, division.upper(), family)
    console = Console()
    table = Table()
    for heading in ("table", "column", "proposed", "confidence", "why"):
        table.add_column(heading, overflow="fold")
    for item in sorted(result.proposals, key=lambda p: (p.table, -p.confidence)):
        if item.target:
            shown = f"[bold]{item.target}[/]" if item.is_confident else item.target
            table.add_row(item.table, item.column, shown, f"{item.confidence:.2f}", item.why)
    console.print(table)
    console.print(f"Tables understood: {result.tables_understood} of {result.tables}.")
    console.print(f"Fields of the entities found that have a mapping: [bold]{result.coverage:.0%}[/].")
    for folder in result.folders:
        console.print(f"Written: {folder}", soft_wrap=True, highlight=False)
    console.print(f"Next: migrate check {result.division}")
