"""Records as integers: what the compiled kernel reads.

Enters: an Arrow table of normalised records (`people.py`), in any row order. Leaves: `Matrix`: one row of 32-bit codes
per record, rows in order of `record_id`; a pool of the distinct strings behind the codes; dates as packed numbers. Must
hold: 0 means "not known" in every column; equal strings have equal codes in every column, so that a forename can be
compared with a surname; code order is the strings' order, so nothing depends on the order rows arrived in. Refuses: a
table without `record_id`, or with one twice.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.coded import read_encoded
from migration.dedupe.compiled import ByteArray, FloatArray, IntArray, LongArray, WordArray, compiled
from migration.errors import SourceError

RECORD_ID = "record_id"
ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class StringPool:
    """Distinct strings as UTF-8 bytes. `offsets[c]` to `offsets[c + 1]` are the bytes of code c; code 0 is empty.

    `logs` keeps the last frequencies that were looked up (`program.frequency_table`).
    """

    chars: ByteArray
    offsets: LongArray
    masks: IntArray
    values: pa.Array
    logs: dict[tuple[int, tuple[str, ...], tuple[float, ...]], tuple[object, FloatArray]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def codes_of(self, values: pa.Array) -> IntArray:
        """Codes of strings; 0 where one is null or not in the pool."""
        found = pc.index_in(values, value_set=self.values)
        return np.asarray(pc.add(pc.fill_null(found, -1), 1).cast(pa.int32()), dtype=np.int32)

    def text(self, code: int) -> str | None:
        """The string of a code, None for 0."""
        return None if code == 0 else str(self.values[code - 1].as_py())


@dataclass(frozen=True)
class Matrix:
    """Records as codes. `columns` gives the place of a column in a row of `rows`; `numbers` are those without text."""

    record_ids: pa.Array
    columns: Mapping[str, int]
    rows: IntArray
    pool: StringPool
    numbers: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    @cached_property
    def sizes(self) -> LongArray:
        """One more than the largest code of every column."""
        return np.asarray(self.rows.max(axis=0, initial=0).astype(np.int64) + 1)

    def column(self, name: str) -> IntArray:
        """Codes of one column; zeros where the records have no such column."""
        place = self.columns.get(name)
        return np.zeros(len(self), dtype=np.int32) if place is None else self.rows[:, place]


def build_matrix(records: pa.Table, columns: Sequence[str], threads: int = 1) -> Matrix:
    """Code the named columns of normalised records.

    Args:
        records: `record_id` and any of `columns`: strings, or 32-bit integers kept as they are. Others are ignored.
        columns: the columns wanted; one that `records` lacks is filled with zeros.

    Raises:
        SourceError: `record_id` is missing, null or not unique.
    """
    records = _sort_by_id(records)
    present = [c for c in columns if c in records.column_names]
    numbers = [c for c in present if pa.types.is_integer(records.schema.field(c).type)]
    texts = [c for c in present if c not in numbers]
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as workers:
        encoded = list(workers.map(lambda name: read_encoded(records.column(name)), texts))
        pool, tables = build_pool([dictionary for _, dictionary in encoded])
        coded = {
            name: (indices, np.concatenate([table, [np.int32(0)]]))  # no text, -1, takes the last
            for name, (indices, _), table in zip(texts, encoded, tables, strict=True)
        }
        for name in numbers:
            kept = np.ascontiguousarray(pc.fill_null(records.column(name), 0), dtype=np.int32)
            coded[name] = (kept, np.zeros(0, dtype=np.int32))
        rows = _side_by_side(records.num_rows, columns, coded, workers)
    ids = records.column(RECORD_ID).combine_chunks()
    return Matrix(ids, {c: i for i, c in enumerate(columns)}, rows, pool, frozenset(numbers))


def _side_by_side(
    records: int, columns: Sequence[str], coded: Mapping[str, tuple[IntArray, IntArray]], workers: Executor
) -> IntArray:
    """Columns as rows, some thousand records at a time: what is written then stays in the processor's cache."""
    rows = np.zeros((records, len(columns)), dtype=np.int32)

    def fill(start: int) -> None:
        for place, name in enumerate(columns):
            if name in coded:
                indices, table = coded[name]
                fill_column(rows[start : start + ROWS_AT_ONCE], place, indices[start : start + ROWS_AT_ONCE], table)

    list(workers.map(fill, range(0, records, ROWS_AT_ONCE)))
    return rows


@compiled
def fill_column(rows: IntArray, place: int, indices: IntArray, table: IntArray) -> None:
    """Write one column of rows: what the table has for each index, or the indices themselves where there is none."""
    for row in range(len(rows)):
        rows[row, place] = table[indices[row]] if len(table) else indices[row]


def _sort_by_id(records: pa.Table) -> pa.Table:
    where = "records to link"
    if RECORD_ID not in records.column_names:
        raise SourceError(where, "no column record_id", "one", "Name the key column in the roles file.")
    ids = records.column(RECORD_ID).combine_chunks()
    if len(ids) < 2 or (not ids.null_count and pc.all(pc.less(ids[:-1], ids[1:])).as_py()):
        return records.set_column(records.column_names.index(RECORD_ID), RECORD_ID, ids)
    order = pc.sort_indices(ids)
    doubled = len(ids) - pc.count_distinct(ids, mode="all").as_py()
    if ids.null_count or doubled:
        found = f"{ids.null_count} without a key, {doubled} with the key of another"
        raise SourceError(where, found, "one key per record, none twice", "Choose another key column.")
    return records.take(order)


