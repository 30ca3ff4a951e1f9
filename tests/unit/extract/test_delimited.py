"""Delimited files arrive as stored, and what cannot be read is kept."""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.errors import ConfigError, SourceError
from migration.extract.delimited import DelimitedReader
from migration.extract.measure import measure_batches
from migration.extract.reader import SOURCE_ROW, BadLine
from migration.extract.sources import TableSource
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable


def read(source: TableSource) -> tuple[list[dict[str, object]], list[BadLine]]:
    batches = list(DelimitedReader(source).read_batches())
    rows = [row for b in batches for row in b.rows.to_pylist()]
    return rows, [line for b in batches for line in b.bad_lines]


def write(folder: Path, content: bytes, name: str = "a.txt") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def test_fields_arrive_as_stored_when_quoted_and_broken_over_lines(tmp_path, make_source) -> None:
    content = b'A|B|C\r\n1|"x ""y""\n|z"|\xa3\r\n2|  |\x00\r\n'
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", content), "ABC", separator="|", encoding="cp1252")
    rows, bad = read(source)
    assert rows == [
        {"A": "1", "B": 'x "y"\n|z', "C": "£", SOURCE_ROW: 1},
        {"A": "2", "B": "  ", "C": "\x00", SOURCE_ROW: 2},
    ]
    assert bad == []


def test_empty_and_null_stay_apart_when_one_is_quoted(tmp_path, make_source) -> None:
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", b'A,B\n,""\n'), "AB")
    assert read(source)[0] == [{"A": None, "B": "", SOURCE_ROW: 1}]


def test_null_text_is_null_when_the_pack_names_one(tmp_path, make_source) -> None:
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", b"A,B\n\\N,\n"), "AB", null_text="\\N")
    assert read(source)[0] == [{"A": None, "B": "", SOURCE_ROW: 1}]


def test_escaped_marks_are_data_when_the_pack_names_an_escape(tmp_path, make_source) -> None:
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", b'A,B\na\\,b,"c\\"d"\n'), "AB", escape="\\")
    assert read(source)[0] == [{"A": "a,b", "B": 'c"d', SOURCE_ROW: 1}]


def test_bad_lines_are_kept_with_their_place_when_ragged_or_undecodable(tmp_path, make_source) -> None:
    content = b'A|B\n1|x\n2\n3|\x81\n4|"a"b\n5|y\n'
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", content), "AB", separator="|", encoding="cp1252")
    rows, bad = read(source)
    assert [(r["A"], r[SOURCE_ROW]) for r in rows] == [("1", 1), ("5", 5)]
    assert [(b.reason.value, b.line, b.source_row, b.content) for b in bad] == [
        ("RAGGED", 3, 2, b"2\n"),
        ("UNDECODABLE", 4, 3, b"3|\x81\n"),
        ("BAD_QUOTING", 5, 4, b'4|"a"b\n'),
    ]
    assert all(content[b.byte_offset :].startswith(b.content) for b in bad)


def test_bad_utf8_line_is_kept_when_the_rest_is_utf8(tmp_path, make_source) -> None:
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", "A\né\n".encode() + b"\xff\n"), "A")
    rows, bad = read(source)
    assert [r["A"] for r in rows] == ["é"]
    assert [b.reason.value for b in bad] == ["UNDECODABLE"]


def test_files_are_numbered_through_when_split_and_compressed(tmp_path, make_source) -> None:
    folder = write(tmp_path / "in", b"B,A\n2,1\n\n", "b_part.csv")
    (folder / "c_part.csv.gz").write_bytes(gzip.compress(b"A,B\n5,6\n"))
    write(folder, b"A,B\n0,0", "a_part.csv")
    rows, _ = read(make_source(SourceKind.DELIMITED, folder, "AB", files="*_part.csv*"))
    assert rows == [
        {"A": "0", "B": "0", SOURCE_ROW: 1},
        {"A": "1", "B": "2", SOURCE_ROW: 2},
        {"A": "5", "B": "6", SOURCE_ROW: 3},
    ]


