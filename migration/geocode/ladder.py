"""The level ladder: the finest level that is certain, down from UPRN to nothing.

Enters: the best candidate and why it is or is not the answer; or only a street, postcode or places. Leaves: a `Match`
with coordinates, division, beat and evidence. Must hold: a coarser level contains the place of every finer one; every
match without a UPRN carries a refusal; a street is stated only where no other street of the name fits as well.
"""

from collections.abc import Mapping

from migration.geocode.candidates import same_name
from migration.geocode.classify import Classified
from migration.geocode.confidence import ACCEPT_COARSE, Calibration
from migration.geocode.coordinates import LegacyPoint, distance_m
from migration.geocode.evidence import Candidate, Hypothesis, Match, Query, write_decision, write_evidence
from migration.geocode.gazetteer.index import Gazetteer
from migration.geocode.roles import role_string
from migration.geocode.rules import LocationClass, MatchLevel, MatchRule, Refusal, StreetHow
from migration.geocode.streets import Resolution

ALTERNATIVES = 3
"""Other candidates that the evidence names."""


class Ladder:
    """Turns decisions into matches, with the places of one release."""

    def __init__(self, gazetteer: Gazetteer, calibration: Calibration) -> None:
        self.gazetteer = gazetteer
        self.calibration = calibration

    def refuse(self, kind: LocationClass, refusal: Refusal) -> Match:
        """No place at all."""
        return Match(kind, MatchLevel.NONE, MatchRule.NO_MATCH, 0.0, refusal)

    def labelled(self, uprn: int | None) -> Match | None:
        """The answer a reviewer gave; None without one, or where its UPRN has left the release."""
        if uprn is None:
            return None
        if uprn < 0:
            evidence = write_evidence(label="not in the gazetteer")
            return Match(
                LocationClass.ADDRESS,
                MatchLevel.NONE,
                MatchRule.LEARNT_LABEL,
                0.0,
                Refusal.NUMBER_UNKNOWN,
                evidence=evidence,
            )
        row = self.gazetteer.find_uprn(uprn)
        if row is None:
            return None
        easting, northing, division, beat, postcode, street = self.gazetteer.place_of(row)
        usrn = _usrn(self.gazetteer.streets[street].usrn) if street >= 0 else None
        return Match(
            LocationClass.ADDRESS,
            MatchLevel.UPRN,
            MatchRule.LEARNT_LABEL,
            1.0,
            None,
            uprn,
            usrn,
            postcode,
            easting,
            northing,
            division,
            beat,
            None,
            write_evidence(label="reviewer"),
        )

    def settle(
        self,
        query: Query,
        tokens: tuple[str, ...],
        postcode: str,
        best: Hypothesis,
        top: Candidate,
        others: list[Candidate],
        margin: float | None,
        refusal: Refusal | None,
        pattern: str,
    ) -> Match:
        """The match of the best candidate: UPRN, its building, or what the ladder gives below that."""
        alternatives = [[c.uprn, top.score - c.score] for c in others[:ALTERNATIVES]]
        roles = role_string(tokens, best, top.reading)
        if refusal is None:
            evidence = write_decision(roles, pattern, top.score, alternatives)
            confidence = self.calibration.confidence(pattern)
            return self._at_premises(top, MatchLevel.UPRN, choose_rule(top), confidence, None, margin, evidence)
        evidence = write_decision(roles, pattern, top.score, [[top.uprn, 0], *alternatives])
        building = self._building(top, others, refusal)
        if building is not None:
            at_building = self.calibration.confidence("BUILDING" + pattern[pattern.index("|") :])
            if at_building >= ACCEPT_COARSE:
                rule = MatchRule.BUILDING_OF_FLAT
                return self._at_premises(building, MatchLevel.BUILDING, rule, at_building, refusal, margin, evidence)
        places = tuple(p.key for p in best.places)
        tried: dict[str, object] = {"tried": pattern, "alternatives": [[top.uprn, 0], *alternatives]}
        fallen = self.fall(LocationClass.ADDRESS, refusal, postcode, places, best, query.division, tokens, tried)
        return fallen._replace(margin=margin)

    def _building(self, top: Candidate, others: list[Candidate], refusal: Refusal) -> Candidate | None:
        """The building to fall to: the candidate's own, where no other building fits as well."""
        if refusal in (Refusal.FLAT_MISSING, Refusal.FLAT_UNKNOWN) and top.uprn > 0:
            rival = [c for c in others if c.score >= top.score - 1 and c.uprn != top.uprn]
            return None if rival else top
        return None

    def _at_premises(
        self,
        c: Candidate,
        level: MatchLevel,
        rule: MatchRule,
        confidence: float,
        refusal: Refusal | None,
        margin: float | None,
        evidence: str,
    ) -> Match:
        row = c.row if c.row >= 0 else -1 - c.row
        polygon = self.gazetteer.polygon_beat(row)
        if polygon:
            evidence = f'{evidence[:-1]},"beat_by_polygon":"{polygon}"}}'
        easting, northing, division, beat, postcode, street = self.gazetteer.place_of(row)
        usrn = self.gazetteer.streets[street].usrn if street >= 0 else None
        return Match(
            self._class_of(c, row),
            level,
            rule,
            confidence,
            refusal,
            c.uprn,
            _usrn(usrn),
            postcode,
            easting,
            northing,
            division,
            beat,
            margin,
            evidence,
        )

    def _class_of(self, c: Candidate, row: int) -> LocationClass:
        """PLACE where the text names the organisation that is there, else ADDRESS."""
        if not c.reading.name:
            return LocationClass.ADDRESS
        organisation = self.gazetteer.dictionaries["org_key"][self.gazetteer.columns["org_key"][row]]
        is_named = bool(organisation) and same_name(c.reading.name, organisation)
        return LocationClass.PLACE if is_named else LocationClass.ADDRESS

    def fall(
        self,
        kind: LocationClass,
        refusal: Refusal,
        postcode: str,
        places: tuple[str, ...],
        best: Hypothesis | None,
        division: str,
        tokens: tuple[str, ...] = (),
        tried: Mapping[str, object] | None = None,
    ) -> Match:
        """Street, else postcode, else locality, else nothing; `tried` says what a finer level lacked."""
        resolution = best.resolution if best else None
        roles = role_string(tokens, best, best.readings[0] if best and best.readings else None)
        if resolution is not None and not resolution.rivals:
            pattern = street_pattern(resolution)
            confidence = self.calibration.confidence(pattern)
            if confidence >= ACCEPT_COARSE:
                evidence = write_evidence(roles=roles, pattern=pattern, score=resolution.score, **(tried or {}))
                return self._at_street(kind, resolution, postcode, confidence, refusal, evidence)
        return self._at_area(kind, refusal, postcode, places, {"roles": roles, **(tried or {})}, resolution)

    def _at_street(
        self,
        kind: LocationClass,
        resolution: Resolution,
        postcode: str,
        confidence: float,
        refusal: Refusal,
        evidence: str,
    ) -> Match:
        street = self.gazetteer.streets[resolution.streets[0]]
        point = self.gazetteer.postcodes.get(postcode) if resolution.pc == "EXACT" else None
        known = point is not None and point.easting is not None
        return Match(
            kind,
            MatchLevel.STREET,
            MatchRule.STREET_ONLY,
            confidence,
            refusal,
            None,
            _usrn(street.usrn),
            postcode if known else None,
            point.easting if known and point else _place(street.easting),
            point.northing if known and point else _place(street.northing),
            street.division or None,
            street.beat or (point.beat if point else "") or None,
            None,
            evidence,
        )

    def _at_area(
        self,
        kind: LocationClass,
        refusal: Refusal,
        postcode: str,
        places: tuple[str, ...],
        known_so_far: Mapping[str, object],
        resolution: Resolution | None,
    ) -> Match:
        """Postcode, else locality, else nothing."""
        found = self._at_postcode(kind, refusal, postcode, places, known_so_far)
        found = found or self._at_locality(kind, refusal, places, known_so_far)
        if found is not None:
            return found
        evidence = write_evidence(pattern=street_pattern(resolution) if resolution else "", **known_so_far)
        return Match(kind, MatchLevel.NONE, MatchRule.NO_MATCH, 0.0, refusal, evidence=evidence)

    def _at_postcode(
        self,
        kind: LocationClass,
        refusal: Refusal,
        postcode: str,
        places: tuple[str, ...],
        known_so_far: Mapping[str, object],
    ) -> Match | None:
        point = self.gazetteer.postcodes.get(postcode)
        if point is None:
            return None
        pattern = f"POSTCODE|NONE|UNIT|{self._postcode_agrees(postcode, places)}"
        confidence = self.calibration.confidence(pattern)
        if confidence < ACCEPT_COARSE and self.gazetteer.has_premises:
            return None
        return Match(
            kind,
            MatchLevel.POSTCODE,
            MatchRule.POSTCODE_ONLY,
            confidence,
            refusal,
            postcode=postcode,
            easting=point.easting,
            northing=point.northing,
            division=point.division or None,
            beat=point.beat or None,
            evidence=write_evidence(pattern=pattern, **known_so_far),
        )

    def _at_locality(
        self, kind: LocationClass, refusal: Refusal, places: tuple[str, ...], known_so_far: Mapping[str, object]
    ) -> Match | None:
        known = [p for p in places if p in self.gazetteer.localities and p not in self.gazetteer.admins]
        if not known:
            return None
        named = min(known, key=lambda p: (self.gazetteer.localities[p].entries, p))
        point = self.gazetteer.localities[named]
        pattern = "LOCALITY|NONE|NONE|NONE"
        return Match(
            kind,
            MatchLevel.LOCALITY,
            MatchRule.LOCALITY_ONLY,
            self.calibration.confidence(pattern),
            refusal,
            easting=point.easting,
            northing=point.northing,
            division=point.division or None,
            beat=point.beat or None,
            evidence=write_evidence(pattern=pattern, **known_so_far),
        )

    def _postcode_agrees(self, postcode: str, places: tuple[str, ...]) -> str:
        streets = self.gazetteer.postcode_streets.get(postcode, ())
        names = {n for s in streets for n in (self.gazetteer.streets[s].locality, self.gazetteer.streets[s].town)}
        said = [p for p in places if p in self.gazetteer.localities]
        if not said or not names:
            return "NONE"
        return "TOWN" if any(p in names for p in said) else "CONFLICT"

    def relative(self, match: Match, classified: Classified) -> Match:
        """A place beside the anchor: never finer than its street, at the anchor's point."""
        rule = (
            MatchRule.RELATIVE_TO_PLACE
            if match.location_class is LocationClass.PLACE
            else MatchRule.RELATIVE_TO_ADDRESS
        )
        level = MatchLevel.STREET if match.level in (MatchLevel.UPRN, MatchLevel.BUILDING) else match.level
        evidence = match.evidence
        if match.uprn is not None:
            separator = "," if len(evidence) > 2 else ""
            evidence = f'{{"anchor":{match.uprn},"cue_tokens":{classified.spoken}{separator}{evidence[1:]}'
        if match.level is MatchLevel.NONE:
            rule = MatchRule.NO_MATCH
        return match._replace(
            location_class=classified.location_class,
            level=level,
            rule=rule,
            uprn=None,
            refusal=match.refusal or Refusal.NOT_AN_ADDRESS,
            evidence=evidence,
        )

    def with_point(self, match: Match, point: LegacyPoint | None, has_grid: bool) -> Match:
        """The match compared with the legacy point, or placed by it where nothing else places it."""
        if point is None:
            return match
        note: dict[str, object] = {"precision_m": point.precision_m, "problem": point.problem}
        placed = match
        if match.easting is not None and match.northing is not None and not point.problem:
            note["distance_m"] = distance_m((match.easting, match.northing), (point.easting, point.northing))
        elif match.level is MatchLevel.NONE and not point.problem:
            placed = self._at_point(match, point, has_grid)
        legacy = write_evidence(legacy={k: v for k, v in note.items() if v != ""})
        joined = legacy[:-1] + ("," if len(placed.evidence) > 2 else "") + placed.evidence[1:]
        return placed._replace(evidence=joined)

    def _at_point(self, match: Match, point: LegacyPoint, has_grid: bool) -> Match:
        rule = MatchRule.GRID_REFERENCE if has_grid else MatchRule.LEGACY_COORDINATES
        unclassed = match.location_class in (LocationClass.UNUSABLE, LocationClass.ADDRESS)
        kind = LocationClass.GRID_REF if has_grid and unclassed else match.location_class
        confidence = self.calibration.confidence(f"GRID|NONE|NONE|{'SAME' if has_grid else 'NONE'}")
        beat, division = self.gazetteer.beats.at(point.easting, point.northing)
        return match._replace(
            division=division or None,
            beat=beat or None,
            location_class=kind,
            level=MatchLevel.GRID,
            rule=rule,
            confidence=confidence,
            easting=point.easting,
            northing=point.northing,
            refusal=match.refusal or Refusal.NOT_AN_ADDRESS,
        )


