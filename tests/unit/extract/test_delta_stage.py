"""A run made of the last one and what changed since has the raw layer of a new full extract."""

import sqlite3
from dataclasses import replace

import pytest

from migration.errors import ConfigError, SourceError
from migration.extract import sqlite, stage
from migration.extract.delta_stage import DELTA_FACTS, DeltaMethod, delta_folder, find_base, read_deltas
from migration.extract.stage import extract_division, extract_table, finish_extract, list_tables
from migration.layers import hash_file, read_manifest
from migration.records import Layer, StageStatus

TABLES = """
CREATE TABLE REPORT (NO integer, STATUS text, VALUE numeric(12,2), CHANGED text);
CREATE TABLE PERSON (YEAR_NO text, SEQ integer, NAME text);
WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 3000)
INSERT INTO REPORT SELECT g, 'O' || g % 4, g * 0.25, '2020-01-01' FROM s;
WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 900)
INSERT INTO PERSON SELECT '20' || (10 + g % 5), g, 'it''s ~' || g FROM s;
"""
LATE_EDITS = """
UPDATE REPORT SET STATUS = NULL, CHANGED = '2019-06-01' WHERE NO IN (5, 700, 2999);
DELETE FROM REPORT WHERE NO IN (6, 7);
INSERT INTO REPORT VALUES (9001, '', 1.5, NULL);
UPDATE PERSON SET NAME = '' WHERE SEQ = 17;
DELETE FROM PERSON WHERE SEQ = 18;
INSERT INTO PERSON VALUES ('2031', 18, 'moved');
"""
BEATS = "CODE,NAME,EXPORTED\n" + "".join(f"A{i},Beat {i},1\n" for i in range(40))
CHANGED_BEATS = (
    "CODE,NAME,EXPORTED\nB1,East,2\n" + "".join(f"A{i},Beat {i},2\n" for i in range(38, 0, -1)) + "A0,Upper Beat 0,2\n"
)
"""One beat new, one renamed, one gone, in another order, on another day."""


@pytest.fixture
def estate(tmp_path, make_context, make_database):
    """A database and a folder of files; its first full extract; a function that changes it."""
    path = make_database(TABLES)
    files = tmp_path / "files"
    files.mkdir()
    (files / "beats.csv").write_text(BEATS)
    report = {"key": ["NO"], "columns": ["NO", "STATUS", "VALUE", "CHANGED"], "changed_by": "CHANGED"}
    person = {"key": ["YEAR_NO", "SEQ"], "columns": ["YEAR_NO", "SEQ", "NAME"]}
    beats = {"key": ["CODE"], "columns": ["CODE", "NAME", "EXPORTED"], "files": "*.csv"}
    beats["options"] = {"delta_ignored": ["EXPORTED"]}
    first = make_context(
        {
            "db": {
                "kind": "database",
                "location": f"sqlite:///{path}",
                "tables": {"REPORT": report, "PERSON": person},
            },
            "files": {"kind": "delimited", "location": files, "tables": {"beats": beats}},
        }
    )
    extract_division(first)

    def change(script: str, beats_csv: str = "") -> None:
        with sqlite3.connect(path) as connection:
            connection.executescript(script)
        connection.close()
        if beats_csv:
            (files / "beats.csv").write_text(beats_csv)

    return first, change


def later(first, second: int):
    return replace(first, run_id=f"20260101T0000{second:02}Z")


def raw_hashes(context) -> dict[str, str]:
    return {t.name: t.content_hash for t in read_manifest(context, Layer.RAW).tables}


