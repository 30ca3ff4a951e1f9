"""The words the geocoder knows, from `vocabulary.yml`, read once.

Enters: the file beside this module. Leaves: a frozen `Vocabulary` in canonical tokens. Must hold: no variant stands for
two canonical forms, apart from Street and Saint, which share one. Refuses a file that breaks this, naming the word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import yaml

from migration.errors import ConfigError

VOCABULARY_FILE = Path(__file__).with_name("vocabulary.yml")


@dataclass(frozen=True)
class Vocabulary:
    """Closed word lists. `canonical` maps every variant to the form used in keys."""

    canonical: Mapping[str, str]
    street_types: frozenset[str]
    identity_words: frozenset[str]
    unit_classes: Mapping[str, str]
    floors: Mapping[str, str]
    sides: Mapping[str, str]
    fillers: frozenset[str]
    counties: frozenset[str]
    outside: frozenset[str]
    outside_areas: frozenset[str]
    scottish_areas: frozenset[str]
    ordinals: frozenset[str]
    placeless: frozenset[str]
    phrases: Mapping[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The vocabulary of this code.

    Raises:
        ConfigError: a word stands for two canonical forms.
    """
    raw = yaml.safe_load(VOCABULARY_FILE.read_text(encoding="utf-8"))
    canonical = _canonical_forms(raw)
    return Vocabulary(
        canonical=MappingProxyType(canonical),
        street_types=frozenset(raw["street_types"]),
        identity_words=frozenset(str(w) for w in raw["identity_words"]),
        unit_classes=MappingProxyType({w: kind for kind, words in raw["unit_words"].items() for w in words}),
        floors=_variants(raw["floors"], canonical),
        sides=_variants(raw["sides"], canonical),
        fillers=_keys(raw["filler_words"], canonical),
        counties=_keys(raw["counties"], canonical),
        outside=_keys(raw["outside_words"], canonical),
        outside_areas=frozenset(raw["outside_postcode_areas"]),
        scottish_areas=frozenset(raw["scottish_postcode_areas"]),
        ordinals=frozenset(k for k in raw["abbreviations"] if k[0].isdigit()),
        placeless=_keys(raw["placeless_words"], canonical),
        phrases=MappingProxyType(
            {n: tuple(raw[n]) for n in ("no_fixed_abode", "unusable", "relative", "junction_words")}
        ),
    )


def _canonical_forms(raw: dict[str, dict[str, list[str]]]) -> dict[str, str]:
    forms: dict[str, str] = {}
    for group in ("street_types", "abbreviations"):
        for key, variants in raw[group].items():
            for word in variants:
                if forms.setdefault(word, key) != key:
                    raise ConfigError(
                        f"vocabulary.yml, {group}.{key}",
                        f"{word}, which already stands for {forms[word]}",
                        "each variant under one form",
                        "Remove it from one of the two.",
                    )
    return forms


def _variants(raw: dict[str, list[str]], canonical: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({canonical.get(w, w): key for key, words in raw.items() for w in words})


def _keys(words: list[str], canonical: Mapping[str, str]) -> frozenset[str]:
    return frozenset(" ".join(canonical.get(t, t) for t in w.split()) for w in words)