def test_trailer_is_no_row_when_its_count_is_right(tmp_path, make_source) -> None:
    folder = write(tmp_path / "in", b"A,B\n1,2\n#T,1\n")
    assert len(read(make_source(SourceKind.DELIMITED, folder, "AB", trailer="#T"))[0]) == 1


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"A,B\n1,2\n#T,9\n", {"trailer": "#T"}, "its trailer says 9"),
        (b"A,B\n1,2\n", {"trailer": "#T"}, "no trailer"),
        (b'A,B\n1,"2\n3,4\n', {}, "never ends"),
        (b"A,B\n1,2\n3", {}, "stops within the record"),
        (b"", {}, "empty file"),
        (b"A,C\n1,2\n", {}, "missing: B; unknown: C"),
        (b"A,B,A\n1,2,3\n", {}, "there twice: A"),
        (b"\xff\xfeA\x00", {}, "UTF-16"),
        (b"\xef\xbb\xbfA,B\n1,2\n", {"encoding": "cp1252"}, "UTF-8"),
        (b"A,B\n" + "é,1\n".encode() * 20, {"encoding": "cp1252"}, "all of them UTF-8"),
        (b"A,B\n" + b"\xe9,1\n" * 20, {}, "not UTF-8"),
    ],
)
def test_damaged_file_stops_with_one_error_when_read(tmp_path, make_source, content, options, said) -> None:
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", content), "AB", **options)
    with pytest.raises(SourceError, match=said):
        read(source)


def test_cut_off_archive_stops_with_one_error_when_read(tmp_path, make_source) -> None:
    content = gzip.compress(b"A,B\n" + b"1,2\n" * 100_000)[:-100]
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", content, "a.csv.gz"), "AB")
    with pytest.raises(SourceError, match="cannot be read to its end"):
        read(source)


def test_missing_file_stops_with_one_error_when_opened(tmp_path, make_source) -> None:
    with pytest.raises(SourceError, match="no folder"):
        DelimitedReader(make_source(SourceKind.DELIMITED, tmp_path / "gone", "AB"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no file"):
        DelimitedReader(make_source(SourceKind.DELIMITED, tmp_path / "empty", "AB"))


@pytest.mark.parametrize("options", [{"encoding": "rot13"}, {"encoding": "klingon"}, {"quote": "''"}, {"header": 1}])
def test_unusable_option_is_a_settings_error_when_opened(tmp_path, make_source, options) -> None:
    with pytest.raises(ConfigError):
        DelimitedReader(make_source(SourceKind.DELIMITED, write(tmp_path / "in", b"A\n"), "A", **options))


def test_totals_of_both_roads_agree_when_lines_are_in_quarantine(tmp_path, make_source) -> None:
    content = b'A|B\n1|"x\r\ny"\n2\n\n3|\x81\n4|z\rz\n5|\n#T|5\n'
    source = make_source(
        SourceKind.DELIMITED, write(tmp_path / "in", content), "AB", separator="|", encoding="cp1252", trailer="#T"
    )
    totals = DelimitedReader(source).measure_source(frozenset({2, 3}))
    assert totals.rows == 3
    assert [c.non_null for c in totals.columns] == [3, 3]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "shift_jis", "gb18030"])
@pytest.mark.parametrize("size", [7, 1 << 20])
def test_wide_characters_arrive_and_bad_lines_keep_their_bytes(
    tmp_path, make_source, monkeypatch, encoding, size
) -> None:
    """Wherever pieces of the file are cut; offsets are those of the file as it lies."""
    monkeypatch.setattr("migration.extract.delimited.PIECE_BYTES", size)
    content = 'A,B\r\n1,"é\n東,京"\r\n2\r\n3,""\r\n4,\r\n'.replace("é", "カ" if encoding == "shift_jis" else "é")
    raw = content.encode(encoding)
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", raw), "AB", encoding=encoding)
    rows, bad = read(source)
    assert [tuple(r.values()) for r in rows] == [("1", content[8:13], 1), ("3", "", 3), ("4", None, 4)]
    assert [(b.line, b.source_row) for b in bad] == [(4, 2)]
    assert bad[0].content == raw[bad[0].byte_offset :][: len(bad[0].content)]
    assert b"2" in bad[0].content
    assert DelimitedReader(source).measure_source(frozenset({2})).rows == 3


def test_half_a_character_is_kept_as_it_is_in_a_wide_file(tmp_path, make_source) -> None:
    raw = codecs.BOM_UTF16_LE + "A\n1\n".encode("utf-16-le") + b"\x00\xd8\n\x00" + "2\n".encode("utf-16-le")
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", raw), "A", encoding="utf-16")
    rows, bad = read(source)
    assert [r["A"] for r in rows] == ["1", "2"]
    assert [(b.reason.value, b.content) for b in bad] == [("UNDECODABLE", b"\x00\xd8\n\x00")]
    assert raw[bad[0].byte_offset :].startswith(bad[0].content)
    assert DelimitedReader(source).measure_source(frozenset({2})).rows == 2


