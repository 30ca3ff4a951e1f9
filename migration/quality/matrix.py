"""The field-by-owner quality matrix: who answers for each national field, which rules check it, what they found.

Enters: the national schema, rules, outcomes. Leaves: one `MatrixRow` per staged field, and findings.
Must hold: a field without an owner, or checked by nothing but its type and length, is itself a finding.
Source: SPA, Crime Data Input Quality Assurance Framework, action 6.1 (a matrix of who is checking the quality of each
crime input data field).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migration.quality.catalogue import staged_entities
from migration.quality.rules import Outcome, RuleStatus
from migration.schema.model import Entity, NationalSchema, Personal

FORM_ONLY = (".type", ".length")
"""Endings of rule ids that check how a value is stored, not what it says."""
WORST_FIRST = (RuleStatus.FAIL, RuleStatus.ERROR, RuleStatus.NOT_APPLICABLE, RuleStatus.PASS)


@dataclass(frozen=True)
class MatrixRow:
    """One national field: its owner, its rules by status, the worst of them, and what is missing."""

    entity: str
    field: str
    title: str
    owner: str
    is_personal: bool
    rules: tuple[str, ...]
    checkers: tuple[str, ...]
    counts: Mapping[RuleStatus, int]
    worst: RuleStatus | None
    finding: str


def build_matrix(schema: NationalSchema, outcomes: Iterable[Outcome]) -> tuple[MatrixRow, ...]:
    """One row per business field of every staged entity, in schema order."""
    by_field: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        by_field.setdefault((outcome.rule.entity, outcome.rule.field), []).append(outcome)
    kept = staged_entities(schema)
    return tuple(
        _build_row(entity, name, by_field.get((entity.name, name), []))
        for entity in schema.entities.values()
        if entity.name in kept
        for name in (f.name for f in entity.business_fields)
    )


def list_findings(matrix: Iterable[MatrixRow]) -> tuple[MatrixRow, ...]:
    """Rows with something missing."""
    return tuple(row for row in matrix if row.finding)


def _build_row(entity: Entity, name: str, outcomes: list[Outcome]) -> MatrixRow:
    field = entity.field(name)
    counts = {s: sum(1 for o in outcomes if o.status is s) for s in RuleStatus}
    worst = next((s for s in WORST_FIRST if counts[s]), None)
    rules = tuple(sorted(o.rule.rule_id for o in outcomes))
    return MatrixRow(
        entity=entity.name,
        field=name,
        title=field.title,
        owner=field.owner,
        is_personal=field.personal is not Personal.NONE,
        rules=rules,
        checkers=tuple(sorted({o.rule.owner for o in outcomes})),
        counts=counts,
        worst=worst,
        finding=_find_gap(field.owner, rules),
    )


def _find_gap(owner: str, rules: tuple[str, ...]) -> str:
    if not owner:
        return "no owner"
    if not rules:
        return "no rule"
    if all(rule.endswith(FORM_ONLY) for rule in rules):
        return "only its type and length are checked"
    return ""
