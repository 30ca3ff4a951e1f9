"""Names that decisions teach: which are learnt, that other texts use them, that conflicts are followed by nobody."""

from pathlib import Path

import pytest
from geocode.town import Town

from migration.errors import ConfigError
from migration.geocode.aliases import (
    Alias,
    aliases_path,
    derive_alias,
    find_alias_conflicts,
    read_aliases,
    record_alias,
    teach,
)
from migration.geocode.evidence import Query
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import Gazetteer, load_gazetteer
from migration.geocode.learn import labels_hash
from migration.geocode.match import Matcher
from migration.settings import Settings


@pytest.fixture
def own(tmp_path: Path, town: Town) -> Settings:
    settings = Settings(home=tmp_path, gazetteer_release="town", threads=1, memory_limit="1GB")
    build_gazetteer(settings, [town.write(tmp_path / "source")], None, "town")
    return settings


def learn(settings: Settings, gazetteer: Gazetteer, text: str, uprn: int) -> Alias:
    alias = derive_alias(gazetteer, text, uprn, "reviewer", "2026-01-01")
    assert alias is not None
    record_alias(settings, alias)
    return alias


def test_a_decision_teaches_a_streets_other_name_to_other_texts(own: Settings, town: Town) -> None:
    query = Query("46 Auld Tattie Loan, Abermore", division="A")
    assert Matcher(load_gazetteer(own)).match(query).uprn is None
    before = labels_hash(own)
    learn(own, load_gazetteer(own), "3 Auld Tattie Loan, Abermore", town.keys["lr:3"])
    match = Matcher(teach(load_gazetteer(own), own)).match(query)
    assert (match.level, match.uprn) == ("UPRN", town.keys["lr:46"])
    assert labels_hash(own) != before


def test_a_decision_teaches_premises_another_name_within_their_street(own: Settings, town: Town) -> None:
    alias = learn(own, load_gazetteer(own), "Safebuy Superstore Annexe, Larch Road, Abermore", town.keys["lr:7"])
    assert (alias.kind, alias.town) == ("PREMISES", "ABERMORE")
    taught = teach(load_gazetteer(own), own)
    match = Matcher(taught).match(Query("Safebuy Superstore Annexe, Larch Rd, Abermore", "AB40 1AE", "A"))
    assert match.uprn == town.keys["lr:7"]
    other = Matcher(taught).match(Query("Safebuy Superstore Annexe, North Road, Abermore", division="A"))
    assert other.uprn is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("3 Larch Road, Abermore", "lr:3"),
        ("4 Auld Tattie Loan, Abermore", "lr:3"),
        ("3A Auld Tattie Loan, Abermore", "lr:3"),
        ("Flat 2, 3 Auld Tattie Loan, Abermore", "lr:3"),
        ("3 North Road, Abermore", "lr:3"),
        ("Auld Tattie Loan, Abermore", "lr:3"),
        ("outside 3 Auld Tattie Loan", "lr:3"),
        ("3 Ash, Abermore", "lr:3"),
    ],
)
def test_a_text_that_agrees_in_less_than_all_teaches_nothing(own: Settings, town: Town, text: str, key: str) -> None:
    assert derive_alias(load_gazetteer(own), text, town.keys[key], "reviewer", "2026-01-01") is None


def test_a_name_learnt_for_two_streets_is_followed_for_neither_and_reported(own: Settings, town: Town) -> None:
    learn(own, load_gazetteer(own), "3 Auld Tattie Loan, Abermore", town.keys["lr:3"])
    learn(own, load_gazetteer(own), "3 Auld Tattie Loan, Abermore", town.keys["nr:3"])
    conflicts = find_alias_conflicts(read_aliases(aliases_path(own)))
    assert list(conflicts) == [("STREET", "AULD TATTIE LOAN", "ABERMORE")]
    match = Matcher(teach(load_gazetteer(own), own)).match(Query("46 Auld Tattie Loan, Abermore", division="A"))
    assert match.uprn is None


def test_a_file_of_names_with_another_header_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    path = aliases_path(settings)
    path.parent.mkdir(parents=True)
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="columns"):
        read_aliases(path)
