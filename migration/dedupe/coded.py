"""Columns of text as codes: every distinct value is held, cleaned and compared once.

Enters: an Arrow column of text, plain or dictionary-encoded. Leaves: `Coded`, and from it a dictionary-encoded Arrow
column. Must hold: distinct values have distinct codes; code 0 is "not known"; a function of text gives what it would
give row by row. Refuses nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.compiled import BoolArray, IntArray


@dataclass(frozen=True)
class Coded:
    """A column: code c of `codes` stands for `values[c - 1]`; 0 for nothing. `values` are distinct and not null."""

    codes: IntArray
    values: pa.Array

    @property
    def known(self) -> BoolArray:
        """Where there is a value."""
        return np.asarray(self.codes != 0, dtype=np.bool_)

    def map_values(self, function: Callable[[str], str | None]) -> "Coded":
        """The column with a function of text applied to each distinct value."""
        return self.replace_values(pa.array([function(v) for v in self.values.to_pylist()], pa.string()))

    def replace_values(self, values: pa.Array) -> "Coded":
        """The column with other text in place of each distinct value; null where there is none."""
        table, distinct = _code_values(values)
        return Coded(np.concatenate([[np.int32(0)], table])[self.codes], distinct)

    def where(self, keep: BoolArray) -> "Coded":
        """The column with values only where `keep` says so."""
        return Coded(np.where(keep, self.codes, np.int32(0)), self.values)

    def to_arrow(self) -> pa.DictionaryArray:
        """The column as a dictionary-encoded Arrow array."""
        indices = pa.array(self.codes - np.int32(1), mask=self.codes == 0)
        return pa.DictionaryArray.from_arrays(indices, self.values)


def read_coded(column: "pa.ChunkedArray | pa.Array") -> Coded:
    """A column of text, plain or dictionary-encoded (other types as their text)."""
    indices, dictionary = read_encoded(column)
    table, values = _code_values(dictionary)
    return Coded(np.concatenate([[np.int32(0)], table])[indices + np.int32(1)], values)


def read_encoded(column: "pa.ChunkedArray | pa.Array") -> tuple[IntArray, pa.Array]:
    """Per row the place of its text in the second array, -1 for none. That may hold a text twice, or none."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # chunks of different dictionaries stay apart
        array = array.unify_dictionaries()
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.string())
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    indices = np.asarray(pc.fill_null(array.indices, -1)).astype(np.int32, copy=False)
    return indices, array.dictionary.cast(pa.string())


def no_values(rows: int) -> Coded:
    """A column in which nothing is known."""
    return Coded(np.zeros(rows, dtype=np.int32), pa.array([], pa.string()))


def first_known(*columns: Coded) -> Coded:
    """The first value of every row that is known."""
    with_values = [c for c in columns if len(c.values)]
    if len(with_values) < 2:
        return with_values[0] if with_values else columns[0]
    shared = share_codes(*with_values)
    codes = shared[0].codes
    for column in shared[1:]:
        codes = np.where(codes != 0, codes, column.codes)
    return Coded(codes, shared[0].values)


def share_codes(*columns: Coded) -> Sequence[Coded]:
    """The columns with one set of codes: equal codes are equal values."""
    table, values = _code_values(pa.concat_arrays([c.values for c in columns]))
    shared, start = [], 0
    for column in columns:
        own = table[start : start + len(column.values)]
        shared.append(Coded(np.concatenate([[np.int32(0)], own])[column.codes], values))
        start += len(column.values)
    return shared


def sort_codes(column: Coded) -> Coded:
    """The column with codes in the order of their values."""
    order = pc.sort_indices(column.values)
    table = np.zeros(len(order) + 1, dtype=np.int32)
    table[np.asarray(order).astype(np.int64) + 1] = np.arange(1, len(order) + 1, dtype=np.int32)
    return Coded(table[column.codes], column.values.take(order))


def _code_values(values: pa.Array) -> tuple[IntArray, pa.Array]:
    """Codes of values that may be null or repeated, and the distinct ones."""
    encoded = values.dictionary_encode()
    codes = np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int32) + np.int32(1)
    return codes, encoded.dictionary
