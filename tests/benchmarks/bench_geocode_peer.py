"""The peer's side of bench_geocode.py: uk_address_matcher on the same entries and queries. Imports nothing of ours.

Usage: bench_geocode_peer.py CANONICAL.csv QUERIES.csv RESULT.json
"""

import json
import resource
import sys
import time
from pathlib import Path

import duckdb
from uk_address_matcher import AddressMatcher, prepare_canonical_folder

FEW = 200
"""Addresses of the run that tells what starting costs; as many in `bench_geocode.py`."""


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def match(folder: Path, queries: Path, limit: int) -> list[tuple[object, ...]]:
    """Matches of the first `limit` queries, or of all, from the prepared folder and a connection of their own."""
    with duckdb.connect() as con:
        con.execute("SET threads = 2")
        messy = con.read_csv(str(queries), all_varchar=True)
        messy = messy.limit(limit) if limit >= 0 else messy
        found = AddressMatcher(canonical_addresses=folder, addresses_to_match=messy, con=con).match().matches()
        columns = "unique_id, resolved_canonical_id, match_weight, distinguishability, match_reason"
        return list(found.project(columns).fetchall())


def main(canonical: Path, queries: Path, result: Path) -> None:
    folder = canonical.with_suffix(".prepared")
    con = duckdb.connect()
    con.execute("SET threads = 2")
    started, cpu = time.perf_counter(), cpu_seconds()
    entries = con.read_csv(str(canonical), all_varchar=True)
    prepare_canonical_folder(entries, output_folder=folder, con=con, overwrite=True)
    prepared = {"prepare_wall": time.perf_counter() - started, "prepare_cpu": cpu_seconds() - cpu}
    con.close()
    cpu = cpu_seconds()
    match(folder, queries, FEW)
    start_cpu = cpu_seconds() - cpu
    started, cpu = time.perf_counter(), cpu_seconds()
    rows = match(folder, queries, -1)
    measured = {
        "start_cpu": start_cpu,
        "match_wall": time.perf_counter() - started,
        "match_cpu": cpu_seconds() - cpu,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    result.write_text(json.dumps({**prepared, **measured, "rows": rows}, default=str), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(p) for p in sys.argv[1:4]))
