"""Misspelt words of a closed list: floors, sides and units within the premises, and names of places behind the street.

Enters: tokens. Leaves: the tokens with such words put right, or the place meant. Must hold: only letters change, never
a digit; a word is put right only where one word of the list is near enough; what is put right is said so in the
evidence pattern, so that it is measured by itself. Refuses (None) the rest.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA

from migration.geocode.vocabulary import vocabulary

_WORDS = ("FLAT", "FLOOR", "LEFT", "RIGHT", "GROUND", "MIDDLE", "FRONT", "BASEMENT", "APARTMENT", "FIRST", "SECOND")
_WORDS_THAT_END = ("AT", "FLOOR", "FLAT", "LEFT", "RIGHT", "DOOR")
_GLUED = re.compile(r"(GRD|GND|FLR)(FLOOR|FLR|FLAT|LEFT|RIGHT)")
_GLUED_ORDINAL = re.compile(r"(?<!\S)(1 ST|2 ND|3 RD|[4-8] TH)(FLOOR|FLR|FLAT)(?!\S)")
"""`2NDFLOOR`, whose digit was cut off as a number."""
_SHORT = {"GND": ("GROUND",)}
LEAST_PLACE = 5
"""Letters from which the name of a place may be misspelt; from 8 letters in two places."""


@lru_cache(maxsize=50_000)
def put_right(key: str) -> str | None:
    """Premises tokens with unit words put right: misspelt, glued or out of order.

    (`1ST FOOR RGHT`, `GROUNDFLOOR`, `FLATB`, `FLOOR 2ND LEFT`.)
    """
    changed: list[str] = []
    for token in _GLUED_ORDINAL.sub(lambda m: f"{m[1].replace(' ', '')} {m[2]}", key).split(" "):
        changed.extend(_SHORT.get(token) or _put_word_right(token) or (token,))
    found = _put_floor_in_order(" ".join(changed))
    return found if found != key else None


def _put_floor_in_order(key: str) -> str:
    """`FLOOR 2ND LEFT` and `2ND LEFT , FLOOR` as `2ND FLOOR LEFT`."""
    if "FLOOR" not in key and "FLR" not in key:
        return key
    first, last = _floor_orders()
    return last.sub(r"\1\2 FLOOR \3 ,", first.sub(r"\1\2 FLOOR \3", key))


@lru_cache(maxsize=1)
def _floor_orders() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The word Floor before floor and side, at the start of a segment; and behind them."""
    words = vocabulary()
    floor = "(" + "|".join(sorted(words.floors)) + ")"
    side = "(" + "|".join(sorted(s for s, code in words.sides.items() if code in "LR")) + ")"
    first = re.compile(rf"(^|, )(?:FLOOR|FLR) {floor} {side}(?= |$)")
    last = re.compile(rf"(^|, ){floor} {side}(?: ,)? (?:FLOOR|FLR)(?= |$)")
    return first, last


@lru_cache(maxsize=50_000)
def _put_word_right(token: str) -> tuple[str, ...] | None:
    words = vocabulary()
    glued = _GLUED.fullmatch(token)
    if glued:
        return tuple(part for found in glued.groups() for part in _SHORT.get(found, (found,)))
    if len(token) < 4 or not token.isalpha() or token in words.unit_classes or token in words.sides:
        return None
    if token in words.floors or token in words.fillers or token in words.street_types or token in _WORDS:
        return None
    for start in _WORDS:
        rest = token.removeprefix(start)
        if rest != token and ((len(rest) == 1 and start == "FLAT") or rest in _WORDS_THAT_END):
            return words.canonical.get(start, start), rest
    near = [w for w in _WORDS if abs(len(w) - len(token)) <= 1 and OSA.distance(token, w, score_cutoff=1) == 1]
    return (words.canonical.get(near[0], near[0]),) if len(near) == 1 else None


