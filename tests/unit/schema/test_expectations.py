"""Basic rules computed from the national schema."""

from migration.schema.expectations import RuleKind, entity_rules, schema_rules
from migration.schema.model import load_schema
from migration.schema.sql import NATIONAL_AREAS


def test_every_staged_field_has_a_type_rule_and_ids_are_unique() -> None:
    rules = schema_rules(load_schema())
    assert len({r.rule_id for r in rules}) == len(rules)
    typed = {(r.entity, r.field) for r in rules if r.kind is RuleKind.TYPE}
    staged = [e for e in load_schema().entities.values() if e.area in NATIONAL_AREAS]
    assert typed == {(e.name, f.name) for e in staged for f in e.fields}


def test_rules_follow_what_the_field_says() -> None:
    for entity in load_schema().partitioned_entities():
        kinds: dict[str | None, set[RuleKind]] = {}
        for rule in entity_rules(load_schema(), entity):
            kinds.setdefault(rule.field, set()).add(rule.kind)
        for field in entity.fields:
            found = kinds[field.name]
            assert (RuleKind.REQUIRED in found) == field.is_required
            assert (RuleKind.CODES in found) == (field.codes is not None)
            assert (RuleKind.REFERENCE in found) == (field.references is not None)
            assert (RuleKind.PATTERN in found) == (field.pattern is not None)
        assert kinds[None] == {RuleKind.UNIQUE}


def test_codes_with_validity_are_tested_on_the_date_of_the_record() -> None:
    dated = {(r.entity, r.field): r.parameters for r in schema_rules(load_schema()) if r.kind is RuleKind.CODES_ON_DATE}
    assert dated[("crime", "crime_code")]["path"] == ("crime_report_id", "recorded_at_utc")
    assert dated[("crime_report", "how_reported_code")]["path"] == ("recorded_at_utc",)


def test_every_rule_has_owner_title_and_severity() -> None:
    for rule in schema_rules(load_schema()):
        assert rule.owner and rule.title and rule.severity in {"critical", "warning", "info"}
        assert len(rule.rule_id) <= 120 and len(rule.title) <= 200
