"""Control totals of batches and Parquet see every kind of damage, and are what plain Python makes of the values."""

import hashlib
import zlib
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migration.extract import totals_kernel as kernel
from migration.extract.measure import Measurement, may_repeat_keys, measure_batches, measure_parquet
from migration.extract.totals import ControlTotals, HashScheme, merge_totals, read_totals
from migration.extract.totals_image import write_as_mysql

ROWS = {
    "id": pa.array([3, 1, -(2**63), None], pa.int64()),
    "name": pa.array(["b", "", "Éa", None]),
    "money": pa.array([Decimal("-0.01"), Decimal("12.50"), None, Decimal("0.00")], pa.decimal128(12, 2)),
    "wide": pa.array([Decimal("-1234567890123456789012345678.01"), Decimal(0), None, Decimal(5)], pa.decimal128(38, 2)),
    "ratio": pa.array([0.1, -0.0, 1e300, None]),
    "flag": pa.array([True, False, None, True]),
    "raw": pa.array([b"\x00\xff", b"", None, b"a"]),
}
IMAGES = {
    "id": [b"3", b"1", b"-9223372036854775808", None],
    "name": [b"b", b"", "Éa".encode(), None],
    "money": [b"-0.01", b"12.50", None, b"0.00"],
    "raw": [b"00FF", b"", None, b"61"],
    "ratio": [b"3FB999999999999A", b"8000000000000000", b"7E37E43C8800759C", None],
}


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def measure(columns, scheme=HashScheme.LOOKUP3):
    batch = pa.RecordBatch.from_pydict(columns)
    return measure_batches(iter([batch]), batch.schema, scheme)


def numbers_of(totals):
    return {c.name: (c.non_null, c.minimum, c.maximum, c.sum) for c in totals.columns}


def test_totals_of_numbers_are_exact_when_they_are_wide_or_extreme() -> None:
    found = numbers_of(measure(ROWS))
    assert found["id"] == (3, "-9223372036854775808", "3", str(4 - 2**63))
    assert found["money"] == (3, "-0.01", "12.5", "12.49")
    assert found["wide"] == (3, "-1234567890123456789012345678.01", "5", "-1234567890123456789012345673.01")
    assert found["ratio"] == (3, "0.0", repr(1e300), None)
    assert found["flag"] == (3, None, None, None)


def test_fingerprints_are_sums_of_md5_numbers_when_measured_by_md5() -> None:
    found = {c.name: c.fingerprint for c in measure(ROWS, HashScheme.MD5).columns}
    for name, images in IMAGES.items():
        assert found[name] == str(sum(int(md5(i)[:15], 16) for i in images if i is not None)), name


def test_fingerprints_are_sums_of_crc_when_measured_by_crc32() -> None:
    totals = measure({n: ROWS[n] for n in ("id", "name", "money", "raw")}, HashScheme.CRC32)
    lines = ["3|b|-0.01|00FF", "1||12.50|", "-9223372036854775808|Éa|~|~", "~|~|0.00|61"]
    texts = [line.replace("|", "\x1f").replace("~", "\x1e").encode() for line in lines]
    assert totals.fingerprint == str(sum(zlib.crc32(str(zlib.crc32(t)).encode()) for t in texts))
    for column in totals.columns:
        assert column.fingerprint == str(sum(zlib.crc32(i) for i in IMAGES[column.name] if i is not None))


@pytest.mark.parametrize("scheme", HashScheme)
def test_totals_do_not_depend_on_order_or_batches(scheme, settings, tmp_path) -> None:
    table = pa.table(ROWS)
    whole = measure(ROWS, scheme)
    turned = table.take([3, 1, 0, 2])
    assert measure_batches(iter(turned.to_batches(max_chunksize=1)), table.schema, scheme) == whole
    pq.write_table(turned, tmp_path / "rows.parquet", row_group_size=3)
    assert measure_parquet(settings, tmp_path / "rows.parquet", table.schema, scheme=scheme) == whole


@pytest.mark.parametrize("scheme", HashScheme)
@pytest.mark.parametrize("name", ["id", "name", "money", "ratio", "raw"])
def test_values_exchanged_between_rows_are_seen(scheme, name) -> None:
    turned = ROWS | {name: ROWS[name].take(pa.array([1, 0, 2, 3]))}
    before, after = measure(ROWS, scheme), measure(turned, scheme)
    assert before.columns == after.columns
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize("scheme", HashScheme)
def test_two_values_changed_so_that_count_and_ends_stay_are_seen_in_their_column(scheme) -> None:
    before, after = (measure({"a": pa.array(v)}, scheme) for v in (["a", "m", "m", "z"], ["a", "n", "n", "z"]))
    assert before.columns[0].minimum == after.columns[0].minimum
    assert before.columns[0].fingerprint != after.columns[0].fingerprint


def test_measurements_of_two_parts_add_up() -> None:
    table = pa.table(ROWS)
    first, second = Measurement(table.schema), Measurement(table.schema)
    for part, rows in ((first, table.slice(0, 1)), (second, table.slice(1))):
        for batch in rows.to_batches():
            part.add(batch)
    first.merge(second)
    assert first.totals() == measure(ROWS)


def test_largest_number_is_nan_when_there_is_one() -> None:
    totals = measure({"x": pa.array([1.0, float("nan"), -1.0])})
    assert (totals.columns[0].minimum, totals.columns[0].maximum) == ("-1.0", "nan")


