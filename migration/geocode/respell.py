"""Misspelt words of a closed list: floors, sides and units within the premises, and names of places behind the street.

Enters: tokens. Leaves: the tokens with such words put right, or the place meant. Must hold: only letters change, never
a digit; a word is put right only where one word of the list is near enough; what is put right is said so in the
evidence pattern, so that it is measured by itself. Refuses (None) the rest.
"""

from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA

from migration.geocode.vocabulary import vocabulary

_WORDS = ("FLAT", "FLOOR", "LEFT", "RIGHT", "GROUND", "MIDDLE", "FRONT", "BASEMENT", "APARTMENT", "FIRST", "SECOND")
_WORDS_THAT_END = ("AT", "FLOOR", "FLAT", "LEFT", "RIGHT", "DOOR")
LEAST_PLACE = 5
"""Letters from which the name of a place may be misspelt; from 8 letters in two places."""


@lru_cache(maxsize=50_000)
def put_right(key: str) -> str | None:
    """Premises tokens with misspelt or glued unit words put right (`1ST FOOR RGHT`, `GROUNDFLOOR`, `FLATB`)."""
    changed: list[str] = []
    for token in key.split(" "):
        changed.extend(_put_word_right(token) or (token,))
    found = " ".join(changed)
    return found if found != key else None


@lru_cache(maxsize=50_000)
def _put_word_right(token: str) -> tuple[str, ...] | None:
    words = vocabulary()
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
        for name in sorted(names):
            joined = name.replace(" ", "")
            if len(joined) >= LEAST_PLACE and joined.isalpha():
                self._by_length.setdefault(len(joined), []).append((joined, name))
        self._memo: dict[str, str | None] = {}

    def find(self, words: str) -> str | None:
        """The one place whose name is these words glued or misspelt; None where none or several are."""
        if words not in self._memo:
            if len(self._memo) > 200_000:
                self._memo.clear()
            self._memo[words] = self._search(words.replace(" ", ""))
        return self._memo[words]

    def _search(self, joined: str) -> str | None:
        limit = 2 if len(joined) >= 8 else 1
        if len(joined) < LEAST_PLACE or not joined.isalpha():
            return None
        best: dict[str, int] = {}
        for length in range(len(joined) - limit, len(joined) + limit + 1):
            for other, name in self._by_length.get(length, ()):
                distance = OSA.distance(joined, other, score_cutoff=limit)
                if distance <= limit:
                    best[name] = distance
        if not best:
            return None
        least = min(best.values())
        nearest = sorted(name for name, distance in best.items() if distance == least)
        return nearest[0] if len(nearest) == 1 else None


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
