"""One location to its place: classify, read, resolve, weigh, and refuse where it is not certain.

Enters: a `Query` and a compiled gazetteer. Leaves: a `Match` with level, confidence, rule, evidence, and a refusal
where there is no UPRN. Must hold: the answer depends on the query, the release and the calibration only; a UPRN is
asserted only where number, suffix and flat are those of the text, one reading fits, no other entry fits as well, and
the evidence pattern has shown enough precision; otherwise the finest coarser level that is certain. Refuses by
`Refusal`, always with a reason.
"""

from collections.abc import Mapping

from migration.geocode.candidates import find_candidates, lone_flat_exists
from migration.geocode.classify import Classified, classify, looks_like_junction
from migration.geocode.confidence import ACCEPT_UPRN, Calibration, load_calibration
from migration.geocode.coordinates import check_coordinates, find_grid_reference
from migration.geocode.evidence import Candidate, Hypothesis, Match, Query
from migration.geocode.gazetteer.index import Gazetteer
from migration.geocode.guards import find_contradiction
from migration.geocode.junctions import match_junction, match_road_marker
from migration.geocode.ladder import Ladder
from migration.geocode.learn import text_key
from migration.geocode.places import NamedPlaces, match_place, names_organisation
from migration.geocode.postcodes import find_postcode, format_postcode, is_outside
from migration.geocode.premises import read_premises
from migration.geocode.readings import Reading
from migration.geocode.rereading import may_be_misread, read_by_name, read_by_postcode, read_swapped
from migration.geocode.respell import PlaceSpelling
from migration.geocode.rules import LocationClass, MatchLevel, Refusal, StreetHow
from migration.geocode.split import (
    PlaceNames,
    Span,
    candidate_phrases,
    choose_places,
    find_streets,
    is_adjacent,
    premises_key,
)
from migration.geocode.streets import Resolution, StreetResolver, Where
from migration.geocode.text import fold, tokenise_folded
from migration.geocode.vocabulary import vocabulary

_JOINING = frozenset({"/", "AND", "AT"})
LEAST_MARGIN = 2
"""Points by which the best candidate must beat the next one with another UPRN."""


