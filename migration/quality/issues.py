"""Failing records as issues that keep their identity across runs.

Enters: outcomes of a run and the SQL of failing rows. Leaves: `control.dq_issue`, one row per division, rule and
legacy record: OPEN when first seen, FIXED when the record passes, REOPENED when it breaks again, WAIVED while a
waiver covers it. Must hold: the key of an issue depends on division, rule and legacy record only; validating a run
twice changes nothing; a rule that could not be run leaves its issues as they were; in a sample, absence of a record
fixes nothing. Refuses: values. Only keys leave the staging tables.
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from migration.duck import sql_text
from migration.quality.rules import Outcome, RuleKind, RuleStatus
from migration.quality.suite import RuleSql, staging_table
from migration.quality.waivers import Waiver
from migration.schema.model import NationalSchema

ISSUE_KEY_SQL = (
    "left(encode(sha256(convert_to(concat_ws(chr(31), f.division_code, f.rule_id, f.source_system, "
    "f.source_table, f.source_key), 'UTF8')), 'hex'), 32)"
)
YEAR_FIELDS = ("recorded_at_utc", "recorded_on", "changed_at_utc")
"""What an entity's own year is read from; the others take their crime report's."""


def record_issues(
    connection: sa.Connection,
    run: tuple[str, str],
    outcomes: Iterable[Outcome],
    sql: Mapping[str, RuleSql],
    schema: NationalSchema,
    *,
    is_sample: bool,
) -> dict[str, int]:
    """Bring the issues of a division to what this run found; returns how many are in each state.

    Args:
        run: division and run id.
        outcomes: outcome of every rule; issues of rules in ERROR are not touched.
        sql: SQL of each rule, by id.
        is_sample: the run took only a share of the records.
    """
    division, run_id = run
    judged = [o for o in outcomes if o.status is not RuleStatus.ERROR and o.rule.kind is not RuleKind.MEASURE]
    _collect_failing(connection, division, judged, sql, schema)
    values = {"division": division, "run_id": run_id}
    connection.execute(sa.text(_UPSERT), values)
    rules = [o.rule.rule_id for o in judged]
    connection.execute(sa.text(_FIX_SAMPLE if is_sample else _FIX), {**values, "rules": rules})
    return count_states(connection, division)


def count_states(connection: sa.Connection, division: str) -> dict[str, int]:
    """Issues of a division by state."""
    query = sa.text(
        "SELECT state, count(*) FROM control.dq_issue WHERE division_code = :division GROUP BY state ORDER BY 1"
    )
    return {state: int(count) for state, count in connection.execute(query, {"division": division})}


def waive_issues(connection: sa.Connection, division: str, waivers: Iterable[Waiver]) -> None:
    """Mark as WAIVED the issues each waiver covers: the oldest first, at most its cap; all others are open again."""
    connection.execute(sa.text(_UNWAIVE), {"division": division})
    for waiver in waivers:
        values = {"division": division, "rule_id": waiver.rule_id, "cap": waiver.cap_rows}
        connection.execute(sa.text(_WAIVE), values)


def _collect_failing(
    connection: sa.Connection,
    division: str,
    judged: Iterable[Outcome],
    sql: Mapping[str, RuleSql],
    schema: NationalSchema,
) -> None:
    """Fill a temporary table with the failing rows of every rule."""
    connection.execute(sa.text(_FAILING_TABLE))
    for outcome in judged:
        if not outcome.failing_rows:
            continue
        item, rule = sql[outcome.rule.rule_id], outcome.rule
        columns = (sql_text(v) for v in (division, rule.rule_id, rule.entity, rule.owner))
        statement = (
            f"INSERT INTO failing SELECT {', '.join(columns)}, f.source_system, f.source_table, f.source_key, NULL, '' "
            f"FROM ({item.failing_sql}) AS f"
        )
        connection.exec_driver_sql(statement.replace("%", "%%"))
    connection.execute(sa.text(f"UPDATE failing f SET issue_key = {ISSUE_KEY_SQL}"))
    connection.execute(sa.text("ANALYZE failing"))
    for entity in connection.scalars(sa.text("SELECT DISTINCT entity FROM failing ORDER BY 1")).all():
        statement = year_statement(schema, division, entity)
        if statement:
            connection.exec_driver_sql(statement)


def year_statement(schema: NationalSchema, division: str, entity: str) -> str:
    """SQL that fills the year of an entity's failing rows; empty where neither it nor a crime report tells one."""
    definition = schema.entity(entity)
    if not definition.has_lineage:
        return ""
    own = next((f for f in YEAR_FIELDS if f in definition.field_names), None)
    table = staging_table(entity, division)
    match = "t.source_key = f.source_key AND t.source_table = f.source_table AND t.source_system = f.source_system"
    if own is not None:
        rows, moment = f"{table} e", f"e.{own}"
    elif "crime_report_id" in definition.field_names:
        reports = staging_table("crime_report", division)
        rows, moment = f"{table} e JOIN {reports} r ON r.crime_report_id = e.crime_report_id", "r.recorded_at_utc"
    else:
        return ""
    lineage = "source_system, source_table, source_key"
    named = f"SELECT DISTINCT {lineage} FROM failing WHERE entity = {sql_text(entity)}"
    joined = " AND ".join(f"e.{column} = k.{column}" for column in lineage.split(", "))
    year = (
        f"SELECT k.*, min(extract(year FROM {moment}))::int AS y FROM ({named}) AS k "
        f"JOIN {rows} ON {joined} GROUP BY k.source_system, k.source_table, k.source_key"
    )
    return f"UPDATE failing f SET record_year = t.y FROM ({year}) AS t WHERE f.entity = {sql_text(entity)} AND {match}"


