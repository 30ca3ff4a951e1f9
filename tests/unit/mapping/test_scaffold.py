"""A cold start reads every kind of file, finds references by the values, and writes a pack that can be extracted."""

import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from migration.extract.stage import extract_division
from migration.layers import read_manifest
from migration.mapping.check import check_division
from migration.mapping.expressions import Column, list_columns
from migration.mapping.load import load_pack
from migration.mapping.model import SourceKind
from migration.mapping.scaffold import scaffold_pack
from migration.mapping.scaffold_profile import build_profile
from migration.mapping.scaffold_references import find_references
from migration.records import Layer, RunContext
from migration.settings import Settings

Packs = Callable[..., Settings]
HEADER = ["REPORT_NO", "RECORDED_DATE", "REPORT_STATUS", "MO_SUMMARY"]
ROWS = [[f"CR{n:04d}", f"2019-06-{n % 28 + 1:02d}", "O", f"Taken from a van at stance {n}"] for n in range(1, 31)]
COPYBOOK = """\
       01  REPORT-RECORD.
           05  SEG-ID             PIC X(2).
           05  REPORT-NO          PIC X(6).
           05  SEG-DATA           PIC X(42).
           05  CR-SEGMENT REDEFINES SEG-DATA.
               10  RECORDED-DATE  PIC X(10).
               10  REPORT-STATUS  PIC X(1).
               10  MO-SUMMARY     PIC X(29).
               10  BEAT-CODE      PIC X(2).
           05  HD-SEGMENT REDEFINES SEG-DATA.
               10  HD-NOTICE      PIC X(42).
"""


def write_csv(folder: Path) -> None:
    lines = [";".join(r) for r in (HEADER, *ROWS)]
    (folder / "report_2019.csv").write_bytes(("\n".join(lines) + "\n#END;30\n").replace("van", "café").encode("cp1252"))


def write_fixed(folder: Path) -> None:
    lines = [f"{r[0]:<10} {r[1]:<14} {r[2]:<14} {r[3]:<40}" for r in (HEADER, *ROWS)]
    (folder / "report.txt").write_text("\n".join(line.ljust(90) for line in lines) + "\n", encoding="utf-8")


def write_ebcdic(folder: Path) -> None:
    records = [f"HD{'':6}{'SYNTHETIC':<42}", *(f"CR{r[0]:<6}{r[1]:<10}{r[2]}{r[3]:<29}B1" for r in ROWS)]
    data = b"".join((len(r) + 4).to_bytes(2, "big") + b"\0\0" + r.encode("cp037") for r in records)
    (folder / "REPORT.dat").write_bytes(data)
    (folder / "REPORT.cpy").write_text(COPYBOOK, encoding="utf-8")


def write_xml(folder: Path) -> None:
    texts = "".join(
        f'<CrimeReport reportNo="{r[0]}"><RecordedDate>{r[1]}</RecordedDate><ReportStatus>{r[2]}</ReportStatus>'
        f"<MoSummary>{r[3]}</MoSummary></CrimeReport>"
        for r in ROWS
    )
    (folder / "reports.xml").write_text(f"<Export>{texts}</Export>", encoding="utf-8")


def write_json(folder: Path) -> None:
    objects = [{"reportNo": r[0], "recorded": {"date": r[1]}, "reportStatus": r[2], "moSummary": r[3]} for r in ROWS]
    (folder / "report.jsonl").write_text("\n".join(map(json.dumps, objects)) + "\n", encoding="utf-8")