class Matcher:
    """Matches queries against one release. Owns the memo tables of street resolution; one per process."""

    def __init__(
        self, gazetteer: Gazetteer, calibration: Calibration | None = None, labels: Mapping[str, int] | None = None
    ) -> None:
        self.gazetteer = gazetteer
        self.calibration = calibration or load_calibration()
        self.labels = labels or {}
        self.resolver = StreetResolver(gazetteer)
        self.place_names = PlaceNames(gazetteer)
        self.named = NamedPlaces(gazetteer)
        self.spelling = PlaceSpelling(gazetteer.localities)
        self.ladder = Ladder(gazetteer, self.calibration)

    def prepare(self) -> None:
        """Build what is otherwise built when first asked for, before processes are forked that share it."""
        self.resolver.prepare()

    def match(self, query: Query) -> Match:
        """The finest certain place of a query."""
        if self.labels:
            labelled = self.ladder.labelled(self.labels.get(text_key(query.text, query.postcode, query.division)))
            if labelled is not None:
                return labelled
        folded = fold(query.text)
        in_text, rest = find_postcode(folded)
        postcode = self._choose_postcode(query.postcode, in_text)
        point = check_coordinates(query.easting, query.northing, query.is_default_point)
        grid, rest = find_grid_reference(rest, query.grid_ref)
        tokens = tokenise_folded(rest)
        classified = classify(tokens)
        return self.ladder.with_point(
            self._match_classified(query, classified, tokens, postcode), grid or point, grid is not None
        )

    def _choose_postcode(self, column: str, in_text: str | None) -> str:
        """The postcode to go by: the column's, unless only the one in the text is known to the release."""
        formatted = format_postcode(column) if column else None
        if formatted is None or (in_text and formatted not in self.gazetteer.postcodes):
            return in_text or formatted or ""
        return formatted

    def _match_classified(
        self, query: Query, classified: Classified, original: tuple[str, ...], postcode: str
    ) -> Match:
        kind, tokens = classified.location_class, classified.tokens
        if kind in (LocationClass.UNUSABLE, LocationClass.NO_FIXED_ABODE):
            return self._match_wordless(query, kind, postcode)
        if kind is LocationClass.ROAD_MARKER:
            return match_road_marker(self, query, tokens, postcode)
        if kind is LocationClass.JUNCTION or not _JOINING.isdisjoint(tokens):
            found = match_junction(self, query, tokens, postcode)
            if found is not None:
                return found
            if kind is LocationClass.ADDRESS and looks_like_junction(tokens):
                kind, classified = LocationClass.JUNCTION, Classified(LocationClass.JUNCTION, tokens)
        if kind is LocationClass.JUNCTION and original[0][0].isdigit():
            kind, tokens = LocationClass.ADDRESS, original
        match = self.match_address(query, tokens, postcode)
        if kind in (LocationClass.JUNCTION, LocationClass.RELATIVE):
            return self.ladder.relative(match, classified)
        if match.location_class is LocationClass.ADDRESS and names_organisation(self.gazetteer, tokens):
            return match._replace(location_class=LocationClass.PLACE)
        return match

    def _match_wordless(self, query: Query, kind: LocationClass, postcode: str) -> Match:
        """No words to match: nothing, or the postcode that came without an address."""
        if kind is LocationClass.UNUSABLE and postcode and not is_outside(postcode):
            return self.ladder.fall(LocationClass.ADDRESS, Refusal.NO_TEXT, postcode, (), None, query.division)
        return self.ladder.refuse(kind, Refusal.NO_TEXT if kind is LocationClass.UNUSABLE else Refusal.NOT_AN_ADDRESS)

    def match_address(self, query: Query, tokens: tuple[str, ...], postcode: str) -> Match:
        """Match tokens as an address or named place."""
        found_places = self.place_names.find(tokens)
        outside = self._outside(found_places, postcode)
        hypotheses = self._read_exact(query, tokens, postcode, found_places)
        best = _best(hypotheses)
        if best is None and not outside:
            hypotheses += self._read_similar(query, tokens, postcode, found_places, hypotheses)
            best = _best(hypotheses)
        if not outside and may_be_misread(best):
            hypotheses += read_swapped(self, query, tokens, postcode, hypotheses)
            hypotheses += read_by_postcode(self, query, tokens, postcode, hypotheses)
            hypotheses += read_by_name(self, query, tokens, postcode, hypotheses)
            best = _best(hypotheses)
        if best is None or best.candidates[0].level is not MatchLevel.UPRN:
            named = match_place(self, query, tokens, postcode, found_places)
            if named is not None and (best is None or not best.candidates[0].reading.flat):
                return named
        if best is not None:
            return self._decide(query, tokens, postcode, hypotheses, best)
        if outside:
            return self.ladder.refuse(LocationClass.OUTSIDE_AREA, Refusal.OUTSIDE_AREA)
        return self._fall(query, tokens, postcode, found_places, hypotheses)

    def where(self, query: Query, postcode: str, places: list[Span] | tuple[Span, ...]) -> Where:
        """What the record says of its place."""
        keys = tuple([p.key for p in places])
        return Where(postcode, keys if len(keys) < 2 else tuple(sorted(set(keys))), query.division)

    def _outside(self, places: list[Span], postcode: str) -> bool:
        if postcode and (is_outside(postcode) or postcode in self.gazetteer.postcodes):
            return is_outside(postcode)
        if not places:
            return False
        outside = vocabulary().outside
        return not outside.isdisjoint([p.key for p in places if p.key not in self.gazetteer.localities])

    def _read_exact(self, query: Query, tokens: tuple[str, ...], postcode: str, found: list[Span]) -> list[Hypothesis]:
        return [
            self.hypothesis(query, tokens, postcode, found, span, span.key, StreetHow.EXACT)
            for span in find_streets(self.gazetteer, tokens)
        ]

    def _read_similar(
        self, query: Query, tokens: tuple[str, ...], postcode: str, found: list[Span], exact: list[Hypothesis]
    ) -> list[Hypothesis]:
        """Hypotheses of windows that may be a misspelt street, outside the windows that are a street already."""
        taken = [h.span for h in exact if h.span and h.resolution and h.resolution.place != "CONFLICT"]
        hypotheses: list[Hypothesis] = []
        for span in candidate_phrases(tokens, choose_places(tokens, found, None)):
            if any(span.start < t.end and span.end > t.start for t in taken):
                continue
            words = tuple(tokens[span.start : span.end])
            for key, how in self.resolver.find_similar(words):
                hypothesis = self.hypothesis(query, tokens, postcode, found, span, key, how, needs_support=True)
                if hypothesis.resolution is not None:
                    hypotheses.append(hypothesis)
        return hypotheses

    def hypothesis(
        self,
        query: Query,
        tokens: tuple[str, ...],
        postcode: str,
        found: list[Span],
        span: Span,
        key: str,
        how: StreetHow,
        needs_support: bool = False,
    ) -> Hypothesis:
        """A window as the street `key`, with what is left of the tokens as its premises; unresolved without support."""
        places = choose_places(tokens, found, span)
        premises = premises_key(tokens, span, places)
        readings = read_premises(premises)
        if readings[0].tail:
            places, readings = self._put_place_right(tokens, span, places, readings)
        resolution = self.resolver.resolve(key, how, self.where(query, postcode, places))
        if needs_support and resolution is not None and not _has_support(resolution):
            resolution = None
        candidates: list[Candidate] = []
        if resolution is not None and self.gazetteer.has_premises:
            adjacent = is_adjacent(tokens, span, places)
            window = (span.start, span.end)
            candidates = find_candidates(
                self.gazetteer, resolution, readings, postcode, query.recorded_on, adjacent, window
            )
        return Hypothesis(span, tuple(places), premises, resolution, candidates, readings, tokens)

    def _put_place_right(
        self, tokens: tuple[str, ...], street: Span, places: list[Span], readings: tuple[Reading, ...]
    ) -> tuple[list[Span], tuple[Reading, ...]]:
        """Places and readings with the words behind the street as the place they misspell, where there is just one.

        `Poort Glasgow` is one place misspelt, not a word before Glasgow. The words stay the tail of the readings.
        """
        meant = self._misspelt_place(tokens, street, places, readings[0].tail)
        if meant is None:
            return places, readings
        kept = [p for p in places if p.end <= meant.start or p.start >= meant.end]
        if readings[0].is_doubtful:
            readings = read_premises(premises_key(tokens, street, [*kept, meant]))
        words = " ".join(tokens[meant.start : meant.end])
        return [*kept, meant], tuple(r._replace(tail=words) for r in readings)

    def _misspelt_place(self, tokens: tuple[str, ...], street: Span, places: list[Span], tail: str) -> Span | None:
        words = tuple(tail.split(" "))
        for start in range(street.end, len(tokens) - len(words) + 1):
            if tokens[start : start + len(words)] != words:
                continue
            end = start + len(words)
            behind = next((p for p in places if p.start == end), None)
            if behind is not None:
                whole = self.spelling.find(" ".join(tokens[start : behind.end]))
                if whole is not None and whole != behind.key:
                    return Span(start, behind.end, whole)
            meant = self.spelling.find(tail)
            return Span(start, end, meant) if meant is not None else None
        return None

    def _decide(
        self, query: Query, tokens: tuple[str, ...], postcode: str, hypotheses: list[Hypothesis], best: Hypothesis
    ) -> Match:
        """Accept the best candidate, or say why not and fall to the next coarser level."""
        top = best.candidates[0]
        others = [c for h in hypotheses for c in h.candidates if c.uprn != top.uprn]
        if len(others) > 1:
            others.sort(key=lambda c: (-c.score, c.uprn))
        margin = float(top.score - others[0].score) if others else None
        refusal = _why_not(top, others, margin)
        if refusal is None and _is_other_name(top, best.tokens):
            refusal = Refusal.TOKENS_UNUSED
        refusal = refusal or find_contradiction(self.gazetteer, top, postcode)
        if top.level is MatchLevel.UPRN and lone_flat_exists(self.gazetteer, top, best.readings):
            refusal = Refusal.TWO_READINGS
        if refusal is None and _has_other_type(best, hypotheses):
            refusal = Refusal.STREET_AMBIGUOUS
        pattern = top.pattern()
        if refusal is None and top.level is MatchLevel.UPRN and self.calibration.confidence(pattern) < ACCEPT_UPRN:
            refusal = Refusal.LOW_CONFIDENCE
        return self.ladder.settle(query, best.tokens, postcode, best, top, others, margin, refusal, pattern)

    def _fall(
        self, query: Query, tokens: tuple[str, ...], postcode: str, places: list[Span], hypotheses: list[Hypothesis]
    ) -> Match:
        """No premises: street, postcode or locality, with the reason."""
        resolved = [h for h in hypotheses if h.resolution is not None]
        resolved.sort(key=lambda h: (-h.resolution.score, h.span.start if h.span else 0))  # type: ignore[union-attr]
        best = resolved[0] if resolved else None
        chosen = choose_places(tokens, places, best.span if best else None)
        reason = _reason(best, hypotheses) if self.gazetteer.has_premises else Refusal.NO_PREMISES_IN_GAZETTEER
        return self.ladder.fall(
            LocationClass.ADDRESS, reason, postcode, tuple(p.key for p in chosen), best, query.division, tokens
        )


