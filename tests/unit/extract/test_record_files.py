"""Fixed width, JSON Lines, XML and Excel arrive as stored, by two parsers that agree."""

import gzip

import openpyxl
import pyarrow as pa
import pytest

from migration.errors import ConfigError, SourceError
from migration.extract.measure import measure_batches
from migration.extract.reader import SOURCE_ROW
from migration.extract.readers import open_reader
from migration.mapping.model import SourceColumn, SourceKind


def read(source):
    with open_reader(source) as reader:
        batches = list(reader.read_batches())
        rows = pa.Table.from_batches([b.rows for b in batches])
        bad = [line for b in batches for line in b.bad_lines]
        totals = measure_batches(iter(rows.select(reader.schema.names).to_batches()), reader.schema)
        assert reader.measure_source(frozenset(b.source_row for b in bad)) == totals
        return rows.to_pylist(), bad


PLACED = [SourceColumn("NO", 1, 3), SourceColumn("NAME", 4, 5)]


def test_fixed_width_keeps_padding_and_quarantines_short_lines(tmp_path, make_source) -> None:
    content = b"HEADER\r\n001A \xa3  \r\n\r\n002\r\n003\x81xxxx\r\n004BBBBB\r\nTOTAL 4\r\n"
    (tmp_path / "a.txt").write_bytes(content)
    options = {"encoding": "cp1252", "header_lines": 1, "footer_lines": 1}
    rows, bad = read(make_source(SourceKind.FIXED_WIDTH, tmp_path, PLACED, files="*.txt", **options))
    assert rows == [{"NO": "001", "NAME": "A £  ", SOURCE_ROW: 1}, {"NO": "004", "NAME": "BBBBB", SOURCE_ROW: 4}]
    assert [(b.reason.value, b.line, b.source_row) for b in bad] == [("BAD_LENGTH", 4, 2), ("UNDECODABLE", 5, 3)]
    assert all(content[b.byte_offset :].startswith(b.content) for b in bad)


def test_fixed_width_stops_when_cut_off_or_without_places(tmp_path, make_source) -> None:
    (tmp_path / "a.txt").write_bytes(b"001AAAAA\n002A")
    with pytest.raises(SourceError, match="stops within the record"):
        read(make_source(SourceKind.FIXED_WIDTH, tmp_path, PLACED, files="*.txt"))
    with pytest.raises(ConfigError, match="no place"):
        read(make_source(SourceKind.FIXED_WIDTH, tmp_path, ["NO"], files="*.txt"))


def test_json_lines_keep_the_digits_of_numbers_and_quarantine_bad_lines(tmp_path, make_source) -> None:
    lines = (
        b'{"id": 1.10, "who": {"name": "\\u00e9"}, "tags": [1, "a"], "ok": true}\n\nnot json\n{"id": null, "who": {}}\n'
    )
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    columns = ["id", SourceColumn("name", options={"path": "who.name"}), "tags", "ok"]
    rows, bad = read(make_source(SourceKind.JSON_LINES, tmp_path, columns))
    assert rows == [
        {"id": "1.10", "name": "é", "tags": '[1,"a"]', "ok": "true", SOURCE_ROW: 1},
        {"id": None, "name": None, "tags": None, "ok": None, SOURCE_ROW: 3},
    ]
    assert [(b.line, b.content) for b in bad] == [(3, b"not json")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-be"])
def test_lines_of_wide_characters_are_read_and_bad_ones_keep_their_bytes(tmp_path, make_source, encoding) -> None:
    fixed = "001é東  \r\n002\r\n003BBBBB\r\n".encode(encoding)
    (tmp_path / "a.txt").write_bytes(fixed)
    rows, bad = read(make_source(SourceKind.FIXED_WIDTH, tmp_path, PLACED[:1], files="*.txt", encoding=encoding))
    assert [r["NO"] for r in rows] == ["001", "002", "003"]
    places = [PLACED[0], SourceColumn("NAME", 4, 4)]
    rows, bad = read(make_source(SourceKind.FIXED_WIDTH, tmp_path, places, files="*.txt", encoding=encoding))
    assert [r["NAME"] for r in rows] == ["é東  ", "BBBB"]
    assert [fixed[b.byte_offset :].startswith(b.content) for b in bad] == [True]
    lines = '{"id": "é"}\n{"id": \n{"id": "\\ud800"}\n'.encode(encoding)
    (tmp_path / "a.jsonl").write_bytes(lines)
    rows, bad = read(make_source(SourceKind.JSON_LINES, tmp_path, ["id"], files="*.jsonl", encoding=encoding))
    assert [r["id"] for r in rows] == ["é"]
    assert [(b.reason.value, b.line) for b in bad] == [("BAD_SYNTAX", 2), ("UNDECODABLE", 3)]
    assert all(lines[b.byte_offset :].startswith(b.content) for b in bad)


def test_json_lines_stop_at_an_unknown_field(tmp_path, make_source) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "1", "extra": "x"}\n')
    with pytest.raises(SourceError, match="extra"):
        read(make_source(SourceKind.JSON_LINES, tmp_path, ["id"]))


