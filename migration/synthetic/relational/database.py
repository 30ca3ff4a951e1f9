"""Legacy tables written to a database: SQLite as a file, or any other through its SQLAlchemy URL.

Enters: tables. Leaves: the same rows in the database, tables replaced. Must hold: nothing but the named tables is
touched; no foreign keys, as the legacy system enforced none.
"""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from migration.synthetic.columns import Table

WHOLE_NUMBERS = frozenset({"CRIME_SEQ", "AGE_AT_REC", "AGE_AT_TIME", "EASTING", "NORTHING"})
DECIMALS = frozenset({"VALUE_GBP"})
BATCH = 20_000
TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "INTEGER": sa.BigInteger(),
    "NUMERIC(12,2)": sa.Numeric(12, 2),
    "DATETIME": sa.DateTime(),
    "DATE": sa.Date(),
}
DRIVERS = {"mariadb": "mariadb+pymysql", "mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg"}
"""Driver for a URL that names none."""
AS_TEXT = frozenset({"DATETIME", "DATE"})
"""Kinds that SQLite holds as the text it was given."""


def _kind(table: Table, column: str) -> str:
    if column in table.kinds:
        return table.kinds[column]
    if column in DECIMALS:
        return "NUMERIC(12,2)"
    return "INTEGER" if (column.endswith("_ID") and column != "PNC_ID") or column in WHOLE_NUMBERS else "TEXT"


def _sqlite_kind(table: Table, column: str) -> str:
    kind = _kind(table, column)
    return "TEXT" if kind in AS_TEXT else kind


def write_sqlite(tables: list[Table], path: Path) -> None:
    """Write all tables to a new SQLite file."""
    temporary = path.with_name(f".{path.name}.writing")
    temporary.unlink(missing_ok=True)
    connection = sqlite3.connect(temporary)
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        for table in tables:
            names = list(table.columns)
            columns = ", ".join(f'"{c}" {_sqlite_kind(table, c)}' for c in names)
            key = ", ".join(f'"{c}"' for c in table.key_columns)
            connection.execute(f'CREATE TABLE "{table.name}" ({columns}, PRIMARY KEY ({key}))')
            marks = ", ".join("?" * len(names))
            rows = zip(*table.columns.values(), strict=True)
            connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', rows)
        connection.commit()
    finally:
        connection.close()
    temporary.replace(path)


def write_database(tables: list[Table], url: str) -> None:
    """Write all tables to the database at `url` (names in lower case), replacing tables of the same names."""
    address = sa.make_url(url)
    engine = sa.create_engine(address.set(drivername=DRIVERS.get(address.drivername, address.drivername)))
    with engine.begin() as connection:
        if engine.dialect.name in {"mysql", "mariadb"}:
            connection.execute(sa.text("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'"))
        for table in tables:
            _write_table(connection, table)
    engine.dispose()


def _write_table(connection: sa.Connection, table: Table) -> None:
    names = [c.lower() for c in table.columns]
    made = sa.Table(
        table.name.lower(),
        sa.MetaData(),
        *(
            sa.Column(c.lower(), _sql_type(table, c), primary_key=c in table.key_columns, autoincrement=False)
            for c in table.columns
        ),
        mysql_charset="latin1",
        mysql_engine="InnoDB",
    )
    made.drop(connection, checkfirst=True)
    made.create(connection)
    insert = sa.text(f"INSERT INTO {made.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})")
    rows = list(zip(*table.columns.values(), strict=True))
    for start in range(0, len(rows), BATCH):
        connection.execute(insert, [dict(zip(names, row, strict=True)) for row in rows[start : start + BATCH]])


def _sql_type(table: Table, column: str) -> sa.types.TypeEngine[Any]:
    kind = _kind(table, column)
    if kind == "TEXT":
        return sa.String(80) if column in table.key_columns else sa.Text()
    return TYPES[kind]
