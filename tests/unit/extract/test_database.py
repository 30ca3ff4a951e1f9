"""Tables of a SQLite system arrive exactly, in one snapshot, in the order of their key."""

import subprocess
import sys
from decimal import Decimal

import pyarrow as pa
import pytest

from migration.errors import ConfigError, SourceError
from migration.extract.reader import SOURCE_ROW as ROW
from migration.extract.readers import open_reader
from migration.mapping.model import SourceKind

TYPED = """
CREATE TABLE CRIME (ID integer PRIMARY KEY, NAME varchar(20), VALUE_GBP numeric(12,2), D date, R real, B blob);
INSERT INTO CRIME VALUES (2, '', 12.5, '2020-02-30', 0.1, x'00ff'), (1, NULL, 3, NULL, NULL, NULL),
  (10, 'NUL' || char(0) || 'L', 0.07, '', 1e300, x'');
"""


def read_all(source):
    with open_reader(source) as reader:
        batches = list(reader.read_batches())
        bad = frozenset(line.source_row for b in batches for line in b.bad_lines)
        return pa.Table.from_batches([b.rows for b in batches]), reader.measure_source(bad)


def test_values_and_types_are_exact_when_they_keep_to_the_declaration(make_database, make_source) -> None:
    path = make_database(TYPED)
    columns = ["ID", "NAME", "VALUE_GBP", "D", "R", "B"]
    table, totals = read_all(make_source(SourceKind.DATABASE, f"sqlite:///{path}", columns, key=["ID"]))
    assert table.schema.field("VALUE_GBP").type == pa.decimal128(12, 2)
    assert table.to_pylist() == [
        {"ID": 1, "NAME": None, "VALUE_GBP": Decimal("3.00"), "D": None, "R": None, "B": None, ROW: 1},
        {
            "ID": 2,
            "NAME": "",
            "VALUE_GBP": Decimal("12.50"),
            "D": "2020-02-30",
            "R": 0.1,
            "B": b"\0\xff",
            ROW: 2,
        },
        {"ID": 10, "NAME": "NUL\0L", "VALUE_GBP": Decimal("0.07"), "D": "", "R": 1e300, "B": b"", ROW: 3},
    ]
    assert totals.rows == 3
    assert totals.columns[2].sum == "15.57"


def test_column_turns_to_text_when_a_value_breaks_its_declaration(make_database, make_source) -> None:
    path = make_database(
        "CREATE TABLE CRIME (ID integer, N numeric(5,2)); INSERT INTO CRIME VALUES (1, 1.005), ('a', 2)"
    )
    table, _ = read_all(make_source(SourceKind.DATABASE, f"sqlite:///{path}", ["ID", "N"], key=["ID"]))
    assert [(r["ID"], r["N"]) for r in table.to_pylist()] == [("1", "1.005"), ("a", "2")]


def test_names_follow_the_pack_when_only_their_case_differs(make_database, make_source) -> None:
    path = make_database("CREATE TABLE Crime (cr_no text); INSERT INTO Crime VALUES ('x')")
    table, _ = read_all(make_source(SourceKind.DATABASE, f"sqlite:///{path}", ["CR_NO"], key=["CR_NO"]))
    assert table.column_names == ["CR_NO", ROW]


def test_sample_keeps_related_rows_together_when_keys_are_shared(make_database, make_source) -> None:
    values = ",".join(f"('{i}', 'TY/{i // 3}')" for i in range(300))
    path = make_database(f"CREATE TABLE CRIME (ID text, CR_NO text); INSERT INTO CRIME VALUES {values}")
    source = make_source(
        SourceKind.DATABASE, f"sqlite:///{path}", ["ID", "CR_NO"], key=["ID"], percent=20, sample_by="CR_NO"
    )
    table, totals = read_all(source)
    reports = [r["CR_NO"] for r in table.to_pylist()]
    assert 0 < totals.rows == len(reports) < 150
    assert all(reports.count(r) == 3 for r in reports)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("CREATE TABLE OTHER (ID integer)", "no table crime"),
        ("CREATE TABLE CRIME (ID integer, EXTRA text)", "unknown: EXTRA"),
        ("CREATE TABLE CRIME (WRONG integer)", "missing: ID; unknown: WRONG"),
    ],
)
def test_table_not_as_the_pack_says_stops_with_one_error(make_database, make_source, script, said) -> None:
    source = make_source(SourceKind.DATABASE, f"sqlite:///{make_database(script)}", ["ID"], key=["ID"])
    with pytest.raises(SourceError, match=said):
        read_all(source)


def test_rows_are_held_back_and_measured_when_their_text_is_not_utf8(make_database, make_source) -> None:
    path = make_database(
        "CREATE TABLE CRIME (ID integer, N text); "
        "INSERT INTO CRIME VALUES (1, 'a'), (2, CAST(x'C96C' AS text)), (3, 'É')"
    )
    source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", ["ID", "N"], key=["ID"])
    with open_reader(source) as reader:
        batches = list(reader.read_batches())
        rows = [r for b in batches for r in b.rows.to_pylist()]
        bad = [line for b in batches for line in b.bad_lines]
        assert [(r["ID"], r["N"], r[ROW]) for r in rows] == [(1, "a", 1), (3, "É", 3)]
        assert [(line.source_row, line.content) for line in bad] == [(2, b"2\n\xc9l")]
        assert reader.measure_source(frozenset({2})).rows == 2 + reader.held_back.rows


def test_missing_database_stops_and_none_is_made(tmp_path, make_source) -> None:
    path = tmp_path / "gone.sqlite"
    with pytest.raises(SourceError, match="no file"):
        read_all(make_source(SourceKind.DATABASE, f"sqlite:///{path}", ["ID"]))
    assert not path.exists()


def test_damaged_database_stops_with_one_error(tmp_path, make_source) -> None:
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"\xee" * 5000)
    with pytest.raises(SourceError):
        read_all(make_source(SourceKind.DATABASE, f"sqlite:///{path}", ["ID"]))


@pytest.mark.parametrize("url", ["postgresql://u:secret@127.0.0.1:1/db", "mysql://u:secret@127.0.0.1:1/db"])
def test_unreachable_database_stops_without_showing_its_password(make_source, url) -> None:
    with pytest.raises(SourceError, match="no answer") as caught:
        read_all(make_source(SourceKind.DATABASE, url, ["ID"]))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["not a url", "db2+ibm_db://host/db"])
def test_unusable_url_is_a_settings_error(make_source, url) -> None:
    with pytest.raises(ConfigError):
        read_all(make_source(SourceKind.DATABASE, url, ["ID"]))


def test_nothing_can_be_written_when_a_session_is_open(make_database, make_source) -> None:
    from migration.extract.connections import open_session

    path = make_database("CREATE TABLE CRIME (ID integer)")
    source = make_source(SourceKind.DATABASE, f"sqlite:///{path}", ["ID"])
    with open_session(source.system, source.location) as session, pytest.raises(Exception, match="readonly"):
        session.driver.execute("INSERT INTO CRIME VALUES (1)")


def test_reading_a_database_imports_no_reader_of_files_or_of_other_servers() -> None:
    unwanted = {"openpyxl", "lxml", "python_calamine", "duckdb", "pymysql", "psycopg", "pandas"}
    code = f"import sys, migration.extract.readers, migration.extract.raw_table; print({unwanted} & {{*sys.modules}})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
