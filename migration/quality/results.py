"""Outcomes of a run as rows of `control`, with issues and waivers brought up to date.

Enters: outcomes. Leaves: `dq_rule`, `dq_result`, `dq_issue`, shrunk waivers: one transaction.
Must hold: a run's results are replaced whole; a waiver changes what counts as waived, never a status.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from migration.quality.catalogue import Catalogue, read_run_time
from migration.quality.control import replace_run_rows
from migration.quality.issues import count_states, record_issues, waive_issues
from migration.quality.rules import Outcome, Rule, RuleStatus
from migration.quality.suite import prepare_counting
from migration.quality.waivers import Waiver, combine_waivers, read_waivers, shrink_waivers
from migration.records import RunContext
from migration.schema.model import load_schema
from migration.schema.sql import table_of


def save_results(
    context: RunContext, engine: sa.Engine, catalogue: Catalogue, outcomes: Sequence[Outcome]
) -> dict[str, int]:
    """Write what came of every rule; returns the division's issues by state."""
    sql = {item.rule.rule_id: item for item in catalogue.sql}
    run = (context.division, context.run_id)
    failing = {o.rule.rule_id: o.failing_rows for o in outcomes if o.failing_rows is not None}
    is_sample = context.sample_percent < 100
    with engine.begin() as connection:
        prepare_counting(connection)
        save_rules(connection, catalogue.rules)
        in_force = read_waivers(connection, context.division, read_run_time(context.run_id).date())
        if not is_sample:
            shrink_waivers(connection, in_force, failing)
        waivers = combine_waivers(in_force, failing)
        record_issues(connection, run, outcomes, sql, load_schema(), is_sample=is_sample)
        waive_issues(connection, context.division, waivers)
        rows = [result_row(context, outcome, waivers) for outcome in outcomes]
        replace_run_rows(connection, "dq_result", context.division, context.run_id, rows)
        return count_states(connection, context.division)


def save_rules(connection: sa.Connection, rules: Sequence[Rule]) -> None:
    """Add rules and versions that `control.dq_rule` does not know."""
    rows = [rule_row(rule) for rule in rules]
    connection.execute(insert(table_of("dq_rule")).on_conflict_do_nothing(), rows)


def rule_row(rule: Rule) -> dict[str, object]:
    """A rule as a row of `dq_rule`."""
    return {
        "rule_id": rule.rule_id,
        "rule_version": rule.version,
        "entity": rule.entity,
        "field": rule.field or None,
        "dimension": rule.dimension,
        "severity": rule.severity,
        "owner_role": rule.owner,
        "title": rule.title,
        "source": rule.source,
        "why": rule.why,
        "usual_fix": rule.usual_fix,
        "max_percent": rule.threshold.percent,
        "max_rows": rule.threshold.rows,
    }


def result_row(context: RunContext, outcome: Outcome, waivers: Sequence[Waiver]) -> dict[str, object]:
    """An outcome as a row of `dq_result`."""
    caps = {w.rule_id: w.cap_rows for w in waivers}
    is_failing = outcome.status is RuleStatus.FAIL
    waived = min(caps.get(outcome.rule.rule_id, 0), outcome.failing_rows or 0) if is_failing else 0
    return {
        "run_id": context.run_id,
        "division_code": context.division,
        "rule_id": outcome.rule.rule_id,
        "rule_version": outcome.rule.version,
        "status": outcome.status.value,
        "failing_rows": outcome.failing_rows,
        "tested_rows": outcome.tested_rows,
        "waived_rows": waived,
        "detail": outcome.detail or None,
    }


def first_failing_keys(
    engine: sa.Engine, division: str, outcomes: Sequence[Outcome], limit: int
) -> dict[str, list[str]]:
    """The first legacy keys, in key order, of the rows that break each failing rule."""
    failing = [o.rule.rule_id for o in outcomes if o.failing_rows and o.status is RuleStatus.FAIL]
    values = {"rules": failing, "division": division, "limit": limit}
    keys: dict[str, list[str]] = {rule_id: [] for rule_id in failing}
    with engine.connect() as connection:
        for rule_id, key in connection.execute(sa.text(_FIRST_KEYS), values):
            keys[rule_id].append(key)
    return keys


_FIRST_KEYS = """
SELECT rule_id, source_key FROM (
    SELECT rule_id, source_key, row_number() OVER (PARTITION BY rule_id ORDER BY source_key) AS n
    FROM control.dq_issue WHERE division_code = :division AND rule_id = ANY(:rules) AND state <> 'FIXED'
) AS numbered WHERE n <= :limit ORDER BY rule_id, source_key
"""
