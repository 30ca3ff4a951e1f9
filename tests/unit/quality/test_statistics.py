"""Recorded and detected crime by financial year and code."""

from pathlib import Path

import duckdb

from migration.quality.statistics import DETECTED, RECORDED, compare_statistics, count_lake


def write(session: duckdb.DuckDBPyConnection, query: str, path: Path) -> Path:
    session.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def test_year_is_financial_and_local_and_no_crimes_do_not_count(tmp_path: Path) -> None:
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        report = write(
            session,
            "SELECT * FROM (VALUES ('r1', TIMESTAMPTZ '2021-03-31 22:30:00+00'), "
            "('r2', TIMESTAMPTZ '2021-03-31 23:30:00+00')) "
            "AS r(crime_report_id, recorded_at_utc)",
            tmp_path / "r.parquet",
        )
        crime = write(
            session,
            "SELECT * FROM (VALUES ('r1', '01000', 'UNDETECTED', NULL::DATE), "
            "('r2', '01000', 'DETECTED_OTHER', DATE '2022-04-01'), ('r2', '06000', 'NO_CRIME', NULL)) "
            "AS c(crime_report_id, crime_code, disposal_code, detected_on)",
            tmp_path / "c.parquet",
        )
        cells = count_lake(session, crime, report)
    assert cells[RECORDED] == {"2020-21 01000": 1, "2021-22 01000": 1}
    assert cells[DETECTED] == {"2022-23 01000": 1}
    assert compare_statistics(cells, cells) == []
    assert compare_statistics(cells, {RECORDED: {}, DETECTED: cells[DETECTED]})[0].check == RECORDED
