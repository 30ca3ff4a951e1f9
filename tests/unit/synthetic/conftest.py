"""One small estate for the tests of this folder, built once."""

from pathlib import Path

import pytest

from migration.settings import Settings
from migration.synthetic.build import build_estate
from migration.synthetic.families import list_families

SCALE = 0.0006
ENTRIES = 30_000


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose home holds every family at small scale."""
    settings = Settings(home=tmp_path_factory.mktemp("synthetic"))
    build_estate(settings, list_families(), SCALE, 5, gazetteer_entries=ENTRIES)
    return settings


@pytest.fixture(scope="session")
def folders(estate: Settings) -> dict[str, Path]:
    """Folder of each family."""
    return {name: estate.estates / name for name in list_families()}
