"""Premises that the readings of an address lead to, within the streets that were resolved.

Enters: readings, a resolution, what the record says. Leaves: `Candidate`s. Must hold (property-tested): number,
suffix and flat of a UPRN candidate are those of its reading, or the two ends of a range; nothing here is fuzzy but
names of buildings.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from migration.geocode.evidence import Candidate
from migration.geocode.flats import floor_of
from migration.geocode.gazetteer.index import Gazetteer
from migration.geocode.gazetteer.premises import Premises, PremisesIndex
from migration.geocode.postcodes import area, district, sector
from migration.geocode.readings import Reading
from migration.geocode.respell import is_spelling_of
from migration.geocode.rules import MatchLevel
from migration.geocode.streets import Resolution
from migration.geocode.vocabulary import vocabulary

NUMBER_POINTS = {"EXACT": 6, "RANGE_START": 4, "RANGE_END": 3, "RANGE_SAID": 3, "NAMED": 5}
FLAT_POINTS = {"HOUSE": 1, "HOUSE_SIBLINGS": 0, "FLAT": 2, "TOP_FLOOR": 1, "MISSING": -3, "UNKNOWN": -3}
NAME_POINTS = {"NONE": 0, "AGREE": 4, "SPELT": 2, "SHORT": 1, "EXTRA": -1, "SPLIT": -2, "DIFFERS": -2}
TAIL_POINTS = {"NONE": 0, "SPELLING": 2, "UNKNOWN": -2}
FORCE_POINTS = {"IN": 0, "HISTORIC": -1, "OUT": -2}
UNIT_POINTS = {"UNIT": 3, "STREET": 0}
ADJACENT_POINTS = -2
KINDS_OF_BUILDING = frozenset(
    {"COTT", "HSE", "LODGE", "FM", "CROFT", "BANK", "VILLA", "VILLAS", "BUNGALOW", "STEADING"}
)
"""Words, in the form of keys, that a house's name is often written without."""
NAME_SIMILARITY = 88
"""rapidfuzz ratio from which two names of buildings count as one spelling apart."""


def find_candidates(
    gazetteer: Gazetteer,
    resolution: Resolution,
    readings: Iterable[Reading],
    postcode: str,
    recorded_on: date | None,
    is_adjacent: bool,
    span: tuple[int, int],
) -> list[Candidate]:
    """Every candidate of every reading, best first; candidates of equal score by UPRN."""
    found: list[Candidate] = []
    streets = (*resolution.streets, *resolution.rivals)
    for reading in readings:
        if reading.has_unused_number or reading.order == "flat_without_number":
            continue
        for street_id in streets:
            hits = _hits(gazetteer.premises, street_id, reading)
            for premises, number, flat in _prefer_in_force(gazetteer, hits, recorded_on):
                found.append(
                    _weigh(
                        gazetteer, resolution, reading, premises, number, flat, postcode, recorded_on, is_adjacent, span
                    )
                )
    found = [c for c in found if not c.reading.is_doubtful or c.name in ("AGREE", "SPELT")]
    if len(found) > 1:
        found.sort(key=lambda c: (-c.score, c.level is not MatchLevel.UPRN, c.uprn, c.row))
    return found


def _hits(index: PremisesIndex, street_id: int, reading: Reading) -> list[tuple[Premises, str, str]]:
    """Entries of the reading's number (or name) with how number and flat agree."""
    if reading.number >= 0:
        at, how = _at_number(index, street_id, reading)
    else:
        at, how = _named(index, street_id, reading.name), "NAMED"
    if not at:
        return []
    return [(p, how, flat) for p, flat in _choose_flat(at, reading)]


def lone_flat_exists(gazetteer: Gazetteer, top: Candidate, readings: tuple[Reading, ...]) -> bool:
    """Whether `2/1` may be floor and door with the number left out: some building of the street has such a flat.

    Not where the candidate is that flat, of the building named.
    """
    if len(readings) < 2:
        return False
    lone = {r.flat for r in readings if r.order == "flat_without_number" and r.flat != top.reading.flat}
    return bool(lone) and any(gazetteer.premises.has_flat(s, lone) for s in top.resolution.streets)


def _at_number(index: PremisesIndex, street_id: int, reading: Reading) -> tuple[list[Premises], str]:
    at = index.at_number(street_id, reading.number, reading.suffix)
    if reading.end >= 0:
        ranged = [p for p in at if p.end == reading.end]
        return (ranged, "EXACT") if ranged or reading.rank else _first_of_range(index, street_id, reading, at)
    plain = [p for p in at if p.end < 0]
    if plain:
        return plain, "EXACT"
    if at:
        return at, "RANGE_START"
    if not reading.suffix:
        return index.at_end(street_id, reading.number), "RANGE_END"
    return [], "EXACT"


