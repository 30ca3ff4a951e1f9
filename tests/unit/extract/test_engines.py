"""The SQL for engines that are not installed here is whole, ordered by bytes, and parses in their own dialect."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
import sqlglot
from sqlalchemy import types as sql
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql

from migration.errors import ConfigError
from migration.extract.database import ColumnPlan, TablePlan, select_sql
from migration.extract.engines import ENGINES, find_engine
from migration.extract.sampling import sample_sql
from migration.extract.totals import ColumnKind, totals_sql

SQLGLOT = {"mssql": "tsql", "oracle": "oracle", "mysql": "mysql", "postgresql": "postgres", "sqlite": "sqlite"}
SCHEMA = {
    "CR_NO": pa.string(),
    "SEQ": pa.int64(),
    "VALUE_GBP": pa.decimal128(12, 2),
    "RATIO": pa.float64(),
    "IS_OPEN": pa.bool_(),
    "BORN": pa.date32(),
    "AT": pa.timestamp("us"),
    "INSTANT": pa.timestamp("us", tz="UTC"),
    "RAW": pa.binary(),
}


def make_plan(engine) -> TablePlan:
    has_times = engine.name not in ("sqlite", "mysql")  # read as text there
    types = {n: t for n, t in SCHEMA.items() if has_times or n not in ("BORN", "AT", "INSTANT")}
    quote = engine.totals.quote
    order = engine.text_order.format(c=quote("CR_NO"))
    return TablePlan(
        quote("CRIME"), tuple(ColumnPlan(n, t, quote(n), order, quote(n)) for n, t in types.items()), "", order
    )


@pytest.mark.parametrize("name", SQLGLOT)
def test_reading_sql_parses_and_is_ordered_by_bytes(name) -> None:
    engine = ENGINES[name]
    text = select_sql(make_plan(engine), SimpleNamespace(engine=engine), ordered=True)
    parsed = sqlglot.parse_one(text, dialect=SQLGLOT[name])
    assert len(parsed.expressions) == len(make_plan(engine).columns)
    assert parsed.args["order"] is not None
    assert "BINARY" in text.upper() or "BIN2" in text or 'COLLATE "C"' in text


@pytest.mark.parametrize("name", [n for n in SQLGLOT if n != "sqlite"])
def test_totals_sql_parses_and_measures_every_column(name) -> None:
    engine = ENGINES[name]
    plan = make_plan(engine)
    text = totals_sql(
        engine.totals, f"({select_sql(plan, SimpleNamespace(engine=engine), ordered=False)}) t", plan.schema
    )
    parsed = sqlglot.parse_one(text, dialect=SQLGLOT[name])
    ends = sum(2 for f in plan.schema if not pa.types.is_boolean(f.type))
    assert len(parsed.expressions) == 2 + 2 * len(plan.columns) + ends + 2


@pytest.mark.parametrize("name", SQLGLOT)
def test_sample_sql_parses(name, make_source, tmp_path) -> None:
    from migration.mapping.model import SourceKind

    source = make_source(SourceKind.DATABASE, tmp_path, ["CR_NO"], percent=10, sample_by="CR_NO")
    condition = sample_sql(ENGINES[name].totals, source, ENGINES[name].totals.quote("CR_NO"), ColumnKind.TEXT)
    assert sqlglot.parse_one(f"SELECT 1 FROM t WHERE {condition}", dialect=SQLGLOT[name])


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("oracle", oracle.NUMBER(12, 2), pa.decimal128(12, 2)),
        ("oracle", oracle.NUMBER(), pa.string()),
        ("oracle", oracle.DATE(), pa.string()),
        ("oracle", oracle.CLOB(), pa.string()),
        ("oracle", oracle.RAW(16), pa.binary()),
        ("mssql", mssql.MONEY(), pa.string()),
        ("mssql", mssql.BIT(), pa.bool_()),
        ("mssql", mssql.UNIQUEIDENTIFIER(), pa.string()),
        ("mssql", mssql.VARBINARY(), pa.binary()),
        ("mysql", mysql.BIGINT(unsigned=True), pa.decimal128(20, 0)),
        ("mysql", mysql.YEAR(), pa.string()),
        ("mysql", mysql.ENUM("a"), pa.string()),
        ("postgresql", postgresql.NUMERIC(50, 2), pa.string()),
        ("postgresql", postgresql.TIMESTAMP(timezone=True), pa.timestamp("us", tz="UTC")),
        ("postgresql", postgresql.JSONB(), pa.string()),
        ("sqlite", sql.NUMERIC(12, 2), pa.decimal128(12, 2)),
        ("sqlite", sql.NUMERIC(20, 2), pa.string()),
        ("sqlite", sql.DATE(), pa.string()),
    ],
)
def test_declared_type_is_kept_where_arrow_holds_it_exactly(name, kind, expected) -> None:
    assert ENGINES[name].plan(kind).type == expected


def test_unknown_engine_is_a_settings_error() -> None:
    with pytest.raises(ConfigError, match="db2"):
        find_engine("legacy system", "db2")
