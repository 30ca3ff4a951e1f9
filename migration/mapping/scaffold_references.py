"""Which columns of an unknown system are keys of its other tables.

Enters: table profiles. Leaves: `Reference`s. Must hold: a reference is stated only where nearly every value seen is a
key of the other table, or both columns have one name; what it rests on is said. Refuses nothing: a guess is for a
person to confirm.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz

from migration.mapping.scaffold_profile import ColumnProfile, TableProfile

ALIKE = 80.0
"""Least likeness of a column's name to the key's, or to the key's table, where the values alone would say little."""
FEWEST_VALUES = 3
MOST_HELD = 0.95
"""Share of a column's values that must be keys of the other table: legacy links break now and then."""


@dataclass(frozen=True)
class Reference:
    """A column that holds keys of another table, or a part of them.

    Attributes:
        table: the other table.
        column: that table's key, or the part of it that the column is.
        own: the columns that together hold the key, in its order.
    """

    table: str
    column: str
    why: str
    own: tuple[str, ...]


def find_owners(tables: tuple[TableProfile, ...]) -> dict[str, str]:
    """Which table each key column belongs to: of several whose key it is, the one its name resembles most."""
    owners: dict[str, str] = {}
    for table in sorted(tables, key=lambda t: t.name):
        if len(table.key) == 1:
            column = table.key[0]
            others = [owners[column]] if column in owners else []
            owners[column] = max([*others, table.name], key=lambda t: fuzz.ratio(t.lower(), column.lower()))
    return owners


def find_references(tables: tuple[TableProfile, ...]) -> Mapping[tuple[str, str], Reference]:
    """The reference of each column that seems to be one, by table and column."""
    owners = find_owners(tables)
    several = sorted((t for t in tables if 1 < len(t.key) < len(t.columns)), key=lambda t: (len(t.key), t.name))
    keyed = [t for t in sorted(tables, key=lambda t: t.name) if t.key_values]
    found: dict[tuple[str, str], Reference] = {}
    for table in tables:
        for column in table.columns:
            owner = owners.get(column.name, table.name)
            if owner != table.name:
                found[table.name, column.name] = Reference(owner, column.name, f"key of table {owner}", (column.name,))
            elif table.key != (column.name,):
                held = _find_holder(table, column, keyed)
                if held is not None:
                    found[table.name, column.name] = held
        _add_several(table, several, found)
    return found


def _add_several(table: TableProfile, several: list[TableProfile], found: dict[tuple[str, str], Reference]) -> None:
    """Note the columns that together are named as the key of several columns of another table, the shortest first."""
    names = {c.name for c in table.columns}
    for other in several:
        is_other = other.name != table.name and set(other.key) <= names and not set(table.key) <= set(other.key)
        for column in other.key if is_other else ():
            why = f"part of the key of table {other.name}"
            found.setdefault((table.name, column), Reference(other.name, column, why, other.key))


def _find_holder(table: TableProfile, column: ColumnProfile, keyed: list[TableProfile]) -> Reference | None:
    """The table whose keys all the column's values are: of several, the one whose name is nearest."""
    if len(column.values) < FEWEST_VALUES:
        return None
    scored = [
        (_likeness(column.name, other), other)
        for other in keyed
        if other.name != table.name and _share(column, other) >= MOST_HELD
    ]
    best = max(scored, key=lambda s: s[0], default=(0.0, None))
    if best[1] is None or best[0] < ALIKE:
        return None
    other = best[1]
    why = f"{_share(column, other):.0%} of its {len(column.values)} values are keys of table {other.name}"
    return Reference(other.name, other.key[0], why, (column.name,))


def _share(column: ColumnProfile, other: TableProfile) -> float:
    return len(column.values & other.key_values) / len(column.values)


def _likeness(column: str, other: TableProfile) -> float:
    """How much a column's name says of another table: likeness to its key, or to its name."""
    ours = _words(column)
    return max(float(fuzz.token_set_ratio(ours, _words(name))) for name in (other.key[0], other.name))


def _words(name: str) -> str:
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return " ".join(re.split(r"[^a-z]+", split.lower())).strip()
