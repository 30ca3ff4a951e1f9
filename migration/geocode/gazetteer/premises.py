"""The premises of a release by street and number, without an object per entry.

Enters: columns of the premises table, sorted by street and number. Leaves: the `Premises` that a query asks for: those
at one number, those whose range ends there, those with a name. Must hold: answers are in the order of the table; two
lookups of one key are equal. Memory: one matrix of codes; only entries that queries reach become Python objects, and
the memo of them is bounded.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MEMO_SIZE = 100_000
_TEXTS = ("suffix", "flat", "unit", "name_key", "org_key", "status", "postcode")
_CODES = ("end_number", "suffix", "flat", "unit", "name_key", "org_key", "status", "is_parent", "postcode")

_read_codes, _CODES_SIZE = Struct(f"={len(_CODES)}i").unpack_from, 4 * len(_CODES)
_read_identifiers, _IDENTIFIERS_SIZE = Struct("=2q").unpack_from, 16
"""One row of the matrices as Python numbers, without an array for it."""


class Premises(NamedTuple):
    """One entry of a street. `row` is its position in the release's premises table. A tuple: made in millions."""

    row: int
    end: int
    suffix: str
    flat: str
    unit: str
    name: str
    organisation: str
    uprn: int
    parent: int
    status: str
    is_parent: bool
    postcode: str


