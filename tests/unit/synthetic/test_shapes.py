"""Keys the truth names are keys of rows in each family's own shape, read without any code of the writers."""

import csv
import re
import sqlite3
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

Keys = Counter[tuple[str, str]]
SQLITE_KEYS = {
    "tayside": {
        **{"CRIME_REPORT": "CR_NO", "CRIME": "CRIME_ID", "NOMINAL": "NOM_ID", "LOCATION": "LOC_ID"},
        **{"CRIME_NOMINAL": "CRIME_NOM_ID", "CRIME_MARKER": "MARKER_ID"},
    },
    "northern": {"CRIME_WIDE": "CRIME_REF,CRIME_SEQ", "PERSON_ROLE": "ROLE_ID", "STATUS_LOG": "CRIME_REF,LOG_NO"},
    "grampian": {
        "crime_report": "force_div,cr_year,cr_serial",
        "crime": "force_div,cr_year,cr_serial,crime_seq",
        "crime_marker": "force_div,cr_year,cr_serial,crime_seq,marker_seq",
        "nominal": "nom_div,nom_no",
        "location": "loc_no",
        "crime_nominal": "force_div,cr_year,cr_serial,link_seq",
    },
    "lothian_borders": {
        **{"CRIME_REC": "CRIME_NO,VER_NO", "OFFENCE_REC": "OFFENCE_ID", "NOMINAL_REC": "NOM_ID,VER_NO"},
        **{"PLACE": "LOC_ID", "CRIME_ROLE": "ROLE_ID", "OFFENCE_MARKER": "MARKER_ID"},
    },
}


def read_sqlite(family: str, folder: Path, division: str) -> Keys:
    paths = sorted(folder.glob("*.sqlite"))
    path = next((p for p in paths if p.stem.endswith(f"_{division}")), paths[0])
    found: Keys = Counter()
    connection = sqlite3.connect(path)
    for table, key in SQLITE_KEYS[family].items():
        for row in connection.execute(f"SELECT {key} FROM {table}"):
            found[table, "|".join(map(str, row))] += 1
    connection.close()
    return found


def read_wide_export(family: str, folder: Path, division: str) -> Keys:
    found: Keys = Counter()
    for path in folder.glob("*.txt"):
        if path.name != "SYNTHETIC.txt":
            with path.open(encoding="cp1252", newline="") as file:
                rows = list(csv.DictReader(file, delimiter="|"))[:-1]
            found.update(("crime_export", row["CRIME_NO"]) for row in rows)
    return found


def read_file_set(family: str, folder: Path, division: str) -> Keys:
    found: Keys = Counter()
    for path in folder.glob("*.psv"):
        header, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        width = header.count("|")
        end = lines.pop().split("|")
        assert end == ["EOF", str(len(lines)), "SYNTHETIC"]
        assert all(line.count("|") == width for line in lines)
        found.update((path.stem, line.split("|")[0]) for line in lines)
    return found


def read_xml(family: str, folder: Path, division: str) -> Keys:
    found: Keys = Counter()
    for path in folder.glob("*.xml"):
        root = ET.parse(path).getroot()  # noqa: S314 - written by the test itself
        assert root.attrib["notice"].startswith("SYNTHETIC")
        assert int(root.attrib["rows"]) == len(root)
        found.update((e.tag, "|".join(e.attrib.values())) for e in root.iter() if e is not root and e.attrib)
    return found


