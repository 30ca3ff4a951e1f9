"""Reports handed from one division to another: each side names the other's number.

Enters: all divisions' volumes. Leaves: for one division, the other division's crime number of each report passed on
or received. Must hold: the two sides agree, whichever division is built, alone or with others; both reports exist.
"""

from functools import lru_cache

import numpy as np

from migration.synthetic.draws import Draws, Ints, Texts
from migration.synthetic.events import Reports, choose_statuses, choose_times
from migration.synthetic.families import DivisionVolume, load_volumes


def crime_numbers(volume: DivisionVolume, recorded_at: np.ndarray) -> list[str]:
    """Legacy crime numbers of a division's reports, in order of recording: serial within the year."""
    years = recorded_at.astype("datetime64[Y]").astype(np.int64) + 1970
    _, first = np.unique(years, return_index=True)
    starts = np.repeat(first, np.diff([*first.tolist(), len(years)]))
    serials = np.arange(len(years)) - starts + 1
    pattern = volume.crime_no
    return [pattern.format(serial=s, year=y, yy=y % 100) for s, y in zip(serials.tolist(), years.tolist(), strict=True)]


def transfer_references(seed: int, scale: float | None, reports: Reports) -> tuple[Texts, Texts]:
    """Number it was transferred from, and to, of each of a division's reports; empty for most."""
    source, target = (np.full(len(reports), "", dtype=object) for _ in range(2))
    for giver, given, taker, taken in _pairs(seed, scale):
        if reports.division == giver:
            target[given] = _numbers(seed, scale, taker)[taken]
        if reports.division == taker:
            source[taken] = _numbers(seed, scale, giver)[given]
    return source, target


@lru_cache(maxsize=2)
def _pairs(seed: int, scale: float | None) -> tuple[tuple[str, Ints, str, Ints], ...]:
    """Giver, reports given, taker, reports taken, for each pair of divisions; nobody takes the same report twice."""
    volumes = load_volumes()
    taken_already = {v.division: np.zeros(v.count(scale), dtype=bool) for v in volumes}
    times = {v.division: choose_times(Draws(seed, v.division), v.count(scale)) for v in volumes}
    found = []
    for giver in volumes:
        recorded = times[giver.division]
        given = np.nonzero(choose_statuses(Draws(seed, giver.division), recorded) == "TRANSFERRED")[0]
        others = [v for v in volumes if v.division != giver.division]
        which = Draws(seed, giver.division).choose("transferred to", given, [v.reports for v in others])
        for i, taker in enumerate(others):
            mine = given[which == i]
            wanted = np.searchsorted(times[taker.division], recorded[mine] + np.timedelta64(2, "D"))
            free = np.zeros(len(mine), dtype=bool)
            for j, at in enumerate(wanted.tolist()):
                if at < len(taken_already[taker.division]) and not taken_already[taker.division][at]:
                    taken_already[taker.division][at] = free[j] = True
            found.append((giver.division, mine[free], taker.division, wanted[free]))
    return tuple(found)


@lru_cache(maxsize=16)
def _numbers(seed: int, scale: float | None, division: str) -> Texts:
    volume = next(v for v in load_volumes() if v.division == division)
    times = choose_times(Draws(seed, division), volume.count(scale))
    return np.array(crime_numbers(volume, times), dtype=object)
