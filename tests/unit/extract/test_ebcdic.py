"""Mainframe records arrive exactly, and bytes that are no number are shown as they are."""

import csv
import json
import struct
from pathlib import Path

import pyarrow as pa
import pytest

from migration.errors import ConfigError, SourceError
from migration.extract.copybook import parse_copybook
from migration.extract.ebcdic import EbcdicReader
from migration.extract.measure import measure_batches
from migration.extract.reader import SOURCE_ROW
from migration.mapping.model import SourceColumn, SourceKind

BOOK = """       01 REC.
           05 SEG   PIC X.
           05 NAME  PIC X(4).
           05 CNT   PIC 9(3).
           05 PACK  PIC S9(3)V99 COMP-3.
           05 BIN   PIC S9(4) COMP.
           05 OVER  PIC S9(3).
           05 SEPA  PIC S9(2)V9 SIGN TRAILING SEPARATE.
           05 HFP   COMP-2.
"""
NAMES = ["SEG", "NAME", "CNT", "PACK", "BIN", "OVER", "SEPA", "HFP"]


def record(seg: str = "A", name: str = "AB", over: bytes = b"\xf0\xf1\xd2", pack: bytes = b"\x01\x23\x4d") -> bytes:
    text = (seg + name.ljust(4) + "007").encode("cp037")
    return text + pack + struct.pack(">h", -2) + over + "123-".encode("cp037") + b"\xc1\x10\0\0\0\0\0\0"


@pytest.fixture
def make(tmp_path, make_source):
    """Write a file and its copybook; a reader of it."""

    def write(content: bytes, columns=NAMES, **options):
        (tmp_path / "book.cpy").write_text(BOOK)
        (tmp_path / "data.bin").write_bytes(content)
        options = {"copybook": "book.cpy", **options}
        return EbcdicReader(make_source(SourceKind.EBCDIC, tmp_path, columns, files="*.bin", **options))

    return write


def read(reader):
    batches = list(reader.read_batches())
    rows = pa.Table.from_batches([b.rows for b in batches])
    totals = measure_batches(iter(rows.select(reader.schema.names).to_batches()), reader.schema)
    assert reader.measure_source(frozenset()) == totals
    return rows.to_pylist(), [line for b in batches for line in b.bad_lines]


def test_every_kind_of_number_is_exact(make) -> None:
    rows, _ = read(make(record() + record(over=b"\xf9\xf9\xc9", pack=b"\x00\x00\x0c")))
    assert rows[0] == {
        "SEG": "A",
        "NAME": "AB  ",
        "CNT": "007",
        "PACK": "-12.34",
        "BIN": "-2",
        "OVER": "-12",
        "SEPA": "-12.3",
        "HFP": "-1.0",
        SOURCE_ROW: 1,
    }
    assert (rows[1]["PACK"], rows[1]["OVER"], rows[1][SOURCE_ROW]) == ("0.00", "999", 2)


def test_bytes_that_are_no_number_are_given_as_hexadecimal(make) -> None:
    rows, _ = read(make(record(over=b"\x40\x40\x40", pack=b"\xff\xff\xff")))
    assert (rows[0]["OVER"], rows[0]["PACK"]) == ("x'404040'", "x'FFFFFF'")


@pytest.mark.parametrize(("kind", "word"), [("rdw", ">H2x"), ("rdw_little", "2xH")])
def test_fields_beyond_a_short_record_are_null(make, kind, word) -> None:
    short = record()[:9]
    extra = 4 if kind == "rdw" else 0
    content = b"".join(struct.pack(word, len(r) + extra) + r for r in (record(), short))
    rows, _ = read(make(content, records=kind))
    assert (rows[1]["CNT"], rows[1]["PACK"], rows[1]["HFP"]) == ("007", None, None)


def test_children_know_their_parent_when_a_file_has_segments(make, monkeypatch) -> None:
    """Also where the parent lies in an earlier piece of the file."""
    monkeypatch.setattr("migration.extract.ebcdic.PIECE_BYTES", 70)
    content = b"".join(
        record(s, n) for s, n in (("C", "K0"), ("P", "P1"), ("C", "K1"), ("Z", "?"), ("C", "K2"), ("P", "P2"))
    )
    columns = [
        "NAME",
        SourceColumn("PARENT", options={"segment": "P", "field": "NAME"}),
        SourceColumn("PARENT_ROW", options={"segment": "P", "field": "#"}),
    ]
    source = make(content, columns).source
    options = {"segment_field": "SEG", "segments": ["C"]}
    rows, _ = read(make(content, columns, **options))
    assert [(r["NAME"].strip(), (r["PARENT"] or "").strip(), r["PARENT_ROW"], r[SOURCE_ROW]) for r in rows] == [
        ("K0", "", None, 1),
        ("K1", "P1", "2", 3),
        ("K2", "P1", "2", 5),
    ]
    assert source.where == "legacy.crime"


