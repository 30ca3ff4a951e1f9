"""Records that join a linked set: 100,000 into 900,000 as in a division's turn, timed end to end, against all at once.

    python tests/benchmarks/bench_dedupe_join.py [--records 1000000] [--new 100000] [--check]

A process of its own links the first records and keeps the set on disk. Another then reads that set and the raw table of
the records that join; normalises these, links them into the set, and writes the clusters of all records, the pairs of
the new ones with evidence, and the set for the next who join. Imports are not timed. `--check`
links all records at once as well, with the same model, and compares pairs and clusters. `peak_mb` is the process's
largest resident size.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench_dedupe import Clock, import_compiler, named_rules, read_coded_table


def link_first(folder: Path, threads: int) -> dict[str, object]:
    """The set of the first records, linked and kept."""
    from migration.dedupe.linked_set import save_linked_set

    import_compiler()
    clock = Clock()
    linked = link_all([folder / "first.parquet"], None, threads)
    clock.mark("link")
    save_linked_set(linked, folder / "set")
    clock.mark("save")
    return {"engine": "first", "records": len(linked.matrix), **clock.usage()}


def link_all(tables: list[Path], model: object, threads: int):
    from migration.dedupe.candidates import find_candidates
    from migration.dedupe.clustering import Guards, cluster_records
    from migration.dedupe.golden import golden_ids
    from migration.dedupe.levels import LINKAGE_COLUMNS, untrained_model
    from migration.dedupe.linked_set import LinkedSet
    from migration.dedupe.matrix import build_matrix
    from migration.dedupe.people import normalise_people
    from migration.dedupe.placeholders import remove_placeholders
    from migration.dedupe.training import train_model

    records = pa.concat_tables(pq.read_table(t).drop(["truth"]) for t in tables)
    people, _ = remove_placeholders(normalise_people(records, threads))
    matrix = build_matrix(people, LINKAGE_COLUMNS, threads)
    rules = tuple(named_rules("base", bounded=True))
    present = set(people.column_names) & set(LINKAGE_COLUMNS)
    used = model or train_model(matrix, untrained_model(present), rules, threads)
    found = find_candidates(matrix, used, rules, threads)
    clusters = cluster_records(matrix, used, found.pairs, Guards(), threads)
    golden = golden_ids(matrix.record_ids, clusters.of)
    return LinkedSet(matrix, used, rules, found, clusters, golden, np.ones(len(matrix), dtype=np.bool_))


def join_new(folder: Path, threads: int) -> dict[str, object]:
    """The new records linked into the set: from files to files."""
    from migration.dedupe.files import write_pairs
    from migration.dedupe.linked_set import join_records, load_linked_set, save_linked_set

    import_compiler()
    clock = Clock()
    linked = load_linked_set(folder / "set")
    clock.mark("load")
    records = read_coded_table(folder / "new.parquet").drop(["truth"])
    clock.mark("read")
    joined, _ = join_records(linked, records, threads)
    clock.mark("join")
    out = folder / "out"
    out.mkdir(exist_ok=True)
    clusters = pa.table({"record_id": joined.matrix.record_ids, "golden_id": joined.golden})
    pq.write_table(clusters, out / "clusters.parquet", compression="zstd", use_dictionary=False)
    pairs = joined.new_pairs()
    write_pairs(joined.matrix, joined.model, pairs, joined.clusters, out / "pairs.parquet")
    clock.mark("write")
    save_linked_set(joined, folder / "set2")
    clock.mark("save")
    facts = {"records": len(joined.matrix), "new": len(records), "new_pairs": len(pairs)}
    return {"engine": "join", **facts, "pairs_kept_from_before": joined.candidates.reused, **clock.usage()}


def check(folder: Path, threads: int) -> dict[str, object]:
    """The joined set against all records linked at once with the same model."""
    from migration.dedupe.linked_set import load_linked_set

    joined = load_linked_set(folder / "set2")
    whole = link_all([folder / "first.parquet", folder / "new.parquet"], joined.model, threads)
    pairs = joined.candidates.pairs, whole.candidates.pairs
    same_pairs = all(
        np.array_equal(getattr(pairs[0], p), getattr(pairs[1], p)) for p in ("left", "right", "scores", "levels")
    )
    return {"engine": "check", "same_pairs": same_pairs, "same_golden_ids": joined.golden.equals(whole.golden)}


PARTS = {"first": link_first, "join": join_new, "check": check}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--inside", choices=list(PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print("RESULT " + json.dumps(PARTS[options.inside](options.folder, options.threads)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder), options.records, options.new)
        for part in ("first", "join", *(["check"] if options.check else [])):
            command = [sys.executable, __file__, "--inside", part, "--folder", folder]
            done = subprocess.run(
                [*command, "--threads", str(options.threads)], capture_output=True, text=True, check=False
            )
            lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
            if not lines:
                raise SystemExit(f"{part} failed:\n{done.stderr[-3000:]}")
            print(json.dumps(json.loads(lines[-1].removeprefix("RESULT ")), indent=1), flush=True)


def write_tables(folder: Path, records: int, new: int) -> None:
    """The records of two sources: the first of them, and those that join."""
    from invented_people import invent_people

    people = invent_people(records)
    for name, source, part in (
        ("first", "D", people.slice(0, records - new)),
        ("new", "N", people.slice(records - new)),
    ):
        sources = pa.array([source] * len(part), pa.string())
        pq.write_table(part.append_column("source", sources), folder / f"{name}.parquet")


if __name__ == "__main__":
    main()
