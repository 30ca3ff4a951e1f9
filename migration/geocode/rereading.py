"""Second readings of an address that the first left without an entry: two words swapped, or the street left out.

Enters: a query and the hypotheses of its words as they stand. Leaves: further `Hypothesis`es. Must hold: no number is
changed, and a number that was swapped stays a number before its street; a street is supplied by a postcode only where
the postcode has no other street and the words name none. Refuses the rest by an empty list.
"""

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from rapidfuzz.distance import OSA

from migration.geocode.candidates import find_candidates
from migration.geocode.evidence import Candidate, Hypothesis, Query
from migration.geocode.gazetteer.index import Street
from migration.geocode.premises import read_premises
from migration.geocode.rules import MatchLevel, StreetHow
from migration.geocode.split import Span, choose_places, find_streets, is_adjacent, premises_key
from migration.geocode.streets import HOW_POINTS, Resolution, division_flag, place_flag, score_place
from migration.geocode.text import BREAK, SLASH
from migration.geocode.vocabulary import vocabulary

if TYPE_CHECKING:
    from migration.geocode.match import Matcher

_FIRM = (StreetHow.EXACT, StreetHow.ALIAS, StreetHow.JOINED, StreetHow.FUZZY1)


def may_be_misread(best: Hypothesis | None) -> bool:
    """Whether the best hypothesis leaves room for a second reading."""
    if best is None or best.candidates[0].level is not MatchLevel.UPRN:
        return True
    return best.candidates[0].resolution.how in (StreetHow.NO_TYPE, StreetHow.OTHER_TYPE, StreetHow.FUZZY2)


def _names_street(hypotheses: list[Hypothesis]) -> bool:
    return any(h.resolution and h.resolution.how in _FIRM and h.resolution.place != "CONFLICT" for h in hypotheses)


def read_swapped(
    matcher: "Matcher", query: Query, tokens: tuple[str, ...], postcode: str, known: list[Hypothesis]
) -> list[Hypothesis]:
    """Hypotheses of the tokens with two neighbouring words exchanged, where that makes a street's name."""
    if _names_street(known):
        return []
    words = [i for i, t in enumerate(tokens) if t not in (BREAK, SLASH)]
    found: list[Hypothesis] = []
    for one, other in pairwise(words):
        swapped = _exchange(tokens, one, other)
        for span in find_streets(matcher.gazetteer, swapped):
            if not (span.start <= one < span.end) and not (span.start <= other < span.end):
                continue
            ordered, street = _number_first(swapped, span)
            places = matcher.place_names.find(ordered)
            hypothesis = matcher.hypothesis(query, ordered, postcode, places, street, street.key, StreetHow.SWAPPED)
            if hypothesis.resolution is not None and hypothesis.candidates:
                found.append(hypothesis)
    return found


def _exchange(tokens: tuple[str, ...], one: int, other: int) -> tuple[str, ...]:
    changed = list(tokens)
    changed[one], changed[other] = tokens[other], tokens[one]
    return tuple(changed)


def _number_first(tokens: tuple[str, ...], span: Span) -> tuple[tuple[str, ...], Span]:
    """The tokens with a number that the exchange put behind the street before it again."""
    at = span.end + (span.end < len(tokens) and tokens[span.end] == BREAK)
    if at >= len(tokens) or not tokens[at][0].isdigit():
        return tokens, span
    rest = tokens[:at] + tokens[at + 1 :]
    ordered = (*rest[: span.start], tokens[at], *rest[span.start :])
    return ordered, Span(span.start + 1, span.end + 1, span.key)


def read_by_postcode(
    matcher: "Matcher", query: Query, tokens: tuple[str, ...], postcode: str, known: list[Hypothesis]
) -> list[Hypothesis]:
    """The hypothesis that the street is the only one of the postcode, where the words name no other."""
    street_ids = matcher.gazetteer.postcode_streets.get(postcode, ()) if postcode else ()
    streets = [matcher.gazetteer.streets[i] for i in street_ids]
    if not streets or len({s.usrn for s in streets}) > 1 or _names_street(known):
        return []
    found = matcher.place_names.find(tokens)
    span = _find_words_of(tokens, streets[0])
    places = choose_places(tokens, found, span)
    premises = premises_key(tokens, span, places)
    readings = read_premises(premises)
    touches = span is not None and is_adjacent(tokens, span, places)
    if touches or any(_names_other_street(f"{r.name} {r.tail}") for r in readings[:1]):
        return []
    resolution = _resolution_of(matcher, query, streets, places, StreetHow.PARTLY if span else StreetHow.NONE)
    window = (span.start, span.end) if span else (0, 0)
    candidates = find_candidates(
        matcher.gazetteer, resolution, readings, postcode, query.recorded_on, is_adjacent=False, span=window
    )
    candidates = [c for c in candidates if c.pc == "UNIT" and _is_told(c)]
    if not candidates:
        return []
    return [Hypothesis(span, tuple(places), premises, resolution, candidates, readings, tokens)]


