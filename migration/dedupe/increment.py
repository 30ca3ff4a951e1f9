"""Records that join others already coded: one matrix of both, without coding the others again.

Enters: the `Matrix` of a linked set and that of the records that join. Leaves: their union, and where each record of
either went. Must hold: the union is what `build_matrix` makes of all the records together, up to strings of the pool
that no record uses: rows in order of id, codes in order of their strings. Refuses: a record that is there already.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from migration.dedupe.compiled import BoolArray, ByteArray, IntArray, LongArray, compiled
from migration.dedupe.matrix import Matrix, StringPool, make_pool, string_bytes
from migration.errors import SourceError


@dataclass(frozen=True)
class Joined:
    """Both matrices as one. `old` and `new` are the new record numbers of the records of either."""

    matrix: Matrix
    old: IntArray
    new: IntArray


def join_matrices(old: Matrix, new: Matrix, threads: int = 1) -> Joined:
    """The union of two matrices with the same columns.

    Raises:
        SourceError: a record of one has the id of a record of the other.
    """
    ids, old_places, new_places, repeated = _merge_sorted(old.record_ids, new.record_ids)
    if repeated.any():
        found = f"{int(repeated.sum())} records with the key of a record that is in it"
        raise SourceError("records to link into a set", found, "keys that are not in the set", "Link them afresh.")
    pool, old_codes, new_codes = _merge_pools(old.pool, new.pool)
    rows = np.empty((len(old) + len(new), len(old.columns)), dtype=np.int32)
    is_number = np.asarray([name in old.numbers for name in old.columns], dtype=np.bool_)
    half = len(old) // 2
    parts = (
        (old.rows[:half], is_number, old_codes, old_places[:half], rows),
        (old.rows[half:], is_number, old_codes, old_places[half:], rows),
        (new.rows, is_number, new_codes, new_places, rows),
    )
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as workers:
        for job in [workers.submit(recode_rows, *part) for part in parts]:
            job.result()
    return Joined(Matrix(ids, old.columns, rows, pool, old.numbers), old_places, new_places)


def _merge_pools(old: StringPool, new: StringPool) -> tuple[StringPool, IntArray, IntArray]:
    """Both pools as one, and the codes in it of the codes of either."""
    values, old_places, new_places, _ = _merge_sorted(old.values, new.values)
    tables = [np.concatenate([[np.int32(0)], p + np.int32(1)]).astype(np.int32) for p in (old_places, new_places)]
    return make_pool(values), tables[0], tables[1]


def _merge_sorted(old: pa.Array, new: pa.Array) -> tuple[pa.Array, IntArray, IntArray, BoolArray]:
    """Two arrays of distinct sorted strings as one, the places of both in it, and which of the second are in the first.

    A string of both is there once.
    """
    old_large, new_large = old.cast(pa.large_string()), new.cast(pa.large_string())
    before, repeated = find_places(*string_bytes(old_large), *string_bytes(new_large))
    fresh = np.flatnonzero(~repeated)
    shift = np.cumsum(np.bincount(before[fresh], minlength=len(old) + 1)) if len(fresh) else np.zeros(len(old) + 1)
    old_places = np.arange(len(old)) + shift[: len(old)].astype(np.int64)
    new_places = before + np.cumsum(~repeated) - (~repeated)
    order = np.empty(len(old) + len(fresh), dtype=np.int64)
    order[old_places] = np.arange(len(old))
    order[new_places[fresh]] = len(old) + np.arange(len(fresh))
    merged = pa.concat_arrays([old_large, new_large.take(pa.array(fresh))]).take(pa.array(order)).cast(pa.string())
    return merged, old_places.astype(np.int32), new_places.astype(np.int32), repeated


@compiled
def find_places(
    chars: ByteArray, offsets: LongArray, wanted_chars: ByteArray, wanted_offsets: LongArray
) -> tuple[LongArray, BoolArray]:
    """For every wanted string, how many of the sorted strings come before it, and whether the next one equals it."""
    count = len(wanted_offsets) - 1
    places = np.empty(count, dtype=np.int64)
    is_there = np.zeros(count, dtype=np.bool_)
    for string in range(count):
        first, last = wanted_offsets[string], wanted_offsets[string + 1]
        low, high = 0, len(offsets) - 1
        while low < high:
            middle = (low + high) // 2
            start, end = offsets[middle], offsets[middle + 1]
            shared = 0
            while (
                start + shared < end and first + shared < last and chars[start + shared] == wanted_chars[first + shared]
            ):
                shared += 1
            if start + shared == end and first + shared == last:
                is_there[string] = True
                low = high = middle
            elif start + shared == end or (
                first + shared < last and chars[start + shared] < wanted_chars[first + shared]
            ):
                low = middle + 1
            else:
                high = middle
        places[string] = low
    return places, is_there


@compiled
def recode_rows(rows: IntArray, is_number: BoolArray, codes: IntArray, places: IntArray, out: IntArray) -> None:
    """Write rows to their places in `out`, with new codes for text and numbers as they are."""
    for record in range(len(rows)):
        for column in range(rows.shape[1]):
            value = rows[record, column]
            out[places[record], column] = value if is_number[column] else codes[value]
