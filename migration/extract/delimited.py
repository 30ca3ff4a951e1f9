"""Delimited text files: any separator, quoting and encoding, line ends inside quotes, ragged lines, trailers.

Enters: a table's files in order of name. Leaves: batches whose columns are text exactly as stored: a quoted empty
field is the empty text, an unquoted field equal to `null_text` (default: nothing at all) is NULL. Must hold: rows
and bad lines together are all records of the files but headers, blank lines and trailers. Refuses: columns other
than the pack's, a file that ends inside a record or without its trailer, and a file that is not in the stated
encoding.

Options of a system or table: `separator` (","), `quote` ('"'; "" for none), `escape` ("" for none), `encoding`
("utf-8"), `header` (true), `null_text` (""), `trailer` ("": text the last line begins with), `trailer_rows_field`
(2: field of the trailer that holds the row count; 0 for none), `check_encoding` (true), `allow_empty` (false).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from migration.errors import ConfigError, SourceError
from migration.extract import delimited_kernel as kernel
from migration.extract.delimited_check import measure_delimited
from migration.extract.encodings import (
    Encoding,
    EncodingWatch,
    load_encoding,
    read_text_pieces,
    settle_order,
    strip_mark,
)
from migration.extract.files import describe_files, find_files
from migration.extract.reader import BadLine, BadLineReason, RawBatch, add_source_row, check_columns
from migration.extract.sampling import keep_sampled
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals

PIECE_BYTES = 8 << 20
LONGEST_RECORD = 64 << 20
"""A record longer than this is an open quote, not a record."""


@dataclass(frozen=True)
class Dialect:
    """How a family of delimited files is written; marks in the bytes of its encoding."""

    encoding: Encoding
    separator: str
    quote: str
    escape: str
    null_text: str
    has_header: bool
    trailer: str
    trailer_rows_field: int

    def mark(self, text: str) -> int:
        """The byte of a one-character mark, or `NO_MARK`."""
        return text.encode(self.encoding.name)[0] if text else kernel.NO_MARK

    def token(self, text: str) -> kernel.Bytes:
        """The bytes of a text in the file's encoding."""
        return np.frombuffer(text.encode(self.encoding.name), np.uint8)


def load_dialect(source: TableSource) -> Dialect:
    """The dialect the pack states.

    Raises:
        ConfigError: an option is not of its kind, or a mark is not one byte.
    """
    encoding = load_encoding(source)
    quote, escape = source.text("quote", '"'), source.text("escape", "")
    separator = source.text("separator", ",")
    is_valid = separator != "" and all(len(m.encode(encoding.name, "replace")) <= 1 for m in (quote, escape))
    if not is_valid:
        raise ConfigError(
            f"pack of division {source.division}, source {source.where}",
            "a separator, quote or escape that does not fit",
            "a separator; quote and escape of one byte or empty",
            "Correct the options of the source.",
        )
    return Dialect(
        encoding=encoding,
        separator=separator,
        quote=quote,
        escape=escape,
        null_text=source.text("null_text", ""),
        has_header=source.flag("header", True),
        trailer=source.text("trailer", ""),
        trailer_rows_field=source.number("trailer_rows_field", 2),
    )


class DelimitedReader:
    """Reads the delimited files of one source table, in order of their names."""

    def __init__(self, source: TableSource) -> None:
        self.source = source
        self.dialect = load_dialect(source)
        self.files = find_files(source)
        self.schema = pa.schema([pa.field(name, pa.string()) for name in source.table.column_names])
        self.null_text: str | None = self.dialect.null_text
        self.blank_lines = 0
        self._records = 0

    def read_batches(self) -> Iterator[RawBatch]:
        """Batches of all files, numbered through."""
        self._records = 0
        for path in self.files:
            file = _DelimitedFile(self.source, self.dialect, path, self._records)
            yield from file.read_batches()
            self._records += file.records
            self.blank_lines += file.blank_lines

    def measure_source(self, quarantined: frozenset[int]) -> ControlTotals:
        """Totals by other parsers over the same files (`delimited_check`)."""
        return measure_delimited(self.source, self.dialect, self.files, self.schema, quarantined)

    def describe(self) -> dict[str, object]:
        """Files with their SHA-256, when they were written, and the blank lines passed over."""
        return {**describe_files(self.files), "blank_lines": self.blank_lines}