def test_raw_layer_made_by_deltas_is_that_of_a_full_extract(estate) -> None:
    first, change = estate
    change(LATE_EDITS, CHANGED_BEATS)
    by_delta, whole = later(first, 1), later(first, 2)
    extract_division(by_delta, base=find_base(by_delta))
    found = {d.table: d for d in read_deltas(by_delta)}
    keys = {name: (d.method, d.inserted, d.updated, d.deleted) for name, d in found.items()}
    assert keys == {
        "db/REPORT": (DeltaMethod.WATERMARK, 1, 3, 2),
        "db/PERSON": (DeltaMethod.KEY_AND_HASH, 1, 1, 1),
        "files/beats": (DeltaMethod.KEY_AND_HASH, 1, 1, 1),
    }
    assert all(d.sha256 == hash_file(delta_folder(by_delta) / f"{name}.parquet") for name, d in found.items())
    extract_division(whole)
    assert raw_hashes(by_delta) == raw_hashes(whole)
    assert read_deltas(whole) == ()


def test_tables_taken_one_by_one_make_the_layer_of_a_full_extract(estate) -> None:
    """As mapped tasks take them: each on its own, tried again, then the layer closed."""
    first, change = estate
    change(LATE_EDITS, CHANGED_BEATS)
    by_delta, whole = later(first, 1), later(first, 2)
    taken = {t: extract_table(by_delta, s, t, first) for s, t in list_tables(by_delta)}
    keys = {t: tuple(r.counts[c] for c in ("inserted", "updated", "deleted")) for t, r in taken.items()}
    assert keys == {"REPORT": (1, 3, 2), "PERSON": (1, 1, 1), "beats": (1, 1, 1)}
    assert extract_table(by_delta, "db", "PERSON", first).status is StageStatus.SKIPPED
    finish_extract(by_delta)
    assert {d.base_run for d in read_deltas(by_delta)} == {first.run_id}
    assert extract_table(by_delta, "db", "PERSON", first).status is StageStatus.SKIPPED
    extract_division(whole)
    assert raw_hashes(by_delta) == raw_hashes(whole)


def test_later_stages_find_the_extract_current_after_a_delta(estate) -> None:
    first, change = estate
    change(LATE_EDITS)
    run = later(first, 1)
    assert extract_division(run, base=first).status is StageStatus.DONE
    assert extract_division(run).status is StageStatus.SKIPPED
    assert len(read_deltas(run)) == 3


def test_table_is_read_whole_and_says_so_when_its_watermark_is_not_kept(estate) -> None:
    """A batch job edits a record without touching the time of its last change."""
    first, change = estate
    change("UPDATE REPORT SET STATUS = 'Z' WHERE NO = 44")
    by_delta, whole = later(first, 1), later(first, 2)
    extract_division(by_delta, base=first)
    report = next(d for d in read_deltas(by_delta) if d.table == "db/REPORT")
    assert (report.method, report.rows) == (DeltaMethod.WHOLE, 3000)
    assert "proof" in report.reason
    extract_division(whole)
    assert raw_hashes(by_delta) == raw_hashes(whole)


def test_many_changes_are_read_in_one_pass(estate) -> None:
    first, change = estate
    change(
        "UPDATE REPORT SET STATUS = 'Z', CHANGED = '2020-05-05' WHERE NO > 300;"
        "UPDATE PERSON SET NAME = NAME || '!' WHERE SEQ % 3 > 0"
    )
    by_delta, whole = later(first, 1), later(first, 2)
    extract_division(by_delta, base=first)
    assert [d.updated for d in read_deltas(by_delta)] == [2700, 600, 0]
    extract_division(whole)
    assert raw_hashes(by_delta) == raw_hashes(whole)


def test_delta_broken_off_between_tables_goes_on_with_the_rest(estate, monkeypatch) -> None:
    first, change = estate
    change(LATE_EDITS)
    run, staged = later(first, 1), stage.stage_delta

    def break_at_person(*arguments):
        if arguments[3].table.name == "PERSON":
            raise SourceError("db.PERSON", "a broken connection", "an answer", "Run again.")
        return staged(*arguments)

    monkeypatch.setattr(stage, "stage_delta", break_at_person)
    with pytest.raises(SourceError, match="broken connection"):
        extract_division(run, base=first)
    seen = []
    monkeypatch.setattr(stage, "stage_delta", lambda *a: seen.append(a[3].table.name) or staged(*a))
    extract_division(run, base=first)
    assert seen == ["PERSON", "beats"]
    assert [d.inserted for d in read_deltas(run)] == [1, 1, 0]


