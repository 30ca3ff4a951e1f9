"""Junctions and road markers: where two streets meet, and where a numbered road is marked.

Enters: tokens with two streets, or a numbered road. Leaves: a `Match` at the junction's point, or None where the text
is no junction. Must hold: a junction is stated only where the gazetteer has exactly one that fits; two streets that
do not meet are no junction.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

from migration.geocode.classify import numbered_road
from migration.geocode.evidence import Match, Query, write_evidence
from migration.geocode.rules import LocationClass, MatchLevel, MatchRule, Refusal, StreetHow
from migration.geocode.split import Span, choose_places, find_streets
from migration.geocode.text import SLASH

if TYPE_CHECKING:
    from migration.geocode.match import Matcher

_JOINERS = frozenset({SLASH, "AND", "AT", "WITH", "ITS", "THE", "OF", ",", "NEAR", "BY", "J/W"})


def match_junction(matcher: "Matcher", query: Query, tokens: tuple[str, ...], postcode: str) -> Match | None:
    """The junction of the two streets that a text names, or None where it does not name two."""
    spans = find_streets(matcher.gazetteer, tokens)
    pair = _joined_pair(tokens, spans)
    if pair is None:
        return None
    first, second = pair
    found = matcher.place_names.find(tokens)
    places = [p for p in choose_places(tokens, found, second) if p.start >= second.end]
    where = matcher.where(query, postcode, places)
    met = _meeting_points(matcher, first.key, second.key, where.division, where.places)
    roles = _roles(tokens, pair, places)
    pattern = f"JUNCTION|{StreetHow.EXACT.value}|{'EXACT' if len(met) == 1 else 'NONE'}"
    if len(met) != 1:
        refusal = Refusal.STREET_AMBIGUOUS if met else Refusal.CONTRADICTION
        fallen = matcher.ladder.fall(
            LocationClass.JUNCTION, refusal, postcode, tuple(p.key for p in places), None, query.division, tokens
        )
        return fallen
    usrns, point, division, beat = met[0]
    evidence = write_evidence(roles=roles, pattern=pattern, usrns=list(usrns))
    return Match(
        LocationClass.JUNCTION,
        MatchLevel.STREET,
        MatchRule.JUNCTION,
        matcher.calibration.confidence(pattern),
        Refusal.NOT_AN_ADDRESS,
        None,
        usrns[0],
        None,
        point[0],
        point[1],
        division or None,
        beat or None,
        None,
        evidence,
    )


def _joined_pair(tokens: tuple[str, ...], spans: list[Span]) -> tuple[Span, Span] | None:
    """Two street windows with only joining words between them, and no house number before them."""
    for first, second in pairwise(spans):
        between = tokens[first.end : second.start]
        joins = any(t in (SLASH, "AND", "AT", "WITH", "J/W") for t in between)
        if joins and all(t in _JOINERS for t in between):
            before = tokens[: first.start]
            if not any(t[0].isdigit() for t in before):
                return first, second
    return None


def _meeting_points(
    matcher: "Matcher", first: str, second: str, division: str, places: tuple[str, ...]
) -> list[tuple[tuple[int, int], tuple[int, int], str, str]]:
    gazetteer = matcher.gazetteer
    found: dict[tuple[int, int], tuple[tuple[int, int], tuple[int, int], str, str]] = {}
    others = {gazetteer.streets[s].usrn for s in gazetteer.aliases.get(second, ())}
    for street_id in gazetteer.aliases.get(first, ()):
        street = gazetteer.streets[street_id]
        if places and not ({street.town, street.locality, street.admin} & set(places)):
            continue
        for other in sorted(others):
            pair = (min(street.usrn, other), max(street.usrn, other))
            point = gazetteer.junctions.get(pair)
            if point is not None:
                found[pair] = (pair, point, street.division, street.beat)
    if division and len(found) > 1:
        own = {k: v for k, v in found.items() if v[2] == division}
        found = own or found
    return [found[k] for k in sorted(found)]


def _roles(tokens: tuple[str, ...], pair: tuple[Span, Span], places: list[Span]) -> str:
    roles = ["F"] * len(tokens)
    for span in pair:
        roles[span.start : span.end] = ["S"] * (span.end - span.start)
    for span in places:
        roles[span.start : span.end] = ["L"] * (span.end - span.start)
    return "".join(roles)


def match_road_marker(matcher: "Matcher", query: Query, tokens: tuple[str, ...], postcode: str) -> Match:
    """A numbered road: at its place names or postcode, never at a house."""
    road = numbered_road(tokens)
    rest = tuple(t for t in tokens if t != road)
    places = choose_places(rest, matcher.place_names.find(rest), None)
    fallen = matcher.ladder.fall(
        LocationClass.ROAD_MARKER, Refusal.NOT_AN_ADDRESS, postcode, tuple(p.key for p in places), None, query.division
    )
    if fallen.level is MatchLevel.NONE:
        return fallen
    evidence = write_evidence(roles="".join("S" if t == road else "U" for t in tokens))
    return Match(
        LocationClass.ROAD_MARKER,
        fallen.level,
        MatchRule.ROAD_MARKER,
        fallen.confidence,
        fallen.refusal,
        None,
        None,
        fallen.postcode,
        fallen.easting,
        fallen.northing,
        fallen.division,
        fallen.beat,
        None,
        evidence,
    )
