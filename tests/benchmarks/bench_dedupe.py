"""Our linking against Splink 5 on the same records in the same run: time, memory, quality, and equal scores.

    python tests/benchmarks/bench_dedupe.py --records 1000000 [--rules base|wide] [--junk] [--parts
    ours,splink,equality]

Each engine runs in a process of its own and is given the same normalised columns and the same blocking rules, and the
same number of threads. Splink gets separate name comparisons with term frequencies, a cap on training pairs and
connected components at its best threshold (chosen with the truth; ours uses its default). Wall time counts from reading
the table to clusters, training included.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
RULES = {
    "base": [
        ("surname", "dob"),
        ("forename", "dob"),
        ("surname", "postcode"),
        ("forename", "postcode"),
        ("surname", "forename", "birth_year"),
        ("dob", "postcode"),
        ("surname", "place_of_birth"),
    ],
}
RULES["wide"] = [*RULES["base"], ("surname", "forename"), ("surname", "birth_year"), ("forename", "birth_year")]
COLUMNS = ("surname", "forename", "middle", "birth_text", "sex", "postcode", "place_of_birth", "occupation", "phone")


def linked_figures(clusters: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    from migration.dedupe.evaluation import evaluate_clusters

    e = evaluate_clusters(clusters, truth)
    return {
        "pair_precision": e.pair_precision.value,
        "pair_recall": e.pair_recall.value,
        "pair_f1": e.pair_f1.value,
        "cubed_f1": e.cubed_f1.value,
        "largest": e.largest_cluster,
        "largest_true": e.largest_person,
    }


def usage(started: float) -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall_s": time.monotonic() - started,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }


def run_ours(table: Path, rules: str, threads: int) -> dict[str, object]:
    from migration.dedupe.blocking import Rule
    from migration.dedupe.candidates import find_candidates
    from migration.dedupe.clustering import Guards, cluster_records
    from migration.dedupe.levels import LINKAGE_COLUMNS, untrained_model
    from migration.dedupe.matrix import build_matrix
    from migration.dedupe.people import normalise_people
    from migration.dedupe.placeholders import remove_placeholders
    from migration.dedupe.training import train_model

    started = time.monotonic()
    records = pq.read_table(table)
    people, _ = remove_placeholders(normalise_people(records.drop(["truth"])))
    matrix = build_matrix(people, LINKAGE_COLUMNS)
    present = set(people.column_names) & set(LINKAGE_COLUMNS)
    del people, records
    named = [Rule("_".join(r), r) for r in RULES[rules]]
    model = train_model(matrix, untrained_model(present), named)
    scored = time.monotonic()
    found = find_candidates(matrix, model, named, threads)
    scored = time.monotonic() - scored
    clusters = cluster_records(matrix, model, found.pairs, Guards(), threads)
    used = usage(started)
    answer = pq.read_table(table, columns=["record_id", "truth"]).sort_by("record_id")["truth"].to_numpy()
    return {"engine": "ours", "pairs": found.compared, "score_s": scored, **used, **linked_figures(clusters.of, answer)}


def run_splink(table: Path, rules: str, threads: int) -> dict[str, object]:
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    from migration.dedupe.people import normalise_people
    from migration.dedupe.placeholders import remove_placeholders

    started = time.monotonic()
    people, _ = remove_placeholders(normalise_people(pq.read_table(table).drop(["truth"])))
    people = people.select([c for c in people.column_names if c in {"record_id", "dob", "birth_year", *COLUMNS}])
    for name in ("dob", "birth_year"):
        place = people.column_names.index(name)
        blank = pa.scalar(None, pa.int32())
        people = people.set_column(place, name, pc.if_else(pc.equal(people[name], 0), blank, people[name]))
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}; SET memory_limit = '12GB'")
    connection.register("arrow_people", people)
    connection.execute("CREATE TABLE people AS SELECT * FROM arrow_people")
    del people
    api = DuckDBAPI(connection=connection)
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        blocking_rules_to_generate_predictions=[block_on(*r) for r in RULES[rules]],
        comparisons=[
            cl.NameComparison("surname").configure(term_frequency_adjustments=True),
            cl.NameComparison("forename").configure(term_frequency_adjustments=True),
            cl.ExactMatch("middle"),
            cl.DamerauLevenshteinAtThresholds("birth_text", [1, 2]),
            cl.ExactMatch("sex"),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
            cl.ExactMatch("place_of_birth").configure(term_frequency_adjustments=True),
            cl.ExactMatch("occupation"),
            cl.ExactMatch("phone"),
        ],
    )
    linker = Linker(api.register("people"), settings)
    linker.training.estimate_probability_two_random_records_match([block_on("surname", "forename", "dob")], recall=0.6)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in (block_on("surname", "forename"), block_on("dob"), block_on("postcode", "forename")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=1e6)
    scored = time.monotonic()
    predicted = linker.inference.predict(threshold_match_weight=-4)
    scored = time.monotonic() - scored
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=0.95)
    used = usage(started)
    best: dict[str, float] = {"pair_f1": -1.0}
    for threshold in (0.95, 0.99, 0.999, 0.9999, 0.99999):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predicted, threshold_match_probability=threshold
        )
        rows = clusters.as_record_list()
        identifiers = {r["record_id"]: r["cluster_id"] for r in rows}
        answer = pq.read_table(table, columns=["record_id", "truth"]).sort_by("record_id")
        labels = np.asarray([identifiers[i] for i in answer["record_id"].to_pylist()])
        figures = linked_figures(labels, answer["truth"].to_numpy())
        if figures["pair_f1"] > best["pair_f1"]:
            best = {**figures, "threshold": threshold}
    return {"engine": "splink", "score_s": scored, **used, **best}


def run_equality(table: Path, rules: str, threads: int) -> dict[str, object]:
    """Our scores against Splink's: one trained Splink model, imported, on the very pairs Splink scored."""
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    from migration.dedupe.candidates import score_given
    from migration.dedupe.matrix import build_matrix
    from migration.dedupe.people import normalise_people
    from migration.dedupe.splink_model import import_splink

    people = normalise_people(pq.read_table(table).drop(["truth"]).slice(0, 40_000)).select(["record_id", *COLUMNS])
    connection = duckdb.connect()
    connection.register("arrow_people", people)
    connection.execute("CREATE TABLE people AS SELECT * FROM arrow_people")
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        blocking_rules_to_generate_predictions=[
            block_on("surname", "birth_text"),
            block_on("surname", "place_of_birth"),
        ],
        comparisons=[
            cl.JaroWinklerAtThresholds("surname", [0.92, 0.88]).configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("forename", [1, 2]).configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("birth_text", [1, 2]),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
            cl.ExactMatch("sex"),
        ],
        retain_intermediate_calculation_columns=False,
    )
    api = DuckDBAPI(connection=connection)
    linker = Linker(api.register("people"), settings)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e5)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("birth_text"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("surname", "forename"))
    predicted = linker.inference.predict()
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.json"
        linker.misc.save_model_to_json(str(saved), overwrite=True)
        raw = json.loads(saved.read_text())
    rows = predicted.as_record_list()
    matrix = build_matrix(people, COLUMNS)
    from dataclasses import replace

    from migration.dedupe.matrix import count_frequencies

    model = import_splink(raw)
    model = replace(model, frequencies={c: count_frequencies(matrix, c, at_least=1) for c in model.frequency_columns})
    left, right = (
        np.asarray(pc.index_in(pa.array([r[c] for r in rows]), value_set=matrix.record_ids)).astype(np.int32)
        for c in ("record_id_l", "record_id_r")
    )
    ours, _ = score_given(matrix, model, left, right)
    theirs = np.asarray([r["match_weight"] for r in rows])
    return {"engine": "equality", "pairs": len(rows), "largest_difference": float(np.abs(ours - theirs).max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rules", choices=list(RULES), default="base")
    parser.add_argument("--junk", action="store_true")
    parser.add_argument("--parts", default="ours,splink,equality")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        run = {"ours": run_ours, "splink": run_splink, "equality": run_equality}[options.inside]
        print("RESULT " + json.dumps(run(options.table, options.rules, options.threads)))
        return
    with tempfile.TemporaryDirectory() as folder:
        table = options.table or Path(folder) / "people.parquet"
        if not table.exists():
            from invented_people import invent_people

            pq.write_table(invent_people(options.records, junk=options.junk), table)
        results = {part: run_part(part, table, options) for part in options.parts.split(",")}
    for result in results.values():
        print(json.dumps(result, indent=1))
    if {"ours", "splink"} <= results.keys():
        for key in ("wall_s", "cpu_s", "score_s", "peak_mb"):
            print(f"{key}: Splink / ours = {results['splink'][key] / results['ours'][key]:.2f}")


def run_part(part: str, table: Path, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--inside", part, "--table", str(table), "--rules", options.rules]
    done = subprocess.run([*command, "--threads", str(options.threads)], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{part} failed:\n{done.stderr[-3000:]}")
    return json.loads(lines[-1].removeprefix("RESULT "))


if __name__ == "__main__":
    main()
