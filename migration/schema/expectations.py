"""Basic data-quality rules of the national schema, computed from `national.yml`.

Enters: a `NationalSchema`. Leaves: one `SchemaRule` per thing the schema promises about a staged table: type, presence,
length, pattern, code list (and validity of the code on the record's date), reference and key. `quality` turns them into
suites; `expectations/` adds only what the schema cannot say. Must hold: ids are unique and do not change while the
entity, field and kind stay. Refuses nothing: a schema that loads has rules.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from migration.schema.model import Entity, Field, FieldType, NationalSchema
from migration.schema.sql import NATIONAL_AREAS, sql_type_name

BEGINNING = "1900-01-01"
"""First day of code values that were always there."""


class RuleKind(StrEnum):
    """What a rule of the schema tests. The comment says what its `parameters` hold."""

    TYPE = "type"  # parameter type: name of the column's type in PostgreSQL
    REQUIRED = "required"  # nothing
    LENGTH = "length"  # max: most characters
    PATTERN = "pattern"  # regex: matches the whole value
    CODES = "codes"  # list: code list the value must come from, at any time
    CODES_ON_DATE = "codes_on_date"  # list; path: fields from the row to its date, each but the last a reference
    REFERENCE = "reference"  # entity, field: where the value must exist, in the same division where both have one
    UNIQUE = "unique"  # columns: together they occur once


Parameter = str | int | tuple[str, ...]


@dataclass(frozen=True)
class SchemaRule:
    """One rule. `field` is None for a rule about a key; `parameters` are those its kind names (see `RuleKind`)."""

    rule_id: str
    entity: str
    field: str | None
    kind: RuleKind
    parameters: Mapping[str, Parameter]
    dimension: str
    severity: str
    owner: str
    title: str


def schema_rules(schema: NationalSchema) -> tuple[SchemaRule, ...]:
    """Rules of every entity that is staged, in schema order."""
    staged = [e for e in schema.entities.values() if e.area in NATIONAL_AREAS]
    return tuple(rule for entity in staged for rule in entity_rules(schema, entity))


def entity_rules(schema: NationalSchema, entity: Entity) -> tuple[SchemaRule, ...]:
    """Rules of one entity: its fields' in column order, then its keys'."""
    rules = [rule for field in entity.fields for rule in _field_rules(schema, entity, field)]
    return (*rules, *_key_rules(entity))


def _field_rules(schema: NationalSchema, entity: Entity, field: Field) -> Iterator[SchemaRule]:
    yield _type_rule(entity, field)
    if field.is_required:
        title = f"{field.title} is filled"
        yield _rule(entity, field, RuleKind.REQUIRED, {}, "completeness", "critical", title)
    if field.type is FieldType.TEXT and field.length is not None:
        title = f"{field.title} has at most {field.length} characters"
        yield _rule(entity, field, RuleKind.LENGTH, {"max": field.length}, "conformance", "critical", title)
    if field.pattern is not None:
        title = f"{field.title} is written as it must be"
        severity = "critical" if field.is_required else "warning"
        yield _rule(entity, field, RuleKind.PATTERN, {"regex": field.pattern}, "conformance", severity, title)
    if field.codes is not None:
        yield from _code_rules(schema, entity, field, field.codes)
    if field.references is not None:
        target, column = field.references
        title = f"{field.title} points to a {schema.entity(target).title.lower()} that exists"
        parameters: dict[str, Parameter] = {"entity": target, "field": column}
        yield _rule(entity, field, RuleKind.REFERENCE, parameters, "consistency", "critical", title)


def _type_rule(entity: Entity, field: Field) -> SchemaRule:
    parameters: dict[str, Parameter] = {"type": sql_type_name(field)}
    return _rule(
        entity, field, RuleKind.TYPE, parameters, "conformance", "critical", f"{field.title} has its national type"
    )


def _code_rules(schema: NationalSchema, entity: Entity, field: Field, codes: str) -> Iterator[SchemaRule]:
    title = f"{field.title} is a value of the national list"
    yield _rule(entity, field, RuleKind.CODES, {"list": codes}, "conformance", "critical", title)
    values = schema.codes[codes]
    is_dated = any(v.valid_to is not None or v.valid_from.isoformat() > BEGINNING for v in values)
    if is_dated and entity.dated_by and not field.is_lineage:
        parameters: dict[str, Parameter] = {"list": codes, "path": entity.dated_by}
        title = f"{field.title} was in use on the date of the record"
        yield _rule(entity, field, RuleKind.CODES_ON_DATE, parameters, "plausibility", "warning", title)


def _key_rules(entity: Entity) -> Iterator[SchemaRule]:
    keys = {"key": entity.key, **{f"unique_{n}": u for n, u in enumerate(entity.unique, start=1)}}
    for name, columns in keys.items():
        yield SchemaRule(
            rule_id=f"schema.{entity.name}.{name}",
            entity=entity.name,
            field=None,
            kind=RuleKind.UNIQUE,
            parameters=MappingProxyType({"columns": columns}),
            dimension="uniqueness",
            severity="critical",
            owner=entity.owner,
            title=f"{entity.title}: no two rows share {', '.join(columns)}",
        )


def _rule(
    entity: Entity,
    field: Field,
    kind: RuleKind,
    parameters: Mapping[str, Parameter],
    dimension: str,
    severity: str,
    title: str,
) -> SchemaRule:
    return SchemaRule(
        rule_id=f"schema.{entity.name}.{field.name}.{kind.value}",
        entity=entity.name,
        field=field.name,
        kind=kind,
        parameters=MappingProxyType(dict(parameters)),
        dimension=dimension,
        severity=severity,
        owner=field.owner,
        title=title,
    )
