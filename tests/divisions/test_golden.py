"""Each division's pack maps its hand-made rows to exactly the rows, dispositions, rejects and issues on file."""

import sys
from pathlib import Path

import pytest

from migration.settings import Settings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from golden import map_folder  # noqa: E402

DIVISIONS = sorted(path.name for path in HERE.iterdir() if (path / "raw").is_dir())


def test_every_division_with_a_pack_has_a_golden_folder(settings: Settings) -> None:
    packs = {path.parent.name for path in (settings.mappings / "divisions").glob("*/division.yml")}
    assert packs == set(DIVISIONS)


@pytest.mark.parametrize("division", DIVISIONS)
def test_mapping_hand_made_rows_gives_the_rows_on_file(division: str, settings: Settings, update_golden: bool) -> None:
    expected = HERE / division / "expected"
    found = map_folder(settings, division, HERE / division)
    if update_golden:
        expected.mkdir(exist_ok=True)
        for path in expected.glob("*.csv"):
            path.unlink()
        for name, text in found.items():
            (expected / f"{name}.csv").write_text(text, encoding="utf-8")
    on_file = {path.stem: path.read_text(encoding="utf-8") for path in expected.glob("*.csv")}
    assert sorted(found) == sorted(on_file)
    for name, text in on_file.items():
        assert found[name] == text, f"{name}.csv of division {division}"
