"""What cannot be read is put in quarantine with its place, or stops the run with one error, in every kind of file."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from migration.errors import SourceError
from migration.extract.reader import BadLine
from migration.extract.readers import open_reader
from migration.extract.sources import TableSource
from migration.mapping.model import SourceColumn, SourceKind

PLACED = [SourceColumn("NO", 1, 3), SourceColumn("NAME", 4, 5)]
COPYBOOK = "       01 CASE-RECORD.\n          05 NO PIC X(3).\n          05 NAME PIC X(5).\n"
KINDS = {
    SourceKind.DELIMITED: (["NO", "NAME"], b"NO,NAME\n1,a\n", b"2\n", b"3,c\n", {}),
    SourceKind.FIXED_WIDTH: (PLACED, b"001AAAAA\n", b"002\n", b"003CCCCC\n", {}),
    SourceKind.JSON_LINES: (["NO", "NAME"], b'{"NO": 1}\n', b'{"NO": \n', b'{"NAME": "c"}\n', {}),
}
"""Per kind of file: columns, good beginning, bad record, good end."""


def compress(path: Path, content: bytes) -> None:
    """Write a file as its suffix says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem, content)
    elif path.suffix == ".zst":
        path.write_bytes(pa.compress(content, "zstd", asbytes=True))
    else:
        packers: dict[str, Callable[[bytes], bytes]] = {
            ".gz": gzip.compress,
            ".bz2": bz2.compress,
            ".xz": lzma.compress,
        }
        path.write_bytes(packers.get(path.suffix, bytes)(content))


def read(source: TableSource) -> tuple[int, list[BadLine]]:
    """Rows, and records in quarantine; the proof is taken with them."""
    with open_reader(source) as reader:
        batches = list(reader.read_batches())
        bad = [line for b in batches for line in b.bad_lines]
        rows = sum(b.rows.num_rows for b in batches)
        assert reader.measure_source(frozenset(b.source_row for b in bad)).rows == rows
    return rows, bad


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst", "zip", "txt"])
def test_bad_records_of_split_and_compressed_files_keep_file_line_and_offset(
    tmp_path, make_source, kind, suffix
) -> None:
    """The offset is that in the uncompressed file; rows are numbered through all files."""
    columns, begin, bad, end, options = KINDS[kind]
    contents = {f"a.{suffix}": begin + bad + end, f"b.{suffix}": begin + end, f"c.{suffix}": begin + end + bad + end}
    for name, content in contents.items():
        compress(tmp_path / name, content)
    rows, found = read(make_source(kind, tmp_path, columns, **options))
    header = int(kind is SourceKind.DELIMITED)
    assert rows == 7
    assert [(b.file, b.line, b.source_row) for b in found] == [
        (f"a.{suffix}", 2 + header, 2),
        (f"c.{suffix}", 3 + header, 8),
    ]
    assert [contents[b.file][b.byte_offset :][: len(bad) - 1] for b in found] == [bad[:-1]] * 2
    assert all(b.content.rstrip(b"\n") == bad[:-1] for b in found)


@pytest.mark.parametrize("suffix", ["gz", "zip", "bin"])
def test_bad_records_of_split_and_compressed_mainframe_files_keep_file_and_offset(
    tmp_path, make_source, suffix
) -> None:
    (tmp_path / "book.cpy").write_text(COPYBOOK)
    good, bad = "AAAHELLO".encode("cp037"), "ZZZHELLO".encode("cp037")
    contents = {f"a.{suffix}": good + bad + good, f"b.{suffix}": good * 3 + bad}
    for name, content in contents.items():
        compress(tmp_path / name, content)
    options = {"copybook": "book.cpy", "segment_field": "NO", "segments": ["AAA"]}
    rows, found = read(make_source(SourceKind.EBCDIC, tmp_path, ["NO", "NAME"], files=f"*.{suffix}", **options))
    assert rows == 5
    assert [(b.file, b.source_row, b.byte_offset) for b in found] == [(f"a.{suffix}", 2, 8), (f"b.{suffix}", 7, 24)]
    assert all(b.content == bad for b in found)
    path = tmp_path / f"b.{suffix}"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SourceError, match=rf"file b\.{suffix}"):
        read(make_source(SourceKind.EBCDIC, tmp_path, ["NO", "NAME"], files=f"*.{suffix}", **options))


@pytest.mark.parametrize("kind", [*KINDS, SourceKind.XML])
@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst", "zip"])
def test_archive_that_was_cut_off_stops_with_one_error_in_every_kind(tmp_path, make_source, kind, suffix) -> None:
    columns, begin, _, end, options = KINDS.get(kind, (["NO"], b"<R>", b"", b"<P><NO>1</NO></P>", {"record": "P"}))
    close = b"</R>" if kind is SourceKind.XML else b""
    path = tmp_path / f"a.{suffix}"
    many = b"".join(end.replace(b"1" if close else b"c", str(n % 7).encode()) for n in range(3_000))
    compress(path, begin + many + close)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"file a\..*(cannot be read to its end|does not parse)"):
        read(make_source(kind, tmp_path, columns, **options))


@pytest.mark.parametrize("kind", [SourceKind.DELIMITED, SourceKind.XML, SourceKind.EXCEL, SourceKind.EBCDIC])
def test_empty_file_stops_with_one_error(tmp_path, make_source, kind) -> None:
    (tmp_path / "book.cpy").write_text(COPYBOOK)
    (tmp_path / "a.dat").write_bytes(b"")
    options = {"copybook": "book.cpy", "record": "P"}
    with pytest.raises(SourceError, match=r"file a\.dat"):
        read(make_source(kind, tmp_path, ["NO"], files="*.dat", **options))
