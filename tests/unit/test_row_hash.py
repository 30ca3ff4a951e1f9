"""The hash of a record's values: what changes it and what does not."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from migration.row_hash import hash_table, row_hashes, xxh64

COLUMNS = {
    "text": pa.array(["a", None, "", "é" * 40, "a"]),
    "number": pa.array([1, 2, None, -4, 1], pa.int64()),
    "day": pa.array([date(2020, 1, 1), None, date(1900, 1, 1), date(2020, 1, 1), date(2020, 1, 1)]),
    "time": pa.array([datetime(2020, 1, 1, tzinfo=UTC)] * 4 + [None], pa.timestamp("us", tz="UTC")),
    "truth": pa.array([True, False, None, True, True]),
}


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (b"", 0xEF46DB3751D8E999),
        (b"abc", 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ],
)
def test_xxh64_gives_the_published_values(text: bytes, known: int) -> None:
    assert xxh64(np.frombuffer(text + b"\0", np.uint8), 0, len(text), np.uint64(0)) == known


def test_row_hash_does_not_depend_on_the_order_of_columns_or_on_their_encoding() -> None:
    hashes = row_hashes(COLUMNS, 5)
    encoded = {c: v.dictionary_encode() if c == "text" else v for c, v in reversed(COLUMNS.items())}
    assert row_hashes(encoded, 5).equals(hashes)
    assert hash_table(pa.table(COLUMNS).slice(2), list(COLUMNS)).equals(hashes.slice(2))
    assert len(set(hashes.to_pylist())) == 5
    assert {len(h) for h in hashes.to_pylist()} == {32}


def test_absent_value_is_not_an_empty_text_and_a_value_counts_under_its_name() -> None:
    first = row_hashes({"a": pa.array(["x", None, ""]), "b": pa.array(["y", "z", "z"])}, 3).to_pylist()
    second = row_hashes({"a": pa.array(["y", "z", "z"]), "b": pa.array(["x", None, ""])}, 3).to_pylist()
    assert len({*first, *second}) == 6


def test_one_changed_value_changes_the_hash() -> None:
    before = row_hashes(COLUMNS, 5).to_pylist()
    for column, values in COLUMNS.items():
        changed = row_hashes({**COLUMNS, column: values.take(pa.array([1, 0, 1, 1, 1]))}, 5).to_pylist()
        assert all(
            (a == b) == values[i].equals(values[j])
            for i, (a, b, j) in enumerate(zip(before, changed, [1, 0, 1, 1, 1], strict=True))
        )