def test_record_of_a_segment_that_no_table_claims_is_in_quarantine(make) -> None:
    content = record("C") + record("Z") + record("C")
    _, bad = read(make(content, segment_field="SEG", segments=["C"]))
    assert [(b.source_row, b.byte_offset, b.reason.value, b.content) for b in bad] == [
        (2, len(record()), "UNKNOWN_SEGMENT", record("Z"))
    ]


SEGMENTED = {"segment_field": "SEG", "segments": ["C"], "segments_ignored": ["T"], "trailer_field": "CNT"}


def test_trailer_record_is_no_row_when_its_count_is_right(make) -> None:
    rows, bad = read(make(record("C") * 7 + record("T"), **SEGMENTED))
    assert (len(rows), bad) == (7, [])


@pytest.mark.parametrize("content", [record("C") * 6 + record("T"), record("C") * 7])
def test_file_stops_with_one_error_when_its_trailer_does_not_confirm_it(make, content) -> None:
    with pytest.raises(SourceError, match="does not confirm"):
        list(make(content, **SEGMENTED).read_batches())


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (record() + b"\0", {}, "1 bytes of an unfinished record"),
        (b"", {}, "empty file"),
        (b"\0\0\0\0rest", {"records": "rdw"}, "impossible record descriptor word at byte 0"),
        (b"\0\xff\0\0short", {"records": "rdw"}, "unfinished record"),
    ],
)
def test_damaged_file_stops_with_one_error(make, content, options, said) -> None:
    with pytest.raises(SourceError, match=said):
        list(make(content, **options).read_batches())


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        (NAMES, {"encoding": "utf-8"}),
        (NAMES, {"encoding": "cp424"}),
        (["WRONG"], {}),
        (NAMES, {"records": "tape"}),
        (NAMES, {"segment_field": "WRONG"}),
        (NAMES, {"copybook": "gone"}),
    ],
)
def test_pack_that_does_not_fit_the_copybook_is_a_settings_error(make, columns, options) -> None:
    with pytest.raises(ConfigError):
        make(record(), columns, **options)


