"""Fixtures every test may use.

One PostgreSQL server serves the whole session, all of pytest-xdist's workers included; each test that asks gets a
database of its own, copied from a template at the newest national schema. Nothing a test writes lies outside pytest's
temporary folder.
"""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from migration.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from migration.load.embedded import EmbeddedServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite expected files; review the diff like code")


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden tests rewrite their expected files instead of comparing."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with an empty home folder of the test's own, the project's packs and no database."""
    return make_settings(tmp_path / "home")


def make_settings(home: Path, **values: object) -> Settings:
    """Settings that take nothing from the environment but the folder of the real data."""
    fixed = {"database_url": "", "mappings": PROJECT_ROOT / "mappings", "expectations": PROJECT_ROOT / "expectations"}
    return Settings.model_validate({"home": home, **fixed, **values})


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "EmbeddedServer":
    """The session's PostgreSQL server; `pytest_sessionfinish` of the main process stops it."""
    from migration.load.embedded import start_server

    base = tmp_path_factory.getbasetemp()
    home = (base.parent if hasattr(request.config, "workerinput") else base) / "server"
    return start_server(home)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the session's server once every worker is done."""
    from migration.load.embedded import stop_server

    if hasattr(session.config, "workerinput"):
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None:
        stop_server(factory.getbasetemp() / "server")


@pytest.fixture(scope="session")
def create_database(postgres_server: "EmbeddedServer") -> Iterator[Callable[..., str]]:
    """Function that makes a new database, empty or copied from `template`, and returns its SQLAlchemy URL."""
    maintenance = create_engine(postgres_server.url, isolation_level="AUTOCOMMIT")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    numbers = count(1)

    def create(template: str = "template0") -> str:
        name = f"test_{worker}_{next(numbers)}"
        with maintenance.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        return postgres_server.database_url(name)

    yield create
    maintenance.dispose()


@pytest.fixture(scope="session")
def create_national_database(create_database: Callable[..., str]) -> Callable[[], str]:
    """Function that makes a new database at the newest national schema and returns its SQLAlchemy URL."""
    from migration.load.engine import upgrade_schema

    template = create_database()
    engine = create_engine(template)
    upgrade_schema(engine)
    engine.dispose()
    name = str(engine.url.database)
    return lambda: create_database(name)


@pytest.fixture
def engine(create_national_database: Callable[[], str]) -> Iterator[Engine]:
    """A national database of the test's own."""
    from migration.load.engine import connect

    engine = connect(make_url(create_national_database()), "database of a test")
    yield engine
    engine.dispose()


@pytest.fixture
def database_settings(tmp_path: Path, create_national_database: Callable[[], str]) -> Settings:
    """Settings with an empty home folder and a national database of the test's own."""
    return make_settings(tmp_path / "home", database_url=create_national_database())


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the open data; skips the test where there is none."""
    folder = Settings().real_data
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}: point MIGRATION_REAL_DATA at the folder of the open data")
    return folder


@pytest.fixture(scope="session")
def find_real_data(real_data: Path) -> Callable[[str], Path]:
    """Function that returns the path of one file or folder of the open data, and skips the test where it is absent."""

    def find(name: str) -> Path:
        path = real_data / name
        if not path.exists():
            pytest.skip(f"no {name} in {real_data}")
        return path

    return find
