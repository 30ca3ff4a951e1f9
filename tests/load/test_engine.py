"""Opening the national database and bringing it to the schema of this code."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr

from migration.errors import ConfigError, SourceError
from migration.load.embedded import stop_server
from migration.load.engine import connect, create_database, drop_database, open_engine, read_url, upgrade_schema
from migration.schema.model import load_schema
from migration.schema.sql import SCHEMAS, national_metadata, table_of
from migration.settings import Settings


def count(engine: sa.Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)


def find_drift(engine: sa.Engine) -> list[object]:
    """What Alembic would change to make the database equal the metadata."""
    with engine.connect() as connection:
        options = {"include_schemas": True, "include_name": lambda name, kind, _: kind != "schema" or name in SCHEMAS}
        context = MigrationContext.configure(connection, opts={**options, "compare_type": True})
        return list(compare_metadata(context, national_metadata()))


def test_migrated_database_equals_the_metadata(engine: sa.Engine) -> None:
    assert find_drift(engine) == []
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE national.crime DROP COLUMN procedural_ref"))
        connection.execute(sa.text("ALTER TABLE control.gate ALTER COLUMN verdict TYPE varchar(3)"))
    assert len(find_drift(engine)) == 2


def test_partitioned_entities_are_partitioned_by_division(engine: sa.Engine) -> None:
    query = sa.text(
        "SELECT c.relname FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid "
        "WHERE pg_get_partkeydef(c.oid) = 'LIST (division_code)'"
    )
    with engine.connect() as connection:
        found = set(connection.scalars(query))
    assert found == {entity.name for entity in load_schema().partitioned_entities()}


def test_upgrade_schema_seeds_every_code_with_its_validity(engine: sa.Engine) -> None:
    codes = load_schema().codes
    assert count(engine, "reference.cv_value") == sum(len(values) for values in codes.values())
    assert count(engine, "reference.crime_code") == len(codes["crime_code"])
    assert count(engine, "reference.division") == len(codes["division"])
    dated = [(name, c) for name, values in codes.items() for c in values if c.valid_to is not None]
    assert dated
    value = table_of("cv_value")
    with engine.connect() as connection:
        for name, code in dated:
            query = sa.select(value.c.valid_to).where(value.c.list_name == name, value.c.code == code.code)
            assert connection.scalar(query) == code.valid_to


def test_upgrade_schema_twice_changes_nothing(engine: sa.Engine) -> None:
    before = count(engine, "reference.cv_value")
    upgrade_schema(engine)
    assert count(engine, "reference.cv_value") == before


def test_upgrade_schema_when_database_is_of_other_fields_refuses(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("COMMENT ON SCHEMA control IS 'another'"))
    with pytest.raises(ConfigError, match=r"national\.yml"):
        upgrade_schema(engine)


def test_national_column_when_text_is_too_long_refuses(engine: sa.Engine) -> None:
    table = table_of("waiver")
    values = {c.name: "x" for c in table.columns} | {
        "division_code": "xx", "granted_at_utc": sa.func.now(), "expires_on": "2099-01-01", "cap_rows": 1,
    }  # fmt: skip
    with pytest.raises(sa.exc.IntegrityError, match="waiver_lengths"), engine.begin() as connection:
        connection.execute(sa.insert(table).values(**values))


def test_open_engine_without_url_starts_the_embedded_server(settings: Settings) -> None:
    engine = open_engine(settings)
    try:
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SHOW timezone")) == "UTC"
    finally:
        engine.dispose()
        stop_server(settings.home)


def test_open_engine_with_url_uses_that_server_only(settings: Settings, create_database: Callable[..., str]) -> None:
    url = create_database()
    plain = url.replace("postgresql+psycopg://", "postgres://")
    given = settings.model_copy(update={"database_url": SecretStr(plain)})
    engine = open_engine(given)
    assert engine.url.database == read_url(url).database
    assert engine.url.drivername == "postgresql+psycopg"
    assert not (settings.home / "postgres").exists()
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "word"),
    [("no url at all", "no URL"), ("mysql://host/database", "mysql"), ("sqlite:///file.db", "sqlite")],
)
def test_open_engine_with_a_wrong_url_names_it(settings: Settings, url: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        open_engine(settings.model_copy(update={"database_url": SecretStr(url)}))


def test_open_engine_when_nothing_answers_says_where_and_hides_the_password(settings: Settings) -> None:
    url = "postgresql://somebody:topsecret@127.0.0.1:1/national"
    with pytest.raises(SourceError, match=r"127\.0\.0\.1.*national") as caught:
        open_engine(settings.model_copy(update={"database_url": SecretStr(url)}))
    assert "topsecret" not in str(caught.value) and "somebody" not in str(caught.value)


def test_create_database_starts_from_empty_and_drop_database_removes_it(engine: sa.Engine) -> None:
    server = engine.url.render_as_string(hide_password=False)
    for _ in range(2):
        url = create_database(server, "made_by_test")
        made = connect(read_url(url), "test")
        with made.begin() as connection:
            connection.execute(sa.text("CREATE TABLE t ()"))
        made.dispose()
    drop_database(server, "made_by_test")
    with pytest.raises(SourceError):
        connect(read_url(url), "test")
