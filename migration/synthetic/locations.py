"""Which place each location record means, and how well a good reader could know it.

Enters: keys, dates, divisions. Leaves: `Locations`, one element per location record: what kind of description it is,
the gazetteer rows it rests on, and the truth. Must hold: the truth says no more than the words that `loci` writes can
say (a stair without its flat is a building, a street without a number is a street).
"""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from migration.synthetic.addresses import AddressBook
from migration.synthetic.draws import Bools, Draws, Floats, Ints, Texts


class Kind(IntEnum):
    """Kinds of description."""

    ADDRESS = 0
    STAIR = 1
    PLACE = 2
    STREET = 3
    RELATIVE = 4
    JUNCTION = 5
    ROAD_MARKER = 6
    GRID_REF = 7
    UNKNOWN_NUMBER = 8
    UNKNOWN_STREET = 9
    OUTSIDE_AREA = 10
    NO_FIXED_ABODE = 11
    UNUSABLE = 12
    ONLINE = 13


CLASS_AND_LEVEL = {
    Kind.ADDRESS: ("ADDRESS", "UPRN"),
    Kind.STAIR: ("ADDRESS", "BUILDING"),
    Kind.PLACE: ("PLACE", "UPRN"),
    Kind.STREET: ("ADDRESS", "STREET"),
    Kind.RELATIVE: ("RELATIVE", "STREET"),
    Kind.JUNCTION: ("JUNCTION", "STREET"),
    Kind.ROAD_MARKER: ("ROAD_MARKER", "NONE"),
    Kind.GRID_REF: ("GRID_REF", "GRID"),
    Kind.UNKNOWN_NUMBER: ("ADDRESS", "STREET"),
    Kind.UNKNOWN_STREET: ("ADDRESS", "LOCALITY"),
    Kind.OUTSIDE_AREA: ("OUTSIDE_AREA", "NONE"),
    Kind.NO_FIXED_ABODE: ("NO_FIXED_ABODE", "NONE"),
    Kind.UNUSABLE: ("UNUSABLE", "NONE"),
    Kind.ONLINE: ("UNUSABLE", "NONE"),
}
LOCUS_SHARES = (0.50, 0, 0.14, 0.08, 0.07, 0.05, 0.02, 0.02, 0.02, 0.01, 0, 0.0, 0.012, 0)
HOME_SHARES = (0.935, 0, 0, 0.004, 0, 0, 0, 0, 0.014, 0.006, 0.016, 0.012, 0.008, 0)
KNOWS_STREET = (Kind.ADDRESS, Kind.STAIR, Kind.PLACE, Kind.STREET, Kind.RELATIVE, Kind.JUNCTION, Kind.UNKNOWN_NUMBER)
KNOWS_BEAT = (*KNOWS_STREET, Kind.GRID_REF)


@dataclass(frozen=True)
class Locations:
    """Location records. `row` is the gazetteer row the record rests on (-1 for none), `row_b` the other of a junction.

    `easting` and `northing` are of the place meant (0 where there is none); `division` is where it lies.
    """

    key: Ints
    kind: Ints
    row: Ints
    row_b: Ints
    easting: Ints
    northing: Ints
    division: Texts
    recorded_on: np.ndarray
    is_home: Bools

    def __len__(self) -> int:
        return len(self.key)


def choose_loci(
    draws: Draws, book: AddressBook, division: str, key: Ints, recorded_on: np.ndarray, venue: Texts
) -> Locations:
    """Loci of crime in a division, by the kind of venue (`DWELLING`, `SHOP`, `STREET`, ...)."""
    shares = np.array(LOCUS_SHARES)
    kind = draws.choose("locus kind", key, shares)
    kind = np.where((venue == "SHOP") & draws.chance("shop locus", key, 0.8), int(Kind.PLACE), kind)
    kind = np.where((venue == "DWELLING") & draws.chance("home locus", key, 0.85), int(Kind.ADDRESS), kind)
    kind = np.where((venue == "ONLINE") & draws.chance("online locus", key, 0.25), int(Kind.ONLINE), kind)
    divisions = np.full(len(key), division, dtype=object)
    return _choose_rows(draws, book, divisions, key, kind, draws.uniform("locus row", key), recorded_on, is_home=False)


