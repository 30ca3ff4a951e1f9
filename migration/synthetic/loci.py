"""How the police write places down.

Enters: `Locations` and the gazetteer. Leaves: `WrittenLocations`: parts and, for what is not an address, free text.
Must hold: house numbers and flats are written in another notation but never wrongly, so the truth holds; only words
are misspelt.
"""

from dataclasses import dataclass

import numpy as np

from migration.synthetic.addresses import AddressBook
from migration.synthetic.draws import Bools, Draws, Ints, Texts
from migration.synthetic.identifiers import grid_reference
from migration.synthetic.locations import KNOWS_STREET, Kind, Locations
from migration.synthetic.names import misspell
from migration.synthetic.notation import flat_notation, street_notation, title_case
from migration.synthetic.places import read_rows

ENGLAND = (
    ("12 Acacia Road", "Carlisle", "CA1 2AB"),
    ("4 Mill Lane", "Berwick-upon-Tweed", "TD15 1AA"),
    ("77 Station Approach", "Newcastle upon Tyne", "NE1 4XX"),
    ("Flat 9, 31 Park Row", "Leeds", "LS1 5HD"),
    ("160 Long Street", "Manchester", "M4 9ZZ"),
)
INVENTED_STREETS = ("Nonesuch Avenue", "Glenfoodle Road", "Kilwhinnoch Street", "Tarbrechan Place", "Ardnamuckle Drive")
NO_ABODE = ("NFA", "No fixed abode", "N.F.A.", "No Fixed Address", "NFA (sofa surfing)")
UNUSABLE = ("Unknown", "Not known", "As above", "Locus unknown", "N/K", "Various", "See MO")
ONLINE = ("Online", "Internet", "Via Facebook", "Email", "Online - unknown location")
BEFORE = ("o/s", "O/S", "outside", "behind", "opp", "opposite", "near", "rear of", "adj to", "nr")


@dataclass(frozen=True)
class WrittenLocations:
    """Location records as written; absent texts are empty; coordinates count where `has_coordinates`."""

    flat: Texts
    premises: Texts
    number: Texts
    street: Texts
    locality: Texts
    town: Texts
    postcode: Texts
    text: Texts
    grid_ref: Texts
    easting: Ints
    northing: Ints
    has_coordinates: Bools
    location_type: Texts
    dirt: dict[str, Bools]


def write_locations(draws: Draws, book: AddressBook, places: Locations) -> WrittenLocations:
    """All records written out, in the manner of the estate `draws` is scoped to."""
    size = len(places)
    written: dict[str, Texts] = {
        name: np.full(size, "", dtype=object)
        for name in ("flat", "premises", "number", "street", "locality", "town", "postcode", "text", "grid_ref")
    }
    dirt: dict[str, Bools] = {}
    _write_area(draws, book, places, written, dirt)
    _write_parts(draws, book, places, written)
    _write_free_text(draws, book, places, written)
    easting, northing, has_coordinates = _write_coordinates(draws, places, dirt)
    return WrittenLocations(
        **written,
        easting=easting,
        northing=northing,
        has_coordinates=has_coordinates,
        location_type=_location_types(book, places),
        dirt=dirt,
    )


