"""Records as integers: what the compiled kernel reads.

Enters: an Arrow table of normalised records (`people.py`), in any row order. Leaves: `Matrix`: one row of 32-bit codes
per record, rows in order of `record_id`; a pool of the distinct strings behind the codes; dates as packed numbers. Must
hold: 0 means "not known" in every column; equal strings have equal codes in every column, so that a forename can be
compared with a surname; code order is the strings' order, so nothing depends on the order rows arrived in. Refuses: a
table without `record_id`, or with one twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.compiled import ByteArray, FloatArray, IntArray, LongArray, compiled
from migration.errors import SourceError

RECORD_ID = "record_id"


@dataclass(frozen=True)
class StringPool:
    """Distinct strings as UTF-8 bytes. `offsets[c]` to `offsets[c + 1]` are the bytes of code c; code 0 is empty."""

    chars: ByteArray
    offsets: LongArray
    masks: IntArray
    values: pa.Array

    def codes_of(self, values: pa.Array) -> IntArray:
        """Codes of strings; 0 where one is null or not in the pool."""
        found = pc.index_in(values, value_set=self.values)
        return np.asarray(pc.add(pc.fill_null(found, -1), 1).cast(pa.int32()), dtype=np.int32)

    def text(self, code: int) -> str | None:
        """The string of a code, None for 0."""
        return None if code == 0 else str(self.values[code - 1].as_py())


@dataclass(frozen=True)
class Matrix:
    """Records as codes. `columns` gives the place of a column in a row of `rows`."""

    record_ids: pa.Array
    columns: Mapping[str, int]
    rows: IntArray
    pool: StringPool

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def column(self, name: str) -> IntArray:
        """Codes of one column; zeros where the records have no such column."""
        place = self.columns.get(name)
        return np.zeros(len(self), dtype=np.int32) if place is None else self.rows[:, place]


def build_matrix(records: pa.Table, columns: Sequence[str]) -> Matrix:
    """Code the named columns of normalised records.

    Args:
        records: `record_id` and any of `columns`: strings, or 32-bit integers kept as they are. Others are ignored.
        columns: the columns wanted; one that `records` lacks is filled with zeros.

    Raises:
        SourceError: `record_id` is missing, null or not unique.
    """
    records = _sort_by_id(records)
    present = [c for c in columns if c in records.column_names]
    texts = [c for c in present if pa.types.is_string(records.schema.field(c).type)]
    encoded = {c: records.column(c).combine_chunks().dictionary_encode() for c in texts}
    pool = build_pool([e.dictionary for e in encoded.values()])
    rows = np.zeros((records.num_rows, len(columns)), dtype=np.int32)
    for place, name in enumerate(columns):
        if name in encoded:
            codes = np.concatenate([[0], pool.codes_of(encoded[name].dictionary)]).astype(np.int32)
            rows[:, place] = codes[np.asarray(pc.fill_null(encoded[name].indices, -1)) + 1]
        elif name in present:
            rows[:, place] = np.asarray(pc.fill_null(records.column(name), 0), dtype=np.int32)
    ids = records.column(RECORD_ID).combine_chunks()
    return Matrix(ids, {c: i for i, c in enumerate(columns)}, rows, pool)


def _sort_by_id(records: pa.Table) -> pa.Table:
    where = "records to link"
    if RECORD_ID not in records.column_names:
        raise SourceError(where, "no column record_id", "one", "Name the key column in the roles file.")
    ids = records.column(RECORD_ID).combine_chunks()
    order = pc.sort_indices(ids)
    ordered = pc.take(ids, order)
    doubled = len(ids) - pc.count_distinct(ids, mode="all").as_py()
    if ids.null_count or doubled:
        found = f"{ids.null_count} without a key, {doubled} with the key of another"
        raise SourceError(where, found, "one key per record, none twice", "Choose another key column.")
    if ordered.equals(ids):
        return records
    return records.take(order)


def build_pool(dictionaries: Sequence[pa.Array]) -> StringPool:
    """Pool of all strings of several arrays, sorted."""
    merged = pa.chunked_array(dictionaries, type=pa.string()) if dictionaries else pa.chunked_array([], pa.string())
    values = pc.unique(merged).drop_null()
    values = values.take(pc.sort_indices(values)).cast(pa.large_string())
    buffers = values.buffers()
    count = len(values)
    ends = np.frombuffer(buffers[1], dtype=np.int64, count=count + 1) if count else np.zeros(1, np.int64)
    offsets = np.concatenate([[0], ends]).astype(np.int64)
    size = int(offsets[-1])
    chars = np.frombuffer(buffers[2], dtype=np.uint8, count=size).copy() if size else np.zeros(1, np.uint8)
    return StringPool(chars, offsets, letter_masks(chars, offsets), values.cast(pa.string()))


@compiled
def letter_masks(chars: ByteArray, offsets: LongArray) -> IntArray:
    """For every string of a pool, which of 32 classes of bytes occur in it: one bit each."""
    masks = np.zeros(len(offsets) - 1, dtype=np.int32)
    for code in range(len(masks)):
        mask = 0
        for place in range(offsets[code], offsets[code + 1]):
            mask |= 1 << (chars[place] & 31)
        masks[code] = np.int32(mask if mask < 2147483648 else mask - 4294967296)
    return masks


def frequency_weights(matrix: Matrix, table: Mapping[str, float], unseen: float) -> FloatArray:
    """log2 of each pool string's frequency under a model's table; strings not in it count as `unseen`."""
    logs = np.full(len(matrix.pool.values) + 1, np.log2(unseen))
    if table:
        keys = pa.array(list(table), pa.string())
        codes = matrix.pool.codes_of(keys)
        logs[codes] = np.log2(np.asarray(list(table.values()), dtype=np.float64))
        logs[0] = np.log2(unseen)
    return logs


def count_frequencies(matrix: Matrix, column: str, at_least: int = 2) -> dict[str, float]:
    """Share of each value among the known values of a column; values seen fewer than `at_least` times are left out."""
    codes = matrix.column(column)
    known = codes[codes > 0]
    counts = np.bincount(known, minlength=1)
    kept = np.flatnonzero(counts >= at_least)
    kept = kept[kept > 0]
    names = matrix.pool.values.take(pa.array(kept - 1)).to_pylist()
    return {str(n): float(c) / len(known) for n, c in zip(names, counts[kept], strict=True)}
