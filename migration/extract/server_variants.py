"""What differs between servers of one kind: encodings and versions of PostgreSQL.

Enters: an engine and its open connection. Leaves: the engine as that server needs it. Must hold: control totals are
of UTF-8 text whatever the server's encoding, and bytes of a database without an encoding (SQL_ASCII) come as they
are. Refuses nothing.
"""

from contextlib import closing
from dataclasses import replace
from typing import Any

from migration.extract.engines import Engine
from migration.extract.totals import HEX_OF_TEXT, ColumnKind, HashScheme

LOOKUP3_PROBE = "SELECT hashtextextended('migration' COLLATE \"C\", 1)"
LOOKUP3_EXPECTED = 3835389328220916364
"""What the probe gives on little-endian machines; others, and versions before 11, are measured by MD5."""
ENCODING = "SELECT getdatabaseencoding()"
HAS_LOOKUP3 = "SELECT count(*) FROM pg_proc WHERE proname = 'hashtextextended'"


def adapt_engine(engine: Engine, driver: Any) -> Engine:
    """The engine for the server behind a connection."""
    if engine.name != "postgresql":
        return engine
    encoding = _fetch(driver, ENCODING)
    if encoding == "SQL_ASCII":
        _run(driver, "SET client_encoding = 'SQL_ASCII'")
    has_lookup3 = bool(_fetch(driver, HAS_LOOKUP3)) and _fetch(driver, LOOKUP3_PROBE) == LOOKUP3_EXPECTED
    return vary_postgresql(engine, encoding, has_lookup3=has_lookup3)


def vary_postgresql(engine: Engine, encoding: str, *, has_lookup3: bool) -> Engine:
    """PostgreSQL for a database's encoding, measured by its own hash where it is the usual one, else by MD5."""
    totals = engine.totals
    if not has_lookup3:
        totals = replace(totals, scheme=HashScheme.MD5)
    if encoding not in ("UTF8", "SQL_ASCII"):
        totals = replace(
            totals,
            row_number=totals.row_number.replace("md5({t})", "md5(convert_to({t}, 'UTF8'))"),
            byte_length="octet_length(convert_to({t}, 'UTF8'))",
        )
        if has_lookup3:
            ordered = {**totals.ordered, ColumnKind.TEXT: f'{HEX_OF_TEXT.format(t="{c}")} COLLATE "C"'}
            totals = replace(totals, scheme=HashScheme.LOOKUP3_HEX, ordered=ordered)
    return replace(engine, totals=totals, has_bare_bytes=encoding == "SQL_ASCII")


def _fetch(driver: Any, sql: str) -> Any:
    with closing(driver.cursor()) as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def _run(driver: Any, sql: str) -> None:
    with closing(driver.cursor()) as cursor:
        cursor.execute(sql)
