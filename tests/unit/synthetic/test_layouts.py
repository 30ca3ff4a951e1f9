"""Keys and faults the truth names are found in the estates as they were written."""

import csv
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from migration.synthetic.families import load_family

RELATIONAL, WIDE = "tayside", "dumfries_galloway"


def read_rows(path: Path, table: str, key: str) -> dict[str, sqlite3.Row]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return {str(row[key]): row for row in connection.execute(f'SELECT * FROM "{table}"')}
    finally:
        connection.close()


@pytest.fixture(scope="module")
def relational(folders: dict[str, Path]) -> dict[str, dict[str, sqlite3.Row]]:
    path = folders[RELATIONAL] / load_family(RELATIONAL).file
    keys = {
        "CRIME_REPORT": "CR_NO",
        "CRIME": "CRIME_ID",
        "NOMINAL": "NOM_ID",
        "LOCATION": "LOC_ID",
        "CRIME_NOMINAL": "CRIME_NOM_ID",
        "CRIME_MARKER": "MARKER_ID",
    }
    return {table: read_rows(path, table, key) for table, key in keys.items()}


@pytest.fixture(scope="module")
def lines(folders: dict[str, Path]) -> dict[str, list[dict[str, str]]]:
    """Rows of the wide export by crime number."""
    found: dict[str, list[dict[str, str]]] = {}
    for path in sorted(folders[WIDE].glob("DGCRIME_*.txt")):
        with path.open(encoding="cp1252", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="|"))
        assert rows[-1]["CRIME_NO"] == "#TRAILER"
        assert rows[-1]["HOW_REPORTED"] == "SYNTHETIC"
        assert int(rows[-1]["BEAT"]) == len(rows) - 1
        for row in rows[:-1]:
            found.setdefault(row["CRIME_NO"], []).append(row)
    return found


def truth_rows(folders: dict[str, Path], family: str, name: str) -> list[dict[str, object]]:
    return pq.read_table(folders[family] / "truth" / f"{name}.parquet").to_pylist()


def test_relational_truth_keys_exist(relational: dict[str, dict[str, sqlite3.Row]], folders: dict[str, Path]) -> None:
    for name in ("nominal_person", "location_uprn", "dirt"):
        for row in truth_rows(folders, RELATIONAL, name):
            assert row["source_key"] in relational[str(row["source_table"])]


def test_relational_faults_are_planted(relational: dict[str, dict[str, sqlite3.Row]], folders: dict[str, Path]) -> None:
    checks = {
        "missing_recorded_at": lambda r: r["RECORDED_DT"] is None,
        "impossible_recorded_at": lambda r: r["RECORDED_DT"].startswith("2019-02-31"),
        "unknown_status": lambda r: r["STATUS_CD"] == "XX",
        "unknown_crime_code": lambda r: r["CRIME_CD"] == "99999",
        "empty_location": lambda r: r["STREET"] is None and r["LOCUS_TEXT"] is None and r["TOWN"] is None,
        "nominal_without_name": lambda r: r["SURNAME"] is None and r["FORENAME1"] is None,
        "orphan_link": lambda r: str(r["NOM_ID"]) not in relational["NOMINAL"],
        "missing_locus": lambda r: r["LOCUS_LOC_ID"] is None,
        "impossible_occurrence": lambda r: r["OCC_FROM_DT"] > r["OCC_TO_DT"],
        "default_dob": lambda r: r["DOB"] == "1900-01-01",
        "code_before_valid": lambda r: r["HOW_REP_CD"] == "RT" and r["RECORDED_DT"] < "2022-10-01",
        "zero_coordinates": lambda r: r["EASTING"] == 0 and r["NORTHING"] == 0,
        "due_for_weeding": lambda r: r["REVIEW_DT"] < "2023-12-01",
    }
    seen = set()
    for row in truth_rows(folders, RELATIONAL, "dirt"):
        check = checks.get(str(row["kind"]))
        if check:
            assert check(relational[str(row["source_table"])][str(row["source_key"])]), row["kind"]
            seen.add(row["kind"])
    assert seen >= {
        *("missing_recorded_at", "impossible_recorded_at", "unknown_status", "unknown_crime_code", "orphan_link"),
        *("empty_location", "nominal_without_name", "default_dob", "due_for_weeding"),
    }


