"""How right our linking is, beside Splink 5 in its documented configurations, on the same people in the same run.

    MIGRATION_REAL_DATA=... python tests/benchmarks/bench_dedupe_accuracy.py [--parts
    historical,febrl,invented] [--records 100000,300000] [--evidence]

Historical people: halved by person (`migration/dedupe/thresholds.py`); thresholds are chosen on the tuning half and
figures are of the held-out half, ours at the default threshold. Splink gets the held-out half in the configurations of
its documentation (the "historical persons" and the "quick and dirty" examples) and, unlike ours, the best of fourteen
thresholds, chosen with the truth of that very half. FEBRL and invented people: the default threshold, nothing tuned.
`--evidence` instead writes the evidence for the thresholds (the curves of the tuning halves) into
`migration/dedupe/models/thresholds.md`: of the historical people, of 100,000 invented ones (seed 101) and of some
invented families, which a test compares (`tests/unit/dedupe/test_thresholds.py`, `tests/dedupe/test_real_people.py`).
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from migration.dedupe.evaluation import Evaluation, evaluate_clusters
from migration.dedupe.files import link_records
from migration.dedupe.model import MODELS_FOLDER
from migration.dedupe.roles import read_records
from migration.dedupe.thresholds import choose_thresholds, is_tuning, put_evidence, report_lines

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "dedupe"))
THRESHOLDS = (0.01, 0.05, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999, 0.99999999)
NAMES = ("pair_precision", "pair_recall", "pair_f1", "cubed_f1", "cluster_precision")
HISTORICAL_RULES = (
    ("substr(first_name,1,3)", "substr(surname,1,4)"),
    ("surname", "dob"),
    ("first_name", "dob"),
    ("postcode_fake", "first_name"),
    ("postcode_fake", "surname"),
    ("dob", "birth_place"),
    ("substr(postcode_fake,1,3)", "dob"),
    ("substr(postcode_fake,1,3)", "first_name"),
    ("substr(postcode_fake,1,3)", "surname"),
    ("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
)
QUICK_RULES = (
    ("full_name",),
    ("substr(full_name,1,6)", "dob", "birth_place"),
    ("dob", "birth_place"),
    ("postcode_fake",),
)


def show(name: str, evaluation: Evaluation, **more: object) -> dict[str, Any]:
    """Print one line of figures and return them."""
    cells = [f"{n} {f.value:.4f} ({f.low:.4f}-{f.high:.4f})" for n, f in ((n, getattr(evaluation, n)) for n in NAMES)]
    extra = "  ".join(f"{k}={v}" for k, v in more.items())
    print(f"{name}: {'  '.join(cells)}  largest {evaluation.largest_cluster}/{evaluation.largest_person}  {extra}")
    return {n: getattr(evaluation, n).value for n in NAMES}


def real_data(name: str) -> Path:
    """A file of the open data, or the end of the benchmark."""
    folder = os.environ.get("MIGRATION_REAL_DATA")
    if not folder:
        raise SystemExit("Set MIGRATION_REAL_DATA to the folder of open data.")
    return Path(folder) / name


def link(records: pa.Table, truth: pa.Array) -> tuple[Evaluation, float]:
    """Figures of a table at the default thresholds, and the seconds it took."""
    started = time.monotonic()
    evaluation = link_records(records, 2, None, truth).evaluation
    if evaluation is None:
        raise SystemExit("no evaluation")
    return evaluation, time.monotonic() - started


def run_historical() -> None:
    from test_real_people import HISTORICAL

    path = real_data("historical_people_half.parquet")
    records, truth = read_records(path, HISTORICAL)
    held = pa.array([not is_tuning(str(p)) for p in truth.to_pylist()])
    evaluation, seconds = link(records.filter(held), truth.filter(held))
    ours = show("historical, held out, ours at the default", evaluation, seconds=round(seconds, 1))
    for name, configure in (("historical persons", configure_historical), ("quick and dirty", configure_quick)):
        best, threshold, seconds = run_splink(pq.read_table(path).filter(held), configure)
        theirs = show(
            f"historical, held out, Splink ({name}) at its best", best, threshold=threshold, seconds=round(seconds, 1)
        )
        print("  ours / Splink:", {n: round(ours[n] / theirs[n], 4) for n in NAMES})


def configure_historical() -> tuple[dict[str, Any], list[str], float, tuple[tuple[str, ...], ...]]:
    """Settings, deterministic rules, pairs for u and training rules of the documented "historical persons" example."""
    import splink.comparison_library as cl

    comparisons = [
        cl.ForenameSurnameComparison(
            "first_name", "surname", forename_surname_concat_col_name="first_name_surname_concat"
        ),
        cl.DateOfBirthComparison("dob", input_is_string=True),
        cl.PostcodeComparison("postcode_fake"),
        cl.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
        cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
    ]
    certain = [
        "l.first_name = r.first_name and l.surname = r.surname and l.dob = r.dob",
        "substr(l.first_name,1,2) = substr(r.first_name,1,2) and l.surname = r.surname "
        "and substr(l.postcode_fake,1,2) = substr(r.postcode_fake,1,2)",
        "l.dob = r.dob and l.postcode_fake = r.postcode_fake",
    ]
    return {"comparisons": comparisons, "rules": HISTORICAL_RULES}, certain, 5e6, (("first_name", "surname"), ("dob",))


def configure_quick() -> tuple[dict[str, Any], list[str], float, tuple[tuple[str, ...], ...]]:
    """The same of the documented "quick and dirty" example, which trains no m."""
    import splink.comparison_library as cl

    comparisons = [
        cl.ForenameSurnameComparison("first_name", "surname", forename_surname_concat_col_name="first_and_surname"),
        cl.DateOfBirthComparison("dob", input_is_string=True),
        cl.LevenshteinAtThresholds("postcode_fake", 2),
        cl.JaroWinklerAtThresholds("birth_place", 0.9).configure(term_frequency_adjustments=True),
        cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
    ]
    certain = ["l.full_name = r.full_name", "l.postcode_fake = r.postcode_fake and l.dob = r.dob"]
    return {"comparisons": comparisons, "rules": QUICK_RULES}, certain, 2e6, ()


def run_splink(table: pa.Table, configure: Any) -> tuple[Evaluation, float, float]:
    """Splink's best figures over the thresholds, the threshold, and its seconds up to the prediction."""
    import duckdb
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.register("arrow_people", table)
    connection.execute(
        "CREATE TABLE people AS SELECT *, first_name || ' ' || surname AS first_name_surname_concat FROM arrow_people"
    )
    settings, certain, pairs, training = configure()
    api = DuckDBAPI(connection=connection)
    started = time.monotonic()
    creator = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[block_on(*r) for r in settings["rules"]],
        comparisons=settings["comparisons"],
    )
    linker = Linker(api.register("people"), creator)
    linker.training.estimate_probability_two_random_records_match(certain, recall=0.6)
    linker.training.estimate_u_using_random_sampling(max_pairs=pairs)
    for rule in training:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*rule), estimate_without_term_frequencies=True
        )
    predicted = linker.inference.predict(threshold_match_probability=THRESHOLDS[0])
    seconds = time.monotonic() - started
    truth = dict(zip(table["unique_id"].to_pylist(), table["cluster"].to_pylist(), strict=True))
    best: tuple[Evaluation, float] | None = None
    for threshold in THRESHOLDS:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predicted, threshold_match_probability=threshold
        )
        rows = clusters.as_record_list()
        labels = np.asarray([str(r["cluster_id"]) for r in rows])
        found = evaluate_clusters(labels, np.asarray([truth[r["unique_id"]] for r in rows]))
        if best is None or found.pair_f1.value > best[0].pair_f1.value:
            best = found, threshold
    if best is None:
        raise SystemExit("no threshold")
    return *best, seconds


