"""Each road of the proof of delimited files measures what the reader read, whatever lies in the files."""

import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.errors import SourceError
from migration.extract import delimited_check, delimited_quick
from migration.extract.delimited import DelimitedReader
from migration.extract.delimited_check import measure_delimited
from migration.extract.delimited_quick import measure_quickly
from migration.extract.measure import measure_batches
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable

PLAIN = {"quote": "", "separator": "\t"}


def make(folder: Path, columns: str, **options: object) -> TableSource:
    """A source of the files of a folder; one column for each letter."""
    system = SourceSystem("legacy", SourceKind.DELIMITED, "X", "", options, "OFFICIAL", 2, "legacy", ())
    table = SourceTable("crime", (), None, tuple(SourceColumn(c) for c in columns), {}, files="*")
    return TableSource("X", system, table, str(folder))


def read_totals(reader: DelimitedReader) -> tuple[ControlTotals, frozenset[int]]:
    """Totals of what the reader read, and the rows it put in quarantine."""
    batches = list(reader.read_batches())
    names = reader.schema.names
    filled = (
        pa.RecordBatch.from_arrays([b.rows.column(n).fill_null(reader.null_text) for n in names], schema=reader.schema)
        for b in batches
    )
    return measure_batches(filled, reader.schema), frozenset(x.source_row for b in batches for x in b.bad_lines)


def quick_rows(reader: DelimitedReader) -> list[int | None]:
    """Rows that Arrow's parser took of each file, None where the file was left to Python's."""
    found = [measure_quickly(reader.source, reader.dialect, path, reader.schema) for path in reader.files]
    return [None if f is None else f.rows for f in found]


