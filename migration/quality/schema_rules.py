"""The rules the national schema promises, as `Rule`s with SQL and with words a data owner can act on.

Enters: `schema.expectations.SchemaRule`s. Leaves: one `Rule` each, its kind turned into conditions on the staging
table. Must hold: every kind of the schema has its SQL here; ids are the schema's. Refuses nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from migration.duck import sql_text
from migration.fingerprint import quote
from migration.quality.rule_files import Overrides
from migration.quality.rules import Rule, RuleKind, Threshold
from migration.schema import expectations as schema
from migration.schema.model import Entity, FieldType, NationalSchema

SOURCE = "National schema (migration/schema/national.yml)"
DATED_AT = "dated_at"
LOCAL_ZONE = "Europe/London"
"""Code lists change at local midnight."""


@dataclass(frozen=True)
class _Words:
    why: str
    fix: str


_WORDS: Mapping[schema.RuleKind, _Words] = MappingProxyType(
    {
        schema.RuleKind.TYPE: _Words(
            "Values would be changed silently, or the division could not be published at all.",
            "Load the division again with this version of the national schema.",
        ),
        schema.RuleKind.REQUIRED: _Words(
            "The national system does not take the record without it, and searches and returns would miss it.",
            "Fill it in the legacy system, or map the column that holds it.",
        ),
        schema.RuleKind.LENGTH: _Words(
            "What is longer is cut when it leaves for courts and partners, so a name, address or text would be wrong.",
            "Correct the mapping: usually two legacy columns run together, or text in a field meant for a code.",
        ),
        schema.RuleKind.PATTERN: _Words(
            "Officers and other systems search by this; one that is not well formed finds nobody, or somebody else.",
            "Correct the number in the legacy system, or map it to an unverified identifier.",
        ),
        schema.RuleKind.CODES: _Words(
            "A value outside the national list is missing from returns and from every search an officer makes by it.",
            "Agree a national code for the legacy value in the division's crosswalk.",
        ),
        schema.RuleKind.CODES_ON_DATE: _Words(
            "Statistics by year count a crime under a code that did not exist then, and history appears to change.",
            "Map the legacy value by the date of the record; check that its date is right.",
        ),
        schema.RuleKind.REFERENCE: _Words(
            "The record points to one that was not migrated: officers would see a crime without its person or place.",
            "Look the key up with `migrate explain`; usually the other was rejected or is missing from the extract.",
        ),
        schema.RuleKind.UNIQUE: _Words(
            "Two rows share a key, so one record is counted twice in returns or hides the other from officers.",
            "Check whether the extract holds the rows twice, or the pack's key columns are not the whole legacy key.",
        ),
    }
)


_LINEAGE_WORDS = _Words(
    "An auditor follows a migrated record back to the legacy system by this; without it nobody can prove where it came "
    "from.",
    "Load the division again; where it repeats, the key columns of the pack or the reading of the file are wrong.",
)
"""Of the fields that every row carries about its origin, whatever the rule."""


def convert_schema_rules(
    national: NationalSchema, overrides: Overrides, entities: frozenset[str] | None = None
) -> tuple[Rule, ...]:
    """The schema's rules, for all staged entities or for `entities`."""
    kept = (r for r in schema.schema_rules(national) if entities is None or r.entity in entities)
    return tuple(_convert(national, rule, overrides) for rule in kept)


def _convert(national: NationalSchema, rule: schema.SchemaRule, overrides: Overrides) -> Rule:
    parts = _COMPILERS[rule.kind](national, rule)
    entity = national.entity(rule.entity)
    is_lineage = rule.field is not None and entity.has_lineage and entity.field(rule.field).is_lineage
    words = _LINEAGE_WORDS if is_lineage else _WORDS[rule.kind]
    return Rule(
        rule_id=rule.rule_id,
        entity=rule.entity,
        field=rule.field or "",
        kind=parts.kind,
        dimension=rule.dimension,
        severity=overrides.severities.get(rule.rule_id, rule.severity),
        owner=rule.owner,
        title=f"{entity.title}: {_say(entity, rule)}",
        why=words.why,
        usual_fix=words.fix,
        source=SOURCE,
        view=parts.relation,
        scope=parts.scope,
        fails=parts.fails,
        query=parts.query,
        minimum=1.0 if parts.kind is RuleKind.MEASURE else None,
        threshold=overrides.thresholds.get(rule.rule_id, Threshold()),
    )


def _say(entity: Entity, rule: schema.SchemaRule) -> str:
    """What the rule says of the entity; keys by the titles of their fields."""
    if rule.kind is not schema.RuleKind.UNIQUE:
        return rule.title
    columns = rule.parameters["columns"]
    names = columns if isinstance(columns, tuple) else (str(columns),)
    titles = [entity.field(name).title for name in names if name != "division_code"]
    return f"no two records share {' and '.join(titles)}"


@dataclass(frozen=True)
class _Parts:
    """The SQL of a rule. `relation` is the name of a view or a SELECT of its own (`compile.py` tells them apart)."""

    kind: RuleKind = RuleKind.ROWS
    scope: str = "TRUE"
    fails: str = "FALSE"
    query: str = ""
    relation: str = ""


def _column(rule: schema.SchemaRule) -> str:
    return quote(rule.field or "")


