"""Columns of legacy tables: arrays of national values turned into the lists of local ones that get written.

Enters: arrays with their conventions for absence (empty text, NaT, a mask). Leaves: lists with `None` for what is
absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from migration.synthetic.draws import Bools, Draws, Ints, Texts

Column = list[Any]


@dataclass
class Table:
    """A legacy table: its columns by name, in order; all of one length.

    `key` names the key columns, joined by commas. `kinds` gives the SQL type of columns whose name does not tell it.
    """

    name: str
    key: str
    columns: dict[str, Column]
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return len(next(iter(self.columns.values())))

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Names of the key columns."""
        return tuple(self.key.split(","))

    def keys(self, index: Sequence[int] | Ints | None = None) -> list[str]:
        """Keys of the rows at `index` (all where None) as text, the parts joined by `|`."""
        parts = [self.columns[c] for c in self.key_columns]
        rows = range(self.rows) if index is None else [int(i) for i in index]
        return ["|".join(str(column[i]) for column in parts) for i in rows]

    def append_copies(self, index: Sequence[int] | Ints, new_keys: Sequence[Any]) -> None:
        """Add the rows at `index` again under new values of the only key column."""
        for name, column in self.columns.items():
            column.extend(new_keys if name == self.key else [column[i] for i in index])

    def reshape(self, name: str, key: str, columns: Mapping[str, str | Column], kinds: Mapping[str, str]) -> "Table":
        """The same rows as another table: each new column is an old one's name or a list of values."""
        made = {new: self.columns[old] if isinstance(old, str) else old for new, old in columns.items()}
        return Table(name, key, made, kinds)


def texts(values: Texts) -> Column:
    """Texts, empty ones absent."""
    return [v or None for v in values.tolist()]


def codes(values: Texts, local: Mapping[str, str]) -> Column:
    """Local values of national codes; empty ones absent."""
    return [local.get(v, "") or None for v in values.tolist()]


def whole(values: Ints, present: Bools | None = None) -> Column:
    """Whole numbers, absent where not `present`."""
    listed: Column = values.tolist()
    return listed if present is None else [v if p else None for v, p in zip(listed, present.tolist(), strict=True)]


def flags(values: Bools) -> Column:
    """`Y` and `N`."""
    return ["Y" if v else "N" for v in values.tolist()]


def times(values: np.ndarray) -> Column:
    """`YYYY-MM-DD HH:MM:SS`, NaT absent."""
    written = np.datetime_as_string(values.astype("datetime64[s]"))
    return [None if v == "NaT" else v.replace("T", " ") for v in written.tolist()]


def dates(values: np.ndarray) -> Column:
    """`YYYY-MM-DD`, NaT absent."""
    written = np.datetime_as_string(values.astype("datetime64[D]"))
    return [None if v == "NaT" else v for v in written.tolist()]


def short_times(values: np.ndarray) -> Column:
    """`dd/mm/yy HH:MM`, NaT absent."""
    return [None if v is None else f"{v[8:10]}/{v[5:7]}/{v[2:4]} {v[11:16]}" for v in times(values)]


def short_dates(values: np.ndarray) -> Column:
    """`dd/mm/yy`, NaT absent."""
    return [None if v is None else f"{v[8:10]}/{v[5:7]}/{v[2:4]}" for v in dates(values)]


def pick_some(draws: Draws, stream: str, keys: Ints, rate: float, among: Bools | None = None) -> Ints:
    """Indexes of about `rate` of the keys, at least one while there are any, however small the estate."""
    eligible = np.arange(len(keys)) if among is None else np.nonzero(among)[0]
    if not len(eligible):
        return eligible
    wanted = min(len(eligible), max(1, round(rate * len(keys))))
    order = np.argsort(draws.bits(stream, keys[eligible]), kind="stable")
    return np.sort(eligible[order[:wanted]])
