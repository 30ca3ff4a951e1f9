"""Connections to legacy databases: read-only, in one consistent snapshot, with clear errors.

Enters: the URL of a legacy system. Leaves: a `Session` that holds one snapshot open for every table read through
it. Must hold: nothing is ever written to a legacy system. Refuses: a database that cannot be reached, and a file of
SQLite that is not there (its driver would make an empty one).
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from migration.errors import ConfigError, SourceError
from migration.extract.engines import Engine, find_engine
from migration.extract.server_variants import adapt_engine
from migration.mapping.model import SourceSystem

CONNECT_SECONDS = 20


@dataclass(frozen=True)
class Session:
    """One open, read-only snapshot of a legacy database. `driver` is the connection of its own Python driver."""

    where: str
    engine: Engine
    alchemy: SqlEngine
    driver: Any
    snapshot: str
    clock: str

    def fetch_one(self, sql: str) -> tuple[Any, ...]:
        """The single row of a query in the snapshot."""
        self._take_text()
        with closing(self.driver.cursor()) as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone())

    def fetch_all(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small query in the snapshot."""
        self._take_text()
        with closing(self.driver.cursor()) as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def open_stream(self) -> Any:
        """A cursor that does not hold a whole result in memory, and of texts gives what is stored where it can."""
        if self.engine.name == "postgresql":
            return self.driver.cursor(name="migration_rows")
        if self.engine.name == "mysql":
            from pymysql.cursors import SSCursor

            self.driver.use_unicode = False
            return self.driver.cursor(SSCursor)
        if self.engine.name == "sqlite":
            self.driver.text_factory = bytes
        return self.driver.cursor()

    def cancel(self) -> None:
        """Ask the server to give up the query under way, which another thread waits for."""
        if self.engine.name == "mysql":
            with closing(self.alchemy.raw_connection()) as other, closing(other.cursor()) as cursor:
                cursor.execute(f"KILL QUERY {self.driver.thread_id()}")
        elif hasattr(self.driver, "cancel"):
            self.driver.cancel()

    def _take_text(self) -> None:
        """Texts as such, after a reader may have asked for their bytes."""
        if self.engine.name == "sqlite":
            self.driver.text_factory = decode_leniently
        if self.engine.name == "mysql":
            self.driver.use_unicode = True

    def export_snapshot(self) -> str:
        """Id under which other sessions can see the same; empty where the engine cannot share a snapshot."""
        return as_text(self.fetch_one("SELECT pg_export_snapshot()")[0]) if self.engine.name == "postgresql" else ""


@contextmanager
def open_session(system: SourceSystem, location: str, shared_snapshot: str = "") -> Iterator[Session]:
    """A session on a legacy system, closed with its snapshot at the end of the block.

    Args:
        shared_snapshot: id of a snapshot that another session exported (`Session.export_snapshot`), to see the same.

    Raises:
        ConfigError: the URL is not one, or its driver is not installed.
        SourceError: the database cannot be reached.
    """
    where = f"legacy system {system.name}"
    url = _read_url(system, location)
    engine = find_engine(where, url.get_backend_name())
    alchemy = _create_engine(system, url)
    try:
        raw = alchemy.raw_connection()
        driver = raw.driver_connection
    except (SQLAlchemyError, OSError, driver_error(alchemy)) as failure:
        raise unreachable(system, failure) from failure
    try:
        yield _start(system, engine, alchemy, driver, shared_snapshot)
    finally:
        raw.invalidate()
        alchemy.dispose()


def unreachable(system: SourceSystem, failure: BaseException) -> SourceError:
    """The error for a database that does not answer; says nothing of the URL, which may hold a password."""
    return SourceError(
        f"legacy system {system.name}",
        f"no answer from its database ({type(failure).__name__})",
        "a reachable, readable database",
        f"Check that it runs and that {system.location_setting} is right, then run again: finished tables are kept.",
    )


