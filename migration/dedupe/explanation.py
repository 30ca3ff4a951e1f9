"""Why two records are one person, or are not: levels, weights, the decision.

Enters: a `Matrix`, a `Model`, two records, and the decision taken. Leaves: `Explanation`, as text, JSON and an SVG
waterfall. Must hold: the score is computed here in plain Python with rapidfuzz, apart from the compiled kernel, and
equals it. Names levels and weights only; the values compared are shown by the caller to people who may see them.
Refuses nothing.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import pyarrow.compute as pc
from rapidfuzz.distance import OSA, DamerauLevenshtein, Jaro, JaroWinkler, Levenshtein

from migration.dedupe.matrix import Matrix
from migration.dedupe.model import Comparison, Condition, Level, LevelSet, Model, Operation
from migration.dedupe.program import UNSEEN_FREQUENCY
from migration.errors import ConfigError

Value = str | int | None
MOST_CERTAIN = 0.9999
SIMILARITIES: Mapping[Operation, Callable[[str, str], float]] = {
    Operation.JARO_WINKLER: JaroWinkler.similarity,
    Operation.JARO: Jaro.similarity,
}
DISTANCES: Mapping[Operation, Callable[[str, str], int]] = {
    Operation.LEVENSHTEIN: Levenshtein.distance,
    Operation.ALIGNMENT: OSA.distance,
    Operation.DAMERAU: DamerauLevenshtein.distance,
}


@dataclass(frozen=True)
class Step:
    """One comparison of an explanation. `weight` is the level's, `frequency` what the value's rarity adds to it."""

    comparison: str
    level: str
    weight: float
    frequency: float
    is_missing: bool

    @property
    def label(self) -> str:
        """Comparison and level as words."""
        return f"{readable(self.comparison)}: {readable(self.level)}"


@dataclass(frozen=True)
class Explanation:
    """Two records compared. `vetoes` and `cautions` name the combinations of levels that hold.

    `score_between_relatives` weighs one person against two of one household; None where the model knows none.
    `counted` is what counts when golden nominals are formed: the smaller of the two, less where a caution holds, within
    the model's limits; None where a veto holds. `needed` is the mean weight that joins. `reasons` say what decided.
    """

    left: str
    right: str
    prior: float
    steps: tuple[Step, ...]
    score: float
    probability: float
    vetoes: tuple[str, ...]
    cautions: tuple[str, ...]
    decision: str
    model_version: str
    score_between_relatives: float | None = None
    counted: float | None = None
    needed: float = 0.0
    reasons: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The explanation as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    def to_text(self) -> str:
        """The explanation as a table, the strongest evidence first."""
        lines = [f"{self.left} and {self.right}: {self.decision}", *(f"  because {r}" for r in self.reasons), ""]
        lines.append(_line("before any comparison", self.prior))
        known = [s for s in self.steps if not s.is_missing]
        for step in sorted(known, key=lambda s: (-abs(s.weight + s.frequency), s.comparison)):
            rare = f"of which rarity {step.frequency:+.2f}" if step.frequency else ""
            lines.append(_line(step.label, step.weight + step.frequency, rare))
        lines.append(_line("score (bits; each doubles the odds)", self.score, self.odds))
        if self.score_between_relatives is not None:
            lines.append(_line("against two relatives of one home", self.score_between_relatives))
        if self.counted is None:
            lines.append("  what counts: nothing; it keeps them apart whatever else agrees")
        else:
            lines.append(_line("what counts", self.counted, f"{self.needed:g} are needed, as the mean of all pairs"))
        lines += [f"  {note}" for note in self.notes]
        if unknown := [readable(s.comparison) for s in self.steps if s.is_missing]:
            lines.append(f"  not known of one or both: {', '.join(unknown)}")
        return "\n".join([*lines, f"  model {self.model_version}"])

    @property
    def notes(self) -> tuple[str, ...]:
        """The vetoes and cautions that hold."""
        vetoes = [f"veto: {readable(v)}" for v in self.vetoes]
        return (*vetoes, *(f"caution: {readable(c)}" for c in self.cautions))

    @property
    def odds(self) -> str:
        """The probability in words; no certainty is claimed, since comparisons are taken as independent."""
        if self.probability > MOST_CERTAIN:
            return f"more than {MOST_CERTAIN:.2%}, were the comparisons independent"
        if self.probability < 1 - MOST_CERTAIN:
            return f"less than {1 - MOST_CERTAIN:.2%}, were the comparisons independent"
        return f"{self.probability:.2%}, were the comparisons independent"


def readable(name: str) -> str:
    """A name of a comparison, level, veto or caution as words."""
    return name.replace("id_", "identifier ", 1).replace("_", " ") if name.startswith("id_") else name.replace("_", " ")


def _line(what: str, weight: float, more: str = "") -> str:
    return f"  {what:44s} {weight:+8.2f}" + (f"   {more}" if more else "")


def find_record(matrix: Matrix, record_id: str) -> int:
    """Number of a record.

    Raises:
        ConfigError: no record has that id.
    """
    place = pc.index(matrix.record_ids, record_id).as_py()
    if place < 0:
        raise ConfigError("explain", "no record with that id", "the id of a linked record", "Check the id and the run.")
    return int(place)


def explain_pair(matrix: Matrix, model: Model, left: str, right: str, decision: str = "") -> Explanation:
    """The explanation of two records, whichever rule or none would compare them."""
    low, high = sorted((find_record(matrix, left), find_record(matrix, right)))
    first, second = _values(matrix, low), _values(matrix, high)
    steps = tuple(_compare(model, comparison, first, second) for comparison in model.comparisons)
    score = model.prior + math.fsum(s.weight + s.frequency for s in steps)
    levels = {s.comparison: s.level for s in steps}
    vetoes, cautions = _holding(model.vetoes, levels), _holding(model.cautions, levels)
    relatives = _score_between_relatives(model, first, second)
    return Explanation(
        left=str(matrix.record_ids[low].as_py()),
        right=str(matrix.record_ids[high].as_py()),
        prior=model.prior,
        steps=steps,
        score=score,
        probability=1.0 / (1.0 + 2.0 ** -max(min(score, 1000.0), -1000.0)),
        vetoes=vetoes,
        cautions=cautions,
        decision=decision,
        model_version=model.version,
        score_between_relatives=relatives,
        counted=None if vetoes else _counted(model, score, relatives, is_cautioned=bool(cautions)),
        needed=model.thresholds.cohesion,
    )


def _counted(model: Model, score: float, relatives: float | None, *, is_cautioned: bool) -> float | None:
    """What a pair without a veto counts when golden nominals are formed (`grouping.pair_weight`)."""
    limits = model.thresholds
    if score < limits.support:
        return None
    weight = min(score, relatives) if relatives is not None and score > limits.lowest else score
    if is_cautioned:
        weight = min(weight, limits.caution)
    return min(max(weight, limits.lowest), limits.highest)


def _score_between_relatives(model: Model, left: Mapping[str, Value], right: Mapping[str, Value]) -> float | None:
    between = model.against_relatives()
    if between is None:
        return None
    steps = [_compare(between, comparison, left, right) for comparison in between.comparisons]
    return between.prior + math.fsum(s.weight + s.frequency for s in steps)


def _holding(combinations: tuple[LevelSet, ...], levels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(c.name for c in combinations if all(levels.get(k) in v for k, v in c.levels.items()))


def _values(matrix: Matrix, record: int) -> dict[str, Value]:
    """The record's values: text of the pool, or the packed number of a date column (0 is None)."""
    numbers = {"dob", "birth_year"}
    found: dict[str, Value] = {}
    for column, place in matrix.columns.items():
        code = int(matrix.rows[record, place])
        found[column] = (code or None) if column in numbers else matrix.pool.text(code)
    return found


