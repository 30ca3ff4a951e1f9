"""The profile of a wide, long table: seconds and peak memory.

`python tests/benchmarks/bench_profile.py --rows 5000000` makes one invented table of 30 columns as the raw layer holds
it (keys, names, dates, codes, coordinates, free text, damage) and profiles it in a process of its own, under the
memory limit of the settings. Prints seconds, rows times columns a second, and the peak memory of the process.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from migration.extract.profile import profile_table
from migration.extract.sources import TableSource
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable
from migration.settings import Settings

COLUMNS = {
    "CRIME_ID": "'CR' || lpad(i::VARCHAR, 9, '0')",
    "SERIAL_NO": "i::VARCHAR",
    "YEAR_NO": "(2000 + i % 24)::VARCHAR",
    "STATUS_CD": "['O', 'C', 'D', 'X'][1 + i % 4]",
    "HOW_REPORTED": "'H' || i % 12",
    "BEAT": "'B' || lpad((i % 420)::VARCHAR, 3, '0')",
    "OFFICER_NO": "CASE WHEN i % 9 = 0 THEN NULL ELSE 'P' || h % 6000 END",
    "REPORTED_AT": "strftime(TIMESTAMP '2000-01-01' + to_seconds((h % 757000000)::BIGINT), '%Y-%m-%d %H:%M:%S')",
    "OCCURRED_ON": "strftime(CASE WHEN i % 50 = 0 THEN DATE '1900-01-01' "
    "ELSE DATE '2000-01-01' + (h % 8700)::INT END, '%d/%m/%Y')",
    "CLOSED_ON": "CASE WHEN i % 3 = 0 THEN '' ELSE strftime(DATE '2000-01-01' + (h % 8700)::INT, '%Y%m%d') END",
    "SURNAME": "'SURNAME' || h % 90000",
    "FORENAME": "'Forename' || h % 7000",
    "DOB": "strftime(DATE '1930-01-01' + (h % 27000)::INT, '%d-%b-%Y')",
    "SEX": "CASE WHEN i % 100 = 0 THEN NULL ELSE ['M', 'F', 'U'][1 + i % 3] END",
    "SCRO_NO": "CASE WHEN i % 4 = 0 THEN h % 99999 || '/' || i % 90 || 'A' END",
    "HOUSE_NO": "(h % 300)::VARCHAR",
    "STREET": "(h % 40000) || ' HIGH STREET'",
    "TOWN": "'TOWN ' || h % 900",
    "POSTCODE": "'DD' || h % 12 || ' ' || h % 9 || ['AA', 'AB', 'CD'][1 + i % 3]",
    "EASTING": "(300000 + h % 99999)::VARCHAR",
    "NORTHING": "(700000 + h % 99999)::VARCHAR",
    "UPRN": "(906000000000 + h % 3000000)::VARCHAR",
    "VALUE_GBP": "printf('%.2f', (h % 1000000) / 100)",
    "OFFENCE_CODE": "lpad((h % 900)::VARCHAR, 5, '0')",
    "PHONE": "'0' || (1382000000 + h % 90000000)",
    "NOTES": "'Locus secure at ' || h % 1440 || ' on return found window broken, item ' || i",
    "MO_TEXT": "CASE WHEN i % 1000 = 0 THEN 'CafÃ© door forced' ELSE 'By means of entry ' || h % 500 END",
    "UPDATED_BY": "'U' || h % 800",
    "UPDATED_AT": "strftime(TIMESTAMP '2010-01-01' + to_seconds((h % 430000000)::BIGINT), '%d/%m/%Y %H:%M')",
    "SPARE": "NULL::VARCHAR",
}


def make_rows(path: Path, rows: int) -> None:
    """The invented table as Parquet; `h` scatters values as no running number does."""
    values = ", ".join(f'{text} AS "{name}"' for name, text in COLUMNS.items())
    numbers = f"SELECT i, (i * 2654435761) % 4294967296 AS h FROM range({rows}) r(i)"
    query = f"SELECT {values}, i + 1 AS _source_row FROM ({numbers})"
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '2GB'")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def run_profile(folder: Path, memory: str, results: "multiprocessing.Queue[object]") -> None:
    """Profile the table; tells seconds, columns and peak MB."""
    from migration.duck import open_session

    system = SourceSystem("bench", SourceKind.DELIMITED, "", "", {}, "OFFICIAL", 1, "", ())
    table = SourceTable("crime", ("CRIME_ID",), None, tuple(SourceColumn(c) for c in COLUMNS), {})
    settings = Settings(home=folder, memory_limit=memory)
    started = time.monotonic()
    with open_session(settings) as connection:
        columns = profile_table(connection, TableSource("X", system, table, str(folder)), folder / "crime.parquet")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    results.put((time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, len(columns)))


def main() -> None:
    """Make the table and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--memory", default=Settings().memory_limit, help="DuckDB's memory limit, as in the settings")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_profile_") as name:
        folder = Path(name)
        make_rows(folder / "crime.parquet", arguments.rows)
        size = (folder / "crime.parquet").stat().st_size / 1e6
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        process = context.Process(target=run_profile, args=(folder, arguments.memory, results))
        process.start()
        seconds, processor, peak, columns = results.get()
        process.join()
    cells = arguments.rows * columns / seconds
    print(f"{arguments.rows:,} rows x {columns} columns ({size:,.0f} MB of Parquet), memory limit {arguments.memory}")
    print(f"profile {seconds:8.1f} s  {processor:8.1f} CPU s  {cells / 1e6:6.2f} M values/s  peak {peak:,} MB")


if __name__ == "__main__":
    main()
