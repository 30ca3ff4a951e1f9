"""Estates written to the database servers they are meant for hold what their SQLite files hold."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa

from migration.settings import Settings
from migration.synthetic.build import build_estate

SCALE, ENTRIES = 0.0003, 8_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Both estates as files."""
    settings = Settings(home=tmp_path_factory.mktemp("files"))
    build_estate(settings, ["tayside", "grampian"], SCALE, 2, gazetteer_entries=ENTRIES)
    return settings


def build_on_server(home: Path, files: Settings, family: str, url: str) -> None:
    settings = Settings(home=home)
    shutil.copytree(files.estates / "gazetteer", settings.estates / "gazetteer")
    build_estate(settings, [family], SCALE, 2, gazetteer_entries=ENTRIES, database_urls={family: url})
    truth, other = (s.estates / family / "truth" / "dirt.parquet" for s in (settings, files))
    assert truth.read_bytes() == other.read_bytes()


def read_sqlite(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    names = [r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
    found = {n.lower(): [tuple(r) for r in connection.execute(f'SELECT * FROM "{n}"')] for n in names}
    connection.close()
    return found


def as_text(rows: list[tuple[object, ...]]) -> list[tuple[str, ...]]:
    """Rows as text, numbers and times written alike whatever the driver made of them."""
    plain = [tuple("" if v is None else str(float(v)) if _is_number(v) else str(v) for v in row) for row in rows]
    return sorted(plain)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def test_relational_estate_in_postgresql_equals_its_file(
    create_database: Callable[..., str], files: Settings, tmp_path: Path
) -> None:
    url = create_database()
    build_on_server(tmp_path, files, "tayside", url)
    expected = read_sqlite(files.estates / "tayside" / "tayside_crime.sqlite")
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        for table, rows in expected.items():
            found = [tuple(r) for r in connection.execute(sa.text(f"SELECT * FROM {table}"))]
            assert as_text(found) == as_text(rows)
    engine.dispose()
    assert not list((tmp_path / "estates" / "tayside").glob("*.sqlite"))


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty latin1 database of a MariaDB server on a socket of its own."""
    program, installer = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if program is None or installer is None:
        pytest.skip("no mariadbd: install the Debian package mariadb-server")
    folder = tmp_path_factory.mktemp("mariadb")
    user = ["--user=root"] if os.geteuid() == 0 else []
    data, socket = f"--datadir={folder}/data", folder / "s"
    options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run([installer, "--no-defaults", *user, data, *options], check=True, capture_output=True)
    arguments = ["--no-defaults", *user, data, f"--socket={socket}", "--skip-networking", f"--pid-file={folder}/pid"]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(120):
            try:
                with pymysql.connect(unix_socket=str(socket), user="root", autocommit=True) as connection:
                    connection.cursor().execute("CREATE DATABASE crimefile CHARACTER SET latin1")
                break
            except pymysql.Error:
                time.sleep(0.5)
        yield f"mariadb://root@/crimefile?unix_socket={socket}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.wide
def test_composite_estate_in_mariadb_equals_its_file(mariadb: str, files: Settings, tmp_path: Path) -> None:
    build_on_server(tmp_path, files, "grampian", mariadb)
    expected = read_sqlite(files.estates / "grampian" / "grampian_crimefile.sqlite")
    engine = sa.create_engine(mariadb.replace("mariadb://", "mariadb+pymysql://"))
    with engine.connect() as connection:
        for table, rows in expected.items():
            found = [tuple(r) for r in connection.execute(sa.text(f"SELECT * FROM {table}"))]
            assert as_text(found) == as_text(rows)
        sets = connection.execute(
            sa.text(
                "SELECT DISTINCT character_set_name FROM information_schema.columns WHERE table_schema = 'crimefile'"
            )
        )
        assert {r[0] for r in sets} == {"latin1", None}
    engine.dispose()
