"""Control totals of Arrow batches: of the lake's Parquet, and of what another parser read.

Enters: a Parquet file or a stream of batches. Leaves: `ControlTotals`. Must hold: batches are measured as they pass,
in bounded memory; the totals are those that an engine's own SQL gives for the same values (tests compare them).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migration.extract import totals_kernel as kernel
from migration.extract.totals import (
    HIDDEN,
    ORDERED,
    SUMMED,
    ColumnKind,
    ColumnTotals,
    ControlTotals,
    HashScheme,
    column_kinds,
    end_text,
)
from migration.extract.totals_image import (
    Image,
    find_valid,
    join_rows,
    make_image,
    read_codes,
    read_numbers,
    read_words,
)
from migration.settings import Settings

BATCH_ROWS = 16_384
MASK = 0xFFFFFFFF
LOOKUP3_SCHEMES = (HashScheme.LOOKUP3, HashScheme.LOOKUP3_HEX)
DICTIONARY_BYTES = 64 << 10
"""Most bytes of the distinct values of a column that a file of the raw layer lists (`raw_table.open_rows`)."""
MOST_CODE_BYTES = 2.25


@dataclass
class _Column:
    """What is known of one column so far; `total` counts in units of its scale."""

    non_null: int = 0
    hashed: int = 0
    total: int = 0
    least: Any = None
    most: Any = None

    def extend(self, least: Any, most: Any) -> None:
        """Take two more ends into account; NaN is the largest number, as PostgreSQL has it."""
        if least is not None:
            self.least = least if self.least is None else _first(self.least, least)
            self.most = most if self.most is None else _last(self.most, most)


def _first(a: Any, b: Any) -> Any:
    return b if _is_nan(a) or b < a else a


def _last(a: Any, b: Any) -> Any:
    return b if _is_nan(b) or b > a else a


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and isnan(value)


@dataclass
class Measurement:
    """Control totals in the making; two of the same schema and scheme add up."""

    schema: pa.Schema
    scheme: HashScheme = HashScheme.LOOKUP3
    rows: int = 0
    hashed: int = 0
    columns: dict[str, _Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin at nothing."""
        self.columns = {name: _Column() for name in self.schema.names}
        self._kinds = column_kinds(self.schema)

    @property
    def binds_by_hashes(self) -> bool:
        """Whether a row's hash is made value by value, so that columns can be measured one by one."""
        return self.scheme is not HashScheme.MD5

    def add(self, batch: pa.RecordBatch) -> None:
        """Measure a batch of exactly the schema's columns; texts may come as bytes."""
        rows = np.zeros(batch.num_rows, np.uint64)
        images = [self.add_values(place, array, rows) for place, array in enumerate(batch.columns, 1)]
        if self.binds_by_hashes:
            self.close_rows(rows)
            return
        self.rows += batch.num_rows
        if batch.num_rows and images:
            self.hashed += self._hash(join_rows([image for image in images if image is not None]), 0, rows)

    def add_values(self, place: int, array: pa.Array, rows: "np.ndarray[Any, Any]") -> Image | None:
        """Measure values of the column at `place` (from 1); their hashes are mixed into `rows`.

        Returns:
            Their texts, where they are hashed as such.
        """
        field_ = self.schema.field(place - 1)
        column, kind = self.columns[field_.name], self._kinds[field_.name]
        if pa.types.is_dictionary(array.type):
            self._add_codes(column, kind, place, array, rows)
            return None
        if kind is ColumnKind.INTEGER and self.scheme in LOOKUP3_SCHEMES:
            valid = find_valid(array)
            column.hashed += _whole(kernel.hash_numbers_lookup3(read_numbers(array), valid, place, rows))
            self._add_column(column, array, kind, valid)
            return None
        image = make_image(array, kind, self.scheme)
        self._add_column(column, array, kind, image.valid)
        if kind in HIDDEN:
            self._add_ends(column, image)
        column.hashed += self._hash(image, place, rows)
        return image

    def _add_codes(
        self, column: _Column, kind: ColumnKind, place: int, array: pa.DictionaryArray, rows: "np.ndarray[Any, Any]"
    ) -> None:
        """Measure values of which each distinct one is there once: it is hashed once."""
        listed, valid = make_image(array.dictionary, kind, self.scheme), find_valid(array.indices)
        codes = read_codes(array.indices)
        hashed, used = kernel.hash_codes_lookup3(listed.data, listed.offsets, codes, valid, place, rows)
        column.hashed += _whole(hashed)
        column.non_null += int(valid.sum())
        self._add_ends(column, Image(listed.data, listed.offsets, used))

    def close_rows(self, rows: "np.ndarray[Any, Any]") -> None:
        """Count rows whose every column was measured."""
        self.rows += len(rows)
        is_crc = self.scheme is HashScheme.CRC32
        self.hashed += int(kernel.finish_crc32(rows)) if is_crc else _whole(kernel.finish_lookup3(rows))

    def merge(self, other: "Measurement") -> None:
        """Add what another measurement found in other rows."""
        self.rows += other.rows
        self.hashed += other.hashed
        for name, column in other.columns.items():
            own = self.columns[name]
            own.non_null += column.non_null
            own.hashed += column.hashed
            own.total += column.total
            own.extend(column.least, column.most)

    def totals(self) -> ControlTotals:
        """What was found."""
        kinds = column_kinds(self.schema)
        found = []
        for f in self.schema:
            kind, column = kinds[f.name], self.columns[f.name]
            scale = f.type.scale if kind is ColumnKind.DECIMAL else 0
            total = _plain(column.total, scale) if kind in SUMMED and column.non_null else None
            ends = [end_text(end, kind) for end in (column.least, column.most)]
            found.append(ColumnTotals(f.name, column.non_null, ends[0], ends[1], total, str(column.hashed)))
        return ControlTotals(self.rows, str(self.hashed), tuple(found), self.scheme)

    def _hash(self, image: Image, place: int, rows: "np.ndarray[Any, Any]") -> int:
        if self.scheme is HashScheme.CRC32:
            return int(kernel.hash_crc32(image.data, image.offsets, image.valid, place, rows))
        if self.scheme is HashScheme.MD5:
            return _whole(kernel.hash_md5(image.data, image.offsets, image.valid))
        return _whole(kernel.hash_lookup3(image.data, image.offsets, image.valid, place, rows))

    def _add_column(self, column: _Column, array: pa.Array, kind: ColumnKind, valid: "np.ndarray[Any, Any]") -> None:
        column.non_null += int(valid.sum())
        if kind in ORDERED and kind not in HIDDEN:
            column.extend(*_find_ends(array, kind))
        if kind in SUMMED:
            column.total += _add_up(array, kind)

    def _add_ends(self, column: _Column, image: Image) -> None:
        least, most = kernel.find_ends(image.data, image.offsets, image.valid)
        if least >= 0:
            column.extend(image.value(least), image.value(most))


