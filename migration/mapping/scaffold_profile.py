"""What an unknown legacy system holds: tables, columns, samples, keys.

Enters: a SQLAlchemy URL, or a folder of files of any kind that can be extracted. Leaves: `TableProfile`s. Must hold:
values are looked at in memory only; a profile written anywhere holds names and shares. Refuses: a place with no tables.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, inspect, text

from migration.errors import SourceError
from migration.mapping.model import SourceKind
from migration.mapping.scaffold_files import FoundTable, find_tables, is_readable, read_rows

SAMPLE_ROWS = 3000
KEY_ROWS = 50_000
"""Rows of which a table's key values are known."""
LABELLED_ROWS = 400
KEY_NAME = re.compile(r"(?i)(_id|_no|ref|key|num)$|^id$")
MOSTLY_UNIQUE = 0.98
"""Share of a key's values that stand once, rows that are wholly the same aside: legacy keys repeat now and then."""
LONGEST_KEY = 20.0
"""Mean length of a column's values from which on it is a text and no key."""
LOOKED_AT_VALUES = 200
"""Distinct values of a column that formats are tried on."""
DAY_FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y", "%d-%b-%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %b %Y", "%Y/%m/%d")
PACKED_FORMATS = ("%Y%m%d", "%y%m%d", "%d%m%Y")
TIME_FORMATS = ("%H:%M", "%H:%M:%S", "%H%M")
STAMP_FORMATS = tuple(f"{day}{gap}{time}" for day in DAY_FORMATS for gap in " T" for time in TIME_FORMATS[:2])
MOST_READ = 0.8
"""Share of a column's values that its formats read, from which on it holds dates or times."""
ABSENT = re.compile(r"[0 ]+|9+")
"""How absent numbers are written where a field cannot be empty."""
NUMBER = re.compile(r"-?[\d,]+(\.\d+)?")


@dataclass(frozen=True)
class ColumnProfile:
    """One column: shares are of the sample's filled values.

    Attributes:
        date_like, time_like: share that the formats found read as a day (with or without a time), or a time of day.
        formats: those formats, that of most values first.
        length: mean number of characters.
        values: the distinct values, capped, for comparison only.
    """

    name: str
    filled: float
    distinct: float
    date_like: float
    numeric: float
    values: frozenset[str] = field(repr=False)
    time_like: float = 0.0
    length: float = 0.0
    formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableProfile:
    """One table: its columns, rows, and the columns that name a row (the shortest set found).

    `labels` pairs each key of a small table with its longest text: what a code table says of a code. `key_values` are
    the values of a key of one column, for comparison only. `found`: how its files are read.
    """

    name: str
    rows: int
    columns: tuple[ColumnProfile, ...]
    key: tuple[str, ...]
    labels: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    key_values: frozenset[str] = field(default=frozenset(), repr=False)
    found: FoundTable | None = None

    @property
    def kind(self) -> SourceKind:
        """Kind of the source it lies in."""
        return self.found.kind if self.found is not None else SourceKind.DATABASE

    def column(self, column: str) -> ColumnProfile | None:
        """The column of a name, or None."""
        return next((c for c in self.columns if c.name == column), None)


def profile_source(source: str) -> tuple[TableProfile, ...]:
    """Profiles of every table of a system.

    Args:
        source: SQLAlchemy URL, or a folder of files.

    Raises:
        SourceError: nothing is there.
    """
    found = _profile_database(source) if "://" in source else _profile_files(Path(source))
    if not found:
        raise SourceError(
            "scaffold", f"no tables at {source.rsplit('@', maxsplit=1)[-1]}", "a database or files", "Check the place."
        )
    return found


def _profile_database(url: str) -> tuple[TableProfile, ...]:
    engine = create_engine(url)
    try:
        inspector = inspect(engine)
        return tuple(_profile_table(engine, t, inspector) for t in sorted(inspector.get_table_names()))
    finally:
        engine.dispose()


def _profile_table(engine: Engine, table: str, inspector: object) -> TableProfile:
    quoted = engine.dialect.identifier_preparer.quote(table)
    declared = inspector.get_pk_constraint(table).get("constrained_columns") or ()  # type: ignore[attr-defined]
    with engine.connect() as connection:
        rows = int(connection.execute(text(f"SELECT count(*) FROM {quoted}")).scalar_one())
        result = connection.execute(text(f"SELECT * FROM {quoted} LIMIT {KEY_ROWS}"))
        names = list(result.keys())
        sample = [["" if v is None else str(v) for v in row] for row in result]
    return build_profile(table, rows, names, sample, key=tuple(declared))


def _profile_files(folder: Path) -> tuple[TableProfile, ...]:
    """Tables of every kind of file in a folder that the extractor can read."""
    tables = find_tables(folder)
    profiles = []
    for table in tables:
        if is_readable(folder, tables, table):
            rows = read_rows(folder, tables, table, KEY_ROWS)
            names = [c.name for c in table.columns]
            profiles.append(replace(build_profile(table.name, len(rows), names, rows), found=table))
    return tuple(profiles)


