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


def _kind(column: str) -> str:
    if column in DECIMALS:
        return "NUMERIC(12,2)"
    return "INTEGER" if (column.endswith("_ID") and column != "PNC_ID") or column in WHOLE_NUMBERS else "TEXT"


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
            columns = ", ".join(f'"{c}" {_kind(c)}' + (" PRIMARY KEY" if c == table.key else "") for c in names)
            connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
            marks = ", ".join("?" * len(names))
            rows = zip(*table.columns.values(), strict=True)
            connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', rows)
        connection.commit()
    finally:
        connection.close()
    temporary.replace(path)


def write_database(tables: list[Table], url: str) -> None:
    """Write all tables to the database at `url` (names in lower case), replacing tables of the same names."""
    engine = sa.create_engine(url)
    types: dict[str, sa.types.TypeEngine[Any]] = {
        "INTEGER": sa.BigInteger(),
        "NUMERIC(12,2)": sa.Numeric(12, 2),
        "TEXT": sa.Text(),
    }
    with engine.begin() as connection:
        for table in tables:
            made = sa.Table(
                table.name.lower(),
                sa.MetaData(),
                *(
                    sa.Column(c.lower(), types[_kind(c)], primary_key=c == table.key, autoincrement=False)
                    for c in table.columns
                ),
            )
            made.drop(connection, checkfirst=True)
            made.create(connection)
            names = [c.lower() for c in table.columns]
            rows = list(zip(*table.columns.values(), strict=True))
            for start in range(0, len(rows), BATCH):
                batch = [dict(zip(names, row, strict=True)) for row in rows[start : start + BATCH]]
                connection.execute(made.insert(), batch)
    engine.dispose()