def _write_area(
    draws: Draws, book: AddressBook, places: Locations, written: dict[str, Texts], dirt: dict[str, Bools]
) -> None:
    """Locality, town and postcode: each often left out, but seldom both of the last two; old postcodes linger."""
    key = places.key
    known = np.isin(places.kind, [int(k) for k in (*KNOWS_STREET, Kind.UNKNOWN_STREET)])
    row = np.where(known, places.row, 0)
    can_have = known & np.isin(places.kind, [int(k) for k in (Kind.ADDRESS, Kind.STAIR, Kind.PLACE)])
    share = np.where(places.is_home, 0.8, 0.5)
    has_postcode = can_have & (draws.uniform("has postcode", key) < share)
    old = book.old_row[row]
    recoded_on = book.dates["end_date"][np.maximum(old, 0)]
    uses_old = (old >= 0) & ((places.recorded_on < recoded_on) | draws.chance("habit of old postcode", key, 0.25))
    postcode = np.where(uses_old, book.text("postcode", np.maximum(old, 0)), book.text("postcode", row))
    style = draws.uniform("postcode style", key)
    closed = np.array([p.replace(" ", "") for p in postcode], dtype=object)
    lower = np.array([p.lower() for p in postcode], dtype=object)
    styled = np.where(style < 0.12, closed, np.where(style < 0.16, lower, postcode))
    written["postcode"] = np.where(has_postcode, styled, "").astype(object)
    dirt["deleted_postcode"] = has_postcode & uses_old
    dirt["missing_postcode"] = can_have & ~has_postcode & places.is_home
    town_missing = draws.uniform("town missing", key) < np.where(has_postcode, 0.25, 0.04)
    town = [title_case(t) for t in book.text("town", row)]
    written["town"] = np.where(known & ~town_missing, town, "").astype(object)
    locality = [title_case(t) for t in book.text("locality", row)]
    has_locality = known & (draws.uniform("has locality", key) < np.where(has_postcode, 0.5, 0.92))
    written["locality"] = np.where(has_locality, locality, "").astype(object)


def _write_parts(draws: Draws, book: AddressBook, places: Locations, written: dict[str, Texts]) -> None:
    """Flat, house name, number and street of what is an address, place or street."""
    wanted = (Kind.ADDRESS, Kind.STAIR, Kind.PLACE, Kind.STREET, Kind.UNKNOWN_NUMBER)
    index = np.nonzero(np.isin(places.kind, [int(k) for k in wanted]))[0]
    row, key = places.row[index], places.key[index]
    street = _write_streets(draws, book, row, key)
    luck = draws.integers("flat notation", key, 0, 999)
    beyond = draws.integers("number beyond", key, 700, 998)
    columns = zip(
        index.tolist(),
        places.kind[index].tolist(),
        book.text("sao_text", row),
        book.number("sao_start_number", row).tolist(),
        book.text("pao_text", row),
        book.number("pao_start_number", row).tolist(),
        book.text("pao_start_suffix", row),
        book.number("pao_end_number", row).tolist(),
        book.text("organisation", row),
        book.is_repeated[row].tolist(),
        street,
        luck.tolist(),
        beyond.tolist(),
        strict=True,
    )
    for at, kind, sao, unit, name, number, suffix, end, organisation, repeated, road, how, far in columns:
        written["street"][at] = road
        if kind == Kind.STREET:
            continue
        house = f"{number}{suffix}" + (f"-{end}" if end else "") if number else ""
        if kind == Kind.UNKNOWN_NUMBER:
            written["number"][at] = str(far)
        elif kind == Kind.PLACE:
            written["premises"][at] = title_case(organisation)
            written["number"][at] = house if repeated or how % 5 == 0 else ""
        else:
            flat, house = flat_notation(sao, unit, house, how)
            written["flat"][at], written["number"][at] = flat, house
            written["premises"][at] = title_case(name)


def _write_streets(draws: Draws, book: AddressBook, row: Ints, key: Ints) -> list[str]:
    """Street names as typed: abbreviated, without apostrophe, at times misspelt."""
    names = book.text("street_description", row)
    how = draws.integers("street notation", key, 0, 9_999).tolist()
    slips = draws.chance("street typo", key, 0.03).tolist()
    return [
        misspell(street_notation(name, luck), luck) if slip else street_notation(name, luck)
        for name, luck, slip in zip(names, how, slips, strict=True)
    ]


