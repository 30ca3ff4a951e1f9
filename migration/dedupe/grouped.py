"""A run's links against truth: whole, by group, and by threshold; and what review labels say without truth.

Enters: a linked run, a truth file (`nominal_id`, `person_id`) or judgements. Leaves: evaluations by division, sex and
age band, so that a group served worse than the rest shows; precision and recall at every threshold. Must hold: nominals
without truth are left out of every figure. Refuses: a truth file that names none of the run's nominals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from migration.dedupe.evaluation import Evaluation, evaluate_clusters, wilson_interval
from migration.dedupe.judgements import APART, Judgement, open_judgements
from migration.dedupe.stage import run_time
from migration.duck import open_session, read_parquet_sql
from migration.errors import SourceError
from migration.layers import find_entity, layer_folder
from migration.records import Layer, RunContext

AGE_BANDS = ((18, "under 18"), (25, "18 to 24"), (40, "25 to 39"), (65, "40 to 64"), (999, "65 and over"))


@dataclass(frozen=True)
class CurvePoint:
    """Precision and recall of compared pairs at or above one score."""

    score: float
    pairs: int
    precision: float
    recall: float


@dataclass(frozen=True)
class LabelFigures:
    """What open judgements say of the pairs they cover: right and wrong links, right and wrong refusals."""

    linked_right: int
    linked_wrong: int
    apart_right: int
    apart_wrong: int

    @property
    def precision(self) -> tuple[float, float, float]:
        """Share of judged links that are right, with its 95 % interval (Wilson 1927)."""
        return wilson_interval(self.linked_right, self.linked_right + self.linked_wrong)

    @property
    def recall(self) -> tuple[float, float, float]:
        """Share of pairs judged one person that are linked, with its 95 % interval."""
        return wilson_interval(self.linked_right, self.linked_right + self.apart_wrong)


def evaluate_labels(links: Mapping[str, str], judgements: pa.Table) -> LabelFigures:
    """Compare the golden ids of nominals with the open judgements on them."""
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for row in open_judgements(judgements).to_pylist():
        left, right = links.get(row["left_nominal_id"]), links.get(row["right_nominal_id"])
        if left is None or right is None or row["judgement_code"] == Judgement.KEEP:
            continue
        counts[left == right, row["judgement_code"] not in APART] += 1
    return LabelFigures(counts[True, True], counts[True, False], counts[False, False], counts[False, True])


def evaluate_run(context: RunContext, truth: Path) -> dict[str, Evaluation]:
    """Figures of a run's links, whole and by group; the key says which.

    Raises:
        SourceError: the truth file cannot be read or names no nominal of the run.
    """
    table = _judged_nominals(context, truth)
    clusters, people = (np.asarray(table[c].to_pylist()) for c in ("golden_id", "person_id"))
    found = {"All": evaluate_clusters(clusters, people)}
    for column in ("division_code", "sex_code", "age_band"):
        values = np.asarray([v or "not known" for v in table[column].to_pylist()])
        for value in np.unique(values):
            found[f"{column.removesuffix('_code')} {value}"] = evaluate_clusters(clusters, people, values == value)
    return found


def threshold_curve(context: RunContext, truth: Path) -> tuple[CurvePoint, ...]:
    """Precision and recall of the run's compared pairs at whole scores, both ends having truth."""
    path = layer_folder(context, Layer.LINKED) / "match_candidate.parquet"
    with open_session(context.settings) as connection:
        _create_truth(connection, truth)
        rows = connection.execute(
            "SELECT floor(score), count(*), count(*) FILTER (a.person_id = b.person_id) "
            f"FROM {read_parquet_sql(path)} JOIN truth a ON a.nominal_id = left_nominal_id "
            "JOIN truth b ON b.nominal_id = right_nominal_id GROUP BY 1 ORDER BY 1 DESC"
        ).fetchall()
    total = max(sum(r[2] for r in rows), 1)
    points, pairs, right = [], 0, 0
    for score, count, true in rows:
        pairs, right = pairs + count, right + true
        points.append(CurvePoint(float(score), pairs, right / pairs, right / total))
    return tuple(points)


def _create_truth(connection: duckdb.DuckDBPyConnection, truth: Path) -> None:
    reader = read_parquet_sql(truth) if truth.suffix == ".parquet" else f"read_csv('{truth}', all_varchar = true)"
    try:
        connection.execute(
            f"CREATE TEMP TABLE truth AS SELECT DISTINCT nominal_id, person_id::VARCHAR AS person_id FROM {reader}"
        )
    except duckdb.Error as error:
        expected = "Parquet or CSV with columns nominal_id and person_id"
        raise SourceError(f"truth file {truth.name}", type(error).__name__, expected, "Check the file.") from error


def _judged_nominals(context: RunContext, truth: Path) -> pa.Table:
    """Linked nominals with truth. Columns: `golden_id`, `person_id`, `division_code`, `sex_code`, `age_band`."""
    as_of = run_time(context.run_id).date()
    bands = " ".join(f"WHEN age < {limit} THEN '{name}'" for limit, name in AGE_BANDS)
    nominal = find_entity(context, "nominal")
    details = read_parquet_sql(nominal) if nominal else "(SELECT NULL AS nominal_id, NULL AS sex_code, NULL AS born_on)"
    links = read_parquet_sql(layer_folder(context, Layer.LINKED) / "national_link.parquet")
    with open_session(context.settings) as connection:
        _create_truth(connection, truth)
        table = connection.execute(
            f"SELECT golden_id, person_id, division_code, sex_code, CASE {bands} END AS age_band "
            f"FROM {links} JOIN truth USING (nominal_id) LEFT JOIN (SELECT nominal_id, sex_code, "
            f"date_diff('year', born_on, DATE '{as_of}') AS age FROM {details}) USING (nominal_id) ORDER BY nominal_id"
        ).to_arrow_table()
    if not table.num_rows:
        fix = "Use the ids of the nominal table."
        raise SourceError(f"truth file {truth.name}", "no nominal of this run", "nominal ids of the run", fix)
    return table
