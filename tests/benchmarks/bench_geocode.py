"""Geocoding against uk_address_matcher 1.5.3: the same SYNTHETIC entries and queries, in one run.

    python tests/benchmarks/bench_geocode.py --folder /tmp/bench --entries 150000 --queries 20000 --peer PYTHON

PYTHON is an interpreter with the `bench` extra installed (it wants its own environment); without it only ours is
measured. Run with the project root on PYTHONPATH.
Prints recall, strict precision, false matches where the entry is absent, CPU seconds and peak memory. CPU per 1,000
addresses is given with what a run costs before the first of them (reading the release or prepared folder, building
what is looked things up in) and without it: the same work on the first `FEW` addresses is taken off, on both sides.
"""

import argparse
import csv
import json
import resource
import subprocess
import time
from pathlib import Path

from migration.geocode.calibrate import Label, evaluate, read_labels
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.match import Matcher
from migration.settings import Settings
from tests.benchmarks.gazetteer_factory import write_gazetteer
from tests.benchmarks.labelled_addresses import address_errors, scottish, split_gazetteer, write_labelled

PEER = Path(__file__).with_name("bench_geocode_peer.py")
THRESHOLDS = ((-20.0, 0.0), (10.0, 5.0), (15.0, 10.0), (25.0, 10.0))
"""Match weight and distinguishability from which the peer's match counts; exact stages always count."""
HELD_SEED = 555
FEW = 200
"""Addresses of the run that tells what starting costs; as many in `bench_geocode_peer.py`."""


def cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def make_inputs(folder: Path, entries: int, queries: int) -> tuple[Path, list[Label]]:
    """Gazetteer without the held-out entries, and labelled queries: half Scottish notations, half `address-errors`.

    Made once per folder, by the first run in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "errors.csv").exists():
        write_gazetteer(folder / "full.csv", entries, HELD_SEED)
        rows = split_gazetteer(folder / "full.csv", folder / "gazetteer.csv", HELD_SEED)
        write_labelled(folder / "scottish.csv", scottish(rows, queries // 2, HELD_SEED + 1, HELD_SEED))
        write_labelled(folder / "errors.csv", address_errors(rows, queries // 2, HELD_SEED + 2, HELD_SEED))
    return folder / "gazetteer.csv", [*read_labels(folder / "scottish.csv"), *read_labels(folder / "errors.csv")]


def measure_ours(folder: Path, source: Path, labels: list[Label], processes: int) -> dict[str, object]:
    settings = Settings(home=folder / "home", threads=2)
    started, cpu = time.perf_counter(), cpu_seconds()
    build_gazetteer(settings, [source], None, "bench")
    compiled = {"compile_wall": time.perf_counter() - started, "compile_cpu": cpu_seconds() - cpu}
    cpu = cpu_seconds()
    evaluate(Matcher(load_gazetteer(settings, "bench")), labels[:FEW], 1)
    start_cpu = cpu_seconds() - cpu
    started, cpu = time.perf_counter(), cpu_seconds()
    result, _ = evaluate(Matcher(load_gazetteer(settings, "bench")), labels, processes)
    spent = cpu_seconds() - cpu
    return {
        **compiled,
        "match_wall": time.perf_counter() - started,
        **per_1000(spent, start_cpu, len(labels)),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "recall": result.recall,
        "strict_precision": result.precision,
        "false_on_absent": result.false_rate,
        "wrong_of_matchable": result.wrong_of_matchable / max(1, result.matchable),
    }


def per_1000(spent: float, start: float, addresses: int) -> dict[str, float]:
    """CPU seconds per 1,000 addresses, with the start and without; `start` is what the first `FEW` took with it."""
    without = 1000 * (spent - start) / (addresses - FEW)
    return {"start_cpu": start, "cpu_s_per_1000": 1000 * spent / addresses, "cpu_s_per_1000_after_start": without}


def measure_peer(folder: Path, source: Path, labels: list[Label], python: str) -> list[dict[str, object]]:
    _write_canonical(source, folder / "canonical.csv")
    with (folder / "queries.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("unique_id", "address_concat", "postcode"))
        writer.writerows((i, label.query.text, label.query.postcode) for i, label in enumerate(labels))
    result = folder / "peer.json"
    subprocess.run(
        [python, str(PEER), str(folder / "canonical.csv"), str(folder / "queries.csv"), str(result)], check=True
    )
    raw = json.loads(result.read_text(encoding="utf-8"))
    return [_score_peer(raw, labels, weight, margin) for weight, margin in THRESHOLDS]


def _write_canonical(source: Path, target: Path) -> None:
    with source.open(encoding="utf-8", newline="") as inp, target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("unique_id", "address_concat", "postcode"))
        for e in csv.DictReader(inp):
            number = (
                e["pao_start_number"]
                + e["pao_start_suffix"]
                + (f"-{e['pao_end_number']}" if e["pao_end_number"] else "")
            )
            sub = e["sao_text"] or (f"FLAT {e['sao_start_number']}" if e["sao_start_number"] else "")
            line = f"{number} {e['street_description']}".strip()
            parts = (e["organisation"], sub, e["pao_text"], line, e["locality"], e["town"])
            writer.writerow((e["uprn"], ", ".join(p for p in parts if p), e["postcode"]))


def _score_peer(raw: dict[str, object], labels: list[Label], weight: float, margin: float) -> dict[str, object]:
    right = wrong = false = 0
    for key, found, match_weight, distinguishability, reason in raw["rows"]:  # type: ignore[attr-defined]
        if found is None:
            continue
        is_exact = "exact" in str(reason)
        if not is_exact and (float(match_weight or -99) < weight or float(distinguishability or 0) < margin):
            continue
        truth = labels[int(key)].uprn
        right += truth == int(found)
        wrong += bool(truth) and truth != int(found)
        false += not truth
    matchable = sum(bool(label.uprn) for label in labels)
    asserted = right + wrong + false
    return {
        "thresholds": (weight, margin),
        "prepare_wall": raw["prepare_wall"],
        "prepare_cpu": raw["prepare_cpu"],
        "match_wall": raw["match_wall"],
        **per_1000(float(str(raw["match_cpu"])), float(str(raw["start_cpu"])), len(labels)),
        "peak_rss_mb": raw["peak_rss_mb"],
        "recall": right / matchable,
        "strict_precision": right / asserted if asserted else 1.0,
        "false_on_absent": false / (len(labels) - matchable),
        "wrong_of_matchable": wrong / matchable,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--entries", type=int, default=150_000)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--peer", default="")
    arguments = parser.parse_args()
    source, labels = make_inputs(arguments.folder, arguments.entries, arguments.queries)
    report = {"queries": len(labels), "ours": measure_ours(arguments.folder, source, labels, arguments.processes)}
    if arguments.peer:
        report["peer"] = measure_peer(arguments.folder, source, labels, arguments.peer)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