def _write_free_text(draws: Draws, book: AddressBook, places: Locations, written: dict[str, Texts]) -> None:
    """The whole description in one line for everything that is not an address with parts."""
    roads = {row["division"]: row["roads"].split(";") for row in read_rows("roads.csv")}
    with_parts = (Kind.ADDRESS, Kind.STAIR, Kind.PLACE, Kind.STREET, Kind.UNKNOWN_NUMBER)
    index = np.nonzero(~np.isin(places.kind, [int(k) for k in with_parts]))[0]
    key = places.key[index]
    luck = draws.integers("free text", key, 0, 9_999).tolist()
    first = _write_streets(draws, book, np.maximum(places.row[index], 0), key)
    second = _write_streets(draws, book, np.maximum(places.row_b[index], 0), key + 1_000_000_007)
    organisation = book.text("organisation", np.maximum(places.row[index], 0))
    number = book.number("pao_start_number", np.maximum(places.row[index], 0)).tolist()
    for i, at in enumerate(index.tolist()):
        how, kind = luck[i], Kind(int(places.kind[at]))
        if kind is Kind.RELATIVE:
            anchor = title_case(organisation[i]) + "," if organisation[i] else str(number[i] or "")
            written["text"][at] = f"{BEFORE[how % len(BEFORE)]} {anchor} {first[i]}".replace("  ", " ")
        elif kind is Kind.JUNCTION:
            pattern = ("{} at {}", "Jct {} / {}", "{} junction with {}", "{}/{}", "corner of {} and {}")[how % 5]
            written["text"][at] = pattern.format(first[i], second[i])
        elif kind is Kind.ROAD_MARKER:
            road = roads[places.division[at]][how % len(roads[places.division[at]])]
            way = ("northbound", "S/B", "N/B", "southbound", "")[how // 7 % 5]
            written["text"][at] = f"{road} {way} marker post {how % 97}/{how % 9}".replace("  ", " ")
        elif kind is Kind.GRID_REF:
            digits = 3 + how % 2
            reference = grid_reference(float(places.easting[at]), float(places.northing[at]), digits)
            written["grid_ref"][at], written["text"][at] = reference, f"Grid ref {reference}"
        elif kind is Kind.UNKNOWN_STREET:
            written["number"][at] = str(1 + how % 60)
            written["street"][at] = INVENTED_STREETS[how % len(INVENTED_STREETS)]
        elif kind is Kind.OUTSIDE_AREA:
            road, town, postcode = ENGLAND[how % len(ENGLAND)]
            written["street"][at], written["town"][at], written["postcode"][at] = road, town, postcode
        else:
            texts = {Kind.NO_FIXED_ABODE: NO_ABODE, Kind.ONLINE: ONLINE}.get(kind, UNUSABLE)
            written["text"][at] = texts[how % len(texts)]


def _write_coordinates(draws: Draws, places: Locations, dirt: dict[str, Bools]) -> tuple[Ints, Ints, Bools]:
    """Easting and northing of three loci in ten; a few zero, a few the same default point of the division."""
    key = places.key
    exact = ~places.is_home & (places.easting > 0) & draws.chance("has coordinates", key, 0.3)
    fate = draws.uniform("coordinate fate", key)
    zero = ~places.is_home & (fate < 0.004)
    default = ~places.is_home & (fate >= 0.004) & (fate < 0.012)
    dirt["zero_coordinates"], dirt["default_coordinates"] = zero, default
    easting = np.where(default, 300_000, np.where(zero, 0, places.easting))
    northing = np.where(default, 700_000, np.where(zero, 0, places.northing))
    return easting, northing, exact | zero | default


def _location_types(book: AddressBook, places: Locations) -> Texts:
    """National code of the kind of place."""
    by_class = {r["class_code"]: r["location_type"] for r in read_rows("organisations.csv")}
    codes = book.text("class_code", np.maximum(places.row, 0))
    of_place = np.array([by_class.get(c, "DWELLING") for c in codes], dtype=object)
    kinds = {
        Kind.STREET: "STREET",
        Kind.JUNCTION: "STREET",
        Kind.RELATIVE: "STREET",
        Kind.ROAD_MARKER: "STREET",
        Kind.GRID_REF: "OTHER",
        Kind.ONLINE: "ONLINE",
        Kind.UNUSABLE: "OTHER",
        Kind.UNKNOWN_STREET: "STREET",
        Kind.OUTSIDE_AREA: "DWELLING",
        Kind.NO_FIXED_ABODE: "OTHER",
    }
    found = of_place.copy()
    for kind, name in kinds.items():
        found[places.kind == kind] = name
    return found
