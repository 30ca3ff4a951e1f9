"""Extraction against the ways it could be done otherwise, each in a process of its own.

`python tests/benchmarks/bench_extract.py --rows 1000000` makes one table of 20 columns in an embedded PostgreSQL, in
SQLite, and in a MariaDB of its own where `mariadbd` is installed, and times, in one run: raw binary COPY, our reading
into Parquet, the same with the proof of control totals, dlt's SQL source into Parquet by two of its backends, and
`pandas.read_sql`. What is not installed is left out. Prints seconds, the ratio to the first line of its engine, and
the peak memory of the process.
"""

import argparse
import importlib.util
import multiprocessing
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pymysql
import sqlalchemy as sa
from sqlalchemy import make_url

from migration.extract.partitions import split_reader
from migration.extract.plan import find_expected_rows
from migration.extract.raw_table import gather_groups, open_rows, write_groups, write_table
from migration.extract.reader import SOURCE_ROW
from migration.extract.readers import open_reader
from migration.extract.sources import TableSource
from migration.load.embedded import start_server, stop_server
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable
from migration.records import RunContext
from migration.settings import Settings

Work = Callable[[str, Path, str], None]
SMALL = 1_000
"""Rows of a table that each way reads first, so that imports and compiled code are loaded before the clock runs."""

COLUMNS = {
    "id": ("bigint", "g"),
    "seq": ("int", "g % 5"),
    "status": ("varchar(4)", "'S' || g % 9"),
    "cr_no": ("varchar(20)", "'TY/' || g"),
    "beat": ("varchar(8)", "'B' || g % 400"),
    "how": ("varchar(4)", "'H' || g % 8"),
    "reported": ("varchar(19)", "'2015-01-01 10:00:00'"),
    "surname": ("varchar(40)", "'SURNAME ' || g % 50000"),
    "forename": ("varchar(40)", "'FORENAME ' || g % 3000"),
    "dob": ("varchar(10)", "'19' || 50 + g % 40 || '-01-01'"),
    "street": ("varchar(60)", "g % 900 || ' HIGH STREET OF SOMEWHERE'"),
    "town": ("varchar(30)", "'TOWN ' || g % 300"),
    "postcode": ("varchar(8)", "'DD' || g % 9 || ' ' || g % 9 || 'AA'"),
    "easting": ("int", "300000 + g % 99999"),
    "northing": ("int", "700000 + g % 99999"),
    "value_gbp": ("numeric(12,2)", "round(g % 100000 * 0.01, 2)"),
    "officer": ("varchar(8)", "CASE WHEN g % 10 = 0 THEN NULL ELSE 'P' || g % 5000 END"),
    "notes": ("varchar(200)", "'The complainer left the vehicle secure and returned to find a window broken, ' || g"),
    "amount": ("int", "g * 3"),
    "updated": ("varchar(19)", "'2016-01-01 10:00:00'"),
}


def make_tables(engine: sa.Engine, rows: int) -> None:
    """The tables `bench` and `small` in any engine."""
    make_table(engine, "bench", rows)
    make_table(engine, "small", SMALL)


def make_table(engine: sa.Engine, name: str, rows: int) -> None:
    """One table of invented rows."""
    columns = ", ".join(f"{column} {kind}" for column, (kind, _) in COLUMNS.items())
    values = ", ".join(text for _, text in COLUMNS.values())
    if engine.dialect.name in ("mysql", "mariadb"):
        series = f"SELECT seq AS g FROM seq_1_to_{rows}"
    elif engine.dialect.name == "sqlite":
        series = f"WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {rows}) SELECT g FROM s"
    else:
        series = f"SELECT generate_series(1, {rows}) AS g"
    if engine.dialect.name != "sqlite":
        values = values.replace("%", "%%")
    with engine.begin() as connection:
        if engine.dialect.name in ("mysql", "mariadb"):
            connection.exec_driver_sql("SET SESSION sql_mode = 'PIPES_AS_CONCAT'")
        connection.exec_driver_sql(f"CREATE TABLE {name} ({columns}, PRIMARY KEY (id))")
        connection.exec_driver_sql(f"INSERT INTO {name} SELECT {values} FROM ({series}) t")


def make_source(url: str, table: str) -> TableSource:
    """The table as a pack would name it."""
    system = SourceSystem("bench", SourceKind.DATABASE, "", "", {}, "OFFICIAL", 2, "", ())
    described = SourceTable(table, ("id",), None, tuple(SourceColumn(c) for c in COLUMNS), {})
    return TableSource("X", system, described, url)


def run_copy(url: str, folder: Path, table: str) -> None:
    """Raw binary COPY, its bytes thrown away."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    statement = f"COPY (SELECT * FROM {table} ORDER BY id) TO STDOUT (FORMAT binary)"
    with psycopg.connect(plain) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for _ in copy:
            pass


def run_ours(url: str, folder: Path, table: str) -> None:
    """Our reading into Parquet, without the proof."""
    import pyarrow as pa

    with open_reader(make_source(url, table)) as reader:
        schema = reader.schema.append(pa.field(SOURCE_ROW, pa.int64()))
        with open_rows(folder / "ours.parquet", schema) as writer:
            write_groups(writer, gather_groups(batch.rows for batch in reader.read_batches()))


def run_proved(url: str, folder: Path, table: str) -> None:
    """Our reading as the stage does it: cut where it is large, Parquet, keys and control totals on both sides."""
    source, context = make_source(url, table), RunContext(Settings(home=folder), "X", "r")
    with open_reader(source) as reader:
        find_expected_rows(context, source, reader)
        split = split_reader(reader, source, folder / "proved", "key")
        write_table(context, source, split, folder / "proved", "key")


def run_dlt(url: str, folder: Path, table: str) -> None:
    """dlt's SQL source with its default backend, into Parquet files."""
    _pipe(url, folder, table, "sqlalchemy")


