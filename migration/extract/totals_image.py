"""Canonical texts of Arrow columns, as the engines' dialects write them, for control totals.

Enters: a column of a batch and its kind. Leaves: `Image`: bytes, offsets and which values are there. Must hold: the
bytes are those of the `image` template of every dialect that measures with the same scheme.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa

from migration.extract import totals_kernel as kernel
from migration.extract.totals import ColumnKind, HashScheme
from migration.lookup3 import Bytes

WORD_DIGITS = 18
"""Most digits of a decimal that one 64-bit word surely holds."""
PLAIN_EXPONENTS = range(-14, 16)
"""Places of the decimal point for which MySQL writes a floating point number without an exponent."""


@dataclass(frozen=True)
class Image:
    """Values of a column as texts: bytes of row `i` are `data[offsets[i]:offsets[i + 1]]`."""

    data: Bytes
    offsets: kernel.Offsets
    valid: kernel.Bools

    def value(self, row: int) -> bytes:
        """The bytes of one row."""
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()


def find_valid(array: pa.Array) -> kernel.Bools:
    """Which values of a column are not NULL."""
    if array.null_count == 0:
        return np.ones(len(array), np.bool_)
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    return np.unpackbits(bits, count=array.offset + len(array), bitorder="little")[array.offset :].astype(np.bool_)


def read_numbers(array: pa.Array) -> "kernel.Ints":
    """Whole numbers, booleans or the bits of floating point numbers as 64 bits; what NULL holds is arbitrary."""
    wide = array if pa.types.is_float64(array.type) else array.cast(pa.int64())
    return np.frombuffer(wide.buffers()[1] or b"", np.int64)[wide.offset : wide.offset + len(wide)]


def read_codes(array: pa.Array) -> kernel.Codes:
    """Places of 32 bits in a list; what NULL holds is arbitrary."""
    return np.frombuffer(array.buffers()[1] or b"", np.int32)[array.offset : array.offset + len(array)]


def read_words(array: pa.Array) -> "kernel.Ints":
    """Decimals as rows of (low, high) words of their unscaled value; what NULL holds is arbitrary."""
    words = np.frombuffer(array.buffers()[1] or b"", np.int64)
    return words[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)


def make_image(array: pa.Array, kind: ColumnKind, scheme: HashScheme) -> Image:
    """The canonical texts of a column."""
    valid = find_valid(array)
    if kind in (ColumnKind.INTEGER, ColumnKind.BOOLEAN):
        return _write_numbers(read_numbers(array), valid, 0)
    if kind is ColumnKind.DECIMAL:
        return _decimal_image(array, valid)
    if kind is ColumnKind.DOUBLE:
        return _double_image(array, valid, scheme)
    if kind in (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.INSTANT):
        plain = array.cast(pa.timestamp("us")) if kind is ColumnKind.INSTANT else array
        return _text_image(plain.cast(pa.string()), valid)
    image = _text_image(array, valid)
    is_hex = kind is ColumnKind.BINARY or scheme is HashScheme.LOOKUP3_HEX
    if not is_hex:
        return image
    offsets, data = kernel.write_hex(image.data, image.offsets)
    return Image(data, offsets, valid)


def _write_numbers(numbers: kernel.Ints, valid: kernel.Bools, scale: int) -> Image:
    offsets, data = kernel.write_numbers(numbers, valid, scale)
    return Image(data, offsets, valid)


def _decimal_image(array: pa.Array, valid: kernel.Bools) -> Image:
    if 0 <= array.type.scale <= array.type.precision <= WORD_DIGITS:
        return _write_numbers(np.ascontiguousarray(read_words(array)[:, 0]), valid, array.type.scale)
    texts = [None if v is None else f"{v:f}" for v in array.to_pylist()]
    return _text_image(pa.array(texts, pa.string()), valid)


def _double_image(array: pa.Array, valid: kernel.Bools, scheme: HashScheme) -> Image:
    if scheme is HashScheme.CRC32:
        texts = [None if v is None else write_as_mysql(v) for v in array.to_pylist()]
        return _text_image(pa.array(texts, pa.string()), valid)
    bits = read_numbers(array).astype(">i8").view(np.uint8)
    offsets, data = kernel.write_hex(bits, np.arange(0, 8 * len(array) + 1, 8, dtype=np.int32))
    return Image(data, offsets, valid)


def write_as_mysql(value: float) -> str:
    """A floating point number as MySQL casts it to text: the fewest digits that read back as the same number."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    point = len(digits) + int(exponent)
    text = "".join(map(str, digits))
    minus = "-" if sign else ""
    if value == 0:
        return f"{minus}0"
    if point not in PLAIN_EXPONENTS:
        rest = f".{text[1:]}" if len(text) > 1 else ""
        return f"{minus}{text[0]}{rest}e{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    padded = text.ljust(point, "0")
    rest = f".{padded[point:]}" if len(padded) > point else ""
    return f"{minus}{padded[:point]}{rest}"


def _text_image(array: pa.Array, valid: kernel.Bools) -> Image:
    """The bytes of a text or binary column as they are."""
    if pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type):
        array = array.cast(pa.binary())
    _, offsets, data = array.buffers()
    found = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    return Image(np.frombuffer(data or b"", np.uint8), found, valid)


def join_rows(images: Sequence[Image]) -> Image:
    """The text of each row: each value with its length, NULL as `~`."""
    rows = len(images[0].valid)
    sizes = np.zeros(rows, np.int64)
    for image in images:
        sizes += kernel.measure_values(image.offsets, image.valid)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    data, ends = np.empty(starts[-1], np.uint8), starts[:-1].copy()
    for image in images:
        kernel.append_values(data, ends, image.data, image.offsets, image.valid)
    return Image(data, starts.astype(np.int32), np.ones(rows, np.bool_))
