"""The tasks of a division's DAG: each one call into `migration`, its errors put so that a log may hold them."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Asset, TriggerRule, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from migration import orchestration
from migration.errors import MigrationError, SourceError
from migration.orchestration import RunKey
from migration.records import Stage

OUTPUTS = {
    Stage.EXTRACT: "raw",
    Stage.MAP: "mapped",
    Stage.GEOCODE: "located",
    Stage.DEDUPE: "linked",
    Stage.STAGE: "staging",
    Stage.VALIDATE: "quality_results",
    Stage.RECONCILE: "control_totals",
    Stage.GATE: "run_report",
}
"""What each stage leaves, as the name of its asset."""
NATIONAL = "national"

P = ParamSpec("P")
R = TypeVar("R")


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """The function with its errors fit for a log: no values of records, and no retry where a retry cannot help.

    A legacy system out of reach may answer later, and so may whatever an unexpected error met: both are tried again.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        failure: Exception
        try:
            return function(*args, **kwargs)
        except SourceError as error:
            failure = AirflowException(str(error))
        except MigrationError as error:
            failure = AirflowFailException(str(error))
        except Exception as error:
            failure = AirflowException(orchestration.describe_bug(error))
        raise failure

    return call


def output_asset(division: str, output: str) -> Asset:
    """The asset that stands for one output of a division: a layer of the lake, the staging tables, the report."""
    return Asset(name=f"division_{division.lower()}/{output}", uri=f"migration://{division}/{output}", group="division")


def find_key(division: str, dag_run: Any) -> RunKey:
    """Key of the run that a DAG run stands for: computed, so that nothing handed between tasks can point elsewhere."""
    return {"division": division, "run_id": orchestration.name_run(dag_run.run_id, dag_run.run_after)}


@task
@guarded
def begin(division: str, dag_run: Any = None, params: Any = None) -> RunKey:
    """Start the run that the trigger form asked for."""
    return orchestration.begin_run(find_key(division, dag_run), params, dag_run.triggering_user_name or "airflow")


@task
@guarded
def extract_table(division: str, system: str, table: str, dag_run: Any = None) -> dict[str, object]:
    """Extract one legacy table."""
    return orchestration.extract_source_table(find_key(division, dag_run), system, table)


@task
@guarded
def finish_extract(division: str, dag_run: Any = None, outlet_events: Any = None) -> dict[str, object]:
    """Close the raw layer over every extracted table."""
    run = find_key(division, dag_run)
    outlet_events[output_asset(division, OUTPUTS[Stage.EXTRACT])].extra = run
    return orchestration.finish_extraction(run)


@task
@guarded
def perform(division: str, stage: str, dag_run: Any = None, outlet_events: Any = None) -> dict[str, object]:
    """Run one stage."""
    run = find_key(division, dag_run)
    outlet_events[output_asset(division, OUTPUTS[Stage(stage)])].extra = run
    return orchestration.perform_stage(run, stage)


@task
@guarded
def check_gate(division: str, dag_run: Any = None) -> dict[str, object]:
    """Fail on a red verdict: red cannot look green."""
    return orchestration.require_passing_gate(find_key(division, dag_run))


@task.short_circuit
@guarded
def is_cutover(division: str, dag_run: Any = None) -> bool:
    """Go on to the signatures in a cutover only."""
    return orchestration.is_cutover(find_key(division, dag_run))


@task
@guarded
def publish(division: str, dag_run: Any = None, outlet_events: Any = None) -> dict[str, object]:
    """Publish what both roles have approved; the sign-off table decides."""
    run = find_key(division, dag_run)
    outlet_events[output_asset(division, NATIONAL)].extra = run
    return orchestration.publish(run)


@task(trigger_rule=TriggerRule.ONE_FAILED)
@guarded
def note_failure(division: str, dag_run: Any = None) -> None:
    """Put a failure on record, and fail, so that the DAG run does."""
    orchestration.note_failure(find_key(division, dag_run))


@task
@guarded
def check_pack(division: str) -> str:
    """Fail with every problem of a pack that cannot be used."""
    return orchestration.check_pack(division)
