"""The national model learned from runs, and the evidence for its thresholds.

Enters: mapped and located runs, the starting model, optionally who the nominals really are. Leaves: a model with m, u,
prior and household learned without labels, and a report. Must hold: vetoes, cautions and name frequencies are the
starting model's: what keeps people apart is decided, not learned, and the frequencies are public figures, so no name
of the records enters the model. Truth chooses the threshold on one half of the people and is reported on the other;
it is not used for weights. Refuses: truth that names no nominal of the runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from migration.dedupe.clustering import Guards, cluster_records
from migration.dedupe.evaluation import Evaluation, evaluate_clusters
from migration.dedupe.judgements import empty_judgements, judged_pairs
from migration.dedupe.levels import names_alone, untrained_model
from migration.dedupe.matrix import build_matrix
from migration.dedupe.model import Household, Model
from migration.dedupe.national import NATIONAL_COLUMNS, NATIONAL_RULES, join_runs, make_guards
from migration.dedupe.national_set import NationalSet
from migration.dedupe.nominals import load_nominals
from migration.dedupe.people import normalise_people
from migration.dedupe.placeholders import remove_placeholders
from migration.dedupe.thresholds import PRECISION, SALT, figures_table, is_tuning
from migration.dedupe.training import train_model
from migration.duck import open_session, read_parquet_sql
from migration.errors import SourceError
from migration.layers import find_entity
from migration.records import RunContext

NATIONAL_RECORDS = 10_000_000
"""Nominals of the whole service that the national set is made for."""
SOURCE_KEY = "division_code, source_system, source_table, source_key"
COHESIONS = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)


@dataclass(frozen=True)
class NationalReport:
    """Figures of every cohesion on the tuning half; of the chosen one and the model's own on the held-out half."""

    chosen: float
    is_supported: bool
    tuning: tuple[tuple[float, Evaluation], ...]
    held_out: tuple[tuple[float, Evaluation], ...]


def train_national(runs: Sequence[RunContext], start: Model) -> tuple[Model, int]:
    """The starting model with weights learned from the nominals of several runs, and how many those were.

    The prior is taken to a set of `NATIONAL_RECORDS`: every record that joins adds strangers to each of the others,
    while the records of one person stay about as many.

    Args:
        start: gives vetoes, cautions, thresholds and name frequencies.
    """
    people, _ = remove_placeholders(normalise_people(load_nominals(runs)))
    matrix = build_matrix(people, NATIONAL_COLUMNS)
    columns = {c for comparison in start.comparisons for c in comparison.columns}
    trained = train_model(matrix, untrained_model(columns), NATIONAL_RULES)
    known = {c.name: c for c in trained.comparisons}
    comparisons = tuple(known[c.name] for c in start.comparisons)
    prior = trained.prior - max(math.log2(NATIONAL_RECORDS / max(len(matrix), 1)), 0.0)
    cautions = (*(c for c in start.cautions if c.name != "names_alone"), names_alone(comparisons))
    model = replace(start, prior=prior, comparisons=comparisons, household=_firm(trained.household), cautions=cautions)
    return model, len(matrix)


def _firm(household: Household | None) -> Household | None:
    """What was learned of relatives; odds in favour of "one person" are not taken over: real homes may be fuller."""
    if household is None:
        return None
    return replace(household, prior=min(household.prior, 0.0))


def choose_national_threshold(
    runs: Sequence[RunContext], model: Model, as_of: date, truth: dict[str, str]
) -> NationalReport:
    """The lowest cohesion at which the tuning half of the people is linked precisely enough; the highest if none is.

    Args:
        as_of: the day on which ages are judged.
    """
    judged = judged_pairs(empty_judgements())
    national = join_runs(None, runs, judged, model, as_of)
    guards = make_guards(national, judged, as_of)
    tried = sorted({*COHESIONS, model.thresholds.cohesion})
    found = {c: _cluster(national, guards, truth, c, runs[0].settings.threads) for c in tried}
    tuning = tuple((c, _judge(*found[c], tuning=True)) for c in tried)
    supported = [c for c, e in tuning if e.pair_precision.low >= PRECISION]
    chosen = min(supported) if supported else max(tried)
    wanted = sorted({chosen, model.thresholds.cohesion})
    held_out = tuple((c, _judge(*found[c], tuning=False)) for c in wanted)
    return NationalReport(chosen, bool(supported), tuning, held_out)


