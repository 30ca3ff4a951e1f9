"""Who took part in which report, and as what.

Enters: reports, the size of the pools of people. Leaves: `Involvements`, one element per person, organisation or
pseudo-nominal in a report. Must hold: nobody takes part twice in a report; a few people do most of the offending;
some belong to the national pool and turn up in several divisions; kin turn up together.
"""

from dataclasses import dataclass, fields

import numpy as np

from migration.synthetic.addresses import AddressBook
from migration.synthetic.draws import Bools, Draws, Floats, Ints, Texts
from migration.synthetic.events import Reports
from migration.synthetic.people import NATIONAL_POOL, POOL_BITS, person_ids
from migration.synthetic.recorded import COMPLAINER, SUSPECT, WITNESS

MOST_SUSPECTS = 5
MOST_WITNESSES = 3
PERSON, ORGANISATION, PSEUDO = 0, 1, 2
FIRST_ORGANISATION = np.int64(1) << np.int64(POOL_BITS + 10)
FIRST_PSEUDO = np.int64(1) << np.int64(POOL_BITS + 11)
NATIONAL_SHARE = 0.05
PSEUDO_NAMES = (
    *("Procurator Fiscal", "PROCURATOR FISCAL", "PF", "HM Advocate", "HMA", "Crown Office"),
    *("Unknown Male", "Unknown Female", "UNKNOWN", "Not Known", "Police Service of Scotland", "Public"),
)
CROWN, UNKNOWN_PEOPLE = (0, 5), (6, 9)


@dataclass(frozen=True)
class Pools:
    """Sizes of the pools that people are drawn from: the division's own and the national one."""

    division: str
    local: int
    national: int


@dataclass(frozen=True)
class Involvements:
    """Parts played in reports.

    `party` is a person id, `FIRST_ORGANISATION` plus a gazetteer row, or `FIRST_PSEUDO` plus an index into
    `PSEUDO_NAMES`. `slot` counts within the capacity, from 1. `role` is national; `is_convicted` tells accused who
    were convicted.
    """

    key: Ints
    report: Ints
    capacity: Ints
    slot: Ints
    kind: Ints
    party: Ints
    role: Texts
    is_convicted: Bools

    def __len__(self) -> int:
        return len(self.key)

    def pick(self, index: Ints | Bools) -> "Involvements":
        """The involvements at `index`."""
        return Involvements(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def make_involvements(draws: Draws, book: AddressBook, reports: Reports, pools: Pools) -> Involvements:
    """All parts played in `reports`, by report, capacity and slot."""
    complainers = _make_complainers(draws, book, reports, pools)
    parts = [complainers]
    counts = _count_suspects(draws, reports)
    partner = np.full(len(reports), -1, dtype=np.int64)
    persons = complainers.kind == PERSON
    partner[complainers.report[persons]] = complainers.party[persons] ^ 1
    for slot in range(1, MOST_SUSPECTS + 1):
        parts.append(_make_suspects(draws, reports, pools, slot, np.nonzero(counts >= slot)[0], partner))
    witnesses = draws.choose("witnesses", reports.key, (0.55, 0.28, 0.12, 0.05))
    for slot in range(1, MOST_WITNESSES + 1):
        parts.append(_make_witnesses(draws, reports, pools, slot, np.nonzero(witnesses >= slot)[0]))
    every = Involvements(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Involvements)})
    once = _drop_repeats(every)
    return once.pick(np.lexsort((once.slot, once.capacity, once.report)))


def _drop_repeats(every: Involvements) -> Involvements:
    """Leave out who is already in the report, pseudo-nominals too: the same link twice is planted, not drawn."""
    order = np.lexsort((np.arange(len(every)), every.party, every.report))
    report, party = every.report[order], every.party[order]
    again = np.zeros(len(every), dtype=bool)
    again[1:] = (report[1:] == report[:-1]) & (party[1:] == party[:-1])
    return every.pick(np.sort(order[~again]))