def parse_copybook(text: str) -> dict[str, dict[str, tuple[int, int, str]]]:
    """Offset, width and picture of each field by segment, for the fields before any REDEFINES inside it."""
    segments: dict[str, dict[str, tuple[int, int, str]]] = {}
    offset = 0
    for line in text.splitlines():
        if line[6:7] == "*":
            continue
        start = re.match(r"\s+05\s+(\w\w)-SEGMENT REDEFINES", line)
        if start:
            current = segments.setdefault(start[1], {})
            offset = 13
        field = re.match(r"\s+1[05]\s+(\S+)\s+PIC (\S+?)(?: (COMP\S*))?(?: OCCURS (\d+) TIMES)?\.$", line)
        if field and segments:
            name, picture, usage, occurs = field.groups()
            size = sum(int(n) for n in re.findall(r"\((\d+)\)", picture))
            width = {"COMP-3": size // 2 + 1, "COMP": 2 if size <= 4 else 4, None: size}[usage]
            current[name] = (offset, width, usage or picture[0])
            offset += width * int(occurs or 1)
    return segments


def decode_segments(folder: Path, division: str) -> list[tuple[str, str, bytes]]:
    """Segment, crime number and bytes of each record, by the lengths in their descriptors."""
    raw = (folder / f"STRATH.CRIME.{division}.dat").read_bytes()
    records = []
    at = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 2], "big")
        assert raw[at + 2 : at + 4] == b"\0\0"
        body = raw[at + 4 : at + length]
        records.append((body[:2].decode("cp037"), body[2:13].decode("cp037").strip(), body))
        at += length
    return records


def read_mainframe(family: str, folder: Path, division: str) -> Keys:
    layout = parse_copybook((folder / "STRATH.CRIME.cpy").read_text(encoding="ascii"))
    (head, _, first), *records, (tail, _, last) = decode_segments(folder, division)
    assert (head, tail) == ("HD", "TR")
    assert "SYNTHETIC" in first.decode("cp037")
    assert int(last[13:22].decode("cp037")) == len(records)
    found: Keys = Counter()
    for segment, number, body in records:
        key = number
        if segment != "CR":
            at, width, usage = layout[segment][f"{segment}-SEQ"]
            part = body[at : at + width]
            sequence = str(int.from_bytes(part, "big")) if usage == "COMP" else part.decode("cp037")
            key = f"{number}|{sequence}"
        found[segment, key] += 1
    return found


READERS: dict[str, Callable[[str, Path, str], Keys]] = {
    **dict.fromkeys(SQLITE_KEYS, read_sqlite),
    "dumfries_galloway": read_wide_export,
    "fife": read_file_set,
    "central": read_xml,
    "strathclyde": read_mainframe,
}
"""Reader of each family."""


def truth_rows(folder: Path, name: str) -> list[dict[str, str]]:
    return pq.read_table(folder / "truth" / f"{name}.parquet").to_pylist()


@pytest.fixture(scope="module", params=sorted(READERS))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def keys(family: str, folders: dict[str, Path]) -> dict[str, Keys]:
    """Keys of the estate's rows by division."""
    folder = folders[family]
    divisions = {row["division_code"] for row in truth_rows(folder, "source_counts")}
    return {division: READERS[family](family, folder, division) for division in divisions}


def test_every_family_has_a_reader_here(folders: dict[str, Path]) -> None:
    assert set(READERS) == set(folders)


@pytest.mark.parametrize("name", ["nominal_person", "location_uprn", "dirt"])
def test_truth_keys_exist(name: str, family: str, folders: dict[str, Path], keys: dict[str, Keys]) -> None:
    rows = truth_rows(folders[family], name)
    assert rows
    for row in rows:
        assert (row["source_table"], row["source_key"].split("#")[0].removesuffix("~2")) in keys[row["division_code"]]


def test_nominals_without_truth_are_only_the_nameless_and_the_doubled(
    family: str, folders: dict[str, Path], keys: dict[str, Keys]
) -> None:
    """Where people are groups of columns (a `#` in their keys), `test_layouts` reads the groups themselves."""
    truth = [r for r in truth_rows(folders[family], "nominal_person") if "#" not in r["source_key"]]
    tables = {row["source_table"] for row in truth}
    known = {(r["division_code"], r["source_table"], r["source_key"]) for r in truth}
    left = {(d, *k) for d, found in keys.items() for k in found if k[0] in tables} - known
    explained = {
        (r["division_code"], r["source_table"], r["source_key"])
        for r in truth_rows(folders[family], "dirt")
        if r["kind"] in {"nominal_without_name", "duplicate_row"}
    }
    assert left <= explained


