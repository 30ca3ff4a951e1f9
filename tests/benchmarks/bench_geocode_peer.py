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


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(canonical: Path, queries: Path, result: Path) -> None:
    folder = canonical.with_suffix(".prepared")
    con = duckdb.connect()
    con.execute("SET threads = 2")
    started, cpu = time.perf_counter(), cpu_seconds()
    entries = con.read_csv(str(canonical), all_varchar=True)
    prepare_canonical_folder(entries, output_folder=folder, con=con, overwrite=True)
    prepared = {"prepare_wall": time.perf_counter() - started, "prepare_cpu": cpu_seconds() - cpu}
    started, cpu = time.perf_counter(), cpu_seconds()
    messy = con.read_csv(str(queries), all_varchar=True)
    found = AddressMatcher(canonical_addresses=folder, addresses_to_match=messy, con=con).match().matches()
    rows = found.project("unique_id, resolved_canonical_id, match_weight, distinguishability, match_reason").fetchall()
    measured = {
        "match_wall": time.perf_counter() - started,
        "match_cpu": cpu_seconds() - cpu,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    result.write_text(json.dumps({**prepared, **measured, "rows": rows}, default=str), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(p) for p in sys.argv[1:4]))