def _whole(halves: tuple[int, int]) -> int:
    return (int(halves[0]) << 32) + int(halves[1])


def _plain(total: int, scale: int) -> str:
    """A sum in units of its scale as totals write it: without zeros at the end."""
    if scale <= 0:
        return str(total * 10**-scale)
    digits = str(abs(total)).rjust(scale + 1, "0")
    text = f"{digits[:-scale]}.{digits[-scale:]}".rstrip("0").rstrip(".")
    return f"-{text}" if total < 0 else text


def _find_ends(array: pa.Array, kind: ColumnKind) -> tuple[Any, Any]:
    """Smallest and largest number of a column, None where all are NULL."""
    if kind is not ColumnKind.DOUBLE:
        ends = pc.min_max(array).as_py()
        return ends["min"], ends["max"]
    numbers = read_numbers(array).view(np.float64)[find_valid(array)]
    if len(numbers) == 0:
        return None, None
    has_nan = bool(np.isnan(numbers).any())
    known = numbers[~np.isnan(numbers)]
    least = float(known.min()) if len(known) else float("nan")
    return least, float("nan") if has_nan else float(known.max())


def _add_up(array: pa.Array, kind: ColumnKind) -> int:
    """Exact sum of a column, in units of its scale."""
    valid = find_valid(array)
    if kind is ColumnKind.INTEGER:
        numbers = read_numbers(array)[valid]
        return (int((numbers >> 32).sum()) << 32) + int((numbers & MASK).sum())
    words = read_words(array)[valid]
    low, high = words[:, 0].view(np.uint64), words[:, 1]
    lows = int((low & np.uint64(MASK)).sum()) + (int((low >> np.uint64(32)).sum()) << 32)
    highs = int((high & MASK).sum()) + (int((high >> 32).sum()) << 32)
    return lows + (highs << 64)


