"""Streets from the words of a street: the words first, then which of the streets of that name.

Enters: a street phrase (canonical tokens) and what the record says of its place: postcode, named places, division.
Leaves: `Resolution`: the streets that fit best, how well, and whether a rival fits as well. Must hold: words that
tell streets apart (compass, upper and lower, ordinals) are never changed by a fuzzy step; a lesser street is never
taken because the better one lacks the house. Everything here is memoised: millions of addresses name some hundred
thousand streets.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from migration.geocode.gazetteer.index import Gazetteer, Street
from migration.geocode.reach import PostcodeIndex
from migration.geocode.respell import split_type
from migration.geocode.rules import StreetHow
from migration.geocode.vocabulary import vocabulary

PC_POINTS = {"EXACT": 10, "SECTOR": 4, "DISTRICT": 2, "NONE": 0, "OTHER": -4, "CONFLICT": -12}
PLACE_POINTS = {"LOCALITY": 6, "TOWN": 4, "ADMIN": 2, "NONE": 0, "MIXED": 0, "NEAR": -3, "CONFLICT": -9}
DIVISION_POINTS = {"SAME": 4, "NONE": 0, "OTHER": -5}
HOW_POINTS = {
    StreetHow.EXACT: 0,
    StreetHow.ALIAS: 0,
    StreetHow.JOINED: -1,
    StreetHow.FUZZY1: -2,
    StreetHow.FUZZY2: -4,
    StreetHow.NO_TYPE: -3,
    StreetHow.SWAPPED: -3,
    StreetHow.PARTLY: -5,
    StreetHow.OTHER_TYPE: -6,
    StreetHow.NONE: -8,
}
RIVAL_MARGIN = 2
"""Points within which another street of the name counts as fitting equally well."""
LEAST_SCORE = -4
"""Below this the place contradicts the street, and it is not a candidate at all."""
MAX_COMBINATIONS = 24
MEMO_SIZE = 100_000
SITE_MEMO_SIZE = 2_000


class Where(NamedTuple):
    """What a record says of its place: postcode, names of places, division; each may be empty."""

    postcode: str
    places: tuple[str, ...]
    division: str


class Resolution(NamedTuple):
    """Streets of one name that fit best (parts of one USRN); `rivals` are others that fit as well."""

    key: str
    how: StreetHow
    streets: tuple[int, ...]
    score: int
    pc: str
    place: str
    division: str
    rivals: tuple[int, ...]


@dataclass
class StreetResolver:
    """Resolves street phrases against one gazetteer; owns its memo tables and its index of words."""

    gazetteer: Gazetteer
    ranked: dict[tuple[str, Where], Resolution | None] = field(default_factory=dict)
    placed: dict[tuple[tuple[str, ...], str], "SiteFlags"] = field(default_factory=dict)
    sites: list[int] = field(default_factory=list)
    examples: list[Street] = field(default_factory=list)
    similar: dict[tuple[str, ...], tuple[tuple[str, StreetHow], ...]] = field(default_factory=dict)
    meant: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    deletions: dict[str, list[str]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.words = frozenset(w for key in self.gazetteer.aliases for w in key.split(" "))
        self.postcodes = PostcodeIndex(self.gazetteer)
        self.sites, self.examples = group_sites(self.gazetteer.streets)

    def prepare(self) -> None:
        """Build the index of misspelt words, once."""
        if not self.deletions:
            self.deletions = index_words(self.gazetteer)

    def resolve(self, key: str, how: StreetHow, where: Where) -> Resolution | None:
        """The streets named `key` that fit `where` best; None where every one of them contradicts it."""
        memo = (key, where)
        if memo in self.ranked:
            found = self.ranked[memo]
        else:
            if len(self.ranked) > MEMO_SIZE:
                self.ranked.clear()
            found = self.ranked[memo] = self._rank(key, where)
        if found is None or how is StreetHow.EXACT:
            return found
        return Resolution(
            key, how, found.streets, found.score + HOW_POINTS[how], found.pc, found.place, found.division, found.rivals
        )

    def _rank(self, key: str, where: Where) -> Resolution | None:
        streets, sites = self.gazetteer.streets, self.sites
        flags = self._flags(where)
        groups: dict[int, list[tuple[int, int, str, str, str]]] = {}
        if not where.postcode:
            near = self.postcodes.within(key, where.division, where.places) if where.division else None
            for street_id in self.gazetteer.aliases.get(key, ()) if near is None else near:
                place, division, points = flags[sites[street_id]]
                if points["NONE"] >= LEAST_SCORE:
                    part = (points["NONE"], -street_id, "NONE", place, division)
                    groups.setdefault(streets[street_id].usrn, []).append(part)
            return _choose_group(key, groups, streets) if groups else None
        reach = self.postcodes.reach(where.postcode)
        for street_id in self.postcodes.near(key, reach.area):
            street = streets[street_id]
            pc = reach.flag(street)
            if pc == "CONFLICT":
                continue
            place, division, points = flags[sites[street_id]]
            if points[pc] >= LEAST_SCORE:
                groups.setdefault(street.usrn, []).append((points[pc], -street_id, pc, place, division))
        return _choose_group(key, groups, streets) if groups else None

    def _flags(self, where: Where) -> "SiteFlags":
        """Flags and points of every site under what a record says, filled in as sites are met."""
        memo = (where.places, where.division)
        found = self.placed.get(memo)
        if found is None:
            if len(self.placed) > SITE_MEMO_SIZE:
                self.placed.clear()
            found = self.placed[memo] = SiteFlags(self.gazetteer, self.examples, where)
        return found

    def find_similar(self, tokens: tuple[str, ...]) -> tuple[tuple[str, StreetHow], ...]:
        """Street names that these words may stand for, and how (joined, without type, misspelt)."""
        found = self.similar.get(tokens)
        if found is None:
            if len(self.similar) > MEMO_SIZE:
                self.similar.clear()
            found = self.similar[tokens] = self._search(tokens)
        return found

    def _search(self, tokens: tuple[str, ...]) -> tuple[tuple[str, StreetHow], ...]:
        names: dict[str, StreetHow] = {}
        for key in self.gazetteer.joined_names.get("".join(tokens), ()):
            names.setdefault(key, StreetHow.JOINED)
        if len(tokens) == 1 and len(tokens[0]) > 6:
            self._unglue(tokens[0], names)
        phrase = " ".join(tokens)
        for key in self.gazetteer.base_names.get(phrase, ()):
            names.setdefault(key, StreetHow.NO_TYPE)
        if len(tokens) > 1 and tokens[-1] in vocabulary().street_types:
            for key in self.gazetteer.base_names.get(" ".join(tokens[:-1]), ()):
                names.setdefault(key, StreetHow.OTHER_TYPE)
        for key, edits in self._respell(tokens):
            names.setdefault(key, StreetHow.FUZZY1 if edits == 1 else StreetHow.FUZZY2)
        return tuple(sorted(names.items(), key=lambda kv: (-HOW_POINTS[kv[1]], kv[0])))

    def _unglue(self, token: str, names: dict[str, StreetHow]) -> None:
        """Names of a street written as one word, its type in full, perhaps misspelt."""
        parts = split_type(token)
        if parts is None:
            return
        if " ".join(parts) in self.gazetteer.aliases:
            names.setdefault(" ".join(parts), StreetHow.JOINED)
        for key, edits in self._respell(parts):
            if edits == 1:
                names.setdefault(key, StreetHow.FUZZY2)

    def _respell(self, tokens: tuple[str, ...]) -> list[tuple[str, int]]:
        """Known names at most two edits away, the edits inside words."""
        combinations: list[tuple[tuple[str, ...], int]] = [((), 0)]
        for token in tokens:
            choices = self._choices(token)
            combinations = [
                ((*words, word), edits + more)
                for words, edits in combinations
                for word, more in choices
                if edits + more <= 2
            ][:MAX_COMBINATIONS]
        aliases = self.gazetteer.aliases
        return [(" ".join(w), e) for w, e in combinations if e and " ".join(w) in aliases]

    def _is_near_identity(self, token: str) -> bool:
        """Whether a word may be a misspelt North, Upper or the like, which nothing may be guessed for."""
        if token in self.words:
            return False
        return any(OSA.distance(token, word, score_cutoff=1) <= 1 for word in _identity_spellings())

    def _choices(self, token: str) -> list[tuple[str, int]]:
        """A word and what it may be meant for, with the edits of each; it comes back in many windows of a text."""
        found = self.meant.get(token)
        if found is None:
            if len(self.meant) > MEMO_SIZE:
                self.meant.clear()
            found = self.meant[token] = self._find_choices(token)
        return found

    def _find_choices(self, token: str) -> list[tuple[str, int]]:
        if token in vocabulary().identity_words or token[0].isdigit() or len(token) < 2:
            return [(token, 0)]
        if self._is_near_identity(token):
            return [(token, 0)]
        self.prepare()
        limit = most_edits(token)
        found: dict[str, int] = {}
        spellings = (token, "MAC" + token[2:]) if token.startswith("MC") and len(token) > 4 else (token,)
        for spelling in spellings:
            self._add_near(spelling, limit, found)
        return [(token, 0), *sorted(found.items(), key=lambda kv: (kv[1], kv[0]))[:11]]

    def _add_near(self, spelling: str, limit: int, found: dict[str, int]) -> None:
        """Words of street names within `limit` edits of a spelling, added to `found` with their edits."""
        for cut in cuts(spelling, 2 if limit > 1 else 1):
            for word in self.deletions.get(cut, ()):
                if abs(len(word) - len(spelling)) <= limit:
                    distance = OSA.distance(spelling, word, score_cutoff=limit)
                    if 0 < distance <= limit:
                        key = vocabulary().canonical.get(word, word)
                        found[key] = min(distance, found.get(key, distance))


class SiteFlags(dict[int, tuple[str, str, dict[str, int]]]):
    """Site → place flag, division flag, and points by postcode flag, under the places and division of a record."""

    def __init__(self, gazetteer: Gazetteer, examples: list[Street], where: Where) -> None:
        super().__init__()
        self._gazetteer, self._examples, self._where = gazetteer, examples, where

    def __missing__(self, site: int) -> tuple[str, str, dict[str, int]]:
        street = self._examples[site]
        place = place_flag(self._gazetteer, street, self._where.places)
        division = division_flag(street, self._where.division)
        found = self[site] = (place, division, _points(place, division))
        return found


@lru_cache(maxsize=1_000)
def _points(place: str, division: str) -> dict[str, int]:
    return {pc: score_place(pc, place, division) for pc in PC_POINTS}


def group_sites(streets: list[Street]) -> tuple[list[int], list[Street]]:
    """Site of every street, by id, and a street of every site: streets of one place and division agree alike."""
    numbers: dict[tuple[str, str, str, str], int] = {}
    examples: list[Street] = []
    sites: list[int] = []
    for street in streets:
        own = (street.locality, street.town, street.admin, street.division)
        site = numbers.setdefault(own, len(examples))
        if site == len(examples):
            examples.append(street)
        sites.append(site)
    return sites, examples


@lru_cache(maxsize=1)
def _identity_spellings() -> tuple[str, ...]:
    """Full spellings of the words that tell streets apart (`NORTH`, `UPPER`), four letters and more."""
    words = vocabulary()
    spelt = [w for w, key in words.canonical.items() if key in words.identity_words and w.isalpha() and len(w) > 3]
    return tuple(sorted(spelt))


def most_edits(word: str) -> int:
    """Edits that may be made in a word: none in two letters or fewer, two from eight letters."""
    if len(word) <= 3:
        return 0 if len(word) < 3 else 1
    return 1 if len(word) < 8 else 2


def cuts(word: str, depth: int) -> set[str]:
    """The word and every word left by deleting up to `depth` letters."""
    found = {word}
    layer = {word}
    for _ in range(depth):
        layer = {w[:i] + w[i + 1 :] for w in layer for i in range(len(w))}
        found |= layer
    return found


def index_words(gazetteer: Gazetteer) -> dict[str, list[str]]:
    """Deletion index of the words of street names: cut → words."""
    words = sorted({w for key in gazetteer.aliases for w in key.split(" ")} - vocabulary().identity_words)
    types = vocabulary().canonical
    identity = vocabulary().identity_words
    words.extend(sorted(w for w, key in types.items() if w not in words and len(w) > 3 and key not in identity))
    index: dict[str, list[str]] = defaultdict(list)
    for word in words:
        if word[0].isdigit() or len(word) < 2:
            continue
        for cut in cuts(word, 2 if len(word) >= 7 else 1):
            index[cut].append(word)
    return dict(index)


def _join_surrogates(
    groups: dict[int, list[tuple[int, int, str, str, str]]], usrn: int, streets: list[Street]
) -> dict[int, list[tuple[int, int, str, str, str]]]:
    """Without USRNs, entries of one street under several spellings of its place: one, where they share a sector."""
    if usrn >= 0 or len(groups) == 1:
        return groups
    own = {s for part in groups[usrn] for s in streets[-part[1]].sectors}
    joined: dict[int, list[tuple[int, int, str, str, str]]] = {usrn: list(groups[usrn])}
    for other, parts in groups.items():
        if other == usrn:
            continue
        same = other < 0 and any(not own.isdisjoint(streets[-p[1]].sectors) for p in parts)
        joined.setdefault(usrn if same else other, []).extend(parts)
    return joined


def _choose_group(
    key: str, groups: dict[int, list[tuple[int, int, str, str, str]]], streets: list[Street]
) -> Resolution:
    """The USRN whose best part has most points, with every other one that comes within the rival margin."""
    best = sorted([(max(parts), usrn) for usrn, parts in groups.items()], reverse=True)
    (points, street_id, pc, place, division), usrn = best[0]
    if len(best) == 1 and len(groups[usrn]) == 1:
        return Resolution(key, StreetHow.EXACT, (-street_id,), points, pc, place, division, ())
    groups = _join_surrogates(groups, usrn, streets)
    contradicted = place in ("NEAR", "CONFLICT", "MIXED")
    rivals = [
        -part[1]
        for top, other in best[1:]
        if other in groups and other != usrn
        if top[0] > points - RIVAL_MARGIN or (contradicted and top[3] in ("LOCALITY", "TOWN"))
        for part in sorted(groups[other])
    ]
    parts = tuple(-p[1] for p in sorted(groups[usrn], reverse=True))
    return Resolution(key, StreetHow.EXACT, parts, points, pc, place, division, tuple(rivals[:50]))


def place_flag(gazetteer: Gazetteer, street: Street, places: tuple[str, ...]) -> str:
    """How the places that the record names agree with a street; MIXED where one agrees and one contradicts."""
    best, against = "NONE", ""
    for place in places:
        flag = _one_place(gazetteer, street, place)
        if flag in ("CONFLICT", "NEAR"):
            against = "CONFLICT" if "CONFLICT" in (flag, against) else flag
        elif PLACE_POINTS[flag] > PLACE_POINTS[best]:
            best = flag
    if not against:
        return best
    return "MIXED" if best in ("LOCALITY", "TOWN") and against == "CONFLICT" else against


def _one_place(gazetteer: Gazetteer, street: Street, place: str) -> str:
    for flag, own in (("LOCALITY", street.locality), ("TOWN", street.town), ("ADMIN", street.admin)):
        if place == own:
            return flag
    if place in vocabulary().counties or (place in gazetteer.admins and not street.admin):
        return "NONE"
    if place not in gazetteer.admins and street.town and street.town in gazetteer.locality_towns.get(place, ()):
        return "NEAR"
    return "CONFLICT"


def division_flag(street: Street, division: str) -> str:
    """Whether the street lies in the division whose system held the record."""
    if not division or not street.division:
        return "NONE"
    return "SAME" if street.division == division else "OTHER"


def score_place(pc: str, place: str, division: str) -> int:
    """Points of the evidence for a street's place. A full postcode that agrees outweighs a place name that does not."""
    points = PC_POINTS[pc] + DIVISION_POINTS[division]
    if pc == "EXACT" and place in ("CONFLICT", "NEAR", "MIXED"):
        return points - 2
    return points + PLACE_POINTS[place]
