"""SQLite read through its C interface gives what its Python driver gives, byte for byte, in the session's snapshot."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from migration.errors import SourceError
from migration.extract import sqlite
from migration.extract.connections import open_session
from migration.extract.database import DatabaseReader
from migration.extract.raw_table import ROWS, write_table
from migration.extract.readers import open_reader
from migration.extract.sqlite import SqliteReader
from migration.extract.sqlite_library import load_library
from migration.mapping.model import SourceKind

COLUMNS = ["ID", "N", "MONEY", "SMALL", "MIXED", "R", "B", "D", "EMPTY"]
TABLE = """
CREATE TABLE CRIME (ID integer, N varchar(20), MONEY numeric(12,2), SMALL numeric(4,2), MIXED integer, R real, B blob,
  D date, EMPTY numeric(5,1));
INSERT INTO CRIME VALUES
  (9223372036854775807, 'NUL' || char(0) || 'L', 0.07, 1, 'text', 0.1, x'00ff', '2020-02-30', NULL),
  (-9223372036854775808, '', -9999999999.99, 99.99, 2, -1e300, x'', 5, NULL),
  (0, NULL, NULL, -0.0, x'c3', NULL, NULL, NULL, NULL), (2, 'É', 12345.1, 100, 1.5, 3, x'41', x'41', NULL),
  (3, CAST(x'C96C' AS text), 3, 0.5, NULL, 1e999, NULL, 1.1, NULL);
WITH RECURSIVE s(g) AS (SELECT 10 UNION ALL SELECT g + 1 FROM s WHERE g < 20000)
INSERT INTO CRIME SELECT g * -7919 % 100003, 'name ' || g, round(g * 0.01, 2), g % 99,
  g, g / 7.0, zeroblob(g % 5), g, NULL FROM s;
"""


@pytest.fixture
def take(make_source, context, tmp_path):
    """Extract a table into a folder, plainly or not."""

    def extract(path, columns, name, *, is_plain=False, connections=2, **options):
        options |= {"plain": True} if is_plain else {}
        source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", columns, key=columns[:1], **options)
        source = replace(source, system=replace(source.system, max_connections=connections))
        with open_reader(source) as reader:
            assert type(reader) is (DatabaseReader if is_plain else SqliteReader)
            facts = write_table(context, source, reader, tmp_path / name, "key")
        return facts, (tmp_path / name / ROWS).read_bytes()

    return extract


def test_parquet_and_totals_are_those_of_the_driver_when_values_are_of_every_kind(make_database, take) -> None:
    path = make_database(TABLE)
    plain, rows = take(path, COLUMNS, "plain", is_plain=True)
    fast, fast_rows = take(path, COLUMNS, "fast")
    alone, alone_rows = take(path, COLUMNS, "alone", connections=1)
    assert plain.quarantined == 1
    assert rows == fast_rows == alone_rows
    assert plain.facts["control_totals"] == fast.facts["control_totals"] == alone.facts["control_totals"]


@pytest.mark.parametrize("key", COLUMNS[:-1])
def test_rows_come_in_the_order_of_the_driver_when_the_key_is_of_any_kind(make_database, take, key) -> None:
    path, columns = make_database(TABLE), sorted(COLUMNS, key=lambda c: c != key)
    options = {"allow_duplicate_keys": True}
    assert take(path, columns, "a", is_plain=True, **options)[1] == take(path, columns, "b", **options)[1]


def test_rows_larger_than_a_piece_arrive_whole(make_database, take, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "PIECE_BYTES", 1000)
    path = make_database(TABLE + "INSERT INTO CRIME (ID, N, B) VALUES (1, printf('%5000d', 7), zeroblob(40000))")
    assert take(path, COLUMNS, "plain", is_plain=True)[1] == take(path, COLUMNS, "fast")[1]


@pytest.mark.parametrize("first", ["PRAGMA journal_mode = WAL;", "PRAGMA encoding = 'UTF-16';", ""])
def test_the_driver_reads_when_the_library_cannot(make_database, take, monkeypatch, first) -> None:
    """Where others may write beside the session's snapshot, where texts are not UTF-8, where there is no library."""
    path = make_database(TABLE)
    expected = take(path, COLUMNS, "expected")[1]
    path = make_database(first + TABLE.replace("CAST(x'C96C' AS text)", "NULL") if first else TABLE)
    if first:
        expected = take(path, COLUMNS, "plain", is_plain=True)[1]
    else:
        monkeypatch.setattr(sqlite, "load_library", lambda: None)
    monkeypatch.setattr(SqliteReader, "_read", None)
    assert take(path, COLUMNS, "other")[1] == expected


def test_further_connections_see_the_snapshot_of_the_session(make_database, make_source) -> None:
    path = make_database(TABLE)
    source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", COLUMNS, key=["ID"])
    with open_session(source.system, source.location) as session:
        with closing(sqlite3.connect(path, timeout=0)) as writer, pytest.raises(sqlite3.OperationalError):
            writer.execute("DELETE FROM CRIME")
            writer.commit()
        with open_reader(source, session) as reader:
            rows = sum(b.rows.num_rows + len(b.bad_lines) for b in reader.read_batches())
            assert rows == reader.measure_source(frozenset()).rows == 19_996


def test_a_writer_that_waits_does_not_stop_the_reading(make_database, make_source) -> None:
    path = make_database(TABLE)
    source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", COLUMNS, key=["ID"])
    with open_reader(source) as reader, closing(sqlite3.connect(path, timeout=0)) as writer:
        writer.execute("DELETE FROM CRIME")
        with pytest.raises(sqlite3.OperationalError):
            writer.commit()  # from now on no new reader is let in
        rows = sum(b.rows.num_rows + len(b.bad_lines) for b in reader.read_batches())
        assert rows == reader.measure_source(frozenset()).rows == 19_996


def test_damage_in_the_middle_stops_with_one_error(make_database, make_source) -> None:
    path = make_database(TABLE)
    content = bytearray(path.read_bytes())
    content[-40 * 4096 : -20 * 4096] = b"\xee" * (20 * 4096)
    path.write_bytes(bytes(content))
    source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", COLUMNS, key=["ID"])
    with pytest.raises(SourceError), open_reader(source) as reader:
        list(reader.read_batches())


def test_the_library_is_found_where_the_driver_is_linked_to_one() -> None:
    library = load_library()
    assert library is None or library.sqlite3_libversion_number() == int(
        "{}{:03}{:03}".format(*sqlite3.sqlite_version_info)
    )
