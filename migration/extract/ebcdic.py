"""Mainframe files: fixed records or records with descriptor words, laid out by a COBOL copybook.

Enters: a table's files, a copybook and, for files of several segments, the segments that are the table's. Leaves:
batches of text columns: characters decoded by code page with their padding, numbers as canonical text, bytes that
are no number as hexadecimal, fields beyond a record's end or its counted repetitions as NULL. Must hold: rows, bad
lines and the records of other segments are all records. Refuses: a file that ends inside a record, an impossible
descriptor word, a column that the copybook does not have.

Options: `copybook` (file in the location's folder), `encoding` ("cp037"), `records` ("fixed", "rdw", "rdw_little"),
`segment_field` ("": field that names a record's segment), `segments` (values that are the table's; default its
name), `segments_ignored` (values that are no table's: headers, trailers), `trailer_field` (field of the last record
with the count of the others that are not ignored).

A column is a field of the copybook by path (`COMPANY.TAXPAYER`, `ACCOUNT[2].TYPE`) or, where it is the only one, by
its own name (`TAXPAYER`, `MARKER_2` for `MARKER[2]`; `_` may stand for `-`). A column with the options `segment`
and `field` is the value (`#`: the ordinal) in the nearest record of that segment before it, which ties children to
their parents.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from migration.errors import ConfigError, SourceError
from migration.extract import ebcdic_kernel as kernel
from migration.extract.copybook import CopybookField, Storage, parse_copybook, record_size
from migration.extract.delimited_kernel import gather_column
from migration.extract.ebcdic_check import measure_ebcdic
from migration.extract.encodings import Encoding, load_encoding
from migration.extract.files import describe_files, find_files, read_pieces
from migration.extract.reader import BadLine, BadLineReason, RawBatch, add_source_row
from migration.extract.sampling import keep_sampled
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals
from migration.layers import hash_file
from migration.mapping.model import SourceColumn, SourceTable

PIECE_BYTES = 8 << 20
RECORD_KINDS = {"fixed": -1, "rdw": kernel.RDW_BIG, "rdw_little": kernel.RDW_LITTLE}
STORAGES = {Storage.PACKED: kernel.PACKED, Storage.ZONED: kernel.ZONED, Storage.BINARY: kernel.BINARY}
ORDINAL = "#"
NO_NULL_TOKEN = np.zeros(1 << 16, np.uint8)
"""Longer than any field, so no text counts as NULL."""


@dataclass(frozen=True)
class Layout:
    """What a pack says of a mainframe file, checked against its copybook.

    Attributes:
        columns: per column its copybook field (None: an ordinal) and the segment it is carried from ("": its own).
    """

    fields: dict[str, CopybookField]
    columns: tuple[tuple[str, CopybookField | None, str], ...]
    encoding: Encoding
    records: int
    size: int
    segment_field: CopybookField | None
    segments: frozenset[str]
    claimed: frozenset[str]
    ignored: frozenset[str]
    trailer_field: CopybookField | None
    is_first: bool

    def counter_of(self, field: CopybookField) -> CopybookField | None:
        """The field that counts the repetitions `field` belongs to."""
        if not field.depends_on:
            return None
        return next(f for f in self.fields.values() if f.path.split(".")[-1] == field.depends_on)


def load_layout(source: TableSource) -> Layout:
    """The layout the pack states.

    Raises:
        ConfigError: the copybook is missing or cannot be understood, or a column or segment field is not in it.
    """
    path = Path(source.location) / source.text("copybook", "")
    where = f"pack of division {source.division}, source {source.where}"
    if not path.is_file():
        raise ConfigError(
            where, f"no copybook {path.name or '(none)'}", "the file's copybook", "Name it in `copybook`."
        )
    parsed = parse_copybook(path.read_text(encoding="latin-1"), path.name)
    fields = {f.path: f for f in parsed}
    kind = source.text("records", "fixed")
    if kind not in RECORD_KINDS:
        raise ConfigError(f"{where}, option records", kind, " or ".join(RECORD_KINDS), "Correct the option.")
    segment = source.text("segment_field", "")
    columns = tuple(_plan_column(c, fields, where) for c in source.table.columns)
    encoding = load_encoding(source, "cp037")
    if encoding.is_utf8 or not encoding.widths.all():
        found = f"{encoding.file_codec or encoding.name}, in which some bytes are no character of their own"
        raise ConfigError(f"{where}, option encoding", found, "a page with a character for each byte", "Name cp037.")
    siblings = [t for t in source.system.tables if t.files == source.table.files] or [source.table]
    claimed = frozenset(s for t in siblings for s in _segments_of(source, t))
    ignored = frozenset(_segments(source.option("segments_ignored")))
    trailer = source.text("trailer_field", "")
    return Layout(
        fields=fields,
        columns=columns,
        encoding=encoding,
        records=RECORD_KINDS[kind],
        size=record_size(parsed),
        segment_field=_find(fields, segment, where) if segment else None,
        segments=frozenset(_segments_of(source, source.table)),
        claimed=claimed | ignored,
        ignored=ignored,
        trailer_field=_find(fields, trailer, where) if trailer else None,
        is_first=siblings[0].name == source.table.name,
    )


def _segments(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list | tuple) else []


def _segments_of(source: TableSource, table: SourceTable) -> list[str]:
    stated = table.options.get("segments", source.system.options.get("segments"))
    return _segments(stated) or [table.name]


def _find(fields: dict[str, CopybookField], name: str, where: str) -> CopybookField:
    """The field of a path, or the only one of a name."""
    if name in fields:
        return fields[name]
    found = [f for path, f in fields.items() if _plain(name) in (_plain(path), _plain(path.rpartition(".")[2]))]
    if len(found) != 1:
        what = "does not have" if not found else f"has {len(found)} times"
        known = ", ".join(list(fields)[:40])
        raise ConfigError(where, f"field {name}, which the copybook {what}", f"one of {known}", "Correct it.")
    return found[0]


def _plain(name: str) -> str:
    return name.upper().replace("-", "_").replace("[", "_").replace("]", "")


def _plan_column(
    column: SourceColumn, fields: dict[str, CopybookField], where: str
) -> tuple[str, CopybookField | None, str]:
    path, segment = str(column.options.get("field", column.name)), str(column.options.get("segment", ""))
    return column.name, None if path == ORDINAL else _find(fields, path, where), segment


@dataclass(frozen=True)
class Records:
    """The records of a piece: `data`, where each begins and ends, its ordinal, and its place in the file."""

    data: kernel.Bytes
    starts: kernel.Ints
    ends: kernel.Ints
    ordinals: kernel.Ints
    offset: int

    def take(self, chosen: NDArray[np.bool_] | kernel.Ints) -> "Records":
        """Some of the records."""
        return Records(self.data, self.starts[chosen], self.ends[chosen], self.ordinals[chosen], self.offset)

    def content(self, record: int) -> bytes:
        """The bytes of one record."""
        return self.data[self.starts[record] : self.ends[record]].tobytes()


def decode_field(records: Records, layout: Layout, field: CopybookField) -> pa.Array:
    """The field's text in each record; NULL where the record ends before it or counts fewer repetitions."""
    begins = records.starts + field.offset
    valid = begins < records.ends if field.storage is Storage.TEXT else begins + field.size <= records.ends
    counter = layout.counter_of(field)
    if counter is not None:
        valid &= _decode_count(records, layout, counter) >= field.occurrence
    nulls = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if field.storage is Storage.FLOAT:
        return pa.array(_decode_floats(records.data, begins, valid, field.size), pa.string())
    if is_character(field):
        ends = np.where(valid, np.minimum(begins + field.size, records.ends), begins)
        offsets, data = _gather_text(records.data, begins, ends, layout.encoding)
    else:
        signs = (field.is_signed, field.is_sign_leading, field.is_sign_separate)
        storage = STORAGES[field.storage]
        offsets, data = kernel.write_numbers(records.data, begins, valid, field.size, storage, field.scale, signs)
    return pa.StringArray.from_buffers(len(valid), pa.py_buffer(offsets), pa.py_buffer(data), nulls)


