"""What a match rests on, as values: query, candidate, pattern and the JSON that every record carries.

Enters: decisions of `match.py`. Leaves: `Match`, whose `evidence` is JSON of roles, positions, counts and UPRNs. Must
hold: no word of the text ever appears in it. The role string has one letter per token: S street, L place, P premises,
N name, F filler, Q qualifier, U unused, - break.
"""

import json
from datetime import date
from typing import NamedTuple

from migration.geocode.readings import Reading
from migration.geocode.rules import LocationClass, MatchLevel, MatchRule, Refusal
from migration.geocode.split import Span
from migration.geocode.streets import Resolution

_ENCODER = json.JSONEncoder(separators=(",", ":"))


class Query(NamedTuple):
    """One location to be matched. Records with equal queries get one answer."""

    text: str
    postcode: str = ""
    division: str = ""
    recorded_on: date | None = None
    easting: float | None = None
    northing: float | None = None
    grid_ref: str = ""
    is_default_point: bool = False


class Candidate(NamedTuple):
    """One premises that a reading leads to, with the flags its pattern is made of.

    Attributes:
        score: points; more is better. Only compared within one query.
        row: premises row; -1 for a building known by its flats only.
        level: UPRN or BUILDING.
        number: EXACT, RANGE_START, RANGE_END, RANGE_SAID (`5-7` for 5, where there is no 7), NAMED.
        flat: HOUSE, HOUSE_SIBLINGS, FLAT, TOP_FLOOR, MISSING, UNKNOWN.
        name: NONE, AGREE, SPELT, SHORT (no kind of building), EXTRA, SPLIT (between number and street), DIFFERS.
        tail: NONE, SPELLING (a place put right), UNKNOWN.
        force: IN, OUT (dates), HISTORIC.
        pc: UNIT, STREET, SECTOR, DISTRICT, NONE, OTHER, CONFLICT.
    """

    score: int
    uprn: int
    row: int
    level: MatchLevel
    resolution: Resolution
    reading: Reading
    number: str
    flat: str
    name: str
    tail: str
    force: str
    pc: str
    is_adjacent: bool
    span: tuple[int, int]

    def pattern(self) -> str:
        """The evidence pattern that confidence is calibrated on."""
        r = self.resolution
        rivals = "RIVALS" if r.rivals else "ALONE"
        order = self.reading.order if self.reading.rank else "plain"
        adjacent = "ADJACENT" if self.is_adjacent else "APART"
        return "|".join(
            (
                self.level,
                r.how,
                self.pc,
                r.place,
                r.division,
                rivals,
                self.number,
                self.flat,
                order,
                self.name,
                self.tail,
                adjacent,
                self.force,
            )
        )


class Hypothesis(NamedTuple):
    """One window read as the street: its places, premises key, resolution, candidates; `tokens` in the order read."""

    span: Span | None
    places: tuple[Span, ...]
    key: str
    resolution: Resolution | None
    candidates: list[Candidate]
    readings: tuple[Reading, ...]
    tokens: tuple[str, ...]


class Match(NamedTuple):
    """The answer for one query; fields as in the national entity `location_match`."""

    location_class: LocationClass
    level: MatchLevel
    rule: MatchRule
    confidence: float
    refusal: Refusal | None = None
    uprn: int | None = None
    usrn: int | None = None
    postcode: str | None = None
    easting: int | None = None
    northing: int | None = None
    division: str | None = None
    beat: str | None = None
    margin: float | None = None
    evidence: str = "{}"


def write_decision(roles: str, pattern: str, score: int, alternatives: list[list[int]]) -> str:
    """Evidence of a decided address, as `write_evidence` writes it and in less time: nothing needs escaping."""
    parts = [f'"roles":"{roles}"', f'"pattern":"{pattern}"']
    if score:
        parts.append(f'"score":{score}')
    if alternatives:
        parts.append(f'"alternatives":{_compact(alternatives)}')
    return "{" + ",".join(parts) + "}"


def _compact(pairs: list[list[int]]) -> str:
    return "[" + ",".join([f"[{uprn},{points}]" for uprn, points in pairs]) + "]"


def write_evidence(**parts: object) -> str:
    """Evidence as compact JSON; empty parts are left out."""
    return _ENCODER.encode({k: v for k, v in parts.items() if v not in (None, "", [], {}, 0)})