def build_profile(
    table: str,
    rows: int,
    names: list[str],
    sample: list[list[str]],
    key: tuple[str, ...] = (),
) -> TableProfile:
    """The profile of a table from a sample of its rows as text."""
    columns = tuple(_profile_column(n, [row[i] for row in sample[:SAMPLE_ROWS]]) for i, n in enumerate(names))
    unfit = frozenset(c.name for c in columns if c.date_like > MOST_READ or c.length > LONGEST_KEY)
    found = key or _find_key(names, sample, unfit)
    labels = _read_labels(names, sample, found) if rows <= LABELLED_ROWS and len(found) == 1 else ()
    values = frozenset(row[names.index(found[0])].strip() for row in sample) if len(found) == 1 else frozenset()
    return TableProfile(table, rows, columns, found, labels, values)


def _read_labels(names: list[str], sample: list[list[str]], key: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    position = names.index(key[0])
    return tuple(
        (row[position], max((v for i, v in enumerate(row) if i != position), key=len, default="")) for row in sample
    )


def _profile_column(column: str, values: list[str]) -> ColumnProfile:
    filled = [v.strip() for v in values if v.strip()]
    total = max(len(filled), 1)
    distinct = set(filled)
    known = frozenset(sorted(distinct)[:500])
    date_like, formats = _find_formats(known, (*DAY_FORMATS, *STAMP_FORMATS), PACKED_FORMATS)
    time_like, time_formats = _find_formats(known, TIME_FORMATS[:2], TIME_FORMATS[2:])
    return ColumnProfile(
        name=column,
        filled=len(filled) / max(len(values), 1),
        distinct=len(distinct) / total,
        date_like=date_like,
        numeric=sum(bool(NUMBER.fullmatch(v)) for v in filled) / total,
        values=known,
        time_like=time_like,
        length=sum(map(len, filled)) / total,
        formats=formats if date_like >= time_like else time_formats,
    )


def _find_formats(
    values: frozenset[str], written: tuple[str, ...], packed: tuple[str, ...]
) -> tuple[float, tuple[str, ...]]:
    """Share of the values that formats read, and the formats; those of digits only where one reads nearly all."""
    tried = [v for v in sorted(values) if not ABSENT.fullmatch(v)]
    tried = tried[:: max(1, len(tried) // LOOKED_AT_VALUES)]
    if not tried:
        return 0.0, ()
    if all(v.isdigit() for v in tried):
        counted = {f: sum(_reads_packed(f, v) for v in tried) / len(tried) for f in packed}
        best = max(counted, key=lambda f: counted[f])
        return (counted[best], (best,)) if counted[best] >= 0.95 and len(tried) > 2 else (0.0, ())
    read = {f: {v for v in tried if _reads(f, v)} for f in written}
    left, formats = set(tried), []
    for found in sorted(read, key=lambda f: (-len(read[f]), written.index(f))):
        if left & read[found]:
            formats.append(found)
            left -= read[found]
    return 1 - len(left) / len(tried), tuple(formats)


def _reads_packed(pattern: str, text: str) -> bool:
    """Whether digits are of the format's length, and a day that records may bear."""
    length = {"%Y%m%d": 8, "%d%m%Y": 8, "%y%m%d": 6, "%H%M": 4}[pattern]
    year = {"%Y%m%d": text[:4], "%d%m%Y": text[4:]}.get(pattern, "2000")
    return len(text) == length and "1850" <= year <= "2100" and _reads(pattern, text)


def _reads(pattern: str, text: str) -> bool:
    try:
        datetime.strptime(text, pattern)
    except ValueError:
        return False
    return True


def _find_key(names: list[str], sample: list[list[str]], unfit: frozenset[str]) -> tuple[str, ...]:
    """The first unique column, those that sound like a key first; else one that sounds so and is nearly; else a pair.

    Columns of dates and of long texts (`unfit`) are no keys by themselves: they are unique by chance.
    """
    order = sorted(range(len(names)), key=lambda i: (not KEY_NAME.search(names[i]), i))
    order = [i for i in order if names[i] not in unfit] or order
    for i in order:
        values = [row[i] for row in sample]
        if all(values) and len(set(values)) == len(values):
            return (names[i],)
    complete = {tuple(row) for row in sample}
    for i in (i for i in order if KEY_NAME.search(names[i])):
        values = [row[i] for row in complete]
        if all(values) and len(set(values)) >= MOSTLY_UNIQUE * len(values):
            return (names[i],)
    for i in order[:6]:
        for j in order[:6]:
            pairs = {(row[i], row[j]) for row in sample}
            if i < j and len(pairs) == len(sample):
                return (names[i], names[j])
    return tuple(names)
