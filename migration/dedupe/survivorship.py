"""The value of each attribute that a golden nominal shows.

Enters: nominals with their golden ids, `mappings/national/survivorship.yml`. Leaves: one row per golden nominal and
attribute that any of its nominals knows: the value, the nominal it came from, the rule that decided, the number of
variants. Must hold: the choice depends on the set of linked nominals only; every value shown is recorded on the nominal
named. Refuses: an attribute or rule that does not exist, naming it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from migration.duck import sql_text
from migration.errors import ConfigError
from migration.mapping.inherit import NATIONAL_FOLDER
from migration.schema.model import load_schema

FILE = "survivorship.yml"
RULES: Mapping[str, str] = {
    "verified": "is_verified DESC",
    "most_precise": "precision ASC",
    "most_complete": "length(value) DESC",
    "most_frequent": "uses DESC",
    "most_recent": "last_recorded_on DESC NULLS LAST",
    "most_trusted": "trust ASC",
}
PRECISIONS = ("MINUTE", "DAY", "MONTH", "YEAR", "AGE_ONLY", "NONE")
IDENTIFIER_KINDS: Mapping[str, str] = {"scro_no": "SCRO", "pnc_id": "PNC", "cro_no": "CRO", "driver_no": "DRIVER"}


@dataclass(frozen=True)
class Attribute:
    """How one attribute survives: rules in order, values that never do."""

    name: str
    rules: tuple[str, ...]
    unless: tuple[str, ...]


@dataclass(frozen=True)
class Survivorship:
    """The declared survivorship."""

    trust: tuple[str, ...]
    attributes: tuple[Attribute, ...]


def survivorship_file(mappings: Path) -> Path:
    """Where the declaration of a folder of packs lies, there or not."""
    national = mappings / "national"
    return (national if national.is_dir() else NATIONAL_FOLDER) / FILE


def read_survivorship(mappings: Path) -> Survivorship:
    """The declaration in `mappings/national/survivorship.yml`; a root without a national folder takes the project's.

    Raises:
        ConfigError: no such file, or an attribute or rule that does not exist.
    """
    path = survivorship_file(mappings)
    if not path.exists():
        raise ConfigError(f"mappings/national/{FILE}", "no file", "one", "Restore it from version control.")
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = set(load_schema().entity("nominal").field_names)
    attributes = []
    for name, entry in raw["attributes"].items():
        wrong = [r for r in entry["rules"] if r not in RULES]
        where = f"mappings/national/{FILE}, attribute {name}"
        if name not in known:
            raise ConfigError(where, "no such field of nominal", "a field of the national schema", "Correct its name.")
        if wrong or not entry["rules"]:
            raise ConfigError(where, f"rules {wrong}", f"some of {sorted(RULES)}", "Correct the rules.")
        attributes.append(Attribute(name, tuple(entry["rules"]), tuple(entry.get("unless", ()))))
    return Survivorship(tuple(raw.get("trust", ())), tuple(attributes))


def survivorship_sql(survivorship: Survivorship) -> str:
    """SQL of the `survivorship` entity. Grain: one row per golden nominal and attribute.

    It reads `linked_nominal` (nominals with `golden_id` and `last_recorded_on`) and `nominal_identifier`.
    """
    return "\nUNION ALL ".join(f"({_attribute_sql(a, survivorship.trust)})" for a in survivorship.attributes)


def _attribute_sql(attribute: Attribute, trust: Sequence[str]) -> str:
    order = ", ".join((*(RULES[r] for r in attribute.rules), "nominal_id ASC"))
    unless = ", ".join(sql_text(v) for v in attribute.unless)
    refused = f"AND {attribute.name}::VARCHAR NOT IN ({unless})" if unless else ""
    return f"""
WITH known AS (
    SELECT golden_id, nominal_id, {attribute.name}::VARCHAR AS value, last_recorded_on,
           {_precision_sql(attribute.name)} AS precision,
           {_verified_sql(attribute.name)} AS is_verified,
           {_trust_sql(trust)} AS trust
    FROM linked_nominal AS n WHERE {attribute.name} IS NOT NULL {refused}
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY golden_id, value) AS uses FROM known
), variants AS (
    SELECT golden_id, count(DISTINCT value) AS variants FROM known GROUP BY golden_id
)
SELECT golden_id, {sql_text(attribute.name)} AS attribute, left(value, 200) AS value, nominal_id AS from_nominal_id,
       CASE WHEN variants = 1 THEN 'only_value' ELSE {sql_text(attribute.rules[0])} END AS survivorship_rule, variants
FROM counted JOIN variants USING (golden_id)
QUALIFY row_number() OVER (PARTITION BY golden_id ORDER BY {order}) = 1"""


def _precision_sql(attribute: str) -> str:
    if attribute != "born_on":
        return "0"
    cases = " ".join(f"WHEN {sql_text(code)} THEN {rank}" for rank, code in enumerate(PRECISIONS))
    return f"CASE born_on_precision_code {cases} ELSE {len(PRECISIONS)} END"


def _verified_sql(attribute: str) -> str:
    kind = IDENTIFIER_KINDS.get(attribute)
    if kind is None:
        return "false"
    return (
        "EXISTS (SELECT 1 FROM nominal_identifier i WHERE i.nominal_id = n.nominal_id"
        f" AND i.identifier_type_code = {sql_text(kind)} AND i.identifier_value = n.{attribute}"
        " AND i.is_verified AND coalesce(i.is_check_ok, true))"
    )


def _trust_sql(trust: Sequence[str]) -> str:
    if not trust:
        return "0"
    cases = " ".join(f"WHEN {sql_text(system)} THEN {rank}" for rank, system in enumerate(trust))
    return f"CASE source_system {cases} ELSE {len(trust)} END"


def check_survivorship(connection: duckdb.DuckDBPyConnection) -> None:
    """Check that every value shown is that of the nominal it names; a bug otherwise.

    Raises:
        RuntimeError: a golden nominal shows two values of one attribute.
    """
    doubled = connection.execute(
        "SELECT count(*) FROM (SELECT golden_id, attribute FROM survivorship GROUP BY ALL HAVING count(*) > 1)"
    ).fetchone()
    if doubled and doubled[0]:
        raise RuntimeError(f"{doubled[0]} golden attributes have two values")