@dataclass(frozen=True)
class _Piece:
    """The complete records of one piece of a file, as the kernel found them. `offset` and `line` are of its start."""

    data: kernel.Bytes
    offset: int
    line: int
    is_last: bool
    starts: kernel.Ints
    ends: kernel.Ints
    first_fields: kernel.Ints
    flags: kernel.Bytes
    lines: kernel.Ints
    field_starts: kernel.Ints
    field_ends: kernel.Ints
    field_flags: kernel.Bytes

    def content(self, record: int) -> bytes:
        return self.data[self.starts[record] : self.ends[record]].tobytes()

    def fields(self, record: int) -> list[bytes]:
        span = range(self.first_fields[record], self.first_fields[record + 1])
        return [self.data[self.field_starts[i] : self.field_ends[i]].tobytes() for i in span]


class _DelimitedFile:
    """One file being read: keeps the place, the header and what must hold at its end."""

    def __init__(self, source: TableSource, dialect: Dialect, path: Path, records_before: int) -> None:
        encoding = settle_order(source, path, dialect.encoding)
        self.source, self.dialect, self.path = source, replace(dialect, encoding=encoding), path
        self.records_before = records_before
        self.records = 0
        self.blank_lines = 0
        self.columns: list[str] = [] if dialect.has_header else list(source.table.column_names)
        self.watch = EncodingWatch(dialect.encoding)
        self.trailer: list[bytes] | None = None
        self.where = f"{source.where}, file {path.name}"

    def read_batches(self) -> Iterator[RawBatch]:
        for piece in self._find_pieces():
            batch = self._read_piece(piece)
            if batch is not None:
                yield batch
        self._check_end()

    def _find_pieces(self) -> Iterator[_Piece]:
        encoding = self.dialect.encoding
        pieces = read_text_pieces(self.source, self.path, PIECE_BYTES, encoding)
        upcoming = next(pieces, b"")
        mark = strip_mark(self.source, self.path.name, encoding, upcoming)
        offset = encoding.measure(upcoming[:mark])
        rest, upcoming, line = b"", upcoming[mark:] or next(pieces, b""), 1
        while upcoming:
            data, upcoming = rest + upcoming, next(pieces, b"")
            piece, used, lines = self._scan(data, offset, line, not upcoming)
            yield piece
            rest, offset, line = data[used:], offset + encoding.measure(data[:used]), line + lines
            if len(rest) > LONGEST_RECORD:
                raise self._open_quote(line)

    def _scan(self, data: bytes, offset: int, line: int, ended: bool) -> tuple[_Piece, int, int]:
        view = np.frombuffer(data, np.uint8)
        separator = self.dialect.token(self.dialect.separator)
        line_ends = int(np.count_nonzero(view == kernel.LINE_FEED))
        fields = line_ends + int(np.count_nonzero(view == separator[0])) + 1
        quote, escape = self.dialect.mark(self.dialect.quote), self.dialect.mark(self.dialect.escape)
        found = kernel.find_fields(view, separator, quote, escape, ended, fields, line_ends + 1)
        (starts, ends, lines_before), first_fields, flags, (field_starts, field_ends), marks, used, lines = found
        arrays = (starts, ends, first_fields, flags, lines_before, field_starts, field_ends, marks)
        return _Piece(view, offset, line, ended, *arrays), int(used), int(lines)

    def _read_piece(self, piece: _Piece) -> RawBatch | None:
        records = np.arange(len(piece.starts))
        if len(records) and not self.columns:
            self._read_header(piece)
            records = records[1:]
        if not len(records):
            return None
        self._flag_encoding(piece, records)
        counts = np.diff(piece.first_fields)
        blanks = self._find_blanks(piece, records, counts)
        records = records[~blanks]
        self.blank_lines += int(blanks.sum())
        records = self._take_trailer(piece, records)
        bad = (counts[records] != len(self.columns)) | (piece.flags[records] != 0)
        source_rows = self.records_before + self.records + 1 + np.arange(len(records))
        bad_lines = tuple(
            self._quarantine(piece, int(r), int(n)) for r, n in zip(records[bad], source_rows[bad], strict=True)
        )
        self.records += len(records)
        rows = self._build_rows(piece, records[~bad])
        return RawBatch(keep_sampled(self.source, add_source_row(rows, source_rows[~bad])), bad_lines)

    def _read_header(self, piece: _Piece) -> None:
        names = [f.decode(self.dialect.encoding.name, "replace").strip() for f in piece.fields(0)]
        check_columns(self.source, names, f"header of file {self.path.name}")
        self.columns = names

    def _find_blanks(self, piece: _Piece, records: kernel.Ints, counts: kernel.Ints) -> NDArray[np.bool_]:
        first = piece.first_fields[records]
        is_empty = piece.field_starts[first] == piece.field_ends[first]
        is_bare = piece.field_flags[first] == 0
        blank: NDArray[np.bool_] = (counts[records] == 1) & is_empty & is_bare & (len(self.columns) > 1)
        return blank

    def _flag_encoding(self, piece: _Piece, records: kernel.Ints) -> None:
        if not piece.data.max() > 127 and self.dialect.encoding.widths[:128].all():
            return
        beyond = np.maximum.reduceat(piece.data[: piece.ends[-1]], piece.starts)[records] > 127
        if not self.dialect.encoding.is_utf8:
            kernel.flag_undecodable(piece.data, piece.starts, piece.ends, self.dialect.encoding.widths, piece.flags)
        for record in records[beyond]:
            if self.watch.is_settled:
                return
            if not self.watch.see(piece.content(record)):
                piece.flags[record] |= kernel.UNDECODABLE * self.dialect.encoding.is_utf8

    def _take_trailer(self, piece: _Piece, records: kernel.Ints) -> kernel.Ints:
        """The records without the trailer, where the last of them is one."""
        if not self.dialect.trailer or not piece.is_last or not len(records):
            return records
        token = self.dialect.token(self.dialect.trailer).tobytes()
        if not piece.content(records[-1]).startswith(token):
            return records
        self.trailer = piece.fields(records[-1])
        return records[:-1]

    def _quarantine(self, piece: _Piece, record: int, source_row: int) -> BadLine:
        flags = int(piece.flags[record])
        if flags & kernel.OPEN_QUOTE:
            raise self._open_quote(piece.line + int(piece.lines[record]))
        reason = BadLineReason.RAGGED
        if flags & kernel.UNDECODABLE:
            reason = BadLineReason.UNDECODABLE
        elif flags & kernel.TEXT_AFTER_QUOTE:
            reason = BadLineReason.BAD_QUOTING
        content = piece.content(record)
        line = piece.line + int(piece.lines[record])
        if reason is BadLineReason.RAGGED and not content.endswith(b"\n"):
            raise self._truncated(f"a last line ({line}) that stops within the record")
        encoding = self.dialect.encoding
        offset = piece.offset + encoding.measure(piece.data[: piece.starts[record]].tobytes())
        return BadLine(self.path.name, line, offset, source_row, reason, encoding.restore(content))

    def _build_rows(self, piece: _Piece, records: kernel.Ints) -> pa.RecordBatch:
        arrays = {name: self._build_column(piece, records, i) for i, name in enumerate(self.columns)}
        return pa.RecordBatch.from_arrays([arrays[name] for name in self.schema_names()], names=self.schema_names())

    def schema_names(self) -> list[str]:
        return list(self.source.table.column_names)

    def _build_column(self, piece: _Piece, records: kernel.Ints, position: int) -> pa.Array:
        fields = piece.first_fields[records] + position
        encoding = self.dialect.encoding
        offsets, data, valid = kernel.gather_column(
            piece.data,
            piece.field_starts[fields],
            piece.field_ends[fields],
            piece.field_flags[fields],
            self.dialect.mark(self.dialect.quote),
            self.dialect.mark(self.dialect.escape),
            self.dialect.token(self.dialect.null_text),
            encoding.widths,
            encoding.images,
        )
        nulls = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
        return pa.StringArray.from_buffers(len(fields), pa.py_buffer(offsets), pa.py_buffer(data), nulls)

    def _check_end(self) -> None:
        if not self.columns:
            raise self._truncated("an empty file")
        if self.dialect.trailer:
            if self.trailer is None:
                raise self._truncated("no trailer line at its end")
            self._check_trailer(self.trailer)
        self.watch.judge(self.source, self.path.name)

    def _check_trailer(self, trailer: list[bytes]) -> None:
        position = self.dialect.trailer_rows_field
        if position == 0:
            return
        text = trailer[position - 1].decode("ascii", "replace").strip() if len(trailer) >= position else ""
        if text != str(self.records):
            stated = text if text.isdigit() else "no number"
            raise self._truncated(f"{self.records} data lines where its trailer says {stated}")

    def _truncated(self, found: str) -> SourceError:
        fix = "The file is cut off or was changed after export: copy or export it again."
        return SourceError(self.where, found, "a complete file", fix)

    def _open_quote(self, line: int) -> SourceError:
        fix = "The file is cut off, or a quote mark in its text is not doubled: export it again, or correct `quote`."
        return SourceError(self.where, f"a quoted field at line {line} that never ends", "a closed quote", fix)
