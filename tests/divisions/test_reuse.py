"""A further division of a known family is a few lines of YAML and nothing else."""

import pytest

from migration.mapping.effective import measure_reuse
from migration.mapping.load import list_divisions, load_pack
from migration.settings import PROJECT_ROOT, Settings

MOST_LINES = 40
SETTINGS = Settings(mappings=PROJECT_ROOT / "mappings")
DIVISIONS = list_divisions(SETTINGS)


@pytest.mark.parametrize("division", DIVISIONS)
def test_a_division_of_a_family_is_at_most_40_lines_of_yaml_and_no_python(division):
    files = [p for p in (SETTINGS.mappings / "divisions" / division).rglob("*") if p.is_file()]
    assert {p.suffix for p in files} <= {".yml", ".csv"}
    assert sum(len(p.read_text(encoding="utf-8").splitlines()) for p in files if p.suffix == ".yml") <= MOST_LINES
    assert measure_reuse(SETTINGS, division).share > 0.95


def test_most_divisions_share_their_family_with_another():
    families = [load_pack(SETTINGS, d).family for d in DIVISIONS]
    assert len(DIVISIONS) >= 13 and len(set(families)) >= 8
    assert sum(families.count(f) > 1 for f in families) >= 7


def test_packs_hold_no_python():
    assert not list(SETTINGS.mappings.rglob("*.py"))