@pytest.mark.parametrize(
    ("raw", "encoding", "said"),
    [
        ("A\n1\n".encode("utf-16-le"), "utf-16", "no byte order mark"),
        (codecs.BOM_UTF16_BE + "A\n1\n".encode("utf-16-be"), "utf-16-le", "the mark of utf-16-be"),
        ("A\n1\n".encode("utf-16-le") + b"1", "utf-16-le", "no utf-16-le after byte 8"),
        (b"A\x00\x00\x00\xff\xff\xff\xff", "utf-32-le", "no utf-32-le"),
    ],
)
def test_wide_file_in_another_encoding_stops_with_one_error(tmp_path, make_source, raw, encoding, said) -> None:
    source = make_source(SourceKind.DELIMITED, write(tmp_path / "in", raw), "A", encoding=encoding)
    with pytest.raises(SourceError, match=said):
        read(source)


@pytest.mark.parametrize("separator", ["¬", "~|~"])
def test_unusual_separator_splits_fields_when_the_pack_names_it(tmp_path, make_source, separator) -> None:
    folder = write(tmp_path / "in", f"A{separator}B\n1{separator}£\n".encode())
    source = make_source(SourceKind.DELIMITED, folder, "AB", separator=separator, quote="")
    assert read(source)[0] == [{"A": "1", "B": "£", SOURCE_ROW: 1}]
    assert DelimitedReader(source).measure_source(frozenset()).rows == 1


@pytest.mark.parametrize("quote", ['"', "'"])
def test_long_separators_and_other_quotes_are_read_alike_by_both_parsers(tmp_path, make_source, quote) -> None:
    line = '1~|~"a~|~""b""\n\r"~|~\r\n'.replace('"', quote)
    source = make_source(
        SourceKind.DELIMITED, write(tmp_path / "in", f"A~|~B~|~C\n{line}".encode()), "ABC", separator="~|~", quote=quote
    )
    rows, bad = read(source)
    assert (bad, rows) == ([], [{"A": "1", "B": f"a~|~{quote}b{quote}\n\r", "C": None, SOURCE_ROW: 1}])
    batches = (b.rows.select(["A", "B", "C"]) for b in DelimitedReader(source).read_batches())
    filled = (pa.RecordBatch.from_arrays([c.fill_null("") for c in b.columns], b.schema.names) for b in batches)
    reader = DelimitedReader(source)
    assert reader.measure_source(frozenset()) == measure_batches(filled, reader.schema)


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst", "zip"])
def test_every_compression_gives_the_same_rows(tmp_path, make_source, suffix) -> None:
    content, path = b"A,B\n1,2\n" + b"3,4\n" * 5_000, tmp_path / f"a.csv.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", content)
    elif suffix == "zst":
        path.write_bytes(pa.compress(content, "zstd", asbytes=True))
    else:
        path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[suffix].compress(content))
    rows, _ = read(make_source(SourceKind.DELIMITED, tmp_path, "AB"))
    assert (len(rows), rows[0]["A"], rows[-1]["B"]) == (5_001, "1", "4")


FIELD = st.text(st.characters(codec="cp1252"), max_size=12)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=20), size=st.integers(8, 64))
def test_any_text_survives_when_written_by_a_csv_writer(tmp_path_factory, rows, size) -> None:
    """Whatever is in the fields and wherever the pieces of the file are cut."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([("A", "B", "C"), *rows])
    folder = write(tmp_path_factory.mktemp("in"), text.getvalue().encode("cp1252"))
    options = {"encoding": "cp1252", "check_encoding": False}
    system = SourceSystem("legacy", SourceKind.DELIMITED, "", "", options, "OFFICIAL", 1, "", ())
    table = SourceTable("t", (), None, tuple(SourceColumn(c) for c in "ABC"), {}, files="*")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("migration.extract.delimited.PIECE_BYTES", size)
        batches = list(DelimitedReader(TableSource("X", system, table, str(folder))).read_batches())
    found = pa.Table.from_batches([b.rows for b in batches]).drop_columns([SOURCE_ROW])
    assert [tuple(r.values()) for r in found.to_pylist()] == rows
    assert not any(b.bad_lines for b in batches)
