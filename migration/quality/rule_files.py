"""Rules and views from `expectations/*.yml`, checked whole before any of them runs.

Enters: the folder of expectations and a division. Leaves: `Rule`s and `View`s.
Must hold: every rule has an id of its own, an owner, a dimension, a severity, both thresholds, a plain title, why it
matters, the usual fix and a source. Refuses: anything missing, unknown or doubled, naming file and rule, all at once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from migration.errors import ConfigError
from migration.quality.rules import Rule, RuleKind, Threshold
from migration.schema.model import NationalSchema

NOT_RULES = frozenset({"gates.yml", "views.yml"})
"""Files of the folder that hold no rules."""
REQUIRED = ("id", "entity", "dimension", "severity", "owner", "threshold", "title", "why", "fix", "source")
OPTIONAL = ("field", "view", "scope", "fails", "query", "measure", "minimum", "maximum")


@dataclass(frozen=True)
class View:
    """A join over staging tables whose rows are those of one entity: what a rule across entities reads."""

    name: str
    entity: str
    sql: str


@dataclass(frozen=True)
class Overrides:
    """Changes to rules computed from the schema: thresholds and severities, each with the reason in the file."""

    thresholds: Mapping[str, Threshold]
    severities: Mapping[str, str]


class _Problems:
    """Every mistake found, so that one run shows them all."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, path: Path, rule: str, text: str) -> None:
        self.lines.append(f"{path.name}, rule {rule}: {text}")

    def raise_if_any(self, folder: Path) -> None:
        if self.lines:
            found = f"{len(self.lines)} mistakes: " + "; ".join(self.lines[:20])
            raise ConfigError(str(folder), found, "complete and known rules", "Correct the expectation files.")


def read_rule_files(folder: Path, division: str, schema: NationalSchema) -> tuple[Rule, ...]:
    """The rules of `folder/*.yml` and, where there, of `folder/divisions/<division>.yml`.

    Raises:
        ConfigError: a file or rule is not as this module says; lists every mistake.
    """
    problems = _Problems()
    rules: list[Rule] = []
    for path in _rule_paths(folder, division):
        content = _read_yaml(path)
        defaults = content.get("defaults", {})
        for raw in content.get("rules", ()):
            rule = _build_rule(path, {**defaults, **raw}, schema, problems)
            if rule is not None:
                rules.append(rule)
    for rule_id in _doubled(r.rule_id for r in rules):
        problems.lines.append(f"rule {rule_id}: the id is used more than once")
    problems.raise_if_any(folder)
    return tuple(sorted(rules, key=lambda r: r.rule_id))


def read_views(folder: Path) -> dict[str, View]:
    """Views of `folder/views.yml`, by name."""
    content = _read_yaml(folder / "views.yml")
    return {name: View(name, raw["entity"], raw["sql"]) for name, raw in content.get("views", {}).items()}


def read_overrides(folder: Path) -> Overrides:
    """Thresholds and severities of `folder/schema_rules.yml` for rules computed from the schema."""
    content = _read_yaml(folder / "schema_rules.yml").get("overrides", {})
    thresholds = {k: _threshold(v["threshold"]) for k, v in content.items() if "threshold" in v}
    return Overrides(thresholds, {k: v["severity"] for k, v in content.items() if "severity" in v})


def _rule_paths(folder: Path, division: str) -> Iterator[Path]:
    for path in sorted(folder.glob("*.yml")):
        if path.name not in NOT_RULES and path.name != "schema_rules.yml":
            yield path
    own = folder / "divisions" / f"{division}.yml"
    if own.exists():
        yield own


def _read_yaml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(str(path), "text that is no YAML", "a YAML file", "Correct the file.") from error
    return content if isinstance(content, dict) else {}


def _build_rule(path: Path, raw: Mapping[str, Any], schema: NationalSchema, problems: _Problems) -> Rule | None:
    rule_id = str(raw.get("id", "without an id"))
    missing = [k for k in REQUIRED if not raw.get(k)]
    unknown = sorted(set(raw) - {*REQUIRED, *OPTIONAL})
    if missing or unknown:
        problems.add(path, rule_id, f"missing {missing}" if missing else f"unknown keys {unknown}")
        return None
    wrong = list(_wrong_names(raw, schema))
    kinds = [k for k in ("fails", "query", "measure") if raw.get(k)]
    if len(kinds) != 1:
        wrong.append(f"one of fails, query or measure, not {kinds or 'none'}")
    for text in wrong:
        problems.add(path, rule_id, text)
    if wrong:
        return None
    return Rule(
        rule_id=rule_id,
        entity=raw["entity"],
        field=raw.get("field", ""),
        kind={"fails": RuleKind.ROWS, "query": RuleKind.QUERY, "measure": RuleKind.MEASURE}[kinds[0]],
        dimension=raw["dimension"],
        severity=raw["severity"],
        owner=raw["owner"],
        title=raw["title"],
        why=raw["why"],
        usual_fix=raw["fix"],
        source=raw["source"],
        view=raw.get("view", ""),
        scope=str(raw.get("scope", "TRUE")).strip(),
        fails=str(raw.get("fails", "FALSE")).strip(),
        query=str(raw.get("query") or raw.get("measure") or "").strip(),
        minimum=raw.get("minimum"),
        maximum=raw.get("maximum"),
        threshold=_threshold(raw["threshold"]),
    )


def _wrong_names(raw: Mapping[str, Any], schema: NationalSchema) -> Iterator[str]:
    entity = schema.entities.get(raw["entity"])
    if entity is None:
        yield f"no entity {raw['entity']}"
    elif raw.get("field") and raw["field"] not in entity.field_names:
        yield f"no field {raw['field']} in {entity.name}"
    for key, code_list in (("dimension", "dq_dimension"), ("severity", "dq_severity")):
        known = [c.code for c in schema.codes[code_list]]
        if raw[key] not in known:
            yield f"{key} {raw[key]}, not one of {known}"
    if not {"percent", "rows"} <= set(raw["threshold"]):
        yield "a threshold needs percent and rows"


def _threshold(raw: Mapping[str, Any]) -> Threshold:
    return Threshold(float(raw["percent"]), int(raw["rows"]))


def _doubled(ids: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    doubled = []
    for rule_id in ids:
        if rule_id in seen:
            doubled.append(rule_id)
        seen.add(rule_id)
    return doubled
