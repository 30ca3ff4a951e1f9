"""The connection to the national PostgreSQL, embedded or given, and its schema at the version of this code.

Enters: settings. Leaves: an SQLAlchemy engine (psycopg 3, sessions in UTC) and a database migrated to head.
Must hold: `MIGRATION_DATABASE_URL`, where set, is the only server ever used. Refuses: another database product, an old
server, a server that lets us not in; the message names host and database, never user or password.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import URL, make_url

from migration.errors import ConfigError, SourceError
from migration.load.embedded import EmbeddedServer, start_server
from migration.load.reference import seed_reference
from migration.schema.model import load_schema
from migration.schema.sql import national_metadata, schema_fingerprint
from migration.settings import Settings

DATABASE = "migration"
"""Name of the national database in the embedded server."""
OLDEST_VERSION = 15
ALEMBIC_FOLDER = Path(__file__).resolve().parent / "alembic"
UPGRADE_LOCK = 0x6D696772
"""Advisory lock: two processes never migrate one database at once."""


def open_engine(settings: Settings) -> sa.Engine:
    """Engine of the national database: the one `MIGRATION_DATABASE_URL` names, else the embedded one, started here.

    Raises:
        ConfigError: the URL is unreadable, names another product or an old server; or no embedded server can run here.
        SourceError: the server does not let us in.
    """
    given = settings.database_url.get_secret_value()
    if given:
        return connect(read_url(given), "MIGRATION_DATABASE_URL")
    server = start_server(settings.home)
    _ensure_database(server)
    return connect(make_url(server.database_url(DATABASE)), "embedded PostgreSQL")


def read_url(text: str) -> URL:
    """A database URL with our driver in it.

    Raises:
        ConfigError: it is no URL, or not of PostgreSQL.
    """
    fix = "Set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or unset it to use the embedded server."
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1) if text.startswith("postgres://") else text)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise ConfigError("MIGRATION_DATABASE_URL", "text that is no URL", "a PostgreSQL URL", fix) from error
    if url.get_backend_name() != "postgresql":
        raise ConfigError("MIGRATION_DATABASE_URL", f"a {url.get_backend_name()} URL", "a PostgreSQL URL", fix)
    return url.set(drivername="postgresql+psycopg")


def connect(url: URL, where: str) -> sa.Engine:
    """An engine that has been let in once.

    Raises:
        SourceError: the server refuses or does not answer.
        ConfigError: the server is older than `OLDEST_VERSION`.
    """
    engine = sa.create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": "-c timezone=UTC", "application_name": "migration", "connect_timeout": 10},
    )
    place = f"{where}, host {url.host or url.query.get('host', 'local')}, database {url.database}"
    try:
        with engine.connect() as connection:
            version = connection.dialect.server_version_info
    except sa.exc.OperationalError as error:
        engine.dispose()
        fix = "Check that the server runs and that the URL's host, port, user and database are right."
        raise SourceError(place, "no connection", "a server that lets us in", fix) from error
    if version is not None and int(version[0]) < OLDEST_VERSION:
        engine.dispose()
        raise ConfigError(
            place, f"PostgreSQL {version[0]}", f"PostgreSQL {OLDEST_VERSION} or newer", "Use a newer server."
        )
    return engine


def create_database(server_url: str, name: str) -> str:
    """Make an empty database beside the one `server_url` names, dropping one of that name; returns its URL.

    For tests and rehearsals: each starts from empty. The URL includes the password where `server_url` does.
    """
    url = read_url(server_url)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    quoted = engine.dialect.identifier_preparer.quote_identifier(name)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {quoted} TEMPLATE template0"))
    return url.set(database=name).render_as_string(hide_password=False)


def drop_database(server_url: str, name: str) -> None:
    """Drop a database beside the one `server_url` names, ending its connections; fine where there is none."""
    engine = sa.create_engine(read_url(server_url), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    quoted = engine.dialect.identifier_preparer.quote_identifier(name)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)"))


def _ensure_database(server: EmbeddedServer) -> None:
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    exists = sa.text("SELECT 1 FROM pg_database WHERE datname = :name")
    with engine.connect() as connection:
        if connection.execute(exists, {"name": DATABASE}).first() is not None:
            return
        try:
            connection.execute(sa.text(f"CREATE DATABASE {DATABASE} TEMPLATE template0"))
        except sa.exc.DBAPIError:
            if connection.execute(exists, {"name": DATABASE}).first() is None:  # not made by another process either
                raise


def upgrade_schema(engine: sa.Engine) -> None:
    """Bring the database to the schema and the reference data of this code; does nothing where it is there already.

    Raises:
        ConfigError: the database was made from another `national.yml` than this code's.
    """
    config = Config()
    config.set_main_option("script_location", str(ALEMBIC_FOLDER).replace("%", "%%"))
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _check_fingerprint(connection)
        seed_reference(connection, load_schema())


def _check_fingerprint(connection: sa.Connection) -> None:
    """Leave the schema's fingerprint on a new database; compare it on an old one."""
    found = connection.scalar(sa.text("SELECT obj_description('control'::regnamespace)"))
    expected = schema_fingerprint(national_metadata())
    if found is None:
        connection.execute(sa.text(f"COMMENT ON SCHEMA control IS '{expected}'"))
    elif found != expected:
        place = f"database {connection.engine.url.database}"
        fix = "Add an Alembic version for the change of national.yml, or start with a new database."
        raise ConfigError(place, "a national schema of other fields", "the one of this national.yml", fix)