def street_pattern(resolution: Resolution) -> str:
    """Evidence pattern of a street alone."""
    rivals = "RIVALS" if resolution.rivals else "ALONE"
    return f"STREET|{resolution.how.value}|{resolution.pc}|{resolution.place}|{resolution.division}|{rivals}"


def choose_rule(c: Candidate) -> MatchRule:
    """Name of the rule that a UPRN candidate satisfies."""
    how = c.resolution.how
    if c.number == "NAMED":
        return MatchRule.NAME_IN_STREET
    if how is StreetHow.NONE:
        return MatchRule.NUMBER_AND_POSTCODE
    if how not in (StreetHow.EXACT, StreetHow.ALIAS, StreetHow.JOINED):
        return MatchRule.FUZZY_STREET
    if c.pc == "UNIT":
        return MatchRule.POSTCODE_NUMBER_FLAT
    if c.resolution.place in ("LOCALITY", "TOWN") or c.resolution.pc in ("EXACT", "SECTOR", "DISTRICT"):
        return MatchRule.STREET_NUMBER_FLAT
    return MatchRule.DIVISION_UNIQUE_STREET


def _usrn(usrn: int | None) -> int | None:
    return usrn if usrn is not None and usrn > 0 else None


def _place(value: int) -> int | None:
    return value if value >= 0 else None
