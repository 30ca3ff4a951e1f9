"""Grid references and legacy coordinates: read, checked, with their precision; never trusted alone.

Enters: text or numbers as recorded. Leaves: a `LegacyPoint` in EPSG:27700 with its precision in metres and what is
wrong with it. Must hold: a reference of n figures keeps the precision of n figures; a point with a problem is never
used as a place. Refuses nothing: what does not read as coordinates is None.
"""

import re
from dataclasses import dataclass
from math import hypot

BOUNDS = (0, 700_000, 500_000, 1_300_000)
"""Easting and northing of Scotland with its islands, in metres."""
_LETTERED = re.compile(r"(?<![A-Z0-9])([HNS][A-HJ-Z])\s?(\d{2,5})\s?(\d{2,5})(?![A-Z0-9])")
_NUMERIC = re.compile(r"(?<![0-9.])(\d{6})(?:\.\d+)?[\s,/]+(\d{6,7})(?:\.\d+)?(?![0-9.])")
_SHORT = re.compile(r"\s*(\d{3})[\s,/]*(\d{3,4})\s*")
LEAST_FIGURES_IN_TEXT = 3
"""Figures each way that a lettered reference inside other text must have: `NO 12 34` is more often a house number."""
_FIGURES = re.compile(r"\d" * LEAST_FIGURES_IN_TEXT)
"""What every reference in text has: looked for first."""


@dataclass(frozen=True, slots=True)
class LegacyPoint:
    """A point as recorded. `precision_m` is the side of the square it stands for; `problem` says why not to use it."""

    easting: int
    northing: int
    precision_m: int
    problem: str = ""


def check_coordinates(easting: float | None, northing: float | None, is_default: bool = False) -> LegacyPoint | None:
    """Legacy coordinates with precision, and what is wrong with them; None where there are none."""
    if easting is None and northing is None:
        return None
    e, n = int(easting or 0), int(northing or 0)
    if easting is None or northing is None:
        return LegacyPoint(e, n, 0, "HALF")
    problem = "DEFAULT" if is_default else _find_problem(e, n)
    return LegacyPoint(e, n, 0 if problem else _roundness(e, n), problem)


def _find_problem(e: int, n: int) -> str:
    """What is wrong with a pair of coordinates: ZERO, SWAPPED, TRUNCATED, OUTSIDE, or `` for nothing."""
    if e == 0 or n == 0:
        return "ZERO"
    if _within(e, n):
        return ""
    if _within(n, e):
        return "SWAPPED"
    truncated = any(_within(e * a, n * b) for a in (1, 10, 100, 1000) for b in (1, 10, 100, 1000))
    return "TRUNCATED" if truncated and min(e, n) > 0 else "OUTSIDE"


def _within(easting: int, northing: int) -> bool:
    return BOUNDS[0] < easting < BOUNDS[1] and BOUNDS[2] < northing < BOUNDS[3]


def _roundness(easting: int, northing: int) -> int:
    """Largest power of ten up to 1 km that divides both: what the point was probably rounded to."""
    for step in (1000, 100, 10):
        if easting % step == 0 and northing % step == 0:
            return step
    return 1


def find_grid_reference(text: str, column: str = "") -> tuple[LegacyPoint | None, str]:
    """The grid reference in a field of its own or in folded text, and the text without it."""
    if column:
        point = read_grid_reference(column)
        if point is not None:
            return point, text
    if _FIGURES.search(text) is not None:
        for pattern, read in ((_LETTERED, _read_lettered), (_NUMERIC, _read_numeric)):
            match = pattern.search(text)
            if match and len(match[match.lastindex or 1]) >= LEAST_FIGURES_IN_TEXT:
                point = read(match)
                if point is not None:
                    return point, f"{text[: match.start()]} {text[match.end() :]}"
    return None, text


def read_grid_reference(text: str) -> LegacyPoint | None:
    """A grid reference that is the whole of a field: `NS 589 653`, `NS5896265312`, `258962 665312`; else None."""
    folded = text.upper().strip()
    compact = re.sub(r"[^A-Z0-9]", "", folded)
    if re.fullmatch(r"[HNS][A-HJ-Z]\d+", compact) and len(compact) % 2 == 0 and 6 <= len(compact) <= 12:
        half = (len(compact) - 2) // 2
        match = _LETTERED.fullmatch(f"{compact[:2]} {compact[2 : 2 + half]} {compact[2 + half :]}")
        return _read_lettered(match) if match else None
    numeric = _NUMERIC.fullmatch(folded)
    return _read_numeric(numeric) if numeric else None


def read_short_reference(text: str, near: tuple[int, int]) -> LegacyPoint | None:
    """A six-figure reference without letters (`256 665`), in the 100 km square nearest to `near`."""
    match = _SHORT.fullmatch(text)
    if match is None or len(match[1]) != len(match[2]):
        return None
    east, north = int(match[1]) * 100, int(match[2]) * 100
    options = sorted(
        (hypot(east + x * 100_000 - near[0], north + y * 100_000 - near[1]), east + x * 100_000, north + y * 100_000)
        for x in range(7)
        for y in range(5, 13)
    )
    return LegacyPoint(options[0][1] + 50, options[0][2] + 50, 100)


def _read_lettered(match: re.Match[str]) -> LegacyPoint | None:
    """Centre of the square that the reference names."""
    letters, east, north = match[1], match[2], match[3]
    if len(east) != len(north):
        return None
    first, second = (ord(c) - 65 - (c > "I") for c in letters)
    column = ((first - 2) % 5) * 5 + second % 5
    row = 19 - (first // 5) * 5 - second // 5
    size = 10 ** (5 - len(east))
    easting = column * 100_000 + int(east) * size + size // 2
    northing = row * 100_000 + int(north) * size + size // 2
    if not _within(easting, northing):
        return None
    return LegacyPoint(easting, northing, size)


def _read_numeric(match: re.Match[str]) -> LegacyPoint | None:
    easting, northing = int(match[1]), int(match[2])
    return LegacyPoint(easting, northing, _roundness(easting, northing)) if _within(easting, northing) else None


def distance_m(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Metres between two points of EPSG:27700."""
    return round(hypot(one[0] - other[0], one[1] - other[1]))
