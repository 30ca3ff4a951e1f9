"""What a source table holds, measured: the picture a migration engineer wants on day one.

Enters: the `raw` layer of a run. Leaves: `ColumnProfile`s and `TableProfile`s, written as Parquet and HTML by
`profile_report`. Must hold: no value of fewer than `SMALLEST_CELL` records is shown, and none at all of a column
that probably holds personal data. Refuses: a run without a `raw` layer.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from migration.duck import open_session, read_parquet_sql
from migration.extract.profile_guess import guess_content, is_personal
from migration.extract.profile_shapes import count_shapes, may_be_date
from migration.extract.profile_tables import TableProfile, describe_table
from migration.extract.reader import SOURCE_ROW
from migration.extract.sources import TableSource, load_tables
from migration.fingerprint import quote
from migration.layers import layer_folder, read_manifest
from migration.records import Layer, RunContext

SMALLEST_CELL = 5
TOP_VALUES = 10
MOST_CODES = 100
DEFAULT_DATES = ("1900-01-01", "1899-12-30", "1899-12-31", "1970-01-01", "1753-01-01", "9999-12-31", "2000-01-01")
SPIKE_SHARE = 0.01
"""A day that holds more than this share of a date column, and ten times the median day, is a spike."""
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%y",
    "%d/%m/%y %H:%M",
    "%d-%b-%Y",
    "%d-%b-%Y %H:%M",
    "%Y%m%d",
)
DATE_SHARE = 0.9
FORMAT_VALUES = 5_000
"""Values, scattered over the column by their hash, that decide its date format."""
EMPTY_WORDS = frozenset({"id", "no", "num", "ref", "key", "seq", "code", "cd"})
"""Words that many keys have in common and that say nothing of what they name."""


@dataclass(frozen=True)
class ColumnProfile:
    """One column. Shares are of the rows that are not NULL, unless they say otherwise.

    Attributes:
        damaged: values with replacement marks or the tell-tale letters of text decoded twice.
        patterns: most frequent shapes (`A` a letter, `9` a digit), with counts of at least `SMALLEST_CELL`.
        top_values: most frequent values with counts; None where they may be personal.
        date_format, first_day, last_day: of columns that hold dates (the days only where they are not personal).
        spikes: days that stand out, with counts; years: values a year, for the chart.
    """

    system: str
    table: str
    column: str
    type: str
    rows: int
    nulls: int
    empties: int
    distinct: int
    shortest: int | None
    longest: int | None
    content: str
    is_personal: bool
    is_code: bool
    is_key: bool
    damaged: int
    patterns: tuple[tuple[str, int], ...]
    top_values: tuple[tuple[str, int], ...] | None
    date_format: str | None
    first_day: str | None
    last_day: str | None
    spikes: tuple[tuple[str, int], ...]
    years: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Inclusion:
    """A column whose values (nearly) all stand in a key column of another table: a probable foreign key."""

    system: str
    table: str
    column: str
    key_table: str
    key_column: str
    share: float
    orphans: int


@dataclass(frozen=True)
class DivisionProfile:
    """A division's source tables, all their columns, and how tables refer to each other."""

    division: str
    run_id: str
    tables: tuple[TableProfile, ...]
    columns: tuple[ColumnProfile, ...]
    inclusions: tuple[Inclusion, ...]


def profile_division(context: RunContext, tell: Callable[[str], None] = lambda _: None) -> DivisionProfile:
    """Measure every table of the run's `raw` layer.

    Args:
        tell: is told what is measured next.

    Raises:
        SourceError: the layer is not there.
    """
    manifest = read_manifest(context, Layer.RAW)
    known = {t.name for t in manifest.tables}
    sources = [s for s in load_tables(context) if f"{s.system.name}/{s.table.name}" in known]
    with open_session(context.settings) as connection:
        found = []
        for source in sources:
            tell(source.where)
            found.append(profile_table(connection, source, raw_path(context, source)))
        tell("tables and references")
        tables = tuple(
            describe_table(connection, read_parquet_sql(raw_path(context, s)), columns)
            for s, columns in zip(sources, found, strict=True)
        )
        columns = tuple(c for some in found for c in some)
        inclusions = tuple(find_inclusions(connection, context, sources, columns))
    return DivisionProfile(context.division, context.run_id, tables, columns, inclusions)


