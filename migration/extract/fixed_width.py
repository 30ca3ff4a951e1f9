"""Fixed width lines: fields at fixed characters of each line.

Enters: a file and the columns' `start` and `length`. Leaves: records. Must hold: a line too short for its columns,
or not in the stated encoding, is a bad line. Refuses: columns without a place.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from migration.errors import ConfigError, SourceError
from migration.extract.encodings import load_encoding, strip_mark
from migration.extract.files import open_stream, read_pieces
from migration.extract.reader import BadLineReason
from migration.extract.record_files import Record, RecordFormat, Values
from migration.extract.sources import TableSource

PIECE_BYTES = 4 << 20


def _places(source: TableSource) -> list[tuple[int, int]]:
    """First and last-but-one position of each column."""
    places = []
    for column in source.table.columns:
        if column.start is None or column.length is None:
            where = f"pack of division {source.division}, source {source.where}, column {column.name}"
            fix = "Give the column its first character, from 1, and its length."
            raise ConfigError(where, "no place", "start and length", fix)
        places.append((column.start - 1, column.start - 1 + column.length))
    return places


def _lines(source: TableSource, path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line with its offset; the last without a line end only if it is the last."""
    rest, offset = b"", 0
    for piece in read_pieces(source, path, PIECE_BYTES):
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield offset, line + b"\n"
            offset += len(line) + 1
    if rest:
        yield offset, rest


def read_fixed_width(source: TableSource, path: Path) -> Iterator[Record]:
    """The file's records, header and footer lines left out.

    Raises:
        SourceError: the last line stops within the record.
    """
    places, encoding = _places(source), load_encoding(source)
    longest = max(end for _, end in places)
    skipped, footer = source.number("header_lines", 0), source.number("footer_lines", 0)
    waiting: list[Record] = []
    for number, (offset, content) in enumerate(_lines(source, path), 1):
        if number == 1:
            strip_mark(source, path.name, encoding, content)
        if number <= skipped or not content.rstrip(b"\r\n"):
            continue
        waiting.append(_read_line(places, longest, encoding.name, number, offset, content))
        if len(waiting) > footer:
            yield _check_last(source, path, waiting.pop(0))


def _read_line(
    places: list[tuple[int, int]], longest: int, encoding: str, number: int, offset: int, content: bytes
) -> Record:
    try:
        text = content.decode(encoding).removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return Record(number, offset, None, BadLineReason.UNDECODABLE, content)
    if len(text) < longest:
        return Record(number, offset, None, BadLineReason.BAD_LENGTH, content)
    return Record(number, offset, [text[begin:end] for begin, end in places])


def _check_last(source: TableSource, path: Path, record: Record) -> Record:
    if record.values is None and record.reason is BadLineReason.BAD_LENGTH and not record.content.endswith(b"\n"):
        found = f"a last line ({record.line}) that stops within the record"
        raise SourceError(f"{source.where}, file {path.name}", found, "a complete file", "Copy or export it again.")
    return record


def reread_fixed_width(source: TableSource, path: Path) -> Iterator[Values | None]:
    """The same records by Python's text reader, undecodable bytes let through."""
    encoding = load_encoding(source).name
    cuts = [slice(c.start - 1, c.start - 1 + c.length) for c in source.table.columns if c.start and c.length]
    skipped, footer = source.number("header_lines", 0), source.number("footer_lines", 0)
    with open_stream(source, path) as stream:
        lines = io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="\n")
        kept = [line for n, line in enumerate(lines, 1) if n > skipped and line.rstrip("\r\n")] if footer else None
        rows = (
            kept[:-footer]
            if kept is not None
            else (line for n, line in enumerate(lines, 1) if n > skipped and line.rstrip("\r\n"))
        )
        for line in rows:
            body = line.removesuffix("\n").removesuffix("\r")
            yield [body[cut] for cut in cuts]


FIXED_WIDTH = RecordFormat(read_fixed_width, reread_fixed_width)
