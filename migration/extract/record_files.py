"""Fixed width, JSON Lines, XML and Excel files, record by record.

Enters: a table's files in order of name. Leaves: batches of text columns as stored: padding kept, numbers of JSON
with their digits, an absent field NULL and an empty one empty. Must hold: rows and bad lines together are all
records; each format is measured by a second parser that shares nothing with the first. Refuses: fields that the
pack does not name, and a document that does not end.

Options: `encoding` (fixed width, JSON Lines), `header_lines` and `footer_lines` (fixed width, 0), `record` (XML:
tag of a record), `sheet` (Excel: name; default the first), `header_row` (Excel: 1). Columns: `start` and `length`
(fixed width); option `path` (XML: `Geocode/Longitude`, `@id`; JSON: `offender.name`), default the column's name.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from migration.extract.files import describe_files, find_files
from migration.extract.measure import measure_batches
from migration.extract.reader import BadLine, BadLineReason, RawBatch, add_source_row
from migration.extract.sampling import is_in_sample, keep_sampled
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals

BATCH_ROWS = 20_000
Values = list[str | None]


@dataclass(frozen=True)
class Record:
    """One record of a file: its values in the pack's order, or why it has none and its bytes."""

    line: int
    byte_offset: int
    values: Values | None
    reason: BadLineReason = BadLineReason.BAD_SYNTAX
    content: bytes = b""


@dataclass(frozen=True)
class RecordFormat:
    """A file format: how it is read, and how it is read again to measure it (None: a record that is bad)."""

    read: Callable[[TableSource, Path], Iterator[Record]]
    reread: Callable[[TableSource, Path], Iterator[Values | None]]


def column_path(source: TableSource, position: int) -> str:
    """The path of a column in its record: option `path`, else its name."""
    column = source.table.columns[position]
    return str(column.options.get("path", column.name))


class RecordFileReader:
    """Reads the files of one source table in one format."""

    def __init__(self, source: TableSource, kind: RecordFormat) -> None:
        self.source, self.kind = source, kind
        self.files = find_files(source)
        self.schema = pa.schema([pa.field(name, pa.string()) for name in source.table.column_names])
        self.null_text: str | None = None

    def read_batches(self) -> Iterator[RawBatch]:
        """Batches of all files, numbered through."""
        ordinal = 0
        for path in self.files:
            waiting: list[Record] = []
            for record in self.kind.read(self.source, path):
                waiting.append(record)
                if len(waiting) == BATCH_ROWS:
                    yield self._build_batch(path, waiting, ordinal)
                    ordinal, waiting = ordinal + len(waiting), []
            if waiting:
                yield self._build_batch(path, waiting, ordinal)
                ordinal += len(waiting)

    def _build_batch(self, path: Path, records: list[Record], before: int) -> RawBatch:
        numbered = list(enumerate(records, before + 1))
        good = [(n, r.values) for n, r in numbered if r.values is not None]
        bad = tuple(
            BadLine(path.name, r.line, r.byte_offset, n, r.reason, r.content) for n, r in numbered if r.values is None
        )
        batch = to_batch([values for _, values in good], self.schema)
        rows = add_source_row(batch, np.array([n for n, _ in good], np.int64))
        return RawBatch(keep_sampled(self.source, rows), bad)

    def measure_source(self, quarantined: frozenset[int]) -> ControlTotals:
        """Totals by the format's second parser."""
        return measure_batches(self._reread(quarantined), self.schema)

    def _reread(self, quarantined: frozenset[int]) -> Iterator[pa.RecordBatch]:
        waiting: list[Values] = []
        ordinal = 0
        for path in self.files:
            for values in self.kind.reread(self.source, path):
                ordinal += 1
                if values is None or ordinal in quarantined or not self._is_sampled(values):
                    continue
                waiting.append(values)
                if len(waiting) == BATCH_ROWS:
                    yield to_batch(waiting, self.schema)
                    waiting = []
        if waiting:
            yield to_batch(waiting, self.schema)

    def _is_sampled(self, values: Values) -> bool:
        if not self.source.is_sampled:
            return True
        return is_in_sample(values[self.schema.names.index(self.source.table.sample_by)], self.source.sample_percent)

    def describe(self) -> dict[str, object]:
        """Files with their SHA-256, and when they were written."""
        return describe_files(self.files)


def to_batch(rows: list[Values], schema: pa.Schema) -> pa.RecordBatch:
    """Rows of texts as a batch."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pa.RecordBatch.from_arrays([pa.array(list(c), pa.string()) for c in columns], schema=schema)
