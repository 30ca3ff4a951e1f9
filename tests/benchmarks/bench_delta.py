"""The delta of a live table against taking it whole again, and of two extracts against a peer.

`python tests/benchmarks/bench_delta.py --rows 1000000` makes the table of `bench_extract` in an embedded PostgreSQL and
in SQLite, extracts it whole with its proof, edits one row in a hundred, deletes one in a thousand and adds one in a
thousand; then it takes the table as `migrate extract` does, whole, and as `migrate delta` does, each with its proof: by
the hash of each row, and by the time of the last change. Last, the delta of the two whole extracts is found by key and
hash and proved, as for files, beside datacompy on pandas, which reads the same two Parquet files and names the same
keys but writes nothing; left out where it is not installed. Prints seconds, rows that crossed from the legacy system,
and the keys that changed. Each way first does a table of a thousand rows, so that imports and compiled code are loaded.
"""

import argparse
import importlib.util
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import sqlalchemy as sa
from bench_extract import COLUMNS, make_source, make_table

from migration.extract.delta import check_delta, find_delta
from migration.extract.delta_stage import DELTA_FACTS, stage_delta
from migration.extract.partitions import split_reader
from migration.extract.raw_table import ROWS, write_table
from migration.extract.readers import open_reader
from migration.extract.sources import TableSource
from migration.extract.watch import Watch
from migration.layers import layer_folder
from migration.load.embedded import start_server, stop_server
from migration.records import Layer, RunContext
from migration.settings import Settings

KEY = "id"
TABLES = ("small", "bench")


def edit_tables(alchemy: sa.Engine) -> None:
    """One row in a hundred edited, one in a thousand deleted, one in a thousand new."""
    names = ", ".join(c for c in COLUMNS if c != KEY)
    with alchemy.begin() as connection:
        for table in TABLES:
            for statement in (
                f"UPDATE {table} SET status = 'X', updated = '2016-02-02 10:00:00' WHERE MOD(id, 100) = 7",
                f"DELETE FROM {table} WHERE MOD(id, 1000) = 3",
                f"INSERT INTO {table} (id, {names}) SELECT -id, {names} FROM {table} WHERE MOD(id, 1000) = 5",
            ):
                connection.exec_driver_sql(statement.replace("%", "%%"))


def raw_path(context: RunContext, source: TableSource) -> Path:
    """Where a run's raw layer has the table."""
    return layer_folder(context, Layer.RAW) / source.system.name / f"{source.table.name}.parquet"


def take_whole(context: RunContext, source: TableSource) -> tuple[float, int]:
    """Seconds of the whole extract as the stage takes it, and the rows read; put where a base's raw layer lies."""
    folder = context.folder / f"whole-{source.table.name}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    watch = Watch(source)
    started = time.monotonic()
    with open_reader(source) as reader:
        write_table(context, source, split_reader(reader, source, folder, "key"), folder, "key", watch)
    seconds = time.monotonic() - started
    raw_path(context, source).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / ROWS, raw_path(context, source))
    return seconds, watch.rows


def take_delta(context: RunContext, base: RunContext, source: TableSource) -> tuple[float, int, str]:
    """Seconds of the delta, applied and proved, the rows of keys and changes that were read, and what it found."""
    folder = context.folder / f"delta-{source.table.name}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    watch = Watch(source)
    started = time.monotonic()
    with open_reader(source) as reader:
        stage_delta(context, base, reader, source, folder, "key", watch)
    seconds = time.monotonic() - started
    facts = json.loads((folder / DELTA_FACTS).read_text())
    told = ", ".join(f"{k} {facts[k]}" for k in ("method", "inserted", "updated", "deleted"))
    return seconds, watch.rows, told + (f", {facts['reason']}" if facts["reason"] else "")


def compare_live(engine: str, url: str, rows: int, folder: Path) -> tuple[Path, Path]:
    """Make the tables, take them whole, change them, take them again in each way; returns both whole extracts."""
    alchemy = sa.create_engine(url)
    for table, size in zip(TABLES, (1_000, rows), strict=True):
        make_table(alchemy, table, size)
    settings = Settings(home=folder / engine)
    base, again = RunContext(settings, "X", "1"), RunContext(settings, "X", "2")
    sources = [make_source(url, table) for table in TABLES]
    for source in sources:
        seconds, read = take_whole(base, source)
    print(f"{engine:10} first whole {seconds:6.1f} s {read:>10,} rows", flush=True)
    edit_tables(alchemy)
    alchemy.dispose()
    for source in sources:
        seconds, read = take_whole(again, source)
    print(f"{engine:10} whole again {seconds:6.1f} s {read:>10,} rows", flush=True)
    for name, changed_by in (("hash", None), ("watermark", "updated")):
        for source in sources:
            marked = replace(source, table=replace(source.table, changed_by=changed_by))
            seconds, read, told = take_delta(RunContext(settings, "X", f"3-{name}"), base, marked)
        print(f"{engine:10} {name:11} {seconds:6.1f} s {read:>10,} rows  {told}", flush=True)
    return raw_path(base, sources[1]), raw_path(again, sources[1])


def find_ours(old: Path, new: Path, folder: Path) -> str:
    """Key and hash, the delta written and proved."""
    settings = Settings(home=folder / "compared")
    delta = folder / "delta.parquet"
    counts = find_delta(settings, old, new, [KEY], delta)
    check_delta(settings, old, delta, new, [KEY])
    return f"inserted {counts.inserted}, updated {counts.updated}, deleted {counts.deleted}"


def find_datacompy(old: Path, new: Path, _folder: Path) -> str:
    """The same keys by datacompy."""
    import datacompy
    import pandas as pd

    frames = [pd.read_parquet(path, columns=list(COLUMNS)) for path in (old, new)]
    compared = (getattr(datacompy, "PandasCompare", None) or datacompy.Compare)(*frames, join_columns=KEY)
    counts = len(compared.df2_unq_rows), len(compared.all_mismatch()), len(compared.df1_unq_rows)
    return "inserted {}, updated {}, deleted {}".format(*counts)


def measure(find: Callable[[Path, Path, Path], str], old: Path, new: Path, folder: Path) -> None:
    """Print seconds, CPU and peak memory of one way, after a warm-up; in a process of its own."""
    find(old.with_stem("small"), new.with_stem("small"), folder)
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.monotonic()
    told = find(old, new, folder)
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    name = find.__name__.removeprefix("find_")
    print(
        f"extracts   {name:11} {seconds:6.1f} s {processor:6.1f} CPU-s {after.ru_maxrss // 1024:,} MB  {told}",
        flush=True,
    )


def compare_extracts(old: Path, new: Path, folder: Path) -> None:
    """The delta of two extracts, ours and the peer's."""
    ways = [find_ours] + ([find_datacompy] if importlib.util.find_spec("datacompy") else [])
    for way in ways:
        process = get_context("spawn").Process(target=measure, args=(way, old, new, folder))
        process.start()
        process.join()


def main() -> None:
    """Measure both engines, then the two extracts of the last."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_delta_") as name:
        folder = Path(name)
        url = start_server(folder).url
        try:
            compare_live("postgresql", url, arguments.rows, folder)
        finally:
            stop_server(folder)
        old, new = compare_live("sqlite", f"sqlite:///{folder}/bench.sqlite", arguments.rows, folder)
        compare_extracts(old, new, folder)


if __name__ == "__main__":
    main()
