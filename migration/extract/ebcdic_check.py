"""Control totals of mainframe files by another road: whole columns of bytes, by arithmetic and Python's codecs.

Enters: the same files and layout as the reader. Leaves: `ControlTotals`. Must hold: nothing here is shared with the
reader but the layout. Records are cut by `struct` into the rows of a matrix; texts are decoded by Python's codecs, a
column at once; numbers are computed as integers from their digits and printed by Arrow, where the reader copies
digits one by one. Refuses nothing: the reader has already judged the files.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from migration.extract import ebcdic_numbers as numbers
from migration.extract.copybook import CopybookField, Storage
from migration.extract.files import open_stream
from migration.extract.measure import measure_batches
from migration.extract.sampling import is_in_sample
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals

if TYPE_CHECKING:
    from migration.extract.ebcdic import Layout

BLOCK_BYTES = 4 << 20
WORD_BYTES = 4
Cells = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Block:
    """Some records as the rows of a matrix; bytes beyond a record's size mean nothing."""

    cells: Cells
    sizes: NDArray[np.int64]
    ordinals: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> "_Block":
        """Some of the records, in the order given."""
        return _Block(self.cells[rows], self.sizes[rows], self.ordinals[rows])

    def append(self, other: "_Block") -> "_Block":
        """The records of both."""
        return _Block(
            np.concatenate((self.cells, other.cells)),
            np.concatenate((self.sizes, other.sizes)),
            np.concatenate((self.ordinals, other.ordinals)),
        )


def measure_ebcdic(source: TableSource, layout: "Layout", files: tuple[Path, ...], schema: pa.Schema) -> ControlTotals:
    """Control totals of the table's records."""
    return measure_batches(_batches(source, layout, files, schema), schema)