def run_febrl() -> None:
    from test_real_people import FEBRL

    for name in ("febrl1.csv", "febrl2.csv"):
        records, _ = read_records(real_data(name), FEBRL)
        truth = pa.array([r.split("-")[1] for r in records["record_id"].to_pylist()])
        show(f"{name}, default, nothing tuned", *link(records, truth)[:1])


def invented(size: int, seed: int) -> tuple[pa.Table, pa.Array]:
    """Invented records and who they are."""
    from invented_people import invent_people

    table = invent_people(size, seed)
    return table.drop(["truth"]), table["truth"].combine_chunks().cast(pa.string())


def run_invented(sizes: list[int], seed: int) -> None:
    for size in sizes:
        evaluation, seconds = link(*invented(size, seed))
        show(f"{size:,} invented people, seed {seed}, default", evaluation, seconds=round(seconds, 1))


def write_evidence(path: Path) -> None:
    """Write the evidence for the thresholds: every set of labelled people, halved by person."""
    from labelled_families import FAMILIES_TITLE, invent_families
    from test_real_people import HISTORICAL, HISTORICAL_TITLE

    sets = {
        HISTORICAL_TITLE: read_records(real_data("historical_people_half.parquet"), HISTORICAL),
        "100,000 invented people (tests/benchmarks/invented_people.py, seed 101)": invented(100_000, 101),
        FAMILIES_TITLE: invent_families(120, 2),
    }
    path.unlink(missing_ok=True)
    for title, (records, truth) in sets.items():
        lines = report_lines(choose_thresholds(records, truth, 2), title)
        put_evidence(path, lines)
        print("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="historical,febrl,invented")
    parser.add_argument("--records", default="100000,300000")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--evidence", action="store_true")
    options = parser.parse_args()
    if options.evidence:
        write_evidence(MODELS_FOLDER / "thresholds.md")
        return
    parts = options.parts.split(",")
    if "historical" in parts:
        run_historical()
    if "febrl" in parts:
        run_febrl()
    if "invented" in parts:
        run_invented([int(n) for n in options.records.split(",")], options.seed)


if __name__ == "__main__":
    main()
