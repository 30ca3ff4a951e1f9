"""The computed verdict on a run, reds first, with what would make it green."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from migration.runs import read_run, record_timing
from migration.settings import get_settings

if TYPE_CHECKING:
    from migration.cutover.gate import GateResult

COLOURS = {"GREEN": "green", "AMBER": "yellow", "RED": "bold red"}


def register(app: typer.Typer) -> None:
    """Add `migrate gate`."""
    app.command("gate")(gate)


def gate(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the criteria as JSON.")] = False,
) -> None:
    """Evaluate the gate of a run and print it. Exit code 0 where it permits publishing, else 1."""
    from migration.cutover.gate import describe
    from migration.cutover.stage import run_gate
    from migration.load.engine import open_engine, upgrade_schema

    context = read_run(get_settings(), division.upper(), run_id or None)
    engine = open_engine(context.settings)
    upgrade_schema(engine)
    stage, result = run_gate(context, engine)
    record_timing(context, stage)
    engine.dispose()
    console = Console()
    if as_json:
        criteria = {c.spec.criterion_id: {"verdict": c.verdict, **describe(c)} for c in result.criteria}
        content = {"verdict": result.verdict, "evidence_hash": result.evidence_hash, "criteria": criteria}
        console.print_json(json.dumps(content))
    else:
        console.print(f"[bold]Division {context.division}, {context.phase}, run {context.run_id}[/]")
        console.print(criteria_table(result))
        console.print(f"Verdict: [{COLOURS[result.verdict]}]{result.verdict}[/]   evidence {result.evidence_hash}")
        console.print(f"Report: {stage.outputs[0]}", soft_wrap=True)
    raise typer.Exit(0 if result.can_publish else 1)


def criteria_table(result: "GateResult") -> Table:
    """One row per criterion, worst first: verdict, what must hold, figures, what would make it green."""
    table = Table("verdict", "criterion", "figures", "what would make it green", title="Gate", show_lines=True)
    for criterion in result.criteria:
        finding = criterion.finding
        share = f"{finding.percent:.2f} %" if finding.percent is not None else ""
        rows = f"{finding.rows:,} rows" if finding.rows is not None else ""
        waived = " (waived)" if criterion.is_waived else ""
        verdict = f"[{COLOURS[criterion.verdict]}]{criterion.verdict}[/]{waived}"
        figures = " ".join(part for part in (share, rows) if part) or finding.error
        table.add_row(verdict, escape(criterion.spec.title), escape(figures), escape(criterion.to_green))
    return table
