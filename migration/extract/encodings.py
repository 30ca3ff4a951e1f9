"""Character encodings of legacy files, as decoding tables, and the signs that a file is not in the one stated.

Enters: the name of an encoding, or a file. Leaves: per byte its UTF-8 image and width (0 where the byte means
nothing); for encodings of several bytes a character, such as UTF-16, the file's bytes as UTF-8. Must hold: what cannot
be decoded stays recognisable (a lone surrogate, which is no valid UTF-8), and `Encoding.restore` gives the file's own
bytes back. Refuses: unknown names, files that begin with another encoding's mark, UTF-16 without a mark where the pack
does not name the order of bytes, and text that does not survive decoding and encoding again.
"""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from migration.errors import ConfigError, SourceError
from migration.extract.files import read_pieces
from migration.extract.sources import TableSource

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))
WIDE_MARKS = {
    "utf-16": {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"},
    "utf-32": {codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be"},
}
"""The mark at the beginning of a file, and the order of bytes it stands for."""
PIECE_BYTES = 4 << 20
ENOUGH_LINES = 20
"""Lines beyond ASCII after which a file's encoding is judged: fewer may be chance, or text damaged long ago."""


@dataclass(frozen=True)
class Encoding:
    """One encoding, as the readers see a file's bytes.

    Attributes:
        name: of the bytes that a reader gets: UTF-8 where the file is decoded on the way (`file_codec`).
        is_utf8: bytes are kept as they are.
        widths, images: the UTF-8 of each byte.
        file_codec: the file's own encoding, where it takes several bytes for a character; else empty.
    """

    name: str
    is_utf8: bool
    widths: NDArray[np.uint8]
    images: NDArray[np.uint8]
    file_codec: str = ""

    @property
    def errors(self) -> str:
        """How Python's codecs mark what they cannot decode, so that it can be told and written back."""
        return "surrogatepass" if self.file_codec.startswith(("utf-16", "utf-32")) else "surrogateescape"

    def restore(self, content: bytes) -> bytes:
        """The file's own bytes of what a reader got."""
        if not self.file_codec:
            return content
        return content.decode("utf-8", "surrogatepass").encode(self.file_codec, self.errors)

    def measure(self, content: bytes) -> int:
        """Bytes in the file of what a reader got."""
        return len(self.restore(content)) if self.file_codec else len(content)


def load_encoding(source: TableSource, default: str = "utf-8") -> Encoding:
    """The encoding the pack states for a table.

    Raises:
        ConfigError: the name is unknown, or no encoding of text.
    """
    stated = source.text("encoding", default)
    where = f"pack of division {source.division}, source {source.where}, option encoding"
    fix = "Name an encoding of text, such as utf-8, utf-16, cp1252, latin-1, cp037 or cp1146."
    try:
        name = codecs.lookup(stated).name
        "A".encode(name)
    except LookupError as failure:
        raise ConfigError(where, f"unknown encoding {stated}", "an encoding that Python knows", fix) from failure
    widths, images = np.ones(256, np.uint8), np.zeros((256, 4), np.uint8)
    images[:, 0] = np.arange(256)
    if name in ("utf-8", "utf-8-sig", "ascii"):
        widths[128:] = name != "ascii"
        return Encoding("utf-8" if name != "ascii" else "ascii", name != "ascii", widths, images)
    if len(bytes(range(256)).decode(name, "replace")) != 256:
        return Encoding("utf-8", True, widths, images, name)
    for byte in range(256):
        image = bytes([byte]).decode(name, "ignore").encode("utf-8")
        widths[byte] = len(image)
        images[byte, : len(image)] = list(image)
    return Encoding(name, False, widths, images)


def strip_mark(source: TableSource, file: str, encoding: Encoding, data: bytes) -> int:
    """Bytes of the byte order mark at the start of a file: 0 or 3.

    Raises:
        SourceError: the mark is another encoding's.
    """
    for mark, name in BYTE_ORDER_MARKS:
        if not data.startswith(mark):
            continue
        if name == "UTF-8" and encoding.is_utf8:
            return len(mark)
        raise wrong_encoding(source, file, f"a file that begins with the mark of {name}", encoding)
    return 0


def read_text_pieces(source: TableSource, path: Path, size: int, encoding: Encoding) -> Iterator[bytes]:
    """The file's uncompressed bytes in pieces, as UTF-8 where the encoding takes several bytes for a character.

    Raises:
        SourceError: the file is damaged, or not in the stated encoding.
    """
    pieces = read_pieces(source, path, size)
    if not encoding.file_codec:
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding.file_codec)(encoding.errors)
    read, restored = 0, 0
    try:
        for piece in pieces:
            text = decoder.decode(piece).encode("utf-8", "surrogatepass")
            read, restored = read + len(piece), restored + encoding.measure(text)
            if text:
                yield text
        rest = decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeError as failure:
        raise wrong_encoding(
            source, path.name, f"no {encoding.file_codec} after byte {restored}", encoding
        ) from failure
    if rest:
        yield rest
    if read != restored + encoding.measure(rest):
        found = "text that does not survive decoding and encoding again"
        raise wrong_encoding(source, path.name, found, encoding)


def read_lines(source: TableSource, path: Path, encoding: Encoding) -> Iterator[tuple[int, bytes]]:
    """Each line with its offset in the file, without a byte order mark; UTF-8 where the encoding says so.

    The last one is without a line end only if the file is.
    """
    rest, offset = b"", 0
    for piece in read_text_pieces(source, path, PIECE_BYTES, encoding):
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        for line in lines:
            mark = strip_mark(source, path.name, encoding, line) if offset == 0 else 0
            yield offset + encoding.measure(line[:mark]), line[mark:] + b"\n"
            offset += encoding.measure(line + b"\n")
    if rest:
        yield offset, rest


def decode_lines(stream: BinaryIO, encoding: Encoding) -> Iterator[str]:
    """The lines of a file by Python's own text reader, without a mark; what cannot be decoded is let through."""
    codec = encoding.file_codec or encoding.name
    lines = io.TextIOWrapper(stream, codec, errors=encoding.errors, newline="\n")
    yield next(lines, "").removeprefix("\ufeff")
    yield from lines


def settle_order(source: TableSource, path: Path, encoding: Encoding) -> Encoding:
    """The encoding with the order of bytes that the file's mark gives; itself where its name gives it.

    Raises:
        SourceError: there is no mark, or it is another order's.
    """
    marks = WIDE_MARKS.get(encoding.file_codec[:6])
    if marks is None:
        return encoding
    beginning = next(read_pieces(source, path, len(codecs.BOM_UTF32_LE)), b"")
    found = next((codec for mark, codec in marks.items() if beginning.startswith(mark)), None)
    if encoding.file_codec not in marks.values():
        if found is None:
            raise wrong_encoding(source, path.name, "no byte order mark", encoding)
        return replace(encoding, file_codec=found)
    if found not in (None, encoding.file_codec):
        raise wrong_encoding(source, path.name, f"the mark of {found}", encoding)
    return encoding


def wrong_encoding(source: TableSource, file: str, found: str, encoding: Encoding) -> SourceError:
    """The error for a file that is not in the encoding its pack states."""
    return SourceError(
        f"{source.where}, file {file}",
        found,
        f"encoding {encoding.file_codec or encoding.name}",
        "Correct `encoding` in the pack's source (utf-16-le or utf-16-be where the file has no mark).",
    )


class EncodingWatch:
    """Counts a file's lines beyond ASCII and judges at its end whether they can be in the stated encoding.

    A file said to be in a code page whose every such line is well-formed UTF-8 is UTF-8; a file said to be UTF-8 in
    which most such lines are not is in a code page. Either way its text would be damaged without a trace.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.beyond_ascii = 0
        self.well_formed = 0

    @property
    def is_settled(self) -> bool:
        """Whether no further line can change the judgement: a code page with a line that is not UTF-8."""
        return not self.encoding.is_utf8 and self.beyond_ascii > self.well_formed

    def see(self, line: bytes) -> bool:
        """Count one line; returns whether it is well-formed UTF-8."""
        self.beyond_ascii += 1
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return False
        self.well_formed += 1
        return True

    def judge(self, source: TableSource, file: str) -> None:
        """Stop where the lines seen contradict the stated encoding.

        Raises:
            SourceError: with the counts that show it.
        """
        if self.beyond_ascii < ENOUGH_LINES or not source.flag("check_encoding", True):
            return
        bad = self.beyond_ascii - self.well_formed
        if self.encoding.is_utf8 and bad * 2 > self.beyond_ascii:
            found = f"{bad} of {self.beyond_ascii} lines beyond ASCII that are not UTF-8"
            raise wrong_encoding(source, file, found, self.encoding)
        if not self.encoding.is_utf8 and bad == 0:
            raise wrong_encoding(source, file, f"{self.beyond_ascii} lines, all of them UTF-8", self.encoding)
