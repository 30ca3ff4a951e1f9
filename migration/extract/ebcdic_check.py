"""Control totals of mainframe files by another road: plain Python, one record at a time.

Enters: the same files and layout as the reader. Leaves: `ControlTotals`. Must hold: nothing here is shared with the
reader but the layout: records are cut by `struct`, texts decoded by Python's codecs, numbers read from hexadecimal
text.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from migration.extract import ebcdic_kernel as kernel
from migration.extract.copybook import CopybookField, Storage
from migration.extract.files import open_stream
from migration.extract.measure import measure_batches
from migration.extract.sampling import is_in_sample
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals

if TYPE_CHECKING:
    from migration.extract.ebcdic import Layout

BATCH_ROWS = 10_000
SIGNS = {"A": "", "B": "-", "C": "", "D": "-", "E": "", "F": ""}


def measure_ebcdic(source: TableSource, layout: "Layout", files: tuple[Path, ...], schema: pa.Schema) -> ControlTotals:
    """Control totals of the table's records."""
    return measure_batches(_batches(source, layout, files, schema), schema)


def _batches(
    source: TableSource, layout: "Layout", files: tuple[Path, ...], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    rows: list[list[str | None]] = []
    sample_at = schema.names.index(source.table.sample_by) if source.is_sampled else -1
    for row in _rows(source, layout, files):
        if sample_at >= 0 and not is_in_sample(row[sample_at], source.sample_percent):
            continue
        rows.append(row)
        if len(rows) == BATCH_ROWS:
            yield _to_batch(rows, schema)
            rows = []
    if rows:
        yield _to_batch(rows, schema)


def _to_batch(rows: list[list[str | None]], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(c, pa.string()) for c in zip(*rows, strict=True)], schema=schema)


def _rows(source: TableSource, layout: "Layout", files: tuple[Path, ...]) -> Iterator[list[str | None]]:
    ordinal = 0
    for path in files:
        nearest: dict[str, tuple[bytes, int]] = {}
        with open_stream(source, path) as stream:
            for record in _cut(stream, layout):
                ordinal += 1
                segment = (_text(record, layout, layout.segment_field) or "").strip() if layout.segment_field else ""
                nearest[segment] = (record, ordinal)
                if layout.segment_field is None or segment in layout.segments:
                    yield [_column(c, segment, nearest, layout) for c in layout.columns]


def _column(
    column: tuple[str, CopybookField | None, str], own: str, nearest: dict[str, tuple[bytes, int]], layout: "Layout"
) -> str | None:
    _, field, segment = column
    record, ordinal = nearest.get(segment or own, (b"", 0))
    if field is None:
        return str(ordinal) if ordinal else None
    return _text(record, layout, field)


def _cut(stream: BinaryIO, layout: "Layout") -> Iterator[bytes]:
    while True:
        size = layout.size
        if layout.records >= 0:
            word = stream.read(kernel.RDW_BYTES)
            if not word:
                return
            size = struct.unpack(">H", word[:2])[0] - 4 if layout.records == 0 else struct.unpack("<H", word[2:])[0]
        record = stream.read(size)
        if not record:
            return
        yield record


def _text(record: bytes, layout: "Layout", field: CopybookField) -> str | None:
    counter = layout.counter_of(field)
    if counter is not None:
        count = (_text(record, layout, counter) or "").strip()
        if not count.isdigit() or int(count) < field.occurrence:
            return None
    content = record[field.offset : field.offset + field.size]
    if not content or (field.storage is not Storage.TEXT and len(content) < field.size):
        return None
    if field.storage is Storage.TEXT or (field.storage is Storage.ZONED and not (field.is_signed or field.scale)):
        return content.decode(layout.encoding.name)
    if field.storage is Storage.FLOAT:
        sign, exponent = content[0] >> 7, content[0] % 128
        fraction = int(content[1:].hex(), 16) / 16.0 ** (2 * len(content) - 2)
        return repr((-1) ** sign * fraction * 16.0 ** (exponent - 64))
    number = _digits(content, layout, field)
    return f"x'{content.hex().upper()}'" if number is None else _point(number, field.scale)


def _digits(content: bytes, layout: "Layout", field: CopybookField) -> str | None:
    """Sign and digits of a stored number, or None where the bytes are none."""
    if field.storage is Storage.BINARY:
        value = int.from_bytes(content, "big", signed=field.is_signed)
        return f"{'-' if value < 0 else ''}{abs(value)}"
    if field.storage is Storage.PACKED:
        text = content.hex().upper()
        return SIGNS[text[-1]] + text[:-1] if text[:-1].isdigit() and text[-1] in SIGNS else None
    if field.is_sign_separate:
        text = content.decode(layout.encoding.name)
        sign, digits = (text[0], text[1:]) if field.is_sign_leading else (text[-1], text[:-1])
        return sign.replace("+", "") + digits if sign in "+-" and digits.isdigit() else None
    zones, digits = content.hex().upper()[::2], content.hex().upper()[1::2]
    sign, plain = (zones[0], zones[1:]) if field.is_sign_leading else (zones[-1], zones[:-1])
    allowed = SIGNS if field.is_signed else {"F": ""}
    return allowed[sign] + digits if digits.isdigit() and sign in allowed and set(plain) <= {"F"} else None


def _point(number: str, scale: int) -> str:
    """The number without leading zeros, its last `scale` digits behind the point."""
    digits = number.lstrip("-").zfill(scale + 1)
    whole, part = (digits[:-scale], digits[-scale:]) if scale else (digits, "")
    text = (whole.lstrip("0") or "0") + (f".{part}" if part else "")
    return f"-{text}" if number.startswith("-") and digits.strip("0") else text
