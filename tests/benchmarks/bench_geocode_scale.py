"""Geocoding a large table against a large SYNTHETIC gazetteer: wall time, CPU and peak memory, a step a process.

    python tests/benchmarks/bench_geocode_scale.py make --folder F --entries 3340000 --queries 5000000
    python tests/benchmarks/bench_geocode_scale.py compile --folder F
    python tests/benchmarks/bench_geocode_scale.py match --folder F --queries 472000

`make` writes a gazetteer without a tenth of its entries, and addresses in an order of their own: half Scottish
notations, half `address-errors`. It works through `PARTS` parts of the streets and goes on where it was stopped.
`match` is `migrate geocode file` whole, on the first N addresses of that order: loading the release, reading the
table, matching with evidence, writing. Run with the project root on PYTHONPATH.
"""

import argparse
import csv
import json
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb

from migration.geocode.file import Roles, geocode_file
from migration.geocode.gazetteer.build import build_gazetteer
from migration.settings import Settings
from tests.benchmarks.gazetteer_factory import COLUMNS, make_entries
from tests.benchmarks.labelled_addresses import address_errors, is_held_out, scottish, write_labelled

SEED = 6301
PARTS = 16
"""Parts of the streets, each held in memory by itself: `address-errors` needs all that it may damage there."""
QUERY_COLUMNS = ("text", "postcode", "division", "recorded_on")
ROLES = Roles({c: c for c in ("id", *QUERY_COLUMNS)}, (), {})


def make(folder: Path, entries: int, queries: int) -> dict[str, object]:
    """Inputs: the gazetteer, labelled addresses of every part, and all of them as one table."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "gazetteer.csv").exists():
        write_entries(folder, entries)
    for part in range(PARTS):
        write_part(folder, part, queries // PARTS // 2)
    return {"addresses": write_queries(folder)}


def write_entries(folder: Path, entries: int) -> None:
    """`gazetteer.csv` without the held-out entries, and all entries in `part-N.csv` by street."""
    with ExitStack() as stack:
        writers = []
        for name in ("gazetteer.csv.writing", *(f"part-{part}.csv" for part in range(PARTS))):
            file = stack.enter_context((folder / name).open("w", encoding="utf-8", newline=""))
            writers.append(csv.DictWriter(file, COLUMNS, lineterminator="\n"))
            writers[-1].writeheader()
        for row in make_entries(entries, SEED):
            writers[1 + int(str(row["usrn"])) % PARTS].writerow(row)
            if not is_held_out(str(row["uprn"]), SEED):
                writers[0].writerow(row)
    (folder / "gazetteer.csv.writing").rename(folder / "gazetteer.csv")


def write_part(folder: Path, part: int, queries: int) -> None:
    """Labelled addresses of one part, as many of each kind; nothing where they lie there already."""
    source, target = folder / f"part-{part}.csv", folder / f"labelled-{part}.csv"
    if target.exists():
        return
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    temporary = target.with_suffix(".writing")
    write_labelled(temporary, _both_kinds(rows, queries, SEED + 10 * part))
    temporary.rename(target)


def _both_kinds(rows: list[dict[str, str]], queries: int, seed: int) -> Iterator[dict[str, object]]:
    for row in scottish(rows, queries, seed + 1, SEED):
        yield row | {"id": f"{seed}-{row['id']}"}
    for row in address_errors(rows, queries, seed + 2, SEED):
        yield row | {"id": f"{seed}-{row['id']}"}


def write_queries(folder: Path) -> int:
    """The addresses of all parts as a Parquet table, ordered by a hash of their ids; returns how many."""
    columns = ", ".join(f"coalesce({c}, '') AS {c}" for c in ("id", *QUERY_COLUMNS))
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute("SET memory_limit = '2GB'")
        connection.execute(
            f"COPY (SELECT {columns} FROM read_csv('{folder}/labelled-*.csv', all_varchar=true, header=true)"
            f" ORDER BY md5(id)) TO '{folder}/queries.parquet' (FORMAT parquet)"
        )
        counted = connection.execute(f"SELECT count(*) FROM '{folder}/queries.parquet'").fetchone()
    return int(counted[0]) if counted else 0


def take_queries(folder: Path, limit: int) -> Path:
    """The first `limit` addresses as a table of their own; returns its path."""
    taken = folder / f"queries-{limit}.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM '{folder}/queries.parquet' LIMIT {limit}) TO '{taken}' (FORMAT parquet)")
    return taken


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
        queries = take_queries(folder, limit)
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
