"""Control totals of one delimited file by Arrow's CSV parser: the quick road of the proof.

Enters: a file and its dialect. Leaves: what `measure` found, or None where this road may read the file in another way
than the dialect means it; then `delimited_check` takes Python's own parser. Must hold: nothing here is shared with the
reader but the dialect; the text is decoded by Python's codecs or checked to be UTF-8 by Arrow. Refuses nothing.

Not for this road: a separator, quote or line end of more than one ASCII byte, an escape, a single column (whose blank
lines are rows), and files that hold a carriage return apart from a line end, a ragged record that is no trailer, a
record longer than a block, or bytes that are not of the encoding.
"""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.csv as pc

from migration.extract.encodings import Encoding, settle_order
from migration.extract.files import open_stream
from migration.extract.measure import Measurement
from migration.extract.sources import TableSource

if TYPE_CHECKING:
    from migration.extract.delimited import Dialect

PIECE_BYTES, BLOCK_BYTES = 1 << 20, 8 << 20
ASCII = 128


class _OddTextError(ValueError):
    """The file holds what Arrow's parser and the dialect see differently."""


class _Text(io.RawIOBase):
    """The file's text as UTF-8; stops at a carriage return that is not part of a line end."""

    def __init__(self, stream: BinaryIO, encoding: Encoding) -> None:
        self._stream = stream
        codec = encoding.file_codec or encoding.name
        self._decoder = None if codec == "utf-8" else codecs.getincrementaldecoder(codec)()
        self._ready = b""
        self._is_ended = self._has_return = False

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` more bytes; none at the end.

        What is read at once is a block to Arrow, and of a block that ends with a carriage return it takes the line feed
        that begins the next one for the rest of a line end, even within quotes: no block ends so.
        """
        while len(self._ready) <= size and not self._is_ended:
            self._ready += self._next_piece()
        end = size - (size > 1 and self._ready[size - 1 : size] == b"\r")
        data, self._ready = self._ready[:end], self._ready[end:]
        return data

    def _next_piece(self) -> bytes:
        data = self._stream.read(PIECE_BYTES)
        self._is_ended = not data
        text = self._decoder.decode(data, final=not data).encode("utf-8") if self._decoder else data
        returns, line_ends = text.count(b"\r"), text.count(b"\r\n")
        line_ends += self._has_return and text.startswith(b"\n")
        if returns + self._has_return != line_ends + text.endswith(b"\r"):
            raise _OddTextError
        self._has_return = text.endswith(b"\r")
        return text


def measure_quickly(source: TableSource, dialect: "Dialect", path: Path, schema: pa.Schema) -> Measurement | None:
    """What the file's records but header, blank lines and trailer measure; None where this road is not sure of them."""
    if source.is_sampled or len(schema.names) < 2 or not _is_plain(dialect):
        return None
    found = Measurement(schema)
    try:
        encoding = settle_order(source, path, dialect.encoding)
        names = _read_names(source, dialect, path, encoding) if dialect.has_header else schema.names
        with open_stream(source, path) as stream:
            for batch in _read_rows(dialect, _Text(stream, encoding), names):
                order = [names.index(n) for n in schema.names]
                columns = [batch.column(i) for i in order]
                found.add(pa.RecordBatch.from_arrays(columns, schema=schema))
    except (pa.ArrowInvalid, UnicodeError, _OddTextError):
        return None
    return found


def _is_plain(dialect: "Dialect") -> bool:
    """Whether Arrow's parser knows the dialect."""
    marks = [dialect.separator, *dialect.quote]
    is_single = all(len(m) == 1 and ord(m) < ASCII and m not in "\r\n" for m in marks)
    codec = dialect.encoding.file_codec or dialect.encoding.name
    return is_single and not dialect.escape and (bool(dialect.encoding.file_codec) or b"\n".decode(codec) == "\n")


def _read_names(source: TableSource, dialect: "Dialect", path: Path, encoding: Encoding) -> list[str]:
    """The header's names as Arrow reads them."""
    with open_stream(source, path) as stream:
        options = pc.ReadOptions(block_size=PIECE_BYTES)
        with pc.open_csv(_Text(stream, encoding), options, _parse_options(dialect, [])) as reader:
            return [name.strip() for name in reader.schema.names]


def _parse_options(dialect: "Dialect", trailers: list[str]) -> pc.ParseOptions:
    def judge(row: pc.InvalidRow) -> str:
        is_trailer = bool(dialect.trailer) and not trailers and row.text.startswith(dialect.trailer)
        trailers.append(dialect.trailer)
        return "skip" if is_trailer else "error"

    return pc.ParseOptions(
        delimiter=dialect.separator,
        quote_char=dialect.quote or False,
        newlines_in_values=bool(dialect.quote),
        invalid_row_handler=judge,
    )


def _read_rows(dialect: "Dialect", text: _Text, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of text columns; the file's last row is left out where it is a trailer in the shape of a row."""
    places, trailers = [f"c{n}" for n in range(len(names))], list[str]()
    options = pc.ReadOptions(block_size=BLOCK_BYTES, column_names=places)
    convert = pc.ConvertOptions(column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False)
    with pc.open_csv(text, options, _parse_options(dialect, trailers), convert) as reader:
        batches = (b for b in reader if b.num_rows)
        held: pa.RecordBatch | None = None
        for batch in _skip_first(batches) if dialect.has_header else batches:
            if held is not None:
                yield held
            held = batch
        if held is not None and held.num_rows:
            is_trailer = bool(dialect.trailer) and held.column(0)[-1].as_py().startswith(dialect.trailer)
            if is_trailer and trailers:
                raise _OddTextError
            yield held.slice(0, held.num_rows - is_trailer)


def _skip_first(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches without the first row, which is the header."""
    first = next(batches, None)
    if first is not None:
        yield first.slice(1)
        yield from batches
