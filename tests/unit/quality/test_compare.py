"""Comparing any two tables."""

from pathlib import Path

import duckdb
import pytest

from migration.errors import ConfigError
from migration.quality.compare import Comparison, Options, compare_tables
from migration.quality.compare_sources import open_tables, pair_tables
from migration.settings import Settings

LEFT = "(VALUES (1, 'Anna', 1.0), (2, 'Boyd', 2.0), (3, NULL, 3.0), (4, 'Dunn', 4.0)) AS l(id, name, n)"


def compare(right: str, options: Options | None = None, left: str = LEFT) -> Comparison:
    with duckdb.connect() as session:
        session.execute(f"CREATE TABLE a AS SELECT * FROM {left}")
        session.execute(f"CREATE TABLE b AS SELECT * FROM {right}")
        return compare_tables(session, "a", "b", ["id"], options)


def test_same_rows_in_another_order_are_equal() -> None:
    result = compare(
        "(SELECT n, name, id FROM (" + LEFT.replace(" AS l(id, name, n)", ") AS l(id, name, n) ORDER BY 1 DESC)")
    )
    assert result.is_equal
    assert result.matched == 4


def test_cells_keys_and_columns_that_differ_are_counted_and_masked() -> None:
    rows = "(1, 'Anne', 1.0, 0), (2, 'Boyd', 2.5, 0), (3, 'Carr', 3.0, 0), (5, 'Ewan', 5.0, 0)"
    result = compare(f"(VALUES {rows}) AS r(id, name, n, x)")
    assert (result.only_left, result.only_right, result.matched, result.differing_rows) == (1, 1, 3, 3)
    assert (result.only_left_keys, result.only_right_keys) == (("4",), ("5",))
    assert result.columns_only_right == ("x",)
    by_column = {d.column: d for d in result.differences}
    assert by_column["name"].cells == 2
    assert by_column["name"].shapes == (("xxxx", "xxxx"), ("null", "xxxx"))
    assert by_column["n"].shapes == (("9.9", "9.9"),)
    assert "Anna" not in repr(result)


def test_doubled_keys_are_counted_and_not_matched_by_chance() -> None:
    result = compare(f"(SELECT * FROM {LEFT} UNION ALL SELECT 1, 'Other', 9.0) AS r")
    assert result.doubled_right == 2
    assert result.only_left == 1
    assert not result.is_equal


@pytest.mark.parametrize(
    ("right", "options"),
    [
        ("(SELECT id, name, n + 0.001 AS n FROM a)", Options(tolerance=0.01)),
        ("(SELECT id, name || ' ' AS name, n FROM a)", Options(trim=True)),
        ("(SELECT id, upper(name) AS name, n FROM a)", Options(ignore_case=True)),
        ("(SELECT id, 'x' AS name, n FROM a)", Options(ignored=frozenset({"name"}))),
    ],
)
def test_options_relax_what_they_say(right: str, options: Options) -> None:
    assert not compare(right).is_equal
    assert compare(right, options).is_equal


def test_missing_key_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="no column id on the right"):
        compare("(VALUES (1)) AS r(other)")


def test_folders_are_compared_table_by_table(settings: Settings, tmp_path: Path) -> None:
    for side in ("left", "right"):
        folder = tmp_path / side
        folder.mkdir()
        (folder / "t.csv").write_text("id,v\n1,a\n", encoding="utf-8")
    (tmp_path / "left" / "only.csv").write_text("id\n1\n", encoding="utf-8")
    with open_tables(settings, str(tmp_path / "left")) as one, open_tables(settings, str(tmp_path / "right")) as other:
        pairs = {name: (a is None, b is None) for name, a, b in pair_tables(one, other)}
    assert pairs == {"only": (False, True), "t": (False, False)}


def test_table_of_a_database_is_compared_with_a_file(settings: Settings, tmp_path: Path) -> None:
    import sqlite3

    database = tmp_path / "legacy.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE t (id TEXT, v TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [("1", "a"), ("2", None)])
    (tmp_path / "t.csv").write_text("id,v\n1,a\n2,\n", encoding="utf-8")
    with (
        open_tables(settings, f"sqlite:///{database}#t") as one,
        open_tables(settings, str(tmp_path / "t.csv")) as other,
        duckdb.connect() as session,
    ):
        assert compare_tables(session, one["table"], other["table"], ["id"]).is_equal


@pytest.mark.parametrize("name", ["nothing.parquet", "text.txt"])
def test_unknown_place_is_refused(settings: Settings, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigError), open_tables(settings, str(tmp_path / name)):
        pass
