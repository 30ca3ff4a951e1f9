"""Our linking against Splink 5 on the same records in the same run: time, memory, quality, and equal scores.

    python tests/benchmarks/bench_dedupe.py --records 1000000 [--rules base|design|wide] [--junk] [--bounded]
    python tests/benchmarks/bench_dedupe.py --records 10000000 --parts ours --bounded --no-truth

Rules `design` are nine, as those of the measurement that set the goal were, which has not kept their names; on a
million records they propose 4.69 million pairs, that measurement's 4.63 million.

Each engine runs in a process of its own with the same number of threads and the same blocking rules, blocks of any size
in full (`--bounded`: ours as it is by default). Both write clusters and scored pairs to disk.

splink   is given the normalised columns, ready on disk; loads them, trains (separate name comparisons with term
         frequencies, a cap on training pairs), predicts, takes connected components. Its quality is at its best
         threshold of five, chosen with the truth.
ours     is given the raw table; normalises it, learns what is a placeholder and its own, richer model, links, writes
         evidence too. Its quality is at its default thresholds.
shared   is ours given what Splink is given and the model Splink trained, over the same pairs: to hold against Splink's
         time without training (`untrained_s`).
equality compares the two engines' scores of the same pairs under one model.

Imports are not timed, nor those that numba makes with its first compiled function (SciPy). `peak_mb` is the process's
largest resident size.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset  # reading Parquet would import it while the clock runs
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
RULES["design"] = [*RULES["base"], ("surname", "birth_year", "sex"), ("dob", "place_of_birth")]
RULES["wide"] = [*RULES["base"], ("surname", "forename"), ("surname", "birth_year"), ("forename", "birth_year")]
UNSEEN = 1e-8
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


def import_compiler() -> None:
    """What numba otherwise imports with the first compiled function it loads."""
    import numba.np.arraymath  # noqa: F401


class Clock:
    """Wall time of every part of a run, its processor time and peak memory; imports before it do not count."""

    def __init__(self) -> None:
        pa.array(np.zeros(1))  # pyarrow imports pandas, where it is installed, with the first array
        self.started = self.last = time.monotonic()
        self.cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        self.parts: dict[str, float] = {}

    def mark(self, part: str) -> None:
        now = time.monotonic()
        self.parts[f"{part}_s"] = round(now - self.last, 2)
        self.last = now

    def usage(self) -> dict[str, float]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        wall = self.last - self.started
        cpu = used.ru_utime + used.ru_stime - self.cpu
        untrained = wall - self.parts.get("train_s", 0.0)
        return {**self.parts, "wall_s": wall, "untrained_s": untrained, "cpu_s": cpu, "peak_mb": used.ru_maxrss / 1024}


def named_rules(rules: str, bounded: bool) -> list[Any]:
    """The blocking rules; unless `bounded`, with blocks of any size compared in full, as Splink compares them."""
    from migration.dedupe.blocking import FULL_BLOCK, Rule

    return [Rule("_".join(r), r, FULL_BLOCK if bounded else 10**9) for r in RULES[rules]]


def read_coded_table(path: Path) -> pa.Table:
    texts = [f.name for f in pq.read_schema(path) if f.type == pa.string() and f.name != "record_id"]
    return pq.read_table(path, read_dictionary=texts)


def run_ours(table: Path, options: argparse.Namespace) -> dict[str, object]:
    """Ours from the raw table to files: normalise, learn placeholders and weights, link, write clusters and pairs."""
    from migration.dedupe.levels import LINKAGE_COLUMNS, untrained_model
    from migration.dedupe.matrix import build_matrix
    from migration.dedupe.people import normalise_people
    from migration.dedupe.placeholders import remove_placeholders
    from migration.dedupe.training import train_model

    import_compiler()
    clock = Clock()
    records = read_coded_table(table).drop(["truth"])
    clock.mark("read")
    people, _ = remove_placeholders(normalise_people(records, options.threads))
    del records
    clock.mark("normalise")
    matrix = build_matrix(people, LINKAGE_COLUMNS, options.threads)
    present = set(people.column_names) & set(LINKAGE_COLUMNS)
    del people
    clock.mark("code")
    rules = named_rules(options.rules, options.bounded)
    model = train_model(matrix, untrained_model(present), rules, options.threads)
    clock.mark("train")
    return {"engine": "ours", **link_and_write(clock, matrix, model, rules, table, options)}


def run_shared(table: Path, options: argparse.Namespace) -> dict[str, object]:
    """Ours with Splink's model, on the columns Splink was given, over the same pairs: nothing normalised or learned."""
    from migration.dedupe.matrix import build_matrix, count_frequencies
    from migration.dedupe.splink_model import import_splink

    raw = json.loads(splink_model_file(table, options.rules).read_text())
    for level in (level for comparison in raw["comparisons"] for level in comparison["comparison_levels"]):
        if not level.get("is_null_level"):  # what Splink saw no example of, it saves without a number
            level["m_probability"] = level.get("m_probability") or UNSEEN
            level["u_probability"] = level.get("u_probability") or UNSEEN
    import_compiler()
    clock = Clock()
    matrix = build_matrix(read_coded_table(clean_table(table)), [*COLUMNS, "birth_year", "dob"], options.threads)
    clock.mark("read")
    model = import_splink(raw)
    model = replace(model, frequencies={c: count_frequencies(matrix, c, at_least=1) for c in model.frequency_columns})
    clock.mark("frequencies")
    rules = named_rules(options.rules, bounded=False)
    return {"engine": "ours, Splink's model", **link_and_write(clock, matrix, model, rules, table, options)}


