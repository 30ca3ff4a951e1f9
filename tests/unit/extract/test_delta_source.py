"""The delta of a live table makes the new full extract of the last one, without reading the table again."""

import sqlite3
from dataclasses import replace

import pytest

from migration.errors import ConfigError, ReconciliationError
from migration.extract.connections import open_session
from migration.extract.database import DatabaseReader
from migration.extract.delta import DeltaCounts, apply_delta, content_hash
from migration.extract.delta_source import extract_delta
from migration.extract.raw_table import ROWS, write_table
from migration.extract.readers import open_reader
from migration.mapping.model import SourceKind

COLUMNS = ["YEAR_NO", "SERIAL_NO", "NAME", "VALUE_GBP", "CHANGED"]
TABLE = """
CREATE TABLE CRIME (YEAR_NO text, SERIAL_NO integer, NAME text, VALUE_GBP numeric(12,2), CHANGED text);
WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 1500)
INSERT INTO CRIME SELECT '20' || (10 + g % 5), g, 'it''s ' || g, g * 0.5, '2020-01-01' FROM s;
"""
EDITS = """
DELETE FROM CRIME WHERE SERIAL_NO IN (3, 4);
UPDATE CRIME SET NAME = NULL, CHANGED = '2020-02-01' WHERE SERIAL_NO % 3 = 0;
UPDATE CRIME SET VALUE_GBP = 0, CHANGED = '2019-01-01' WHERE SERIAL_NO = 7;
INSERT INTO CRIME VALUES ('2021', 9001, '', NULL, '2020-02-02');
"""


@pytest.mark.parametrize("changed_by", ["CHANGED", None])
def test_full_extract_with_delta_is_the_new_full_extract(
    make_database, make_source, context, tmp_path, changed_by
) -> None:
    path = make_database(TABLE)
    source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", COLUMNS, key=["YEAR_NO", "SERIAL_NO"])
    source = replace(source, table=replace(source.table, changed_by=changed_by))

    def take_full(name: str):
        with open_reader(source) as reader:
            write_table(context, source, reader, tmp_path / name, name)
        return tmp_path / name / ROWS

    old = take_full("old")
    with sqlite3.connect(path) as connection:
        connection.executescript(EDITS)
    connection.close()
    delta, result = tmp_path / "delta.parquet", tmp_path / "result.parquet"
    with open_session(source.system, source.location) as session:
        counts = extract_delta(context.settings, DatabaseReader(source, session), old, delta)
    assert counts == DeltaCounts(inserted=1, updated=500, deleted=2)
    assert apply_delta(context.settings, old, delta, source.table.key, result) == 1499
    assert content_hash(context.settings, result) == content_hash(context.settings, take_full("new"))


def test_table_without_a_key_is_a_settings_error(make_database, make_source, context, tmp_path) -> None:
    path = make_database("CREATE TABLE CRIME (A text)")
    source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", ["A"])
    with open_session(source.system, source.location) as session, pytest.raises(ConfigError, match="no key"):
        extract_delta(context.settings, DatabaseReader(source, session), tmp_path / "f.parquet", tmp_path / "d.parquet")


@pytest.mark.parametrize(("column", "changed_by"), [("NAME", None), ("NAME", "CHANGED"), ("YEAR_NO", "CHANGED")])
def test_delta_stops_when_the_text_of_a_changed_row_cannot_be_decoded(
    make_database, make_source, context, tmp_path, column, changed_by
) -> None:
    path = make_database(TABLE)
    source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", COLUMNS, key=["YEAR_NO", "SERIAL_NO"])
    source = replace(source, table=replace(source.table, changed_by=changed_by))
    with open_reader(source) as reader:
        write_table(context, source, reader, tmp_path / "old", "old")
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE CRIME SET {column} = CAST(x'C96C' AS text), CHANGED = '2021' WHERE SERIAL_NO = 9")
    connection.close()
    with (
        open_session(source.system, source.location) as session,
        pytest.raises(ReconciliationError, match="cannot be decoded"),
    ):
        extract_delta(
            context.settings, DatabaseReader(source, session), tmp_path / "old" / ROWS, tmp_path / "delta.parquet"
        )
