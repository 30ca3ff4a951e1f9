"""Whether a run may be published: what the tables say, checked against the evidence as it is now.

Enters: an open transaction and a run. Leaves: every reason against publishing, in words; none means it may. Must hold:
the gate's verdicts and both sign-offs are of the evidence as it is at this moment (computed again, never read back);
the signers are two different people, each in a role of the list, the data owner before the rollout lead, and nobody
refused. Refuses: to guess. A gate that was not evaluated is as good as red.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from migration.errors import CutoverError
from migration.load.evidence import evidence_hash
from migration.records import Phase, RunContext
from migration.schema.sql import table_of

SIGNING_ORDER = ("data_owner", "rollout_lead")
"""Roles that must approve, in the order in which they sign."""
APPROVE, REFUSE = "APPROVE", "REFUSE"


@dataclass(frozen=True)
class SignOff:
    """One decision as the table holds it."""

    role: str
    person: str
    decision: str
    reason: str | None
    evidence_hash: str
    decided_at_utc: datetime


@dataclass(frozen=True)
class Criterion:
    """One criterion's verdict as the gate left it; `is_waived` only where waivers cover every row that breaks it."""

    criterion_id: str
    verdict: str
    is_waived: bool
    evidence_hash: str


@dataclass(frozen=True)
class Permission:
    """The evidence as it is now, and every reason why the run may not be published."""

    evidence_hash: str
    sign_offs: tuple[SignOff, ...]
    problems: tuple[str, ...]

    @property
    def is_given(self) -> bool:
        """Whether nothing stands against it."""
        return not self.problems


def check_sign_offs(engine: sa.Engine, context: RunContext) -> Permission:
    """What stands against publishing a run now: phase, sample, gate and sign-offs against the current evidence."""
    with engine.connect() as connection:
        return read_permission(connection, context)


def require_permission(connection: sa.Connection, context: RunContext) -> Permission:
    """The permission to publish a run.

    Raises:
        CutoverError: something stands against it; names everything that does.
    """
    permission = read_permission(connection, context)
    if not permission.is_given:
        where = f"publishing run {context.division}/{context.run_id}"
        found = "; ".join(permission.problems)
        expected = "a cutover of all records with a passing gate and two approvals of its evidence"
        fix = f"See `migrate show {context.division}`; repair, then run the gate and sign again."
        raise CutoverError(where, found, expected, fix)
    return permission


def read_permission(connection: sa.Connection, context: RunContext) -> Permission:
    """As `check_sign_offs`, in the caller's transaction."""
    current = evidence_hash(connection, context)
    sign_offs = read_sign_offs(connection, context)
    problems = [
        *_request_problems(context),
        *gate_problems(read_gate(connection, context), current),
        *sign_off_problems(sign_offs, current),
    ]
    return Permission(current, tuple(sign_offs), tuple(problems))


def read_sign_offs(connection: sa.Connection, context: RunContext) -> list[SignOff]:
    """All decisions on a run, in the order they were made."""
    table = table_of("sign_off")
    query = (
        sa.select(table)
        .where(table.c.run_id == context.run_id, table.c.division_code == context.division)
        .order_by(table.c.decided_at_utc, table.c.sign_off_id)
    )
    return [
        SignOff(r.role, r.person, r.decision, r.reason, r.evidence_hash, r.decided_at_utc)
        for r in connection.execute(query)
    ]


def read_gate(connection: sa.Connection, context: RunContext) -> list[Criterion]:
    """The criteria of a run's gate, ordered by id; empty where it was not evaluated."""
    table = table_of("gate")
    query = (
        sa.select(table)
        .where(table.c.run_id == context.run_id, table.c.division_code == context.division)
        .order_by(table.c.criterion_id)
    )
    return [
        Criterion(r.criterion_id, r.verdict, bool((r.evidence or {}).get("is_waived")), r.evidence_hash)
        for r in connection.execute(query)
    ]


def _request_problems(context: RunContext) -> list[str]:
    problems = []
    if context.phase is not Phase.CUTOVER:
        problems.append(f"the run is a {context.phase.value}")
    if context.sample_percent != 100:
        problems.append(f"the run is of a sample of {context.sample_percent} %")
    return problems


def gate_problems(criteria: Sequence[Criterion], current: str) -> list[str]:
    """What the gate says against publishing; `current` is the hash of the evidence as it is now."""
    if not criteria:
        return ["the gate was not evaluated"]
    problems = []
    reds = [c.criterion_id for c in criteria if c.verdict not in {"GREEN", "AMBER"}]
    unwaived = [c.criterion_id for c in criteria if c.verdict == "AMBER" and not c.is_waived]
    if reds:
        problems.append(f"the gate is red: {', '.join(reds)}")
    if unwaived:
        problems.append(f"the gate is amber without a waiver: {', '.join(unwaived)}")
    if any(c.evidence_hash != current for c in criteria):
        problems.append("the evidence changed after the gate was evaluated")
    return problems


def sign_off_problems(sign_offs: Sequence[SignOff], current: str) -> list[str]:
    """What the sign-offs lack; `current` is the hash of the evidence as it is now."""
    if any(s.decision == REFUSE and s.evidence_hash == current for s in sign_offs):
        return ["a signer refused this evidence"]
    valid: dict[str, SignOff] = {}
    for sign_off in sign_offs:
        if sign_off.decision == APPROVE and sign_off.evidence_hash == current:
            valid.setdefault(sign_off.role, sign_off)
    problems = []
    for role in SIGNING_ORDER:
        if role not in valid:
            is_void = any(s.role == role and s.decision == APPROVE for s in sign_offs)
            problems.append(f"the approval of the {role} is void: the evidence changed" if is_void else f"no {role}")
    if not problems:
        signed = [valid[role] for role in SIGNING_ORDER]
        if len({fold_person(s.person) for s in signed}) < len(signed):
            problems.append("one person signed in two roles")
        if signed != sorted(signed, key=lambda s: s.decided_at_utc):
            problems.append("the rollout lead signed before the data owner")
    return problems


def fold_person(person: str) -> str:
    """A person's name so that case and spacing do not make two people of one."""
    return " ".join(person.split()).casefold()
