"""Values as bytes of an EBCDIC mainframe.

Enters: columns of values and the field they fill. Leaves: one row of bytes per value. Must hold: text is padded with
EBCDIC spaces and never overflows its neighbour; numbers are as COBOL stores them. Refuses: a number with more digits
than its picture.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from migration.synthetic.mainframe.layout import HEAD, SEGMENTS, Field, Usage

CODE_PAGE = "cp037"
Rows = NDArray[np.uint8]
POSITIVE, NEGATIVE = "{ABCDEFGHI", "}JKLMNOPQR"
STAND_INS = str.maketrans({"–": "-", "’": "'", "€": "E"})


def encode_text(values: Sequence[str | None], width: int) -> Rows:
    """Texts left-justified and cut to `width`; characters the code page lacks get their usual stand-in."""
    joined = "".join((v or "").translate(STAND_INS)[:width].ljust(width) for v in values)
    return np.frombuffer(joined.encode(CODE_PAGE, errors="replace"), dtype=np.uint8).reshape(len(values), width)


def encode_digits(values: Sequence[int | str | None], width: int) -> Rows:
    """Unsigned zoned decimals; absent is zeros."""
    return encode_text([str(v or 0).zfill(width) for v in values], width)


def encode_signed(values: Sequence[int], width: int) -> Rows:
    """Signed zoned decimals, the sign overpunched on the last digit."""
    texts = [f"{abs(v):0{width}d}" for v in values]
    signs = [(NEGATIVE if v < 0 else POSITIVE)[int(t[-1])] for v, t in zip(values, texts, strict=True)]
    return encode_text([t[:-1] + s for t, s in zip(texts, signs, strict=True)], width)


def encode_packed(values: Sequence[int], digits: int) -> Rows:
    """Packed decimals: two digits a byte, the last nibble C or D."""
    width = digits // 2 + 1
    texts = [f"{abs(v):0{2 * width - 1}d}{'d' if v < 0 else 'c'}" for v in values]
    return np.frombuffer(bytes.fromhex("".join(texts)), dtype=np.uint8).reshape(len(values), width)


def encode_binary(values: Sequence[int], width: int) -> Rows:
    """Unsigned big-endian binary."""
    kind = {2: ">u2", 4: ">u4"}[width]
    return np.array(values, dtype=kind).view(np.uint8).reshape(len(values), width)


def encode_field(field: Field, values: Sequence[Any]) -> Rows:
    """One occurrence of a field for every value."""
    if field.usage is Usage.TEXT:
        return encode_text(values, field.size)
    if field.usage is Usage.DIGITS:
        return encode_digits(values, field.size)
    if field.usage is Usage.SIGNED:
        return encode_signed(values, field.size)
    if field.usage is Usage.PACKED:
        return encode_packed(values, field.size + field.scale)
    return encode_binary(values, field.width)


def encode_segment(segment: str, crime_no: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> list[bytes]:
    """Records of a segment, RDW first. A repeated field takes columns `NAME-1`, `NAME-2`, ...

    A redefined group takes the columns of each reading; `GROUP` says which reading each row has, by index.
    """
    size = len(crime_no)
    parts = [encode_text([segment] * size, HEAD[0].size), encode_text(crime_no, HEAD[1].size)]
    for field in SEGMENTS[segment]:
        if isinstance(field, Field):
            if field.occurs == 1:
                parts.append(encode_field(field, columns[field.name]))
            else:
                names = [f"{field.name}-{i}" for i in range(1, field.occurs + 1)]
                parts.extend(encode_field(field, columns[name]) for name in names)
            continue
        readings = [
            np.hstack([encode_field(f, columns.get(f.name, [None] * size)) for f in fields])
            for _, fields in field.readings
        ]
        which = np.array(columns[field.name], dtype=np.int64)
        parts.append(np.where((which == 0)[:, None], readings[0], readings[1]))
    body = np.hstack(parts)
    length = body.shape[1] + 4
    descriptor = np.tile(np.array([length >> 8, length & 255, 0, 0], dtype=np.uint8), (size, 1))
    whole = np.ascontiguousarray(np.hstack([descriptor, body]))
    return [row.tobytes() for row in whole]
