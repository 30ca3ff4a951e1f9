"""A linkage model as arrays: what the compiled kernel executes.

Enters: a `Model` and a `Matrix`. Leaves: `Program`: one line per alternative of a level, in order, with its weight, and
for every comparison the most it can add, so that hopeless pairs are dropped before any string is looked at.
Must hold: executing the program gives the model's score to the last digit (`explain.py` computes it again, in Python).
Refuses: a level that needs more than two conditions at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from migration.dedupe.compiled import FloatArray, IntArray
from migration.dedupe.matrix import Matrix, frequency_weights
from migration.dedupe.model import Condition, Level, Model, Operation
from migration.errors import ConfigError

OPERATION_NUMBERS = {operation: number for number, operation in enumerate(Operation)}
FIRST_STRING_OPERATION = OPERATION_NUMBERS[Operation.JARO_WINKLER]
LAST_STRING_OPERATION = OPERATION_NUMBERS[Operation.INITIAL]
MOST_COMPARISONS = 16
UNSEEN_FREQUENCY = 1e-5


@dataclass(frozen=True)
class Program:
    """Arrays of one model over one matrix.

    Attributes:
        lines: per alternative: level, then (operation, left column, right column, span) twice, then frequency column
            and row of `logs` (-1 without term frequency).
        numbers: per alternative: the two thresholds, weight, term-frequency weight, log2 u, log2 of the frequency
        floor,
            and the most that this line or a later one of its comparison can weigh.
        starts: first line of every comparison, and the number of lines.
        logs: log2 frequency of every pool string, one row per frequency column.
        prior: weight of a pair before any comparison.
    """

    lines: IntArray
    numbers: FloatArray
    starts: IntArray
    logs: FloatArray
    prior: float


def compile_model(model: Model, matrix: Matrix, logs: FloatArray | None = None) -> Program:
    """The program of a model over the columns of a matrix.

    Args:
        logs: `frequency_table` of the same frequencies, to save making it again.

    Raises:
        ConfigError: a level has more than two conditions in one alternative, or there are more than 16 comparisons.
    """
    if len(model.comparisons) > MOST_COMPARISONS:
        found = f"{len(model.comparisons)} comparisons"
        raise ConfigError(f"linkage model {model.name}", found, f"at most {MOST_COMPARISONS}", "Drop the weakest.")
    table = frequency_table(model, matrix) if logs is None else logs
    lines: list[list[int]] = []
    numbers: list[list[float]] = []
    starts = [0]
    for comparison in model.comparisons:
        for number, level in enumerate(comparison.levels):
            row = model.frequency_columns.index(level.tf) if level.tf else -1
            for tests in level.when:
                line, limit = _line(model, comparison.name, number, tests, matrix)
                lines.append([*line, _place(matrix, level.tf), row])
                numbers.append([*limit, *_weights(level, table[row] if row >= 0 else None)])
        starts.append(len(lines))
    number_array = np.asarray(numbers, dtype=np.float64).reshape(len(lines), 7)
    number_array[:, 6] = _suffix_best(number_array[:, 6], starts)
    return Program(
        np.asarray(lines, dtype=np.int32), number_array, np.asarray(starts, dtype=np.int32), table, model.prior
    )


def frequency_table(model: Model, matrix: Matrix) -> FloatArray:
    """log2 frequency of every pool string, one row per frequency column of the model."""
    columns = model.frequency_columns
    if not columns:
        return np.zeros((1, 1))
    unseen = tuple(model.unseen.get(c, UNSEEN_FREQUENCY) for c in columns)
    key = (id(model.frequencies), columns, unseen)
    if key not in matrix.pool.logs:
        for (known, names, rates), (_, weights) in matrix.pool.logs.items():
            wanted = dict(zip(columns, unseen, strict=True)).items()
            if known == key[0] and wanted <= dict(zip(names, rates, strict=True)).items():
                return weights[[names.index(c) for c in columns]]
        weights = frequency_weights(matrix, [model.frequencies.get(c, {}) for c in columns], unseen)
        matrix.pool.logs.clear()
        matrix.pool.logs[key] = (model.frequencies, weights)  # the mapping too, so that its id is not given again
    return matrix.pool.logs[key][1]


def keep_frequencies(model: Model, matrix: Matrix, weights: FloatArray) -> None:
    """Have `frequency_table` give these weights for the model's frequencies, to save looking their values up."""
    columns = model.frequency_columns
    unseen = tuple(model.unseen.get(c, UNSEEN_FREQUENCY) for c in columns)
    matrix.pool.logs.clear()
    matrix.pool.logs[id(model.frequencies), columns, unseen] = (model.frequencies, weights)


def telling_order(model: Model, program: Program, agreed: Sequence[str]) -> IntArray:
    """Numbers of the comparisons, those first that are expected to lower the bound of two different people most.

    Args:
        agreed: columns that the pairs to compare agree on: a comparison that these settle comes last.
    """
    drops = []
    for number, comparison in enumerate(model.comparisons):
        best = float(program.numbers[program.starts[number], 6])
        drop = sum((level.u or 0.0) * (best - level.weight) for level in comparison.levels if not level.is_missing)
        exact = {c for tests in comparison.levels[0].when for t in tests for c in t.columns}
        drops.append(-1.0 if exact <= set(agreed) else drop)
    return np.argsort(-np.asarray(drops), kind="stable").astype(np.int32)


def _line(
    model: Model, comparison: str, level: int, tests: tuple[Condition, ...], matrix: Matrix
) -> tuple[list[int], list[float]]:
    if len(tests) > 2:
        where = f"linkage model {model.name}, comparison {comparison}"
        raise ConfigError(where, f"a level with {len(tests)} conditions", "at most two", "Split the level.")
    padded = (*tests, Condition(Operation.ALWAYS))[:2] if len(tests) < 2 else tests
    line = [level]
    for test in padded:
        span = int(test.at) if test.operation is Operation.ANY_EQUAL else 1
        line += [OPERATION_NUMBERS[test.operation], _place(matrix, test.left), _place(matrix, test.right), span]
    return line, [padded[0].at, padded[1].at]


def _place(matrix: Matrix, column: str) -> int:
    return matrix.columns[column] if column else 0


def _weights(level: Level, logs: FloatArray | None) -> list[float]:
    log_u = math.log2(level.usual_frequency)
    floor = math.log2(level.tf_floor) if level.tf_floor > 0 else -1e9
    highest = level.weight
    if logs is not None and level.tf_weight > 0 and len(logs) > 1:
        rarest = max(float(logs[1:].min()), floor)
        highest += max(level.tf_weight * (log_u - rarest), 0.0)
    return [level.weight, level.tf_weight, log_u, floor, highest]


def _suffix_best(highest: FloatArray, starts: list[int]) -> FloatArray:
    best = highest.copy()
    for start, end in pairwise(starts):
        for line in range(end - 2, start - 1, -1):
            best[line] = max(best[line], best[line + 1])
    return best
