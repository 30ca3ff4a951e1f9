"""Where legacy systems lie, and what their folders say of them."""

import pytest

from migration.extract.sources import is_synthetic


@pytest.mark.parametrize("location", ["{folder}", "sqlite:///{folder}/crime.sqlite"])
def test_is_synthetic_when_the_folder_of_the_system_says_so(tmp_path, location):
    assert not is_synthetic(location.format(folder=tmp_path))
    (tmp_path / "SYNTHETIC.txt").touch()
    assert is_synthetic(location.format(folder=tmp_path))
