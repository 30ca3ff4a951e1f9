"""Rules that a constraint of the staging table proves, so that no row need be read for them.

Enters: rules of the schema with their SQL, and a database. Leaves: the same rules, those that a validated constraint
proves with nothing left to look for. Must hold: a rule is spared only where the server itself has checked every row
(NOT NULL, the CHECK of all lengths, a valid unique index over exactly the rule's columns); a table whose constraint
could not be added has its rows counted. Refuses nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import sqlalchemy as sa

from migration.quality.rules import RuleKind
from migration.quality.suite import STAGING, RuleSql
from migration.schema.model import load_schema

NOTHING = "FALSE"
NONE_FAILS = "SELECT 0"


@dataclass(frozen=True)
class TableProofs:
    """What the server has proved of one table: columns without NULL, texts within their lengths, unique columns."""

    required: frozenset[str]
    has_lengths: bool
    unique: frozenset[frozenset[str]]


NO_PROOFS = TableProofs(frozenset(), False, frozenset())


def read_proofs(engine: sa.Engine, division: str) -> dict[str, TableProofs]:
    """Proofs by entity of a division's staging tables."""
    suffix = f"_{division.lower()}"
    with engine.connect() as connection:
        rows = connection.execute(sa.text(_PROOFS), {"schema": STAGING, "ending": suffix}).all()
    return {
        str(name).removesuffix(suffix): TableProofs(
            frozenset(required), bool(has_lengths), frozenset(frozenset(columns) for columns in unique)
        )
        for name, required, has_lengths, unique in rows
    }


def spare_proved(rules: Iterable[RuleSql], proofs: dict[str, TableProofs]) -> tuple[RuleSql, ...]:
    """The rules; those that are proved look for nothing."""
    return tuple(_spare(item, proofs.get(item.rule.entity, NO_PROOFS)) for item in rules)


def _spare(item: RuleSql, proofs: TableProofs) -> RuleSql:
    rule = item.rule
    if not rule.rule_id.startswith("schema."):
        return item
    kind = rule.rule_id.rpartition(".")[2]
    is_proved = (kind == "required" and rule.field in proofs.required) or (kind == "length" and proofs.has_lengths)
    if rule.kind is RuleKind.ROWS and is_proved:
        return replace(item, fails=NOTHING)
    if rule.kind is RuleKind.QUERY and _unique_columns(rule.entity, kind) in proofs.unique:
        return replace(item, number_sql=NONE_FAILS)
    return item


def _unique_columns(entity: str, kind: str) -> frozenset[str] | None:
    """Columns that the rule `schema.<entity>.key` or `.unique_<n>` says occur once together."""
    definition = load_schema().entity(entity)
    keys = {"key": definition.key, **{f"unique_{n}": u for n, u in enumerate(definition.unique, start=1)}}
    return frozenset(keys[kind]) if kind in keys else None


_PROOFS = r"""
SELECT c.relname,
    array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attnotnull),
    EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated
        AND k.conname = left(c.relname, -length(:ending)) || '_lengths'),
    coalesce((SELECT json_agg(i.columns) FROM (
        SELECT array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY(x.indkey))
            AS columns
        FROM pg_index x WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indpred IS NULL
            AND x.indexprs IS NULL) AS i), '[]'::json)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind = 'r' AND right(c.relname, length(:ending)) = :ending
"""
