"""Record ids are a function of the raw key alone, in Python and SQL alike."""

import duckdb
import pytest

from migration.mapping import keys


@pytest.mark.parametrize(("values", "group"), [(["1999/123"], "SUSPECT2"), (["a", "b|c"], ""), (["é"], "X")])
def test_python_and_sql_give_the_same_id(session: duckdb.DuckDBPyConnection, values: list[str], group: str) -> None:
    key = keys.source_key(values, group)
    columns = [f"'{v}'" for v in values]
    sql_key = keys.source_key_sql(columns, f"'{group}'" if group else "")
    row = session.execute(f"SELECT {sql_key}, {keys.record_id_sql('D', 'system', 'TABLE', sql_key)}").fetchone()
    assert row == (key, keys.record_id("D", "system", "TABLE", key))


def test_the_id_of_a_record_never_changes() -> None:
    assert keys.record_id("D", "s", "T", "1") == "5dd97dce48028a10658656c5746e49a9"


def test_an_absent_key_has_no_id(session: duckdb.DuckDBPyConnection) -> None:
    assert session.execute(f"SELECT {keys.record_id_sql('D', 's', 'T', 'NULL::VARCHAR')}").fetchone() == (None,)
