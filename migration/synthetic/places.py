"""Towns, localities and beats of the synthetic gazetteer, from `data/towns.csv`.

Enters: the towns (name, division, council, postcode districts, centre, weight, flat notation, localities). Leaves:
one square per town, cut into one cell per locality and one or four beats per cell. Must hold: no two towns' squares
overlap, so a point lies in one beat at most.
"""

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"
MOST_OF_THE_GAP = 0.45


@dataclass(frozen=True)
class Town:
    """One post town. `half_m` is half the side of its square."""

    number: int
    name: str
    division: str
    council: str
    districts: tuple[str, ...]
    easting: float
    northing: float
    weight: float
    flat_style: str
    localities: tuple[str, ...]
    half_m: float


@dataclass(frozen=True)
class Locality:
    """One cell of a town's square. `name` is empty for the town proper; `beats` go by rows from the south-west."""

    number: int
    town: Town
    name: str
    district: str
    west: float
    south: float
    side_m: float
    beats: tuple[str, ...]

    @property
    def is_rural(self) -> bool:
        """Whether houses here tend to have names."""
        return bool(self.name) and self.town.weight <= 1.6


@dataclass(frozen=True)
class Beat:
    """One beat: a square, and the division it belongs to."""

    code: str
    division: str
    name: str
    west: float
    south: float
    side_m: float


def read_rows(name: str) -> list[dict[str, str]]:
    """Rows of one of the package's own CSV files."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=1)
def load_towns() -> tuple[Town, ...]:
    """All towns, in the file's order."""
    rows = read_rows("towns.csv")
    centres = [(float(r["easting"]), float(r["northing"])) for r in rows]
    towns = []
    for number, row in enumerate(rows):
        e, n = centres[number]
        gap = min(max(abs(e - x), abs(n - y)) for i, (x, y) in enumerate(centres) if i != number)
        wanted = 500 + 900 * math.sqrt(float(row["weight"]))
        towns.append(
            Town(
                number=number,
                name=row["town"],
                division=row["division"],
                council=row["administrative_area"],
                districts=tuple(row["districts"].split(";")),
                easting=e,
                northing=n,
                weight=float(row["weight"]),
                flat_style=row["flat_style"],
                localities=tuple(row["localities"].split(";")),
                half_m=min(wanted, MOST_OF_THE_GAP * gap),
            )
        )
    return tuple(towns)


@lru_cache(maxsize=1)
def load_localities() -> tuple[Locality, ...]:
    """All localities of all towns, numbered in order."""
    found: list[Locality] = []
    for town in load_towns():
        cells = math.ceil(math.sqrt(len(town.localities)))
        side = 2 * town.half_m / cells
        for i, name in enumerate(town.localities):
            beats_here = 4 if town.weight / len(town.localities) >= 1.5 else 1
            first = sum(len(k.beats) for k in found if k.town.number == town.number)
            codes = tuple(f"{town.division}{town.number + 1:02d}{first + b + 1:02d}" for b in range(beats_here))
            found.append(
                Locality(
                    number=len(found),
                    town=town,
                    name=name,
                    district=town.districts[i % len(town.districts)],
                    west=town.easting - town.half_m + (i % cells) * side,
                    south=town.northing - town.half_m + (i // cells) * side,
                    side_m=side,
                    beats=codes,
                )
            )
    return tuple(found)


def list_beats() -> tuple[Beat, ...]:
    """All beats of all localities."""
    found = []
    for locality in load_localities():
        across = math.isqrt(len(locality.beats))
        side = locality.side_m / across
        name = locality.name or locality.town.name
        for i, code in enumerate(locality.beats):
            west, south = locality.west + (i % across) * side, locality.south + (i // across) * side
            found.append(Beat(code, locality.town.division, f"{name} {i + 1}", west, south, side))
    return tuple(found)
