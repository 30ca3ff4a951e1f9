"""Who may decide what, on which evidence."""

import pytest
import sqlalchemy as sa
from invented_lake import LEAD, OWNER, Lake, bring_to_gate, letters

from migration.cutover.signoff import check_sign_offs, record_sign_off
from migration.cutover.stage import compute_gate
from migration.errors import ConfigError, CutoverError
from migration.records import Phase, RunContext

FIRST = letters(1)[0]
GOOD = "Figures agree with our own counts"


@pytest.fixture
def context(lake: Lake, engine: sa.Engine) -> RunContext:
    """A cutover run at a green gate."""
    context = lake.make_run(FIRST, ["ann", "bob"])
    assert bring_to_gate(context, engine).verdict == "GREEN"
    return context


def approve(engine: sa.Engine, context: RunContext, role: str, person: str, reason: str | None = GOOD) -> None:
    record_sign_off(engine, context, role, person, "APPROVE", reason)


def test_sign_off_by_both_roles_in_order_permits_publishing(engine: sa.Engine, context: RunContext) -> None:
    assert not check_sign_offs(engine, context).is_given
    approve(engine, context, "data_owner", OWNER)
    assert check_sign_offs(engine, context).problems == ("no rollout_lead",)
    approve(engine, context, "rollout_lead", LEAD)
    permission = check_sign_offs(engine, context)
    assert permission.is_given
    assert [s.evidence_hash for s in permission.sign_offs] == [permission.evidence_hash] * 2


def test_sign_off_out_of_order_or_by_one_person_is_refused(engine: sa.Engine, context: RunContext) -> None:
    with pytest.raises(CutoverError, match="data_owner has not approved"):
        approve(engine, context, "rollout_lead", LEAD)
    approve(engine, context, "data_owner", OWNER)
    for same in (OWNER, f"  {OWNER.upper()} ", OWNER.replace(" ", "   ")):
        with pytest.raises(CutoverError, match="another role"):
            approve(engine, context, "rollout_lead", same)
    with pytest.raises(CutoverError, match="decided on this evidence already"):
        approve(engine, context, "data_owner", "Third Invented")


def test_sign_off_when_evidence_changes_is_void_until_signed_again(engine: sa.Engine, context: RunContext) -> None:
    approve(engine, context, "data_owner", OWNER)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE control.dq_result SET tested_rows = tested_rows + 1"))
    with pytest.raises(CutoverError, match="evidence changed after the gate"):
        approve(engine, context, "rollout_lead", LEAD)
    compute_gate(context, engine)
    with pytest.raises(CutoverError, match="data_owner has not approved this evidence"):
        approve(engine, context, "rollout_lead", LEAD)
    approve(engine, context, "data_owner", OWNER)
    approve(engine, context, "rollout_lead", LEAD)
    assert check_sign_offs(engine, context).is_given


def test_sign_off_when_gate_rows_were_typed_by_hand_is_refused(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    bring_to_gate(context, engine, failing={"invented.critical.crime": 2})
    from migration.load.evidence import evidence_hash

    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE control.gate SET verdict = 'GREEN'"))
        forged = evidence_hash(connection, context)
        connection.execute(sa.text("UPDATE control.gate SET evidence_hash = :h"), {"h": forged})
    with pytest.raises(CutoverError, match="not what its criteria give"):
        approve(engine, context, "data_owner", OWNER)


def test_refusal_is_recorded_on_a_red_gate_and_blocks_this_evidence(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    bring_to_gate(context, engine, failing={"invented.critical.crime": 2})
    with pytest.raises(CutoverError, match="gate is red: critical_rules"):
        approve(engine, context, "data_owner", OWNER)
    record_sign_off(engine, context, "data_owner", OWNER, "REFUSE", "Two crimes fail a critical rule")
    assert "a signer refused this evidence" in check_sign_offs(engine, context).problems
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT outcome FROM control.migration_run")) == "REFUSED"


def test_refusal_of_the_lead_after_approval_of_the_owner_blocks(engine: sa.Engine, context: RunContext) -> None:
    approve(engine, context, "data_owner", OWNER)
    record_sign_off(engine, context, "rollout_lead", LEAD, "REFUSE", "The freeze window is too short")
    assert "a signer refused this evidence" in check_sign_offs(engine, context).problems


def test_sign_off_of_a_rehearsal_is_refused(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"], phase=Phase.REHEARSAL)
    bring_to_gate(context, engine)
    with pytest.raises(CutoverError, match="rehearsal"):
        approve(engine, context, "data_owner", OWNER)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("Checked against the file of Mr Invented", "a titled name"),
        ("The man born 12/03/1961 is missing", "a date"),
        ("Call me on 01382 596000 about this", "a telephone number"),
        ("Write to owner@police.invalid first", "an e-mail address"),
        ("The house in DD1 4QB is not matched", "a postcode"),
        ("Nominal S12345678X looks wrong to me", "an identifier"),
        ("x" * 401, "401 characters"),
    ],
)
def test_sign_off_when_reason_could_name_somebody_is_refused_without_repeating_it(
    engine: sa.Engine, context: RunContext, reason: str, word: str
) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        approve(engine, context, "data_owner", OWNER, reason)
    assert reason not in str(caught.value)
    assert check_sign_offs(engine, context).sign_offs == ()


@pytest.mark.parametrize(
    ("role", "person", "decision", "reason"),
    [
        ("chief", OWNER, "APPROVE", GOOD),
        ("data_owner", " ", "APPROVE", GOOD),
        ("data_owner", OWNER, "MAYBE", GOOD),
        ("data_owner", OWNER, "REFUSE", None),
        ("data_owner", OWNER, "REFUSE", "no"),
    ],
)
def test_sign_off_when_request_is_wrong_is_a_usage_error(
    engine: sa.Engine, context: RunContext, role: str, person: str, decision: str, reason: str | None
) -> None:
    with pytest.raises(ConfigError):
        record_sign_off(engine, context, role, person, decision, reason)