def _is_one_of(names: pa.Array, wanted: frozenset[str]) -> NDArray[np.bool_]:
    """Which of the texts are wanted; NULL is not."""
    found: NDArray[np.bool_] = pc.is_in(names, pa.array(sorted(wanted), pa.string())).to_numpy(zero_copy_only=False)
    return found


def is_character(field: CopybookField) -> bool:
    """Whether a field's bytes are characters: texts, and unsigned whole numbers, whose leading zeros are kept."""
    return field.storage is Storage.TEXT or (
        field.storage is Storage.ZONED and not field.is_signed and field.scale == 0
    )


def _gather_text(
    data: kernel.Bytes, begins: kernel.Ints, ends: kernel.Ints, encoding: Encoding
) -> tuple[object, object]:
    plain = np.zeros(len(begins), np.uint8)
    offsets, out, _ = gather_column(data, begins, ends, plain, -1, -1, NO_NULL_TOKEN, encoding.widths, encoding.images)
    return offsets, out


def _decode_count(records: Records, layout: Layout, counter: CopybookField) -> kernel.Ints:
    texts = decode_field(records, layout, counter).to_pylist()
    return np.array([int(t) if t is not None and t.strip().isdigit() else 0 for t in texts], np.int64)


def _decode_floats(data: kernel.Bytes, begins: kernel.Ints, valid: NDArray[np.bool_], size: int) -> list[str | None]:
    """Hexadecimal floating point (COMP-1, COMP-2) as the shortest text of the nearest double."""
    return [
        decode_hexadecimal_float(data[b : b + size].tobytes()) if v else None
        for b, v in zip(begins, valid, strict=True)
    ]


