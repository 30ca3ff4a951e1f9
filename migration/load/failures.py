"""Failures of the database, put so that a person can act and no value of a record shows.

Enters: an exception of a driver. Leaves: a `MigrationError` with the place and the server's state code. The server's
own words are dropped, because they quote rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager
import pyarrow as pa
import sqlalchemy as sa

from migration.errors import SourceError

DATA_STATES = ("22", "23")
"""Classes of state codes that blame the rows: data exceptions and broken constraints."""
FORMAT_STATES = frozenset({"XX000", "08P01"})
"""What a binary COPY says of a value that is no value of its type."""


def connection_lost(engine: sa.Engine, found: str) -> SourceError:
    """The error for a server that went away or never let us in."""
    place = f"database {engine.url.database} at {engine.url.host or engine.url.query.get('host', 'local')}"
    return SourceError(place, found, "a server that stays up", "Check the server, then run the stage again.")


@contextmanager
def guard(engine: sa.Engine, where: str) -> Iterator[None]:
    """Turn the drivers' errors into ours.

    Raises:
        SourceError: rows the database refuses (names the table), or a connection that was lost.
    """
    try:
        yield
    except adbc_driver_manager.Error as error:
        raise _describe(engine, where, error.sqlstate or "") from None
    except sa.exc.DBAPIError as error:
        raise _describe(engine, where, getattr(error.orig, "sqlstate", None) or "") from None
    except pa.ArrowInvalid:
        fix = "Write the column with its type of the national schema."
        raise SourceError(where, "a value that does not fit its column's type", "values of its types", fix) from None


def _describe(engine: sa.Engine, where: str, state: str) -> SourceError:
    if state.startswith(DATA_STATES) or state in FORMAT_STATES:
        fix = "Find the rows with the conformance rules of the table and correct what writes them."
        expected = "values its types and constraints take"
        return SourceError(where, f"a value PostgreSQL refuses (state {state})", expected, fix)
    return connection_lost(engine, f"work on {where} broken off (state {state or 'none'})")