DOCUMENT = """<?xml version="1.0" encoding="{encoding}"?>
<R><Head/><List>
<P id="7"><Name>A &amp; £</Name><Geo><E>1.0</E></Geo><Empty/></P>
<P id="8"><Name>B</Name><Geo/></P>
</List></R>"""
XML_COLUMNS = [
    SourceColumn("id", options={"path": "@id"}),
    SourceColumn("name", options={"path": "Name"}),
    SourceColumn("e", options={"path": "Geo/E"}),
    "Empty",
    "Geo",
]


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_xml_tells_empty_from_absent(tmp_path, make_source, encoding) -> None:
    (tmp_path / "a.xml").write_bytes(DOCUMENT.format(encoding=encoding).encode(encoding))
    columns = XML_COLUMNS[:4]
    source = make_source(SourceKind.XML, tmp_path, [*columns, SourceColumn("geo", options={"path": "Geo"})], record="P")
    with open_reader(source) as reader:
        rows = [r for b in reader.read_batches() for r in b.rows.to_pylist()]
    assert rows[0] == {"id": "7", "name": "A & £", "e": "1.0", "Empty": "", "geo": None, SOURCE_ROW: 1}
    assert rows[1] == {"id": "8", "name": "B", "e": None, "Empty": None, "geo": "", SOURCE_ROW: 2}


def test_xml_records_within_records_are_tables_of_their_own(tmp_path, make_source) -> None:
    report = '<Report ref="{0}"><Beat>b</Beat><Crimes><Crime ref="{0}" seq="1"><Code>c</Code></Crime></Crimes></Report>'
    (tmp_path / "a.xml").write_text("<R>" + "".join(report.format(i) for i in range(3)) + "</R>")
    reports, _ = read(make_source(SourceKind.XML, tmp_path, ["ref", "Beat"], table="Report"))
    crimes, _ = read(make_source(SourceKind.XML, tmp_path, ["ref", "seq", "Code"], table="Crime"))
    assert [(r["ref"], r["Beat"]) for r in reports] == [("0", "b"), ("1", "b"), ("2", "b")]
    assert [(r["ref"], r["seq"], r["Code"]) for r in crimes] == [("0", "1", "c"), ("1", "1", "c"), ("2", "1", "c")]


def test_xml_is_measured_by_a_second_parser(tmp_path, make_source) -> None:
    (tmp_path / "a.xml").write_text("<R>" + "<P id='1'><Name>x</Name></P>" * 50 + "</R>")
    rows, bad = read(make_source(SourceKind.XML, tmp_path, XML_COLUMNS[:2], record="P"))
    assert (len(rows), bad) == (50, [])


def test_xml_record_that_holds_an_element_twice_is_in_quarantine(tmp_path, make_source) -> None:
    (tmp_path / "a.xml").write_text("<R><P><Name>a</Name><Name>b</Name></P><P><Name>c</Name></P></R>")
    rows, bad = read(make_source(SourceKind.XML, tmp_path, XML_COLUMNS[1:2], record="P"))
    assert ([r[SOURCE_ROW] for r in rows], [b.source_row for b in bad]) == ([2], [1])


@pytest.mark.parametrize(
    ("content", "said"), [("<R><P><New/></P></R>", "New"), ("<R><P><Name>", "does not parse"), ("", "an empty file")]
)
def test_xml_stops_at_unknown_elements_and_broken_documents(tmp_path, make_source, content, said) -> None:
    (tmp_path / "a.xml").write_text(content)
    with pytest.raises(SourceError, match=said):
        read(make_source(SourceKind.XML, tmp_path, XML_COLUMNS[1:2], record="P"))


def test_excel_rows_are_texts_of_what_the_sheet_stores(tmp_path, make_source) -> None:
    from datetime import datetime

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Crimes"
    for row in (["NO", "NAME", "WHEN", "VALUE"], ["007", None, datetime(2020, 1, 2), 1.5], [], [8, "£", None, 3.0]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    source = make_source(SourceKind.EXCEL, tmp_path, ["NAME", "NO", "WHEN", "VALUE"], sheet="Crimes")
    rows, _ = read(source)
    assert [tuple(r.values()) for r in rows] == [(None, "007", "2020-01-02", "1.5", 1), ("£", "8", None, "3", 2)]


def test_excel_stops_when_sheet_or_columns_are_others(tmp_path, make_source) -> None:
    book = openpyxl.Workbook()
    book.active.append(["NO"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(SourceError, match="cannot be read"):
        read(make_source(SourceKind.EXCEL, tmp_path, ["NO"], sheet="Gone"))
    with pytest.raises(SourceError, match="missing: NAME"):
        read(make_source(SourceKind.EXCEL, tmp_path, ["NO", "NAME"]))
    (tmp_path / "a.xlsx").write_bytes(b"PK not a workbook")
    with pytest.raises(SourceError, match="cannot be read"):
        read(make_source(SourceKind.EXCEL, tmp_path, ["NO"]))