def _type(_: NationalSchema, rule: schema.SchemaRule) -> _Parts:
    expected = sql_text(str(rule.parameters["type"]))
    query = (
        f"SELECT coalesce((SELECT (format_type(atttypid, atttypmod) = {expected})::int FROM pg_attribute "
        f"WHERE attrelid = to_regclass('{{{rule.entity}}}') AND attname = {sql_text(rule.field or '')} "
        "AND attnum > 0), 0)"
    )
    return _Parts(RuleKind.MEASURE, query=query)


def _required(_: NationalSchema, rule: schema.SchemaRule) -> _Parts:
    return _Parts(fails=f"{_column(rule)} IS NULL")


def _length(_: NationalSchema, rule: schema.SchemaRule) -> _Parts:
    return _Parts(
        scope=f"{_column(rule)} IS NOT NULL", fails=f"char_length({_column(rule)}) > {rule.parameters['max']}"
    )


def _pattern(_: NationalSchema, rule: schema.SchemaRule) -> _Parts:
    pattern = sql_text(f"^(?:{rule.parameters['regex']})$")
    return _Parts(scope=f"{_column(rule)} IS NOT NULL", fails=f"{_column(rule)} !~ {pattern}")


def _codes(national: NationalSchema, rule: schema.SchemaRule) -> _Parts:
    known = sorted({c.code for c in national.codes[str(rule.parameters["list"])]})
    values = ", ".join(sql_text(code) for code in known)
    return _Parts(scope=f"{_column(rule)} IS NOT NULL", fails=f"{_column(rule)} NOT IN ({values})")


def _codes_on_date(national: NationalSchema, rule: schema.SchemaRule) -> _Parts:
    """Only codes with a beginning or an end are looked at: the others were always valid."""
    path = rule.parameters["path"]
    steps = path if isinstance(path, tuple) else (str(path),)
    codes = [c for c in national.codes[str(rule.parameters["list"])]]
    dated = sorted({c.code for c in codes if c.valid_to or c.valid_from.isoformat() > schema.BEGINNING})
    day = _local_day(national, rule.entity, steps)
    periods = " OR ".join(
        f"({_column(rule)} = {sql_text(c.code)} AND {day} BETWEEN DATE '{c.valid_from}' "
        f"AND DATE '{c.valid_to or '9999-12-31'}')"
        for c in codes
        if c.code in dated
    )
    listed = ", ".join(sql_text(code) for code in dated)
    scope = f"{_column(rule)} IS NOT NULL AND {DATED_AT} IS NOT NULL"
    fails = f"{_column(rule)} IN ({listed}) AND NOT ({periods})"
    return _Parts(scope=scope, fails=fails, relation=_dated_relation(national, rule.entity, steps))


def _dated_relation(national: NationalSchema, entity: str, steps: tuple[str, ...]) -> str:
    """The entity's rows with the date their path of references leads to, as `dated_at`."""
    joins, alias, current = "", "t", entity
    for number, step in enumerate(steps[:-1]):
        reference = national.entity(current).field(step).references
        target, column = reference or (current, step)
        following = f"p{number}"
        joins += f" LEFT JOIN {{{target}}} {following} ON {following}.{quote(column)} = {alias}.{quote(step)}"
        alias, current = following, target
    return f"SELECT t.*, {alias}.{quote(steps[-1])} AS {DATED_AT} FROM {{{entity}}} t{joins}"


def _local_day(national: NationalSchema, entity: str, steps: tuple[str, ...]) -> str:
    current = entity
    for step in steps[:-1]:
        reference = national.entity(current).field(step).references
        current = reference[0] if reference else current
    if national.entity(current).field(steps[-1]).type is FieldType.TIMESTAMP:
        return f"({DATED_AT} AT TIME ZONE '{LOCAL_ZONE}')::date"
    return DATED_AT


def _reference(_: NationalSchema, rule: schema.SchemaRule) -> _Parts:
    target, column = rule.parameters["entity"], quote(str(rule.parameters["field"]))
    query = (
        f"SELECT t.* FROM {{{rule.entity}}} t WHERE t.{_column(rule)} IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM {{{target}}} p WHERE p.{column} = t.{_column(rule)})"
    )
    return _Parts(RuleKind.QUERY, scope=f"{_column(rule)} IS NOT NULL", query=query)


def _unique(_: NationalSchema, rule: schema.SchemaRule) -> _Parts:
    columns = rule.parameters["columns"]
    names = ", ".join(quote(c) for c in (columns if isinstance(columns, tuple) else (str(columns),)))
    table = f"{{{rule.entity}}}"
    query = (
        f"SELECT t.* FROM {table} t WHERE ({names}) IN "
        f"(SELECT {names} FROM {table} GROUP BY {names} HAVING count(*) > 1)"
    )
    return _Parts(RuleKind.QUERY, query=query)


_COMPILERS: Mapping[schema.RuleKind, Callable[[NationalSchema, schema.SchemaRule], _Parts]] = MappingProxyType(
    {
        schema.RuleKind.TYPE: _type,
        schema.RuleKind.REQUIRED: _required,
        schema.RuleKind.LENGTH: _length,
        schema.RuleKind.PATTERN: _pattern,
        schema.RuleKind.CODES: _codes,
        schema.RuleKind.CODES_ON_DATE: _codes_on_date,
        schema.RuleKind.REFERENCE: _reference,
        schema.RuleKind.UNIQUE: _unique,
    }
)
