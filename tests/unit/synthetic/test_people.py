"""People are themselves in every division."""

import numpy as np

from migration.synthetic.draws import Draws
from migration.synthetic.people import (
    FATHER_AND_SON,
    NATIONAL_POOL,
    TWINS,
    forenames,
    make_people,
    person_ids,
    surnames,
)


def test_a_person_is_the_same_whoever_else_is_made() -> None:
    draws = Draws(1, "people")
    many = make_people(draws, person_ids(NATIONAL_POOL, np.arange(500)))
    one = make_people(draws, person_ids(NATIONAL_POOL, np.array([123])))
    for name in ("surname", "forename_1", "born_on", "scro_no", "phone", "driver_no"):
        assert getattr(one, name)[0] == getattr(many, name)[123]


def test_identifiers_are_not_shared_by_chance() -> None:
    people = make_people(
        Draws(1), np.concatenate([person_ids(p, np.arange(20_000)) for p in ("D", "V", NATIONAL_POOL)])
    )
    for name in ("scro_no", "pnc_id"):
        given = [n for n in getattr(people, name) if n]
        assert len(given) == len(set(given))


def test_twins_share_birthday_and_surname_and_sons_their_fathers_name() -> None:
    people = make_people(Draws(1), person_ids("D", np.arange(40_000)))
    twins = np.nonzero(people.kin == TWINS)[0][::2]
    assert len(twins) > 100
    assert (people.born_on[twins] == people.born_on[twins + 1]).all()
    assert (people.surname[twins] == people.surname[twins + 1]).all()
    fathers = np.nonzero(people.kin == FATHER_AND_SON)[0][::2]
    assert (people.forename_1[fathers] == people.forename_1[fathers + 1]).all()
    ages = (people.born_on[fathers + 1] - people.born_on[fathers]).astype(int) / 365.25
    assert ages.min() > 18
    assert (people.home_draw[:, fathers] == people.home_draw[:, fathers + 1]).all()


def test_names_can_be_written_in_latin_1() -> None:
    for name in (*surnames(), *forenames("M"), *forenames("F")):
        assert name.encode("latin-1").decode("cp1252") == name


def test_no_name_stands_in_both_lists_of_forenames_by_mistake() -> None:
    assert len(set(forenames("M")) & set(forenames("F"))) <= 8
