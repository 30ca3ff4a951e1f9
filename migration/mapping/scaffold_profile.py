"""What an unknown legacy system holds: tables, columns, samples, keys.

Enters: a SQLAlchemy URL, or a folder of files of any kind that can be extracted. Leaves: `TableProfile`s. Must hold:
values are looked at in memory only; a profile written anywhere holds names and shares. Refuses: a place with no tables.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Engine, create_engine, inspect, text

from migration.errors import SourceError
from migration.mapping.model import SourceKind
from migration.mapping.scaffold_files import FoundTable, find_tables, is_readable, read_rows

SAMPLE_ROWS = 3000
KEY_ROWS = 50_000
"""Rows of which a table's key values are known."""
LABELLED_ROWS = 400
DATE_LIKE = re.compile(
    r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}.*)?|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}( \d{2}:\d{2}.*)?|\d{2}-[A-Za-z]{3}-\d{4}.*"
)
NUMBER = re.compile(r"-?[\d,]+(\.\d+)?")


@dataclass(frozen=True)
class ColumnProfile:
    """One column: shares are of the sample's filled values; `values` its distinct ones, capped, for comparison only."""

    name: str
    filled: float
    distinct: float
    date_like: float
    numeric: float
    values: frozenset[str] = field(repr=False)


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
    found = key or _find_key(names, sample)
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
    return ColumnProfile(
        name=column,
        filled=len(filled) / max(len(values), 1),
        distinct=len(distinct) / total,
        date_like=sum(bool(DATE_LIKE.fullmatch(v)) for v in filled) / total,
        numeric=sum(bool(NUMBER.fullmatch(v)) for v in filled) / total,
        values=frozenset(sorted(distinct)[:500]),
    )


def _find_key(names: list[str], sample: list[list[str]]) -> tuple[str, ...]:
    """The first unique column, those that sound like a key first; else the first pair; else all columns."""
    order = sorted(range(len(names)), key=lambda i: (not re.search(r"(?i)(_id|_no|ref|key|num)$|^id$", names[i]), i))
    for i in order:
        values = [row[i] for row in sample]
        if all(values) and len(set(values)) == len(values):
            return (names[i],)
    for i in order[:6]:
        for j in order[:6]:
            pairs = {(row[i], row[j]) for row in sample}
            if i < j and len(pairs) == len(sample):
                return (names[i], names[j])
    return tuple(names)
