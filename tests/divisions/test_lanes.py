"""Rows loaded together give what rows decided one by one give: the golden files again, with lanes for small tables too.

Once with every column asked value by value, once as the sample of each column says.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from migration.mapping import distinct, lane
from migration.mapping.load import load_pack
from migration.settings import Settings, get_settings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from golden import map_folder  # noqa: E402


def first_of_each_family() -> list[str]:
    """The first division of each family."""
    found: dict[str, str] = {}
    for path in sorted(p for p in HERE.iterdir() if (p / "raw").is_dir()):
        found.setdefault(load_pack(get_settings(), path.name).family, path.name)
    return list(found.values())


@pytest.mark.parametrize("is_few", [True, False])
@pytest.mark.parametrize("division", first_of_each_family())
def test_rows_loaded_together_are_those_on_file(
    division: str, is_few: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "LEAST_ROWS", 1)
    if is_few:
        monkeypatch.setattr(distinct, "_has_few", lambda _file, _column: True)
    found = map_folder(settings, division, HERE / division)
    on_file = {path.stem: path.read_text(encoding="utf-8") for path in (HERE / division / "expected").glob("*.csv")}
    assert sorted(found) == sorted(on_file)
    for name, text in on_file.items():
        assert found[name] == text, f"{name}.csv of division {division}"
    footers = {p.stem: pq.read_metadata(p).metadata or {} for p in settings.home.rglob("mapped/*.parquet")}
    assert footers
    assert {
        name for name, footer in footers.items() if not footer.keys() >= {b"division", b"security_marking"}
    } == set()
