"""From the legacy count of crimes to recorded crime: every difference by its reason.

Enters: a run's raw and newest files, its ledger and pack. Leaves: `Statement`: crimes of the legacy system by financial
year, what became of them, and the recorded crime that is left; legacy codes by the national code they became. Must
hold: every crime record of the legacy system stands in one line of the statement; what the statement leaves as recorded
crime is, year by year and code by code, what staging counts (a difference is a break). Refuses: guessing a year; where
the legacy date cannot be read in one way only it is `?`, and so it is for crimes whose report did not come.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from migration.duck import read_parquet_sql, sql_text
from migration.fingerprint import quote
from migration.layers import find_entity, layer_folder
from migration.mapping.expressions import Column, Expression, Parse
from migration.mapping.model import Join, Pack, Record
from migration.quality.breaks import Break, compare_counts
from migration.quality.raw_cells import TIME_FORMATS, in_century, read_column
from migration.quality.statistics import (
    NOT_COUNTED,
    OWNER,
    RECORDED,
    UNKNOWN,
    Cells,
    count_cells,
    name_year,
    year_sql,
)
from migration.records import Disposition, Layer, RunContext

SOURCE = "legacy crimes"
REPEATED = "REPEATED_KEY"
"""A row whose key an earlier row has: its fate is that row's."""
OTHER_YEAR = "year read otherwise"
_LOST = tuple(o.value for o in Disposition if o is not Disposition.LOADED)
LINES = (SOURCE, *_LOST, REPEATED, *sorted(NOT_COUNTED), OTHER_YEAR, RECORDED)
"""Lines of the statement, in order: from the legacy count down to recorded crime."""


@dataclass(frozen=True)
class Fate:
    """Legacy crimes of one code and year that went the same way; `outcome` is LOADED for those that are national."""

    legacy_year: str
    legacy_code: str
    outcome: str
    year: str
    code: str
    disposal: str
    rows: int


@dataclass(frozen=True)
class Statement:
    """Legacy crimes by what became of them. `is_whole`: every crime of the run comes from rows it could read."""

    fates: tuple[Fate, ...] = field(default_factory=tuple)
    is_whole: bool = False

    def lines(self) -> dict[str, dict[str, int]]:
        """By financial year: legacy crimes, those that are not recorded crime by reason, and recorded crime.

        The year is that of the legacy date; a crime that is counted in another year is in `year read otherwise`.
        """
        found: dict[str, Counter[str]] = {}
        for fate in self.fates:
            legacy = fate.legacy_year if fate.legacy_year != UNKNOWN else fate.year
            line = found.setdefault(name_year(legacy), Counter())
            line[SOURCE] += fate.rows
            if fate.outcome != Disposition.LOADED.value:
                line[fate.outcome] += fate.rows
            elif fate.disposal in NOT_COUNTED:
                line[fate.disposal] += fate.rows
            else:
                found.setdefault(name_year(fate.year), Counter())[RECORDED] += fate.rows
                if fate.year != legacy:
                    line[OTHER_YEAR] += fate.rows
                    found[name_year(fate.year)][OTHER_YEAR] -= fate.rows
        return {year: dict(sorted(line.items())) for year, line in sorted(found.items())}

    def recorded(self) -> dict[str, int]:
        """Recorded crime by year and national code, as the statement leaves it."""
        counts: Counter[str] = Counter()
        for fate in self.fates:
            if fate.outcome == Disposition.LOADED.value and fate.disposal not in NOT_COUNTED:
                counts[f"{name_year(fate.year)} {fate.code}"] += fate.rows
        return dict(counts)

    def recoded(self) -> dict[str, int]:
        """Loaded crimes by `legacy code > national code`, where the two differ."""
        counts: Counter[str] = Counter()
        for fate in self.fates:
            if fate.outcome == Disposition.LOADED.value and fate.legacy_code != fate.code:
                counts[f"{fate.legacy_code} > {fate.code}"] += fate.rows
        return dict(sorted(counts.items()))


def explain_return(context: RunContext, session: duckdb.DuckDBPyConnection, pack: Pack) -> Statement:
    """The statement of a run; without a line where its crimes or reports are not in the lake."""
    crime, report = find_entity(context, "crime"), find_entity(context, "crime_report")
    if crime is None or report is None:
        return Statement()
    records = [r for r in pack.records if r.entity == "crime"]
    readable = [r for r in records if r.split is None and r.merged_into is None and _code_column(r) is not None]
    fates: Counter[tuple[str, str, str, str, str, str]] = Counter()
    for record in readable:
        for year, code, outcome, counted, national, disposal, rows in _read_fates(
            context, session, pack, record, (crime, report)
        ):
            fates[(str(year), str(code), str(outcome), str(counted), str(national), str(disposal))] += int(str(rows))
    found = tuple(Fate(*names, rows) for names, rows in sorted(fates.items()))
    return Statement(found, bool(records) and readable == records)


def _code_column(record: Record) -> Column | None:
    item = record.field("crime_code")
    return read_column(item.expression) if item else None


def compare_return(statement: Statement, cells: Cells) -> list[Break]:
    """Recorded crime that the statement does not explain, by year and code."""
    if not statement.is_whole:
        return []
    recorded = count_cells(cells)[RECORDED]
    return compare_counts("explained return", "source = staging", "crime", statement.recorded(), recorded, OWNER)