def measure_parquet(
    settings: Settings,
    path: Path,
    schema: pa.Schema,
    null_text: str | None = None,
    scheme: HashScheme = HashScheme.LOOKUP3,
    besides: Measurement | None = None,
) -> ControlTotals:
    """Control totals of a Parquet file's columns in `schema`, and of what was measured `besides`.

    Args:
        null_text: the text as which NULL counts, where the source cannot tell them apart.
    """
    groups = pq.ParquetFile(path).num_row_groups
    workers = max(1, min(settings.threads, groups))
    found = Measurement(schema, scheme)
    with ThreadPoolExecutor(workers, thread_name_prefix="measure") as pool:
        shares = [list(range(groups))[n::workers] for n in range(workers)]
        for part in pool.map(lambda share: _measure_groups(path, schema, null_text, scheme, share), shares):
            found.merge(part)
    if besides is not None:
        found.merge(besides)
    return found.totals()


def _measure_groups(
    path: Path, schema: pa.Schema, null_text: str | None, scheme: HashScheme, groups: list[int]
) -> Measurement:
    """Measure row groups, where it can be done column by column: one is in memory at a time."""
    found = Measurement(schema, scheme)
    coded = _find_coded(path, schema, scheme, groups) if null_text is None else []
    with pq.ParquetFile(path, read_dictionary=coded, pre_buffer=False) as file:  # whole groups would be in memory
        for group in groups:
            if not found.binds_by_hashes:
                for batch in file.iter_batches(BATCH_ROWS, [group], schema.names, use_threads=False):
                    found.add(batch)
                continue
            rows = np.zeros(file.metadata.row_group(group).num_rows, np.uint64)
            for place, name in enumerate(schema.names, 1):
                at = 0
                size = len(rows) if name in coded else BATCH_ROWS
                for batch in file.iter_batches(max(size, 1), [group], [name], use_threads=False):
                    array = batch.column(0) if null_text is None else batch.column(0).fill_null(null_text)
                    found.add_values(place, array, rows[at : at + len(array)])
                    at += len(array)
            found.close_rows(rows)
    return found


def _find_coded(path: Path, schema: pa.Schema, scheme: HashScheme, groups: list[int]) -> list[str]:
    """Text columns whose values repeat so much that the file lists the distinct ones, as far as their size tells."""
    if scheme is not HashScheme.LOOKUP3 or not groups:
        return []
    group = pq.read_metadata(path).row_group(groups[0])
    sizes = {group.column(n).path_in_schema: group.column(n).total_uncompressed_size for n in range(group.num_columns)}
    most = DICTIONARY_BYTES + MOST_CODE_BYTES * group.num_rows
    return [f.name for f in schema if pa.types.is_string(f.type) and sizes[f.name] <= most]


def measure_batches(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, scheme: HashScheme = HashScheme.LOOKUP3
) -> ControlTotals:
    """Control totals of a stream of batches, each read once."""
    found = Measurement(schema, scheme)
    for batch in batches:
        found.add(batch)
    return found.totals()


def may_repeat_keys(path: Path, key: Sequence[str]) -> bool:
    """Whether two rows of a Parquet file may share a key; rows whose key has a NULL are left out.

    False is certain; True may be two keys of one hash. Takes 8 bytes a row.
    """
    schema = pa.schema([pq.read_schema(path).field(name) for name in key])
    found = [np.zeros(0, np.uint64)]
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=list(key), use_threads=False):
            rows, whole = np.zeros(batch.num_rows, np.uint64), np.ones(batch.num_rows, np.bool_)
            for place, (name, kind) in enumerate(column_kinds(schema).items(), 1):
                array, valid = batch.column(name), find_valid(batch.column(name))
                if kind is ColumnKind.INTEGER:
                    kernel.hash_numbers_lookup3(read_numbers(array), valid, place, rows)
                else:
                    image = make_image(array, kind, HashScheme.LOOKUP3)
                    kernel.hash_lookup3(image.data, image.offsets, valid, place, rows)
                whole &= valid
            found.append(rows[whole])
    hashes = np.sort(np.concatenate(found))
    return bool((hashes[1:] == hashes[:-1]).any())