@dataclass
class PremisesIndex:
    """Entries by street and number. Build it with `index_premises`; a process that is forked shares the arrays."""

    starts: npt.NDArray[np.int64]
    keys: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int32]
    identifiers: npt.NDArray[np.int64]
    dictionaries: Mapping[str, Sequence[str]]
    range_keys: npt.NDArray[np.int64]
    range_rows: npt.NDArray[np.int64]
    named_rows: npt.NDArray[np.int64]
    flat_codes: dict[str, int]
    taught: dict[int, dict[str, list[Premises]]] = field(default_factory=dict)
    memo: dict[tuple[int, int, str], list[Premises]] = field(default_factory=dict)
    names: dict[int, dict[str, list[Premises]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Views of the sorted arrays whose single items are read without an array scalar for each."""
        self.ordered_keys, self.street_starts = self.keys.data, self.starts.data
        self.code_bytes, self.identifier_bytes = self.codes.data, self.identifiers.data
        self.texts = tuple(self.dictionaries[name] for name in _TEXTS)

    def at_number(self, street_id: int, number: int, suffix: str) -> list[Premises]:
        """Entries of a street with this number and suffix."""
        memo = (street_id, number, suffix)
        found = self.memo.get(memo)
        if found is None:
            if len(self.memo) > MEMO_SIZE:
                self.memo.clear()
            first, last = self._rows_at(street_id, number)
            found = [p for p in self.read(first, last) if p.suffix == suffix] if last > first else []
            self.memo[memo] = found
        return found

    def at_end(self, street_id: int, number: int) -> list[Premises]:
        """Entries of a street whose range of numbers ends with this one."""
        first, last = self._window(self.range_keys, _key(street_id, number))
        return [p for row in self.range_rows[first:last].tolist() for p in self.read(row, row + 1)]

    def named(self, street_id: int) -> dict[str, list[Premises]]:
        """Entries of a street that have a name or organisation, by each."""
        found = self.names.get(street_id)
        if found is None:
            if len(self.names) > MEMO_SIZE:
                self.names.clear()
            found = self.names[street_id] = self._read_names(street_id)
        return found

    def has_flat(self, street_id: int, flats: set[str]) -> bool:
        """Whether any entry of a street has one of these flat codes."""
        codes = [self.flat_codes[f] for f in flats if f in self.flat_codes]
        window = self.codes[self.starts[street_id] : self.starts[street_id + 1], _CODES.index("flat")]
        return any(bool((window == code).any()) for code in codes)

    def teach(self, street_id: int, uprn: int, name: str) -> None:
        """Let the entries of a UPRN that have a number or a name have this name too."""
        entries = self.read(int(self.starts[street_id]), int(self.starts[street_id + 1]))
        numbered = self.keys & _LOW_BITS
        renamed = [
            p._replace(name=name) for p in entries if p.uprn == uprn and (numbered[p.row] or p.name or p.organisation)
        ]
        self.taught.setdefault(street_id, {}).setdefault(name, []).extend(renamed)
        self.names.pop(street_id, None)

    def read(self, first: int, last: int) -> list[Premises]:
        """Entries of the rows from `first` to `last` (not included)."""
        suffixes, flats, units, names, organisations, statuses, postcodes = self.texts
        found: list[Premises] = []
        for row in range(first, last):
            end, suffix, flat, unit, name, organisation, status, is_parent, postcode = _read_codes(
                self.code_bytes, row * _CODES_SIZE
            )
            uprn, parent = _read_identifiers(self.identifier_bytes, row * _IDENTIFIERS_SIZE)
            fields = (
                row,
                end,
                suffixes[suffix],
                flats[flat],
                units[unit],
                names[name],
                organisations[organisation],
                uprn,
                parent,
                statuses[status],
                is_parent == 1,
                postcodes[postcode],
            )
            found.append(tuple.__new__(Premises, fields))
        return found

    def _read_names(self, street_id: int) -> dict[str, list[Premises]]:
        first, last = np.searchsorted(self.named_rows, self.starts[street_id : street_id + 2]).tolist()
        found: dict[str, list[Premises]] = {}
        for row in self.named_rows[first:last].tolist():
            (item,) = self.read(row, row + 1)
            for name in {item.name, item.organisation}:
                if name:
                    found.setdefault(name, []).append(item)
        for name, items in self.taught.get(street_id, {}).items():
            found.setdefault(name, []).extend(items)
        return found

    def _rows_at(self, street_id: int, number: int) -> tuple[int, int]:
        """First row of a street's entries with a number, and the row after the last; searched within the street."""
        key, end = _key(street_id, number), self.street_starts[street_id + 1]
        first = bisect_left(self.ordered_keys, key, self.street_starts[street_id], end)
        last = first
        while last < end and self.ordered_keys[last] == key:
            last += 1
        return first, last

    @staticmethod
    def _window(keys: npt.NDArray[np.int64], key: int) -> tuple[int, int]:
        return int(keys.searchsorted(key)), int(keys.searchsorted(key + 1))


_SHIFT = 32
_LOW_BITS = (1 << _SHIFT) - 1


def _key(street_id: int, number: int) -> int:
    """One integer that orders by street, then number; a street's entries without number (-1) come first."""
    return (street_id << _SHIFT) + number + 1


def premises_keys(columns: Mapping[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.int64]:
    """Key of every row of the premises table."""
    keys: npt.NDArray[np.int64] = columns["street_id"].astype(np.int64) << _SHIFT
    return keys + columns["number"].astype(np.int64) + 1


def index_premises(
    columns: Mapping[str, npt.NDArray[np.generic]], dictionaries: Mapping[str, list[str]], streets: int
) -> PremisesIndex:
    """The index of premises columns sorted by street and number."""
    keys = premises_keys(columns)
    codes = np.empty((len(keys), len(_CODES)), dtype=np.int32)
    for i, name in enumerate(_CODES):
        codes[:, i] = columns[name]
    identifiers = np.empty((len(keys), 2), dtype=np.int64)
    identifiers[:, 0], identifiers[:, 1] = columns["uprn"], columns["parent_uprn"]
    ranged = np.flatnonzero((columns["number"] >= 0) & (columns["end_number"] >= 0))  # type: ignore[operator]
    range_keys = (
        (columns["street_id"][ranged].astype(np.int64) << _SHIFT) + columns["end_number"][ranged].astype(np.int64) + 1
    )
    order = np.argsort(range_keys, kind="stable")
    has_name = np.zeros(len(keys), dtype=bool)
    for name in ("name_key", "org_key"):
        has_name |= np.array([t != "" for t in dictionaries[name]] or [False])[columns[name]]
    return PremisesIndex(
        starts=np.searchsorted(columns["street_id"], np.arange(streets + 1)),
        keys=keys,
        codes=codes,
        identifiers=identifiers,
        dictionaries=dictionaries,
        range_keys=range_keys[order],
        range_rows=ranged[order],
        named_rows=np.flatnonzero(has_name),
        flat_codes={text: i for i, text in enumerate(dictionaries["flat"])},
    )