def _read_fates(
    context: RunContext,
    session: duckdb.DuckDBPyConnection,
    pack: Pack,
    record: Record,
    national: tuple[Path, Path],
) -> Iterable[tuple[object, ...]]:
    """Rows of (legacy year, legacy code, outcome, year, code, disposal, count) of one record map."""
    raw = layer_folder(context, Layer.RAW)
    path = raw / record.system / f"{record.table}.parquet"
    column = _code_column(record)
    if not path.exists() or column is None:
        return []
    year, join = _legacy_year(record, raw)
    group = f"#{record.group}" if record.group else ""
    key = " || '|' || ".join(f"trim(r.{quote(c)}::VARCHAR)" for c in pack.system(record.system).table(record.table).key)
    mine = f"source_system = {sql_text(record.system)} AND source_table = {sql_text(record.table)}"
    ends = f"ends_with(source_key, {sql_text(group)})" if group else "TRUE"
    disposition = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
    is_record = (
        "TRUE" if not (group or record.when or record.present) else "d.outcome IS NOT NULL OR m.crime_id IS NOT NULL"
    )
    crime, report = (read_parquet_sql(p) for p in national)
    query = f"""
        WITH m AS (SELECT c.crime_id, c.source_row, c.crime_code, coalesce(c.disposal_code, '{UNKNOWN}') AS disposal,
                coalesce({year_sql("(p.recorded_at_utc AT TIME ZONE 'Europe/London')")}::text, '{UNKNOWN}') AS year
            FROM (SELECT * FROM {crime} WHERE {mine} AND {ends}) c
            LEFT JOIN {report} p ON p.crime_report_id = c.crime_report_id),
        d AS (SELECT source_key, any_value(outcome) AS outcome FROM {read_parquet_sql(disposition)}
            WHERE entity = 'crime' AND outcome <> '{Disposition.LOADED.value}' AND {mine} AND {ends} GROUP BY 1)
        SELECT coalesce({year}::text, '{UNKNOWN}'),
            coalesce(left(nullif(trim(r.{quote(column.name)}::VARCHAR), ''), 120), '{UNKNOWN}'),
            CASE WHEN m.crime_id IS NOT NULL THEN '{Disposition.LOADED.value}'
                ELSE coalesce(d.outcome, '{REPEATED}') END,
            coalesce(m.year, '{UNKNOWN}'), coalesce(m.crime_code, ''), coalesce(m.disposal, ''), count(*)
        FROM {read_parquet_sql(path)} r {join} LEFT JOIN m ON m.source_row = r._source_row
        LEFT JOIN d ON m.crime_id IS NULL AND d.source_key = {key} || {sql_text(group)}
        WHERE {is_record} GROUP BY ALL"""
    return session.execute(query).fetchall()


def _legacy_year(record: Record, raw: Path) -> tuple[str, str]:
    """SQL of the financial year of the legacy date codes are looked up by, and the join it needs; NULL if unsure."""
    column = _dated_column(record.as_of)
    if column is None:
        return "NULL", ""
    join = next((j for j in record.joins if j.alias == column.join), None)
    if column.join and (join is None or join.pick or join.collect):
        return "NULL", ""
    sql = _moment(record.as_of, f"{'j' if join else 'r'}.{quote(column.name)}")
    if sql is None:
        return "NULL", ""
    return year_sql(sql), _join_sql(join, raw) if join else ""


def _dated_column(node: Expression | None) -> Column | None:
    while node is not None and not isinstance(node, Column):
        node = getattr(node, "inner", None)
    return node


def _join_sql(join: Join, raw: Path) -> str:
    """The joined legacy table, one row per match."""
    matches = [(name, node) for name, node in join.on if isinstance(node, Column)]
    names = ", ".join(quote(name) for name, _ in matches)
    source = read_parquet_sql(raw / join.system / f"{join.table}.parquet")
    on = " AND ".join(f"trim(j.{quote(n)}::VARCHAR) = trim(r.{quote(c.name)}::VARCHAR)" for n, c in matches)
    one = f"(SELECT * FROM {source} QUALIFY row_number() OVER (PARTITION BY {names} ORDER BY _source_row) = 1)"
    return f"LEFT JOIN {one} j ON {on}"


def _moment(node: Expression | None, column: str) -> str | None:
    """SQL of the local time a legacy date says; None where its text can be read in several ways."""
    options = node.options if isinstance(node, Parse) else {}
    patterns = list(_patterns(options.get("formats")))
    century = options.get("century")
    if any("%z" in p.lower() for p in patterns) or (any("%y" in p for p in patterns) and century is None):
        return None
    text = f"regexp_replace(nullif(trim({column}::VARCHAR), ''), '\\.[0-9]+$', '')"
    moment = f"try_strptime({text}, [{', '.join(sql_text(p) for p in patterns)}])"
    if str(options.get("zone", "")) == "UTC":
        moment = f"(({moment} AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/London')"
    return moment if century is None else in_century(moment, int(str(century)))


def _patterns(given: object) -> Iterator[str]:
    formats = given if isinstance(given, list | tuple) else TIME_FORMATS
    yield from (str(f) for f in formats)