def _first_of_range(
    index: PremisesIndex, street_id: int, reading: Reading, at: list[Premises]
) -> tuple[list[Premises], str]:
    """`5-7` as the building at 5, where the street has neither that range nor a 7 that could be meant instead."""
    plain = [p for p in at if p.end < 0]
    if not plain or index.at_number(street_id, reading.end, "") or index.at_end(street_id, reading.end):
        return [], "EXACT"
    return plain, "RANGE_SAID"


def _named(index: PremisesIndex, street_id: int, name: str) -> list[Premises]:
    named = index.named(street_id) if name else {}
    if not named:
        return []
    for spelling in (name, f"THE {name}", name.removeprefix("THE ")):
        if spelling in named:
            return named[spelling]
    near = [n for n in named if same_name(name, n)] or [n for n in named if is_short_for(name, n)]
    return named[near[0]] if len(near) == 1 else []


def is_short_for(name: str, full: str) -> bool:
    """Whether a name lacks only what kind of building it is (`Braehead` for `Braehead Cottage`)."""
    head, _, kind = full.rpartition(" ")
    return head == name and kind in KINDS_OF_BUILDING


def same_name(one: str, other: str) -> bool:
    """Whether two names of buildings are spellings of one; a numeral or single letter tells them apart."""
    if one.removeprefix("THE ") == other.removeprefix("THE "):
        return True
    if not one or not other or fuzz.ratio(_spell_out(one), _spell_out(other)) < NAME_SIMILARITY:
        return False
    digits = [[w for w in text.split() if any(c.isdigit() for c in w) or len(w) == 1] for text in (one, other)]
    return digits[0] == digits[1]


@lru_cache(maxsize=50_000)
def _spell_out(name: str) -> str:
    """A name with its abbreviations in full, so that a typing error in a long word stays small."""
    full = _full_words()
    return " ".join(full.get(w, w) for w in name.split(" "))


@lru_cache(maxsize=1)
def _full_words() -> dict[str, str]:
    words: dict[str, str] = {}
    for variant, key in vocabulary().canonical.items():
        words.setdefault(key, variant)
    return words


def _choose_flat(at: list[Premises], reading: Reading) -> list[tuple[Premises, str]]:
    """Entries whose flat is the reading's; else the building they share, as MISSING or UNKNOWN."""
    same = [p for p in at if p.flat == reading.flat]
    if reading.flat:
        if same:
            return [(p, "FLAT") for p in _prefer_unit(same, reading)]
        top = _top_floor(at, reading.flat)
        if top:
            return [(p, "TOP_FLOOR") for p in top]
        return _building(at, "UNKNOWN")
    has_flats = any(p.flat for p in at)
    homes = [p for p in same if not p.is_parent]
    if homes:
        return [(p, "HOUSE_SIBLINGS" if has_flats else "HOUSE") for p in homes]
    return _building(at, "MISSING")


def _prefer_unit(same: list[Premises], reading: Reading) -> list[Premises]:
    """Among flats of one code, those whose unit word is the one said (`Unit 3`, not `Flat 3`), where any is."""
    if len(same) > 1 and reading.unit:
        said = [p for p in same if p.unit == reading.unit]
        return said or same
    return same


def _top_floor(at: list[Premises], flat: str) -> list[Premises]:
    """`T:L` as the left flat of the highest floor, where every flat of the building states its floor as a number."""
    if not flat.startswith("T") or len(flat) < 3:
        return []
    floors = [floor_of(p.flat) for p in at if p.flat]
    if not floors or not all(f is not None and f.lstrip("-").isdigit() for f in floors):
        return []
    top = max(int(f) for f in floors if f is not None)
    return [p for p in at if p.flat == f"{top}{flat[1:]}"] if top > 0 else []


def _building(at: list[Premises], flag: str) -> list[tuple[Premises, str]]:
    """The one building that the entries at a number share: their shell, or the only entry without a flat."""
    shells = [p for p in at if p.is_parent and not p.flat]
    if shells:
        return [(p, flag) for p in shells]
    whole = [p for p in at if not p.flat]
    if whole:
        return [(p, flag) for p in whole]
    return [(at[0], flag)]


