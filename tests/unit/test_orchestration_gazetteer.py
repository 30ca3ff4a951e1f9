"""Compiling a gazetteer release as a task does."""

import pytest

from migration import orchestration
from migration.errors import ConfigError, SourceError
from migration.geocode.gazetteer.release import release_folder


@pytest.fixture(autouse=True)
def own_settings(settings, monkeypatch):
    monkeypatch.setattr(orchestration, "get_settings", lambda: settings)


def test_a_release_that_exists_is_never_replaced(settings, tmp_path):
    folder = release_folder(settings, "epoch-1")
    folder.mkdir(parents=True)
    with pytest.raises(ConfigError, match="a compiled release of that name"):
        orchestration.compile_gazetteer("epoch-1", str(tmp_path))
    assert list(folder.iterdir()) == []


def test_a_folder_without_files_leaves_no_release(settings, tmp_path):
    with pytest.raises(SourceError):
        orchestration.compile_gazetteer("epoch-1", str(tmp_path))
    assert not release_folder(settings, "epoch-1").exists()
