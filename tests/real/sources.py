"""Puts the real open data where the trial packs expect a legacy system to be."""

import csv
import sqlite3
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from migration.settings import Settings

PREMISES_DIVISION = "A"


def build_nibrs(settings: Settings) -> Path:
    """`sources/nibrs.sqlite`: one table per NIBRS file, typed by content."""
    path = settings.home / "sources" / "nibrs.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        for file in sorted((settings.real_data / "nibrs_az2016").glob("*.csv")):
            _load_csv(connection, file)
    connection.close()
    return path


def _load_csv(connection: sqlite3.Connection, file: Path) -> None:
    with file.open(encoding="utf-8", newline="") as handle:
        header, *rows = list(csv.reader(handle))
    kinds = ["INTEGER" if _is_whole(rows, i) else "TEXT" for i in range(len(header))]
    columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(header, kinds, strict=True))
    table = file.stem.removeprefix("nibrs_")
    connection.execute(f'CREATE TABLE "{table}" ({columns})')
    marks = ", ".join("?" * len(header))
    values = ([v or None for v in row] for row in rows)
    connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', values)


def _is_whole(rows: list[list[str]], column: int) -> bool:
    values = [row[column] for row in rows if row[column]]
    return bool(values) and all(v.isdigit() and (v == "0" or not v.startswith("0")) for v in values)


def build_premises(settings: Settings) -> Path:
    """`sources/premises/PREMISES_2020.csv`: the first registers of one division."""
    table = pq.read_table(settings.real_data / "fhrs_scotland_2020" / "2020-08-first.parquet")
    path = settings.home / "sources" / "premises" / "PREMISES_2020.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pa_csv.write_csv(table.filter(pc.equal(table["division"], PREMISES_DIVISION)), path)
    return path


def build_people(settings: Settings) -> Path:
    """`sources/people/PEOPLE.txt`: people with errors in their records."""
    table = pq.read_table(settings.real_data / "historical_people_half.parquet")
    path = settings.home / "sources" / "people" / "PEOPLE.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    pa_csv.write_csv(table, path, pa_csv.WriteOptions(delimiter="|"))
    return path


def build_postcodes(settings: Settings) -> Path:
    """`sources/postcodes/postcodes.parquet`: postcodes only; wards without `S13` stand in for beats."""
    letters = settings.real_data / "council_to_division.csv"
    postcodes = settings.real_data / "scottish_postcode_geography_2020.parquet"
    path = settings.home / "sources" / "postcodes" / "postcodes.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(
        f"COPY (SELECT postcode, easting, northing, division_letter AS division_code, ward_code[4:] AS beat_code "
        f"FROM '{postcodes}' JOIN '{letters}' ON council_code = council_area_code_2019) TO '{path}'"
    )
    return path
