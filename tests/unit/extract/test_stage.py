"""The raw layer appears whole, once, and only when its proof holds."""

import sqlite3
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from migration.errors import QualityError, ReconciliationError, SourceError
from migration.extract import raw_table
from migration.extract.connections import Session
from migration.extract.contract import FindingName, Severity
from migration.extract.contract_check import read_contract
from migration.extract.stage import extract_division, extract_table, finish_extract, list_tables
from migration.layers import find_manifest, layer_folder, read_manifest
from migration.mapping.stage import map_division
from migration.records import Layer, RunContext, StageStatus

CRIMES = "CREATE TABLE CRIME (ID integer PRIMARY KEY, NAME text); INSERT INTO CRIME VALUES (1, 'a'), (2, NULL);"


@pytest.fixture
def estate(tmp_path, make_database, make_context):
    """A database of one table and a folder of exports with one bad line."""
    path = make_database(CRIMES)
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "people_1.txt").write_bytes(b"NO|NAME\n1|x\n2\n")
    (folder / "people_2.txt").write_bytes(b"NO|NAME\n3|z\n")
    return make_context(
        {
            "db": {
                "kind": "database",
                "location": f"sqlite:///{path}",
                "tables": {"CRIME": {"key": ["ID"], "columns": ["ID", "NAME"]}},
            },
            "files": {
                "kind": "delimited",
                "location": folder,
                "options": {"separator": "|"},
                "tables": {"people": {"key": ["NO"], "columns": ["NO", "NAME"], "files": "people_*.txt"}},
            },
        }
    )


def assert_no_layer(context) -> None:
    assert find_manifest(context, Layer.RAW) is None
    left = [p.name for p in context.folder.rglob("*")] if context.folder.exists() else []
    assert not [name for name in left if name.endswith(".parquet") or name.endswith(".writing")]


def test_layer_holds_every_table_and_its_quarantine_when_extracted(estate) -> None:
    result = extract_division(estate)
    assert result.counts == {"tables": 2, "rows": 4, "quarantined": 1, "findings": 0}
    manifest = read_manifest(estate, Layer.RAW)
    assert [t.name for t in manifest.tables] == ["_quarantine", "_quarantine_lines", "db/CRIME", "files/people"]
    folder = layer_folder(estate, Layer.RAW)
    assert pq.read_table(folder / "files/people.parquet").to_pylist() == [
        {"NO": "1", "NAME": "x", "_source_row": 1},
        {"NO": "3", "NAME": "z", "_source_row": 3},
    ]
    bad = pq.read_table(folder / "_quarantine.parquet").to_pylist()
    assert [(b["source_table"], b["source_row"], b["line"], b["byte_offset"]) for b in bad] == [("people", 2, 3, 12)]
    assert "content" not in bad[0]
    assert pq.read_table(folder / "_quarantine_lines.parquet").column("content").to_pylist() == [b"2\n"]
    assert manifest.facts["control_totals"]["db.CRIME"]["columns"]["NAME"]["non_null"] == 1
    assert not (estate.folder / ".raw.tables").exists()


def test_mapped_tasks_give_the_same_layer_when_run_one_by_one(estate, settings, tmp_path) -> None:
    assert list_tables(estate) == [("db", "CRIME"), ("files", "people")]
    for system, table in reversed(list_tables(estate)):
        assert extract_table(estate, system, table).status is StageStatus.DONE
        assert extract_table(estate, system, table).status is StageStatus.SKIPPED
    finish_extract(estate)
    by_task = read_manifest(estate, Layer.RAW).content_hash
    layer_folder(estate, Layer.RAW).rename(tmp_path / "set_aside")
    extract_division(estate)
    assert read_manifest(estate, Layer.RAW).content_hash == by_task


def test_everything_is_skipped_when_nothing_changed(estate) -> None:
    extract_division(estate)
    assert extract_division(estate).status is StageStatus.SKIPPED
    assert extract_table(estate, "files", "people").status is StageStatus.SKIPPED
    assert finish_extract(estate).status is StageStatus.SKIPPED


def test_table_is_read_again_when_its_file_changed(estate, tmp_path) -> None:
    extract_division(estate)
    (tmp_path / "export" / "people_2.txt").write_bytes(b"NO|NAME\n3|z\n4|y\n")
    assert extract_division(estate).counts["rows"] == 5


def test_finishing_is_refused_when_a_table_is_missing(estate) -> None:
    extract_table(estate, "db", "CRIME")
    with pytest.raises(SourceError, match=r"files\.people"):
        finish_extract(estate)
    assert find_manifest(estate, Layer.RAW) is None


def test_extract_is_refused_when_the_lake_differs_from_the_source(estate, monkeypatch) -> None:
    measure = raw_table.measure_parquet

    def lose_one(*arguments, **named):
        totals = measure(*arguments, **named)
        return replace(totals, fingerprint=str(int(totals.fingerprint) + 1))

    monkeypatch.setattr(raw_table, "measure_parquet", lose_one)
    with pytest.raises(ReconciliationError, match="fingerprint"):
        extract_division(estate)
    assert_no_layer(estate)


def test_file_that_changes_while_it_is_read_stops_the_run_and_the_table_is_not_kept(estate, tmp_path) -> None:
    export = tmp_path / "export" / "people_2.txt"

    def append(table: str, *_: object) -> None:
        if table == "files.people":
            export.write_bytes(export.read_bytes() + b"4|late\n")

    with pytest.raises(SourceError, match="files that changed while they were read"):
        extract_division(estate, append)
    assert_no_layer(replace(estate, run_id="20260102T000000Z"))
    assert find_manifest(estate, Layer.RAW) is None
    result = extract_division(estate)
    assert {t.name: t.rows for t in result.tables}["files/people"] == len(export.read_bytes().splitlines())