def write_excel(folder: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "crime report"
    for row in (["SYNTHETIC", None, None, None], HEADER, *ROWS):
        book.active.append(row)
    book.save(folder / "export.xlsx")


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        (SourceKind.DELIMITED, write_csv),
        (SourceKind.FIXED_WIDTH, write_fixed),
        (SourceKind.EBCDIC, write_ebcdic),
        (SourceKind.XML, write_xml),
        (SourceKind.JSON_LINES, write_json),
        (SourceKind.EXCEL, write_excel),
    ],
)
def test_a_folder_of_any_kind_of_file_becomes_a_draft_that_passes_the_check_and_extracts(
    packs: Packs, tmp_path: Path, kind: SourceKind, write: Callable[[Path], None]
) -> None:
    folder = tmp_path / "legacy"
    folder.mkdir()
    write(folder)
    settings = packs()
    result = scaffold_pack(settings, str(folder), "B")
    assert check_division(settings, "B").is_sound, check_division(settings, "B").problem
    (system,) = load_pack(settings, "B").systems
    assert (system.kind, result.tables_understood) == (kind, 1)
    targets = {p.target for p in result.proposals if p.is_confident}
    assert "crime_report.recorded_at_utc" in targets
    context = RunContext(settings, "B", "20260101T000000Z")
    extract_division(context)
    assert [t.rows for t in read_manifest(context, Layer.RAW).tables if not t.name.startswith("_")] == [len(ROWS)]


WIDE = "CASE_NO,RECORDED_DATE,RECORDED_TIME,CASE_STATUS,ACC1_SURNAME,ACC1_SEX,ACC2_SURNAME,ACC2_SEX,VEH_REG,VEH_MAKE"


def test_a_wide_export_becomes_a_report_with_its_people_and_vehicles_and_times_beside_days(packs, tmp_path):
    folder = tmp_path / "legacy"
    folder.mkdir()
    rows = [f"C{n:03d}/19,{n:02d}/06/2019,{n % 24:02d}:15,O,Name{n},F,,,SV{n:02d} ABC,Ford" for n in range(1, 29)]
    (folder / "export.csv").write_text("\n".join([WIDE, *rows, ""]), encoding="utf-8")
    settings = packs()
    scaffold_pack(settings, str(folder), "B")
    assert check_division(settings, "B").is_sound, check_division(settings, "B").problem
    pack = load_pack(settings, "B")
    found = {(r.entity, r.group) for r in pack.records}
    people = {(entity, f"ACC{n}") for entity in ("nominal", "crime_nominal") for n in (1, 2)}
    assert found == {("crime_report", ""), *people, ("vehicle", "VEH"), ("crime_object", "VEH")}
    drafts = settings.mappings / "families" / "draft_b" / "entities"
    report = (drafts / "crime_report.yml").read_text(encoding="utf-8")
    assert 'concat: ["RECORDED_DATE", "RECORDED_TIME"]' in report and '"%d/%m/%Y %H:%M"' in report
    assert 'group: "ACC{n}"' in (drafts / "crime_nominal.yml").read_text(encoding="utf-8")


def test_a_text_field_that_holds_codes_of_a_code_table_is_read_through_a_join(packs, tmp_path):
    folder = tmp_path / "legacy"
    folder.mkdir()
    codes = [f"{n},Make number {n}" for n in range(10, 20)]
    rows = [f"V{n:03d},SV{n:02d} ABC,{10 + n % 10}" for n in range(1, 40)]
    (folder / "make.csv").write_text("\n".join(["MAKE_CODE,MAKE_NAME", *codes, ""]), encoding="utf-8")
    (folder / "vehicle.csv").write_text("\n".join(["VEHICLE_REF,REG_MARK,MAKE_CODE", *rows, ""]), encoding="utf-8")
    settings = packs()
    scaffold_pack(settings, str(folder), "B")
    (record,) = [r for r in load_pack(settings, "B").records if r.entity == "vehicle"]
    (join,) = record.joins
    assert join.table == "make"
    assert Column("MAKE_NAME", join.alias) in list_columns(record.field("make_raw").expression)


def test_a_column_whose_values_are_keys_of_a_table_it_is_named_after_is_a_reference() -> None:
    places = build_profile("LOCATION", 20, ["LOC_ID", "TOWN"], [[str(n), f"Town {n}"] for n in range(100, 120)])
    rows = [[f"C{n}", str(100 + n), str(n), str(500 + n)] for n in range(15)]
    reports = build_profile("CASES", 15, ["CASE_NO", "LOCUS_LOC_ID", "SEQ", "OLD_LOC_ID"], rows)
    found = find_references((places, reports))
    assert set(found) == {("CASES", "LOCUS_LOC_ID")}
    assert (found["CASES", "LOCUS_LOC_ID"].table, found["CASES", "LOCUS_LOC_ID"].column) == ("LOCATION", "LOC_ID")
