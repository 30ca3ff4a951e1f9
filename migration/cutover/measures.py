"""What each criterion of the gate measures, from the control tables and the staging tables.

Enters: an open transaction, a run, a criterion. Leaves: a `Finding`: figures, and what counts against the criterion.
Must hold: a measure that finds nothing to look at says so in `error`, which is red; figures are names and counts only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
import sqlalchemy as sa

from migration.cutover.gates_file import CriterionSpec
from migration.cutover.verdicts import Finding
from migration.layers import find_manifest, layer_folder
from migration.load.partitions import STAGING, partition_name, qualified, table_exists
from migration.load.publications import read_published
from migration.load.publish import PUBLISHED_FACT, name_published
from migration.records import Layer, RunContext
from migration.schema.model import load_schema

LISTED = 10
"""Names a finding lists at most; the counts cover all."""
FEW_RECORDS = 200
"""Entities of a source system with fewer records than this have their quarantine rate taken together."""
COMPARED_LAYERS = frozenset({"raw", "mapped", "staging"})
"""Layers that a reconciliation has control totals of, whatever the division."""
BREAK_LAYER = "break"
"""Layer under which the reconciliation records what it found to differ."""


@dataclass(frozen=True)
class Subject:
    """What a measure looks at: the run, the criterion, and the transaction to read in."""

    connection: sa.Connection
    context: RunContext
    spec: CriterionSpec

    def rows(self, query: str, **more: object) -> list[Any]:
        """Rows of a query that may name `:run_id` and `:division`."""
        parameters = {"run_id": self.context.run_id, "division": self.context.division, **more}
        return list(self.connection.execute(sa.text(query), parameters).all())

    def count(self, query: str) -> int:
        """The one number a query gives."""
        return int(self.rows(query)[0][0])

    def staged(self, entity: str) -> str:
        """Quoted name of the division's staging table of an entity."""
        return qualified(STAGING, partition_name(entity, self.context.division))

    def is_staged(self, entity: str) -> bool:
        """Whether that table is there."""
        return table_exists(self.connection, STAGING, partition_name(entity, self.context.division))


Measure = Callable[[Subject], Finding]


def measure(subject: Subject) -> Finding:
    """What the criterion's measure finds."""
    return MEASURES[subject.spec.kind](subject)


def _measure_sample(subject: Subject) -> Finding:
    return Finding(
        percent=float(subject.context.sample_percent), figures={"sample_percent": subject.context.sample_percent}
    )


def _measure_ledger(subject: Subject) -> Finding:
    """Dispositions recorded against the file's, and records LOADED against rows staged, per entity."""
    recorded = subject.rows(
        "SELECT entity, count(*), count(*) FILTER (WHERE outcome = 'LOADED') FROM control.disposition "
        "WHERE run_id = :run_id AND division_code = :division GROUP BY entity ORDER BY entity",
    )
    in_file = subject.rows(
        "SELECT rows FROM control.manifest WHERE run_id = :run_id AND division_code = :division "
        "AND layer = 'mapped' AND table_name = 'disposition'",
    )
    if not recorded or not in_file:
        return Finding(error="no dispositions recorded")
    total = sum(int(row[1]) for row in recorded)
    differing = {"records in the ledger": abs(total - int(in_file[0][0]))}
    mapped = {entity.name for entity in load_schema().mapped_entities()}
    for entity, _, loaded in recorded:
        if entity in mapped and subject.is_staged(entity):
            differing[entity] = abs(int(loaded) - subject.count(f"SELECT count(*) FROM {subject.staged(entity)}"))
    breaks = {name: rows for name, rows in differing.items() if rows}
    return Finding(rows=sum(breaks.values()), figures={"source_records": total, "differences": breaks})


def _measure_reconciliation(subject: Subject) -> Finding:
    """Breaks that the reconciliation recorded, and layers it should have compared and did not."""
    totals = subject.rows(
        "SELECT layer, count(*) FROM control.control_total WHERE run_id = :run_id AND division_code = :division "
        "GROUP BY layer ORDER BY layer"
    )
    if not totals:
        return Finding(error="no control totals recorded")
    counts = {row[0]: int(row[1]) for row in totals}
    missing = sorted(COMPARED_LAYERS - set(counts))
    breaks = counts.pop(BREAK_LAYER, 0)
    figures = {"totals": counts, "breaks": breaks, "layers_missing": missing}
    return Finding(rows=breaks + len(missing), figures=figures)


def _measure_constraints(subject: Subject) -> Finding:
    staged = subject.rows(
        "SELECT table_name, broken_constraints FROM control.staged_table "
        "WHERE run_id = :run_id AND division_code = :division ORDER BY table_name",
    )
    expected = {entity.name for entity in load_schema().partitioned_entities()}
    missing = sorted(expected - {row[0] for row in staged})
    if missing:
        return Finding(error=f"not staged: {', '.join(missing[:LISTED])}")
    broken = {row[0]: row[1] for row in staged if row[1]}
    return Finding(rows=len(broken), figures={"tables": len(staged), "broken": broken})