def test_relational_duplicates_equal_another_row(
    relational: dict[str, dict[str, sqlite3.Row]], folders: dict[str, Path]
) -> None:
    duplicates = [r for r in truth_rows(folders, RELATIONAL, "dirt") if r["kind"] == "duplicate_row"]
    assert duplicates
    for duplicate in duplicates:
        table = relational[str(duplicate["source_table"])]
        copy = tuple(table[str(duplicate["source_key"])])[1:]
        assert sum(tuple(row)[1:] == copy for row in table.values()) >= 2


def test_relational_counts_are_the_rows(folders: dict[str, Path]) -> None:
    connection = sqlite3.connect(folders[RELATIONAL] / load_family(RELATIONAL).file)
    for row in truth_rows(folders, RELATIONAL, "source_counts"):
        found = connection.execute(f'SELECT count(*) FROM "{row["source_table"]}"').fetchone()[0]
        assert found == row["rows"]
    connection.close()


def test_wide_truth_keys_exist(lines: dict[str, list[dict[str, str]]], folders: dict[str, Path]) -> None:
    for name in ("nominal_person", "location_uprn"):
        for row in truth_rows(folders, WIDE, name):
            number, group = str(row["source_key"]).split("#")
            line = lines[number][0]
            column = {"LOCUS": "LOCUS_STREET"}.get(group, f"{group}_SURNAME")
            if group.endswith("_ADDR"):
                assert line[f"{group}ESS"] or line[f"{group.removesuffix('_ADDR')}_PCODE"]
            elif group == "LOCUS":
                assert any(line[f"LOCUS_{p}"] for p in ("PREMISES", "STREET", "AREA", "TOWN", "PCODE", "GRID"))
            else:
                assert line[column]


def test_wide_groups_without_truth_are_empty(lines: dict[str, list[dict[str, str]]], folders: dict[str, Path]) -> None:
    known = {str(r["source_key"]) for r in truth_rows(folders, WIDE, "nominal_person")}
    groups = ["COMP", *(f"SUSPECT{i}" for i in range(1, 6)), *(f"WITNESS{i}" for i in range(1, 4))]
    filled = {f"{number}#{g}" for number, rows in lines.items() for g in groups if rows[0][f"{g}_SURNAME"]}
    assert filled == known


def test_wide_faults_are_planted(lines: dict[str, list[dict[str, str]]], folders: dict[str, Path]) -> None:
    seen = set()
    for row in truth_rows(folders, WIDE, "dirt"):
        number = str(row["source_key"]).split("#")[0].removesuffix("~2")
        line, kind = lines[number][0], row["kind"]
        if kind == "duplicate_row":
            assert len(lines[number]) == 2
            assert lines[number][0] == lines[number][1]
        elif kind == "missing_recorded_at":
            assert line["RECORDED"] == ""
        elif kind == "unknown_crime_code":
            assert line["OFFENCE1_CODE"] == "99/999"
        seen.add(kind)
    assert {"duplicate_row", "missing_recorded_at", "unknown_status", "unknown_crime_code"} <= seen
    assert sum(len(rows) > 1 for rows in lines.values()) == sum(
        r["kind"] == "duplicate_row" for r in truth_rows(folders, WIDE, "dirt")
    )


def test_wide_text_holds_line_ends_quotes_and_delimiters(lines: dict[str, list[dict[str, str]]]) -> None:
    notes = " ".join(rows[0]["MO"] for rows in lines.values())
    assert all(mark in notes for mark in ("\n", '"', "|", "–"))
