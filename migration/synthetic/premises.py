"""Premises of the synthetic gazetteer: houses, stairs with their flats, shops and institutions, with postcodes.

Enters: `Streets`. Leaves: `Premises`, one element per UPRN. Must hold: number, suffix and flat tell the premises of a
street apart; a stair has one parent (class PP) and its flats name it; a postcode lies in one street. Numbers have
gaps, so that addresses can be wrong.
"""

from dataclasses import dataclass

import numpy as np

from migration.synthetic.draws import Bools, Draws, Ints, Texts
from migration.synthetic.flats import FLATS_IN_A_STAIR, FlatStyle, choose_styles, flat_index, flat_tables
from migration.synthetic.places import load_localities, read_rows
from migration.synthetic.streets import Streets

FIRST_UPRN = 999_000_000_001
PREMISES_PER_POSTCODE = 16
UNIT_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
HOUSE_CLASSES = ("RD02", "RD03", "RD04")


@dataclass(frozen=True)
class Premises:
    """All premises. Absent numbers are 0, absent texts empty; `parent` is the index of the stair, or -1."""

    street: Ints
    number: Ints
    suffix: Texts
    number_end: Ints
    name: Texts
    organisation: Texts
    sao_text: Texts
    sao_number: Ints
    class_code: Texts
    parent: Ints
    easting: Ints
    northing: Ints
    postcode: Texts

    def __len__(self) -> int:
        return len(self.street)


@dataclass(frozen=True)
class _Buildings:
    """Buildings before their flats: `flats` is 0 for a house or shop, `ordinal` counts along the street."""

    street: Ints
    ordinal: Ints
    style: Ints
    flats: Ints
    number: Ints
    suffix: Texts
    number_end: Ints
    name: Texts
    organisation: Texts
    class_code: Texts
    easting: Ints
    northing: Ints

    @property
    def units(self) -> Ints:
        """Gazetteer entries of each building: one, or one per flat and one for the stair."""
        return self.flats + 1


def make_premises(draws: Draws, streets: Streets) -> Premises:
    """All premises of `streets`, in the order of street, building and flat; institutions last."""
    buildings = _make_buildings(draws, streets)
    counts = buildings.units
    of = np.repeat(np.arange(len(counts)), counts)
    unit = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    texts, numbers, letters = flat_tables()
    index = flat_index(buildings.style[of], buildings.flats[of], unit)
    first = (np.cumsum(counts) - counts)[of]
    is_flat = unit > 0
    letter = np.array(letters, dtype=object)[index]
    class_code = buildings.class_code[of]
    class_code[is_flat] = "RD06"
    class_code[(counts[of] > 1) & ~is_flat] = "PP"
    along = Premises(
        street=buildings.street[of],
        number=buildings.number[of],
        suffix=np.where(letter == "", buildings.suffix[of], letter),
        number_end=buildings.number_end[of],
        name=buildings.name[of],
        organisation=buildings.organisation[of],
        sao_text=np.array(texts, dtype=object)[index],
        sao_number=numbers[index],
        class_code=class_code,
        parent=np.where(is_flat, first, -1),
        easting=buildings.easting[of],
        northing=buildings.northing[of],
        postcode=_give_postcodes(streets, buildings)[of],
    )
    return _append_institutions(draws, streets, along)


