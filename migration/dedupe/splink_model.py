"""Splink models in.

Enters: a Splink 4 or 5 model (the JSON its linker saves). Leaves: a model of ours (`splink_export.py` is the way back).
Must hold: on the same pairs, an imported model gives Splink's match weights to 1e-6 (`tests/benchmarks/bench_dedupe.py`
compares them in one run). Splink's term frequencies come from the data: importing takes them from the matrix at hand.
Refuses: a level
whose SQL is none of: a column missing, equal columns, `jaro_winkler_similarity`, `jaro_similarity`, `levenshtein` or
`damerau_levenshtein` against a number, `ELSE`, or an AND or OR of those; the message names the comparison and level.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from migration.dedupe.model import Comparison, Condition, Level, Model, Operation, prior_weight
from migration.errors import ConfigError

COLUMN = r'"?(\w+)_([lr])"?'
EQUAL = re.compile(rf"{COLUMN}\s*=\s*{COLUMN}")
MISSING = re.compile(rf"{COLUMN}\s+IS\s+NULL", re.IGNORECASE)
MEASURE = re.compile(rf"(\w+)\(\s*{COLUMN}\s*,\s*{COLUMN}\s*\)\s*(>=|<=)\s*([0-9.]+)", re.IGNORECASE)
MEASURES: Mapping[str, Operation] = {
    "jaro_winkler_similarity": Operation.JARO_WINKLER,
    "jaro_winkler": Operation.JARO_WINKLER,
    "jaro_similarity": Operation.JARO,
    "levenshtein": Operation.LEVENSHTEIN,
    "damerau_levenshtein": Operation.DAMERAU,
}


def import_splink(raw: Mapping[str, Any], name: str = "splink") -> Model:
    """The model of a Splink settings dictionary. Frequencies are empty: fill them from the data (`count_frequencies`).

    Raises:
        ConfigError: a level's SQL cannot be evaluated here.
    """
    comparisons = tuple(_import_comparison(c) for c in raw["comparisons"])
    prior = float(raw.get("probability_two_random_records_match", 0.0001))
    return Model(name, prior_weight(prior), comparisons, notes=("Imported from Splink.",))


def read_splink(path: Path) -> Model:
    """The model of a Splink model file.

    Raises:
        ConfigError: not a Splink model, or a level's SQL cannot be evaluated here.
    """
    raw = json.loads(path.read_text(encoding="utf-8"))
    if "comparisons" not in raw:
        raise ConfigError(
            f"Splink model {path.name}", "no comparisons", "a saved Splink model", "Save it from Splink again."
        )
    return import_splink(raw, path.stem)


def _import_comparison(raw: Mapping[str, Any]) -> Comparison:
    name = raw["output_column_name"]
    levels = tuple(_import_level(name, level) for level in raw["comparison_levels"])
    exact = {level.tf: level.u for level in reversed(levels) if level.tf and _is_exact(level)}
    return Comparison(name, tuple(replace(level, tf_u=exact.get(level.tf)) if level.tf else level for level in levels))


def _is_exact(level: Level) -> bool:
    return all(t.operation is Operation.EQUAL for tests in level.when for t in tests)


def _import_level(comparison: str, raw: Mapping[str, Any]) -> Level:
    label = str(raw.get("label_for_charts") or raw["sql_condition"])
    when = _parse(raw["sql_condition"], comparison)
    if raw.get("is_null_level"):
        return Level(label, when)
    if raw.get("m_probability") is None or raw.get("u_probability") is None:
        expected = "m and u of every level"
        raise ConfigError(
            f"Splink model, comparison {comparison}", "an untrained level", expected, "Train it in Splink."
        )
    column = raw.get("tf_adjustment_column") or ""
    return Level(
        label,
        when,
        m=float(raw["m_probability"]),
        u=float(raw["u_probability"]),
        tf=column,
        tf_weight=float(raw.get("tf_adjustment_weight", 1.0)),
        tf_floor=float(raw.get("tf_minimum_u_value", 0.0)),
    )


def _parse(sql: str, comparison: str) -> tuple[tuple[Condition, ...], ...]:
    """Alternatives (OR) of conditions (AND)."""
    if sql.strip().upper() == "ELSE":
        return ((Condition(Operation.ALWAYS),),)
    groups = []
    for alternative in re.split(r"\bOR\b", sql, flags=re.IGNORECASE):
        parts = re.split(r"\bAND\b", alternative, flags=re.IGNORECASE)
        groups.append(tuple(_parse_condition(_without_brackets(p), comparison) for p in parts))
    return tuple(dict.fromkeys(groups))


def _without_brackets(sql: str) -> str:
    """The condition without brackets around it."""
    text = sql.strip()
    while text.startswith("("):
        text = text[1:].strip()
    while text.count(")") > text.count("("):
        text = text.rstrip()[:-1].strip()
    return text


def _parse_condition(sql: str, comparison: str) -> Condition:
    if match := MISSING.fullmatch(sql):
        return Condition(Operation.MISSING, match[1], match[1])
    if match := EQUAL.fullmatch(sql):
        return Condition(Operation.EQUAL, *_sides(match.groups(), comparison))
    if match := MEASURE.fullmatch(sql):
        operation = MEASURES.get(match[1].lower())
        rising = operation in {Operation.JARO_WINKLER, Operation.JARO}
        if operation is not None and (match[6] == ">=") == rising:
            return Condition(operation, *_sides(match.groups()[1:5], comparison), at=float(match[7]))
    found = "SQL that has no counterpart here"
    expected = "equality, a similarity or a distance of two columns"
    raise ConfigError(f"Splink model, comparison {comparison}", found, expected, "Rewrite that level.")


def _sides(groups: tuple[str | Any, ...], comparison: str) -> tuple[str, str]:
    first, first_side, second, second_side = groups
    if {first_side, second_side} != {"l", "r"}:
        raise ConfigError(
            f"Splink model, comparison {comparison}", "a level on one side", "one of each side", "Rewrite it."
        )
    return (first, second) if first_side == "l" else (second, first)
