"""What every reader of a legacy source gives: batches of rows, bad lines, control totals and facts.

Enters: a `TableSource`. Leaves: Arrow batches of the legacy columns plus `_source_row`, with the lines that could
not be read beside them. Must hold: each record of the source is in exactly one place, a row or a bad line, and both
share one numbering. Refuses nothing here; readers raise `SourceError` when the structure is not what the pack says.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from migration.errors import SourceError
from migration.extract.measure import Measurement
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals

SOURCE_ROW = "_source_row"


class BadLineReason(StrEnum):
    """Why a line is in quarantine."""

    UNDECODABLE = "UNDECODABLE"
    RAGGED = "RAGGED"
    BAD_QUOTING = "BAD_QUOTING"
    BAD_LENGTH = "BAD_LENGTH"
    BAD_SYNTAX = "BAD_SYNTAX"
    UNKNOWN_SEGMENT = "UNKNOWN_SEGMENT"


@dataclass(frozen=True)
class BadLine:
    """One record that could not be read, kept byte for byte.

    Attributes:
        file: file name, or the table's name for databases.
        line: line of the file it begins on, from 1.
        byte_offset: where it begins in the (uncompressed) file, from 0.
        source_row: its ordinal among the table's records, in the numbering of `_source_row`.
    """

    file: str
    line: int
    byte_offset: int
    source_row: int
    reason: BadLineReason
    content: bytes


@dataclass(frozen=True)
class RawBatch:
    """Some rows in source order (legacy columns, then `_source_row`) and the bad lines found among them."""

    rows: pa.RecordBatch
    bad_lines: tuple[BadLine, ...] = ()


@runtime_checkable
class HoldsBack(Protocol):
    """A reader whose source counts the rows in quarantine too; `held_back` measures them as they are met."""

    held_back: Measurement

    def measure_in_snapshot(self) -> ControlTotals:
        """Control totals by the source itself, surely of the moment that the rows were read at."""

    def ending_proof(self) -> AbstractContextManager[None]:
        """A block that ends the measuring under way where it fails."""


class TableReader(Protocol):
    """Reads one source table once, front to back.

    Attributes:
        schema: the legacy columns, in order, without `_source_row`.
        null_text: text as which NULL counts in the control totals, where the measuring road cannot tell; else None.
    """

    schema: pa.Schema
    null_text: str | None

    def read_batches(self) -> Iterator[RawBatch]:
        """The table's rows in batches of bounded size."""

    def measure_source(self, quarantined: frozenset[int]) -> ControlTotals:
        """Control totals taken on the source by another road than `read_batches`, `quarantined` rows left out."""

    def describe(self) -> dict[str, object]:
        """Facts for the manifest: files and hashes, or snapshot and server time. May change from run to run."""


def add_source_row(columns: pa.RecordBatch, source_rows: NDArray[np.int64]) -> pa.RecordBatch:
    """The batch with `_source_row` as its last column."""
    numbers = pa.py_buffer(np.ascontiguousarray(source_rows, np.int64))  # pa.array(numpy) would load pandas
    array = pa.Array.from_buffers(pa.int64(), columns.num_rows, [None, numbers])
    return columns.append_column(pa.field(SOURCE_ROW, pa.int64(), nullable=False), array)


def check_columns(source: TableSource, found: Iterable[str], place: str) -> None:
    """Stop where a source's columns are not those of its pack.

    Raises:
        SourceError: a column is missing, unknown or there twice; each is named.
    """
    names = list(found)
    expected = source.table.column_names
    if not expected or list(expected) == names:
        return
    missing = sorted(set(expected) - set(names))
    unknown = sorted(set(names) - set(expected))
    twice = sorted({n for n in names if names.count(n) > 1})
    if not (missing or unknown or twice):
        return
    parts = [("missing", missing), ("unknown", unknown), ("there twice", twice)]
    text = "; ".join(f"{label}: {', '.join(columns)}" for label, columns in parts if columns)
    raise SourceError(
        f"{source.where}, {place}",
        f"columns {text}",
        f"exactly the {len(expected)} columns of the pack",
        "Ask the system's owner what changed, then map or ignore each new column in the pack.",
    )
