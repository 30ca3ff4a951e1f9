"""The overview of a profile: each source table in one line, and what to look at first.

Enters: the profiles of a table's columns and its rows. Leaves: `TableProfile`s. Must hold: a key of two columns is
named only where no column is one, and only when the whole table shows it. Refuses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import duckdb

from migration.extract.reader import SOURCE_ROW
from migration.fingerprint import quote

if TYPE_CHECKING:
    from migration.extract.profile import ColumnProfile

KEY_COLUMNS = 12
"""Columns, those with most distinct values, whose pairs are tried as keys."""
PROBE_ROWS = 20_000
"""Rows at the beginning of a table that disprove most pairs: what repeats stands together."""
MOST_KEYS = 3


@dataclass(frozen=True)
class TableProfile:
    """One source table.

    Attributes:
        keys: candidate keys, each as its columns joined by ` + `.
        empty, constant, damaged, spiked, personal, codes: names of the columns that are so.
    """

    system: str
    table: str
    rows: int
    columns: int
    keys: tuple[str, ...]
    empty: tuple[str, ...]
    constant: tuple[str, ...]
    damaged: tuple[str, ...]
    spiked: tuple[str, ...]
    personal: tuple[str, ...]
    codes: tuple[str, ...]


def describe_table(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence["ColumnProfile"]
) -> TableProfile:
    """The table's line of the overview. `columns` are all its columns, of which there is at least one."""
    keys = [c.column for c in columns if c.is_key] or find_pair_keys(connection, relation, columns)
    return TableProfile(
        system=columns[0].system,
        table=columns[0].table,
        rows=columns[0].rows,
        columns=len(columns),
        keys=tuple(keys),
        empty=tuple(c.column for c in columns if c.distinct == 0),
        constant=tuple(c.column for c in columns if c.distinct == 1 and c.nulls + c.empties == 0),
        damaged=tuple(c.column for c in columns if c.damaged),
        spiked=tuple(c.column for c in columns if c.spikes),
        personal=tuple(c.column for c in columns if c.is_personal),
        codes=tuple(c.column for c in columns if c.is_code),
    )


def find_pair_keys(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence["ColumnProfile"]
) -> list[str]:
    """Pairs of filled columns that tell all rows apart, at most `MOST_KEYS`; the pair with fewest values first."""
    rows = columns[0].rows
    filled = [c for c in columns if c.nulls == 0 and c.distinct > 1]
    widest = sorted(filled, key=lambda c: -c.distinct)[:KEY_COLUMNS]
    pairs = [p for p in combinations(widest, 2) if p[0].distinct * p[1].distinct >= rows]
    pairs.sort(key=lambda p: p[0].distinct * p[1].distinct)
    probe = f"(SELECT * FROM {relation} WHERE {SOURCE_ROW} <= {PROBE_ROWS})"
    found: list[str] = []
    for pair in pairs:
        names = [c.column for c in pair]
        if _is_key(connection, probe, names) and _is_key(connection, relation, names):
            found.append(" + ".join(sorted(names, key=[c.column for c in columns].index)))
            if len(found) == MOST_KEYS:
                break
    return found


def _is_key(connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]) -> bool:
    listed = ", ".join(quote(n) for n in names)
    query = f"SELECT 1 FROM {relation} GROUP BY {listed} HAVING count(*) > 1 LIMIT 1"
    return connection.execute(query).fetchone() is None