def raw_path(context: RunContext, source: TableSource) -> Path:
    """The Parquet of a table in the run's `raw` layer."""
    return layer_folder(context, Layer.RAW) / source.system.name / f"{source.table.name}.parquet"


def profile_table(connection: duckdb.DuckDBPyConnection, source: TableSource, path: Path) -> list[ColumnProfile]:
    """The profiles of one table's columns."""
    relation = read_parquet_sql(path)
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return [
        _profile_column(connection, source, relation, str(name), str(kind))
        for name, kind, *_ in described
        if name != SOURCE_ROW
    ]


def _profile_column(
    connection: duckdb.DuckDBPyConnection, source: TableSource, relation: str, name: str, kind: str
) -> ColumnProfile:
    text = f"{quote(name)}::VARCHAR"
    counted = _row(
        connection,
        f"SELECT count(*), count(*) FILTER ({quote(name)} IS NULL), count(*) FILTER ({text} = ''), "
        f"min(length({text})), max(length({text})), "
        f"count(*) FILTER (regexp_matches({text}, '\\x{{FFFD}}|Ã.|Â.|â€')) FROM {relation}",
    )
    rows, nulls, empties, shortest, longest, damaged = counted
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE cells AS SELECT {text} AS v, count(*) AS n FROM {relation} "
        f"WHERE {text} <> '' GROUP BY 1"
    )
    distinct = int(_row(connection, "SELECT count(*) FROM cells")[0])
    filled = int(rows) - int(nulls) - int(empties)
    patterns = count_shapes(connection, SMALLEST_CELL, TOP_VALUES)
    dates = _profile_dates(connection, kind, patterns)
    content = guess_content(name, [p for p, _ in patterns], is_date=dates.format is not None)
    personal = is_personal(name, content)
    top = _pairs(connection, f"SELECT v, sum(n) FROM cells GROUP BY 1 {_at_least()}")
    is_code = 0 < distinct <= MOST_CODES and distinct * 20 < filled and not personal and dates.format is None
    return ColumnProfile(
        system=source.system.name,
        table=source.table.name,
        column=name,
        type=kind,
        rows=int(rows),
        nulls=int(nulls),
        empties=int(empties),
        distinct=distinct,
        shortest=shortest,
        longest=longest,
        content=content,
        is_personal=personal,
        is_code=is_code,
        is_key=distinct == int(rows) > 0,
        damaged=int(damaged),
        patterns=patterns,
        top_values=None if personal else top,
        date_format=dates.format,
        first_day=None if personal else dates.first,
        last_day=None if personal else dates.last,
        spikes=dates.spikes,
        years=dates.years,
    )


def _at_least() -> str:
    return f"HAVING sum(n) >= {SMALLEST_CELL} ORDER BY 2 DESC, 1 LIMIT {TOP_VALUES}"


@dataclass(frozen=True)
class _Dates:
    """What a column of dates holds; all None or empty where it holds none."""

    format: str | None = None
    first: str | None = None
    last: str | None = None
    spikes: tuple[tuple[str, int], ...] = ()
    years: tuple[tuple[str, int], ...] = ()


def _profile_dates(connection: duckdb.DuckDBPyConnection, kind: str, patterns: tuple[tuple[str, int], ...]) -> _Dates:
    """Format, range and spikes of the column in `cells`."""
    if kind not in ("VARCHAR", "DATE") and not kind.startswith("TIMESTAMP"):
        return _Dates()
    found = "ISO" if kind != "VARCHAR" else _find_format(connection) if may_be_date(patterns) else None
    if found is None:
        return _Dates()
    day = "try_cast(v[:10] AS DATE)" if found == "ISO" else f"try_strptime(v, '{found}')::DATE"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE days AS SELECT d, sum(n) AS n FROM (SELECT {day} AS d, n FROM cells) "
        "WHERE d IS NOT NULL GROUP BY d"
    )
    first, last = _row(connection, "SELECT min(d)::VARCHAR, max(d)::VARCHAR FROM days")
    known = ", ".join(f"'{d}'" for d in DEFAULT_DATES)
    spikes = _pairs(
        connection,
        f"SELECT d::VARCHAR, n FROM days WHERE n >= {SMALLEST_CELL} AND (d::VARCHAR IN ({known}) AND "
        f"n > 3 * (SELECT median(n) FROM days) OR n > greatest({SPIKE_SHARE} * (SELECT sum(n) FROM days), "
        f"10 * (SELECT median(n) FROM days))) ORDER BY n DESC, d LIMIT {TOP_VALUES}",
    )
    years = _pairs(
        connection,
        f"SELECT year(d)::VARCHAR, sum(n) FROM days GROUP BY 1 HAVING sum(n) >= {SMALLEST_CELL} ORDER BY 1",
    )
    return _Dates(found, first, last, spikes, years)