def is_connection_lost(failure: SourceError) -> bool:
    """Whether an error of a database was of its connection or server, so that another attempt may go well."""
    return any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(failure.__cause__).__mro__)


def _read_url(system: SourceSystem, location: str) -> URL:
    try:
        return make_url(location)
    except ArgumentError as failure:
        where = f"legacy system {system.name}, {system.location_setting}"
        fix = "Write it as postgresql+psycopg://user:password@host/database."
        raise ConfigError(where, "something that is not a URL", "a SQLAlchemy URL", fix) from failure


def _create_engine(system: SourceSystem, url: URL) -> SqlEngine:
    backend = url.get_backend_name()
    if backend == "sqlite":
        path = Path(url.database or "")
        if not path.is_file():
            fix = f"Put the database there, or correct {system.location_setting}."
            raise SourceError(f"legacy system {system.name}", f"no file {path}", "a SQLite database", fix)
        return create_engine("sqlite://", creator=lambda: _open_sqlite(path), poolclass=NullPool)
    try:
        return create_engine(_with_driver(url), poolclass=NullPool, connect_args=_connect_arguments(backend))
    except (NoSuchModuleError, ImportError) as failure:
        extra = {"oracle": "oracle", "mssql": "sqlserver"}.get(backend, backend)
        fix = f"Install the extra `{extra}` of this project."
        raise ConfigError(f"legacy system {system.name}", "no driver for its database", "one", fix) from failure


def _with_driver(url: URL) -> URL:
    """The URL with the driver this project installs, where it names none."""
    drivers = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
    return url.set(drivername=drivers.get(url.drivername, url.drivername))


def _connect_arguments(backend: str) -> dict[str, object]:
    if backend == "postgresql":
        return {
            "connect_timeout": CONNECT_SECONDS,
            "autocommit": True,
            "application_name": "migration extract",
            "client_encoding": "UTF8",
        }
    if backend in ("mysql", "mariadb"):
        return {"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4", "conv": _mysql_conversions()}
    return {}


def _mysql_conversions() -> dict[Any, Any]:
    """The driver's conversions but those of dates and decimals, so that these arrive as the text they are stored as."""
    from pymysql import converters
    from pymysql.constants import FIELD_TYPE

    kept = dict(converters.conversions)
    dates = (FIELD_TYPE.DATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.TIME)
    for kind in (*dates, FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        kept.pop(kind, None)
    return kept


def _row_number(text: str | bytes | None) -> int | None:
    if text is None:
        return None
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return int(hashlib.md5(content, usedforsecurity=False).hexdigest()[:15], 16)


def decode_leniently(content: bytes) -> str:
    """Text of SQLite, bytes that are not UTF-8 kept as lone surrogates."""
    return content.decode("utf-8", "surrogateescape")


def _open_sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.create_function("migration_row_number", 1, _row_number, deterministic=True)
    return connection


def _start(system: SourceSystem, engine: Engine, alchemy: SqlEngine, driver: Any, shared_snapshot: str) -> Session:
    """The session, its snapshot begun."""
    try:
        with closing(driver.cursor()) as cursor:
            for statement in engine.begin:
                cursor.execute(statement)
            if shared_snapshot:
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{shared_snapshot}'")
        snapshot, clock = (_single(driver, sql) for sql in (engine.snapshot, engine.clock))
        engine = adapt_engine(engine, driver)
    except driver_error(alchemy) as failure:
        raise unreachable(system, failure) from failure
    return Session(f"legacy system {system.name}", engine, alchemy, driver, snapshot, clock)


def driver_error(alchemy: SqlEngine) -> type[Exception]:
    """The root of the errors that the engine's driver raises."""
    module = alchemy.dialect.dbapi
    error: type[Exception] = module.Error if module is not None else SQLAlchemyError
    return error


def _single(driver: Any, sql: str) -> str:
    with closing(driver.cursor()) as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    return as_text(row[0]) if row else ""


def as_text(value: object) -> str:
    """A value of a query as text, where a driver gives bytes too."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
