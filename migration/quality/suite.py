"""Rules run as Great Expectations suites on the staging tables: one suite per entity, one scan per table or view.

Enters: rules with their SQL, a PostgreSQL engine. Leaves: an `Outcome` per rule and the suite results (counts only).
Must hold: one rule that cannot run does not keep the others from running; its outcome is ERROR with the class of the
error, never its message, because a database puts values into messages. Refuses nothing.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migration.fingerprint import quote
from migration.quality.rules import Outcome, Rule, RuleKind, RuleStatus, judge_counts, judge_error, judge_measure

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

STAGING = "staging"
SESSION = {
    "timezone": "UTC",
    "work_mem": "128MB",
    "max_parallel_workers_per_gather": "2",
    "min_parallel_table_scan_size": "4MB",
}
"""How the server counts: joins and groupings in memory, one scan on all cores."""


@dataclass(frozen=True)
class RuleSql:
    """A rule's conditions for one division's staging tables.

    `relation` is what ROWS conditions read, as a SELECT (empty: the table itself). `number_sql` gives the failing rows
    of a QUERY rule or the number of a MEASURE rule. `failing_sql` selects the failing rows' lineage columns.
    """

    rule: Rule
    relation: str
    scope: str
    fails: str
    number_sql: str
    failing_sql: str


def staging_table(entity: str, division: str) -> str:
    """Name of an entity's staging table, quoted, with its schema."""
    return f"{STAGING}.{quote(f'{entity}_{division.lower()}')}"


def open_quiet_context() -> "AbstractDataContext":
    """An ephemeral Great Expectations context without telemetry, progress bars or files."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def preflight(engine: sa.Engine, division: str, rules: Sequence[RuleSql]) -> dict[str, str]:
    """Rules whose SQL the database does not accept, with the class of its error. Plans every rule, reads no row."""
    broken: dict[str, str] = {}
    with engine.connect() as connection:
        tables = {item.rule.entity: staging_table(item.rule.entity, division) for item in rules}
        exists = sa.text("SELECT to_regclass(:name) IS NOT NULL")
        missing = {e for e, table in tables.items() if not connection.scalar(exists, {"name": table})}
        for item in rules:
            error = "no staging table" if item.rule.entity in missing else _explain(connection, item)
            if error:
                broken[item.rule.rule_id] = error
    return broken


def _explain(connection: sa.Connection, item: RuleSql) -> str:
    statements = [item.failing_sql] if item.failing_sql else []
    statements += [f"SELECT ({item.number_sql})"] if item.number_sql else []
    for statement in statements:
        savepoint = connection.begin_nested()
        try:
            connection.exec_driver_sql(f"EXPLAIN {statement.replace('%', '%%')}")
        except sa.exc.SQLAlchemyError as error:
            savepoint.rollback()
            return error_class(error)
        savepoint.commit()
    return ""


def error_class(error: BaseException) -> str:
    """Class name and SQLSTATE of an error; nothing of its message."""
    origin = getattr(error, "orig", None) or error
    state = getattr(origin, "sqlstate", None)
    return type(origin).__name__ + (f" (SQLSTATE {state})" if state else "")


@contextmanager
def open_source(context: "AbstractDataContext", engine: sa.Engine) -> Iterator[Any]:
    """The national database as a Great Expectations data source, in UTC; its connections are closed at the end."""
    url = engine.url.set(host=engine.url.host or "localhost")
    data_sources: Any = context.data_sources
    source = data_sources.add_postgres(
        "national",
        connection_string=url.render_as_string(hide_password=False).replace("$", r"\$"),
        create_temp_table=False,
        kwargs={"connect_args": {"options": _session_options(), "application_name": "migration quality"}},
    )
    try:
        yield source
    finally:
        source.get_execution_engine().close()


def _session_options() -> str:
    return " ".join(f"-c {name}={value}" for name, value in SESSION.items())


def prepare_counting(connection: sa.Connection) -> None:
    """Let the transaction count as the suites do."""
    for name, value in SESSION.items():
        connection.exec_driver_sql(f"SET LOCAL {name} = '{value}'")


def run_entity(
    source: Any, entity: str, division: str, rules: Sequence[RuleSql]
) -> tuple[list[Outcome], list["ExpectationSuiteValidationResult"]]:
    """Outcomes of one entity's rules, and the results of its suite (one per table or view it reads)."""
    by_relation: dict[str, list[RuleSql]] = {}
    for item in rules:
        by_relation.setdefault(item.relation, []).append(item)
    outcomes: list[Outcome] = []
    results: list[ExpectationSuiteValidationResult] = []
    for number, (relation, items) in enumerate(sorted(by_relation.items())):
        batch = _open_batch(source, f"{entity}_{division.lower()}", relation, number)
        result = _validate(batch, entity, items)
        if any(r.exception_info and _has_exception(r.exception_info) for r in result.results):
            result = _validate_singly(batch, entity, items)
        results.append(result)
        outcomes.extend(_read_outcomes(result, {i.rule.rule_id: i.rule for i in items}))
    return outcomes, results