def _draw_people(draws: Draws, key: Ints, pools: Pools, stream: str, skew: float, reach: float) -> Ints:
    """People drawn with a skew towards the front of a pool; `reach` is the share of the pool in play."""
    luck: Floats = draws.uniform(stream, key) ** skew
    local = person_ids(pools.division, (luck * max(2.0, pools.local * reach)).astype(np.int64))
    national = person_ids(NATIONAL_POOL, (luck * max(2.0, pools.national * reach)).astype(np.int64))
    return np.where(draws.chance(f"{stream} national", key, NATIONAL_SHARE), national, local)


def _make_complainers(draws: Draws, book: AddressBook, reports: Reports, pools: Pools) -> Involvements:
    key = reports.key * 16
    luck = draws.uniform("complainer kind", key)
    is_shop = (reports.victim == "shop") & (luck < 0.85)
    is_crown = ((reports.victim == "none") & (luck < 0.8)) | (luck > 0.992)
    absent = (reports.victim == "none") & (luck >= 0.95)
    kind = np.where(is_shop, ORGANISATION, np.where(is_crown, PSEUDO, PERSON))
    shops = book.divisions[pools.division].organisations
    shop = FIRST_ORGANISATION + shops[(draws.uniform("complainer shop", key) ** 2 * len(shops)).astype(np.int64)]
    crown = FIRST_PSEUDO + draws.integers("complainer pseudo", key, *CROWN)
    person = _draw_people(draws, key, pools, "complainer", 1.3, 1.0)
    party = np.where(kind == ORGANISATION, shop, np.where(kind == PSEUDO, crown, person))
    role = np.where(draws.chance("victim", key, 0.1) & (kind == PERSON), "VICTIM", "COMPLAINER").astype(object)
    size = len(reports)
    every = Involvements(
        key=key,
        report=np.arange(size),
        capacity=np.full(size, COMPLAINER),
        slot=np.ones(size, dtype=np.int64),
        kind=kind,
        party=party,
        role=role,
        is_convicted=np.zeros(size, dtype=bool),
    )
    return every.pick(~absent)


def _count_suspects(draws: Draws, reports: Reports) -> Ints:
    detected = 1 + draws.choose("suspects", reports.key, (0.74, 0.16, 0.06, 0.025, 0.015))
    some = draws.choose("suspects undetected", reports.key, (0.72, 0.22, 0.06))
    return np.where(reports.status == "DETECTED", detected, some)


def _make_suspects(
    draws: Draws, reports: Reports, pools: Pools, slot: int, report: Ints, partner: Ints
) -> Involvements:
    key = reports.key[report] * 16 + slot
    detected = reports.status[report] == "DETECTED"
    unknown = ~detected & draws.chance("suspect unknown", key, 0.4)
    person = _draw_people(draws, key, pools, "suspect", 2.2, 0.4)
    close = (partner[report] >= 0) & (slot == 1) & draws.chance("suspect is kin", key, 0.06)
    person = np.where(close, partner[report], person)
    nobody = FIRST_PSEUDO + draws.integers("suspect pseudo", key, *UNKNOWN_PEOPLE)
    convicted = detected & draws.chance("convicted", key, 0.45)
    return Involvements(
        key=key,
        report=report,
        capacity=np.full(len(report), SUSPECT),
        slot=np.full(len(report), slot),
        kind=np.where(unknown, PSEUDO, PERSON),
        party=np.where(unknown, nobody, person),
        role=np.where(detected, "ACCUSED", "SUSPECT").astype(object),
        is_convicted=convicted,
    )


def _make_witnesses(draws: Draws, reports: Reports, pools: Pools, slot: int, report: Ints) -> Involvements:
    key = reports.key[report] * 16 + 8 + slot
    reporter = draws.chance("reporter", key, 0.2)
    return Involvements(
        key=key,
        report=report,
        capacity=np.full(len(report), WITNESS),
        slot=np.full(len(report), slot),
        kind=np.full(len(report), PERSON),
        party=_draw_people(draws, key, pools, "witness", 1.1, 1.0),
        role=np.where(reporter, "REPORTER", "WITNESS").astype(object),
        is_convicted=np.zeros(len(report), dtype=bool),
    )
