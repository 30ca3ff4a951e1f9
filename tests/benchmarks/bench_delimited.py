"""Delimited files: reading, and the proof by each of its two roads.

`python tests/benchmarks/bench_delimited.py --rows 1000000` writes the table of `bench_extract` as CSV, reads it as the
extract does, and measures it as the proof does by Arrow's parser and by Python's, which takes the files that Arrow's
may see differently. Each does a file of a thousand rows first. Prints seconds and CPU seconds.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import duckdb
from bench_extract import COLUMNS

from migration.extract import delimited_check
from migration.extract.delimited import DelimitedReader
from migration.extract.sources import TableSource
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable


def write_source(folder: Path, rows: int) -> TableSource:
    """The table as one CSV file, quoted where it must be."""
    folder.mkdir()
    values = ", ".join(f"{value} AS {name}" for name, (_, value) in COLUMNS.items())
    duckdb.sql(f"COPY (SELECT {values} FROM range(1, {rows + 1}) t(g)) TO '{folder}/bench.csv' (HEADER)")
    system = SourceSystem("bench", SourceKind.DELIMITED, "", "", {}, "OFFICIAL", 1, "", ())
    described = SourceTable("bench", ("id",), None, tuple(map(SourceColumn, COLUMNS)), {}, files="*.csv")
    return TableSource("X", system, described, str(folder))


def read(source: TableSource) -> None:
    """Every batch, thrown away."""
    for _ in DelimitedReader(source).read_batches():
        pass


def prove(source: TableSource) -> None:
    """The proof as it is."""
    DelimitedReader(source).measure_source(frozenset())


def prove_by_python(source: TableSource) -> None:
    """The proof of a file that is not for Arrow's parser."""
    with patch.object(delimited_check, "measure_quickly", lambda *_: None):
        prove(source)


def measure(way: Callable[[TableSource], None], small: TableSource, source: TableSource) -> None:
    """Print how long one way takes."""
    way(small)
    started, processor = time.monotonic(), time.process_time()
    way(source)
    print(
        f"{way.__name__:16} {time.monotonic() - started:6.1f} s {time.process_time() - processor:6.1f} CPU-s",
        flush=True,
    )


def main() -> None:
    """Measure the three."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_delimited_") as name:
        small, source = write_source(Path(name) / "small", 1_000), write_source(Path(name) / "bench", arguments.rows)
        size = (Path(name) / "bench" / "bench.csv").stat().st_size / 1e6
        print(f"{arguments.rows:,} rows x {len(COLUMNS)} columns, {size:,.0f} MB")
        for way in (read, prove, prove_by_python):
            measure(way, small, source)


if __name__ == "__main__":
    main()
