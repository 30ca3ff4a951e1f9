"""Audit samples for the Scottish Crime Recording Standard: drawn, filled in by a person, read back.

Enters: a run's crimes and crime reports; later the sheets with answers. Leaves: a CSV sheet per test, and the
compliance of each with its confidence interval. Must hold: the same run, seed and wanted margin give the same sample,
whatever the order of rows; a sheet that was changed in its keys, is incomplete or belongs to another sample is
refused. Source: Scottish Crime Recording Standard; SCRS annual audit (compliant at 95 % or above on Test 1, Test 2
and No Crime).
"""

import csv
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import NormalDist
from types import MappingProxyType

from migration.duck import open_session, read_parquet_sql
from migration.errors import ConfigError, SourceError
from migration.layers import find_entity
from migration.records import RunContext

STANDARD = 0.95
CONFIDENCE = 0.95
MARGIN = 0.03
ANSWERS = ("yes", "no")
KEY_COLUMNS = ("source_system", "source_table", "source_key")
COLUMNS = ("sample_id", "number", *KEY_COLUMNS, "question", "compliant", "remark", "auditor")


class ScrsTest(StrEnum):
    """The three tests of the annual audit."""

    TEST_1 = "test_1"
    TEST_2 = "test_2"
    NO_CRIME = "no_crime"


@dataclass(frozen=True)
class TestDefinition:
    """What a test draws from (entity, condition) and what the auditor answers."""

    entity: str
    condition: str
    question: str


TESTS: Mapping[ScrsTest, TestDefinition] = MappingProxyType(
    {
        ScrsTest.TEST_1: TestDefinition(
            "crime_report",
            "storm_no IS NOT NULL",
            "Was the incident disposed of and linked to this report as SCRS asks?",
        ),
        ScrsTest.TEST_2: TestDefinition(
            "crime", "TRUE", "Is this crime recorded with the right code and number, within the time SCRS sets?"
        ),
        ScrsTest.NO_CRIME: TestDefinition(
            "crime", "disposal_code = 'NO_CRIME'", "Is the No Crime justified, authorised and the complainer told?"
        ),
    }
)


@dataclass(frozen=True)
class Sample:
    """A drawn sample: its id, how many records there are, and the keys in the order drawn."""

    test: ScrsTest
    sample_id: str
    population: int
    keys: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Compliance:
    """What a filled-in sheet says: share of compliant records and its interval at 95 % confidence."""

    test: ScrsTest
    population: int
    checked: int
    compliant: int
    lower: float
    upper: float

    @property
    def share(self) -> float:
        """Compliant records as a share of those checked."""
        return self.compliant / self.checked

    @property
    def verdict(self) -> str:
        """Against the standard: by the whole interval, so that a small sample cannot prove what it does not show."""
        if self.lower >= STANDARD:
            return "meets the standard"
        if self.upper < STANDARD:
            return "does not meet the standard"
        return "cannot tell: the interval holds 95 %; draw a larger sample"


def sample_size(
    population: int, margin: float = MARGIN, confidence: float = CONFIDENCE, expected: float = STANDARD
) -> int:
    """Records to check so that the share is known to within `margin`, with correction for a finite population."""
    if population <= 0:
        return 0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    wanted = z * z * expected * (1 - expected) / (margin * margin)
    return min(population, math.ceil(wanted / (1 + (wanted - 1) / population)))


def draw_sample(context: RunContext, test: ScrsTest, seed: int = 1, margin: float = MARGIN) -> Sample:
    """A random sample of the records a test is about, from the run's newest files.

    Raises:
        SourceError: the run has no such records to draw from.
    """
    definition = TESTS[test]
    path = find_entity(context, definition.entity)
    where = f"run {context.division}/{context.run_id}"
    if path is None:
        raise SourceError(
            where, f"no {definition.entity} file", "a mapped run", f"Run `migrate run {context.division}`."
        )
    relation = f"{read_parquet_sql(path)} WHERE {definition.condition}"
    salt = f"{seed}|{test.value}|"
    columns = ", ".join(KEY_COLUMNS)
    with open_session(context.settings) as session:
        counted = session.execute(f"SELECT count(*) FROM {relation}").fetchone()
        population = int(counted[0]) if counted else 0
        order = "sha256(? || source_system || '|' || source_table || '|' || source_key)"
        query = f"SELECT {columns} FROM {relation} ORDER BY {order}, {columns} LIMIT ?"
        rows = session.execute(query, [salt, sample_size(population, margin)]).fetchall()
    keys = tuple((str(a), str(b), str(c)) for a, b, c in rows)
    return Sample(test, _name_sample(test, population, keys), population, keys)


def write_sheet(sample: Sample, path: Path) -> Path:
    """The sheet an auditor fills in: keys and the question, no other content of the records."""
    question = TESTS[sample.test].question
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, key in enumerate(sample.keys, start=1):
            writer.writerow([sample.sample_id, number, *key, question, "", "", ""])
    return path


def read_sheet(sample: Sample, path: Path) -> Compliance:
    """What a filled-in sheet of a sample says.

    Raises:
        ConfigError: the sheet is of another sample, its keys were changed, or an answer is missing or unknown.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    _check_sheet(sample, path, rows)
    answers = [row["compliant"].strip().lower() for row in rows]
    missing = [row["number"] for row, answer in zip(rows, answers, strict=True) if answer not in ANSWERS]
    if missing:
        found = f"{len(missing)} rows without an answer, first number {missing[0]}"
        raise ConfigError(str(path), found, "yes or no in every row", "Complete the column `compliant`.")
    compliant = answers.count("yes")
    lower, upper = exact_interval(compliant, len(answers))
    return Compliance(sample.test, sample.population, len(answers), compliant, lower, upper)


def _check_sheet(sample: Sample, path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise ConfigError(str(path), "no sheet of a sample", f"columns {', '.join(COLUMNS)}", "Draw the sample again.")
    keys = tuple((r["source_system"], r["source_table"], r["source_key"]) for r in rows)
    if {r["sample_id"] for r in rows} != {sample.sample_id} or keys != sample.keys:
        fix = "Use the sheet as it was drawn: same run, seed and margin, all rows in their order."
        raise ConfigError(str(path), "rows that are not those of the sample", f"sample {sample.sample_id}", fix)


def exact_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact (Clopper-Pearson) interval of a share, by bisection of the binomial distribution."""
    if trials == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    lower = 0.0 if successes == 0 else _solve(lambda p: _at_least(successes, trials, p) - tail)
    upper = 1.0 if successes == trials else _solve(lambda p: tail - _at_most(successes, trials, p))
    return lower, upper


def _solve(function: Callable[[float], float]) -> float:
    """Root of a function that rises from negative to positive on (0, 1)."""
    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        if function(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_least(successes: int, trials: int, share: float) -> float:
    """Probability of at least so many successes."""
    return math.fsum(_binomial(k, trials, share) for k in range(successes, trials + 1))


def _at_most(successes: int, trials: int, share: float) -> float:
    """Probability of at most so many successes."""
    return math.fsum(_binomial(k, trials, share) for k in range(successes + 1))


def _binomial(k: int, trials: int, share: float) -> float:
    if share in (0.0, 1.0):
        return float(k == round(trials * share))
    logs = math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
    return math.exp(logs + k * math.log(share) + (trials - k) * math.log1p(-share))


def _name_sample(test: ScrsTest, population: int, keys: Sequence[tuple[str, str, str]]) -> str:
    text = "\n".join([test.value, str(population), *("|".join(k) for k in keys)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
