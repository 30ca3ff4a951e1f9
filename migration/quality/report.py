"""The run report: one self-contained HTML file a data owner can read, print and sign against.

Enters: the evidence of a run. Leaves: `report.html` in the run's report folder: verdict first, reds and waivers on page
one, then every owner's fields. Must hold: protective marking at top and bottom and on every printed page; the same
evidence gives the same bytes; keys, rules and counts only. Refuses nothing: what has not run is said not to have run.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from migration.quality.charts import draw_trend
from migration.quality.matrix import list_findings
from migration.quality.report_evidence import ReportEvidence, RuleLine, collect_evidence, outcome_columns
from migration.quality.returns import LINES
from migration.quality.rules import RuleStatus
from migration.records import RunContext, Stage

TEMPLATES = Path(__file__).resolve().parent / "templates"
REPORT_FILE = "report.html"
SEVERITIES = ("critical", "warning", "info")
VERDICTS = ("RED", "AMBER", "GREEN")
CONTENTS = (
    ("changes", "What changed since the last run"),
    ("ledger", "Where every source record went"),
    ("reconciliation", "Reconciliation"),
    ("owners", "What each owner should look at"),
    ("matrix", "Fields, owners and checks"),
    ("rejects", "Rejected records by rule"),
    ("matches", "Locations and nominals"),
    ("timings", "Timings"),
    ("rules", "All rules"),
)
VERDICT_TEXTS = {
    "RED": "At least one criterion is not met. This run must not be published.",
    "AMBER": "No criterion is red. What is amber needs a decision by its owner before anyone signs.",
    "GREEN": "Every criterion of the gate is met by the figures below.",
    "NOT EVALUATED": "The gate has not been evaluated, so this run counts as not ready.",
}


def write_report(context: RunContext, engine: sa.Engine) -> Path:
    """Write the report of a run from its evidence as it is now; returns its path."""
    path = context.report_folder / REPORT_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    text = render_report(collect_evidence(context, engine))
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path


def render_report(evidence: ReportEvidence) -> str:
    """The report's HTML: a function of the evidence alone."""
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8").replace("MARKING_TEXT", evidence.marking)
    ledger = group_ledger(evidence.ledger)
    totals = {o: sum(line["counts"].get(o, 0) for line in ledger) for o in outcome_columns()}
    hashes = {str(c["evidence_hash"]) for c in evidence.criteria}
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            e=evidence,
            css=Markup(css),  # noqa: S704 - our own file
            verdict_text=VERDICT_TEXTS[evidence.verdict],
            numbers=key_numbers(evidence, sum(totals.values()), totals),
            criteria=sorted(evidence.criteria, key=lambda c: (VERDICTS.index(c["verdict"]), c["criterion_id"])),
            contents=CONTENTS,
            change_summary=summarise_changes(evidence),
            titles={line.outcome.rule.rule_id: line.outcome.rule.title for line in evidence.rules},
            trend_chart=Markup(draw_trend(evidence.trend)),  # noqa: S704 - escaped where it is made
            ledger=ledger,
            ledger_totals=totals,
            ledger_total=sum(totals.values()),
            outcomes=outcome_columns(),
            tables=group_totals(evidence.totals),
            returns=group_returns(evidence.returns),
            owners=group_owners(evidence.rules),
            findings=list_findings(evidence.matrix),
            statuses=(RuleStatus.PASS, RuleStatus.FAIL, RuleStatus.ERROR, RuleStatus.NOT_APPLICABLE),
            timings=[(s.value, evidence.timings[s.value]) for s in Stage if s.value in evidence.timings],
            evidence_hash=next(iter(hashes)) if len(hashes) == 1 else "",
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def key_numbers(evidence: ReportEvidence, records: int, totals: Mapping[str, int]) -> list[dict[str, str]]:
    """The figures of page one."""
    statuses = {s: sum(1 for line in evidence.rules if line.outcome.status is s) for s in RuleStatus}
    open_issues = sum(n for state, n in evidence.issues.items() if state in ("OPEN", "REOPENED"))
    loaded = totals.get("LOADED", 0)
    share = f" ({100.0 * loaded / records:.2f} %)" if records else ""
    figures = (
        (f"{records:,}", "source records, each with one outcome"),
        (f"{loaded:,}", f"loaded{share}"),
        (f"{totals.get('QUARANTINED', 0):,}", "quarantined for repair"),
        (f"{len(evidence.breaks):,}" if evidence.totals else "–", "differences between layers (breaks)"),
        (f"{statuses[RuleStatus.FAIL]:,}", "rules fail"),
        (f"{statuses[RuleStatus.ERROR]:,}", "rules could not be run"),
        (f"{statuses[RuleStatus.NOT_APPLICABLE]:,}", "rules found no row to test"),
        (f"{statuses[RuleStatus.PASS]:,}", "rules pass"),
        (f"{open_issues:,}", "open issues"),
        (f"{evidence.issues.get('WAIVED', 0):,}", "waived issues"),
    )
    return [{"value": value, "label": label} for value, label in figures]


