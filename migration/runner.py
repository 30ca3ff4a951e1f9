"""A run's stages in order, the same for the command line and for Airflow.

Enters: a `RunContext`. Leaves: each stage's `StageResult`, kept in the run's `timings.json`. Holds no logic of its own:
it opens the national database for the stages that need it and hands dedupe the published runs and the judgements.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from migration.errors import MigrationError
from migration.records import RunContext, Stage, StageResult
from migration.runs import find_base_run, read_timings, record_timing

if TYPE_CHECKING:
    from sqlalchemy import Engine

StageFunction = Callable[[RunContext], StageResult]


def run_stage(context: RunContext, stage: Stage) -> StageResult:
    """Run one stage, or skip it where nothing it depends on changed, and keep its timing.

    Raises:
        MigrationError: as the stage says; the layers of earlier stages stay as they were.
    """
    result = _STAGES[stage](context)
    record_timing(context, result)
    return result


def run_stages(context: RunContext, until: Stage = Stage.GATE) -> Iterator[StageResult]:
    """Run the stages in order up to `until`, yielding each result as it comes."""
    for stage in Stage:
        yield run_stage(context, stage)
        if stage is until:
            return


@contextmanager
def failure_on_record(context: RunContext) -> Iterator[None]:
    """While stages are run by hand: an error or an interruption puts the run on record as failed, and goes on.

    Before its rows are staged the database does not know a run, and nothing is written.
    """
    try:
        yield
    except BaseException:
        with suppress(MigrationError):  # the error that ended the run is the one to see
            _fail_run(context)
        raise


def _fail_run(context: RunContext) -> None:
    from migration.load.run_record import fail_run

    if Stage.STAGE.value not in read_timings(context):
        return
    with national_engine(context) as engine, engine.begin() as connection:
        fail_run(connection, context)


@contextmanager
def national_engine(context: RunContext) -> Iterator["Engine"]:
    """The national database, at the newest schema."""
    from migration.load.engine import open_engine, upgrade_schema

    engine = open_engine(context.settings)
    try:
        upgrade_schema(engine)
        yield engine
    finally:
        engine.dispose()


def _extract(context: RunContext) -> StageResult:
    from migration.extract.stage import extract_division

    return extract_division(context, base=find_base_run(context))


def _map(context: RunContext) -> StageResult:
    from migration.mapping.stage import map_division

    return map_division(context)


def _geocode(context: RunContext) -> StageResult:
    from migration.geocode.stage import geocode_division

    return geocode_division(context)


def _dedupe(context: RunContext) -> StageResult:
    from migration.dedupe.stage import link_nominals
    from migration.load.judgements import read_judgements
    from migration.load.publications import published_runs

    with national_engine(context) as engine:
        published = [run for run in published_runs(engine) if run.division != context.division]
        judgements = read_judgements(engine)
    return link_nominals(context, published, judgements)


def _stage(context: RunContext) -> StageResult:
    from migration.load.crosswalk_reference import load_crosswalk
    from migration.load.gazetteer_reference import load_gazetteer_reference
    from migration.load.stage import load_staging

    with national_engine(context) as engine:
        load_gazetteer_reference(context.settings, engine, context.settings.gazetteer_release)
        load_crosswalk(context, engine)
        return load_staging(context, engine)


def _validate(context: RunContext) -> StageResult:
    from migration.quality.stage import validate_division

    with national_engine(context) as engine:
        return validate_division(context, engine)


def _reconcile(context: RunContext) -> StageResult:
    from migration.quality.stage import reconcile_division

    with national_engine(context) as engine:
        return reconcile_division(context, engine)


def _gate(context: RunContext) -> StageResult:
    from migration.cutover.stage import evaluate_gate

    with national_engine(context) as engine:
        return evaluate_gate(context, engine)


_STAGES: dict[Stage, StageFunction] = {
    Stage.EXTRACT: _extract,
    Stage.MAP: _map,
    Stage.GEOCODE: _geocode,
    Stage.DEDUPE: _dedupe,
    Stage.STAGE: _stage,
    Stage.VALIDATE: _validate,
    Stage.RECONCILE: _reconcile,
    Stage.GATE: _gate,
}
