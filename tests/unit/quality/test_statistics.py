"""Recorded and detected crime by financial year and code."""

from dataclasses import replace
from pathlib import Path

import duckdb

from migration.quality.statistics import CELL, DETECTED, RECORDED, Cells, compare_cells, count_cells, read_lake_cells
from migration.schema.model import Entity, load_schema

CRIMES = (
    "('c1', 'r1', '01000', 'UNDETECTED', NULL::DATE), ('c2', 'r2', '01000', 'DETECTED_OTHER', DATE '2022-04-01'), "
    "('c3', 'r2', '06000', 'NO_CRIME', NULL), ('c4', 'lost', '06000', NULL, NULL)"
)


def narrow_crime() -> Entity:
    """The entity crime with the few fields that cells rest on."""
    names = ("crime_id", "crime_report_id", "crime_code", "disposal_code", "detected_on")
    crime = load_schema().entity("crime")
    return replace(crime, key=("crime_id",), fields=tuple(crime.field(n) for n in names))


def read_cells(folder: Path, crimes: str) -> Cells:
    reports = "('r1', TIMESTAMPTZ '2021-03-31 22:30:00+00'), ('r2', TIMESTAMPTZ '2021-03-31 23:30:00+00')"
    queries = {
        "r": f"FROM (VALUES {reports}) AS r(crime_report_id, recorded_at_utc)",
        "c": f"FROM (VALUES {crimes}) AS c(crime_id, crime_report_id, crime_code, disposal_code, detected_on)",
    }
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        for name, query in queries.items():
            session.execute(f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet)")
        return read_lake_cells(session, folder / "c.parquet", folder / "r.parquet", narrow_crime(), 2)


def test_year_is_financial_and_local_and_no_crimes_do_not_count(tmp_path: Path) -> None:
    cells = read_cells(tmp_path, CRIMES)
    assert sorted(cells) == [
        "2020|?|01000|UNDETECTED", "2021|2022|01000|DETECTED_OTHER", "2021|?|06000|NO_CRIME", "?|?|06000|?",
    ]  # fmt: skip
    counts = count_cells(cells)
    assert counts[RECORDED] == {"2020-21 01000": 1, "2021-22 01000": 1, "? 06000": 1}
    assert counts[DETECTED] == {"2022-23 01000": 1}


def test_cell_with_other_content_is_a_break_though_counts_agree(tmp_path: Path) -> None:
    cells = read_cells(tmp_path, CRIMES)
    assert compare_cells("a = b", cells, cells) == []
    found = compare_cells("a = b", cells, read_cells(tmp_path, CRIMES.replace("'c1'", "'c9'")))
    assert [(b.check, b.keys) for b in found] == [(CELL, ("2020|?|01000|UNDETECTED",))]


def test_counts_that_differ_are_named_by_measure(tmp_path: Path) -> None:
    cells = read_cells(tmp_path, CRIMES)
    found = compare_cells("a = b", cells, {c: t for c, t in cells.items() if "UNDETECTED" not in c})
    assert [b.check for b in found] == [RECORDED, CELL]
    assert found[0].keys == ("2020-21 01000",)
