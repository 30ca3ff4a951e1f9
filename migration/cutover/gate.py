"""The gate: every criterion of `expectations/gates.yml` computed for a run, and the worst of them.

Enters: a run with results in `control`. Leaves: its criteria in `control.gate`, each with verdict, figures, what would
make it green, and the hash of all evidence. Must hold: evaluating again without a change gives the same verdicts and
the same hash; a criterion that cannot be computed is RED.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa

from migration.cutover.gates_file import load_gates
from migration.cutover.measures import Subject, measure
from migration.cutover.verdicts import Evaluated, Finding, Verdict, judge, worst
from migration.load.evidence import evidence_hash
from migration.records import RunContext
from migration.schema.sql import table_of

WAIVER_PREFIX = "gate."
"""A waiver of the rule `gate.<criterion>` covers a criterion that is amber by its own bounds."""


@dataclass(frozen=True)
class GateResult:
    """The gate of a run: its criteria, worst first, and the hash of the evidence they were computed from."""

    criteria: tuple[Evaluated, ...]
    evidence_hash: str

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        return worst(c.verdict for c in self.criteria)

    @property
    def can_publish(self) -> bool:
        """Whether the criteria permit publishing: all green, or amber under a waiver."""
        return all(c.verdict is Verdict.GREEN or (c.verdict is Verdict.AMBER and c.is_waived) for c in self.criteria)


def evaluate_criteria(connection: sa.Connection, context: RunContext) -> tuple[Evaluated, ...]:
    """Every criterion with its verdict, worst first, in the order of the file within a verdict.

    Raises:
        ConfigError: the criteria's file is wrong.
    """
    caps = _read_waiver_caps(connection, context.division, datetime.now(UTC).date())
    found = [
        judge(spec, _measure_safely(Subject(connection, context, spec)), caps.get(WAIVER_PREFIX + spec.criterion_id))
        for spec in load_gates(context.settings)
    ]
    order = list(Verdict)
    return tuple(sorted(found, key=lambda c: -order.index(c.verdict)))


def _measure_safely(subject: Subject) -> Finding:
    """A criterion's finding; a query the database refuses is a finding that could not be made."""
    try:
        with subject.connection.begin_nested():
            return measure(subject)
    except sa.exc.ProgrammingError as error:
        state = getattr(error.orig, "sqlstate", None) or "unknown"
        return Finding(error=f"the database refused the query, state {state}")


def _read_waiver_caps(connection: sa.Connection, division: str, on_day: date) -> dict[str, int]:
    """Rows covered by the waivers in force on a day, by rule: the newest waiver of a rule counts."""
    table = table_of("waiver")
    query = (
        sa.select(table.c.rule_id, table.c.cap_rows)
        .where(table.c.division_code == division, table.c.expires_on >= on_day)
        .order_by(table.c.granted_at_utc, table.c.waiver_id)
    )
    return {row.rule_id: int(row.cap_rows) for row in connection.execute(query)}


def save_gate(connection: sa.Connection, context: RunContext, criteria: Sequence[Evaluated]) -> GateResult:
    """Replace the run's rows of `control.gate` by these criteria, with the hash of the evidence as it then is."""
    table = table_of("gate")
    mine = (table.c.run_id == context.run_id, table.c.division_code == context.division)
    connection.execute(sa.delete(table).where(*mine))
    rows = [
        {
            "run_id": context.run_id,
            "division_code": context.division,
            "criterion_id": c.spec.criterion_id,
            "verdict": c.verdict.value,
            "evidence": describe(c),
            "evidence_hash": "",
            "evaluated_at_utc": datetime.now(UTC),
        }
        for c in criteria
    ]
    connection.execute(sa.insert(table), rows)
    current = evidence_hash(connection, context)
    connection.execute(sa.update(table).where(*mine).values(evidence_hash=current))
    return GateResult(tuple(criteria), current)


def describe(criterion: Evaluated) -> dict[str, object]:
    """A criterion as its `evidence` column holds it: texts, bounds and figures."""
    spec, finding = criterion.spec, criterion.finding
    return {
        "title": spec.title,
        "why": spec.why,
        "source": spec.source,
        "green": spec.green.__dict__,
        "amber": spec.amber.__dict__ if spec.amber else None,
        "percent": None if finding.percent is None else round(finding.percent, 4),
        "rows": finding.rows,
        "waived_rows": finding.waived_rows,
        "figures": dict(finding.figures),
        "error": finding.error,
        "is_waived": criterion.is_waived,
        "to_green": criterion.to_green,
    }
