"""The computed verdict on a run, reds and waivers first, with what would make it green and what changed."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from migration.runs import read_run, record_timing
from migration.settings import get_settings

if TYPE_CHECKING:
    from migration.cutover.changes import GateChanges
    from migration.cutover.gate import GateResult

COLOURS = {"GREEN": "green", "AMBER": "yellow", "RED": "bold red"}
SHOWN_RULES = 12


def register(app: typer.Typer) -> None:
    """Add `migrate gate`."""
    app.command("gate")(gate)


def gate(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the criteria as JSON.")] = False,
) -> None:
    """Evaluate the gate of a run and print it. Exit code 0 where it permits publishing, else 1."""
    from migration.cutover.changes import read_gate_changes
    from migration.cutover.gate import describe
    from migration.cutover.stage import run_gate
    from migration.load.engine import open_engine, upgrade_schema

    context = read_run(get_settings(), division.upper(), run_id or None)
    engine = open_engine(context.settings)
    upgrade_schema(engine)
    stage, result = run_gate(context, engine)
    record_timing(context, stage)
    with engine.connect() as connection:
        changes = read_gate_changes(connection, context, datetime.now(UTC).date())
    engine.dispose()
    console = Console()
    if as_json:
        criteria = {c.spec.criterion_id: {"verdict": c.verdict, **describe(c)} for c in result.criteria}
        content = {"verdict": result.verdict, "evidence_hash": result.evidence_hash, "criteria": criteria}
        console.print_json(json.dumps({**content, **describe_changes(changes)}, default=str))
    else:
        console.print(f"[bold]Division {context.division}, {context.phase}, run {context.run_id}[/]")
        print_gate(console, result, changes)
        console.print(f"Report: {stage.outputs[0]}", soft_wrap=True)
    raise typer.Exit(0 if result.can_publish else 1)


def print_gate(console: Console, result: "GateResult", changes: "GateChanges") -> None:
    """The verdict; what is not green; waivers; what changed; then what is green."""
    console.print(f"Verdict: [{COLOURS[result.verdict]}]{result.verdict}[/]   evidence {result.evidence_hash}")
    console.print(criteria_table(result, is_green=False))
    console.print(waivers_table(changes))
    console.print(changes_table(changes))
    console.print(criteria_table(result, is_green=True))


def criteria_table(result: "GateResult", *, is_green: bool) -> Table:
    """One row per criterion that is (or is not) green, worst first: verdict, what must hold, figures, what to do."""
    title = "What is green" if is_green else "What is not green"
    headings = ("verdict", "criterion", "figures") + (() if is_green else ("what would make it green",))
    table = Table(*headings, title=title, show_lines=not is_green)
    for criterion in result.criteria:
        if (criterion.verdict == "GREEN") is not is_green:
            continue
        finding = criterion.finding
        share = f"{finding.percent:.2f} %" if finding.percent is not None else ""
        rows = f"{finding.rows:,} rows" if finding.rows is not None else ""
        waived = " (waived)" if criterion.is_waived else ""
        verdict = f"[{COLOURS[criterion.verdict]}]{criterion.verdict}[/]{waived}"
        figures = " ".join(part for part in (share, rows) if part) or finding.error
        cells = (verdict, escape(criterion.spec.title), escape(figures), escape(criterion.to_green))
        table.add_row(*cells[: len(headings)])
    return table


def waivers_table(changes: "GateChanges") -> Table:
    """Waivers in force: the rule, the most rows it covers, until when, by whom, why."""
    table = Table("rule", "covers at most", "until", "granted by", "reason", title="Waivers in force")
    for waiver in sorted(changes.waivers, key=lambda w: w.expires_on):
        cells = (waiver.rule_id, f"{waiver.cap_rows:,} rows", str(waiver.expires_on))
        table.add_row(*map(escape, (*cells, waiver.granted_by, waiver.reason)))
    if not changes.waivers:
        table.add_row("none", "", "", "", "")
    return table


def changes_table(changes: "GateChanges") -> Table:
    """What changed since the last gate: criteria, then rules, worse ones first."""
    title = f"Changes since run {changes.previous}" if changes.previous else "First run: nothing to compare with"
    table = Table("", "criterion or rule", "before", "now", title=title)
    for item in changes.criteria:
        before, after = _figure(item.before, item.rows_before), _figure(item.after, item.rows_after)
        table.add_row(item.kind, f"criterion {item.criterion_id}", before, after)
    for rule in changes.rules[:SHOWN_RULES]:
        before, after = _figure(rule.before, rule.failing_before), _figure(rule.after, rule.failing_after)
        table.add_row(rule.kind, rule.rule_id, before, after)
    if len(changes.rules) > SHOWN_RULES:
        table.add_row("", f"and {len(changes.rules) - SHOWN_RULES:,} more rules, in the report", "", "")
    return table


def _figure(status: str, rows: int | None) -> str:
    return f"{status or 'not there'}{f' {rows:,}' if rows else ''}"


def describe_changes(changes: "GateChanges") -> dict[str, object]:
    """Waivers and changes as the JSON output holds them."""
    return {
        "previous_run": changes.previous,
        "waivers": [w.__dict__ for w in changes.waivers],
        "criteria_changed": [{"kind": c.kind, **c.__dict__} for c in changes.criteria],
        "rules_changed": [{"kind": c.kind, **c.__dict__} for c in changes.rules],
    }