def test_source_counts_are_the_rows(family: str, folders: dict[str, Path], keys: dict[str, Keys]) -> None:
    for row in truth_rows(folders[family], "source_counts"):
        counted = sum(n for (table, _), n in keys[row["division_code"]].items() if table == row["source_table"])
        if counted:
            assert counted == row["rows"]
        else:
            assert family in SQLITE_KEYS


def test_retired_division_holds_old_reports_of_its_town_only(folders: dict[str, Path]) -> None:
    connection = sqlite3.connect(folders["grampian"] / "grampian_crimefile.sqlite")
    connection.row_factory = sqlite3.Row
    rows = connection.execute(
        "SELECT r.*, l.town FROM crime_report r LEFT JOIN location l ON l.loc_no = r.locus_no WHERE force_div = 'B'"
    ).fetchall()
    total = connection.execute("SELECT count(*) FROM crime_report").fetchone()[0]
    connection.close()
    assert 0 < len(rows) < total / 2
    assert {r["cr_year"] for r in rows} <= set(range(2010, 2016))
    assert {r["town"] for r in rows} <= {"Aberdeen", None}


def test_versions_abut_and_one_is_in_force(folders: dict[str, Path]) -> None:
    for path in sorted(folders["lothian_borders"].glob("*.sqlite")):
        connection = sqlite3.connect(path)
        for table, key in (("CRIME_REC", "CRIME_NO"), ("NOMINAL_REC", "NOM_ID")):
            versions: dict[object, list[tuple[int, str, str | None]]] = {}
            for row in connection.execute(f"SELECT {key}, VER_NO, EFF_FROM, EFF_TO FROM {table} ORDER BY 1, 2"):
                versions.setdefault(row[0], []).append(row[1:])
            assert any(len(v) > 1 for v in versions.values())
            for found in versions.values():
                assert [v[0] for v in found] == list(range(1, len(found) + 1))
                assert [v[2] for v in found[:-1]] == [v[1] for v in found[1:]]
                assert found[-1][2] is None
                assert [v[1] for v in found] == sorted(v[1] for v in found)
        connection.close()


def test_mainframe_numbers_decode_as_the_copybook_says(folders: dict[str, Path]) -> None:
    folder = folders["strathclyde"]
    layout = parse_copybook((folder / "STRATH.CRIME.cpy").read_text(encoding="ascii"))
    records = decode_segments(folder, "U")
    report_east, report_north = layout["CR"]["CR-LOCUS-EAST"], layout["CR"]["CR-LOCUS-NORTH"]
    easts, norths, values = [], [], []
    for segment, _, body in records:
        if segment == "CR":
            zoned = body[report_east[0] : sum(report_east[:2])].decode("cp037")
            easts.append(int(zoned[:-1] + str("{ABCDEFGHI".index(zoned[-1]))))
            packed = body[report_north[0] : sum(report_north[:2])].hex()
            assert packed[-1] == "c"
            norths.append(int(packed[:-1]))
        if segment == "PV" and body[15:16].decode("cp037") == "P":
            at, width, usage = layout["PV"]["PV-VALUE"]
            assert usage == "COMP-3"
            values.append(int(body[at : at + width].hex()[:-1]))
    assert any(easts)
    assert all(e == 0 or 150_000 < e < 400_000 for e in easts)
    assert all(n == 0 or 500_000 < n < 760_000 for n in norths)
    assert max(values) < 100_000
    assert max(values) > 10_000


def test_mainframe_redefined_detail_holds_vehicles_where_the_kind_says_so(folders: dict[str, Path]) -> None:
    vehicles = [
        body[17:26].decode("cp037").strip()
        for segment, _, body in decode_segments(folders["strathclyde"], "U")
        if segment == "PV" and body[15:16].decode("cp037") == "V"
    ]
    assert vehicles
    assert all(re.fullmatch(r"S[A-Z]\d{2} ?[A-Z]{3}", v) for v in vehicles)