def flatten(value, path=""):
    """Leaves of expected JSON by copybook path, without the lists' own reckoning."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from flatten(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from flatten(item, f"{path}[{number}]")
    else:
        yield path, value


def shown(text: str | None) -> str:
    """A decoded text as the expected output shows it: without padding or control characters."""
    return "".join(c for c in text or "" if c >= " " and c not in "\x7f").strip()


@pytest.mark.real_data
def test_fixed_sample_equals_its_expected_output(find_real_data, make_source) -> None:
    folder: Path = find_real_data("ebcdic")
    book = parse_copybook((folder / "test1_copybook.cob").read_text(encoding="latin-1"))
    paths = [f.path for f in book]
    options = {"files": "test1_data/example.bin", "copybook": "test1_copybook.cob"}
    rows, _ = read(EbcdicReader(make_source(SourceKind.EBCDIC, folder, paths, **options)))
    expected = [json.loads(line) for line in (folder / "test1_expected/test1.txt").read_text().splitlines() if line]
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        leaves = {p.replace("_", "-"): v for p, v in flatten(wanted)}
        assert {p for p, v in row.items() if v is not None} - {SOURCE_ROW} >= set(leaves)
        assert {p for p, v in row.items() if v is not None and "DETAIL" in p} == {p for p in leaves if "DETAIL" in p}
        texts = {p: shown(row[p]) for p in leaves if not p.endswith("-TYPE-X") and not p.endswith("ID-STR")}
        assert texts == {p: str(leaves[p]).strip() for p in texts}


SEGMENTS = {
    "1": "COMPANY",
    "2": "DEPT",
    "3": "EMPLOYEE",
    "4": "OFFICE",
    "5": "CUSTOMER",
    "6": "CONTACT",
    "7": "CONTRACT",
}


@pytest.fixture
def read_segment(find_real_data, make_source):
    """The rows of a segment of the hierarchical sample by ordinal, with the ordinals of their nearest parents."""
    folder: Path = find_real_data("ebcdic")
    book = parse_copybook((folder / "test17_hierarchical.cob").read_text(encoding="latin-1"))

    def rows_of(segment: str) -> dict[int, dict[str, str | None]]:
        paths = [f.path for f in book if f.path.startswith(f"{SEGMENTS[segment]}.")]
        parents = [SourceColumn(f"UP{p}", options={"segment": p, "field": "#"}) for p in "125"]
        options = {"copybook": "test17_hierarchical.cob", "records": "rdw_little", "segment_field": "SEGMENT-ID"}
        source = make_source(
            SourceKind.EBCDIC, folder, [*paths, *parents], files="test17/*.dat", segments=[segment], **options
        )
        rows, bad = read(EbcdicReader(source))
        assert {b.reason.value for b in bad} <= {"UNKNOWN_SEGMENT"}
        return {row.pop(SOURCE_ROW): row for row in rows}

    return rows_of


def is_same(segment: str, row: dict[str, str | None], wanted: dict[str, object]) -> bool:
    """Whether a row of a segment holds the values of the expected record."""
    values = {n: v for n, v in wanted.items() if not isinstance(v, list)}
    texts = {n: shown(row[f"{SEGMENTS[segment]}.{n.replace('_', '-')}"]) for n in values}
    return all(
        float(texts[n]) == float(v) if isinstance(v, int | float) else texts[n] == v.strip() for n, v in values.items()
    )


def read_expected(find_real_data, name: str) -> list[dict[str, object]]:
    lines = (find_real_data("ebcdic") / "test17_expected" / name).read_text().splitlines()
    return [json.loads(line) for line in lines if line]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["test17a.txt", "test17b.txt"])
def test_segmented_sample_equals_its_expected_output(find_real_data, read_segment, name) -> None:
    """Every record, and in the second file the record each belongs to: its company, and its department or customer."""
    found = {s: read_segment(s) for s in SEGMENTS}
    expected = read_expected(find_real_data, name)
    assert sum(map(len, found.values())) > len(expected) == 300
    parents: dict[str, set[int]] = {}
    for wanted in expected:
        segment, ordinal = str(wanted["SEGMENT_ID"]), wanted["Record_Id"] + 1
        row = found[segment][ordinal]
        assert is_same(segment, row, wanted[SEGMENTS[segment]])
        if "Seg_Id0" in wanted and segment != "1":
            assert int(row["UP1"]) == int(wanted["Seg_Id0"].split("_")[2]) + 1
        if "Seg_Id2" in wanted:
            parents.setdefault(wanted["Seg_Id1"], set()).add(max(int(row[p] or 0) for p in ("UP2", "UP5")))
    assert all(len(nearest) == 1 for nearest in parents.values())
    assert bool(parents) is (name == "test17b.txt")


CHILDREN = {"1": ("2", "5"), "2": ("3", "4"), "5": ("6", "7")}


@pytest.mark.real_data
def test_hierarchy_of_the_segmented_sample_equals_its_expected_output(find_real_data, read_segment) -> None:
    """Companies with their departments and customers, and those with their own, put together by parents' ordinals."""
    found = {s: read_segment(s) for s in SEGMENTS}

    def is_tree(segment: str, ordinal: int, wanted: dict[str, object]) -> bool:
        same = is_same(segment, found[segment][ordinal], wanted)
        for child in CHILDREN.get(segment, ()):
            own = [n for n, row in found[child].items() if row[f"UP{segment}"] == str(ordinal)]
            expected = wanted.get(SEGMENTS[child], [])
            same = same and len(own) == len(expected)
            same = same and all(is_tree(child, n, w) for n, w in zip(own, expected, strict=True))
        return same

    expected = read_expected(find_real_data, "test17c.txt")
    companies = list(found["1"])[: len(expected)]
    assert len(companies) == 50
    assert all(is_tree("1", n, w["COMPANY"]) for n, w in zip(companies, expected, strict=True))


@pytest.mark.real_data
def test_places_of_the_segmented_copybook_equal_its_expected_layout(find_real_data) -> None:
    folder: Path = find_real_data("ebcdic")
    book = parse_copybook((folder / "test17_hierarchical.cob").read_text(encoding="latin-1"))
    lines = (folder / "test17_expected/test17a_layout.txt").read_text().splitlines()
    leaves = [line.split() for line in lines if line.split()[:1] in (["10"], ["5"])]
    expected = [(p[1], int(p[-3]) - 1, int(p[-1])) for p in leaves if p[0] == "10" or p[1] == "SEGMENT_ID"]
    assert [(f.path.split(".")[-1].replace("-", "_"), f.offset, f.size) for f in book] == expected


@pytest.mark.real_data
def test_flat_form_of_the_fixed_sample_equals_its_expected_output(find_real_data, make_source) -> None:
    """One column a repetition, those beyond the count empty."""
    folder: Path = find_real_data("ebcdic")
    book = parse_copybook((folder / "test1_copybook.cob").read_text(encoding="latin-1"))
    paths = [f.path for f in book]
    options = {"files": "test1_data/example.bin", "copybook": "test1_copybook.cob"}
    rows, _ = read(EbcdicReader(make_source(SourceKind.EBCDIC, folder, paths, **options)))
    with (folder / "test1_expected/test1.csv").open(newline="") as file:
        expected = list(csv.DictReader(file))
    assert len(rows) == len(expected)
    flat = {f"RECORD_{p}".replace(".", "_").replace("-", "_").replace("[", "_").replace("]", ""): p for p in paths}
    compared = 0
    for row, wanted in zip(rows, expected, strict=True):
        for name, value in wanted.items():
            if value is None or name.endswith(("_TYPE_X", "_ID_STR")):
                continue
            text = shown(row[flat[name]])
            assert text == value.strip() or (value.isdigit() and float(text) == float(value))
            compared += value != ""
    assert compared > 50
