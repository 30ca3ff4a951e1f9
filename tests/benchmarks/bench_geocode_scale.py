"""Geocoding a large table against a large SYNTHETIC gazetteer: wall time, CPU and peak memory, a step a process.

    python tests/benchmarks/bench_geocode_scale.py make --folder F --entries 3340000 --queries 472000
    python tests/benchmarks/bench_geocode_scale.py compile --folder F
    python tests/benchmarks/bench_geocode_scale.py match --folder F

`make` writes a gazetteer without a tenth of its entries, and addresses: half Scottish notations, half `address-errors`.
`match` is `migrate geocode file` whole: loading the release, reading the table, matching with evidence, writing.
Run with the project root on PYTHONPATH.
"""

import argparse
import csv
import json
import resource
import threading
import time
from collections.abc import Iterable
from itertools import chain, zip_longest
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from migration.geocode.calibrate import read_labels
from migration.geocode.file import Roles, geocode_file
from migration.geocode.gazetteer.build import build_gazetteer
from migration.settings import Settings
from tests.benchmarks.gazetteer_factory import write_gazetteer
from tests.benchmarks.labelled_addresses import address_errors, scottish, split_gazetteer, write_labelled

SEED = 6301
ROLES = Roles({c: c for c in ("id", "text", "postcode", "division", "recorded_on")}, (), {})


def make(folder: Path, entries: int, queries: int) -> dict[str, object]:
    """Inputs. `address-errors` holds all that it may damage in memory: it is given the streets of an eighth."""
    folder.mkdir(parents=True, exist_ok=True)
    write_gazetteer(folder / "full.csv", entries, SEED)
    rows = split_gazetteer(folder / "full.csv", folder / "gazetteer.csv", SEED)
    write_labelled(folder / "scottish.csv", scottish(rows, queries // 2, SEED + 1, SEED))
    write_errors(folder, rows, queries // 2)
    with (folder / "gazetteer.csv").open(encoding="utf-8", newline="") as file:
        return {"entries": sum(1 for _ in csv.reader(file)) - 1}


def write_errors(folder: Path, rows: Iterable[dict[str, str]], queries: int) -> None:
    some = [r for r in rows if int(r["usrn"]) % 8 == 0]
    write_labelled(folder / "errors.csv", address_errors(some, queries, SEED + 2, SEED))


def write_queries(folder: Path, limit: int) -> Path:
    """The labelled addresses as a Parquet table, both kinds in turn; returns its path."""
    kinds = zip_longest(*(read_labels(folder / f"{kind}.csv") for kind in ("scottish", "errors")))
    queries = [label.query for label in chain.from_iterable(kinds) if label is not None][:limit]
    columns = {c: [getattr(q, c) for q in queries] for c in ("text", "postcode", "division", "recorded_on")}
    table = pa.table({"id": [str(i) for i in range(len(queries))], **columns})
    pq.write_table(table, folder / "queries.parquet")
    return folder / "queries.parquet"


class PeakMemory(threading.Thread):
    """Most memory that this process and its children held at once, in MB (proportional set size)."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0

    def run(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, sum(map(_pss_mb, _family())))
            time.sleep(1.0)


def _family() -> list[Path]:
    own = Path("/proc/self")
    children = [c for task in own.glob("task/*/children") for c in task.read_text(encoding="ascii").split()]
    return [own, *(Path("/proc") / c for c in children)]


def _pss_mb(process: Path) -> float:
    try:
        lines = (process / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def measure(folder: Path, step: str, limit: int) -> dict[str, object]:
    settings = Settings(home=folder / "home", threads=2, memory_limit="3GB")
    if step == "match":
        queries = write_queries(folder, limit)
    memory = PeakMemory()
    memory.start()
    started, cpu = time.perf_counter(), _cpu_seconds()
    if step == "compile":
        report: dict[str, object] = {"rows": build_gazetteer(settings, [folder / "gazetteer.csv"], None, "scale").rows}
    else:
        result = geocode_file(settings, queries, ROLES, folder / "out.parquet", "scale")
        report = {"addresses": result.rows, "levels": dict(result.levels)}
    wall, spent = time.perf_counter() - started, _cpu_seconds() - cpu
    return {**report, "wall_s": round(wall, 1), "cpu_s": round(spent, 1), "peak_mb": round(memory.peak_mb)}


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("make", "compile", "match"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--entries", type=int, default=3_340_000)
    parser.add_argument("--queries", type=int, default=472_000)
    arguments = parser.parse_args()
    if arguments.step == "make":
        report = make(arguments.folder, arguments.entries, arguments.queries)
    else:
        report = measure(arguments.folder, arguments.step, arguments.queries)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
