"""Sign-offs: who decided what on which evidence.

Enters: a person's decision on a run in a role. Leaves: one row of `control.sign_off`, append-only, bound to the hash
of the evidence at that moment. Must hold: what a person signs is what the gate was computed from; the data owner
signs before the rollout lead; one person signs in one role. Refuses: a stale or red gate for an approval, a
rehearsal, a reason that is empty or looks like it names somebody; a refusal is always recorded.
"""

import hashlib
from datetime import UTC, datetime

import sqlalchemy as sa

from migration.cutover.gate import describe, evaluate_criteria
from migration.errors import ConfigError, CutoverError
from migration.load.evidence import evidence_hash
from migration.load.failures import guard
from migration.load.permission import (
    APPROVE,
    REFUSE,
    SIGNING_ORDER,
    Permission,
    SignOff,
    check_sign_offs,
    fold_person,
    gate_problems,
    read_gate,
    read_sign_offs,
)
from migration.load.publish import check_person
from migration.load.reasons import find_personal
from migration.load.run_record import set_outcome
from migration.records import Phase, RunContext
from migration.schema.sql import table_of

__all__ = ["Permission", "SignOff", "check_sign_offs", "record_sign_off"]

MIN_REASON, MAX_REASON = 10, 400


def record_sign_off(
    engine: sa.Engine, context: RunContext, role: str, person: str, decision: str, reason: str | None
) -> SignOff:
    """Record a decision on the run's evidence as it is now.

    Args:
        role: `data_owner` or `rollout_lead`.
        decision: `APPROVE` or `REFUSE`.
        reason: why; required for a refusal; names nobody.

    Raises:
        ConfigError: an unknown role or decision, no person, or a reason that is missing or holds a personal value.
        CutoverError: the run is a rehearsal; the gate is red, amber without waiver, or of other evidence; the person
            signed in the other role; the data owner has not approved this evidence; the role decided already.
    """
    where = f"sign-off of run {context.division}/{context.run_id} as {role}"
    check_person(person)
    _check_request(where, role, decision, reason)
    with guard(engine, where), engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE control.sign_off IN SHARE ROW EXCLUSIVE MODE"))
        current = evidence_hash(connection, context)
        earlier = read_sign_offs(connection, context)
        problems = _person_problems(earlier, role, person, current)
        if decision == APPROVE:
            problems += _approval_problems(connection, context, earlier, role, current)
        if problems:
            fix = "Repair what is named; where the evidence changed, evaluate the gate again before signing."
            raise CutoverError(where, "; ".join(problems), "a decision that the rules permit", fix)
        sign_off = SignOff(role, person.strip(), decision, reason, current, datetime.now(UTC))
        _insert(connection, context, sign_off)
        if decision == REFUSE:
            set_outcome(connection, context.division, context.run_id, "REFUSED")
    return sign_off


def _check_request(where: str, role: str, decision: str, reason: str | None) -> None:
    if role not in SIGNING_ORDER:
        raise ConfigError(where, f"the role {role!r}", f"one of {', '.join(SIGNING_ORDER)}", "Give --role.")
    if decision not in {APPROVE, REFUSE}:
        raise ConfigError(where, "another decision", f"{APPROVE} or {REFUSE}", "Give --decision.")
    text = (reason or "").strip()
    if decision == REFUSE and len(text) < MIN_REASON:
        raise ConfigError(where, "a refusal without a reason", f"at least {MIN_REASON} characters", "Give --reason.")
    if len(text) > MAX_REASON:
        raise ConfigError(where, f"a reason of {len(text)} characters", f"at most {MAX_REASON}", "Shorten it.")
    held = find_personal(text)
    if held:
        fix = "Name rules, counts and keys of the report, never a person, date of birth, address or identifier."
        raise ConfigError(where, f"a reason with {', '.join(held)}", "a reason without personal values", fix)


def _person_problems(earlier: list[SignOff], role: str, person: str, current: str) -> list[str]:
    problems = []
    if any(fold_person(s.person) == fold_person(person) and s.role != role for s in earlier):
        problems.append("the person has signed this run in another role")
    if any(s.role == role and s.evidence_hash == current for s in earlier):
        problems.append("this role has decided on this evidence already")
    return problems


def _approval_problems(
    connection: sa.Connection, context: RunContext, earlier: list[SignOff], role: str, current: str
) -> list[str]:
    problems = [] if context.phase is Phase.CUTOVER else [f"the run is a {context.phase.value}"]
    stored = read_gate(connection, context)
    problems += gate_problems(stored, current)
    if stored and not _is_as_computed(connection, context):
        problems.append("the gate's rows are not what its criteria give now")
    if any(s.decision == REFUSE and s.evidence_hash == current for s in earlier):
        problems.append("a signer refused this evidence")
    before = SIGNING_ORDER[: SIGNING_ORDER.index(role)]
    approved = {s.role for s in earlier if s.decision == APPROVE and s.evidence_hash == current}
    problems += [f"the {name} has not approved this evidence" for name in before if name not in approved]
    return problems


def _is_as_computed(connection: sa.Connection, context: RunContext) -> bool:
    """Whether the gate's rows are what its criteria give now: a verdict is computed, never typed."""
    table = table_of("gate")
    query = sa.select(table.c.criterion_id, table.c.verdict, table.c.evidence).where(
        table.c.run_id == context.run_id, table.c.division_code == context.division
    )
    stored = {r.criterion_id: (r.verdict, r.evidence) for r in connection.execute(query)}
    computed = {c.spec.criterion_id: (c.verdict.value, describe(c)) for c in evaluate_criteria(connection, context)}
    return stored == computed


def _insert(connection: sa.Connection, context: RunContext, sign_off: SignOff) -> None:
    text = "|".join((context.division, context.run_id, sign_off.role, sign_off.decided_at_utc.isoformat()))
    connection.execute(
        sa.insert(table_of("sign_off")).values(
            sign_off_id=hashlib.sha256(text.encode()).hexdigest()[:32],
            run_id=context.run_id,
            division_code=context.division,
            role=sign_off.role,
            person=sign_off.person,
            decision=sign_off.decision,
            reason=sign_off.reason,
            evidence_hash=sign_off.evidence_hash,
            decided_at_utc=sign_off.decided_at_utc,
        )
    )