_RESULTS_WITH_WAIVERS = """
    SELECT q.rule_id, q.status, coalesce(q.failing_rows, 0), least(coalesce(w.cap_rows, 0), coalesce(q.failing_rows, 0))
    FROM control.dq_result q
    JOIN control.dq_rule r USING (rule_id, rule_version)
    LEFT JOIN LATERAL (
        SELECT cap_rows FROM control.waiver w
        WHERE w.division_code = q.division_code AND w.rule_id = q.rule_id AND w.expires_on >= current_date
        ORDER BY w.granted_at_utc DESC, w.waiver_id DESC LIMIT 1
    ) w ON true
    WHERE q.run_id = :run_id AND q.division_code = :division AND r.severity = :severity ORDER BY q.rule_id
"""
"""Results of a severity with the rows that the newest waiver in force covers today."""


def _measure_failing_rules(subject: Subject) -> Finding:
    severity = str(subject.spec.options.get("severity", "critical"))
    results = subject.rows(_RESULTS_WITH_WAIVERS, severity=severity)
    if not results:
        return Finding(error=f"no {severity} rule has a result")
    failing = [row for row in results if row[1] == "FAIL"]
    rows = sum(max(int(row[2]), 1) for row in failing)
    waived = sum(int(row[3]) for row in failing if int(row[3]) >= int(row[2]) > 0)
    figures = {"rules": len(results), "failing_rules": len(failing), "named": [row[0] for row in failing[:LISTED]]}
    return Finding(rows=rows, figures=figures, waived_rows=waived)


def _measure_rule_errors(subject: Subject) -> Finding:
    results = subject.rows(
        "SELECT rule_id, status FROM control.dq_result "
        "WHERE run_id = :run_id AND division_code = :division ORDER BY rule_id",
    )
    if not results:
        return Finding(error="no rule has a result")
    errors = [row[0] for row in results if row[1] == "ERROR"]
    return Finding(rows=len(errors), figures={"rules": len(results), "errors": errors[:LISTED]})


def _measure_untested(subject: Subject) -> Finding:
    """Share of rules without a row to test, among the rules of tables that hold rows; the worst table counts."""
    results = subject.rows(
        "SELECT r.entity, count(*), count(*) FILTER (WHERE q.status IN ('NOT_APPLICABLE', 'ERROR')) "
        "FROM control.dq_result q JOIN control.dq_rule r USING (rule_id, rule_version) "
        "JOIN control.staged_table s ON s.table_name = r.entity AND s.division_code = q.division_code AND s.rows > 0 "
        "WHERE q.run_id = :run_id AND q.division_code = :division GROUP BY r.entity ORDER BY r.entity",
    )
    if not results:
        return Finding(error="no rule of a table with rows has a result")
    shares = {row[0]: round(100.0 * int(row[2]) / int(row[1]), 2) for row in results}
    return Finding(percent=max(shares.values()), figures={"untested_percent": shares})


def _measure_quarantine(subject: Subject) -> Finding:
    """Share of source records quarantined in the worst source system and entity, and rows of all.

    Entities of a system with few records count together: two of twenty is no rate.
    """
    ledger = subject.rows(
        "SELECT source_system, entity, count(*), count(*) FILTER (WHERE outcome = 'QUARANTINED') "
        "FROM control.disposition WHERE run_id = :run_id AND division_code = :division GROUP BY 1, 2 ORDER BY 1, 2"
    )
    if not ledger:
        return Finding(error="no dispositions recorded")
    quarantined = {f"{row[0]}/{row[1]}": int(row[3]) for row in ledger if row[3]}
    shares = _quarantine_shares([(str(r[0]), str(r[1]), int(r[2]), int(r[3])) for r in ledger])
    worst = max(shares, key=lambda name: shares[name])
    figures = {"source_records": sum(int(row[2]) for row in ledger), "quarantined": quarantined, "worst": worst}
    return Finding(percent=shares[worst], rows=sum(quarantined.values()), figures=figures)


def _quarantine_shares(ledger: Sequence[tuple[str, str, int, int]]) -> dict[str, float]:
    """Percent quarantined per system and entity, small entities of a system taken together."""
    records: dict[str, int] = {}
    bad: dict[str, int] = {}
    for system, entity, total, quarantined in ledger:
        name = f"{system}/{entity if total >= FEW_RECORDS else 'entities with few records'}"
        records[name] = records.get(name, 0) + total
        bad[name] = bad.get(name, 0) + quarantined
    return {name: 100.0 * bad[name] / records[name] for name in records}