class PlaceSpelling:
    """Names of places by length, for one release; owns its memo."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_length: dict[int, list[tuple[str, str]]] = {}
        self._glued: dict[str, str] = {}
        for name in sorted(names):
            self._glued[name.replace(" ", "")] = name
            joined = spell_out(name)
            if len(joined) >= LEAST_PLACE and joined.isalpha():
                self._by_length.setdefault(len(joined), []).append((joined, name))
        self._memo: dict[str, str | None] = {}

    def find(self, words: str) -> str | None:
        """The one place whose name is these words glued or misspelt; None where none or several are."""
        if words not in self._memo:
            if len(self._memo) > 200_000:
                self._memo.clear()
            self._memo[words] = self._search(words)
        return self._memo[words]

    def _search(self, words: str) -> str | None:
        joined = spell_out(words)
        limit = _most_place_edits(joined)
        if len(joined) < LEAST_PLACE or not joined.isalpha():
            return None
        if words in self._glued:
            return self._glued[words]
        best: dict[str, int] = {}
        for length in range(len(joined) - limit, len(joined) + limit + 1):
            for other, name in self._by_length.get(length, ()):
                distance = OSA.distance(joined, other, score_cutoff=limit)
                if distance <= limit and _says_same_side(words, name):
                    best[name] = distance
        if not best:
            return None
        least = min(best.values())
        nearest = sorted(name for name, distance in best.items() if distance == least)
        return nearest[0] if len(nearest) == 1 else None


def is_spelling_of(words: str, name: str) -> bool:
    """Whether words behind a street are a place's name glued, misspelt or both."""
    joined = spell_out(words)
    limit = _most_place_edits(joined)
    if words == name.replace(" ", ""):
        return True
    if len(joined) < LEAST_PLACE or OSA.distance(joined, spell_out(name), score_cutoff=limit) > limit:
        return False
    return _says_same_side(words, name)


def _most_place_edits(joined: str) -> int:
    return 2 if len(joined) >= 8 else 1


@lru_cache(maxsize=50_000)
def spell_out(words: str) -> str:
    """Words without spaces, with North, East, Park and the like in full (`E KILBRIDE` → `EASTKILBRIDE`)."""
    full = _full_words()
    return "".join(full.get(w, w) for w in words.split(" "))


def _says_same_side(words: str, name: str) -> bool:
    """Whether words and name have the same of North, Upper, Old and the like: those are never misspelt into another."""
    identity = vocabulary().identity_words
    said: set[str] = set()
    for word in words.split(" "):
        near = {word} if word in identity else _near_identity(word)
        if len(near) > 1:
            return False
        said |= near
    if said:
        return said == identity.intersection(name.split(" "))
    joined, other = spell_out(words), spell_out(name)
    return all(other.startswith(s) for s in _identity_spellings() if joined.startswith(s))


@lru_cache(maxsize=50_000)
def _near_identity(word: str) -> set[str]:
    """Forms of North, Upper and the like that a word of three letters or more is one edit from."""
    if len(word) < 3:
        return set()
    return {k for s, k in _identity_spellings().items() if OSA.distance(word, s, score_cutoff=1) <= 1}


@lru_cache(maxsize=1)
def _identity_spellings() -> dict[str, str]:
    """Full spellings, of four letters and more, of the words that tell places apart, with their form."""
    words = vocabulary()
    return {
        s: k for s, k in sorted(words.canonical.items()) if k in words.identity_words and s.isalpha() and len(s) > 3
    }


@lru_cache(maxsize=1)
def _full_words() -> dict[str, str]:
    """Form in keys → the word in full (`E` → `EAST`, `PK` → `PARK`); Saint stays as it is written."""
    words: dict[str, str] = {}
    for variant, key in sorted(vocabulary().canonical.items()):
        if variant.isalpha() and key != "ST" and len(variant) > len(words.get(key, key)):
            words[key] = variant
    return words


def split_type(token: str) -> tuple[str, str] | None:
    """A street written as one word, as its name and type (`STATIONROAD` → `STN`, `RD`); None where it is not."""
    for variant, key in _long_types():
        if token.endswith(variant) and len(token) > len(variant) + 1:
            base = token[: -len(variant)]
            return vocabulary().canonical.get(base, base), key
    return None


@lru_cache(maxsize=1)
def _long_types() -> tuple[tuple[str, str], ...]:
    """Spellings of street types of four letters and more, longest first, with their form."""
    words = vocabulary()
    found = [(v, k) for v, k in words.canonical.items() if len(v) >= 4 and k in words.street_types]
    return tuple(sorted(found, key=lambda kv: (-len(kv[0]), kv[0])))
