"""Judge two nominals: the same person, or not. Every judgement is recorded, outranks scores and can be reversed."""

import getpass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.commands.groups import DefaultCommandGroup
from migration.dedupe.golden import LineageEvent
from migration.dedupe.judgements import Judgement, add_judgement, make_judgement, open_judgements, reverse_judgement
from migration.dedupe.review import preview_judgements
from migration.settings import get_settings

judge = typer.Typer(cls=DefaultCommandGroup, help=__doc__, no_args_is_help=True)
Reason = Annotated[str, typer.Option(help="Why; no personal values.")]
Person = Annotated[str, typer.Option(help="Who judges; the user of this computer where left out.")]
Yes = Annotated[bool, typer.Option("--yes", help="Record it; without this only the preview is shown.")]


def register(app: typer.Typer) -> None:
    """Add `migrate judge`."""
    app.add_typer(judge, name="judge")


@judge.command("pair")
def judge_pair(
    judgement: Annotated[Judgement, typer.Argument(help="MERGE, SPLIT, NOT_SAME or KEEP.")],
    left: Annotated[str, typer.Argument(help="Nominal id.")],
    right: Annotated[str, typer.Argument(help="The other nominal id.")],
    reason: Reason,
    by: Person = "",
    yes: Yes = False,
) -> None:
    """Show what a judgement would change in the national set and, with --yes, record it."""
    from migration.load.engine import open_engine
    from migration.load.judgements import insert_judgements, read_judgements
    from migration.load.publications import published_runs

    settings = get_settings()
    engine = open_engine(settings)
    existing = read_judgements(engine)
    new = make_judgement(judgement, left, right, by or getpass.getuser(), reason)
    events = preview_judgements(settings, published_runs(engine), existing, add_judgement(existing, new))
    _show(events, recorded=yes)
    if yes:
        insert_judgements(engine, new)
    engine.dispose()


@judge.command("reverse")
def judge_reverse(
    judgement_id: Annotated[str, typer.Argument(help="Id of an open judgement.")],
    reason: Reason,
    by: Person = "",
    yes: Yes = False,
) -> None:
    """Show what reversing a judgement would change and, with --yes, reverse it."""
    from migration.load import judgements as stored
    from migration.load.engine import open_engine
    from migration.load.publications import published_runs

    settings = get_settings()
    engine = open_engine(settings)
    existing = stored.read_judgements(engine)
    person = by or getpass.getuser()
    after = reverse_judgement(existing, judgement_id, person)
    _show(preview_judgements(settings, published_runs(engine), existing, after), recorded=yes)
    if yes:
        stored.reverse_judgement(engine, judgement_id, person, reason)
    engine.dispose()


@judge.command("list")
def judge_list() -> None:
    """Open judgements, oldest first."""
    from migration.load.engine import open_engine
    from migration.load.judgements import read_judgements

    engine = open_engine(get_settings())
    table = Table("id", "judgement", "left nominal", "right nominal", "by", "at")
    for row in open_judgements(read_judgements(engine)).to_pylist():
        table.add_row(
            row["judgement_id"],
            row["judgement_code"],
            row["left_nominal_id"],
            row["right_nominal_id"],
            row["judged_by"],
            row["judged_at_utc"].isoformat(timespec="minutes"),
        )
    engine.dispose()
    Console().print(table)


def _show(events: tuple[LineageEvent, ...], *, recorded: bool) -> None:
    table = Table("golden id", "change", "nominals before", "after", "its nominals go to")
    for event in events:
        counts = f"{event.nominals_before:,}", f"{event.nominals_after:,}"
        table.add_row(event.golden_id, event.change.value, *counts, ", ".join(event.successors))
    console = Console()
    console.print(table)
    if not events:
        console.print("No golden nominal changes.")
    if not recorded:
        console.print("Nothing was recorded. Add --yes to record it; links follow at the next publish or rollback.")
