"""Fixed width lines: fields at fixed characters of each line.

Enters: a file and the columns' `start` and `length`. Leaves: records. Must hold: a line too short for its columns,
or not in the stated encoding, is a bad line. Refuses: columns without a place.
"""

from collections.abc import Iterator
from pathlib import Path

from migration.errors import ConfigError, SourceError
from migration.extract.encodings import (
    Encoding,
    decode_lines,
    load_encoding,
    read_lines,
    settle_order,
)
from migration.extract.files import open_stream
from migration.extract.reader import BadLineReason
from migration.extract.record_files import Record, RecordFormat, Values
from migration.extract.sources import TableSource


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


def read_fixed_width(source: TableSource, path: Path) -> Iterator[Record]:
    """The file's records, header and footer lines left out.

    Raises:
        SourceError: the last line stops within the record.
    """
    places, encoding = _places(source), settle_order(source, path, load_encoding(source))
    longest = max(end for _, end in places)
    skipped, footer = source.number("header_lines", 0), source.number("footer_lines", 0)
    waiting: list[Record] = []
    for number, (offset, content) in enumerate(read_lines(source, path, encoding), 1):
        if number <= skipped or not content.rstrip(b"\r\n"):
            continue
        waiting.append(_read_line(places, longest, encoding, number, offset, content))
        if len(waiting) > footer:
            yield _check_last(source, path, waiting.pop(0))


def _read_line(
    places: list[tuple[int, int]], longest: int, encoding: Encoding, number: int, offset: int, content: bytes
) -> Record:
    try:
        text = content.decode(encoding.name).removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return Record(number, offset, None, BadLineReason.UNDECODABLE, encoding.restore(content))
    if len(text) < longest:
        return Record(number, offset, None, BadLineReason.BAD_LENGTH, encoding.restore(content))
    return Record(number, offset, [text[begin:end] for begin, end in places])


def _check_last(source: TableSource, path: Path, record: Record) -> Record:
    is_ended = record.content.rstrip(b"\0").endswith(b"\n")  # NUL: the other half of a line feed in UTF-16
    if record.values is None and record.reason is BadLineReason.BAD_LENGTH and not is_ended:
        found = f"a last line ({record.line}) that stops within the record"
        raise SourceError(f"{source.where}, file {path.name}", found, "a complete file", "Copy or export it again.")
    return record


def reread_fixed_width(source: TableSource, path: Path) -> Iterator[Values | None]:
    """The same records by Python's text reader, undecodable bytes let through."""
    encoding = settle_order(source, path, load_encoding(source))
    cuts = [slice(c.start - 1, c.start - 1 + c.length) for c in source.table.columns if c.start and c.length]
    skipped, footer = source.number("header_lines", 0), source.number("footer_lines", 0)
    waiting: list[str] = []
    with open_stream(source, path) as stream:
        for number, line in enumerate(decode_lines(stream, encoding), 1):
            if number <= skipped or not line.rstrip("\r\n"):
                continue
            waiting.append(line.removesuffix("\n").removesuffix("\r"))
            if len(waiting) > footer:
                body = waiting.pop(0)
                yield [body[cut] for cut in cuts]


FIXED_WIDTH = RecordFormat(read_fixed_width, reread_fixed_width)
