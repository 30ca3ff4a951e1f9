"""Statistical-return equality: recorded and detected crime by code and year, and every cell's content.

Enters: the newest crime and crime-report files of a run, or tables of PostgreSQL. Leaves: totals of crime by year of
recording, year of detection, code and disposal; recorded and detected crime counted from them; the breaks between two
sides. Must hold: the year is the financial year (April to March, local time); recorded crime leaves out No Crime,
recorded in error and duplicates and counts by the day of recording; detected crime counts by the date cleared up.
Source: Recorded Crime in Scotland, user guide; Scottish Crime Recording Standard, sections C and E.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import sqlalchemy as sa

from migration.duck import read_parquet_sql
from migration.quality.breaks import SHOWN_KEYS, Break, compare_counts
from migration.quality.fingerprints import TableTotals
from migration.quality.lake_fingerprints import measure_relation
from migration.quality.measure import measure_groups
from migration.schema.model import Entity

OWNER = "crime_registrar"
RECORDED, DETECTED = "recorded crime", "detected crime"
CELL = "year, code, disposal"
NOT_COUNTED = frozenset({"NO_CRIME", "RECORDED_IN_ERROR", "DUPLICATE"})
UNKNOWN = "?"
Counts = dict[str, dict[str, int]]
Cells = Mapping[str, TableTotals]
"""Totals of crime by `recorded year|detected year|code|disposal`; `?` where there is none."""


def cells_relation(crime: str, report: str) -> str:
    """Rows of crime with their cell, over two relations, in SQL that DuckDB and PostgreSQL read alike."""
    recorded = year_sql("(r.recorded_at_utc AT TIME ZONE 'Europe/London')")
    parts = (recorded, year_sql("c.detected_on"), "c.crime_code", "c.disposal_code")
    cell = " || '|' || ".join(f"coalesce({part}::text, '{UNKNOWN}')" for part in parts)
    return f"(SELECT c.*, {cell} AS cell FROM {crime} c LEFT JOIN {report} r ON r.crime_report_id = c.crime_report_id)"


def year_sql(moment: str) -> str:
    """First calendar year of the financial year a day or local time lies in."""
    return f"date_part('year', {moment} - INTERVAL '3 months')::int"


def read_lake_cells(
    session: duckdb.DuckDBPyConnection, crime: Path | None, report: Path | None, entity: Entity, threads: int
) -> Cells:
    """Totals by cell of a run's files; none where a file is not there."""
    if crime is None or report is None:
        return {}
    relation = cells_relation(read_parquet_sql(crime), read_parquet_sql(report))
    return measure_relation(session, relation, entity, threads, "cell")


def read_table_cells(connection: sa.Connection, crime: str, report: str, entity: Entity) -> Cells:
    """Totals by cell of two PostgreSQL tables."""
    return measure_groups(connection, cells_relation(crime, report), entity, "cell")


def count_cells(cells: Cells) -> Counts:
    """Recorded and detected crime by `2021-22 01000`, from totals by cell."""
    counts: Counts = {RECORDED: {}, DETECTED: {}}
    for cell, totals in sorted(cells.items()):
        recorded, detected, code, disposal = cell.split("|")
        if disposal not in NOT_COUNTED:
            _add(counts[RECORDED], recorded, code, totals.rows)
        if disposal.startswith("DETECTED") and detected != UNKNOWN:
            _add(counts[DETECTED], detected, code, totals.rows)
    return counts


def _add(counts: dict[str, int], year: str, code: str, rows: int) -> None:
    name = f"{name_year(year)} {code}"
    counts[name] = counts.get(name, 0) + rows


def name_year(year: str) -> str:
    """A financial year as it is written: `2021-22`."""
    return year if year == UNKNOWN else f"{year}-{(int(year) + 1) % 100:02d}"


def compare_cells(layers: str, left: Cells, right: Cells) -> list[Break]:
    """Recorded and detected crime that differ by year and code, and cells whose content differs."""
    breaks = []
    counted, found = count_cells(left), count_cells(right)
    for measure in (RECORDED, DETECTED):
        breaks += compare_counts(measure, layers, "crime", counted[measure], found[measure], OWNER)
    differing = sorted(c for c in {*left, *right} if _content(left, c) != _content(right, c))
    if differing:
        sides = (f"{len(left)} cells", f"{len(differing)} of them differ")
        breaks.append(Break(CELL, layers, "crime", "", *sides, OWNER, tuple(differing[:SHOWN_KEYS])))
    return breaks


def _content(cells: Cells, name: str) -> str:
    return cells[name].content if name in cells else ""