def _measure_rejects(subject: Subject) -> Finding:
    ledger = subject.rows(
        "SELECT coalesce(rule_id, '-'), count(*) FILTER (WHERE outcome = 'QUARANTINED') AS n FROM control.disposition "
        "WHERE run_id = :run_id AND division_code = :division GROUP BY 1 ORDER BY n DESC, 1",
    )
    if not ledger:
        return Finding(error="no dispositions recorded")
    named = {row[0]: int(row[1]) for row in ledger[:LISTED] if row[1]}
    return Finding(rows=int(ledger[0][1]), figures={"by_rule": named})


def _measure_geocode(subject: Subject) -> Finding:
    """Share of locations whose match level is one that counts as missed; a location without a match row is missed."""
    if not subject.is_staged("location_match"):
        return Finding(error="no staged location matches")
    missed = [str(level) for level in subject.spec.options.get("levels_missed", ["NONE"])]
    levels = subject.rows(
        f"SELECT coalesce(m.match_level_code, 'UNMATCHED'), count(*) FROM {subject.staged('location')} l "
        f"LEFT JOIN {subject.staged('location_match')} m USING (division_code, location_id) GROUP BY 1 ORDER BY 1",
    )
    counts = {row[0]: int(row[1]) for row in levels}
    total = sum(counts.values())
    if not total:
        return Finding(percent=0.0, rows=0, figures={"locations": 0})
    bad = sum(rows for level, rows in counts.items() if level in {*missed, "UNMATCHED"})
    return Finding(percent=100.0 * bad / total, rows=bad, figures={"locations": total, "levels": counts})


def _measure_golden(subject: Subject) -> Finding:
    """Nominals in the largest golden nominal this division's nominals belong to."""
    if not subject.is_staged("national_link"):
        return Finding(error="no staged links")
    link, nominal = subject.staged("national_link"), subject.staged("nominal")
    unlinked = subject.count(
        f"SELECT count(*) FROM {nominal} n WHERE NOT EXISTS (SELECT FROM {link} l "
        "WHERE l.division_code = n.division_code AND l.nominal_id = n.nominal_id)"
    )
    if unlinked:
        return Finding(error=f"{unlinked} nominals without a link")
    sizes = subject.rows(
        f"SELECT count(*) AS n FROM {link} GROUP BY golden_id HAVING bool_or(division_code = :division) "
        "ORDER BY n DESC LIMIT 1",
    )
    largest = int(sizes[0][0]) if sizes else 0
    return Finding(rows=largest, figures={"largest_golden_nominal": largest})


def _measure_linked_against(subject: Subject) -> Finding:
    manifest = find_manifest(subject.context, Layer.LINKED)
    linked = manifest.facts.get(PUBLISHED_FACT) if manifest else None
    if not isinstance(linked, list):
        return Finding(error="the linked layer does not say what it was linked against")
    current = name_published(
        [run for run in read_published(subject.connection) if run.division != subject.context.division]
    )
    differing = sorted(set(map(str, linked)) ^ set(current))
    return Finding(rows=len(differing), figures={"linked_against": linked, "national": current})


def _measure_proposed_codes(subject: Subject) -> Finding:
    """Records that were read by a code decision nobody has agreed; `unresolved` ones have no decision at all."""
    manifest = find_manifest(subject.context, Layer.REJECTED)
    table = next((t for t in manifest.tables if t.name == "codes"), None) if manifest else None
    if table is None:
        return Finding(error="the run does not say which codes it used")
    path = layer_folder(subject.context, Layer.REJECTED) / table.path
    uses = pq.read_table(path, columns=["crosswalk", "status", "uses"]).to_pylist()
    proposed = [row for row in uses if row["status"] == "PROPOSED"]
    figures = {
        "codes": len(uses),
        "proposed": len(proposed),
        "unresolved": sum(row["status"] == "UNRESOLVED" for row in uses),
        "crosswalks": sorted({str(row["crosswalk"]) for row in proposed})[:LISTED],
    }
    return Finding(rows=sum(int(row["uses"]) for row in proposed), figures=figures)


MEASURES: dict[str, Measure] = {
    "sample": _measure_sample,
    "ledger": _measure_ledger,
    "reconciliation": _measure_reconciliation,
    "constraints": _measure_constraints,
    "failing_rules": _measure_failing_rules,
    "rule_errors": _measure_rule_errors,
    "untested_rules": _measure_untested,
    "quarantine": _measure_quarantine,
    "rejects_by_rule": _measure_rejects,
    "geocode_levels": _measure_geocode,
    "golden_nominals": _measure_golden,
    "linked_against": _measure_linked_against,
    "proposed_codes": _measure_proposed_codes,
}
