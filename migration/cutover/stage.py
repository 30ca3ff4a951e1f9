"""The stage `gate`: the computed verdict on a run.

Enters: a run whose staging, validation and reconciliation are done. Leaves: `control.gate` and the run's outcome. It
never skips itself: the verdict is of the evidence as it is now.
"""

import time

import sqlalchemy as sa

from migration.cutover.gate import GateResult, evaluate_criteria, save_gate
from migration.cutover.verdicts import Verdict
from migration.load.failures import guard
from migration.load.run_record import set_outcome
from migration.quality.report import write_report
from migration.records import RunContext, Stage, StageResult, StageStatus

GATE_LOCK = 0x67617465


def evaluate_gate(context: RunContext, engine: sa.Engine) -> StageResult:
    """Compute the gate of a run and record it; a red gate is a result, not an error.

    Raises:
        ConfigError: the criteria's file is wrong.
        SourceError: the database went away.
    """
    return run_gate(context, engine)[0]


def run_gate(context: RunContext, engine: sa.Engine) -> tuple[StageResult, GateResult]:
    """As `evaluate_gate`, with the criteria; also writes the run report, which shows them."""
    started = time.monotonic()
    result = compute_gate(context, engine)
    report = write_report(context, engine)
    counts = {v.value.lower(): sum(1 for c in result.criteria if c.verdict is v) for v in Verdict}
    return StageResult(Stage.GATE, StageStatus.DONE, time.monotonic() - started, (), counts, (report,)), result


def compute_gate(context: RunContext, engine: sa.Engine) -> GateResult:
    """The criteria of a run's gate, computed and recorded in one transaction."""
    with guard(engine, f"gate of division {context.division}"), engine.begin() as connection:
        statement = sa.text("SELECT pg_advisory_xact_lock(:space, :division)")
        connection.execute(statement, {"space": GATE_LOCK, "division": ord(context.division)})
        result = save_gate(connection, context, evaluate_criteria(connection, context))
        set_outcome(connection, context.division, context.run_id, f"GATE_{result.verdict.value}")
    return result