def _cluster(
    national: NationalSet, guards: Guards, truth: dict[str, str], cohesion: float, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster and true person of every nominal with truth."""
    linked = national.linked
    tried = replace(linked.model, thresholds=replace(linked.model.thresholds, cohesion=cohesion))
    clusters = cluster_records(linked.matrix, tried, linked.candidates.pairs, guards, threads)
    ids = linked.matrix.record_ids.to_pylist()
    known = np.asarray([i in truth for i in ids])
    return clusters.of[known], np.asarray([truth[i] for i in ids if i in truth])


def _judge(clusters: np.ndarray, people: np.ndarray, *, tuning: bool) -> Evaluation:
    half = np.asarray([is_tuning(p) == tuning for p in people.tolist()])
    return evaluate_clusters(clusters, people, half)


def read_truth(runs: Sequence[RunContext], files: Sequence[Path]) -> dict[str, str]:
    """True person of the nominals of several runs.

    Files have `person_id`, and `nominal_id` or the source's own key (`division_code`, `source_system`,
    `source_table`, `source_key`).

    Raises:
        SourceError: no nominal of the runs is named.
    """
    found: dict[str, str] = {}
    nominals = [p for p in (find_entity(run, "nominal") for run in runs) if p is not None]
    with open_session(runs[0].settings) as connection:
        every = " UNION ALL ".join(f"SELECT nominal_id, {SOURCE_KEY} FROM {read_parquet_sql(p)}" for p in nominals)
        connection.execute(f"CREATE TEMP TABLE nominals AS {every}")
        for file in files:
            reader = read_parquet_sql(file) if file.suffix == ".parquet" else f"read_csv('{file}', all_varchar = true)"
            names = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()}
            key = "nominal_id" if "nominal_id" in names else SOURCE_KEY
            query = f"SELECT nominal_id, person_id::VARCHAR FROM {reader} JOIN nominals USING ({key})"
            found |= dict(connection.execute(f"{query} WHERE person_id IS NOT NULL").fetchall())
    if not found:
        raise SourceError("truth of nominals", "no nominal of these runs", "their ids or source keys", "Check the run.")
    return found


def training_notes(records: int, divisions: int, source: str, on: date, report: NationalReport | None) -> list[str]:
    """What a trained model says of its origin."""
    notes = [
        f"Weights learned without labels on {on.isoformat()} from {records:,} nominals of {divisions} divisions: "
        f"{source}. Vetoes, cautions and name frequencies are those of the starting model.",
        "Name frequencies are round figures of common Scottish names; a name not listed counts as rare.",
    ]
    if report is not None:
        held = dict(report.held_out)[report.chosen]
        basis = "supported by the tuning half" if report.is_supported else "the highest tried; none was supported"
        notes.append(
            f"Cohesion {report.chosen:g} bits ({basis}, salt '{SALT}'). Held-out half: pair precision "
            f"{held.pair_precision.value:.4f} ({held.pair_precision.low:.4f} to {held.pair_precision.high:.4f}), "
            f"recall {held.pair_recall.value:.4f}, cluster precision {held.cluster_precision.value:.4f} "
            f"({held.cluster_precision.low:.4f} to {held.cluster_precision.high:.4f})."
        )
    return notes


def national_report_lines(model: Model, report: NationalReport) -> list[str]:
    """The evidence as lines of Markdown."""
    return [
        f"# Linkage model {model.name}, version {model.version}",
        "",
        *(f"- {note}" for note in model.notes),
        "",
        f"{report.chosen:g} is the lowest cohesion at which the lower 95 % bound of pair precision reaches {PRECISION} "
        f"on the tuning half of the people; the model's is {model.thresholds.cohesion:g}.",
        "",
        "Tuning half:",
        "",
        *figures_table(report.tuning),
        "",
        "Held-out half:",
        "",
        *figures_table(report.held_out),
    ]
