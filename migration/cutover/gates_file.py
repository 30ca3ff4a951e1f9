"""The gate's criteria as `expectations/gates.yml` states them.

Enters: the file. Leaves: frozen `CriterionSpec`s in its order. Refuses, naming every problem at once: an unknown key or
kind, a missing text, a bound that is no number, an amber bound stricter than its green one, an id used twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from migration.errors import ConfigError
from migration.load.evidence import gates_path
from migration.settings import Settings

KINDS = (
    "sample",
    "ledger",
    "reconciliation",
    "constraints",
    "failing_rules",
    "rule_errors",
    "untested_rules",
    "quarantine",
    "rejects_by_rule",
    "geocode_levels",
    "golden_nominals",
    "linked_against",
    "proposed_codes",
)
TEXTS = ("id", "title", "kind", "why", "fix", "source")
OPTIONS = frozenset({"severity", "levels_missed"})
AT_LEAST = frozenset({"sample"})
"""Kinds whose figure must reach its bound; all others must stay within theirs."""


@dataclass(frozen=True)
class Bound:
    """Limits on a share (percent, 0 to 100) and on rows; None is no limit. Both must hold."""

    percent: float | None = None
    rows: int | None = None


@dataclass(frozen=True)
class CriterionSpec:
    """One criterion: what must hold, how it is measured, and within which bounds."""

    criterion_id: str
    title: str
    kind: str
    why: str
    fix: str
    source: str
    green: Bound
    amber: Bound | None
    options: Mapping[str, Any]


def load_gates(settings: Settings) -> tuple[CriterionSpec, ...]:
    """The criteria of the gate, in the order of the file.

    Raises:
        ConfigError: the file is not there or breaks its own rules; names every problem.
    """
    path = gates_path(settings)
    fix = "Correct expectations/gates.yml."
    if not path.exists():
        hint = "Set MIGRATION_EXPECTATIONS, or restore the file."
        raise ConfigError(str(path), "no file", "the gate's criteria", hint)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(str(path), "text that is no YAML", "criteria", fix) from error
    items = raw.get("criteria") if isinstance(raw, dict) else None
    if not isinstance(items, list) or not items:
        raise ConfigError(str(path), "no list `criteria`", "at least one criterion", fix)
    problems = [problem for item in items for problem in _find_problems(item)]
    ids = [item.get("id") for item in items if isinstance(item, dict)]
    problems += [f"{name}: id used twice" for name in sorted({str(i) for i in ids if ids.count(i) > 1})]
    if problems:
        raise ConfigError(str(path), "; ".join(problems), "criteria as its header describes", fix)
    return tuple(_build(item) for item in items)


def _find_problems(item: object) -> list[str]:
    if not isinstance(item, dict):
        return ["an entry that is no mapping"]
    name = str(item.get("id", "(no id)"))
    problems = [f"{name}: no {key}" for key in TEXTS if not isinstance(item.get(key), str) or not item[key].strip()]
    unknown = sorted(set(item) - {*TEXTS, *OPTIONS, "green", "amber"})
    problems += [f"{name}: unknown key {key}" for key in unknown]
    if item.get("kind") not in KINDS:
        problems.append(f"{name}: unknown kind {item.get('kind')}")
    if not isinstance(item.get("green"), dict):
        problems.append(f"{name}: no green bound")
        return problems
    for colour in ("green", "amber"):
        problems += [f"{name}: {colour} {p}" for p in _bound_problems(item.get(colour, {}))]
    if not problems and "amber" in item and _is_stricter(item["amber"], item["green"], str(item["kind"])):
        problems.append(f"{name}: the amber bound is stricter than the green one")
    return problems


def _bound_problems(bound: object) -> list[str]:
    if not isinstance(bound, dict):
        return ["is no mapping"]
    problems = [f"has an unknown key {key}" for key in sorted(set(bound) - {"percent", "rows"})]
    for key, value in bound.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            problems.append(f"{key} is no number of 0 or more")
    return problems


def _is_stricter(amber: Mapping[str, float], green: Mapping[str, float], kind: str) -> bool:
    pairs = [(amber[key], green[key]) for key in green if key in amber]
    return any(a > g for a, g in pairs) if kind in AT_LEAST else any(a < g for a, g in pairs)


def _build(item: dict[str, Any]) -> CriterionSpec:
    return CriterionSpec(
        criterion_id=item["id"],
        title=item["title"],
        kind=item["kind"],
        why=item["why"],
        fix=item["fix"],
        source=item["source"],
        green=Bound(**item["green"]),
        amber=Bound(**item["amber"]) if "amber" in item else None,
        options={key: item[key] for key in sorted(OPTIONS & set(item))},
    )