_FAILING_TABLE = """
CREATE TEMPORARY TABLE failing (
    division_code text, rule_id text, entity text, owner_role text,
    source_system text, source_table text, source_key text, record_year int, issue_key text
) ON COMMIT DROP
"""

_UPSERT = """
INSERT INTO control.dq_issue AS i (
    issue_key, division_code, rule_id, entity, source_key, source_system, source_table, record_year, state,
    first_run_id, last_run_id, owner_role)
SELECT DISTINCT ON (f.issue_key) f.issue_key, f.division_code, f.rule_id, f.entity, f.source_key, f.source_system,
    f.source_table, f.record_year, 'OPEN', :run_id, :run_id, f.owner_role
FROM failing f ORDER BY f.issue_key
ON CONFLICT (issue_key) DO UPDATE SET
    state = CASE WHEN i.state = 'FIXED' THEN 'REOPENED' ELSE i.state END,
    last_run_id = excluded.last_run_id, record_year = excluded.record_year, owner_role = excluded.owner_role
"""

_FIX = """
UPDATE control.dq_issue i SET state = 'FIXED'
WHERE i.division_code = :division AND i.rule_id = ANY(:rules) AND i.state <> 'FIXED'
  AND NOT EXISTS (SELECT 1 FROM failing f WHERE f.issue_key = i.issue_key)
"""

_FIX_SAMPLE = """
UPDATE control.dq_issue i SET state = 'FIXED'
WHERE i.division_code = :division AND i.rule_id = ANY(:rules) AND i.state <> 'FIXED'
  AND NOT EXISTS (SELECT 1 FROM failing f WHERE f.issue_key = i.issue_key)
  AND EXISTS (SELECT 1 FROM control.disposition d WHERE d.run_id = :run_id AND d.division_code = i.division_code
      AND d.entity = i.entity AND d.source_table = i.source_table
      AND d.source_key = i.source_key AND d.outcome = 'LOADED')
"""

_UNWAIVE = """
UPDATE control.dq_issue SET state = 'OPEN'
WHERE division_code = :division AND state = 'WAIVED'
"""

_WAIVE = """
UPDATE control.dq_issue i SET state = 'WAIVED'
FROM (
    SELECT issue_key FROM control.dq_issue
    WHERE division_code = :division AND rule_id = :rule_id AND state <> 'FIXED'
    ORDER BY first_run_id, issue_key LIMIT :cap
) AS covered
WHERE i.issue_key = covered.issue_key
"""
