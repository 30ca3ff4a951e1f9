"""What differs between database engines: SQL templates for reading exactly, measuring and taking a snapshot.

Enters: nothing. Leaves: one `Engine` per dialect name of SQLAlchemy. Must hold: a template never changes a value
(texts keep their padding, decimals their digits) and orders by bytes, so every engine numbers and measures rows
alike. Refuses: an engine that is not here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa
from sqlalchemy import types as sql
from sqlalchemy.sql.sqltypes import _Binary

from migration.errors import ConfigError
from migration.extract.totals import ColumnKind, HashScheme, TotalsDialect, join_with_bars

INSTANT = pa.timestamp("us", tz="UTC")
LARGEST_PRECISION = 38


@dataclass(frozen=True)
class ColumnRead:
    """How a column is read: its Arrow type, the SQL expression of its value and a test that every value fits.

    `misfit` is a condition true for values the type cannot hold exactly; where one exists the column is read by
    `text_expression` instead, as text. `{c}` stands for the quoted column.
    """

    type: pa.DataType
    expression: str = "{c}"
    misfit: str = ""
    text_expression: str = ""


@dataclass(frozen=True)
class Engine:
    """One kind of database.

    Attributes:
        plan: how a column of a SQLAlchemy type is read.
        begin: statements that open one read-only, consistent snapshot.
        snapshot: query of the snapshot's id; clock: query of the server's time.
        text_order: how a text column of a key is ordered, `{c}`: by its bytes.
        is_embedded: whether it runs in this process, so that a second reading measures it.
        has_bare_bytes: whether texts are whatever bytes a client once sent, of no stated encoding.
    """

    name: str
    totals: TotalsDialect
    plan: Callable[[sql.TypeEngine[object]], ColumnRead]
    begin: tuple[str, ...]
    snapshot: str
    clock: str
    text_order: str = "{c}"
    is_embedded: bool = False
    has_bare_bytes: bool = False


def _quote_double(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quote_backtick(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _quote_brackets(name: str) -> str:
    return "[" + name.replace("]", "]]") + "]"


def _concat_function(parts: list[str]) -> str:
    return f"CONCAT({', '.join(parts)})"


def _decimal(kind: sql.TypeEngine[object]) -> pa.DataType | None:
    """Exact Arrow type of a NUMERIC with a precision that Arrow holds, else None."""
    precision, scale = getattr(kind, "precision", None), getattr(kind, "scale", None)
    if precision is None or precision > LARGEST_PRECISION:
        return None
    return pa.decimal128(precision, scale or 0)


STRICT_TYPES = (
    (sql.Boolean, pa.bool_()),
    (sql.Integer, pa.int64()),
    (sql.Float, pa.float64()),
    (_Binary, pa.binary()),
    (sql.String, pa.string()),
)


def _plan_standard(text: str) -> Callable[[sql.TypeEngine[object]], ColumnRead]:
    """Plan of an engine with strict column types; `text` casts what has no Arrow counterpart to text."""

    def plan(kind: sql.TypeEngine[object]) -> ColumnRead:
        if isinstance(kind, sql.Numeric) and not isinstance(kind, sql.Float):
            exact = _decimal(kind)
            return ColumnRead(exact) if exact else ColumnRead(pa.string(), text)
        for alchemy, arrow in STRICT_TYPES:
            if isinstance(kind, alchemy) and not isinstance(kind, sql.Enum):
                return ColumnRead(arrow)
        return ColumnRead(pa.string(), text)

    return plan


_plan_postgresql_rest = _plan_standard("{c}::text")


def _plan_postgresql(kind: sql.TypeEngine[object]) -> ColumnRead:
    as_text = "{c}::text"
    if isinstance(kind, sql.Numeric) and not isinstance(kind, sql.Float):
        exact = _decimal(kind)
        return ColumnRead(exact, "{c}", "{c} = 'NaN'", as_text) if exact else ColumnRead(pa.string(), as_text)
    if isinstance(kind, sql.CHAR):
        return ColumnRead(pa.string(), "CASE WHEN {c} IS NOT NULL THEN concat({c}) END")  # a cast drops the padding
    if isinstance(kind, sql.REAL):
        return ColumnRead(pa.float64(), "{c}::float8")
    if isinstance(kind, sql.DateTime):
        misfit = "NOT isfinite({c}) OR extract(year FROM {c}) NOT BETWEEN 1 AND 9999"
        return ColumnRead(INSTANT if kind.timezone else pa.timestamp("us"), "{c}", misfit, as_text)
    if isinstance(kind, sql.Date):
        misfit = "NOT isfinite({c}) OR extract(year FROM {c}) NOT BETWEEN 1 AND 9999"
        return ColumnRead(pa.date32(), "{c}", misfit, as_text)
    return _plan_postgresql_rest(kind)


_plan_mysql_rest = _plan_standard("CAST({c} AS CHAR)")
UNPADDED = "({c} + 0)"
"""A number without the zeros of ZEROFILL."""


def _plan_mysql(kind: sql.TypeEngine[object]) -> ColumnRead:
    if isinstance(kind, sql.BigInteger) and getattr(kind, "unsigned", False):
        return ColumnRead(pa.decimal128(20, 0), UNPADDED if getattr(kind, "zerofill", False) else "{c}")
    if type(kind).__name__ == "BIT":
        return ColumnRead(pa.decimal128(20, 0), "CAST({c} AS UNSIGNED)")
    if type(kind).__name__ == "FLOAT":
        return ColumnRead(pa.float64(), "({c} + 0.0e0)")
    found = _plan_mysql_rest(kind)
    return replace(found, expression=UNPADDED) if getattr(kind, "zerofill", False) else found


SQLITE_NUMBER = (
    "CASE WHEN CAST(printf('%!.15g', {c}) AS REAL) = {c} THEN printf('%!.15g', {c}) ELSE printf('%!.17g', {c}) END"
)
SQLITE_TEXT = (
    "CASE typeof({c}) WHEN 'real' THEN " + SQLITE_NUMBER + " WHEN 'blob' THEN 'x''' || hex({c}) || '''' "
    "ELSE CAST({c} AS TEXT) END"
)


def _plan_sqlite(kind: sql.TypeEngine[object]) -> ColumnRead:
    """SQLite holds any value in any column: the declared type is taken where every value keeps to it."""
    if isinstance(kind, sql.Integer):
        return ColumnRead(pa.int64(), "{c}", "typeof({c}) NOT IN ('integer', 'null')", SQLITE_TEXT)
    if isinstance(kind, sql.Float):
        return ColumnRead(pa.float64(), "{c}", "typeof({c}) NOT IN ('real', 'null')", SQLITE_TEXT)
    if isinstance(kind, sql.Numeric):
        exact = _decimal(kind)
        if exact is not None and exact.precision <= 15:
            shown = f"printf('%.{exact.scale}f', {{c}})"
            misfit = (
                f"typeof({{c}}) NOT IN ('integer', 'real', 'null') OR CAST({shown} AS REAL) <> {{c}} "
                f"OR abs({{c}}) >= 1e{exact.precision - exact.scale}"
            )
            return ColumnRead(exact, f"CASE WHEN {{c}} IS NOT NULL THEN {shown} END", misfit, SQLITE_TEXT)
    if isinstance(kind, _Binary):
        return ColumnRead(pa.binary(), "{c}", "typeof({c}) NOT IN ('blob', 'null')", SQLITE_TEXT)
    if isinstance(kind, sql.String):
        return ColumnRead(pa.string(), "{c}", "typeof({c}) NOT IN ('text', 'null')", SQLITE_TEXT)
    return ColumnRead(pa.string(), SQLITE_TEXT)


POSTGRESQL = Engine(
    name="postgresql",
    totals=TotalsDialect(
        image={
            ColumnKind.INTEGER: "{c}::text",
            ColumnKind.DECIMAL: "{c}::text",
            ColumnKind.DOUBLE: "upper(encode(float8send({c}), 'hex'))",
            ColumnKind.BOOLEAN: "({c}::int)::text",
            ColumnKind.TEXT: "{c}",
            ColumnKind.BINARY: "upper(encode({c}, 'hex'))",
            ColumnKind.DATE: "to_char({c}, 'YYYY-MM-DD')",
            ColumnKind.TIMESTAMP: "to_char({c}, 'YYYY-MM-DD HH24:MI:SS.US')",
            ColumnKind.INSTANT: "to_char({c} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        },
        ordered={
            ColumnKind.TEXT: '{c} COLLATE "C"',
            ColumnKind.BINARY: "upper(encode({c}, 'hex'))",
        },
        byte_length="octet_length({t})",
        concat=join_with_bars,
        row_number="('x0' || substr(md5({t}), 1, 15))::bit(64)::bigint",
        exact_sum="sum({x})::text",
        scheme=HashScheme.LOOKUP3,
    ),
    plan=_plan_postgresql,
    begin=(
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET TIME ZONE 'UTC'",
        "SET DateStyle = 'ISO, YMD'",
        "SET IntervalStyle = 'postgres'",
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    ),
    snapshot="SELECT pg_current_snapshot()::text",
    clock="SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    text_order='{c} COLLATE "C"',
)

MYSQL = Engine(
    name="mysql",
    totals=TotalsDialect(
        image={
            ColumnKind.INTEGER: "{c}",
            ColumnKind.DECIMAL: "{c}",
            ColumnKind.DOUBLE: "CAST({c} AS CHAR)",
            ColumnKind.BOOLEAN: "({c} + 0)",
            ColumnKind.TEXT: "{c}",
            ColumnKind.BINARY: "HEX({c})",
        },
        ordered={ColumnKind.TEXT: "CAST({c} AS BINARY)", ColumnKind.BINARY: "HEX({c})"},
        byte_length="LENGTH({t})",
        concat=_concat_function,
        row_number="CAST(CONV(SUBSTR(MD5({t}), 1, 15), 16, 10) AS DECIMAL(30, 0))",
        exact_sum="CAST(SUM({x}) AS CHAR)",
        modulo="MOD({x}, {n})",
        scheme=HashScheme.CRC32,
        quote=_quote_backtick,
    ),
    plan=_plan_mysql,
    begin=(
        "SET NAMES utf8mb4",
        "SET SESSION character_set_results = NULL",  # bytes as stored: a conversion would hide what is not valid
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION group_concat_max_len = 4294967295",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    snapshot="SELECT CAST(CONNECTION_ID() AS CHAR)",
    clock="SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')",
    text_order="CAST({c} AS BINARY)",
)

SQLITE = Engine(
    name="sqlite",
    totals=TotalsDialect(
        image={
            ColumnKind.INTEGER: "CAST({c} AS TEXT)",
            ColumnKind.DECIMAL: "{c}",
            ColumnKind.DOUBLE: "CAST({c} AS TEXT)",
            ColumnKind.BOOLEAN: "CAST({c} AS TEXT)",
            ColumnKind.TEXT: "{c}",
            ColumnKind.BINARY: "hex({c})",
        },
        ordered={
            ColumnKind.TEXT: "{c} COLLATE BINARY",
            ColumnKind.DECIMAL: "CAST({c} AS REAL)",
            ColumnKind.BINARY: "hex({c})",
        },
        byte_length="length(CAST({t} AS BLOB))",
        concat=join_with_bars,
        row_number="migration_row_number(CAST({t} AS BLOB))",
        exact_sum="sum({x})",
        scheme=HashScheme.LOOKUP3,
    ),
    plan=_plan_sqlite,
    begin=("PRAGMA query_only = ON", "BEGIN"),
    snapshot="SELECT 'schema ' || schema_version FROM pragma_schema_version",
    clock="SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    text_order="{c} COLLATE BINARY",
    is_embedded=True,
)

ORACLE = Engine(
    name="oracle",
    totals=TotalsDialect(
        image={
            ColumnKind.INTEGER: "TO_CHAR({c}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')",
            ColumnKind.DECIMAL: "TO_CHAR({c}, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')",
            ColumnKind.DOUBLE: "RAWTOHEX(UTL_RAW.CAST_FROM_BINARY_DOUBLE(TO_BINARY_DOUBLE({c})))",
            ColumnKind.BOOLEAN: "TO_CHAR({c})",
            ColumnKind.TEXT: "{c}",
            ColumnKind.BINARY: "RAWTOHEX({c})",
            ColumnKind.DATE: "TO_CHAR({c}, 'YYYY-MM-DD')",
            ColumnKind.TIMESTAMP: "TO_CHAR({c}, 'YYYY-MM-DD HH24:MI:SS.FF6')",
            ColumnKind.INSTANT: "TO_CHAR(SYS_EXTRACT_UTC({c}), 'YYYY-MM-DD HH24:MI:SS.FF6')",
        },
        ordered={ColumnKind.TEXT: "NLSSORT({c}, 'NLS_SORT=BINARY')"},
        byte_length="LENGTHB({t})",
        concat=join_with_bars,
        row_number="TO_NUMBER(SUBSTR(RAWTOHEX(STANDARD_HASH({t}, 'MD5')), 1, 15), 'XXXXXXXXXXXXXXX')",
        exact_sum="TO_CHAR(SUM({x}))",
        modulo="MOD({x}, {n})",
    ),
    plan=_plan_standard("TO_CHAR({c})"),
    begin=("SET TRANSACTION READ ONLY",),
    snapshot="SELECT TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER) FROM DUAL",
    clock='SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), \'YYYY-MM-DD"T"HH24:MI:SS.FF6"Z"\') FROM DUAL',
    text_order="NLSSORT({c}, 'NLS_SORT=BINARY')",
)

SQLSERVER = Engine(
    name="mssql",
    totals=TotalsDialect(
        image={
            ColumnKind.INTEGER: "CONVERT(varchar(40), {c})",
            ColumnKind.DECIMAL: "CONVERT(varchar(60), {c})",
            ColumnKind.DOUBLE: "CONVERT(varchar(16), CONVERT(binary(8), {c}), 2)",
            ColumnKind.BOOLEAN: "CONVERT(varchar(1), {c})",
            ColumnKind.TEXT: "CONVERT(varchar(max), {c} COLLATE Latin1_General_100_BIN2_UTF8)",
            ColumnKind.BINARY: "CONVERT(varchar(max), {c}, 2)",
            ColumnKind.DATE: "CONVERT(varchar(10), {c}, 23)",
            ColumnKind.TIMESTAMP: "FORMAT({c}, 'yyyy-MM-dd HH:mm:ss.ffffff', 'en-GB')",
            ColumnKind.INSTANT: "FORMAT({c} AT TIME ZONE 'UTC', 'yyyy-MM-dd HH:mm:ss.ffffff', 'en-GB')",
        },
        ordered={ColumnKind.TEXT: "{c} COLLATE Latin1_General_100_BIN2_UTF8"},
        byte_length="CONVERT(varchar(20), DATALENGTH({t}))",
        concat=_concat_function,
        row_number=(
            "CONVERT(bigint, CONVERT(varbinary(8), "
            "'0' + SUBSTRING(CONVERT(varchar(32), HASHBYTES('MD5', {t}), 2), 1, 15), 2))"
        ),
        exact_sum="CONVERT(varchar(60), SUM(CONVERT(decimal(38, {scale}), {x})))",
        quote=_quote_brackets,
    ),
    plan=_plan_standard("CONVERT(nvarchar(max), {c})"),
    begin=("SET TRANSACTION ISOLATION LEVEL SNAPSHOT", "BEGIN TRANSACTION"),
    snapshot="SELECT CONVERT(varchar(20), CURRENT_TRANSACTION_ID())",
    clock="SELECT CONVERT(varchar(33), SYSUTCDATETIME(), 127)",
    text_order="{c} COLLATE Latin1_General_100_BIN2_UTF8",
)

ENGINES = {
    "postgresql": POSTGRESQL,
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "sqlite": SQLITE,
    "oracle": ORACLE,
    "mssql": SQLSERVER,
}


def find_engine(where: str, name: str) -> Engine:
    """The engine of a SQLAlchemy dialect name.

    Raises:
        ConfigError: extraction does not know it.
    """
    if name not in ENGINES:
        raise ConfigError(where, f"database kind {name}", f"one of {', '.join(ENGINES)}", "Correct the system's URL.")
    return ENGINES[name]