def test_table_with_a_floating_column_and_no_watermark_is_read_whole(make_database, make_context, tmp_path) -> None:
    path = make_database("CREATE TABLE T (ID integer, X double); INSERT INTO T VALUES (1, 0.5), (2, 0.25)")
    tables = {"T": {"key": ["ID"], "columns": ["ID", "X"]}}
    first = make_context({"db": {"kind": "database", "location": f"sqlite:///{path}", "tables": tables}})
    extract_division(first)
    run = later(first, 1)
    extract_division(run, base=first)
    assert "floating point" in read_deltas(run)[0].reason


def test_delta_without_an_earlier_extract_is_refused(context) -> None:
    with pytest.raises(ConfigError, match="no earlier extract"):
        find_base(context)


def test_staged_table_of_another_base_is_not_taken(estate) -> None:
    first, _ = estate
    folder = first.folder / "table"
    folder.mkdir()
    (folder / DELTA_FACTS).write_text('{"base_run": "20250101T000000Z"}')
    assert not stage.is_delta_staged(folder, first)


def test_table_is_read_whole_and_the_row_put_in_quarantine_when_a_changed_text_cannot_be_decoded(estate) -> None:
    first, change = estate
    change("UPDATE PERSON SET NAME = CAST(x'C96C' AS text) WHERE SEQ = 17")
    second = later(first, 1)
    extract_division(second, base=first)
    person = next(t for t in read_deltas(second) if t.table == "db/PERSON")
    assert (person.method, person.rows) == (DeltaMethod.WHOLE, 899)
    assert "cannot be decoded" in person.reason
    assert read_manifest(second, Layer.RAW).facts["quarantined"]["db.PERSON"] == 1


def test_delta_of_files_does_not_call_a_record_deleted_that_can_be_read_no_more(estate) -> None:
    """The record of a key is ragged today: its key is not gone. Tomorrow the same line is known to be unread."""
    first, change = estate
    change("", BEATS.replace("A7,Beat 7,1\n", "A7\n"))
    second, third = later(first, 1), later(first, 3)
    extract_division(second, base=first)
    beats = next(t for t in read_deltas(second) if t.table == "files/beats")
    assert (beats.method, beats.deleted, beats.rows, beats.sha256) == (DeltaMethod.WHOLE, 0, 39, "")
    assert "cannot be told apart" in beats.reason
    assert not (delta_folder(second) / "files/beats.parquet").exists()
    change("", BEATS.replace("A7,Beat 7,1\n", "A7\n").replace("A9,Beat 9,1\n", ""))
    extract_division(third, base=second)
    beats = next(t for t in read_deltas(third) if t.table == "files/beats")
    assert (beats.method, beats.inserted, beats.deleted) == (DeltaMethod.KEY_AND_HASH, 0, 1)


def test_changed_rows_are_read_to_their_end_when_one_cannot_be_decoded(estate, monkeypatch) -> None:
    """A result that is broken off closes the session of some engines, and the table is then read whole in it."""
    first, change = estate
    change("UPDATE PERSON SET NAME = NAME || '!'; UPDATE PERSON SET NAME = CAST(x'C96C' AS text) WHERE SEQ = 1")
    monkeypatch.setattr(sqlite, "BATCH_ROWS", 50)
    read, ended = sqlite.SqliteReader.read_stored, []

    def watched(reader):
        yield from read(reader)
        ended.append(reader.source.table.name)

    monkeypatch.setattr(sqlite.SqliteReader, "read_stored", watched)
    second = later(first, 1)
    extract_division(second, base=first)
    assert ended.count("PERSON") == 2
    assert "1 rows or more" in read_deltas(second)[1].reason
