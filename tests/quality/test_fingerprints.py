"""Fingerprints of files and of PostgreSQL tables: equal for equal rows of every type, different for any change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

from migration.quality.fingerprints import TableTotals
from migration.quality.json_text import canonical_json
from migration.quality.lake_fingerprints import measure_relation
from migration.quality.measure import measure_groups
from migration.schema.arrow import arrow_schema
from migration.schema.model import Entity, load_schema
from migration.schema.sql import sql_type_name

TEXTS = ("", "a", "abcd", "twelve bytes", "a text of more than twelve bytes", "Mòr Ünicode €", "it's 100 %", None)
NUMBERS = (0, 1, -1, 2**31, -(2**31) - 5, 2**62, -(2**62), None)
DOUBLES = (0.0, -0.0, 1.5, -3.25e-7, 1e300, float("nan"), float("inf"), None)
DAYS = (date(2000, 1, 1), date(1899, 12, 31), date(2026, 2, 28), None)
MOMENTS = (
    datetime(2000, 1, 1, tzinfo=UTC), datetime(1952, 6, 7, 8, 9, 10, 123456, tzinfo=UTC),
    datetime(2021, 3, 28, 1, 30, 0, 1, tzinfo=UTC), None,
)  # fmt: skip
JSONS = ('{"bb": 1, "a": [1.50, -0.0, 1e2, "x\\u00e9\\n"], "a": null}', "{}", '[true, {"é": 1e-7}]', None)
AMOUNTS = (Decimal("0.00"), Decimal("-12.30"), Decimal("9999999999.99"), None)


@dataclass(frozen=True)
class Sides:
    """One set of rows as a DuckDB relation and as a PostgreSQL table."""

    session: duckdb.DuckDBPyConnection
    connection: sa.Connection
    entity: Entity

    def write(self, rows: list[dict[str, Any]]) -> None:
        self.session.register("kept", pa.Table.from_pylist(rows, schema=arrow_schema(self.entity)))
        self.connection.exec_driver_sql("DROP TABLE IF EXISTS kept")
        columns = ", ".join(f'"{f.name}" {sql_type_name(f)}' for f in self.entity.fields)
        self.connection.exec_driver_sql(f"CREATE TEMP TABLE kept ({columns})")
        names = ", ".join(f":{f.name}" for f in self.entity.fields)
        self.connection.execute(sa.text(f"INSERT INTO kept VALUES ({names})"), rows)

    def read(self, group: str = "''") -> tuple[dict[str, TableTotals], dict[str, TableTotals]]:
        lake = measure_relation(self.session, "kept", self.entity, 2, group)
        return lake, measure_groups(self.connection, "kept", self.entity, group)


def make_entity() -> Entity:
    """An entity with a column of every type, from fields of the national schema."""
    from dataclasses import replace

    schema = load_schema()
    given = {"t": ("crime", "crime_id"), "i": ("crime", "crime_seq"), "d": ("location", "easting"),
             "b": ("crime", "is_attempted"), "y": ("crime", "detected_on"), "m": ("crime_report", "recorded_at_utc"),
             "j": ("location_match", "evidence"), "v": ("property_item", "value_gbp")}  # fmt: skip
    fields = [replace(schema.entity(e).field(f), name=name) for name, (e, f) in given.items()]
    keys = [replace(schema.entity("crime").field("crime_id"), name=name) for name in ("key_1", "key_2")]
    return replace(schema.entity("crime"), name="kept", key=("key_1", "key_2"), fields=(*keys, *fields))


def make_rows() -> list[dict[str, Any]]:
    return [
        {
            "key_1": f"k{n}", "key_2": f"part {n}" if n % 3 else None, "t": TEXTS[n % 8], "i": NUMBERS[n % 8],
            "d": DOUBLES[n % 8], "b": (True, False, None)[n % 3], "y": DAYS[n % 4], "m": MOMENTS[n % 4],
            "j": JSONS[n % 4], "v": AMOUNTS[n % 4],
        }
        for n in range(64)
    ]  # fmt: skip


@pytest.fixture
def sides(engine: sa.Engine) -> Iterator[Sides]:
    with duckdb.connect() as session, engine.connect() as connection:
        session.execute("SET TimeZone = 'UTC'")
        yield Sides(session, connection, make_entity())


def test_both_engines_give_every_type_the_same_totals(sides: Sides) -> None:
    sides.write(make_rows())
    lake, table = sides.read()
    assert lake[""].rows == 64
    assert lake[""].columns == table[""].columns
    assert lake == table
    by_code, by_code_in_table = sides.read("coalesce(\"b\"::text, '?')")
    assert sorted(by_code) == ["?", "false", "true"]
    assert by_code == by_code_in_table


def test_order_of_rows_does_not_count(sides: Sides) -> None:
    sides.write(make_rows())
    before, _ = sides.read()
    sides.write(make_rows()[::-1])
    assert sides.read() == (before, before)


@pytest.mark.parametrize("column", ["t", "i", "d", "b", "y", "m", "j", "v"])
def test_values_exchanged_between_two_rows_change_their_column_only(sides: Sides, column: str) -> None:
    rows = make_rows()
    sides.write(rows)
    before, _ = sides.read()
    rows[1][column], rows[2][column] = rows[2][column], rows[1][column]
    sides.write(rows)
    lake, table = sides.read()
    differing = [n for n, c in lake[""].columns.items() if c != before[""].columns[n]]
    assert (differing, lake) == ([column], table)


def test_json_text_is_what_the_database_writes(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        for text in (t for t in JSONS if t is not None):
            assert canonical_json(text) == connection.scalar(sa.text("SELECT CAST(:t AS jsonb)::text"), {"t": text})
    assert canonical_json("no json") == "no json"
