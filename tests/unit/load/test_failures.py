"""Failures of the database hold no row."""

import adbc_driver_manager
import pytest
import sqlalchemy as sa

from migration.errors import SourceError
from migration.load.failures import guard

SECRET = "Invented Person, 1 Made-up Street"


class DriverError(Exception):
    """As psycopg raises it: the text quotes a row."""

    sqlstate = "23505"


@pytest.mark.parametrize(("state", "word"), [("23505", "refuses"), ("22P02", "refuses"), ("57P01", "broken off")])
def test_guard_says_the_state_and_never_the_row(state: str, word: str) -> None:
    engine = sa.create_engine("postgresql+psycopg://u:secret@host.invalid/db")
    error = DriverError(SECRET)
    error.sqlstate = state
    with pytest.raises(SourceError, match=word) as caught, guard(engine, "staging.crime"):
        raise sa.exc.DBAPIError("INSERT", {"name": SECRET}, error)
    assert SECRET not in str(caught.value) and state in str(caught.value)
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)


def test_guard_when_adbc_fails_says_the_state_and_never_the_row() -> None:
    engine = sa.create_engine("postgresql+psycopg://host.invalid/db")
    status = adbc_driver_manager.AdbcStatusCode.INTERNAL
    with pytest.raises(SourceError, match="broken off") as caught, guard(engine, "staging.crime"):
        raise adbc_driver_manager.OperationalError(SECRET, status_code=status)
    assert SECRET not in str(caught.value)


def test_guard_lets_bugs_through() -> None:
    engine = sa.create_engine("postgresql+psycopg://host.invalid/db")
    with pytest.raises(ZeroDivisionError), guard(engine, "here"):
        raise ZeroDivisionError
