"""The delta of a live table against taking it whole again.

`python tests/benchmarks/bench_delta.py --rows 1000000` makes the table of `bench_extract` in an embedded PostgreSQL and
in SQLite, extracts it whole with its proof, edits one row in a hundred, deletes one in a thousand, and takes the delta
as `migrate delta` does, with its proof: by the hash of each row, and by the time of the last change. Prints seconds and
the keys that changed.
"""

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from bench_extract import make_source, make_table

from migration.extract.delta_stage import DELTA_FACTS, stage_delta
from migration.extract.raw_table import ROWS, write_table
from migration.extract.readers import open_reader
from migration.extract.sources import TableSource
from migration.extract.watch import Watch
from migration.layers import layer_folder
from migration.load.embedded import start_server, stop_server
from migration.records import Layer, RunContext
from migration.settings import Settings

EDITS = (
    "UPDATE bench SET status = 'X', updated = '2016-02-02 10:00:00' WHERE id % 100 = 7",
    "DELETE FROM bench WHERE id % 1000 = 3",
)


def take_whole(context: RunContext, source: TableSource) -> float:
    """Seconds of the whole extract, put where a base's raw layer lies."""
    folder = context.folder / "whole"
    started = time.monotonic()
    with open_reader(source) as reader:
        write_table(context, source, reader, folder, "key")
    seconds = time.monotonic() - started
    target = layer_folder(context, Layer.RAW) / source.system.name / f"{source.table.name}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / ROWS, target)
    return seconds


def take_delta(context: RunContext, base: RunContext, source: TableSource) -> tuple[float, str]:
    """Seconds of the delta, applied and proved, and what it found."""
    folder = context.folder / "delta"
    folder.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with open_reader(source) as reader:
        stage_delta(context, base, reader, source, folder, "key", Watch(source))
    return time.monotonic() - started, (folder / DELTA_FACTS).read_text()


def compare(engine: str, url: str, rows: int, folder: Path) -> None:
    """Make the table, take it whole, change it, and take both kinds of delta."""
    alchemy = sa.create_engine(url)
    for table, size in (("small", 1_000), ("bench", rows)):
        make_table(alchemy, table, size)
    settings = Settings(home=folder / engine)
    base = RunContext(settings, "X", "1")
    take_whole(base, make_source(url, "small"))
    print(f"{engine:10} whole     {take_whole(base, make_source(url, 'bench')):7.1f} s", flush=True)
    with alchemy.begin() as connection:
        for statement in EDITS:
            connection.exec_driver_sql(statement.replace("%", "%%") if engine == "postgresql" else statement)
    alchemy.dispose()
    for name, changed_by in (("hash", None), ("watermark", "updated")):
        sources = [make_source(url, table) for table in ("small", "bench")]
        for source in sources:
            marked = replace(source, table=replace(source.table, changed_by=changed_by))
            seconds, facts = take_delta(RunContext(settings, "X", f"2-{name}-{source.table.name}"), base, marked)
        found = {line.split('"')[1]: line.split(":")[1].strip(" ,") for line in facts.splitlines() if ":" in line}
        told = ", ".join(f"{k} {found[k]}" for k in ("method", "inserted", "updated", "deleted"))
        print(f"{engine:10} {name:9} {seconds:7.1f} s  {told}", flush=True)


def main() -> None:
    """Measure both engines."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_delta_") as name:
        folder = Path(name)
        url = start_server(folder).url
        try:
            compare("postgresql", url, arguments.rows, folder)
        finally:
            stop_server(folder)
        compare("sqlite", f"sqlite:///{folder}/bench.sqlite", arguments.rows, folder)


if __name__ == "__main__":
    main()
