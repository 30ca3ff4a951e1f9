"""A cold start on each legacy family as if nobody had mapped it: its packs are taken away, and are the answer key."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from migration.mapping.expressions import Column, list_columns
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import Pack
from migration.mapping.scaffold import Scaffold, scaffold_pack
from migration.settings import PROJECT_ROOT, Settings
from migration.synthetic.build import build_estate
from migration.synthetic.families import list_families

pytestmark = pytest.mark.wide

SCALE, SEED, ENTRIES = 0.0008, 2, 12_000
FEWEST_RIGHT, FEWEST_CONFIDENT_RIGHT = 0.45, 0.85
"""Over all families: measured 0.53 and 0.93 (see `migration/mapping/README.md`)."""


@pytest.fixture(scope="module")
def estates(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("unseen"))
    build_estate(settings, None, SCALE, SEED, gazetteer_entries=ENTRIES)
    return settings


def start_cold(settings: Settings, family: str, folder: Path) -> tuple[Pack, Scaffold]:
    """A family's pack, and what is proposed for its system by packs that do not hold it."""
    shutil.copytree(PROJECT_ROOT / "mappings", folder)
    packs = {letter: load_pack(settings, letter) for letter in list_divisions(settings)}
    shutil.rmtree(folder / "families" / family)
    for letter, pack in packs.items():
        if pack.family == family:
            shutil.rmtree(folder / "divisions" / letter)
    place = settings.estates / family
    databases = sorted(place.glob("*.sqlite"))
    source = f"sqlite:///{databases[0]}" if databases else str(place)
    own = next(p for p in packs.values() if p.family == family)
    return own, scaffold_pack(settings.model_copy(update={"mappings": folder}), source, "B")


def answers(pack: Pack) -> dict[tuple[str, str], set[str]]:
    """The fields each column of a table's own goes into."""
    found: dict[tuple[str, str], set[str]] = {}
    for record in pack.records:
        for item in record.fields:
            for part in list_columns(item.expression):
                if isinstance(part, Column) and not part.join:
                    found.setdefault((record.table, part.name), set()).add(f"{record.entity}.{item.name}")
    return found


@pytest.fixture(scope="module")
def started(estates: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Pack, Scaffold]]]:
    yield {f: start_cold(estates, f, tmp_path_factory.mktemp(f) / "mappings") for f in list_families()}


def test_every_kind_of_legacy_system_becomes_a_draft(started):
    assert {family for family, (_, result) in started.items() if result.tables} == set(list_families())
    assert sum(result.tables_understood > 0 for _, result in started.values()) >= len(started) - 1


def test_unseen_systems_are_proposed_about_half_right_and_confident_proposals_nearly_all(started):
    wanted = right = confident = confident_right = 0
    for pack, result in started.values():
        key = answers(pack)
        wanted += len(key)
        for proposal in result.proposals:
            targets = key.get((proposal.table, proposal.column))
            if targets is not None:
                right += proposal.target in targets
                confident += proposal.is_confident
                confident_right += proposal.is_confident and proposal.target in targets
    assert right / wanted >= FEWEST_RIGHT, f"{right} of {wanted}"
    assert confident_right / confident >= FEWEST_CONFIDENT_RIGHT, f"{confident_right} of {confident}"