def link_and_write(
    clock: Clock, matrix: Any, model: Any, rules: list[Any], table: Path, options: argparse.Namespace
) -> dict[str, object]:
    from migration.dedupe.candidates import find_candidates
    from migration.dedupe.clustering import Guards, cluster_records
    from migration.dedupe.files import FileResult, write_result

    found = find_candidates(matrix, model, rules, options.threads)
    clock.mark("score")
    clusters = cluster_records(matrix, model, found.pairs, Guards(), options.threads)
    clock.mark("cluster")
    with tempfile.TemporaryDirectory() as out:
        write_result(FileResult(matrix, model, found, clusters, (), None, 0.0), Path(out))
    clock.mark("write")
    used = clock.usage()
    facts = {"pairs": found.compared, "pairs_kept": len(found.pairs), **used}
    if options.no_truth:
        return facts
    answer = pq.read_table(table, columns=["record_id", "truth"]).sort_by("record_id")["truth"].to_numpy()
    return {**facts, **linked_figures(clusters.of, answer)}


def clean_table(table: Path) -> Path:
    """The normalised columns that Splink is given, and ours with Splink's model. Written before any clock starts."""
    from migration.dedupe.people import normalise_people
    from migration.dedupe.placeholders import remove_placeholders

    path = table.with_suffix(".clean.parquet")
    if not path.exists():
        people, _ = remove_placeholders(normalise_people(read_coded_table(table).drop(["truth"])))
        columns = {"record_id": people["record_id"]}
        columns |= {c: people[c].cast(pa.string()) for c in COLUMNS}
        for name in ("dob", "birth_year"):
            columns[name] = pc.if_else(pc.equal(people[name], 0), pa.scalar(None, pa.int32()), people[name])
        pq.write_table(pa.table(columns), path)
    return path


def splink_model_file(table: Path, rules: str) -> Path:
    return table.with_suffix(f".splink-{rules}.json")


def run_splink(table: Path, options: argparse.Namespace) -> dict[str, object]:
    """Splink from the normalised table to files: load, train, predict, cluster, write clusters and pairs."""
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    clock = Clock()
    connection = duckdb.connect()
    connection.execute(f"SET threads = {options.threads}; SET memory_limit = '12GB'")
    connection.execute(f"CREATE TABLE people AS FROM read_parquet('{clean_table(table)}')")
    clock.mark("read")
    api = DuckDBAPI(connection=connection)
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        blocking_rules_to_generate_predictions=[block_on(*r) for r in RULES[options.rules]],
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
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )
    linker = Linker(api.register("people"), settings)
    linker.training.estimate_probability_two_random_records_match([block_on("surname", "forename", "dob")], recall=0.6)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in (block_on("surname", "forename"), block_on("dob"), block_on("postcode", "forename")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=1e6)
    clock.mark("train")
    predicted = linker.inference.predict(threshold_match_weight=-4)
    clock.mark("score")
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=0.95)
    clock.mark("cluster")
    with tempfile.TemporaryDirectory() as out:
        for name, frame in (("pairs", predicted), ("clusters", clusters)):
            connection.execute(f"COPY {frame.physical_name} TO '{out}/{name}.parquet' (FORMAT parquet)")
    clock.mark("write")
    used = clock.usage()
    linker.misc.save_model_to_json(str(splink_model_file(table, options.rules)), overwrite=True)
    kept = connection.execute(f"SELECT count(*) FROM {predicted.physical_name}").fetchone()[0]
    facts = {"engine": "splink", "pairs_kept": kept, **used}
    return facts if options.no_truth else {**facts, **best_splink_figures(linker, predicted, table)}