def _best(hypotheses: list[Hypothesis]) -> Hypothesis | None:
    found = [h for h in hypotheses if h.candidates]
    if len(found) < 2:
        return found[0] if found else None
    return min(found, key=lambda h: (-h.candidates[0].score, h.candidates[0].uprn, h.span.start if h.span else 0))


def _has_support(resolution: Resolution) -> bool:
    """Whether the place supports a street not written as it is: postcode, place name, or division alone."""
    if resolution.pc in ("EXACT", "SECTOR") or resolution.place in ("LOCALITY", "TOWN"):
        return True
    return resolution.division == "SAME" and not resolution.rivals and resolution.pc in ("NONE", "DISTRICT")


def _why_not(top: Candidate, others: list[Candidate], margin: float | None) -> Refusal | None:
    """Why the best candidate is not the answer at UPRN level, before confidence is asked."""
    if top.level is not MatchLevel.UPRN:
        return Refusal.FLAT_UNKNOWN if top.flat == "UNKNOWN" else Refusal.FLAT_MISSING
    if top.resolution.place in ("NEAR", "CONFLICT", "MIXED") and top.pc not in ("UNIT", "STREET", "SECTOR"):
        return Refusal.CONTRADICTION
    if top.resolution.rivals and top.name != "AGREE":
        return Refusal.STREET_AMBIGUOUS
    if any(o.level is MatchLevel.UPRN and _is_other_reading(top, o) for o in others):
        return Refusal.TWO_READINGS
    if margin is None or margin >= LEAST_MARGIN:
        return None
    return _name_tie(top, others[0])


