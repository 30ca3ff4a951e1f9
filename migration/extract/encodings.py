"""Character encodings of legacy files, as decoding tables, and the signs that a file is not in the one stated.

Enters: the name of an encoding, or the beginning of a file. Leaves: per byte its UTF-8 image and width (0 where the
byte means nothing). Refuses: encodings that are neither UTF-8 nor one byte a character, unknown names, and files
that begin with another encoding's mark.
"""

import codecs
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from migration.errors import ConfigError, SourceError
from migration.extract.sources import TableSource

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))
ENOUGH_LINES = 20
"""Lines beyond ASCII after which a file's encoding is judged: fewer may be chance, or text damaged long ago."""


@dataclass(frozen=True)
class Encoding:
    """One encoding. `widths` and `images` hold the UTF-8 of each byte; `is_utf8`: bytes are kept as they are."""

    name: str
    is_utf8: bool
    widths: NDArray[np.uint8]
    images: NDArray[np.uint8]


def load_encoding(source: TableSource, default: str = "utf-8") -> Encoding:
    """The encoding the pack states for a table.

    Raises:
        ConfigError: the name is unknown, or the encoding uses several bytes for a character and is not UTF-8.
    """
    stated = source.text("encoding", default)
    where = f"pack of division {source.division}, source {source.where}, option encoding"
    fix = "Name UTF-8 or a single-byte code page, such as cp1252, latin-1, cp037 or cp1146."
    try:
        name = codecs.lookup(stated).name
    except LookupError as failure:
        raise ConfigError(where, f"unknown encoding {stated}", "an encoding that Python knows", fix) from failure
    widths, images = np.ones(256, np.uint8), np.zeros((256, 4), np.uint8)
    images[:, 0] = np.arange(256)
    if name in ("utf-8", "utf-8-sig", "ascii"):
        widths[128:] = name != "ascii"
        return Encoding("utf-8" if name != "ascii" else "ascii", name != "ascii", widths, images)
    if len(bytes(range(256)).decode(name, "replace")) != 256:
        raise ConfigError(where, f"multi-byte encoding {stated}", "one byte a character, or UTF-8", fix)
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


def wrong_encoding(source: TableSource, file: str, found: str, encoding: Encoding) -> SourceError:
    """The error for a file that is not in the encoding its pack states."""
    return SourceError(
        f"{source.where}, file {file}", found, f"encoding {encoding.name}", "Correct `encoding` in the pack's source."
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
