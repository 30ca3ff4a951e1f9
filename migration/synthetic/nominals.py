"""Nominal records of one division: who is recorded how often, with what details, living where.

Enters: involvements, people. Leaves: `Nominals`, one element per nominal record, and the nominal of each involvement.
Must hold: a system with a nominal index has one or a few records a person; one without has one per involvement. Dirt
that lies between records is planted here: one SCRO on two people, one person under two SCROs, people typed as what
they are not.
"""

from dataclasses import dataclass, fields

import numpy as np

from migration.synthetic.addresses import AddressBook
from migration.synthetic.draws import Bools, Draws, Ints, Texts, take
from migration.synthetic.events import Reports
from migration.synthetic.identifiers import scro_no
from migration.synthetic.involvements import (
    FIRST_ORGANISATION,
    FIRST_PSEUDO,
    ORGANISATION,
    PERSON,
    PSEUDO,
    PSEUDO_NAMES,
    Involvements,
)
from migration.synthetic.notation import title_case
from migration.synthetic.people import FATHER_AND_SON, NATIONAL_POOL, TWINS, People, make_people, pool_letters
from migration.synthetic.recorded import SUSPECT, Occasions, RecordedPeople, record_people

RECORDS_A_PERSON = (0.88, 0.08, 0.04)
USES_OF_A_PSEUDO = 40
MOST_RECORDS = 4096
TYPES = ("PERSON", "ORG", "PSEUDO")


@dataclass(frozen=True)
class Nominals:
    """Nominal records in order of their first use.

    `person` is an index into `people`, -1 for others; `type_recorded` is the national code of the type as the system
    has it.
    """

    key: Ints
    kind: Ints
    party: Ints
    person: Ints
    capacity: Ints
    recorded_on: np.ndarray
    type_recorded: Texts
    details: RecordedPeople
    people: People
    dirt: dict[str, Bools]

    def __len__(self) -> int:
        return len(self.key)


def make_nominals(
    draws: Draws, book: AddressBook, reports: Reports, involved: Involvements, *, has_index: bool
) -> tuple[Nominals, Ints]:
    """The nominal records of a division, and the index of the record of each involvement."""
    first, nominal_of = _group(draws, involved, has_index=has_index)
    kind, party = involved.kind[first], involved.party[first]
    key = involved.key[first]
    capacity = involved.capacity[first].copy()
    if has_index:
        capacity[np.unique(nominal_of[involved.capacity == SUSPECT])] = SUSPECT
    recorded_on = reports.recorded_at[involved.report[first]].astype("datetime64[D]")
    is_person = kind == PERSON
    ids, person_at = np.unique(party[is_person], return_inverse=True)
    people = make_people(Draws(draws.seed, "people"), ids)
    person = np.full(len(key), -1, dtype=np.int64)
    person[is_person] = person_at
    occasions = Occasions(key[is_person], person_at, capacity[is_person], recorded_on[is_person])
    details = _spread(record_people(draws, people, occasions), np.nonzero(is_person)[0], len(key))
    _name_the_others(draws, book, kind, party, key, details)
    odd = draws.chance("typed as person", key, 0.05)
    type_recorded = np.where((kind != PERSON) & odd, "PERSON", take(TYPES, kind)).astype(object)
    dirt = {
        **details.dirt,
        "pseudo_typed_as_person": (kind == PSEUDO) & odd,
        "shop_typed_as_person": (kind == ORGANISATION) & odd,
        **_confuse_identifiers(draws, key, person, details),
        **_find_kin(people, person),
    }
    nominals = Nominals(key, kind, party, person, capacity, recorded_on, type_recorded, details, people, dirt)
    return nominals, nominal_of


