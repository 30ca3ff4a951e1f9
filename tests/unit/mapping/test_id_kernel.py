"""Ids made sixteen at a time are those made one by one."""

import pyarrow as pa
import pytest

from migration.mapping.id_kernel import record_ids
from migration.mapping.keys import record_id

KEYS = ["", "é", "TY/0000001/2010#group", *("x" * size for size in range(70))]


@pytest.mark.parametrize("table", ["T", "A_TABLE_WITH_A_LONG_NAME", "T" * 60])
def test_ids_of_a_column_are_those_of_each_key(table: str) -> None:
    ids = record_ids("X", "system", table, pa.array(KEYS))
    assert ids.to_pylist() == [record_id("X", "system", table, key) for key in KEYS]


def test_ids_of_a_slice_are_those_of_its_keys() -> None:
    ids = record_ids("X", "system", "T", pa.array(KEYS).slice(3, 5))
    assert ids.to_pylist() == [record_id("X", "system", "T", key) for key in KEYS[3:8]]


def test_no_keys_have_no_ids() -> None:
    assert record_ids("X", "system", "T", pa.array([], pa.string())).to_pylist() == []