def _find_format(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The date format that most values of `cells` have, or None."""
    tests = ", ".join(f"count(try_strptime(v, '{f}'))" for f in DATE_FORMATS)
    sample = f"SELECT v FROM cells ORDER BY md5_number_lower(v), v LIMIT {FORMAT_VALUES}"
    row = _row(connection, f"SELECT count(*), {tests} FROM ({sample})")
    shares = [(int(n) / int(row[0]) if row[0] else 0.0, f) for n, f in zip(row[1:], DATE_FORMATS, strict=True)]
    best = max(shares, key=lambda s: s[0])
    return best[1] if best[0] >= DATE_SHARE else None


def find_inclusions(
    connection: duckdb.DuckDBPyConnection,
    context: RunContext,
    sources: list[TableSource],
    columns: tuple[ColumnProfile, ...],
) -> list[Inclusion]:
    """Probable foreign keys: columns at least 95 % of whose values stand in a key column of another table.

    Only the tables' own keys are tested, and only against columns of the same shape and length; running numbers, which
    any other running number seems to include, also need the words of the key's name.
    """
    paths = {(s.system.name, s.table.name): raw_path(context, s) for s in sources}
    own_keys = {(s.system.name, s.table.name): s.table.key for s in sources}
    keys = [c for c in columns if c.is_key and c.distinct > 1 and (c.column,) == own_keys[c.system, c.table]]
    found = []
    referring = [c for c in columns if (c.column,) != own_keys[c.system, c.table]]
    for column in referring:
        for key in keys:
            if (key.system, key.table) == (column.system, column.table) or not _may_refer(column, key):
                continue
            share, orphans = _measure_inclusion(
                connection, paths[column.system, column.table], column, paths[key.system, key.table], key
            )
            if share >= 0.95:
                found.append(
                    Inclusion(column.system, column.table, column.column, key.table, key.column, share, orphans)
                )
    return found


def _may_refer(column: ColumnProfile, key: ColumnProfile) -> bool:
    if column.system != key.system or column.distinct < 2 or column.distinct > key.distinct * 1.05 + 1:
        return False
    if (column.longest or 0) > (key.longest or 0) or column.date_format or key.date_format:
        return False
    shapes = {p for p, _ in key.patterns}
    if all(set(p) <= set("9") for p in shapes) and not _names_key(column.column, key.column):
        return False
    return column.type == key.type and bool(shapes & {p for p, _ in column.patterns})


def _names_key(name: str, other: str) -> bool:
    """Whether a column's name has every word of a key's name that says what it names."""
    words = [{w for w in re.split(r"[^a-z]+", n.lower()) if w} - EMPTY_WORDS for n in (name, other)]
    return bool(words[1] and words[1] <= words[0]) or name.lower() == other.lower()


def _measure_inclusion(
    connection: duckdb.DuckDBPyConnection, path: Path, column: ColumnProfile, key_path: Path, key: ColumnProfile
) -> tuple[float, int]:
    row = _row(
        connection,
        f"SELECT count(*), count(*) FILTER (v NOT IN (SELECT {quote(key.column)} FROM {read_parquet_sql(key_path)} "
        f"WHERE {quote(key.column)} IS NOT NULL)) FROM (SELECT DISTINCT {quote(column.column)} AS v "
        f"FROM {read_parquet_sql(path)} WHERE {quote(column.column)}::VARCHAR <> '')",
    )
    values, orphans = int(row[0]), int(row[1])
    return (1 - orphans / values if values else 0.0), orphans


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    if row is None:
        raise AssertionError("an aggregate always gives a row")
    return row


def _pairs(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[tuple[str, int], ...]:
    return tuple((str(v), int(n)) for v, n in connection.execute(query).fetchall())


def as_json(pairs: tuple[tuple[str, int], ...] | None) -> str | None:
    """Pairs as a JSON list, for Parquet."""
    return None if pairs is None else json.dumps(pairs, ensure_ascii=False)
