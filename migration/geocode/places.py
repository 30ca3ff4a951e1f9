"""Named places: an organisation or building known by its name, with a locality, postcode or division to tell which.

Enters: tokens without a street that fits. Leaves: a `Match` of the one place of that name that fits, or None. Must
hold: a name that several places have is refused; on a site of many UPRNs the site is given, not one of its buildings.
"""

from typing import TYPE_CHECKING

from migration.geocode.confidence import ACCEPT_COARSE
from migration.geocode.evidence import Match, Query, write_evidence
from migration.geocode.gazetteer.index import Gazetteer
from migration.geocode.rules import LocationClass, MatchLevel, MatchRule, Refusal
from migration.geocode.split import Span, choose_places, find_streets
from migration.geocode.text import BREAK, SLASH

if TYPE_CHECKING:
    from migration.geocode.match import Matcher


MEMO_SIZE = 50_000
ORGANISATION = "ORGANISATION"
COMMON_NAME = 8
"""Places of a name in the release from which its town alone does not tell which is meant (`Rose Cottage, Perth`)."""
LONGEST_NAME = 7
"""Tokens of the longest name that is looked for."""

NamedRow = tuple[int, int, str, str, str, str]
"""UPRN, street id, locality, town, division and kind of what has a name."""


class NamedPlaces:
    """Entries of a name by the sector of their postcode, for one release; owns its memo."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._memo: dict[str, dict[str, list[NamedRow]]] = {}

    def in_sector(self, name: str, postcode: str) -> list[NamedRow]:
        """Entries of a name in the sector of a postcode."""
        found = self._memo.get(name)
        if found is None:
            if len(self._memo) > MEMO_SIZE:
                self._memo.clear()
            found = self._memo[name] = {}
            for row in self._gazetteer.places.get(name, ()):
                own = self._gazetteer.postcode_of(row[0])
                found.setdefault((own or "")[:-2], []).append(row)
        return found.get(postcode[:-2], [])


def match_place(
    matcher: "Matcher", query: Query, tokens: tuple[str, ...], postcode: str, found: list[Span]
) -> Match | None:
    """The named place of a text without house number, or None where no name is known."""
    places = choose_places(tokens, found, None)
    for name, span in _names(tokens, places, matcher.gazetteer.place_lengths):
        rows = matcher.gazetteer.places.get(name)
        if rows:
            match = _choose(matcher, query, tokens, postcode, name, rows, places, span)
            if match is not None:
                return match
    return None


def names_organisation(gazetteer: Gazetteer, tokens: tuple[str, ...]) -> bool:
    """Whether a segment begins with the name of an organisation, alone or before a number or street."""
    lengths = gazetteer.place_lengths
    for start in [i for i, token in enumerate(tokens) if token in lengths]:
        if start and tokens[start - 1] not in (BREAK, SLASH):
            continue
        key = ""
        longest = min(LONGEST_NAME, lengths[tokens[start]])
        for end in range(start + 1, min(start + longest, len(tokens)) + 1):
            key = f"{key} {tokens[end - 1]}" if key else tokens[start]
            rows = gazetteer.places.get(key)
            if rows and any(r[5] == ORGANISATION for r in rows) and _ends_name(gazetteer, tokens, end):
                return True
    return False


def _ends_name(gazetteer: Gazetteer, tokens: tuple[str, ...], end: int) -> bool:
    """Whether a name may end here: before a break, a number or a street."""
    following = tokens[end] if end < len(tokens) else BREAK
    if following in (BREAK, SLASH) or following[0].isdigit():
        return True
    return any(s.start == end for s in find_streets(gazetteer, tokens))


def _names(tokens: tuple[str, ...], places: list[Span], lengths: dict[str, int]) -> list[tuple[str, tuple[int, int]]]:
    """Segments, whole and with places removed, longest first; without those that begin like no name, or are longer."""
    taken = {i for p in places for i in range(p.start, p.end)}
    names: list[tuple[str, tuple[int, int]]] = []
    start = 0
    for i in range(len(tokens) + 1):
        if i == len(tokens) or tokens[i] in (BREAK, SLASH):
            kept = [j for j in range(start, i) if j not in taken]
            whole = list(range(start, i))
            for part in (whole, kept):
                if part and len(part) <= lengths.get(tokens[part[0]], 0):
                    names.append((" ".join(tokens[j] for j in part), (part[0], part[-1] + 1)))
            start = i + 1
    return sorted(dict.fromkeys(names), key=lambda n: (-len(n[0]), n))


def _choose(
    matcher: "Matcher",
    query: Query,
    tokens: tuple[str, ...],
    postcode: str,
    name: str,
    rows: tuple[NamedRow, ...],
    places: list[Span],
    span: tuple[int, int],
) -> Match | None:
    gazetteer = matcher.gazetteer
    said = {p.key for p in places if not (p.start >= span[0] and p.end <= span[1])}
    fits: dict[int, tuple[str, str, str]] = {}
    for uprn, _, locality, town, division, _ in matcher.named.in_sector(name, postcode) if postcode else rows:
        place = _place_flag(gazetteer, said, locality, town)
        pc = "NONE" if not postcode else "UNIT" if gazetteer.postcode_of(uprn) == postcode else "OTHER"
        if place == "TOWN" and pc != "UNIT" and len(rows) >= COMMON_NAME:
            continue
        if place == "CONFLICT" and pc != "UNIT" and not said <= gazetteer.admins:
            continue
        same = "NONE" if not query.division else "SAME" if division == query.division else "OTHER"
        fits[uprn] = (pc, place if place != "CONFLICT" else "NONE", same)
    if query.division and len(fits) > 1:
        fits = {u: f for u, f in fits.items() if f[2] == "SAME"} or fits
    if not fits:
        return None
    return _place_match(matcher, tokens, fits, span, places)


def _place_flag(gazetteer: Gazetteer, said: set[str], locality: str, town: str) -> str:
    """How the places said agree with a named place: its locality, its town only, or another locality of its town."""
    if not said:
        return "NONE"
    if locality in said:
        return "LOCALITY"
    if town not in said or any(town in gazetteer.locality_towns.get(p, ()) for p in said - gazetteer.admins - {town}):
        return "CONFLICT"
    return "TOWN"


def _place_match(
    matcher: "Matcher",
    tokens: tuple[str, ...],
    fits: dict[int, tuple[str, str, str]],
    span: tuple[int, int],
    places: list[Span],
) -> Match | None:
    gazetteer = matcher.gazetteer
    uprn = min(fits)
    if len(fits) > 1:
        site = _common_site(matcher, sorted(fits))
        if site is None:
            return _refuse_tie(matcher, sorted(fits), places)
        uprn = site
    pc, place, same = fits.get(uprn, ("NONE", "NONE", "NONE"))
    row = gazetteer.find_uprn(uprn)
    if row is None:
        return None
    rest = [t for i, t in enumerate(tokens) if not span[0] <= i < span[1] and t not in (BREAK, SLASH)]
    taken = {t for p in places for t in p.key.split(" ")}
    unused = [t for t in rest if t not in taken]
    extra = "EXTRA" if unused else "NONE"
    pattern = f"UPRN|NONE|{pc}|{place}|{same}|ALONE|NAMED|HOUSE|plain|AGREE|{extra}|APART|IN"
    confidence = matcher.calibration.confidence(pattern)
    has_number = any(t[0].isdigit() for t in unused)
    easting, northing, division, beat, own, street = gazetteer.place_of(row)
    is_certain = confidence >= 0.9 and not has_number and (len(fits) == 1)
    if not is_certain:
        confidence = matcher.calibration.confidence("BUILDING" + pattern.removeprefix("UPRN"))
        if confidence < ACCEPT_COARSE:
            return None
    level = MatchLevel.UPRN if is_certain else MatchLevel.BUILDING
    rule = MatchRule.NAME_AND_POSTCODE if pc == "UNIT" else MatchRule.NAME_IN_LOCALITY
    usrn = gazetteer.streets[street].usrn if street >= 0 else None
    roles = "".join(
        "-" if t in (BREAK, SLASH) else "N" if span[0] <= i < span[1] else "L" if t in taken else "U"
        for i, t in enumerate(tokens)
    )
    return Match(
        LocationClass.PLACE,
        level,
        rule,
        confidence,
        None if is_certain else Refusal.LOW_CONFIDENCE,
        uprn,
        usrn if usrn and usrn > 0 else None,
        own,
        easting,
        northing,
        division,
        beat,
        None,
        write_evidence(roles=roles, pattern=pattern),
    )


def _refuse_tie(matcher: "Matcher", uprns: list[int], places: list[Span]) -> Match:
    """Several entries have the name and no common site: only the named area is certain."""
    named = tuple(p.key for p in places)
    fallen = matcher.ladder.fall(LocationClass.PLACE, Refusal.TIE, "", named, None, "")
    return Match(
        LocationClass.PLACE,
        fallen.level,
        fallen.rule,
        fallen.confidence,
        Refusal.TIE,
        None,
        None,
        None,
        fallen.easting,
        fallen.northing,
        fallen.division,
        fallen.beat,
        0.0,
        write_evidence(alternatives=[[u, 0] for u in uprns[:5]]),
    )


def _common_site(matcher: "Matcher", uprns: list[int]) -> int | None:
    """The one parent of several UPRNs, or the one of them that is the parent of the rest."""
    parents = set()
    for uprn in uprns:
        row = matcher.gazetteer.find_uprn(uprn)
        if row is None:
            return None
        parent = int(matcher.gazetteer.columns["parent_uprn"][row])
        parents.add(parent if parent > 0 else uprn)
    return parents.pop() if len(parents) == 1 else None
