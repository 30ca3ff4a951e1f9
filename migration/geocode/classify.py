"""What kind of description a text is, before anything is looked up.

Enters: tokens. Leaves: the class, the tokens without the words that showed it, and those words. Must hold: a text
that is no address never competes for a UPRN; a relative description keeps its anchor. Junctions and road markers are
told from addresses by their words here, and by their streets in `junctions.py`.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from migration.geocode.rules import LocationClass
from migration.geocode.text import BREAK, SLASH, TOKEN_CACHE, tokenise
from migration.geocode.vocabulary import vocabulary

_ROAD = re.compile(r"[MAB]\d{1,4}M?")
_PLACELESS, _BEGINS_PHRASE, _ROAD_NUMBER = 1, 2, 4
_ONLY_FIRST = frozenset({"NR", "NEAR", "OFF", "TOWARDS", "NEARBY", "BETWEEN"})
"""Cues that are postal filler further on (`Rose Cottage, near Perth`)."""
_MARKER_WORDS = frozenset(
    {
        "NORTHBOUND",
        "SOUTHBOUND",
        "EASTBOUND",
        "WESTBOUND",
        "N/B",
        "S/B",
        "E/B",
        "W/B",
        "NB",
        "SB",
        "EB",
        "WB",
        "J",
        "JCT",
        "JUNCTION",
        "MARKER",
        "POST",
        "MP",
        "SLIP",
        "SLIPROAD",
        "LAYBY",
        "LAY",
        "CARRIAGEWAY",
        "HARD",
        "SHOULDER",
        "SLIPWAY",
        "OFFSLIP",
        "ONSLIP",
    }
)


class Classified(NamedTuple):
    """Class of a text; `tokens` without the words `cue` that gave it away; `spoken` is their count."""

    location_class: LocationClass
    tokens: tuple[str, ...]
    cue: str = ""
    spoken: int = 0


@lru_cache(maxsize=1)
def _phrases() -> tuple[dict[str, tuple[tuple[str, ...], ...]], frozenset[str]]:
    """Phrases of each kind as tokens, longest first, and every token that can begin one."""
    kinds: dict[str, tuple[tuple[str, ...], ...]] = {}
    for kind, phrases in vocabulary().phrases.items():
        tokens = {tuple(t for t in tokenise(p) if t != BREAK) for p in phrases}
        kinds[kind] = tuple(sorted(tokens, key=lambda t: (-len(t), t)))
    first = frozenset(p[0] for group in kinds.values() for p in group)
    return kinds, first


def classify(tokens: tuple[str, ...]) -> Classified:
    """Class of a text by its words; ADDRESS where nothing says otherwise."""
    any_mark, every_mark = 0, _PLACELESS
    for mark in set(map(_mark, tokens)):
        any_mark |= mark
        every_mark &= mark
    if every_mark & _PLACELESS:
        words = [t for t in tokens if _is_word(t)]
        return Classified(LocationClass.UNUSABLE, (), " ".join(words), len(words))
    if any_mark & _BEGINS_PHRASE:
        kinds, _ = _phrases()
        plain = tuple(t for t in tokens if t != BREAK)
        if plain in kinds["unusable"]:
            return Classified(LocationClass.UNUSABLE, (), " ".join(plain), len(plain))
        for phrase in _present("no_fixed_abode", tokens):
            if _starts_segment(tokens, phrase) is not None:
                return Classified(LocationClass.NO_FIXED_ABODE, _without(tokens, 0, 0), " ".join(phrase), len(phrase))
        found = _find_cue(tokens)
        if found is not None:
            return found
    if any_mark & _ROAD_NUMBER and _is_road_marker(tokens):
        return Classified(LocationClass.ROAD_MARKER, tokens)
    return Classified(LocationClass.ADDRESS, tokens)


@lru_cache(maxsize=TOKEN_CACHE)
def _mark(token: str) -> int:
    """What a token can be by itself: no place, the beginning of a phrase, a numbered road."""
    _, first = _phrases()
    placeless = _PLACELESS if not _is_word(token) or token in vocabulary().placeless else 0
    begins = _BEGINS_PHRASE if token in first else 0
    return placeless | begins | (_ROAD_NUMBER if _ROAD.fullmatch(token) else 0)


def _is_word(token: str) -> bool:
    return token not in (BREAK, SLASH) and (len(token) > 1 or token.isalnum())


def looks_like_junction(tokens: tuple[str, ...]) -> bool:
    """Whether two street-like names stand on both sides of a slash, `and` or `at`, and no number anywhere."""
    types = vocabulary().street_types
    if any(t[0].isdigit() and t not in vocabulary().ordinals for t in tokens):
        return False
    for i, token in enumerate(tokens):
        if token in (SLASH, "AND", "AT") and i > 1 and tokens[i - 1] in types:
            end = tokens.index(BREAK, i) if BREAK in tokens[i:] else len(tokens)
            if any(t in types for t in tokens[i + 2 : end]):
                return True
    return False


def _find_cue(tokens: tuple[str, ...]) -> Classified | None:
    if not _is_road_marker(tokens):
        for phrase in _present("junction_words", tokens):
            at = _find(tokens, phrase)
            if at is not None:
                kept = (*tokens[:at], SLASH, *tokens[at + len(phrase) :])
                return Classified(LocationClass.JUNCTION, _trim(kept), " ".join(phrase), len(phrase))
    for phrase in _present("relative", tokens):
        at = _starts_segment(tokens, phrase)
        if at is not None and len(tokens) > len(phrase) and (at == 0 or phrase[0] not in _ONLY_FIRST):
            kept = _without(tokens, at, at + len(phrase))
            return Classified(LocationClass.RELATIVE, kept, " ".join(phrase), len(phrase))
    return None


def _present(kind: str, tokens: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Phrases of a kind whose first token is there, longest first."""
    by_first = _phrases_by_first()[kind]
    firsts = {t for t in tokens if t in by_first}
    return sorted((p for t in firsts for p in by_first[t]), key=lambda t: (-len(t), t))