def run_dlt_arrow(url: str, folder: Path, table: str) -> None:
    """The same with its pyarrow backend, the faster one."""
    _pipe(url, folder, table, "pyarrow")


def _pipe(url: str, folder: Path, table: str, backend: str) -> None:
    import dlt
    from dlt.sources.sql_database import sql_table

    resource_ = sql_table(credentials=url, table=table, backend=backend, chunk_size=50_000)
    target = dlt.destinations.filesystem(bucket_url=(folder / "dlt").as_uri())
    pipeline = dlt.pipeline(table, destination=target, dataset_name=table, pipelines_dir=str(folder / "pipelines"))
    pipeline.run(resource_, loader_file_format="parquet")


def run_pandas(url: str, folder: Path, table: str) -> None:
    """`pandas.read_sql`, in chunks, into Parquet."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    with sa.create_engine(url).connect().execution_options(stream_results=True) as connection:
        for chunk in pd.read_sql(f"SELECT * FROM {table}", connection, chunksize=50_000):
            rows = pa.Table.from_pandas(chunk, preserve_index=False)
            writer = writer or pq.ParquetWriter(folder / "pandas.parquet", rows.schema, compression="zstd")
            writer.write_table(rows.cast(writer.schema))
    if writer is not None:
        writer.close()


def measure(work: Work, url: str, folder: Path) -> tuple[float, int]:
    """Seconds and peak MB of the work in a fresh process, code having been compiled by another before it."""
    _run_apart(work, url, folder, "small")
    return _run_apart(work, url, folder, "bench")


def _run_apart(work: Work, url: str, folder: Path, table: str) -> tuple[float, int]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_measured, args=(work, url, folder, table, results))
    process.start()
    found: tuple[float, int] = results.get()
    process.join()
    return found


def _measured(work: Work, url: str, folder: Path, table: str, results: "multiprocessing.Queue[object]") -> None:
    work(url, folder, "small")
    started = time.monotonic()
    work(url, folder, table)
    results.put((time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


@contextmanager
def start_mariadb(folder: Path) -> Iterator[str]:
    """URL of an empty database of a MariaDB server on a socket in `folder`; empty where none is installed."""
    program = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    installer = shutil.which("mariadb-install-db")
    if program is None or installer is None:
        yield ""
        return
    user = ["--user=root"] if os.geteuid() == 0 else []
    data, socket = f"--datadir={folder}/mariadb", folder / "s"
    install = [installer, "--no-defaults", *user, data, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, capture_output=True)
    arguments = ["--no-defaults", *user, data, f"--socket={socket}", "--skip-networking", f"--pid-file={folder}/pid"]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                connection = pymysql.connect(unix_socket=str(socket), user="root")
            except pymysql.Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                break
        with connection:
            connection.cursor().execute("CREATE DATABASE bench CHARACTER SET utf8mb4")
        yield f"mysql+pymysql://root@/bench?unix_socket={socket}"
    finally:
        process.terminate()
        process.wait(60)


def compare(engine: str, url: str, folder: Path, works: list[Work]) -> None:
    """Measure each way and print one line for it."""
    base = None
    for work in works:
        seconds, peak = measure(work, url, folder)
        base = base or seconds
        print(f"{engine:12} {work.__name__[4:]:8} {seconds:8.1f} s {seconds / base:6.2f} x {peak:6} MB", flush=True)


def main() -> None:
    """Make the tables and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engines", nargs="+", default=["postgresql", "sqlite", "mariadb"])
    parser.add_argument("--ways", nargs="+", help="such as copy, proved, dlt_arrow; all where none is named")
    arguments = parser.parse_args()
    others = [run_pandas]
    if importlib.util.find_spec("dlt") is not None:
        others = [run_dlt, run_dlt_arrow, *others]
    else:
        print("dlt is not installed (extra `bench`)")

    def compare_all(engine: str, url: str, works: list[Work]) -> None:
        wanted = [w for w in works if not arguments.ways or w.__name__[4:] in arguments.ways]
        make_tables(sa.create_engine(url), arguments.rows)
        compare(engine, url, folder, wanted)

    with tempfile.TemporaryDirectory(prefix="bench_extract_") as name:
        folder = Path(name)
        if "postgresql" in arguments.engines:
            try:
                compare_all("postgresql", start_server(folder).url, [run_copy, run_ours, run_proved, *others])
            finally:
                stop_server(folder)
        if "sqlite" in arguments.engines:
            compare_all("sqlite", f"sqlite:///{folder}/bench.sqlite", [run_ours, run_proved, run_pandas])
        if "mariadb" in arguments.engines:
            with start_mariadb(folder) as url:
                if url:
                    compare_all("mariadb", url, [run_ours, run_proved, run_pandas])
                else:
                    print("mariadbd is not installed (Debian package mariadb-server)")


if __name__ == "__main__":
    main()