def _group(draws: Draws, involved: Involvements, *, has_index: bool) -> tuple[Ints, Ints]:
    """First involvement of each nominal record, and each involvement's record."""
    if not has_index:
        everything = np.arange(len(involved))
        return everything, everything
    which = draws.choose("which record", involved.key, RECORDS_A_PERSON)
    uses = np.bincount(np.where(involved.kind == PSEUDO, involved.party - FIRST_PSEUDO, 0), minlength=len(PSEUDO_NAMES))
    pseudo = np.where(involved.kind == PSEUDO, involved.party - FIRST_PSEUDO, 0)
    spare = np.clip(uses[pseudo] // USES_OF_A_PSEUDO + 1, 1, MOST_RECORDS)
    which = np.where(involved.kind == PSEUDO, draws.below("which pseudo record", involved.key, spare), which)
    group = involved.party * MOST_RECORDS + which
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return first[order], place[inverse]


def _spread(details: RecordedPeople, index: Ints, size: int) -> RecordedPeople:
    """The details of people at their places among all nominals; empty elsewhere."""
    spread: dict[str, object] = {}
    for item in fields(RecordedPeople):
        values = getattr(details, item.name)
        if item.name == "dirt":
            spread["dirt"] = {k: _place(v, index, size, False) for k, v in values.items()}
        elif values.dtype == object:
            spread[item.name] = _place(values, index, size, "")
        else:
            spread[item.name] = _place(values, index, size, np.datetime64("NaT", "D") if item.name == "born_on" else -1)
    return RecordedPeople(**spread)  # type: ignore[arg-type]


def _place(values: np.ndarray, index: Ints, size: int, empty: object) -> np.ndarray:
    placed = np.full(size, empty, dtype=values.dtype)
    placed[index] = values
    return placed


def _name_the_others(
    draws: Draws, book: AddressBook, kind: Ints, party: Ints, key: Ints, details: RecordedPeople
) -> None:
    """Names of organisations and pseudo-nominals, which stand in the surname."""
    shops = np.nonzero(kind == ORGANISATION)[0]
    row = party[shops] - FIRST_ORGANISATION
    names, streets = book.text("organisation", row), book.text("street_description", row)
    style = draws.integers("shop name", key[shops], 0, 3).tolist()
    for at, name, street, how in zip(shops.tolist(), names, streets, style, strict=True):
        text = (title_case(name), name, f"{title_case(name)}, {title_case(street)}", f"Manager, {title_case(name)}")[
            how
        ]
        details.surname[at] = text
    others = np.nonzero(kind == PSEUDO)[0]
    details.surname[others] = take(PSEUDO_NAMES, party[others] - FIRST_PSEUDO)
    details.sex[kind != PERSON] = "UNKNOWN"
    details.ethnicity[kind != PERSON] = "UNKNOWN"
    details.precision[kind != PERSON] = "NONE"


def _confuse_identifiers(draws: Draws, key: Ints, person: Ints, details: RecordedPeople) -> dict[str, Bools]:
    """Plant a second SCRO on some records of a person, and one person's SCRO on some records of the next."""
    with_number = np.nonzero((details.scro_no != "") & (person >= 0))[0]
    two, shared = np.zeros(len(key), dtype=bool), np.zeros(len(key), dtype=bool)
    if len(with_number) < 2:
        return {"two_scros": two, "shared_scro": shared}
    every = np.ones(len(with_number), dtype=bool)
    again = with_number[draws.some("second scro", key[with_number], 0.004, every)]
    details.scro_no[again] = [scro_no(1984, int(k) % 1_000_000) for k in key[again]]
    two[again] = True
    giver, taker = with_number[:-1], with_number[1:]
    lucky = draws.some("shared scro", key[giver], 0.0015, (person[giver] != person[taker]) & ~two[taker])
    details.scro_no[taker[lucky]] = details.scro_no[giver[lucky]]
    shared[taker[lucky]] = True
    return {"two_scros": two, "shared_scro": shared}


def _find_kin(people: People, person: Ints) -> dict[str, Bools]:
    """Records of twins, and of fathers and sons of one name, where both are recorded here; and of the national pool."""
    has_kin = np.isin(people.ids ^ 1, people.ids)
    known = np.maximum(person, 0)
    is_known = person >= 0
    national = pool_letters(people.ids) == NATIONAL_POOL
    return {
        "twins": is_known & ((people.kin == TWINS) & has_kin)[known],
        "father_and_son": is_known & ((people.kin == FATHER_AND_SON) & has_kin)[known],
        "cross_division": is_known & national[known],
    }