def _batches(
    source: TableSource, layout: "Layout", files: tuple[Path, ...], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    before = 0
    for path in files:
        nearest: dict[str, _Block] = {}
        with open_stream(source, path) as stream:
            for cells, sizes in _cut(stream, layout):
                block = _Block(cells, sizes, before + 1 + np.arange(len(sizes)))
                before += len(sizes)
                yield _keep_sampled(source, _read_block(block, layout, nearest, schema))


def _keep_sampled(source: TableSource, batch: pa.RecordBatch) -> pa.RecordBatch:
    if not source.is_sampled:
        return batch
    keys = batch.column(source.table.sample_by).to_pylist()
    return batch.filter(pa.array([is_in_sample(k, source.sample_percent) for k in keys], pa.bool_()))


def _read_block(block: _Block, layout: "Layout", nearest: dict[str, _Block], schema: pa.Schema) -> pa.RecordBatch:
    """The table's records of a block as a batch; `nearest` keeps the last record of each segment for the next."""
    own, parents = np.arange(len(block.sizes)), {}
    if layout.segment_field is not None:
        names = [(n or "").strip() for n in read_field(block, layout, layout.segment_field).to_pylist()]
        own = np.array([i for i, n in enumerate(names) if n in layout.segments], np.int64)
        for segment in {s for _, _, s in layout.columns if s}:
            places = np.array([i for i, n in enumerate(names) if n == segment], np.int64)
            parents[segment] = _find_parents(block, places, own, nearest, segment)
    chosen = block if len(own) == len(block.sizes) else block.take(own)
    arrays = []
    for _, field, segment in layout.columns:
        records = parents[segment] if segment else chosen
        arrays.append(_ordinals(records) if field is None else read_field(records, layout, field))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _find_parents(
    block: _Block, places: NDArray[np.int64], own: NDArray[np.int64], nearest: dict[str, _Block], segment: str
) -> _Block:
    """The record of the segment last before each of `own`; one of size 0 where there is none."""
    nothing = _Block(np.zeros((1, block.cells.shape[1]), np.uint8), np.zeros(1, np.int64), np.zeros(1, np.int64))
    known = nearest.get(segment, nothing).append(block.take(places))
    nearest[segment] = known.take(np.array([len(known.sizes) - 1]))
    return known.take(np.searchsorted(places, own, side="right"))


def _ordinals(records: _Block) -> pa.Array:
    return pc.if_else(pa.array(records.ordinals > 0), pc.cast(pa.array(records.ordinals), pa.string()), None)


def _cut(stream: BinaryIO, layout: "Layout") -> Iterator[tuple[Cells, NDArray[np.int64]]]:
    """The records of a file in blocks, as a matrix as wide as the copybook, with their sizes."""
    width = layout.size
    if layout.records < 0:
        while block := stream.read(max(BLOCK_BYTES // width, 1) * width):
            cells = np.frombuffer(block, np.uint8).reshape(-1, width)
            yield cells, np.full(len(cells), width, np.int64)
        return
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        data = rest + block
        starts, sizes, used = _cut_by_words(data, is_big=layout.records == 0)
        if starts:
            padded = np.frombuffer(data + bytes(width), np.uint8)
            at, wide = np.array(starts, np.int64), np.array(sizes, np.int64)
            for first in range(0, len(at), max(BLOCK_BYTES // width, 1)):
                some = slice(first, first + max(BLOCK_BYTES // width, 1))
                yield np.lib.stride_tricks.sliding_window_view(padded, width)[at[some]], wide[some]
        rest = data[used:]


def _cut_by_words(data: bytes, *, is_big: bool) -> tuple[list[int], list[int], int]:
    """Where the complete records of some bytes begin, their sizes, and the bytes used, by their descriptor words."""
    unpack = struct.Struct(">H" if is_big else "<H").unpack_from
    shift, extra = (0, WORD_BYTES) if is_big else (2, 0)
    starts, sizes, at, end = [], [], 0, len(data)
    while at + WORD_BYTES <= end:
        size = unpack(data, at + shift)[0] - extra
        if at + WORD_BYTES + size > end:
            break
        starts.append(at + WORD_BYTES)
        sizes.append(size)
        at += WORD_BYTES + size
    return starts, sizes, at


def read_field(block: _Block, layout: "Layout", field: CopybookField) -> pa.Array:
    """The field's text in each record; NULL where the record ends before it or counts fewer repetitions."""
    room = block.sizes - field.offset
    is_text = field.storage is Storage.TEXT
    valid = (room > 0) if is_text else (room >= field.size)
    counter = layout.counter_of(field)
    if counter is not None:
        counts = [c.strip() if c else "" for c in read_field(block, layout, counter).to_pylist()]
        valid &= np.array([int(c) if c.isdigit() else 0 for c in counts], np.int64) >= field.occurrence
    cells = block.cells[:, field.offset : field.offset + field.size]
    if is_text or (field.storage is Storage.ZONED and not (field.is_signed or field.scale)):
        return _decode(cells, np.clip(np.where(valid, room, 0), 0, field.size), layout.encoding.name, valid)
    return numbers.read_numbers(cells, valid, field, layout.encoding.name)


def _decode(cells: Cells, sizes: NDArray[np.int64], encoding: str, valid: Mask) -> pa.Array:
    """The first `sizes` bytes of each row as text, all decoded in one piece."""
    is_full = bool((sizes == cells.shape[1]).all())
    content = cells if is_full else cells[np.arange(cells.shape[1]) < sizes[:, None]]
    text = content.tobytes().decode(encoding)
    encoded = text.encode("utf-8")
    ends = np.cumsum(sizes)
    if len(encoded) > len(text):
        points = np.frombuffer(text.encode("utf-32-le"), "<u4")
        widths = 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF)
        ends = np.concatenate(([0], np.cumsum(widths)))[ends]
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(sizes), pa.py_buffer(offsets), pa.py_buffer(encoded))
    return texts if valid.all() else pc.if_else(pa.array(valid), texts, None)
