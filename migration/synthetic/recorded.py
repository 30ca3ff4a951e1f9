"""What a system wrote down about a person: the true person, seen through haste, hearsay and old terminals.

Enters: true people and the occasions on which they were recorded. Leaves: `RecordedPeople`, one element per occasion,
and the planted dirt by kind. Must hold: a record's errors depend on its key alone. Refuses nothing; rates are in
`RATES`, low enough that most records are right.
"""

from dataclasses import dataclass

import numpy as np

from migration.synthetic.draws import Bools, Draws, Ints, Texts, take
from migration.synthetic.names import damage_names
from migration.synthetic.people import People, shares, surnames

DEFAULT_BIRTHDAY = np.datetime64("1900-01-01")
FUTURE_BIRTHDAY = np.datetime64("2066-06-06")
NO_DATE = np.datetime64("NaT", "D")
COMPLAINER, SUSPECT, WITNESS = 0, 1, 2
RATES: dict[str, tuple[float, float, float]] = {
    # share of records by capacity: complainer, suspect, witness
    "no birthday": (0.06, 0.03, 0.25),
    "default birthday": (0.006, 0.004, 0.01),
    "age only": (0.02, 0.01, 0.06),
    "year only": (0.004, 0.004, 0.01),
    "future birthday": (0.0008, 0.0008, 0.0008),
    "birthday off": (0.015, 0.015, 0.02),
    "no middle name": (0.4, 0.2, 0.7),
    "no sex": (0.02, 0.005, 0.04),
    "no phone": (0.35, 0.7, 0.3),
    "no identifier": (1.0, 0.22, 1.0),
    "no occupation": (0.5, 0.4, 0.7),
    "no birthplace": (0.6, 0.3, 0.9),
}
TITLES = {True: ("Mrs", "Miss", "Ms", "Dr"), False: ("Mr", "Mr", "Mr", "Dr")}


@dataclass(frozen=True)
class Occasions:
    """Occasions to record people: the record's own key, the index of the person, and in what capacity."""

    key: Ints
    person: Ints
    capacity: Ints
    recorded_on: np.ndarray

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True)
class RecordedPeople:
    """Personal columns of records. Absent texts are empty, absent dates NaT, absent ages -1; codes are national."""

    title: Texts
    surname: Texts
    forename_1: Texts
    forename_2: Texts
    maiden_name: Texts
    born_on: np.ndarray
    precision: Texts
    age: Ints
    sex: Texts
    ethnicity: Texts
    place_of_birth: Texts
    occupation: Texts
    phone: Texts
    scro_no: Texts
    pnc_id: Texts
    cro_no: Texts
    driver_no: Texts
    alias_type: Texts
    alias_surname: Texts
    alias_forename: Texts
    dirt: dict[str, Bools]


def rate(name: str, capacity: Ints) -> np.ndarray:
    """Share of records with a fault, by the capacity in which each person was recorded."""
    shares: np.ndarray = np.array(RATES[name])[capacity]
    return shares


def record_people(draws: Draws, people: People, occasions: Occasions) -> RecordedPeople:
    """What was written down on each occasion."""
    who, key, capacity = occasions.person, occasions.key, occasions.capacity

    def misses(name: str) -> Bools:
        missing: Bools = draws.uniform(name, key) < rate(name, capacity)
        return missing

    dirt: dict[str, Bools] = {}
    surname, maiden, dirt["maiden_name"] = _choose_surname(draws, people, occasions)
    first = people.forename_1[who].copy()
    second = np.where(misses("no middle name"), "", people.forename_2[who]).astype(object)
    names = damage_names(draws, key, surname, first, second)
    dirt |= names.dirt
    born, precision, age = _record_birth(draws, people, occasions, dirt)
    is_known = ~misses("no identifier")
    pnc = np.where(is_known, people.pnc_id[who], "").astype(object)
    dirt["bad_pnc_check"] = draws.some("pnc check wrong", key, 0.004, pnc != "")
    pnc[dirt["bad_pnc_check"]] = [_break_check(p) for p in pnc[dirt["bad_pnc_check"]]]
    alias = _choose_alias(draws, people, occasions)
    women = people.is_female[who]
    title_at = draws.integers("title", key, 0, 3)
    title = np.where(women, take(TITLES[True], title_at), take(TITLES[False], title_at))
    return RecordedPeople(
        title=np.where(draws.chance("has title", key, 0.35), title, "").astype(object),
        surname=names.surname,
        forename_1=names.forename_1,
        forename_2=names.forename_2,
        maiden_name=maiden,
        born_on=born,
        precision=precision,
        age=age,
        sex=np.where(misses("no sex"), "UNKNOWN", np.where(women, "FEMALE", "MALE")).astype(object),
        ethnicity=np.where(draws.chance("no ethnicity", key, 0.4), "UNKNOWN", people.ethnicity[who]).astype(object),
        place_of_birth=np.where(misses("no birthplace"), "", people.place_of_birth[who]).astype(object),
        occupation=np.where(misses("no occupation"), "", people.occupation[who]).astype(object),
        phone=np.where(misses("no phone"), "", people.phone[who]).astype(object),
        scro_no=np.where(is_known, people.scro_no[who], "").astype(object),
        pnc_id=pnc,
        cro_no=np.where(is_known, people.cro_no[who], "").astype(object),
        driver_no=np.where(draws.chance("driver number seen", key, 0.3), people.driver_no[who], "").astype(object),
        alias_type=alias[0],
        alias_surname=alias[1],
        alias_forename=alias[2],
        dirt=dirt,
    )