def _compare(model: Model, comparison: Comparison, left: Mapping[str, Value], right: Mapping[str, Value]) -> Step:
    for level in comparison.levels:
        for tests in level.when:
            if all(_holds(test, left, right) for test in tests):
                rarity = _rarity(model, level, tests[0], left, right)
                return Step(comparison.name, level.name, level.weight, rarity, level.is_missing)
    raise RuntimeError(f"comparison {comparison.name} has no level that applies")


def _rarity(
    model: Model, level: Level, test: Condition, left: Mapping[str, Value], right: Mapping[str, Value]
) -> float:
    if not level.tf or level.u is None:
        return 0.0
    table, unseen = model.frequencies.get(level.tf, {}), model.unseen.get(level.tf, UNSEEN_FREQUENCY)
    values = [left[level.tf], right[level.tf]]
    if test.operation is Operation.ANY_EQUAL:
        values = [_shared(test, left, right)]
    commoner = max([table.get(str(v), unseen) if v is not None else unseen for v in values] + [level.tf_floor])
    return level.tf_weight * (math.log2(level.usual_frequency) - math.log2(commoner))


def _run(column: str, span: int, values: Mapping[str, Value]) -> list[Value]:
    names = list(values)
    start = names.index(column)
    return [values[n] for n in names[start : start + span]]


def _shared(test: Condition, left: Mapping[str, Value], right: Mapping[str, Value]) -> Value:
    others = {v for v in _run(test.right, int(test.at), right) if v is not None}
    return next((v for v in _run(test.left, int(test.at), left) if v is not None and v in others), None)


def _holds(test: Condition, left: Mapping[str, Value], right: Mapping[str, Value]) -> bool:  # noqa: PLR0911
    if test.operation is Operation.ALWAYS:
        return True
    if test.operation is Operation.ANY_EQUAL:
        return _shared(test, left, right) is not None
    a, b = left[test.left], right[test.right]
    if test.operation is Operation.MISSING:
        return a is None or b is None
    if a is None or b is None:
        return False
    if test.operation is Operation.EQUAL:
        return a == b
    if test.operation in SIMILARITIES:
        return bool(SIMILARITIES[test.operation](str(a), str(b)) >= test.at)
    if test.operation in DISTANCES:
        return bool(DISTANCES[test.operation](str(a), str(b)) <= test.at)
    if test.operation is Operation.INITIAL:
        return str(a)[0] == str(b)[0] and min(len(str(a)), len(str(b))) == 1
    return _date_holds(test, int(a), int(b))


def _date_holds(test: Condition, a: int, b: int) -> bool:
    x, y = f"{a:08d}", f"{b:08d}"
    swapped = x[:4] == y[:4] and x[6:] == y[4:6] and x[4:6] == y[6:] and x != y
    different = [i for i in range(8) if x[i] != y[i]]
    turned = len(different) == 2 and different[1] == different[0] + 1 and x[different[0]] == y[different[1]]
    turned = turned and x[different[1]] == y[different[0]]
    answers = {
        Operation.DATE_DIGIT: x[6:] != "00" and y[6:] != "00" and (len(different) == 1 or turned),
        Operation.DATE_SWAPPED: swapped,
        Operation.DATE_MONTH: x[:6] == y[:6] and x[4:6] != "00",
        Operation.DATE_DAY: x[4:] == y[4:] and x[6:] != "00",
        Operation.DATE_YEARS: abs(int(x[:4]) - int(y[:4])) <= test.at,
        Operation.DATE_NEW_YEAR: x == y and x[4:] == "0101",
    }
    return answers[test.operation]
