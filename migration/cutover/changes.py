"""What the gate says differently from the division's last run: criteria by verdict and figures, rules by status.

Enters: a run whose gate is recorded. Leaves: `GateChanges`, worst first; waivers in force with what they cover. Must
hold: only runs that began before this one count; a first run says that there is nothing to compare with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from migration.cutover.verdicts import Verdict
from migration.quality.trends import Change, read_changes
from migration.quality.waivers import Waiver, read_waivers
from migration.records import RunContext
from migration.schema.sql import table_of


@dataclass(frozen=True)
class CriterionChange:
    """A criterion whose verdict or rows differ from the last gate's. Empty verdict: the criterion was not there."""

    criterion_id: str
    before: str
    after: str
    rows_before: int | None
    rows_after: int | None

    @property
    def kind(self) -> str:
        """`worse`, `better`, `new` or `gone`."""
        if not self.before or not self.after:
            return "new" if not self.before else "gone"
        order = list(Verdict)
        before, after = (
            (order.index(Verdict(verdict)), rows or 0)
            for verdict, rows in ((self.before, self.rows_before), (self.after, self.rows_after))
        )
        return "worse" if after > before else "better"


@dataclass(frozen=True)
class GateChanges:
    """Changes since the run `previous` (empty: there was none), and the waivers in force."""

    previous: str
    criteria: tuple[CriterionChange, ...]
    rules: tuple[Change, ...]
    waivers: tuple[Waiver, ...]


def read_gate_changes(connection: sa.Connection, context: RunContext, today: date) -> GateChanges:
    """What changed since the division's last gate, and the waivers in force on a day."""
    gate = table_of("gate")
    query = sa.select(sa.func.max(gate.c.run_id)).where(
        gate.c.division_code == context.division, gate.c.run_id < context.run_id
    )
    previous = connection.execute(query).scalar_one_or_none() or ""
    rules, _ = read_changes(connection, context)
    before = _read_criteria(connection, context.division, previous)
    after = _read_criteria(connection, context.division, context.run_id)
    return GateChanges(
        previous=previous,
        criteria=compare_criteria(before, after) if previous else (),
        rules=rules,
        waivers=read_waivers(connection, context.division, today),
    )


def compare_criteria(
    before: Mapping[str, tuple[str, int | None]], after: Mapping[str, tuple[str, int | None]]
) -> tuple[CriterionChange, ...]:
    """Criteria (verdict and rows by id) that differ, worse ones first."""
    changes = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, ("", None)), after.get(name, ("", None))
        if old != new:
            changes.append(CriterionChange(name, old[0], new[0], old[1], new[1]))
    order = ("worse", "new", "gone", "better")
    return tuple(sorted(changes, key=lambda c: (order.index(c.kind), c.criterion_id)))


def _read_criteria(connection: sa.Connection, division: str, run_id: str) -> dict[str, tuple[str, int | None]]:
    gate = table_of("gate")
    query = sa.select(gate.c.criterion_id, gate.c.verdict, gate.c.evidence).where(
        gate.c.division_code == division, gate.c.run_id == run_id
    )
    return {name: (verdict, _rows_of(evidence)) for name, verdict, evidence in connection.execute(query)}


def _rows_of(evidence: Any) -> int | None:
    rows = evidence.get("rows") if isinstance(evidence, Mapping) else None
    return None if rows is None else int(rows)
