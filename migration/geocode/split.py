"""Which tokens of an address are street, which are places, which are left for the premises.

Enters: tokens and the gazetteer's names. Leaves: street windows (where, how long, key), spans of place names, and the
premises key of a window. Must hold: windows and spans never cross a break; each token gets exactly one role.
"""

from collections.abc import Container
from functools import lru_cache
from typing import NamedTuple

from migration.geocode.gazetteer.index import Gazetteer
from migration.geocode.premises import STREET
from migration.geocode.text import BREAK, SLASH, TOKEN_CACHE
from migration.geocode.vocabulary import vocabulary

ROLE_STREET, ROLE_PLACE, ROLE_PREMISES, ROLE_FILLER, ROLE_BREAK = "S", "L", "P", "F", "-"
ROLE_UNUSED, ROLE_NAME, ROLE_QUALIFIER = "U", "N", "Q"


class Span(NamedTuple):
    """Tokens `start` to `end` (not included) and the key they make."""

    start: int
    end: int
    key: str


def find_spans(tokens: tuple[str, ...], lengths: dict[str, int], keys: Container[str]) -> list[Span]:
    """Longest known phrases from every position; those inside a longer one are left out. None reaches over a break."""
    spans: list[Span] = []
    covered = 0
    for i in [i for i, token in enumerate(tokens) if token in lengths]:
        longest, key, end = "", tokens[i], i + 1
        if end > covered and key in keys:
            longest, covered = key, end
        for token in tokens[end : i + lengths[key]]:
            if token == BREAK:
                break
            key, end = f"{key} {token}", end + 1
            if end > covered and key in keys:
                longest, covered = key, end
        if longest:
            spans.append(Span(i, covered, longest))
    return spans


def find_streets(gazetteer: Gazetteer, tokens: tuple[str, ...]) -> list[Span]:
    """Windows that are a street's name, word for word."""
    return find_spans(tokens, gazetteer.alias_lengths, gazetteer.aliases)


class PlaceNames:
    """Everything that can name a place: localities, towns and councils of the gazetteer, counties, places outside."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        words = vocabulary()
        self._known = frozenset(gazetteer.localities) | words.counties | words.outside
        self._lengths = gazetteer.locality_lengths
        self._last: tuple[tuple[str, ...], list[Span]] = ((), [])

    def find(self, tokens: tuple[str, ...]) -> list[Span]:
        """Windows that name a place, word for word; the same words are asked for several times on end."""
        if tokens is not self._last[0]:
            self._last = (tokens, find_spans(tokens, self._lengths, self._known))
        return self._last[1]

    def __contains__(self, key: str) -> bool:
        return key in self._known


def choose_places(tokens: tuple[str, ...], spans: list[Span], street: Span | None) -> list[Span]:
    """Spans that stand where places stand: behind the street, or a whole segment, or the end of the text."""
    chosen: list[Span] = []
    if not spans:
        return chosen
    after = street.end if street else len(tokens)
    for span in spans:
        if street and span.start < street.end and span.end > street.start:
            continue
        starts = span.start == 0 or tokens[span.start - 1] in (BREAK, SLASH)
        ends = span.end == len(tokens) or tokens[span.end] in (BREAK, SLASH)
        if span.start >= after or (starts and ends) or (street is None and ends):
            chosen.append(span)
    return chosen


def premises_key(tokens: tuple[str, ...], street: Span | None, places: list[Span]) -> str:
    """The other tokens joined, `@` where the street stood."""
    kept = list(tokens)
    for span in sorted([*places, street] if street else places, reverse=True):
        kept[span.start : span.end] = (STREET,) if span is street else ()
    return " ".join(kept)


def is_adjacent(tokens: tuple[str, ...], street: Span, places: list[Span]) -> bool:
    """Whether a word that is no number, unit, place or filler touches the street, and so may belong to its name."""
    for i in (street.start - 1, street.end):
        if 0 <= i < len(tokens) and _is_name_word(tokens[i]) and not any(p.start <= i < p.end for p in places):
            return True
    return False


@lru_cache(maxsize=TOKEN_CACHE)
def _is_name_word(token: str) -> bool:
    if token in (BREAK, SLASH) or (len(token) == 1 and token not in ("N", "S", "E", "W")):
        return False
    if any(c.isdigit() for c in token):
        return False
    words = vocabulary()
    return not (
        token in words.fillers
        or token in words.unit_classes
        or token in words.sides
        or token in words.floors
        or token in ("FLOOR", "FLR", "FL", "DOOR")
    )


def candidate_phrases(tokens: tuple[str, ...], places: list[Span]) -> list[Span]:
    """Runs of words that may be a misspelt street."""
    taken = {i for span in places for i in range(span.start, span.end)}
    types = vocabulary().street_types
    found: list[Span] = []
    run: list[int] = []
    for i in range(len(tokens) + 1):
        if i < len(tokens) and i not in taken and _may_be_street_word(tokens[i]):
            run.append(i)
            continue
        if run:
            found.extend(_windows(tokens, run, types))
            run = []
    return found


def _may_be_street_word(token: str) -> bool:
    if token in vocabulary().ordinals:
        return True
    return token not in (BREAK, SLASH) and not token[0].isdigit() and token not in vocabulary().unit_classes


def _windows(tokens: tuple[str, ...], run: list[int], types: frozenset[str]) -> list[Span]:
    first, last = run[0], run[-1] + 1
    ends = [i + 1 for i in run if tokens[i] in types] or []
    bounds = {(s, e) for e in {*ends, last} for s in range(max(first, e - 5), e)}
    bounds |= {(first, e) for e in range(first + 1, last + 1)}
    ordered = sorted(bounds, key=lambda b: (-(b[1] - b[0]), b))
    return [Span(s, e, " ".join(tokens[s:e])) for s, e in ordered if len(tokens[s]) > 0][:16]