def read_by_name(
    matcher: "Matcher", query: Query, tokens: tuple[str, ...], postcode: str, known: list[Hypothesis]
) -> list[Hypothesis]:
    """Hypotheses that the street is that of a building named, where number or flat is said and no street is."""
    if _names_street(known):
        return []
    found = matcher.place_names.find(tokens)
    places = choose_places(tokens, found, None)
    premises = premises_key(tokens, None, places)
    readings = read_premises(premises)
    names = {r.name for r in readings if r.name and (r.number >= 0 or r.flat)}
    said = {p.key for p in places}
    hypotheses: list[Hypothesis] = []
    for name in sorted(names):
        rows = matcher.gazetteer.places.get(name, ())
        near = {r[1] for r in rows if r[1] >= 0 and (r[2] in said or r[3] in said)}
        if not near and postcode:
            near = {r[1] for r in rows if r[1] in _streets_of(matcher, postcode)}
        for street_id in sorted(near):
            resolution = _named_resolution(matcher, query, street_id, places, postcode)
            candidates = find_candidates(
                matcher.gazetteer, resolution, readings, postcode, query.recorded_on, is_adjacent=False, span=(0, 0)
            )
            candidates = [c for c in candidates if c.name == "AGREE"]
            if candidates:
                hypotheses.append(Hypothesis(None, tuple(places), premises, resolution, candidates, readings, tokens))
    return hypotheses


def _named_resolution(
    matcher: "Matcher", query: Query, street_id: int, places: list[Span], postcode: str
) -> Resolution:
    street = matcher.gazetteer.streets[street_id]
    place = place_flag(matcher.gazetteer, street, tuple(sorted({p.key for p in places})))
    division = division_flag(street, query.division)
    pc = matcher.resolver.postcodes.reach(postcode).flag(street) if postcode else "NONE"
    score = score_place(pc, place, division) + HOW_POINTS[StreetHow.NONE]
    return Resolution(street.key, StreetHow.NONE, (street_id,), score, pc, place, division, ())


def _streets_of(matcher: "Matcher", postcode: str) -> tuple[int, ...]:
    return matcher.gazetteer.postcode_streets.get(postcode, ())


def _is_told(candidate: Candidate) -> bool:
    """Whether a number or the building's own name leads to it."""
    return candidate.name == "AGREE" or candidate.reading.number >= 0


def _names_other_street(words: str) -> bool:
    """Whether words left over end in a street type, and so may be a street that the release lacks."""
    return any(w in vocabulary().street_types and w not in ("CT", "BANK") for w in words.split())


def _resolution_of(
    matcher: "Matcher", query: Query, streets: list[Street], places: list[Span], how: StreetHow
) -> Resolution:
    named = tuple(sorted({p.key for p in places}))
    ranked = []
    for street in streets:
        place, division = place_flag(matcher.gazetteer, street, named), division_flag(street, query.division)
        ranked.append((score_place("EXACT", place, division), -street.id, place, division))
    score, _, place, division = max(ranked)
    ids = tuple(-r[1] for r in sorted(ranked, reverse=True))
    return Resolution(streets[0].key, how, ids, score + HOW_POINTS[how], "EXACT", place, division, ())


def _find_words_of(tokens: tuple[str, ...], street: Street) -> Span | None:
    """The longest run of tokens that are words of the street's name, or near to one."""
    own = street.key.split(" ")
    best: Span | None = None
    start = 0
    for i in range(len(tokens) + 1):
        if i < len(tokens) and _is_word_of(tokens[i], own):
            continue
        if i > start and (best is None or i - start > best.end - best.start):
            best = Span(start, i, street.key)
        start = i + 1
    return best


def _is_word_of(token: str, own: list[str]) -> bool:
    if token in own:
        return True
    if len(token) < 4 or not token.isalpha() or token in vocabulary().identity_words:
        return False
    limit = max(1, len(token) // 4)
    return any(OSA.distance(token, w, score_cutoff=limit) <= limit for w in _spellings(tuple(own)))


@lru_cache(maxsize=10_000)
def _spellings(own: tuple[str, ...]) -> tuple[str, ...]:
    """Words of a street's name and their longer variants, without those that tell streets apart."""
    words = vocabulary()
    spelt = [*own, *(v for v, k in words.canonical.items() if k in own and v.isalpha() and len(v) > 3)]
    return tuple([w for w in spelt if w not in words.identity_words])
