"""Check every pack without data: files, inheritance, columns, codes, SQL, shared hosts; all problems at once."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.settings import Settings, get_settings

if TYPE_CHECKING:
    from migration.mapping.check import PackCheck

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
    from migration.pools import find_excesses

    asked = tuple(d.upper() for d in division or ())
    excesses = find_excesses(get_settings(), asked)
    results = [
        replace(r, problem=r.problem or excesses.get(r.division, "") or _find_unlisted(r.division))
        for r in check_packs(get_settings(), asked)
    ]
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
            text = f"{result.division}: {result.problem}"
            console.print(text, soft_wrap=True, highlight=False, markup=False, style="bold red")
    if not all(r.is_sound for r in results):
        raise typer.Exit(2)
    remarks = [_remark_proposed(r) for r in results if r.proposed]
    for remark in [*remarks, *remark_codes(get_settings(), asked)]:
        console.print(f"remark: {remark}", soft_wrap=True, highlight=False, markup=False)


def _find_unlisted(division: str) -> str:
    """Why a division with a sound pack cannot run all the same: its letter is not in the national list."""
    from migration.errors import ConfigError
    from migration.runs import check_listed

    try:
        check_listed(division)
    except ConfigError as problem:
        return f"{problem.found}; expected {problem.expected}. {problem.fix}"
    return ""


def _remark_proposed(result: "PackCheck") -> str:
    where = ", ".join(result.proposed[:SHOWN]) + (" ..." if len(result.proposed) > SHOWN else "")
    text = f"{result.division} has {len(result.proposed)} codes proposed and not agreed; a record read by one"
    return f"{text} keeps the gate red: {where}"


def remark_codes(settings: Settings, divisions: tuple[str, ...] = ()) -> list[str]:
    """What other divisions agreed about codes of `divisions` (all where empty): where they differ, where they help."""
    from migration.mapping.code_memory import find_disagreements, find_unsettled, load_memory
    from migration.schema.model import load_schema

    memory, packs = load_memory(settings)
    remarks = []
    for item in find_disagreements(memory):
        if not divisions or item.divisions & set(divisions):
            meanings = "; ".join(f"{code} ({where})" for code, where in item.meanings)
            remarks.append(f"{item.list_name} {item.legacy_value} means {meanings}")
    for line in find_unsettled(memory, packs, load_schema()):
        if not divisions or line.divisions & set(divisions):
            decision = line.decision
            says = (
                f"is {decision.status} as {decision.national_code or 'nothing'}" if line.is_contrary else "is undecided"
            )
            known = "; ".join(map(str, line.agreed))
            remarks.append(f"{decision.origin}: {line.list_name} {decision.legacy_value} {says}; elsewhere {known}")
    return remarks
