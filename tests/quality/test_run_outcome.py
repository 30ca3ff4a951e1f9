"""A run started by hand whose stage fails is on record as failed; one that has not been staged is not looked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from migration import runner
from migration.errors import ReconciliationError
from migration.records import Stage, StageResult, StageStatus
from migration.runner import failure_on_record, run_stage
from migration.runs import record_timing

OUTCOME = "SELECT outcome FROM control.migration_run"


@pytest.fixture
def run(make_run: Callable[..., Any], engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    @contextmanager
    def national_engine(_: object) -> Iterator[sa.Engine]:
        yield engine

    monkeypatch.setattr(runner, "national_engine", national_engine)
    made = make_run().write().stage(engine)
    made.context.folder.mkdir(parents=True, exist_ok=True)
    return made


def test_break_that_ends_a_run_by_hand_is_its_outcome(run: Any, execute: Callable[..., Any]) -> None:
    record_timing(run.context, StageResult(Stage.STAGE, StageStatus.DONE, 0.1))
    execute(f"DELETE FROM staging.\"crime_{run.context.division.lower()}\" WHERE source_key = '7#1'")
    with pytest.raises(ReconciliationError), failure_on_record(run.context):
        run_stage(run.context, Stage.RECONCILE)
    assert execute(OUTCOME) == [("FAILED",)]


def test_interruption_is_a_failure_and_a_verdict_stays(run: Any, execute: Callable[..., Any]) -> None:
    record_timing(run.context, StageResult(Stage.STAGE, StageStatus.DONE, 0.1))
    with pytest.raises(KeyboardInterrupt), failure_on_record(run.context):
        raise KeyboardInterrupt
    assert execute(OUTCOME) == [("FAILED",)]
    execute("UPDATE control.migration_run SET outcome = 'GATE_RED'")
    with pytest.raises(KeyboardInterrupt), failure_on_record(run.context):
        raise KeyboardInterrupt
    assert execute(OUTCOME) == [("GATE_RED",)]


def test_run_that_was_never_staged_leaves_the_database_alone(
    run: Any, execute: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "national_engine", None)
    with pytest.raises(ValueError, match="early"), failure_on_record(run.context):
        raise ValueError("early")
    assert execute(OUTCOME) == [("RUNNING",)]
