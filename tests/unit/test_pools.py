"""Pools: one for each legacy system, the fewest slots any pack allows."""

from types import SimpleNamespace

import pytest

from migration import pools
from migration.errors import ConfigError
from migration.mapping.model import SourceKind
from migration.pools import MATCHING, NATIONAL_DATABASE, check_connections, count_slots, find_excesses, list_pools


@pytest.fixture
def packs(monkeypatch):
    """Function that says which packs there are: division to systems as (name, pool, connections), or None if broken."""

    def say(divisions: dict[str, list[tuple[str, str, int]] | None], kind: SourceKind = SourceKind.DATABASE) -> None:
        def load(settings, division):
            systems = divisions[division]
            if systems is None:
                raise ConfigError("pack", "a problem", "none", "Repair it.")
            named = [SimpleNamespace(name=n, pool=p, max_connections=c, kind=kind) for n, p, c in systems]
            return SimpleNamespace(division=division, systems=named)

        monkeypatch.setattr(pools, "list_divisions", lambda settings: tuple(divisions))
        monkeypatch.setattr(pools, "load_pack", load)

    return say


def slots(settings) -> dict[str, object]:
    return {name: pool["slots"] for name, pool in list_pools(settings).items()}


def test_fixed_pools_are_there_without_any_pack(settings, packs):
    packs({})
    assert slots(settings) == {MATCHING: 1, NATIONAL_DATABASE: 2}


def test_divisions_that_share_a_legacy_system_share_its_pool_at_the_lower_limit(settings, packs):
    packs({"X": [("crime", "legacy_crime", 4)], "Y": [("crime", "legacy_crime", 2), ("files", "legacy_files", 1)]})
    assert slots(settings) == {"legacy_crime": 2, "legacy_files": 1, MATCHING: 1, NATIONAL_DATABASE: 2}


def test_a_broken_pack_takes_only_its_own_pools_away(settings, packs):
    packs({"X": None, "Y": [("crime", "legacy_crime", 3)]})
    assert slots(settings)["legacy_crime"] == 3


@pytest.mark.parametrize(("kind", "taken"), [(SourceKind.DATABASE, 4), (SourceKind.DELIMITED, 1)])
def test_a_table_takes_the_connections_it_may_open_and_a_file_one(kind, taken):
    assert count_slots(SimpleNamespace(kind=kind, pool="legacy_crime", max_connections=4)) == taken


SHARED = {"X": [("crime", "legacy_crime", 4)], "Y": [("crime", "legacy_crime", 2)], "Z": [("other", "legacy_other", 9)]}


def test_a_pack_that_may_open_more_than_another_allows_the_same_host_is_a_problem(settings, packs):
    packs(SHARED)
    found = find_excesses(settings)
    assert list(found) == ["X"]
    assert "4 connections of system crime to pool legacy_crime" in found["X"]
    assert "at most the fewest that any pack allows: 2 of legacy_crime" in found["X"]
    assert find_excesses(settings, ["Y", "Z"]) == {}
    with pytest.raises(ConfigError, match="pack of division X: found 4 connections of system crime"):
        check_connections(pools.load_pack(settings, "X"), list_pools(settings))


def test_packs_that_agree_and_files_are_no_problem(settings, packs):
    packs({"X": [("crime", "legacy_crime", 4)], "Y": [("crime", "legacy_crime", 4)]})
    assert find_excesses(settings) == {}
    packs(SHARED, SourceKind.DELIMITED)
    assert find_excesses(settings) == {}