def _make_buildings(draws: Draws, streets: Streets) -> _Buildings:
    localities = load_localities()
    everything = np.arange(len(streets))
    styles = choose_styles(draws, [localities[i].town.flat_style for i in streets.locality], everything)
    stair = np.array(FLATS_IN_A_STAIR)[draws.integers("flats in a stair", everything, 0, len(FLATS_IN_A_STAIR) - 1)]
    count = np.where(styles > 0, np.maximum(2, streets.entries // (stair + 1)), np.maximum(3, streets.entries))
    street = np.repeat(everything, count)
    ordinal = np.arange(len(street)) - np.repeat(np.cumsum(count) - count, count)
    keys = street * 100_000 + ordinal
    is_shop = draws.uniform("is shop", keys) < np.where(streets.is_common[street], 0.35, 0.008)
    is_stair = (styles[street] > 0) & ~is_shop & ~draws.chance("house among stairs", keys, 0.1)
    is_plain = ~is_stair & ~is_shop
    has_suffix = is_plain & (ordinal > 0) & draws.chance("number suffix", keys, 0.03)
    number = 1 + ordinal + ordinal // 11 - has_suffix
    has_range = ~is_stair & ~has_suffix & draws.chance("number range", keys, 0.015)
    name, without_number = _name_houses(draws, street, ordinal, is_plain & ~has_suffix & ~has_range, streets)
    shop, shop_class = _choose_shops(draws, keys)
    house_class = np.array(HOUSE_CLASSES, dtype=object)[draws.integers("house class", street, 0, 2)]
    at = ((ordinal + 0.5) / count[street] - 0.5) * streets.length_m[street]
    aside = np.where(ordinal % 2 == 0, 11.0, -11.0)
    horizontal = streets.is_horizontal[street]
    return _Buildings(
        street=street,
        ordinal=ordinal,
        style=np.where(is_stair, styles[street], int(FlatStyle.NONE)),
        flats=np.where(is_stair, stair[street], 0),
        number=np.where(without_number, 0, number),
        suffix=np.where(has_suffix, "A", "").astype(object),
        number_end=np.where(has_range, number + 2, 0),
        name=name,
        organisation=np.where(is_shop, shop, "").astype(object),
        class_code=np.where(is_shop, shop_class, house_class).astype(object),
        easting=np.round(streets.middle_e[street] + np.where(horizontal, at, aside)).astype(np.int64),
        northing=np.round(streets.middle_n[street] + np.where(horizontal, aside, at)).astype(np.int64),
    )


def _name_houses(draws: Draws, street: Ints, ordinal: Ints, eligible: Bools, streets: Streets) -> tuple[Texts, Bools]:
    """Name of each building (mostly none), and whether the name takes the number's place."""
    words = {row["kind"]: row["words"].split(";") for row in read_rows("street_words.csv")}
    farms = [p.format(s) for s in words["farm_stem"] for p in words["farm"]]
    names = np.array([n.upper() for n in [*words["house"], *farms]], dtype=object)
    rural = np.array([k.is_rural for k in load_localities()])[streets.locality[street]]
    keys = street * 100_000 + ordinal
    named = eligible & (ordinal < len(names)) & (draws.uniform("house name", keys) < np.where(rural, 0.22, 0.01))
    start = draws.integers("first house name", street, 0, len(names) - 1)
    name = np.where(named, names[(start + ordinal) % len(names)], "").astype(object)
    return name, named & draws.chance("name instead of number", keys, 0.7)


def _choose_shops(draws: Draws, keys: Ints) -> tuple[Texts, Texts]:
    rows = [r for r in read_rows("organisations.csv") if r["per_locality"] == "0"]
    pick = draws.choose("shop", keys, [float(r["share"]) for r in rows])
    return (
        np.array([r["name"] for r in rows], dtype=object)[pick],
        np.array([r["class_code"] for r in rows], dtype=object)[pick],
    )


def _give_postcodes(streets: Streets, buildings: _Buildings) -> Texts:
    """Postcode of each building: one per sixteen or so entries of a street, numbered through the district."""
    units = buildings.units
    before = np.cumsum(units) - units
    starts = np.searchsorted(buildings.street, np.arange(len(streets)))
    in_street = (before - before[starts][buildings.street]) // PREMISES_PER_POSTCODE
    per_street = np.maximum.reduceat(in_street, starts) + 1
    first = number_through_district(streets, per_street)
    return write_postcodes(streets, buildings.street, first[buildings.street] + in_street)


def number_through_district(streets: Streets, wanted: Ints, offset: int = 0) -> Ints:
    """First postcode number of each street when street after street takes `wanted` numbers of its district."""
    districts = [k.district for k in load_localities()]
    known = {d: i for i, d in enumerate(dict.fromkeys(districts))}
    district = np.array([known[d] for d in districts])[streets.locality]
    first = np.empty(len(streets), dtype=np.int64)
    for i in range(len(known)):
        mine = district == i
        first[mine] = offset + np.cumsum(wanted[mine]) - wanted[mine]
    return first


def write_postcodes(streets: Streets, street: Ints, number: Ints) -> Texts:
    """Postcode text from a street's district and a number in it: 40 units of a sector, then the next sector."""
    districts = np.array([k.district for k in load_localities()], dtype=object)
    pairs = number + 10_000_000 * streets.locality[street]
    distinct, inverse = np.unique(pairs, return_inverse=True)
    texts = []
    for pair in distinct:
        locality, ordinal = divmod(int(pair), 10_000_000)
        sector, unit = 1 + ordinal // 40 % 9, ((ordinal % 40 + ordinal // 360 * 40) * 7) % 400
        texts.append(f"{districts[locality]} {sector}{UNIT_LETTERS[unit // 20]}{UNIT_LETTERS[unit % 20]}")
    return np.array(texts, dtype=object)[inverse]


def _append_institutions(draws: Draws, streets: Streets, along: Premises) -> Premises:
    """Police station, schools, library and the like: named premises on a street of their locality."""
    rows = [r for r in read_rows("organisations.csv") if r["per_locality"] != "0"]
    made = [
        (locality.number, row["name"].format((locality.name or locality.town.name).upper()), row["class_code"])
        for locality in load_localities()
        for row in rows
        if row["per_locality"] == "2" or not locality.name
    ]
    where = np.array([m[0] for m in made])
    starts = np.searchsorted(streets.locality, where)
    counts = np.searchsorted(streets.locality, where, side="right") - starts
    street = starts + draws.below("institution street", np.arange(len(made)), counts)
    host = np.searchsorted(along.street, street)
    names = np.array([m[1] for m in made], dtype=object)
    none, empty = np.zeros(len(made), dtype=np.int64), np.full(len(made), "", dtype=object)
    classes = np.array([m[2] for m in made], dtype=object)
    extra = (street, none, empty, none, names, names, empty, none, classes, none - 1)
    tail = (along.easting[host] + 25, along.northing[host] + 25, along.postcode[host])
    fields = tuple(Premises.__dataclass_fields__)
    joined = {f: np.concatenate([getattr(along, f), e]) for f, e in zip(fields, (*extra, *tail), strict=True)}
    return Premises(**joined)
