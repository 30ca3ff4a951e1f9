"""Rules as PostgreSQL over one division's staging tables.

Enters: rules, views and a division. Leaves: `RuleSql`s. In a rule's SQL `{crime}` stands for that entity's staging
table `{codes:disposal}` for a code list as `(VALUES ...) AS v (code, valid_from, valid_to)`, `{division}` for the
letter as text `{run_time}` for when the run began, and `{last_rows:crime}` for the staged rows of the last run. Must
hold: what selects failing rows selects their lineage only, never a value. Refuses: a name in braces that is neither.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from migration.duck import sql_text
from migration.errors import ConfigError
from migration.quality.rule_files import View
from migration.quality.rules import Rule, RuleKind
from migration.quality.suite import RuleSql, staging_table
from migration.schema.model import NationalSchema

LINEAGE = ("source_system", "source_table", "source_key")
"""What names a failing row."""
PLACEHOLDER = re.compile(r"\{([a-z][a-z_]*)(?::([a-z_]+))?\}")


@dataclass(frozen=True)
class _Place:
    """What the placeholders of a rule stand for: the division's tables and the time of its run."""

    division: str
    run_id: str
    run_time: datetime
    schema: NationalSchema


def compile_rules(
    rules: Iterable[Rule], views: Mapping[str, View], run: tuple[str, str, datetime], schema: NationalSchema
) -> tuple[RuleSql, ...]:
    """The SQL of every rule for one run: its division, id and the time it began.

    Raises:
        ConfigError: a rule names a view, an entity or a code list that is not there.
    """
    place = _Place(*run, schema)
    return tuple(_compile_rule(rule, views, place) for rule in rules)


def _compile_rule(rule: Rule, views: Mapping[str, View], place: _Place) -> RuleSql:
    relation = _fill(_view_sql(rule, views), rule, place)
    scope = _fill(rule.scope, rule, place)
    fails = _fill(rule.fails, rule, place)
    query = _fill(rule.query, rule, place)
    source = f"({relation}) AS v" if relation else staging_table(rule.entity, place.division)
    names = ", ".join(_lineage_of(rule, place.schema))
    if rule.kind is RuleKind.MEASURE:
        return RuleSql(rule, relation, scope, "", query, "")
    if rule.kind is RuleKind.QUERY:
        number = f"SELECT count(*) FROM ({query}) AS failing"
        return RuleSql(rule, relation, scope, "", number, f"SELECT {names} FROM ({query}) AS failing")
    failing = f"SELECT {names} FROM {source} WHERE ({scope}) AND ({fails})"
    return RuleSql(rule, relation, scope, fails, "", failing)


def _view_sql(rule: Rule, views: Mapping[str, View]) -> str:
    """What the rule's conditions read: nothing (the table), a SELECT of its own (schema rules), or a view by name."""
    if not rule.view or rule.view.startswith("SELECT "):
        return rule.view
    view = views.get(rule.view)
    if view is None or view.entity != rule.entity:
        found = "no such view" if view is None else f"a view of {view.entity}"
        raise _error(rule, f"view {rule.view}", found, f"a view of {rule.entity} in views.yml")
    return view.sql


def _lineage_of(rule: Rule, schema: NationalSchema) -> tuple[str, ...]:
    """What names a row of the entity: its lineage, or where it has none its key, which holds no personal value."""
    entity = schema.entity(rule.entity)
    if entity.has_lineage:
        return LINEAGE
    key = " || '|' || ".join(f"{c}::text" for c in entity.key if c != "division_code")
    return (f"'{entity.made_by}' AS source_system", f"'{entity.name}' AS source_table", f"{key} AS source_key")


def _fill(sql: str, rule: Rule, place: _Place) -> str:
    def replace(match: re.Match[str]) -> str:
        name, code_list = match.groups()
        if name == "codes" and code_list in place.schema.codes:
            return code_values(place.schema, code_list)
        if name == "last_rows" and code_list in place.schema.entities:
            return f"({last_rows_sql(code_list, place.division, place.run_id)})"
        if code_list is None and name == "division":
            return sql_text(place.division)
        if code_list is None and name == "run_time":
            return f"TIMESTAMPTZ '{place.run_time.isoformat()}'"
        if code_list is None and name in place.schema.entities:
            return staging_table(name, place.division)
        raise _error(
            rule,
            match.group(0),
            "no entity or code list of that name",
            "{entity}, {division}, {run_time} or {codes:list}",
        )

    return PLACEHOLDER.sub(replace, sql)


def last_rows_sql(entity: str, division: str, run_id: str) -> str:
    """SQL of an entity's staged rows in the division's last reconciled run of that sample; NULL where none is."""
    own = f"t.division_code = {sql_text(division)}"
    run = sql_text(run_id)
    sample = f"(SELECT sample_percent FROM control.migration_run t WHERE {own} AND t.run_id = {run})"
    return (
        "SELECT t.value::numeric FROM control.control_total t "
        "JOIN control.migration_run m USING (run_id, division_code) "
        f"WHERE {own} AND t.run_id < {run} AND t.layer = 'staging' AND t.measure = 'rows' "
        f"AND t.table_name = {sql_text(entity)} AND m.sample_percent = {sample} ORDER BY t.run_id DESC LIMIT 1"
    )


def code_values(schema: NationalSchema, code_list: str) -> str:
    """A code list as a SQL relation `v (code, valid_from, valid_to)`, open ends as 9999-12-31."""
    rows = ", ".join(
        f"({sql_text(c.code)}, DATE '{c.valid_from}', DATE '{c.valid_to or '9999-12-31'}')"
        for c in schema.codes[code_list]
    )
    return f"(VALUES {rows}) AS v (code, valid_from, valid_to)"


def _error(rule: Rule, where: str, found: str, expected: str) -> ConfigError:
    return ConfigError(f"rule {rule.rule_id}, {where}", found, expected, "Correct the rule in the expectations folder.")
