"""A DuckDB session with the parsers, and packs written into a temporary folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from migration.mapping.parsers import PARSERS, Target
from migration.mapping.prepare import prepare_session
from migration.settings import PROJECT_ROOT, Settings

Read = Callable[..., tuple[object, str | None]]

SOURCES = """\
systems:
  legacy:
    kind: database
    tables:
      CASES:
        key: CASE_NO
        primary: crime_report
        columns: [CASE_NO, WHEN_RECORDED, STATE]
"""
ENTITY = """\
entity: crime_report
records:
  case:
    from: CASES
    fields:
      legacy_crime_no: CASE_NO
      recorded_at_utc: {from: WHEN_RECORDED, parse: timestamp}
      status_code: {from: STATE, lookup: state}
"""
CODES = """\
legacy_value,national_code,rationale,status,agreed_by,agreed_on
O,OPEN,Same meaning,AGREED,crime_registrar,2026-09-01
"""
DIVISION = 'division: Z\nfamily: small\ntitle: Test\nas_at: "2023-12-01"\n'


@pytest.fixture(scope="session")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB session that knows the parsers."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        prepare_session(connection)
        yield connection


@pytest.fixture(scope="session")
def read(session: duckdb.DuckDBPyConnection) -> Read:
    """Function that reads a text with a parser and gives its value and error, as a compiled mapping would."""

    def read_text(
        parser: str, text: str | None, type_: str = "VARCHAR", **options: object
    ) -> tuple[object, str | None]:
        built = PARSERS[parser].build("x", options, Target(type_, "2023-12-01"))
        error = (built.error or "NULL").replace("{value}", "v")
        values = f"SELECT *, {built.value} AS v FROM (SELECT ? AS x)"
        query = f"SELECT v, CASE WHEN v IS NOT NULL THEN {error} END FROM ({values})"
        row = session.execute(query, [text]).fetchone()
        assert row is not None
        return row[0], row[1]

    return read_text


@pytest.fixture
def packs(tmp_path: Path) -> Callable[..., Settings]:
    """Function that writes a small sound pack, changed by `files` (path to text), and gives settings for it."""

    def write(**files: str) -> Settings:
        root = tmp_path / "mappings"
        sound = {
            "families/small/sources.yml": SOURCES,
            "families/small/entities/crime_report.yml": ENTITY,
            "families/small/codes/state.csv": CODES,
            "divisions/Z/division.yml": DIVISION,
        }
        for name, text in (sound | {k.replace("__", "/"): v for k, v in files.items()}).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (root / "national").mkdir(exist_ok=True)
        return Settings(home=tmp_path / "home", mappings=root, expectations=PROJECT_ROOT / "expectations")

    return write
