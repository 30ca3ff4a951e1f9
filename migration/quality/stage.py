"""The stages `validate` and `reconcile`.

Enters: staging tables of a run, its lake, the rules. Leaves: `control.dq_rule`, `dq_result`, `dq_issue`,
`control_total`, `disposition`, Data Docs. Must hold: both look at the database as it is, every time they are called;
unlike other stages they never skip themselves (decision 0071). Refuses: going on after a reconciliation break.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migration.quality.breaks import raise_breaks
from migration.quality.catalogue import load_catalogue, read_run_time
from migration.quality.control_totals import ledger_counts, save_ledger, save_reconciliation
from migration.quality.proofs import read_proofs, spare_proved
from migration.quality.reconcile import reconcile_run
from migration.quality.results import first_failing_keys, save_results
from migration.quality.rules import Outcome, RuleStatus, judge_error
from migration.quality.suite import RuleSql, open_quiet_context, open_source, preflight, run_entity
from migration.records import RunContext, Stage, StageResult, StageStatus

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

DATA_DOCS = "data_docs"


def validate_division(context: RunContext, engine: sa.Engine) -> StageResult:
    """Run every rule on the division's staging tables and record results, issues and Data Docs.

    Failing rules do not raise: the gate judges them.

    Raises:
        ConfigError: an expectation file is wrong.
    """
    started = time.monotonic()
    catalogue = load_catalogue(context.settings, context.division, context.run_id)
    broken = preflight(engine, context.division, catalogue.sql)
    outcomes = [judge_error(r, broken[r.rule_id]) for r in catalogue.rules if r.rule_id in broken]
    gx_context = open_quiet_context()
    results = {}
    with open_source(gx_context, engine) as source:
        sparing = spare_proved(catalogue.sql, read_proofs(engine, context.division))
        for entity, items in _group_by_entity(sparing, broken).items():
            found, suite_results = run_entity(source, entity, context.division, items)
            outcomes.extend(found)
            results[entity] = suite_results
    outcomes.sort(key=lambda o: o.rule.rule_id)
    states = save_results(context, engine, catalogue, outcomes)
    index = _publish(context, engine, outcomes, gx_context, results)
    return StageResult(
        stage=Stage.VALIDATE,
        status=StageStatus.DONE,
        seconds=time.monotonic() - started,
        counts={**count_statuses(outcomes), **{f"issues_{k.lower()}": v for k, v in states.items()}},
        outputs=(index,),
    )


def count_statuses(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Rules by status, all four statuses always there."""
    return {s.value.lower(): sum(1 for o in outcomes if o.status is s) for s in RuleStatus}


def _group_by_entity(rules: Iterable[RuleSql], broken: Mapping[str, str]) -> dict[str, list[RuleSql]]:
    grouped: dict[str, list[RuleSql]] = {}
    for item in rules:
        if item.rule.rule_id not in broken:
            grouped.setdefault(item.rule.entity, []).append(item)
    return dict(sorted(grouped.items()))


def _publish(
    context: RunContext,
    engine: sa.Engine,
    outcomes: Sequence[Outcome],
    gx_context: "AbstractDataContext",
    results: "Mapping[str, Sequence[ExpectationSuiteValidationResult]]",
) -> Path:
    from migration.quality.data_docs import SHOWN_KEYS, publish_data_docs

    keys = first_failing_keys(engine, context.division, outcomes, SHOWN_KEYS)
    return publish_data_docs(
        gx_context,
        context.report_folder / DATA_DOCS,
        results,
        {o.rule.rule_id: o for o in outcomes},
        keys,
        context.settings.security_marking,
        read_run_time(context.run_id),
    )


def reconcile_division(context: RunContext, engine: sa.Engine) -> StageResult:
    """Compare every layer of the run with the next, in full, and record the ledger and control totals.

    Raises:
        ReconciliationError: a record is lost, doubled or changed; names layer, table, column, counts and up to ten
        keys. SourceError: a layer is missing or damaged.
    """
    started = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        ledger = pool.submit(save_ledger, context, engine)
        found = reconcile_run(context, engine)
        ledger.result()
    save_reconciliation(context, engine, found)
    raise_breaks(context.division, context.run_id, found.breaks)
    return StageResult(
        stage=Stage.RECONCILE,
        status=StageStatus.DONE,
        seconds=time.monotonic() - started,
        counts=ledger_counts(found),
    )