def test_fewer_files_than_last_time_are_a_finding(estate, tmp_path) -> None:
    """A part of a split table is not delivered: its records would pass for deleted ones."""
    extract_division(estate)
    (tmp_path / "export" / "people_2.txt").rename(tmp_path / "people_2.txt")
    (tmp_path / "export" / "people_1.txt").write_bytes(b"NO|NAME\n1|x\n3|z\n")
    second = replace(estate, run_id="20260102T000000Z")
    extract_division(second)
    (found,) = [f for f in read_contract(second)["files.people"].findings if f.name is FindingName.FILES_GONE]
    assert (found.severity, found.count, found.base) == (Severity.WARN, 1, 2)
    assert "db.CRIME" in read_contract(second)
    assert read_contract(estate) == {}


def test_later_tables_are_kept_when_an_earlier_run_failed(estate, tmp_path) -> None:
    good = tmp_path / "export" / "people_1.txt"
    content = good.read_bytes()
    good.write_bytes(b"WRONG|NAME\n1|x\n")
    with pytest.raises(SourceError):
        extract_division(estate)
    good.write_bytes(content)
    assert extract_table(estate, "db", "CRIME").status is StageStatus.SKIPPED
    assert extract_division(estate).counts["rows"] == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"NO|NAME\n", "no rows"),
        (b"NO|NAME\n1|x\n1|y\n", "1 keys that stand for more than one"),
        (b"NO|NAME|NEW\n1|x|y\n", "unknown: NEW"),
        (b"NO\n1\n", "missing: NAME"),
        (b'NO|NAME\n1|"x\n', "never ends"),
    ],
)
def test_bad_source_gives_one_error_and_no_layer(tmp_path, make_context, content, said) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    table = {"key": ["NO"], "columns": ["NO", "NAME"], "files": "a.txt"}
    system = {"kind": "delimited", "location": tmp_path, "options": {"separator": "|"}}
    context = make_context({"files": {**system, "tables": {"people": table}}})
    with pytest.raises(SourceError, match=said):
        extract_division(context)
    assert_no_layer(context)


def test_equal_rows_pass_when_a_line_is_there_twice(tmp_path, make_context) -> None:
    (tmp_path / "a.txt").write_bytes(b"NO,NAME\n1,x\n1,x\n")
    table = {"key": ["NO"], "columns": ["NO", "NAME"], "files": "a.txt"}
    context = make_context({"files": {"kind": "delimited", "location": tmp_path, "tables": {"people": table}}})
    assert extract_division(context).counts["rows"] == 2


def test_empty_table_passes_when_the_pack_allows_it(tmp_path, make_context) -> None:
    (tmp_path / "a.txt").write_bytes(b"NO\n")
    table = {"key": ["NO"], "columns": ["NO"], "files": "a.txt", "options": {"allow_empty": True}}
    context = make_context({"files": {"kind": "delimited", "location": tmp_path, "tables": {"people": table}}})
    assert extract_division(context).counts["rows"] == 0


def test_missing_and_unreachable_sources_give_one_error_and_no_layer(tmp_path, make_context) -> None:
    for kind, place in (("delimited", tmp_path / "gone"), ("database", "postgresql://u@127.0.0.1:1/x")):
        table = {"key": ["NO"], "columns": ["NO"], "files": "*.txt"}
        context = make_context({"s": {"kind": kind, "location": place, "tables": {"t": table}}})
        with pytest.raises(SourceError):
            extract_division(context)
        assert_no_layer(context)


def test_second_run_is_stopped_when_the_extract_lost_most_of_its_rows(tmp_path, make_context) -> None:
    def run(run_id: str, rows: int, stage=extract_division, **options: object):
        lines = "".join(f"{i},name {i}\n" for i in range(rows))
        (tmp_path / "a.txt").write_text("NO,NAME\n" + lines)
        table = {"key": ["NO"], "columns": ["NO", "NAME"], "files": "a.txt", "options": options}
        made = make_context({"files": {"kind": "delimited", "location": tmp_path, "tables": {"people": table}}})
        return stage(RunContext(made.settings, made.division, run_id))

    assert run("20260101T000000Z", 100).counts["findings"] == 0
    assert run("20260102T000000Z", 99).counts["findings"] == 0
    with pytest.raises(QualityError, match=r"files\.people: STOP RECORDS_GONE: 79 of 99"):
        run("20260103T000000Z", 20)
    with pytest.raises(QualityError, match="RECORDS_GONE"):
        run("20260103T000000Z", 20)
    with pytest.raises(QualityError, match="RECORDS_GONE"):
        run("20260103T000000Z", 20, map_division)
    accepted = ["RECORDS_GONE", "VOLUME_OUTSIDE_BOUNDS"]
    assert run("20260103T000000Z", 20, accept_findings=accepted).counts["rows"] == 20


def test_connection_that_breaks_at_any_question_is_one_error_that_names_the_table(estate, monkeypatch) -> None:
    """Whatever the database is asked before its rows are read: misfits, how many rows there are, where to cut them."""
    ask, asked, breaks_at = Session.fetch_one, [], 0

    def fetch(session: Session, sql: str) -> tuple[object, ...]:
        asked.append(sql)
        if len(asked) > breaks_at:
            raise sqlite3.OperationalError("gone")
        return ask(session, sql)

    monkeypatch.setattr(Session, "fetch_one", fetch)
    while find_manifest(estate, Layer.RAW) is None:
        asked.clear()
        try:
            extract_division(estate)
        except SourceError as error:
            assert "db.CRIME" in str(error)
            assert "stopped answering" in str(error)
        breaks_at += 1
    assert breaks_at > 3
