"""What changed since the division's last run, and how its quality moved across runs.

Enters: `control.dq_result` of this and earlier runs. Leaves: `Change`s per rule and a `RunPoint` per run.
Must hold: only runs that began before this one count; a rule that is new or gone is said to be so.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from migration.records import RunContext
from migration.schema.sql import table_of

TREND_RUNS = 12


@dataclass(frozen=True)
class Change:
    """A rule whose status or failing rows differ from the last run's. Empty status: the rule was not there."""

    rule_id: str
    before: str
    after: str
    failing_before: int
    failing_after: int

    @property
    def kind(self) -> str:
        """`worse`, `better`, `new rule` or `rule gone`."""
        if not self.before:
            return "new rule"
        if not self.after:
            return "rule gone"
        order = {"PASS": 0, "NOT_APPLICABLE": 1, "ERROR": 2, "FAIL": 3}
        before, after = (order[self.before], self.failing_before), (order[self.after], self.failing_after)
        return "worse" if after > before else "better"


@dataclass(frozen=True)
class RunPoint:
    """Rules by status and failing rows of one run."""

    run_id: str
    passed: int
    failed: int
    errors: int
    not_applicable: int
    failing_rows: int


def find_previous_run(connection: sa.Connection, context: RunContext) -> str:
    """The division's last run with results before this one; empty where there is none."""
    result = table_of("dq_result")
    query = sa.select(sa.func.max(result.c.run_id)).where(
        result.c.division_code == context.division, result.c.run_id < context.run_id
    )
    return connection.execute(query).scalar_one_or_none() or ""


def read_changes(connection: sa.Connection, context: RunContext) -> tuple[tuple[Change, ...], str]:
    """Rules that changed since the last run, worst first, and that run's id."""
    previous = find_previous_run(connection, context)
    if not previous:
        return (), ""
    before = _read_results(connection, context.division, previous)
    after = _read_results(connection, context.division, context.run_id)
    changes = []
    for rule_id in sorted({*before, *after}):
        old, new = before.get(rule_id, ("", 0)), after.get(rule_id, ("", 0))
        if old != new:
            changes.append(Change(rule_id, old[0], new[0], old[1], new[1]))
    order = ("worse", "new rule", "rule gone", "better")
    return tuple(sorted(changes, key=lambda c: (order.index(c.kind), c.rule_id))), previous


def _read_results(connection: sa.Connection, division: str, run_id: str) -> dict[str, tuple[str, int]]:
    result = table_of("dq_result")
    query = sa.select(result.c.rule_id, result.c.status, result.c.failing_rows).where(
        result.c.division_code == division, result.c.run_id == run_id
    )
    return {r.rule_id: (r.status, r.failing_rows or 0) for r in connection.execute(query)}


def read_trend(connection: sa.Connection, context: RunContext) -> tuple[RunPoint, ...]:
    """The last runs of the division up to this one, oldest first."""
    values = {"division": context.division, "run_id": context.run_id, "runs": TREND_RUNS}
    rows = connection.execute(sa.text(_TREND), values).all()
    return tuple(RunPoint(*row) for row in reversed(rows))


_TREND = """
SELECT run_id, count(*) FILTER (WHERE status = 'PASS'), count(*) FILTER (WHERE status = 'FAIL'),
    count(*) FILTER (WHERE status = 'ERROR'), count(*) FILTER (WHERE status = 'NOT_APPLICABLE'),
    coalesce(sum(failing_rows) FILTER (WHERE status = 'FAIL'), 0)::bigint
FROM control.dq_result WHERE division_code = :division AND run_id <= :run_id
GROUP BY run_id ORDER BY run_id DESC LIMIT :runs
"""
