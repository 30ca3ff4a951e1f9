"""True people: who somebody is, whatever any system wrote down.

Enters: person ids. Leaves: `People`, one element per id. Must hold: a person is a function of seed and id alone, so
every division that meets the same id meets the same person; ids `2k` and `2k + 1` may be kin (twins, father and son
of one name, couple, parent and child) and then share surname and home.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from migration.synthetic.draws import Bools, Draws, Ints, Texts, take
from migration.synthetic.identifiers import chi_no, cro_no, driver_no, pnc_id, scro_no
from migration.synthetic.places import load_towns, read_rows

POOL_BITS = 34
HOMES = 3
NATIONAL_POOL = "-"

TWINS, FATHER_AND_SON, COUPLE, PARENT_AND_CHILD = 1, 2, 3, 4
KIN_SHARES = (0.844, 0.012, 0.014, 0.08, 0.05)
ETHNICITIES = ("WHITE_SCOTTISH", "WHITE_OTHER", "ASIAN", "AFRICAN", "BLACK_CARIBBEAN", "MIXED", "OTHER", "UNKNOWN")
ETHNICITY_SHARES = (0.84, 0.07, 0.03, 0.008, 0.004, 0.008, 0.01, 0.03)
OCCUPATIONS = (
    *("Unemployed", "Student", "Retired", "Shop assistant", "Joiner", "Nurse", "Driver", "Labourer", "Teacher"),
    *("Care worker", "Chef", "Farm worker", "Office worker", "Electrician", "Plumber", "Cleaner", "Engineer"),
)
STEMS = tuple(
    re.findall(r"\w+", "Auch Bal Cairn Craig Drum Dun Fin Gart Glen Inver Kil Kin Loch Pit Strath Tarry Tul Corr Eden")
)
ENDINGS = tuple(
    re.findall(r"\w+", "garvie more lochan tarrie mouth howie nable roddie esk lairie gask kinnel rossie durie vaird")
)


def person_ids(pool: str, ranks: Ints) -> Ints:
    """Ids of the people at `ranks` of a pool: a division letter or `NATIONAL_POOL`."""
    return (np.int64(ord(pool)) << np.int64(POOL_BITS)) | ranks.astype(np.int64)


def pool_letters(ids: Ints) -> Texts:
    """Pool of each person."""
    ordinals = (ids >> np.int64(POOL_BITS)).astype(np.int64)
    return take([chr(i) for i in range(128)], ordinals)


@lru_cache(maxsize=1)
def surnames() -> tuple[str, ...]:
    """Family names, the commonest first; the last part is invented."""
    listed = " ".join(row["names"] for row in read_rows("surnames.csv")).split()
    return (*dict.fromkeys(listed), *(s + e for s in STEMS for e in ENDINGS))


@lru_cache(maxsize=2)
def forenames(sex: str) -> tuple[str, ...]:
    """Forenames of a sex (`M`, `F`), the commonest first."""
    return tuple(dict.fromkeys(next(r["names"] for r in read_rows("forenames.csv") if r["sex"] == sex).split()))


@dataclass(frozen=True)
class People:
    """True attributes; absent texts are empty. Homes and moves go forward in time; `kin` is 0 or a kind of kin."""

    ids: Ints
    is_female: Bools
    surname: Texts
    birth_surname: Texts
    married_on: np.ndarray
    forename_1: Texts
    forename_2: Texts
    born_on: np.ndarray
    kin: Ints
    ethnicity: Texts
    place_of_birth: Texts
    occupation: Texts
    phone: Texts
    scro_no: Texts
    pnc_id: Texts
    cro_no: Texts
    driver_no: Texts
    chi_no: Texts
    home_draw: np.ndarray
    moved_on: np.ndarray


def make_people(draws: Draws, ids: Ints) -> People:
    """The people with these ids, which must differ."""
    lead = ids & ~np.int64(1)
    kin = draws.choose("kin", lead, KIN_SHARES)
    second = (ids & 1) == 1
    family = np.where(kin > 0, lead, ids)
    is_female = _choose_sex(draws, ids, lead, kin, second)
    born = _choose_birth(draws, ids, lead, kin, second)
    surname = _choose_surnames(draws, family)
    own = take(surnames(), draws.choose("birth surname", ids, shares(len(surnames()), 8, 0.75)))
    married = is_female & (kin != TWINS) & draws.chance("married", ids, 0.3)
    wedding = born + (7000 + draws.integers("wedding day", ids, 0, 9000)).astype("timedelta64[D]")
    forename = _choose_forenames(draws, np.where((kin == FATHER_AND_SON), lead, ids), is_female, "forename 1")
    middle = _choose_forenames(draws, ids, is_female, "forename 2")
    numbers = _make_numbers(draws, ids, surname, forename, middle, born, is_female)
    towns = [t.name for t in load_towns()]
    return People(
        ids=ids,
        is_female=is_female,
        surname=surname,
        birth_surname=np.where(married, own, "").astype(object),
        married_on=np.where(married, wedding, np.datetime64("NaT")),
        forename_1=forename,
        forename_2=np.where(draws.chance("has middle name", ids, 0.62), middle, "").astype(object),
        born_on=born,
        kin=kin,
        ethnicity=take(ETHNICITIES, draws.choose("ethnicity", ids, ETHNICITY_SHARES)),
        place_of_birth=take(towns, draws.choose("birthplace", ids, [t.weight for t in load_towns()])),
        occupation=take(OCCUPATIONS, draws.integers("occupation", ids, 0, len(OCCUPATIONS) - 1)),
        phone=np.array([f"07700 9{n:05d}" for n in draws.integers("phone", ids, 0, 99_999)], dtype=object),
        scro_no=numbers[0],
        pnc_id=numbers[1],
        cro_no=numbers[2],
        driver_no=numbers[3],
        chi_no=numbers[4],
        home_draw=np.stack([draws.uniform(f"home {i}", family) for i in range(HOMES)]),
        moved_on=_choose_moves(draws, family),
    )


def shares(count: int, head: int, power: float) -> np.ndarray:
    """Weights of `count` values ordered by how common they are: a Zipf-like curve, flattened at its head."""
    return 1.0 / (np.arange(count) + head) ** power


def _choose_sex(draws: Draws, ids: Ints, lead: Ints, kin: Ints, second: Bools) -> Bools:
    own, of_lead = draws.chance("sex", ids, 0.46), draws.chance("sex", lead, 0.46)
    couple = np.where(second, ~of_lead, of_lead)
    return np.select([kin == FATHER_AND_SON, kin == COUPLE], [np.zeros(len(ids), dtype=bool), couple], own)


def _choose_birth(draws: Draws, ids: Ints, lead: Ints, kin: Ints, second: Bools) -> np.ndarray:
    first_day, parent_day = np.datetime64("1938-01-01"), np.datetime64("1940-01-01")
    own = first_day + (22_600 * draws.uniform("born", ids) ** 0.7).astype(np.int64).astype("timedelta64[D]")
    of_lead = first_day + (22_600 * draws.uniform("born", lead) ** 0.7).astype(np.int64).astype("timedelta64[D]")
    parent = parent_day + draws.integers("born parent", lead, 0, 11_500).astype("timedelta64[D]")
    child = parent + (7400 + draws.integers("born child", ids, 0, 3000)).astype("timedelta64[D]")
    couple = of_lead + np.where(second, draws.integers("age gap", ids, -1500, 1500), 0).astype("timedelta64[D]")
    is_parental = (kin == FATHER_AND_SON) | (kin == PARENT_AND_CHILD)
    chosen: np.ndarray = np.select(
        [is_parental & second, is_parental, kin == TWINS, kin == COUPLE], [child, parent, of_lead, couple], own
    )
    return chosen


def _choose_surnames(draws: Draws, family: Ints) -> Texts:
    names = surnames()
    first = take(names, draws.choose("surname", family, shares(len(names), 8, 0.75)))
    other = take(names, draws.choose("second surname", family, shares(len(names), 8, 0.75)))
    is_double = draws.chance("double surname", family, 0.015)
    return np.where(is_double, first + "-" + other, first).astype(object)


def _choose_forenames(draws: Draws, keys: Ints, is_female: Bools, stream: str) -> Texts:
    male, female = forenames("M"), forenames("F")
    for_men = take(male, draws.choose(stream, keys, shares(len(male), 5, 0.6)))
    for_women = take(female, draws.choose(stream, keys, shares(len(female), 5, 0.6)))
    return np.where(is_female, for_women, for_men).astype(object)


def _choose_moves(draws: Draws, family: Ints) -> np.ndarray:
    """Days on which the second and third homes begin; far in the future for those who stay."""
    start = np.datetime64("2009-01-01")
    first = start + draws.integers("first move", family, 0, 9000).astype("timedelta64[D]")
    second = first + draws.integers("second move", family, 300, 6000).astype("timedelta64[D]")
    return np.stack([first, second])


def _make_numbers(
    draws: Draws, ids: Ints, surname: Texts, forename: Texts, middle: Texts, born: np.ndarray, is_female: Bools
) -> tuple[Texts, Texts, Texts, Texts, Texts]:
    """SCRO, PNC, CRO, driver and CHI numbers; empty for those who have none."""
    days = born.astype("datetime64[D]").astype(object)
    unique = _number_uniquely(ids)
    years, serial = 1985 + unique // 1_000_000, unique % 1_000_000
    wide = serial + 1_000_000 * draws.integers("pnc serial", ids, 0, 9)
    has = {
        n: draws.chance(f"has {n}", ids, p) for n, p in (("scro", 0.9), ("pnc", 0.5), ("cro", 0.25), ("driver", 0.3))
    }
    has_chi = draws.chance("has chi", ids, 0.06)
    women = is_female.tolist()
    size = range(len(ids))
    columns = (
        [scro_no(int(years[i]), int(serial[i])) if has["scro"][i] else "" for i in size],
        [pnc_id(int(years[i]), int(wide[i])) if has["pnc"][i] else "" for i in size],
        [cro_no(int(years[i]), int(serial[i])) if has["cro"][i] else "" for i in size],
        [
            driver_no(surname[i], forename[i], middle[i], days[i], is_female=women[i], tail=int(serial[i]))
            if has["driver"][i]
            else ""
            for i in size
        ],
        [chi_no(days[i], int(serial[i]), is_female=women[i]) if has_chi[i] else "" for i in size],
    )
    as_texts = [np.array(c, dtype=object) for c in columns]
    return as_texts[0], as_texts[1], as_texts[2], as_texts[3], as_texts[4]


def _number_uniquely(ids: Ints) -> Ints:
    """A number below 38 million per person, no two alike for ranks below 1.4 million."""
    pool = np.where(pool_letters(ids) == NATIONAL_POOL, 26, (ids >> np.int64(POOL_BITS)) - ord("A"))
    rank = ids & np.int64((1 << POOL_BITS) - 1)
    scattered: Ints = (pool * 1_400_000 + rank) * 7_654_323 % 38_000_000
    return scattered