def _name_tie(top: Candidate, other: Candidate) -> Refusal | None:
    """What too small a margin means: a tie within the street, or between streets; a shell beside its flat is none."""
    if other.resolution.streets != top.resolution.streets:
        return Refusal.STREET_AMBIGUOUS
    return Refusal.TIE if other.level is MatchLevel.UPRN else None


def _has_other_type(best: Hypothesis, hypotheses: list[Hypothesis]) -> bool:
    """Whether a street without its type may as well be another of that name, be the number there or not."""
    own = best.resolution
    if own is None or own.how is not StreetHow.NO_TYPE:
        return False
    others = [h.resolution for h in hypotheses if h.span == best.span and h.resolution is not None]
    return any(o.key != own.key and o.how is own.how and o.score > own.score - LEAST_MARGIN for o in others)


def _is_other_name(top: Candidate, tokens: tuple[str, ...]) -> bool:
    """Whether a word touching the street may make it another street (`Old Park Road`)."""
    if not top.is_adjacent:
        return False
    start, end = top.span
    beside = {*tokens[max(0, start - 1) : start], *tokens[end : end + 1]}
    return top.pc not in ("UNIT", "STREET") or not beside.isdisjoint(vocabulary().identity_words)


def _is_other_reading(top: Candidate, other: Candidate) -> bool:
    """Whether another reading of the same tokens leads elsewhere in the street, with nothing to choose by."""
    if other.span != top.span or other.reading == top.reading or other.resolution.streets != top.resolution.streets:
        return False
    return not (top.name in ("AGREE", "SPELT") and other.name not in ("AGREE", "SPELT"))


def _reason(best: Hypothesis | None, hypotheses: list[Hypothesis]) -> Refusal:
    if best is None:
        return Refusal.CONTRADICTION if hypotheses else Refusal.STREET_UNKNOWN
    readings = best.readings
    if all(r.has_unused_number for r in readings):
        return Refusal.TOKENS_UNUSED
    if all(r.number < 0 for r in readings):
        return Refusal.NUMBER_MISSING
    has_rivals = best.resolution is not None and best.resolution.rivals
    return Refusal.STREET_AMBIGUOUS if has_rivals else Refusal.NUMBER_UNKNOWN
