"""One division's records before any system's shape: what every family's writer starts from.

Enters: seed, gazetteer, division, volumes. Leaves: `DivisionRecords`. Must hold: everything in it is national and
true except where a `dirt` array says what was planted; a writer only chooses columns, codes and notation.
"""

from dataclasses import dataclass

import numpy as np

from migration.synthetic.addresses import AddressBook
from migration.synthetic.draws import Bools, Draws, Floats, Ints, Texts
from migration.synthetic.events import AS_AT, Crimes, Reports, make_crimes, make_reports
from migration.synthetic.families import DivisionVolume, national_pool
from migration.synthetic.involvements import PERSON, Involvements, Pools, make_involvements
from migration.synthetic.locations import Locations, choose_homes, choose_loci, join, true_uprns
from migration.synthetic.loci import WrittenLocations, write_locations
from migration.synthetic.nominals import Nominals, make_nominals
from migration.synthetic.people import HOMES, NATIONAL_POOL, POOL_BITS
from migration.synthetic.places import load_towns
from migration.synthetic.transfers import crime_numbers, transfer_references

HAS_HOME = (0.9, 0.92, 0.72)
LIVES_ELSEWHERE = 0.06


@dataclass(frozen=True)
class DivisionRecords:
    """Everything recorded in one division.

    `locus` is the location of each report, `recovery` that of its recovered property, `home` that of each nominal,
    `old_home` a former address of it; all are indexes into `places` and `written`, -1 for none. `nominal_of` is the
    nominal of each involvement.
    """

    division: str
    seed: int
    draws: Draws
    book: AddressBook
    reports: Reports
    crimes: Crimes
    involved: Involvements
    nominals: Nominals
    nominal_of: Ints
    places: Locations
    written: WrittenLocations
    uprns: Ints
    locus: Ints
    recovery: Ints
    home: Ints
    old_home: Ints
    home_from: np.ndarray
    missing_locus: Bools
    crime_no: list[str]
    transferred_from: Texts
    transferred_to: Texts


def make_division(
    seed: int, book: AddressBook, volume: DivisionVolume, scale: float | None, *, has_index: bool
) -> DivisionRecords:
    """The records of a division at a scale (the demo's where None): its reports and all that hangs on them."""
    count = volume.count(scale)
    pools = Pools(volume.division, count // 2 + 100, national_pool(scale))
    draws = Draws(seed, pools.division)
    reports = make_reports(draws, pools.division, count)
    transferred_from, transferred_to = transfer_references(seed, scale, reports)
    crimes = make_crimes(draws, reports)
    involved = make_involvements(draws, book, reports, pools)
    nominals, nominal_of = make_nominals(draws, book, reports, involved, has_index=has_index)
    missing = draws.chance("missing locus", reports.key, 0.003)
    at_report = np.nonzero(~missing)[0]
    days = reports.recorded_at.astype("datetime64[D]")
    loci = choose_loci(
        draws, book, pools.division, reports.key[at_report] * 4, days[at_report], reports.venue[at_report]
    )
    found = np.nonzero(draws.chance("recovery", reports.key, 0.02))[0]
    recoveries = choose_loci(
        draws,
        book,
        pools.division,
        reports.key[found] * 4 + 3,
        days[found],
        np.full(len(found), "STREET", dtype=object),
    )
    homes, home, home_from = _choose_home_records(draws, book, nominals, older=False)
    former, old_home, _ = _choose_home_records(draws, book, nominals, older=True)
    places = join([loci, recoveries, homes, former])
    starts = np.cumsum([0, len(loci), len(recoveries), len(homes)])
    return DivisionRecords(
        division=pools.division,
        seed=seed,
        draws=draws,
        book=book,
        reports=reports,
        crimes=crimes,
        involved=involved,
        nominals=nominals,
        nominal_of=nominal_of,
        places=places,
        written=write_locations(draws, book, places),
        uprns=true_uprns(book, places),
        locus=_point(len(reports), at_report, int(starts[0])),
        recovery=_point(len(reports), found, int(starts[1])),
        home=np.where(home >= 0, home + starts[2], -1),
        old_home=np.where(old_home >= 0, old_home + starts[3], -1),
        home_from=home_from,
        missing_locus=missing,
        crime_no=crime_numbers(volume, reports.recorded_at),
        transferred_from=transferred_from,
        transferred_to=transferred_to,
    )


def _point(size: int, at: Ints, start: int) -> Ints:
    pointers = np.full(size, -1, dtype=np.int64)
    pointers[at] = start + np.arange(len(at))
    return pointers


def _choose_home_records(
    draws: Draws, book: AddressBook, nominals: Nominals, *, older: bool
) -> tuple[Locations, Ints, np.ndarray]:
    """Home locations, each nominal's index among them (-1 for none), and since when the nominal lived there."""
    share = np.full(len(nominals), 0.06) if older else np.array(HAS_HOME)[nominals.capacity]
    chosen = (nominals.kind == PERSON) & (draws.uniform(f"has home {older}", nominals.key) < share)
    people = nominals.people
    person = np.maximum(nominals.person, 0)
    moves = people.moved_on[:, person]
    current = (nominals.recorded_on >= moves[0]).astype(np.int64) + (nominals.recorded_on >= moves[1])
    outdated = draws.chance("home outdated", nominals.key, 0.07)
    which = np.maximum(current - outdated, 0)
    if older:
        chosen &= which > 0
        which = np.maximum(which - 1, 0)
    at = np.nonzero(chosen)[0]
    luck = people.home_draw[which[at], person[at]]
    divisions = home_divisions(draws.seed, people.ids[person[at]], which[at], luck)
    homes = choose_homes(
        draws, book, divisions, nominals.key[at] * 4 + (2 if older else 1), luck, nominals.recorded_on[at]
    )
    since = np.where(which == 0, np.datetime64("2005-05-28"), np.where(which == 1, moves[0], moves[1]))
    return homes, _point(len(nominals), at, 0), np.minimum(since, AS_AT.astype("datetime64[D]"))


def home_divisions(seed: int, ids: Ints, which: Ints, luck: Floats) -> Texts:
    """Division of each home: mostly that of the person's pool; the national pool lives anywhere."""
    draws = Draws(seed, "homes")
    towns = load_towns()
    letters = np.array([t.division for t in towns], dtype=object)
    key = (luck * 2.0**40).astype(np.int64) * HOMES + which
    anywhere = letters[draws.choose("home division", key, [t.weight for t in towns])]
    ordinals = ids >> np.int64(POOL_BITS)
    own = np.array([chr(o) for o in ordinals.tolist()], dtype=object)
    away = (own == NATIONAL_POOL) | draws.chance("lives elsewhere", key, LIVES_ELSEWHERE)
    return np.where(away, anywhere, own).astype(object)
