"""What signers are shown, and how their answers reach the sign-off table."""

import pytest
import sqlalchemy as sa

from migration import orchestration
from migration.errors import ConfigError, CutoverError
from migration.load.engine import connect
from migration.orchestration import REASON_NOT_KEPT, describe_sign_off, record_decision
from tests.load.lake import Lake, bring_to_gate, letters

OWNER, LEAD = "data_owner", "rollout_lead"
SIGNERS = {OWNER: {"7": "a.owner"}, LEAD: {"9": "b.lead"}}
NAMES = ["ann", "bob"]


@pytest.fixture
def engine(database_settings):
    url = sa.make_url(database_settings.database_url.get_secret_value())
    engine = connect(url, "database of a test")
    yield engine
    engine.dispose()


@pytest.fixture
def context(database_settings, engine, monkeypatch):
    """A cutover run at a green gate, which two people may sign."""
    settings = database_settings.model_copy(update={"signers": SIGNERS})
    context = Lake(settings).make_run(letters(1)[0], NAMES)
    assert bring_to_gate(context, engine).verdict == "GREEN"
    monkeypatch.setattr(orchestration, "get_settings", lambda: settings)
    monkeypatch.setattr(orchestration, "open_run", lambda run: context)
    return context


@pytest.fixture
def run(context):
    return {"division": context.division, "run_id": context.run_id}


@pytest.fixture
def sign_offs(engine, context):
    """Function that reads role, person, decision and reason of every sign-off."""

    def read() -> list[tuple[str, str, str, str]]:
        query = sa.text("SELECT role, person, decision, reason FROM control.sign_off ORDER BY decided_at_utc")
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    return read


def change_evidence(engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE control.dq_result SET tested_rows = tested_rows + 1"))


def test_a_signer_is_shown_verdict_counts_evidence_and_no_personal_value(run, context):
    request = describe_sign_off(run, OWNER)
    assert request.signers == {"7": "a.owner"}
    assert "the data owner decides" in request.subject
    assert "Gate: **GREEN**" in request.body
    assert request.evidence_hash in request.body
    assert "| extracted |" in request.body
    assert context.run_id in request.body
    assert not any(name in f"{request.subject}{request.body}".lower() for name in NAMES)


def test_nobody_is_asked_on_evidence_that_changed_after_the_gate(run, engine):
    change_evidence(engine)
    with pytest.raises(CutoverError, match="evidence changed after the gate"):
        describe_sign_off(run, OWNER)


def test_nobody_is_asked_where_nobody_may_sign(run, context, monkeypatch):
    settings = context.settings.model_copy(update={"signers": {}})
    monkeypatch.setattr(orchestration, "get_settings", lambda: settings)
    with pytest.raises(ConfigError, match="MIGRATION_SIGNERS"):
        describe_sign_off(run, OWNER)


def test_an_approval_is_recorded_for_the_evidence_that_was_shown(run, sign_offs):
    shown = describe_sign_off(run, OWNER).evidence_hash
    record_decision(run, OWNER, "a.owner", "Approve", "report read in full", shown)
    assert sign_offs() == [(OWNER, "a.owner", "APPROVE", "report read in full")]


def test_after_an_interruption_a_recorded_approval_is_not_asked_for_again(run):
    before = describe_sign_off(run, OWNER)
    record_decision(run, OWNER, "a.owner", "Approve", "report read in full", before.evidence_hash)
    assert not before.is_approved
    assert describe_sign_off(run, OWNER).is_approved
    assert not describe_sign_off(run, LEAD).is_approved


def test_nobody_is_asked_on_evidence_that_was_refused(run):
    shown = describe_sign_off(run, OWNER).evidence_hash
    with pytest.raises(CutoverError, match="found a refusal"):
        record_decision(run, OWNER, "a.owner", "Refuse", "the rejects are not explained", shown)
    with pytest.raises(CutoverError, match="a signer refused this evidence"):
        describe_sign_off(run, LEAD)


def test_an_answer_on_evidence_that_changed_since_is_not_recorded(run, engine, sign_offs):
    shown = describe_sign_off(run, OWNER).evidence_hash
    change_evidence(engine)
    with pytest.raises(CutoverError, match="evidence that changed after it was shown"):
        record_decision(run, OWNER, "a.owner", "Approve", "report read in full", shown)
    assert sign_offs() == []


@pytest.mark.parametrize("reason", ["", "no", "Mr Invented of AB1 2CD is missing"])
def test_a_refusal_is_recorded_even_where_its_reason_may_not_be_kept(run, sign_offs, reason):
    shown = describe_sign_off(run, OWNER).evidence_hash
    with pytest.raises(CutoverError, match="found a refusal"):
        record_decision(run, OWNER, "a.owner", "Refuse", reason, shown)
    assert sign_offs() == [(OWNER, "a.owner", "REFUSE", REASON_NOT_KEPT)]


def test_one_person_in_both_roles_is_refused(run, sign_offs):
    shown = describe_sign_off(run, OWNER).evidence_hash
    record_decision(run, OWNER, "a.owner", "Approve", "report read in full", shown)
    with pytest.raises(CutoverError, match="another role"):
        record_decision(run, LEAD, "A.Owner", "Approve", "report read in full", shown)
    assert [row[0] for row in sign_offs()] == [OWNER]
