"""The invented gazetteer of the hard cases, compiled once a session."""

import pytest
from geocode.town import Town

from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.match import Matcher
from migration.settings import Settings


@pytest.fixture(scope="session")
def town() -> Town:
    return Town()


@pytest.fixture(scope="session")
def town_settings(tmp_path_factory: pytest.TempPathFactory, town: Town) -> Settings:
    home = tmp_path_factory.mktemp("town")
    settings = Settings(home=home, gazetteer_release="town", threads=1, memory_limit="1GB")
    build_gazetteer(settings, [town.write(home / "source")], None, "town")
    return settings


@pytest.fixture(scope="session")
def matcher(town_settings: Settings) -> Matcher:
    return Matcher(load_gazetteer(town_settings))
