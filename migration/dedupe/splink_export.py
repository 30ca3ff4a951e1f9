"""Our models as Splink settings.

Enters: a model of ours. Leaves: settings that Splink 4 or 5 runs on DuckDB. Must hold: on the same pairs, over a table
with our linkage columns in which "not known" is NULL (dates are numbers YYYYMMDD) and with the same term frequencies,
Splink's match weights equal our scores to 1e-6. One thing Splink cannot say: how rare the name is that an alias shares,
since its frequencies are of one column; such levels are exported without rarity. Households, vetoes, cautions and
thresholds are ours alone and stay behind. Refuses: an edit distance with transpositions of more than 1, where Splink
counts otherwise.
"""

from dataclasses import replace
from typing import Any

from migration.dedupe.levels import LINKAGE_COLUMNS
from migration.dedupe.model import Comparison, Condition, Level, Model, Operation
from migration.errors import ConfigError

FUNCTIONS = {
    Operation.JARO_WINKLER: ("jaro_winkler_similarity", ">="),
    Operation.JARO: ("jaro_similarity", ">="),
    Operation.LEVENSHTEIN: ("levenshtein", "<="),
    Operation.DAMERAU: ("damerau_levenshtein", "<="),
    Operation.ALIGNMENT: ("damerau_levenshtein", "<="),
}
SIMPLE = {
    Operation.MISSING: "{a} IS NULL OR {b} IS NULL",
    Operation.EQUAL: "{a} = {b}",
    Operation.INITIAL: "(substr({a}, 1, 1) = substr({b}, 1, 1) AND least(length({a}), length({b})) = 1)",
    Operation.DATE_DIGIT: (
        "({a} % 100 <> 0 AND {b} % 100 <> 0 AND (hamming({x}, {y}) = 1 "
        "OR (hamming({x}, {y}) = 2 AND damerau_levenshtein({x}, {y}) = 1)))"
    ),
    Operation.DATE_SWAPPED: (
        "({a} <> {b} AND {a} // 10000 = {b} // 10000 AND {a} // 100 % 100 = {b} % 100 AND {a} % 100 = {b} // 100 % 100)"
    ),
    Operation.DATE_MONTH: "({a} // 100 = {b} // 100 AND {a} // 100 % 100 <> 0)",
    Operation.DATE_DAY: "({a} % 10000 = {b} % 10000 AND {a} % 100 <> 0)",
    Operation.DATE_YEARS: "abs({a} // 10000 - {b} // 10000) <= {at:g}",
    Operation.DATE_NEW_YEAR: "({a} = {b} AND {a} % 10000 = 101)",
}


def export_splink(model: Model) -> dict[str, Any]:
    """The model as Splink settings.

    Raises:
        ConfigError: a level counts edits with transpositions beyond one.
    """
    return {
        "link_type": "dedupe_only",
        "sql_dialect": "duckdb",
        "unique_id_column_name": "record_id",
        "probability_two_random_records_match": 1.0 / (1.0 + 2.0**-model.prior),
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [_export_comparison(c) for c in model.comparisons],
    }


def without_shared_rarity(model: Model) -> Model:
    """The model as Splink can have it: levels on a shared alias without term frequency."""
    comparisons = tuple(
        replace(c, levels=tuple(replace(x, tf="") if _is_run(x) else x for x in c.levels)) for c in model.comparisons
    )
    return replace(model, comparisons=comparisons)


def _is_run(level: Level) -> bool:
    return any(t.operation is Operation.ANY_EQUAL for tests in level.when for t in tests)


def _export_comparison(comparison: Comparison) -> dict[str, Any]:
    exact = {level.tf: level.u for level in comparison.levels if level.tf and not _is_run(level)}
    return {
        "output_column_name": comparison.name,
        "comparison_levels": [_export_level(comparison.name, level, exact) for level in comparison.levels],
    }


def _export_level(comparison: str, level: Level, exact: dict[str, float | None]) -> dict[str, Any]:
    raw: dict[str, Any] = {"sql_condition": _sql(comparison, level), "label_for_charts": level.name}
    if level.is_missing:
        return {**raw, "is_null_level": True}
    raw |= {"m_probability": level.m, "u_probability": level.u}
    if level.tf and not _is_run(level):
        raw |= {
            # Splink holds a frequency against u of the exact level; where that is another level, its u stands in.
            "u_probability": exact[level.tf] if level.tf_weight == 1.0 and level.tf_u is None else level.u,
            "tf_adjustment_column": level.tf,
            "tf_adjustment_weight": level.tf_weight,
            "tf_minimum_u_value": level.tf_floor,
        }
    return raw


def _sql(comparison: str, level: Level) -> str:
    if level.tf and [t.operation for tests in level.when for t in tests] == [Operation.EQUAL]:
        # Splink knows an exact level by its column: that of the frequencies, equal where the compared one is.
        return f'"{level.tf}_l" = "{level.tf}_r"'
    return " OR ".join(" AND ".join(_condition(comparison, t) for t in tests) for tests in level.when)


def _condition(comparison: str, test: Condition) -> str:
    if test.operation is Operation.ALWAYS:
        return "ELSE"
    if test.operation is Operation.ANY_EQUAL:
        return _any_equal(test)
    a, b = f'"{test.left}_l"', f'"{test.right}_r"'
    if test.operation in SIMPLE:
        x, y = (f"lpad(CAST({c} AS VARCHAR), 8, '0')" for c in (a, b))
        return SIMPLE[test.operation].format(a=a, b=b, x=x, y=y, at=test.at)
    if test.operation is Operation.ALIGNMENT and test.at > 1:
        found = f"up to {test.at:g} edits with transpositions"
        raise ConfigError(f"comparison {comparison}", found, "at most one, as Splink counts", "Lower the limit.")
    name, sign = FUNCTIONS[test.operation]
    return f"{name}({a}, {b}) {sign} {test.at:g}"


def _any_equal(test: Condition) -> str:
    """Any of a run of neighbouring columns of one record equals any of the other's."""
    start, end = LINKAGE_COLUMNS.index(test.left), LINKAGE_COLUMNS.index(test.right)
    left, right = LINKAGE_COLUMNS[start : start + int(test.at)], LINKAGE_COLUMNS[end : end + int(test.at)]
    return "(" + " OR ".join(f'"{a}_l" = "{b}_r"' for a in left for b in right) + ")"