@pytest.mark.parametrize("size", [*range(26), 55, 56, 63, 64, 65, 200])
def test_compiled_hashes_equal_those_of_the_standard_library(size) -> None:
    text = bytes(33 + i * 7 % 90 for i in range(size))
    data = np.frombuffer(b"xx" + text + b"x", np.uint8)
    assert int(kernel.crc_bytes(data, 2, size, np.uint64(0))) == zlib.crc32(text)
    assert int(kernel.crc_bytes(data, 2, size, np.uint64(zlib.crc32(b"before")))) == zlib.crc32(b"before" + text)
    assert int(kernel.md5_number(data, 2, size)) == int(md5(text)[:15], 16)


WRITTEN = {0.1: "0.1", -1e-300: "-1e-300", 1e15: "1e15", 123456789012345.0: "123456789012345", -0.0: "-0", 3.0: "3"}
WRITTEN |= {1.5e-7: "0.00000015", 1.2345678901234568e17: "1.2345678901234568e17", 120.5: "120.5"}


@pytest.mark.parametrize(("value", "text"), WRITTEN.items())
def test_floating_point_numbers_are_written_as_mysql_does(value, text) -> None:
    assert write_as_mysql(value) == text


def test_repeated_keys_are_found_and_those_with_null_left_out(tmp_path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": [1, 1, None, None], "b": ["x", "y", "x", "x"]}), path)
    assert may_repeat_keys(path, ["a"])
    assert not may_repeat_keys(path, ["a", "b"])


def test_values_moved_between_columns_in_both_of_two_rows_are_seen() -> None:
    before = {"a": pa.array(["x", None]), "b": pa.array([None, "x"])}
    after = {"a": pa.array([None, "x"]), "b": pa.array(["x", None])}
    with_keys = {"k": pa.array([1, 2])}
    for scheme in HashScheme:
        first, second = measure(with_keys | before, scheme), measure(with_keys | after, scheme)
        assert first.columns == second.columns
        assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize("scheme", list(HashScheme))
@pytest.mark.parametrize(
    ("first", "second"), [(("~", None), (None, "~")), (("x|y", "z"), ("x", "y|z")), (("1:a", ""), ("", "1:a"))]
)
def test_values_exchanged_between_rows_are_seen_when_they_look_like_marks(scheme, first, second) -> None:
    def of(*rows: tuple[str | None, ...]) -> ControlTotals:
        names = {n: pa.array([row[i] for row in rows], pa.string()) for i, n in enumerate("ab")}
        return measure({"id": pa.array([1, 2])} | names, scheme)

    before, after = of(first, second), of(second, first)
    assert before.columns == after.columns
    assert before.fingerprint != after.fingerprint


def test_small_numbers_of_rows_are_hashed_by_their_digits() -> None:
    numbers = [0, 9, 10, 4294967295, 1000000000, 999999999]
    expected = sum(zlib.crc32(str(n).encode()) for n in numbers)
    assert int(kernel.finish_crc32(np.array(numbers, np.uint64))) == expected


def test_totals_are_the_same_when_a_file_lists_distinct_values(settings, tmp_path) -> None:
    texts = [None if n % 7 == 0 else f"É{n % 40}" for n in range(5000)]
    columns = {"id": pa.array(range(5000)), "code": pa.array(texts), "none": pa.nulls(5000, pa.string())}
    table, path = pa.table(columns), tmp_path / "rows.parquet"
    pq.write_table(table, path, row_group_size=3000)
    with pq.ParquetFile(path, read_dictionary=["code"]) as file:
        assert pa.types.is_dictionary(next(file.iter_batches(columns=["code"])).column(0).type)
    for scheme in HashScheme:
        assert measure_parquet(settings, path, table.schema, scheme=scheme) == measure(columns, scheme)
    changed = measure(columns | {"code": pa.array([*texts[:-1], "É41"])})
    assert changed.columns[1] != measure_parquet(settings, path, table.schema).columns[1]


def test_rows_of_totals_add_up_exactly_when_numbers_come_as_text() -> None:
    schema = pa.schema([("n", pa.decimal128(38, 2)), ("t", pa.string()), ("x", pa.float64()), ("i", pa.int64())])
    first = (2, "7", 2, "3", "-9.50", "10.25", "12345678901234567890123456789012345.01")
    first += (1, "4", b"b", b"b", 0, None, None, None, 2, b"18446744073709551615", -5, 3, "-2")
    second = (1, "8", 1, b"5", "9.00", "9.00", "0.01", 1, "6", b"a", b"a", 1, "9", -1.5, 2.5, 1, "1", -40, -40, "-40")
    merged = merge_totals(schema, [first, second])
    totals = read_totals(schema, merged, HashScheme.CRC32)
    assert (totals.rows, totals.fingerprint) == (3, "15")
    assert numbers_of(totals)["n"] == (3, "-9.5", "10.25", "12345678901234567890123456789012345.02")
    assert numbers_of(totals)["x"] == (1, "-1.5", "2.5", None)
    assert numbers_of(totals)["i"] == (3, "-40", "3", "-42")
    assert [c.fingerprint for c in totals.columns] == ["8", "10", "9", "18446744073709551616"]


def test_exchanged_values_are_seen_where_the_sum_of_crcs_stays() -> None:
    """CRC-32 is linear: the exchange turns the same bits of both rows' CRCs, here as many up as down."""
    before, after = [b"505\x1fW", b"260\x1fN"], [b"505\x1fN", b"260\x1fW"]
    assert sum(map(zlib.crc32, before)) == sum(map(zlib.crc32, after))
    first = measure({"id": pa.array([505, 260]), "code": pa.array(["W", "N"])}, HashScheme.CRC32)
    second = measure({"id": pa.array([505, 260]), "code": pa.array(["N", "W"])}, HashScheme.CRC32)
    assert first.columns == second.columns
    assert first.fingerprint != second.fingerprint
