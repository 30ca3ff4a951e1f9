"""Numbers of mainframe fields by arithmetic, a column at once, for the check of the mainframe reader.

Enters: the bytes of a field in each record. Leaves: its canonical text. Must hold: no code is shared with
`ebcdic_kernel`: digits are multiplied into integers, and Arrow prints them. Where an integer of 64 bits is too small,
or a scale too large for plain notation, and for bytes that are no number, Python does it value by value. Source: IBM
z/Architecture Principles of Operation, decimal, binary and hexadecimal-floating-point formats.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from migration.extract.copybook import CopybookField, Storage

MOST_DIGITS = 18
MOST_SCALE = 6
"""Arrow writes decimals with more places by powers of ten."""
BINARY_BYTES = 8
FIRST_SIGN, POSITIVE_ZONE = 0xA, 0xF
MINUS_SIGNS = (0xB, 0xD)
LOW_HALF = np.uint8(15)
Cells = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def read_numbers(cells: Cells, valid: Mask, field: CopybookField, encoding: str) -> pa.Array:
    """The field's numbers as canonical text, hexadecimal where the bytes are none, NULL where not `valid`."""
    if field.storage is Storage.FLOAT:
        return _read_floats(cells, valid)
    if field.storage is Storage.BINARY:
        texts, good = _print(_read_binary(cells, field), field.scale), np.ones(len(cells), np.bool_)
    else:
        is_packed = field.storage is Storage.PACKED
        digits, is_negative, good = _read_packed(cells) if is_packed else _read_zoned(cells, field, encoding)
        texts = _print(_multiply(digits, is_negative, good), field.scale)
    if not good.all():
        bad = ~good & valid
        shown = [f"x'{row.tobytes().hex().upper()}'" if b else None for row, b in zip(cells, bad, strict=True)]
        texts = pc.if_else(pa.array(good), texts, pa.array(shown, pa.string()))
    return texts if valid.all() else pc.if_else(pa.array(valid), texts, None)


def _read_packed(cells: Cells) -> tuple[Cells, Mask, Mask]:
    """Digits, whether negative, and whether the bytes are a packed number at all."""
    nibbles = np.stack([cells >> 4, cells & 15], axis=2).reshape(len(cells), -1)
    digits, sign = nibbles[:, :-1], nibbles[:, -1]
    return digits, np.isin(sign, MINUS_SIGNS), (digits <= 9).all(axis=1) & (sign >= FIRST_SIGN)


def _read_zoned(cells: Cells, field: CopybookField, encoding: str) -> tuple[Cells, Mask, Mask]:
    """The same of a zoned number, its sign overpunched or a character of its own."""
    place = 0 if field.is_sign_leading else cells.shape[1] - 1
    sign, plain = cells[:, place], np.delete(cells, place, axis=1)
    good = ((plain >> 4) == POSITIVE_ZONE).all(axis=1) & ((plain & 15) <= 9).all(axis=1)
    if field.is_sign_separate:
        plus, minus = (np.uint8(c.encode(encoding)[0]) for c in "+-")
        return plain & LOW_HALF, sign == minus, good & ((sign == minus) | (sign == plus))
    zone = sign >> 4
    good &= ((sign & 15) <= 9) & ((zone >= FIRST_SIGN) if field.is_signed else (zone == POSITIVE_ZONE))
    return cells & LOW_HALF, np.isin(zone, MINUS_SIGNS), good


def _multiply(digits: Cells, is_negative: Mask, good: Mask) -> NDArray[np.generic]:
    """The integers that rows of digits stand for; 0 where they are none."""
    width = digits.shape[1]
    if width > MOST_DIGITS:
        texts = ["".join(map(str, row)) if ok else "0" for row, ok in zip(digits.tolist(), good, strict=True)]
        return np.array([-int(t) if n else int(t) for t, n in zip(texts, is_negative, strict=True)], object)
    total = np.zeros(len(digits), np.int64)
    for place in range(width):
        total = total * 10 + digits[:, place]
    return np.where(good, np.where(is_negative, -total, total), 0)


def _read_binary(cells: Cells, field: CopybookField) -> NDArray[np.generic]:
    """The integers of big-endian bytes, in two's complement where the field is signed."""
    wide = np.zeros((len(cells), BINARY_BYTES), np.uint8)
    wide[:, : cells.shape[1]] = cells
    kind = ">i8" if field.is_signed else ">u8"
    values = wide.view(kind)[:, 0].astype(kind[1:])
    shifted: NDArray[np.generic] = values >> np.array(8 * (BINARY_BYTES - cells.shape[1]), values.dtype)
    return shifted


def _print(values: NDArray[np.generic], scale: int) -> pa.Array:
    """Integers as text with `scale` places behind the point."""
    if scale == 0 and values.dtype != object:
        return pc.cast(pa.array(values), pa.string())
    if values.dtype == np.int64 and scale <= MOST_SCALE:
        halves = np.stack([values, values >> 63], axis=1)  # type: ignore[operator]
        kind = pa.decimal128(MOST_DIGITS + 1, scale)
        return pc.cast(pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(halves)]), pa.string())
    return pa.array([_point(int(v), scale) for v in values], pa.string())


def _point(value: int, scale: int) -> str:
    digits = str(abs(value)).zfill(scale + 1)
    text = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{text}" if value < 0 else text


def _read_floats(cells: Cells, valid: Mask) -> pa.Array:
    """Hexadecimal floating point: the shortest text of the nearest double."""
    width = cells.shape[1] - 1
    wide = np.zeros((len(cells), BINARY_BYTES), np.uint8)
    wide[:, BINARY_BYTES - width :] = cells[:, 1:]
    fraction = wide.view(">u8")[:, 0].astype(np.float64) / 16.0 ** (2 * width)
    values = np.ldexp(fraction, 4 * ((cells[:, 0].astype(np.int64) & 127) - 64))
    signed = np.where(cells[:, 0] > 127, -values, values)
    return pa.array([repr(v) if ok else None for v, ok in zip(signed.tolist(), valid, strict=True)], pa.string())