@lru_cache(maxsize=1)
def _phrases_by_first() -> dict[str, dict[str, list[tuple[str, ...]]]]:
    kinds, _ = _phrases()
    found: dict[str, dict[str, list[tuple[str, ...]]]] = {kind: {} for kind in kinds}
    for kind, phrases in kinds.items():
        for phrase in phrases:
            found[kind].setdefault(phrase[0], []).append(phrase)
    return found


def _find(tokens: tuple[str, ...], phrase: tuple[str, ...]) -> int | None:
    size = len(phrase)
    for i in range(len(tokens) - size + 1):
        if tokens[i : i + size] == phrase:
            return i
    return None


def _starts_segment(tokens: tuple[str, ...], phrase: tuple[str, ...]) -> int | None:
    """Where a segment begins with the phrase."""
    size = len(phrase)
    for i in range(len(tokens) - size + 1):
        if (i == 0 or tokens[i - 1] == BREAK) and tokens[i : i + size] == phrase:
            return i
    return None


def _without(tokens: tuple[str, ...], start: int, end: int) -> tuple[str, ...]:
    return _trim((*tokens[:start], *tokens[end:]))


def _trim(tokens: tuple[str, ...]) -> tuple[str, ...]:
    first, last = 0, len(tokens)
    while first < last and tokens[first] in (BREAK, SLASH):
        first += 1
    while last > first and tokens[last - 1] in (BREAK, SLASH):
        last -= 1
    return tokens[first:last]


def _is_road_marker(tokens: tuple[str, ...]) -> bool:
    """A numbered road with a marker word, or a motorway, or a text that is hardly more than a numbered road."""
    roads = [t for t in tokens if t[0] in "ABM" and _ROAD.fullmatch(t)]
    if not roads:
        return False
    if any(t in _MARKER_WORDS or re.fullmatch(r"J\d{1,2}A?", t) for t in tokens):
        return True
    return any(t[0] == "M" for t in roads) or tokens[0] == roads[0]


def numbered_road(tokens: tuple[str, ...]) -> str:
    """The numbered road in a text (`A9`, `M8`), or ``."""
    return next((t for t in tokens if _ROAD.fullmatch(t)), "")