def _prefer_in_force(
    gazetteer: Gazetteer, hits: list[tuple[Premises, str, str]], recorded_on: date | None
) -> list[tuple[Premises, str, str]]:
    """Where several entries fit, those in force on the day recorded (or not historic, where no day is known)."""
    if len(hits) < 2 or len({h[0].uprn for h in hits}) < 2:
        return hits
    current = [h for h in hits if force_flag(gazetteer, h[0], recorded_on) == "IN"]
    return current or hits


def force_flag(gazetteer: Gazetteer, premises: Premises, recorded_on: date | None) -> str:
    """Whether an entry was in force: IN, OUT (of its dates), or HISTORIC where the record has no date."""
    if recorded_on is None:
        return "HISTORIC" if premises.status == "HISTORIC" else "IN"
    if premises.status != "HISTORIC" and not gazetteer.has_end(premises.row):
        return "IN"
    first, last = gazetteer.dates(premises.row)
    if last is not None and last < recorded_on:
        return "OUT"
    if first is not None and first > recorded_on and premises.status != "HISTORIC":
        return "IN"
    return "IN" if last is not None or premises.status != "HISTORIC" else "HISTORIC"


def _weigh(
    gazetteer: Gazetteer,
    resolution: Resolution,
    reading: Reading,
    premises: Premises,
    number: str,
    flat: str,
    postcode: str,
    recorded_on: date | None,
    is_adjacent: bool,
    span: tuple[int, int],
) -> Candidate:
    level = MatchLevel.BUILDING if flat in ("MISSING", "UNKNOWN") or premises.is_parent else MatchLevel.UPRN
    if level is MatchLevel.BUILDING and flat == "HOUSE":
        flat = "MISSING"
    name = _name_flag(reading, premises, number)
    tail = _tail_flag(gazetteer, resolution, reading)
    force = force_flag(gazetteer, premises, recorded_on)
    pc = _pc_flag(postcode, premises.postcode, resolution.pc)
    adjacent = is_adjacent and name != "AGREE"
    score = (
        resolution.score
        + NUMBER_POINTS[number]
        + FLAT_POINTS[flat]
        + NAME_POINTS[name]
        + TAIL_POINTS[tail]
        + FORCE_POINTS[force]
        + UNIT_POINTS.get(pc, 0)
        - reading.rank
        + (ADJACENT_POINTS if adjacent else 0)
    )
    row = premises.row if level is MatchLevel.UPRN or not premises.flat else -1 - premises.row
    uprn = premises.uprn if row >= 0 else premises.parent
    fields = (score, uprn, row, level, resolution, reading, number, flat, name, tail, force, pc, adjacent, span)
    return tuple.__new__(Candidate, fields)


def _name_flag(reading: Reading, premises: Premises, number: str) -> str:
    if number == "NAMED":
        said = reading.name.removeprefix("THE ")
        own = (premises.name.removeprefix("THE "), premises.organisation.removeprefix("THE "))
        return "AGREE" if said in own else "SHORT" if any(is_short_for(said, n) for n in own) else "SPELT"
    if not reading.name:
        return "NONE"
    names = [n for n in (premises.name, premises.organisation) if n]
    if any(same_name(reading.name, n) or n in reading.name for n in names):
        return "AGREE"
    if names:
        return "DIFFERS"
    return "SPLIT" if reading.is_split else "EXTRA"


def _tail_flag(gazetteer: Gazetteer, resolution: Resolution, reading: Reading) -> str:
    if not reading.tail:
        return "NONE"
    street = gazetteer.streets[resolution.streets[0]]
    limit = 1 if len(reading.tail) < 6 else 2
    for name in (street.town, street.locality, street.admin):
        if name and (
            OSA.distance(reading.tail, name, score_cutoff=limit) <= limit
            or reading.tail == name.replace(" ", "")
            or is_spelling_of(reading.tail, name)
        ):
            return "SPELLING"
    return "UNKNOWN"


def _pc_flag(postcode: str, own: str, of_street: str) -> str:
    """The premises' own postcode against the record's; STREET where only another part of its street has it."""
    if not postcode or not own:
        return "NONE" if not postcode else of_street.replace("EXACT", "STREET")
    if own == postcode:
        return "UNIT"
    if of_street == "EXACT":
        return "STREET"
    if sector(own) == sector(postcode):
        return "SECTOR"
    if district(own) == district(postcode):
        return "DISTRICT"
    return "OTHER" if area(own) == area(postcode) else "CONFLICT"