def decode_hexadecimal_float(content: bytes) -> str:
    """A mainframe floating point number as text. Source: z/Architecture, hexadecimal-floating-point format."""
    fraction = int.from_bytes(content[1:], "big")
    exponent = (content[0] & 0x7F) - 64 - 2 * (len(content) - 1)
    value = float(fraction) * 16.0**exponent
    return repr(-value if content[0] & 0x80 else value)


class EbcdicReader:
    """Reads one table from mainframe files, in order of their names."""

    def __init__(self, source: TableSource) -> None:
        self.source = source
        self.layout = load_layout(source)
        self.files = find_files(source)
        self.schema = pa.schema([pa.field(name, pa.string()) for name in source.table.column_names])
        self.null_text: str | None = None

    def read_batches(self) -> Iterator[RawBatch]:
        """Batches of the table's records, in the order of the files."""
        ordinal = 0
        for path in self.files:
            carried: dict[str, tuple[bytes, int]] = {}
            counted, last = 0, None
            for records in self._read_records(path, ordinal):
                ordinal, last = int(records.ordinals[-1]), records.take(np.array([-1]))
                counted += self._count_unignored(records)
                yield self._build_batch(path, records, carried)
            self._check_trailer(path, last, counted)

    def _count_unignored(self, records: Records) -> int:
        if self.layout.trailer_field is None or self.layout.segment_field is None:
            return 0
        names = pc.utf8_trim_whitespace(decode_field(records, self.layout, self.layout.segment_field))
        return int((~_is_one_of(names, self.layout.ignored)).sum())

    def _check_trailer(self, path: Path, last: Records | None, counted: int) -> None:
        """Stop where the last record does not say how many came before it."""
        if self.layout.trailer_field is None or last is None:
            return
        text = (decode_field(last, self.layout, self.layout.trailer_field)[0].as_py() or "").strip()
        if self._count_unignored(last) or not text.isdigit() or int(text) != counted:
            raise self._damaged(path, f"{counted} records that the last one does not confirm")

    def _read_records(self, path: Path, before: int) -> Iterator[Records]:
        rest, offset = b"", 0
        for piece in read_pieces(self.source, path, PIECE_BYTES):
            data = rest + piece
            view = np.frombuffer(data, np.uint8)
            starts, ends, used, is_broken = self._scan(view)
            if is_broken:
                raise self._damaged(path, f"an impossible record descriptor word at byte {offset + used}")
            if len(starts):
                yield Records(view, starts, ends, before + 1 + np.arange(len(starts)), offset)
            before += len(starts)
            rest, offset = data[used:], offset + used
        if rest:
            raise self._damaged(path, f"{len(rest)} bytes of an unfinished record at byte {offset}")
        if offset == 0:
            raise self._damaged(path, "an empty file")

    def _scan(self, view: kernel.Bytes) -> tuple[kernel.Ints, kernel.Ints, int, bool]:
        if self.layout.records >= 0:
            starts, ends, used, is_broken = kernel.scan_rdw(view, self.layout.records, len(view) // kernel.RDW_BYTES)
            return starts, ends, int(used), bool(is_broken)
        size = self.layout.size
        starts = np.arange(len(view) // size, dtype=np.int64) * size
        return starts, starts + size, len(starts) * size, False

    def _damaged(self, path: Path, found: str) -> SourceError:
        fix = "Transfer the file again in binary, with its descriptor words; compare `records` and the copybook."
        return SourceError(f"{self.source.where}, file {path.name}", found, "complete records of the copybook", fix)

    def _build_batch(self, path: Path, records: Records, carried: dict[str, tuple[bytes, int]]) -> RawBatch:
        if self.layout.segment_field is None:
            return self._to_batch(records, records, {}, ())
        names = pc.utf8_trim_whitespace(decode_field(records, self.layout, self.layout.segment_field))
        is_own = _is_one_of(names, self.layout.segments)
        bad = ~_is_one_of(names, self.layout.claimed) & self.layout.is_first
        bad_lines = tuple(self._unknown(path, records, int(r)) for r in np.flatnonzero(bad))
        parents = {}
        for segment in sorted({s for _, _, s in self.layout.columns if s}):
            parents[segment] = self._find_parents(records, names, is_own, segment, carried)
        return self._to_batch(records, records.take(is_own), parents, bad_lines)

    def _find_parents(
        self,
        records: Records,
        names: pa.Array,
        is_own: NDArray[np.bool_],
        segment: str,
        carried: dict[str, tuple[bytes, int]],
    ) -> Records:
        """For each of the table's records, the nearest record of `segment` before it, also from an earlier piece."""
        content, ordinal = carried.get(segment, (b"", 0))
        joined = np.concatenate([records.data, np.frombuffer(content, np.uint8)])
        is_parent = _is_one_of(names, frozenset({segment}))
        nearest = np.maximum.accumulate(np.where(is_parent, np.arange(len(names)), -1))
        starts = np.append(records.starts, len(records.data))
        ends = np.append(records.ends, len(joined))
        ordinals = np.append(records.ordinals, ordinal)
        if is_parent.any():
            last = int(np.flatnonzero(is_parent)[-1])
            carried[segment] = (records.content(last), int(records.ordinals[last]))
        chosen = nearest[is_own]
        return Records(joined, starts[chosen], ends[chosen], ordinals[chosen], records.offset)

    def _unknown(self, path: Path, records: Records, record: int) -> BadLine:
        ordinal = int(records.ordinals[record])
        begin = records.offset + int(records.starts[record])
        return BadLine(path.name, ordinal, begin, ordinal, BadLineReason.UNKNOWN_SEGMENT, records.content(record))

    def _to_batch(
        self, every: Records, own: Records, parents: dict[str, Records], bad_lines: tuple[BadLine, ...]
    ) -> RawBatch:
        arrays = []
        for _, field, segment in self.layout.columns:
            records = parents[segment] if segment else own
            if field is None:
                arrays.append(pa.array([str(n) if n else None for n in records.ordinals], pa.string()))
            else:
                arrays.append(decode_field(records, self.layout, field))
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return RawBatch(keep_sampled(self.source, add_source_row(batch, own.ordinals)), bad_lines)

    def measure_source(self, quarantined: frozenset[int]) -> ControlTotals:
        """Totals by plain Python over the same bytes."""
        return measure_ebcdic(self.source, self.layout, self.files, self.schema)

    def describe(self) -> dict[str, object]:
        """Files and copybook with their SHA-256, and when the files were written."""
        copybook = Path(self.source.location) / self.source.text("copybook", "")
        return {**describe_files(self.files), "copybook": hash_file(copybook)}