def group_ledger(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Dispositions as one line per source table and entity."""
    lines: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        source = f"{row['source_system']} / {row['source_table']}"
        lines.setdefault((source, row["entity"]), {})[row["outcome"]] = row["n"]
    return [
        {"source": source, "entity": entity, "counts": counts, "total": sum(counts.values())}
        for (source, entity), counts in sorted(lines.items())
    ]


def group_totals(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Control totals as one line per table: its layers in their order with their rows, and the last one's content.

    Tables without a row in any layer are left out.
    """
    order = ("source", "raw", "mapped", "located", "linked", "staging", "national")
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        tables.setdefault(row["table_name"], {}).setdefault(row["layer"], {})[row["measure"]] = row["value"]
    lines = []
    for table, layers in sorted(tables.items()):
        found = [(layer, layers[layer]) for layer in order if layer in layers]
        counts = [(layer, int(values.get("rows", 0))) for layer, values in found]
        if any(n for _, n in counts):
            lines.append({"table": table, "layers": counts, "content": found[-1][1].get("content", "–")})
    return sorted(lines, key=lambda line: (line["layers"][0][0] != "raw", line["table"]))


def group_returns(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The statement from the legacy count to recorded crime: the lines that occur, in order, and figures by year."""
    years: dict[str, dict[str, int]] = {}
    for row in rows:
        years.setdefault(row["year"], {})[row["line"]] = row["n"]
    names = [name for name in LINES if any(name in line for line in years.values())]
    total = {name: sum(line.get(name, 0) for line in years.values()) for name in names}
    return {"names": names, "years": sorted(years.items()), "total": total}


def group_owners(lines: Sequence[RuleLine]) -> list[dict[str, Any]]:
    """Rules that fail or could not be run, by owner; within an owner the most severe and largest first."""
    shown = [line for line in lines if line.outcome.status in (RuleStatus.FAIL, RuleStatus.ERROR)]
    groups = []
    for owner in sorted({line.outcome.rule.owner for line in shown}):
        mine = [line for line in shown if line.outcome.rule.owner == owner]
        mine.sort(key=lambda i: (SEVERITIES.index(i.outcome.rule.severity), -(i.outcome.failing_rows or 0)))
        groups.append(
            {
                "name": owner,
                "lines": mine,
                "failing": sum(1 for i in mine if i.outcome.status is RuleStatus.FAIL),
                "errors": sum(1 for i in mine if i.outcome.status is RuleStatus.ERROR),
                "rules": sum(1 for i in lines if i.outcome.rule.owner == owner),
            }
        )
    return groups


def summarise_changes(evidence: ReportEvidence) -> str:
    """How many rules are worse, better, new and gone."""
    kinds = ("worse", "better", "new rule", "rule gone")
    counts = {kind: sum(1 for c in evidence.changes if c.kind == kind) for kind in kinds}
    return ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
