"""The gate on a real PostgreSQL: every criterion turns red for its own reason."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from invented_lake import Lake, bring_to_gate, letters, publish, record_quality

from migration.cutover.gate import GateResult, evaluate_criteria
from migration.cutover.gates_file import load_gates
from migration.cutover.stage import compute_gate, evaluate_gate
from migration.load.stage import load_staging
from migration.records import Phase, RunContext
from migration.schema.sql import table_of

FIRST, SECOND = letters(2)
DAMAGES = (
    ("DELETE FROM control.disposition WHERE entity = 'crime'", "ledger_closes"),
    ("DELETE FROM staging.crime_{d} WHERE crime_seq = 1", "ledger_closes"),
    ("DELETE FROM control.disposition", "ledger_closes"),
    ("DELETE FROM control.control_total", "reconciliation_ran"),
    ("UPDATE control.control_total SET layer = 'break' WHERE layer = 'staging'", "reconciliation_ran"),
    ("UPDATE control.staged_table SET broken_constraints = 'key' WHERE table_name = 'crime'", "constraints_hold"),
    ("DELETE FROM control.staged_table WHERE table_name = 'crime'", "constraints_hold"),
    ("UPDATE control.dq_result SET status = 'ERROR' WHERE rule_id = 'invented.warning.crime'", "rules_run"),
    ("DELETE FROM control.dq_result", "rules_run"),
    ("DELETE FROM control.dq_result", "critical_rules"),
    ("UPDATE control.dq_result SET status = 'FAIL', failing_rows = 1", "critical_rules"),
    ("UPDATE control.dq_result SET status = 'FAIL', failing_rows = NULL", "critical_rules"),
    ("UPDATE control.dq_result SET status = 'NOT_APPLICABLE'", "rules_tested"),
    ("UPDATE control.disposition SET outcome = 'QUARANTINED'", "quarantine"),
    ("DELETE FROM staging.location_match_{d}", "locations_matched"),
    ("DROP TABLE staging.location_match_{d}", "locations_matched"),
    ("ALTER TABLE staging.location_match_{d} DROP COLUMN match_level_code", "locations_matched"),
    ("DELETE FROM staging.national_link_{d}", "nominals_linked"),
    ("DROP TABLE staging.national_link_{d}", "nominals_linked"),
)
"""Damage to the evidence of a good run, and the criterion that must turn red."""


@pytest.fixture
def context(lake: Lake, engine: sa.Engine) -> RunContext:
    """A run at a green gate."""
    context = lake.make_run(FIRST, ["ann", "bob"])
    assert bring_to_gate(context, engine).verdict == "GREEN"
    return context


def execute(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement))


def verdicts(result: GateResult) -> dict[str, str]:
    return {c.spec.criterion_id: c.verdict.value for c in result.criteria}


def waive(engine: sa.Engine, rule_id: str, cap: int, days: int = 30) -> None:
    now = datetime.now(UTC)
    values = {
        "waiver_id": f"{rule_id} {cap}"[:32],
        "division_code": FIRST,
        "rule_id": rule_id,
        "reason": "Known and agreed",
        "granted_by": "Owner",
        "granted_at_utc": now - timedelta(days=60),
        "expires_on": (now + timedelta(days=days)).date(),
        "cap_rows": cap,
    }
    with engine.begin() as connection:
        connection.execute(sa.insert(table_of("waiver")).values(**values))


def test_gate_of_a_good_run_is_green_and_the_same_when_evaluated_again(context: RunContext, engine: sa.Engine) -> None:
    first, second = compute_gate(context, engine), compute_gate(context, engine)
    assert first.can_publish and first.evidence_hash == second.evidence_hash
    assert verdicts(first) == {spec.criterion_id: "GREEN" for spec in load_gates(context.settings)}


def test_gate_when_records_used_a_proposed_code_is_red_and_says_how_many(lake, context, engine) -> None:
    lake.write_codes(context, {"A": 2, "B": 3})
    found = next(c for c in compute_gate(context, engine).criteria if c.spec.criterion_id == "codes_agreed")
    assert (found.verdict, found.finding.rows, found.finding.figures["proposed"]) == ("RED", 5, 2)


def test_gate_when_evidence_is_damaged_turns_the_criterion_red(context: RunContext, engine: sa.Engine) -> None:
    for damage, criterion in DAMAGES:
        with engine.connect() as connection, connection.begin() as transaction:
            connection.execute(sa.text(damage.format(d=FIRST.lower())))
            found = {c.spec.criterion_id: c for c in evaluate_criteria(connection, context)}
            transaction.rollback()
        assert found[criterion].verdict == "RED", damage
        assert found[criterion].to_green and not found[criterion].is_waived, damage
    assert compute_gate(context, engine).verdict == "GREEN"


def test_gate_when_national_set_changed_is_red(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    publish(lake.make_run(SECOND, ["bob"]), engine)
    assert verdicts(bring_to_gate(context, engine))["linked_against_national_set"] == "RED"


def test_gate_of_a_sample_is_never_green(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"], phase=Phase.REHEARSAL, sample_percent=10)
    result = bring_to_gate(context, engine)
    assert verdicts(result)["all_records_taken"] == "AMBER" and not result.can_publish


def test_gate_when_a_critical_rule_fails_is_red_until_waived_whole(context: RunContext, engine: sa.Engine) -> None:
    rule = "invented.critical.crime"
    record_quality(context, engine, failing={rule: 2})
    assert verdicts(compute_gate(context, engine))["critical_rules"] == "RED"
    waive(engine, rule, cap=1)
    assert verdicts(compute_gate(context, engine))["critical_rules"] == "RED"
    waive(engine, rule, cap=2)
    result = compute_gate(context, engine)
    assert verdicts(result)["critical_rules"] == "AMBER" and result.can_publish


def test_gate_when_a_warning_fails_is_amber_and_needs_a_waiver_to_publish(
    context: RunContext, engine: sa.Engine
) -> None:
    record_quality(context, engine, failing={"invented.warning.crime": 2})
    result = compute_gate(context, engine)
    assert (result.verdict, result.can_publish) == ("AMBER", False)
    waive(engine, "gate.warning_rules", cap=1)
    assert not compute_gate(context, engine).can_publish
    waive(engine, "gate.warning_rules", cap=2)
    assert compute_gate(context, engine).can_publish


def test_gate_when_waiver_expired_does_not_count_it(context: RunContext, engine: sa.Engine) -> None:
    record_quality(context, engine, failing={"invented.warning.crime": 2})
    waive(engine, "gate.warning_rules", cap=2, days=-1)
    assert not compute_gate(context, engine).can_publish


def test_gate_of_a_run_that_was_only_staged_is_red(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    load_staging(context, engine)
    assert compute_gate(context, engine).verdict == "RED"


def test_evaluate_gate_records_verdicts_outcome_and_report(context: RunContext, engine: sa.Engine) -> None:
    result = evaluate_gate(context, engine)
    assert result.counts == {"green": len(load_gates(context.settings)), "amber": 0, "red": 0}
    assert [path.name for path in result.outputs] == ["report.html"] and result.outputs[0].exists()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT outcome FROM control.migration_run")) == "GATE_GREEN"
        assert connection.scalar(sa.text("SELECT count(DISTINCT evidence_hash) FROM control.gate")) == 1
