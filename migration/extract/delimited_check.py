"""Control totals of delimited files by another road: Arrow's CSV parser where it knows the dialect, else Python's own.

Enters: the same files and dialect as the reader. Leaves: `ControlTotals` of their text, in which NULL counts as its
`null_text`, because these parsers cannot tell them apart. Must hold: nothing here is shared with the reader but the
dialect, so a fault of the reader shows as a difference; a file with a line in quarantine is read by Python's parser,
which counts its lines. Refuses nothing: the reader has already judged the files.
"""

import csv
import sys
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from migration.extract.delimited_quick import measure_quickly
from migration.extract.encodings import decode_lines, settle_order
from migration.extract.files import open_stream
from migration.extract.measure import Measurement
from migration.extract.sampling import is_in_sample
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals

if TYPE_CHECKING:
    from migration.extract.delimited import Dialect

BATCH_ROWS = 20_000
MARK = "\ue00d"
"""With a digit after it stands for a carriage return inside a field, which the CSV module takes for a line end."""
LONG_SEPARATOR = "\ue00e"
"""Stands for a separator of several characters, which the CSV module does not know."""
STOOD_IN = {"\r": f"{MARK}1", LONG_SEPARATOR: f"{MARK}2"}
"""What stands for a character; the mark itself, where the text has it, is `MARK` and 0."""


def measure_delimited(
    source: TableSource, dialect: "Dialect", files: tuple[Path, ...], schema: pa.Schema, quarantined: frozenset[int]
) -> ControlTotals:
    """Control totals of the rows of `files` that are neither in quarantine nor outside the sample."""
    found, ordinal, bad = Measurement(schema), 0, sorted(quarantined)
    for path in files:
        quick = measure_quickly(source, dialect, path, schema)
        if quick is None or bisect_right(bad, ordinal + quick.rows) > bisect_right(bad, ordinal):
            ordinal = _measure_slowly(source, dialect, path, found, quarantined, ordinal)
        else:
            found.merge(quick)
            ordinal += quick.rows
    return found.totals()


def _measure_slowly(
    source: TableSource, dialect: "Dialect", path: Path, found: Measurement, quarantined: frozenset[int], ordinal: int
) -> int:
    """Measure one file by Python's parser; returns the ordinal of its last record, where `ordinal` came before it."""
    rows: list[list[str]] = []
    names = found.schema.names
    sample_at = names.index(source.table.sample_by) if source.is_sampled else -1
    for row in _read_rows(source, dialect, path, names):
        ordinal += 1
        if ordinal in quarantined or (sample_at >= 0 and not _is_sampled(source, dialect, row[sample_at])):
            continue
        rows.append(row)
        if len(rows) == BATCH_ROWS:
            found.add(_to_batch(rows, found.schema))
            rows = []
    if rows:
        found.add(_to_batch(rows, found.schema))
    return ordinal


def _is_sampled(source: TableSource, dialect: "Dialect", key: str) -> bool:
    return is_in_sample(None if key == dialect.null_text else key, source.sample_percent)


def _to_batch(rows: list[list[str]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays([pa.array(c, pa.string()) for c in columns], schema=schema)


def _read_rows(source: TableSource, dialect: "Dialect", path: Path, names: list[str]) -> Iterator[list[str]]:
    """The file's records but header, blank lines and trailer, their columns in the order of the pack."""
    with open_stream(source, path) as stream:
        lines = decode_lines(stream, settle_order(source, path, dialect.encoding))
        split = _split(dialect, lines)
        records = (r or [""] for r in split) if len(names) == 1 else (r for r in split if r)
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
    """The fields of each record; none of a blank line."""
    is_long = len(dialect.separator) > 1
    if is_long and not dialect.quote and not dialect.escape:
        bodies = (line.removesuffix("\n").removesuffix("\r") for line in text)
        return (body.split(dialect.separator) if body else [] for body in bodies)
    csv.field_size_limit(sys.maxsize)
    rows = csv.reader(
        _guard_marks(text, dialect.separator if is_long else ""),
        delimiter=LONG_SEPARATOR if is_long else dialect.separator,
        quotechar=dialect.quote or None,
        escapechar=dialect.escape or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
    )
    return (_put_back(row, dialect.separator) for row in rows)


def _guard_marks(lines: Iterator[str], long_separator: str) -> Iterator[str]:
    """Lines in which other characters stand for a lone carriage return and a long separator."""
    for line in lines:
        guarded = line
        if "\r" in line or MARK in line or LONG_SEPARATOR in line:
            guarded, end = (line[:-2], "\r\n") if line.endswith("\r\n") else (line, "")
            guarded = guarded.replace(MARK, f"{MARK}0")
            for character, text in STOOD_IN.items():
                guarded = guarded.replace(character, text)
            guarded += end
        yield guarded.replace(long_separator, LONG_SEPARATOR) if long_separator else guarded


def _put_back(row: list[str], separator: str) -> list[str]:
    """The fields with what other characters stood in for."""
    whole = "".join(row)
    if LONG_SEPARATOR in whole:
        row = [field.replace(LONG_SEPARATOR, separator) for field in row]
    if MARK in whole:
        for character, text in STOOD_IN.items():
            row = [field.replace(text, character) for field in row]
        row = [field.replace(f"{MARK}0", MARK) for field in row]
    return row