def choose_homes(
    draws: Draws, book: AddressBook, divisions: Texts, key: Ints, home_draw: Floats, recorded_on: np.ndarray
) -> Locations:
    """Homes: the same `home_draw` in the same division is the same dwelling, whoever writes it down."""
    kind = draws.choose("home kind", key, HOME_SHARES)
    return _choose_rows(draws, book, divisions, key, kind, home_draw, recorded_on, is_home=True)


def join(parts: list[Locations]) -> Locations:
    """All records of `parts`, one after the other."""
    return Locations(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Locations)})


def _choose_rows(
    draws: Draws,
    book: AddressBook,
    divisions: Texts,
    key: Ints,
    kind: Ints,
    luck: Floats,
    recorded_on: np.ndarray,
    *,
    is_home: bool,
) -> Locations:
    row, row_b = np.full(len(key), -1, dtype=np.int64), np.full(len(key), -1, dtype=np.int64)
    easting, northing = np.zeros(len(key), dtype=np.int64), np.zeros(len(key), dtype=np.int64)
    for letter in sorted(set(divisions.tolist())):
        places = book.divisions[letter]
        pools = {Kind.PLACE: places.organisations, Kind.STREET: places.streets}
        for each in (Kind.ADDRESS, Kind.PLACE, Kind.STREET, Kind.RELATIVE, Kind.GRID_REF, Kind.UNKNOWN_NUMBER):
            mine = (divisions == letter) & (kind == each)
            row[mine] = _draw(pools.get(each, places.dwellings), luck[mine])
        anchored = (divisions == letter) & (kind == Kind.RELATIVE) & draws.chance("anchor is place", key, 0.6)
        row[anchored] = _draw(places.organisations, luck[anchored])
        crossing = (divisions == letter) & (kind == Kind.JUNCTION)
        at = (luck[crossing] * len(places.junction_a)).astype(np.int64)
        row[crossing], row_b[crossing] = places.junction_a[at], places.junction_b[at]
        easting[crossing], northing[crossing] = places.junction_e[at], places.junction_n[at]
        lost = (divisions == letter) & (kind == Kind.UNKNOWN_STREET)
        row[lost] = _draw(places.streets, luck[lost])
        if not is_home:
            _use_demolished(draws, book, letter, key, kind, row, recorded_on)
    known = (row >= 0) & (kind != Kind.JUNCTION)
    easting[known], northing[known] = book.number("easting", row[known]), book.number("northing", row[known])
    is_flat = (kind == Kind.ADDRESS) & (book.parent_row[row] >= 0)
    forgotten = is_flat & draws.chance("flat forgotten", key, 0.03) & (book.text("sao_text", row) != "")
    row[forgotten] = book.parent_row[row[forgotten]]
    kind = np.where(forgotten, int(Kind.STAIR), kind)
    return Locations(key, kind, row, row_b, easting, northing, divisions, recorded_on, np.full(len(key), is_home))


def _draw(rows: Ints, luck: Floats) -> Ints:
    drawn: Ints = rows[(luck * len(rows)).astype(np.int64)]
    return drawn


def _use_demolished(
    draws: Draws, book: AddressBook, letter: str, key: Ints, kind: Ints, row: Ints, recorded_on: np.ndarray
) -> None:
    """Some addresses of the time are gone now: dwellings demolished after the record was made."""
    gone = book.divisions[letter].demolished
    chosen = (kind == Kind.ADDRESS) & draws.chance("address gone since", key, 0.012)
    chosen &= (row >= 0) & (book.text("division_code", row) == letter)
    if len(gone) == 0:
        return
    candidate = gone[draws.below("which gone", key, np.full(len(key), len(gone)))]
    stood = (book.dates["end_date"][candidate] > recorded_on) & (book.dates["start_date"][candidate] < recorded_on)
    row[chosen & stood] = candidate[chosen & stood]


def true_uprns(book: AddressBook, locations: Locations) -> Ints:
    """UPRN each record means, or 0 where it means none or one the gazetteer has not."""
    exact = np.isin(locations.kind, [int(Kind.ADDRESS), int(Kind.STAIR), int(Kind.PLACE)])
    return np.where(exact, book.number("uprn", locations.row), 0)
