"""Whether something else in the release speaks against a candidate that its own evidence supports.

Enters: the best candidate and what the record says. Leaves: a `Refusal`, or None. Must hold: a guard only ever refuses;
it looks at entries of the release, so the same text may be certain in one release and not in another. A name without
its kind of building needs the full postcode: `Braehead` and `Braehead Cottage` may be neighbours.
"""

from migration.geocode.evidence import Candidate
from migration.geocode.gazetteer.index import Gazetteer
from migration.geocode.rules import MatchLevel, Refusal

_FAR = frozenset({"DISTRICT", "OTHER", "CONFLICT"})
"""A postcode of the same sector is a neighbour street's, as people often write."""
_UNPROVEN_NAME = frozenset({"EXTRA", "DIFFERS", "SPLIT"})


def find_contradiction(gazetteer: Gazetteer, top: Candidate, postcode: str) -> Refusal | None:
    """Why the release speaks against a candidate at UPRN level."""
    if top.level is not MatchLevel.UPRN:
        return None
    if top.name == "SHORT" and top.pc != "UNIT":
        return Refusal.NUMBER_MISSING
    if top.reading.order == "flat_slash_number" and _fills_gap(gazetteer, top):
        return Refusal.TWO_READINGS
    if top.name in _UNPROVEN_NAME and _is_name_of_other(gazetteer, top):
        return Refusal.CONTRADICTION
    if top.pc in _FAR and _is_at_postcode(gazetteer, top, postcode):
        return Refusal.CONTRADICTION
    return None


def _fills_gap(gazetteer: Gazetteer, top: Candidate) -> bool:
    """Whether `5/8`, read as flat 5 of 8, may be flat 8 of 5: the entries at 5 number their flats past 8 without it."""
    reading = top.reading
    if not reading.flat.isdigit() or reading.number < 0:
        return False
    for street_id in top.resolution.streets:
        at = gazetteer.premises.at_number(street_id, int(reading.flat), "")
        if any(p.flat.isdigit() and int(p.flat) > reading.number for p in at):
            return True
    return False


def _is_name_of_other(gazetteer: Gazetteer, top: Candidate) -> bool:
    """Whether the name said is another entry's: in the same street, or at the same number of another in its town."""
    streets = top.resolution.streets
    town = gazetteer.streets[streets[0]].town
    for uprn, street_id, _, own_town, _, _ in gazetteer.places.get(top.reading.name, ()):
        if uprn == top.uprn:
            continue
        if street_id in streets:
            return True
        row = gazetteer.find_uprn(uprn) if own_town == town else None
        if row is not None and top.reading.number >= 0 and gazetteer.columns["number"][row] == top.reading.number:
            return True
    return False


def _is_at_postcode(gazetteer: Gazetteer, top: Candidate, postcode: str) -> bool:
    """Whether another street of the record's postcode has that number and flat there."""
    reading = top.reading
    if reading.number < 0:
        return False
    usrn = gazetteer.streets[top.resolution.streets[0]].usrn
    for street_id in gazetteer.postcode_streets.get(postcode, ()):
        if gazetteer.streets[street_id].usrn == usrn:
            continue
        at = gazetteer.premises.at_number(street_id, reading.number, reading.suffix)
        if any(p.postcode == postcode and (not reading.flat or p.flat == reading.flat) for p in at):
            return True
    return False
