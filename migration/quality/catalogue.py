"""All rules of a division: those the national schema promises and those of `expectations/`.

Enters: settings and a division. Leaves: the rules, and their SQL. Must hold: no two rules share an id.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from migration.errors import ConfigError
from migration.fingerprint import combine_hashes
from migration.quality.compile import compile_rules
from migration.quality.rule_files import read_overrides, read_rule_files, read_views
from migration.quality.rules import Rule
from migration.quality.schema_rules import convert_schema_rules
from migration.quality.suite import RuleSql
from migration.schema.model import NationalSchema, load_schema
from migration.schema.sql import NATIONAL_AREAS
from migration.settings import Settings


@dataclass(frozen=True)
class Catalogue:
    """The rules of one division, ordered by id, and their SQL in the same order."""

    division: str
    rules: tuple[Rule, ...]
    sql: tuple[RuleSql, ...]

    @property
    def version(self) -> str:
        """Hash of what all rules test."""
        return combine_hashes(f"{r.rule_id}={r.version}" for r in self.rules)


def staged_entities(schema: NationalSchema) -> frozenset[str]:
    """Entities with a staging table in every division."""
    return frozenset(e.name for e in schema.entities.values() if e.area in NATIONAL_AREAS)


def read_run_time(run_id: str) -> datetime:
    """When a run began, from its id; for an id of another form the beginning of today, UTC."""
    try:
        return datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def load_catalogue(settings: Settings, division: str, run_id: str) -> Catalogue:
    """The rules that apply to a division, with SQL as of the run's beginning.

    Raises:
        ConfigError: an expectation file is wrong, or two rules share an id.
    """
    schema = load_schema()
    folder = settings.expectations
    written = read_rule_files(folder, division, schema)
    computed = convert_schema_rules(schema, read_overrides(folder), staged_entities(schema))
    rules = tuple(sorted((*written, *computed), key=lambda r: r.rule_id))
    for before, after in pairwise(rules):
        if before.rule_id == after.rule_id:
            fix = "Give the rule in the expectations folder another id."
            raise ConfigError(f"rule {before.rule_id}", "two rules of that id", "ids used once", fix)
    sql = compile_rules(rules, read_views(folder), (division, run_id, read_run_time(run_id)), schema)
    return Catalogue(division, rules, sql)
