"""Columns of legacy tables: arrays of national values turned into the lists of local ones that get written.

Enters: arrays with their conventions for absence (empty text, NaT, a mask). Leaves: lists with `None` for what is
absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from migration.synthetic.draws import Bools, Draws, Ints, Texts

Column = list[Any]


@dataclass
class Table:
    """A legacy table: its columns by name, in order; all of one length."""

    name: str
    key: str
    columns: dict[str, Column]

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return len(next(iter(self.columns.values())))

    def keys(self, index: Sequence[int] | Ints) -> list[str]:
        """Keys of the rows at `index`, as text."""
        column = self.columns[self.key]
        return [str(column[i]) for i in index]

    def append_copies(self, index: Sequence[int] | Ints, new_keys: Sequence[Any]) -> None:
        """Add the rows at `index` again under new keys."""
        for name, column in self.columns.items():
            column.extend(new_keys if name == self.key else [column[i] for i in index])


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