def check_roads(source: TableSource, monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Both roads against the reader; what the quick one took."""
    reader = DelimitedReader(source)
    expected, bad = read_totals(reader)
    assert reader.measure_source(bad) == expected
    with monkeypatch.context() as patch:
        patch.setattr(delimited_check, "measure_quickly", lambda *_: None)
        assert measure_delimited(source, reader.dialect, reader.files, reader.schema, bad) == expected
    return quick_rows(reader)


@pytest.mark.parametrize(
    ("content", "options", "taken"),
    [
        (b'A,B,C\n1,"x ""y""\n\r\nz",\n2,,""\n', {}, 2),
        (b"A,B,C\r\n1,\x00\x01\x1a,\x7f\r\n\r\n2, b ,c", {}, 2),
        (b"\xef\xbb\xbfA,B,C\n1,\xc2\xa3,\xe2\x80\xa8\n", {}, 1),
        (b"\n\nA,B,C\n1,2,3\n".lstrip(b"\n") + b"\n\n4,5,6\n", {}, 2),
        (b" B ,A,C\n1,2,3\n", {}, 1),
        (b'"A","B","C"\n1,\'2,3\n', {}, 1),
        (b"1;2;3\n", {"separator": ";", "header": False}, 1),
        (b"A\tB\tC\n1\t\"2\t'3\n", PLAIN, 1),
        (b"A|B|C\n1|'2|x'|3\n", {"separator": "|", "quote": "'"}, 1),
        (b"A,B,C\n1,\xa3,\x93\n", {"encoding": "cp1252"}, 1),
        ("A,B,C\r\n1,£,\U0001f600\r\n".encode("utf-16"), {"encoding": "utf-16"}, 1),
        ("A,B,C\n1,ß,語\n".encode("shift_jis", "replace"), {"encoding": "shift_jis"}, 1),
        (b"A,B,C\n1,2,3\nTRL,1\n", {"trailer": "TRL"}, 1),
        (b"A,B,C\n1,2,3\nTRL,1,\n", {"trailer": "TRL"}, 1),
        (b"A,B,C\n1,2,3\n", {"trailer": ""}, 1),
        (b"A,B,C\n", {"allow_empty": True}, 0),
        (b"A,B,C\n1,x\ry,3\n", {}, None),
        (b"A,B,C\n1,2\n4,5,6\n", {}, None),
        (b'A,B,C\n1,"2"x,3\n4,5,6\n', {}, 2),
        (b"A,B,C\n1,\xff,3\n4,5,6\n", {}, None),
        (b"A,B,C\n1,\x81,3\n4,5,6\n", {"encoding": "cp1252"}, None),
        (b'A,B,C\n""\n4,5,6\n', {}, None),
        (b"A,B,C\nTRL,1\nTRL,2,\n4,5,6\nTRL,3\n", {"trailer": "TRL", "trailer_rows_field": 0}, None),
        (b"A,B,C\n1\\,2,3,4\n", {"escape": "\\"}, None),
        ("A¬B¬C\n1¬2¬3\n".encode(), {"separator": "¬"}, None),
        (b"A,B,C\n1,\xee\x80\x8d,\xee\x80\x8e\n", {}, 1),
    ],
)
def test_every_road_measures_what_the_reader_read(tmp_path, monkeypatch, content, options, taken) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert check_roads(make(tmp_path, "ABC", **options), monkeypatch) == [taken]


@pytest.mark.parametrize("content", [b"A\n1\n\n2\n", b'A\n1\n""\n2', b"A\r\n1\r\n\r\n"])
def test_blank_lines_of_a_single_column_are_rows_to_both(tmp_path, monkeypatch, content) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert check_roads(make(tmp_path, "A"), monkeypatch) == [None]


def test_files_with_and_without_bad_lines_are_numbered_through(tmp_path, monkeypatch) -> None:
    for name, content in (
        ("1", b"A,B\n1,2\n3,4\n"),
        ("2", b"A,B\n5\n6,7\n"),
        ("3", b'A,B\n8,"9"x\n'),
        ("4", b"A,B\n1,1\n"),
    ):
        (tmp_path / f"{name}.csv").write_bytes(content)
    assert check_roads(make(tmp_path, "AB"), monkeypatch) == [2, None, 1, 1]


def test_record_longer_than_a_block_is_left_to_the_other_road(tmp_path, monkeypatch) -> None:
    (tmp_path / "a.csv").write_bytes(b'A,B\n1,"' + b"x\n" * (5 << 20) + b'"\n')
    assert check_roads(make(tmp_path, "AB"), monkeypatch) == [None]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_records_and_line_ends_that_lie_across_blocks_are_whole(tmp_path, monkeypatch, encoding) -> None:
    monkeypatch.setattr(delimited_quick, "PIECE_BYTES", 97)
    monkeypatch.setattr(delimited_quick, "BLOCK_BYTES", 1_000)
    rows = "".join(f'{n},"{"£" * (n % 40)}""\r\n",\r\n' for n in range(2_000))
    (tmp_path / "a.csv").write_bytes(("A,B,C\r\n" + rows).encode(encoding))
    assert check_roads(make(tmp_path, "ABC", encoding=encoding), monkeypatch) == [2_000]


def test_a_reader_that_swaps_two_values_is_found_out_by_the_quick_road(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes(b"A,B\n1,2\n3,4\n")
    reader = DelimitedReader(make(tmp_path, "AB"))
    swapped = pa.record_batch([["1", "3"], ["4", "2"]], schema=reader.schema)
    assert quick_rows(reader) == [2]
    assert reader.measure_source(frozenset()) != measure_batches(iter([swapped]), reader.schema)


PIECES = st.lists(st.sampled_from(["a", ",", ",", '"', '""', "\n", "\r\n", "\r", "\x00", " ", "£", "\u2028", "T"]))
OPTIONS = st.sampled_from([{}, {"quote": ""}, {"encoding": "cp1252"}, {"encoding": "utf-16-le"}, {"header": False}])


@settings(max_examples=300, deadline=None)
@given(pieces=PIECES, options=OPTIONS, columns=st.sampled_from(["AB", "ABC"]), trailer=st.sampled_from(["", "T"]))
def test_every_road_measures_what_the_reader_read_of_any_text(
    tmp_path_factory, pieces, options, columns, trailer
) -> None:
    """Most of these texts are damaged: what the reader refuses is not compared, what it reads is."""
    folder = tmp_path_factory.mktemp("any")
    header = "" if "header" in options else ",".join(columns) + "\n"
    options = {**options, "trailer": trailer, "trailer_rows_field": 0, "check_encoding": False}
    encoding = options.get("encoding", "utf-8")
    (folder / "a.csv").write_bytes((header + "".join(pieces) + "\n").encode(encoding, "replace"))
    source = make(folder, columns, **options)
    try:
        read_totals(DelimitedReader(source))
    except SourceError:
        return
    with pytest.MonkeyPatch.context() as patch:
        check_roads(source, patch)


FIELD = st.text(st.characters(codec="utf-8"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(FIELD, FIELD), max_size=12), quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_quick_road_measures_any_text_that_a_csv_writer_wrote(tmp_path_factory, rows, quoting) -> None:
    folder = tmp_path_factory.mktemp("written")
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator="\r\n").writerows([("A", "B"), *rows])
    (folder / "a.csv").write_bytes(text.getvalue().encode())
    reader = DelimitedReader(make(folder, "AB"))
    expected, bad = read_totals(reader)
    assert (bad, expected.rows) == (frozenset(), len(rows))
    found = measure_quickly(reader.source, reader.dialect, reader.files[0], reader.schema)
    lone = text.getvalue().replace("\r\n", "").count("\r")
    assert (found is None) == bool(lone)
    assert reader.measure_source(bad) == expected
