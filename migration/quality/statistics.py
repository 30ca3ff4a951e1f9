"""Statistical-return equality: recorded and detected crime by code and year, before and after.

Enters: the newest crime and crime-report files of a run, and their staging tables. Leaves: counts by cell and the
breaks between them; how many source records of crimes explain the difference to the legacy count. Must hold: the year
is the financial year (April to March, local time); recorded crime leaves out No Crime, recorded in error and
duplicates and counts by the day of recording; detected crime counts by the date cleared up. Source: Recorded Crime in
Scotland, user guide; Scottish Crime Recording Standard, sections C and E.
"""

from pathlib import Path

import duckdb
import sqlalchemy as sa

from migration.duck import read_parquet_sql
from migration.quality.breaks import Break, compare_counts
from migration.quality.suite import staging_table

OWNER = "crime_registrar"
RECORDED, DETECTED = "recorded crime", "detected crime"
NOT_COUNTED = "('NO_CRIME', 'RECORDED_IN_ERROR', 'DUPLICATE')"
LOCAL_DAY = "({column} AT TIME ZONE 'Europe/London')::date"
Cells = dict[str, dict[str, int]]


def statistics_sql(crime: str, report: str) -> str:
    """Rows of (measure, cell, count) over two relations, in SQL that DuckDB and PostgreSQL read alike."""
    recorded_on = LOCAL_DAY.format(column="r.recorded_at_utc")
    recorded_cell = f"{_year('x.recorded_on')} || ' ' || x.crime_code"
    detected_cell = f"{_year('x.detected_on')} || ' ' || x.crime_code"
    return (
        f"WITH x AS (SELECT c.crime_code, c.disposal_code, c.detected_on, {recorded_on} AS recorded_on "
        f"FROM {crime} c JOIN {report} r ON r.crime_report_id = c.crime_report_id) "
        f"SELECT '{RECORDED}' AS measure, {recorded_cell} AS cell, count(*) AS n FROM x "
        f"WHERE coalesce(x.disposal_code, '') NOT IN {NOT_COUNTED} GROUP BY 1, 2 "
        f"UNION ALL SELECT '{DETECTED}', {detected_cell}, count(*) FROM x "
        f"WHERE x.disposal_code LIKE 'DETECTED%' AND x.detected_on IS NOT NULL GROUP BY 1, 2"
    )


def _year(day: str) -> str:
    first = f"(extract(year FROM {day})::int - CASE WHEN extract(month FROM {day}) < 4 THEN 1 ELSE 0 END)"
    return f"({first}::text || '-' || lpad((({first} + 1) % 100)::text, 2, '0'))"


def count_lake(session: duckdb.DuckDBPyConnection, crime: Path, report: Path) -> Cells:
    """Counts by measure and cell of a run's files."""
    rows = session.execute(statistics_sql(read_parquet_sql(crime), read_parquet_sql(report))).fetchall()
    return _collect(rows)


def count_staging(connection: sa.Connection, division: str) -> Cells:
    """Counts by measure and cell of a division's staging tables."""
    sql = statistics_sql(staging_table("crime", division), staging_table("crime_report", division))
    return _collect([tuple(r) for r in connection.exec_driver_sql(sql.replace("%", "%%"))])


def compare_statistics(lake: Cells, staging: Cells) -> list[Break]:
    """Cells in which recorded or detected crime differs."""
    breaks = []
    for measure in (RECORDED, DETECTED):
        breaks += compare_counts(
            measure, "mapped = staging", "crime", lake.get(measure, {}), staging.get(measure, {}), OWNER
        )
    return breaks


def _collect(rows: list[tuple[object, ...]]) -> Cells:
    cells: Cells = {RECORDED: {}, DETECTED: {}}
    for measure, cell, count in sorted(rows, key=str):
        cells[str(measure)][str(cell)] = int(str(count))
    return cells
