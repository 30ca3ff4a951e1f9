"""Control totals of delimited files by another road: Python's own CSV parser.

Enters: the same files and dialect as the reader. Leaves: `ControlTotals` of their text, in which NULL counts as its
`null_text`, because this parser cannot tell them apart. Must hold: nothing here is shared with the reader but the
dialect, so a fault of the reader shows as a difference. Refuses nothing: the reader has already judged the files.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from migration.extract.encodings import decode_lines, settle_order
from migration.extract.files import open_stream
from migration.extract.measure import measure_batches
from migration.extract.sampling import is_in_sample
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals

if TYPE_CHECKING:
    from migration.extract.delimited import Dialect

BATCH_ROWS = 20_000
LONE_RETURN = "\ue00d"
"""Stands for a carriage return inside a field, which the CSV module takes for a line end."""
LONG_SEPARATOR = "\ue00e"
"""Stands for a separator of several characters, which the CSV module does not know."""


def measure_delimited(
    source: TableSource, dialect: "Dialect", files: tuple[Path, ...], schema: pa.Schema, quarantined: frozenset[int]
) -> ControlTotals:
    """Control totals of the rows of `files` that are neither in quarantine nor outside the sample."""
    return measure_batches(_read_columns(source, dialect, files, schema, quarantined), schema)


def _read_columns(
    source: TableSource, dialect: "Dialect", files: tuple[Path, ...], schema: pa.Schema, quarantined: frozenset[int]
) -> Iterator[pa.RecordBatch]:
    rows: list[list[str]] = []
    ordinal = 0
    sample_at = schema.names.index(source.table.sample_by) if source.is_sampled else -1
    for path in files:
        for row in _read_rows(source, dialect, path, schema.names):
            ordinal += 1
            if ordinal in quarantined or (sample_at >= 0 and not _is_sampled(source, dialect, row[sample_at])):
                continue
            rows.append(row)
            if len(rows) == BATCH_ROWS:
                yield _to_batch(rows, schema)
                rows = []
    if rows:
        yield _to_batch(rows, schema)


def _is_sampled(source: TableSource, dialect: "Dialect", key: str) -> bool:
    return is_in_sample(None if key == dialect.null_text else key, source.sample_percent)


def _to_batch(rows: list[list[str]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays([pa.array(c, pa.string()) for c in columns], schema=schema)


def _read_rows(source: TableSource, dialect: "Dialect", path: Path, names: list[str]) -> Iterator[list[str]]:
    """The file's records but header, blank lines and trailer, their columns in the order of the pack."""
    with open_stream(source, path) as stream:
        lines = decode_lines(stream, settle_order(source, path, dialect.encoding))
        records = (r for r in _split(dialect, lines) if r and (len(names) == 1 or r != [""]))
        header = [n.strip() for n in next(records)] if dialect.has_header else names
        order = [header.index(n) for n in names]
        previous: list[str] | None = None
        for record in records:
            if previous is not None:
                yield _arrange(previous, order)
            previous = record
        if previous is not None and not (dialect.trailer and previous[0].startswith(dialect.trailer)):
            yield _arrange(previous, order)


def _arrange(record: list[str], order: list[int]) -> list[str]:
    """The record's fields in the pack's order; a ragged one is in quarantine and only counts."""
    return [record[i] for i in order] if len(record) == len(order) else record


def _split(dialect: "Dialect", text: Iterator[str]) -> Iterator[list[str]]:
    is_long = len(dialect.separator) > 1
    if is_long and not dialect.quote and not dialect.escape:
        return (line.removesuffix("\n").removesuffix("\r").split(dialect.separator) for line in text)
    csv.field_size_limit(sys.maxsize)
    lines = (line.replace(dialect.separator, LONG_SEPARATOR) for line in text) if is_long else text
    rows = csv.reader(
        _guard_returns(lines),
        delimiter=LONG_SEPARATOR if is_long else dialect.separator,
        quotechar=dialect.quote or None,
        escapechar=dialect.escape or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
    )
    stood_in = {LONE_RETURN: "\r", LONG_SEPARATOR: dialect.separator} if is_long else {LONE_RETURN: "\r"}
    return (_put_back(row, stood_in) for row in rows)


def _put_back(row: list[str], stood_in: dict[str, str]) -> list[str]:
    """The fields with what other characters stood in for."""
    whole = "".join(row)
    for character, text in stood_in.items():
        if character in whole:
            row = [field.replace(character, text) for field in row]
    return row


def _guard_returns(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if "\r" in line:
            body, end = (line[:-2], "\r\n") if line.endswith("\r\n") else (line, "")
            yield body.replace("\r", LONE_RETURN) + end
        else:
            yield line
