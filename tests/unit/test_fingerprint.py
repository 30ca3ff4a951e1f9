"""Hashes of rows and tables: equal content, equal hash; any change of content, another."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.fingerprint import combine_hashes, quote, row_hash_sql, table_hash

ROWS = st.lists(
    st.tuples(st.one_of(st.none(), st.text(max_size=5)), st.one_of(st.none(), st.integers(-9, 9))), max_size=8
)


def hash_rows(rows: list[tuple[str | None, int | None]], threads: int = 1) -> tuple[int, str]:
    data = pa.table({"a": pa.array([r[0] for r in rows], pa.string()), "b": pa.array([r[1] for r in rows], pa.int64())})
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.register("data", data)
        return table_hash(connection, "data", ["b", "a"])


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms())
def test_table_hash_does_not_depend_on_row_order_or_threads(rows, random):
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert hash_rows(rows) == hash_rows(shuffled, threads=2)


@settings(max_examples=60, deadline=None)
@given(ROWS.filter(bool))
def test_table_hash_changes_when_a_row_is_doubled_or_lost(rows):
    assert hash_rows([*rows, rows[0]]) != hash_rows(rows)
    assert hash_rows(rows[1:]) != hash_rows(rows)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_table_hash_is_equal_only_for_equal_content(left, right):
    key = [(r[0] is None, r[0] or "", r[1] is None, r[1] or 0) for r in left]
    other = [(r[0] is None, r[0] or "", r[1] is None, r[1] or 0) for r in right]
    assert (hash_rows(left) == hash_rows(right)) == (sorted(key) == sorted(other))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([(None, 1)], [("", 1)]),
        ([("N", None)], [(None, None)]),
        ([("a", 1), ("b", 2)], [("a", 2), ("b", 1)]),
        ([("V1:x", None)], [("V1", None)]),
    ],
    ids=["null or empty", "text N or null", "payloads swapped", "encoded text as value"],
)
def test_table_hash_tells_alike_rows_apart(left, right):
    assert hash_rows(left) != hash_rows(right)


def test_table_hash_leaves_the_run_out():
    with duckdb.connect() as connection:
        first = table_hash(connection, "(SELECT 1 AS a, 'r1' AS run_id)", ["a", "run_id"])
        second = table_hash(connection, "(SELECT 1 AS a, 'r2' AS run_id)", ["run_id", "a"])
    assert first == second


def test_row_hash_does_not_depend_on_column_order():
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT {row_hash_sql(['a', 'b'])} = {row_hash_sql(['b', 'a'])} FROM (SELECT 1 AS a, NULL AS b)"
        ).fetchone()
    assert found == (True,)


def test_quote_doubles_quotation_marks():
    assert quote('a"b') == '"a""b"'


def test_combine_hashes_depends_on_order():
    assert combine_hashes(["a", "b"]) != combine_hashes(["b", "a"])