def build_pool(dictionaries: Sequence[pa.Array]) -> tuple[StringPool, list[IntArray]]:
    """Pool of all strings of several arrays, sorted, and the code of every string of every array; 0 for null."""
    parts = [d.cast(pa.large_string()) for d in dictionaries]
    merged = pa.concat_arrays(parts) if parts else pa.array([], pa.large_string())
    encoded = merged.dictionary_encode()
    values = encoded.dictionary
    order = _string_order(*string_bytes(values), values)
    values = values.take(pa.array(order))
    ranks = np.zeros(len(order) + 1, dtype=np.int32)  # the last is for null
    ranks[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    codes = ranks[np.asarray(pc.fill_null(encoded.indices, -1))]
    edges = np.cumsum([len(d) for d in dictionaries])[:-1]
    return make_pool(values), np.split(codes, edges) if dictionaries else []


def make_pool(values: pa.Array) -> StringPool:
    """Pool of sorted distinct strings."""
    chars, ends = string_bytes(values.cast(pa.large_string()))
    offsets = np.concatenate([[np.int64(0)], ends])
    return StringPool(chars, offsets, letter_masks(chars, offsets), values.cast(pa.string()))


def string_bytes(values: pa.Array) -> tuple[ByteArray, LongArray]:
    """Bytes of strings one after another, and the places where they begin and end."""
    if not len(values):
        return np.zeros(1, np.uint8), np.zeros(1, np.int64)
    _, ends, chars = values.buffers()
    places = np.frombuffer(ends, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    size = int(places[-1])
    return np.frombuffer(chars, dtype=np.uint8, count=size).copy() if size else np.zeros(1, np.uint8), places


def _string_order(chars: ByteArray, offsets: LongArray, values: pa.Array) -> LongArray:
    """Places of distinct strings in the order of their bytes: by their first sixteen, then where those are equal."""
    is_long = np.diff(offsets) > 16
    order = np.lexsort((is_long, _eight_bytes(chars, offsets, 8), _eight_bytes(chars, offsets, 0)))
    is_long = is_long[order]
    long = order[is_long]
    order[is_long] = long[np.asarray(pc.sort_indices(values.take(pa.array(long)))).astype(np.int64)]
    return np.asarray(order, dtype=np.int64)


@compiled
def _eight_bytes(chars: ByteArray, offsets: LongArray, start: int) -> WordArray:
    """Eight bytes of every string from a place in it, as a number that sorts as they do; zeros after its end."""
    words = np.zeros(len(offsets) - 1, dtype=np.uint64)
    for string in range(len(words)):
        word = np.uint64(0)
        for place in range(offsets[string] + start, offsets[string] + start + 8):
            word <<= np.uint64(8)
            if place < offsets[string + 1]:
                word |= np.uint64(chars[place])
        words[string] = word
    return words


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


def frequency_weights(matrix: Matrix, tables: Sequence[Mapping[str, float]], unseen: Sequence[float]) -> FloatArray:
    """log2 of each pool string's frequency under each of a model's tables; strings not in one count as `unseen`."""
    logs = np.empty((len(tables), len(matrix.pool.values) + 1))
    codes = matrix.pool.codes_of(pa.array([key for table in tables for key in table], pa.string()))
    start = 0
    for row, table in enumerate(tables):
        shares = np.fromiter(table.values(), dtype=np.float64, count=len(table))
        logs[row] = share_weights(codes[start : start + len(table)], shares, unseen[row], logs.shape[1])
        start += len(table)
    return logs


def share_weights(codes: "IntArray | LongArray", shares: FloatArray, unseen: float, size: int) -> FloatArray:
    """log2 of the share of every code below `size`: its own, or `unseen`; that of 0 is `unseen` too."""
    weights = np.full(size, np.log2(unseen))
    weights[codes] = np.log2(shares)
    weights[0] = np.log2(unseen)
    return weights


def count_frequencies(matrix: Matrix, column: str, at_least: int = 2) -> dict[str, float]:
    """Share of each value among the known values of a column; values seen fewer than `at_least` times are left out."""
    return name_shares(matrix, *count_shares(matrix, column, at_least))


def count_shares(matrix: Matrix, column: str, at_least: int = 2) -> tuple[LongArray, FloatArray]:
    """`count_frequencies` as codes and their shares."""
    counts = count_codes(np.ascontiguousarray(matrix.column(column)), len(matrix.pool.values) + 1)
    kept = np.flatnonzero(counts >= at_least)
    return kept, counts[kept] / max(int(counts.sum()), 1)


def name_shares(matrix: Matrix, codes: LongArray, shares: FloatArray) -> dict[str, float]:
    """Shares by the strings of their codes."""
    names = matrix.pool.values.take(pa.array(codes - 1)).to_pylist()
    return dict(zip(names, shares.tolist(), strict=True))


@compiled
def count_codes(codes: IntArray, size: int) -> LongArray:
    """How many records have each code, 0 left out."""
    counts = np.zeros(size, dtype=np.int64)
    for code in codes:
        if code > 0:
            counts[code] += 1
    return counts