def best_splink_figures(linker: Any, predicted: Any, table: Path) -> dict[str, float]:
    """Splink's clusters at the threshold of five that fits the truth best."""
    best: dict[str, float] = {"pair_f1": -1.0}
    answer = pq.read_table(table, columns=["record_id", "truth"]).sort_by("record_id")
    for threshold in (0.95, 0.99, 0.999, 0.9999, 0.99999):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predicted, threshold_match_probability=threshold
        )
        rows = clusters.as_record_list()
        identifiers = {r["record_id"]: r["cluster_id"] for r in rows}
        labels = np.asarray([identifiers[i] for i in answer["record_id"].to_pylist()])
        figures = linked_figures(labels, answer["truth"].to_numpy())
        if figures["pair_f1"] > best["pair_f1"]:
            best = {**figures, "threshold": threshold}
    return best


def run_equality(table: Path, options: argparse.Namespace) -> dict[str, object]:
    """Our scores against Splink's: one trained Splink model, imported, on the very pairs Splink scored."""
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    from migration.dedupe.candidates import score_given
    from migration.dedupe.matrix import build_matrix, count_frequencies
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
    model = import_splink(raw)
    model = replace(model, frequencies={c: count_frequencies(matrix, c, at_least=1) for c in model.frequency_columns})
    left, right = (
        np.asarray(pc.index_in(pa.array([r[c] for r in rows]), value_set=matrix.record_ids)).astype(np.int32)
        for c in ("record_id_l", "record_id_r")
    )
    ours, _ = score_given(matrix, model, left, right)
    theirs = np.asarray([r["match_weight"] for r in rows])
    return {"engine": "equality", "pairs": len(rows), "largest_difference": float(np.abs(ours - theirs).max())}


RUNS = {"ours": run_ours, "splink": run_splink, "shared": run_shared, "equality": run_equality}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rules", choices=list(RULES), default="base")
    parser.add_argument("--junk", action="store_true", help="add default dates, UNKNOWN and one crowded address")
    parser.add_argument("--bounded", action="store_true", help="ours bounds large blocks, as it does by default")
    parser.add_argument("--no-truth", action="store_true", help="no quality figures: they take long on many records")
    parser.add_argument("--parts", default="splink,ours,shared,equality")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--table", type=Path, help="the table of people; made where it does not exist")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print("RESULT " + json.dumps(RUNS[options.inside](options.table, options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        table = options.table or Path(folder) / "people.parquet"
        if not table.exists():
            from invented_people import invent_people

            pq.write_table(invent_people(options.records, junk=options.junk), table)
        if {"splink", "shared"} & set(options.parts.split(",")):
            clean_table(table)
        results = {}
        for part in options.parts.split(","):
            results[part] = run_part(part, table)
            print(json.dumps(results[part], indent=1), flush=True)
    print_ratios(results)


def print_ratios(results: dict[str, dict[str, float]]) -> None:
    if {"ours", "splink"} <= results.keys():
        for key in ("wall_s", "cpu_s", "score_s", "peak_mb"):
            print(
                f"each with its own model, {key}: Splink / ours = {results['splink'][key] / results['ours'][key]:.2f}"
            )
    if {"shared", "splink"} <= results.keys():
        for key in ("untrained_s", "score_s"):
            ratio = results["splink"][key] / results["shared"][key]
            print(f"Splink's model in both, {key}: Splink / ours = {ratio:.2f}")


def run_part(part: str, table: Path) -> dict[str, float]:
    """One engine in a process of its own, with the same options."""
    command = [sys.executable, __file__, *sys.argv[1:], "--inside", part, "--table", str(table)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{part} failed:\n{done.stderr[-3000:]}")
    return json.loads(lines[-1].removeprefix("RESULT "))


if __name__ == "__main__":
    main()
