"""Streets of the synthetic gazetteer: names, places on the ground and junctions.

Enters: localities, the number of entries wanted. Leaves: `Streets`, one element per street. Must hold: a name occurs
once in a locality but many times in a post town; every locality has a High Street; streets run west-east or
south-north inside their locality's square.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from migration.synthetic.draws import Bools, Draws, Floats, Ints
from migration.synthetic.places import Locality, load_localities, read_rows

FIRST_USRN = 99_000_001
ENTRIES_PER_STREET = 34
FEWEST_STREETS = 5
EDGE = 0.02


@dataclass(frozen=True)
class Streets:
    """All streets: lines of `length_m` about their middles, each with the number of entries it should have."""

    usrn: Ints
    locality: Ints
    name: tuple[str, ...]
    is_common: Bools
    is_horizontal: Bools
    middle_e: Floats
    middle_n: Floats
    length_m: Floats
    entries: Ints

    def __len__(self) -> int:
        return len(self.usrn)


def _word_lists() -> dict[str, list[str]]:
    return {row["kind"]: row["words"].split(";") for row in read_rows("street_words.csv")}


def _names_of_locality(draws: Draws, locality: Locality, wanted: int, words: dict[str, list[str]]) -> list[str]:
    """`wanted` different names: common ones, a pair told apart by compass only, then the rest at random."""
    common = words["common"][: max(2, min(len(words["common"]), wanted // 3))]
    pair = words["paired"][locality.number % len(words["paired"])].split("|") if wanted >= 12 else []
    types = list(dict.fromkeys(words["type"]))
    rest = [f"{stem} {kind}" for stem in [*words["stem"], *words["saint"]] for kind in types]
    order = np.argsort(draws.bits(f"street name {locality.number}", np.arange(len(rest))), kind="stable")
    names = dict.fromkeys([*common, *pair, *(rest[i] for i in order[: wanted + 20])])
    if len(names) < wanted:
        names.update(dict.fromkeys(f"{a} {b}" for a in ("Old", "New", "Upper", "Lower", "Wester") for b in list(names)))
    return list(names)[:wanted]


def make_streets(draws: Draws, entries: int) -> Streets:
    """Streets for about `entries` gazetteer entries, shared among localities by the weight of their towns."""
    localities = load_localities()
    weights = np.array(
        [k.town.weight * (1.6 if not k.name else 1.0) / (len(k.town.localities) + 0.6) for k in localities]
    )
    share = entries * weights / weights.sum()
    counts = np.maximum(FEWEST_STREETS, np.round(share / ENTRIES_PER_STREET)).astype(np.int64)
    words = _word_lists()
    names: list[str] = []
    for locality, count in zip(localities, counts, strict=True):
        made = _names_of_locality(draws, locality, int(count), words)
        counts[locality.number] = len(made)
        names.extend(made)
    where = np.repeat(np.arange(len(localities)), counts)
    ordinal = np.arange(len(where)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = where * 100_000 + ordinal
    size = np.repeat(share / counts, counts) * (0.4 + 1.2 * draws.uniform("street size", keys))
    common = {*words["common"]}
    return _lay_out(draws, where, ordinal, counts, names, size, np.array([n in common for n in names]))


def _lay_out(
    draws: Draws, where: Ints, ordinal: Ints, counts: Ints, names: list[str], size: Floats, is_common: Bools
) -> Streets:
    localities = load_localities()
    west = np.array([k.west for k in localities])[where]
    south = np.array([k.south for k in localities])[where]
    side = np.array([k.side_m for k in localities])[where]
    keys = where * 100_000 + ordinal
    horizontal = ordinal % 2 == 0
    lanes = np.maximum(1, (counts[where] + 1) // 2)
    across = EDGE + (1 - 2 * EDGE) * ((ordinal // 2) + 0.5) / lanes
    length = np.clip(size * 9.0, 0.45 * side, 0.9 * side)
    room = 1 - 2 * EDGE - length / side
    along = EDGE + length / side / 2 + room * draws.uniform("street along", keys)
    return Streets(
        usrn=FIRST_USRN + np.arange(len(where)),
        locality=where,
        name=tuple(names),
        is_common=is_common,
        is_horizontal=horizontal,
        middle_e=west + side * np.where(horizontal, along, across),
        middle_n=south + side * np.where(horizontal, across, along),
        length_m=length,
        entries=np.maximum(3, np.round(size)).astype(np.int64),
    )


def list_junctions(streets: Streets) -> tuple[Ints, Ints, Ints, Ints]:
    """Where two streets of a locality cross: index of the one, of the other, easting, northing."""
    parts: list[tuple[Ints, Ints, Ints, Ints]] = []
    edges = np.searchsorted(streets.locality, np.arange(streets.locality.max() + 2))
    for first, last in pairwise(edges):
        here = np.arange(first, last)
        flat, upright = here[streets.is_horizontal[here]], here[~streets.is_horizontal[here]]
        reach_e = np.abs(streets.middle_e[flat][:, None] - streets.middle_e[upright][None, :])
        reach_n = np.abs(streets.middle_n[flat][:, None] - streets.middle_n[upright][None, :])
        meets = (reach_e <= streets.length_m[flat][:, None] / 2) & (reach_n <= streets.length_m[upright][None, :] / 2)
        a, b = np.nonzero(meets)
        place_e, place_n = streets.middle_e[upright[b]], streets.middle_n[flat[a]]
        parts.append((flat[a], upright[b], place_e.astype(np.int64), place_n.astype(np.int64)))
    joined = [np.concatenate([p[i] for p in parts]) for i in range(4)]
    return joined[0], joined[1], joined[2], joined[3]