def _choose_surname(draws: Draws, people: People, occasions: Occasions) -> tuple[Texts, Texts, Bools]:
    """Surname in use on the day, the former surname where it was asked, and where only the former one was."""
    who = occasions.person
    has_two = people.birth_surname[who] != ""
    before = has_two & (occasions.recorded_on < people.married_on[who])
    asked = has_two & ~before & draws.chance("maiden name asked", occasions.key, 0.45)
    surname = np.where(before, people.birth_surname[who], people.surname[who]).astype(object)
    return surname, np.where(asked, people.birth_surname[who], "").astype(object), before


def _record_birth(
    draws: Draws, people: People, occasions: Occasions, dirt: dict[str, Bools]
) -> tuple[np.ndarray, Texts, Ints]:
    """Date of birth, its precision and the age as given; adds the kinds of dirt it plants to `dirt`."""
    key, capacity = occasions.key, occasions.capacity
    true = people.born_on[occasions.person]
    years = ((occasions.recorded_on - true).astype("timedelta64[D]").astype(np.int64) // 365.25).astype(np.int64)
    edges = np.cumsum(
        [rate(n, capacity) for n in ("no birthday", "default birthday", "age only", "year only", "future birthday")],
        axis=0,
    )
    outcome = (draws.uniform("birthday outcome", key)[None, :] >= edges).sum(axis=0)
    absent, default, age_only, year_only, future = (outcome == i for i in range(5))
    full = outcome == 5
    is_off = full & (draws.uniform("birthday off", key) < rate("birthday off", capacity))
    written = np.where(is_off, _shift_birthday(draws, key, true), true)
    january = true.astype("datetime64[Y]").astype("datetime64[D]")
    guess = years + draws.integers("age guess", key, -2, 2)
    born = np.select(
        [absent | age_only, default, year_only, future],
        [np.full(len(key), NO_DATE), np.full(len(key), DEFAULT_BIRTHDAY), january, np.full(len(key), FUTURE_BIRTHDAY)],
        written,
    )
    precision = np.select([absent | default, age_only, year_only], ["NONE", "AGE_ONLY", "YEAR"], "DAY").astype(object)
    knows_age = age_only | (full & draws.chance("age also given", key, 0.3))
    dirt |= {"default_dob": default, "age_only_dob": age_only, "future_dob": future}
    return born, precision, np.where(knows_age, np.where(age_only, np.maximum(guess, 1), years), -1)


def _shift_birthday(draws: Draws, key: Ints, true: np.ndarray) -> np.ndarray:
    """Birthdays with day and month swapped where they can be, else a day, a month or ten years off."""
    months = true.astype("datetime64[M]")
    day = (true - months.astype("datetime64[D]")).astype(np.int64) + 1
    month = months.astype(np.int64) % 12 + 1
    january = true.astype("datetime64[Y]").astype("datetime64[M]")
    swapped = (january + (day - 1)).astype("datetime64[D]") + (month - 1)
    kind = draws.integers("birthday error", key, 0, 3)
    by_ten = true + np.where(kind == 1, 3652, np.where(kind == 2, 1, 30)).astype("timedelta64[D]")
    shifted: np.ndarray = np.where((kind == 0) & (day <= 12) & (day != month), swapped, by_ten)
    return shifted


def _break_check(pnc: str) -> str:
    return pnc[:-1] + ("A" if pnc[-1] != "A" else "B")


def _choose_alias(draws: Draws, people: People, occasions: Occasions) -> tuple[Texts, Texts, Texts]:
    """Kind, surname and forename of the other name on the record; all empty for most."""
    who, key = occasions.person, occasions.key
    suspects = occasions.capacity == SUSPECT
    has_aka = draws.uniform("has alias", key) < np.where(suspects, 0.12, 0.01)
    other = take(surnames(), draws.choose("alias surname", people.ids[who], shares(len(surnames()), 8, 0.75)))
    kind = np.where(has_aka, "AKA", "").astype(object)
    return (
        kind,
        np.where(has_aka, other, "").astype(object),
        np.where(has_aka, people.forename_1[who], "").astype(object),
    )