def _open_batch(source: Any, table: str, relation: str, number: int) -> Any:
    """The rows of a table or of a view over it; a data source may be asked for the same ones again."""
    name = f"{table}~{number}" if relation else table
    if name in source.get_asset_names():
        source.delete_asset(name)
    if relation:
        asset = source.add_query_asset(name, query=relation)
    else:
        asset = source.add_table_asset(name, table_name=table, schema_name=STAGING)
    return asset.add_batch_definition_whole_table("all").get_batch()


def _validate(batch: Any, entity: str, items: Sequence[RuleSql]) -> "ExpectationSuiteValidationResult":
    import great_expectations as gx

    from migration.quality.gx_expectation import ExpectRowsToHold

    suite = gx.ExpectationSuite(entity, expectations=[ExpectRowsToHold(**_arguments(item)) for item in items])
    result: ExpectationSuiteValidationResult = batch.validate(suite, result_format="BASIC")
    return result


def _arguments(item: RuleSql) -> dict[str, Any]:
    rule = item.rule
    return {
        "rule_id": rule.rule_id,
        "scope_sql": item.scope,
        "fails_sql": item.fails,
        "number_sql": item.number_sql,
        "max_percent": rule.threshold.percent,
        "max_rows": rule.threshold.rows,
        "minimum": rule.minimum,
        "maximum": rule.maximum,
        "description": rule.title,
        "severity": rule.severity,
        "meta": {
            "rule_id": rule.rule_id,
            "rule_version": rule.version,
            "field": rule.field,
            "dimension": rule.dimension,
            "owner": rule.owner,
            "why": rule.why,
            "usual_fix": rule.usual_fix,
            "source": rule.source,
        },
    }


def _validate_singly(batch: Any, entity: str, items: Sequence[RuleSql]) -> "ExpectationSuiteValidationResult":
    """Every rule alone, so that only the one whose SQL fails on the data is an error."""
    first, *others = [_validate(batch, entity, [item]) for item in items]
    for other in others:
        first.results.extend(other.results)
    return first


def _has_exception(info: Mapping[str, Any]) -> bool:
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(isinstance(v, Mapping) and v.get("raised_exception") for v in info.values())


def _read_outcomes(result: "ExpectationSuiteValidationResult", rules: Mapping[str, Rule]) -> Iterator[Outcome]:
    for item in result.results:
        config: Any = item.expectation_config
        rule = rules[config.meta["rule_id"]]
        if _has_exception(item.exception_info or {}):
            yield judge_error(rule, "the database could not run it on the data")
        elif rule.kind is RuleKind.MEASURE:
            yield judge_measure(rule, item.result["observed_value"])
        else:
            yield judge_counts(rule, item.result["element_count"], item.result["unexpected_count"])


def is_green(outcome: Outcome) -> bool:
    """Whether an outcome may be shown as good: PASS only."""
    return outcome.status is RuleStatus.PASS
