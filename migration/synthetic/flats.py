"""How flats are named in a stair, by local custom.

Enters: a town's custom and a street. Leaves: the notation of each street and, for each unit of a building, the text,
number and suffix the gazetteer holds. The customs: Glasgow `2/1` (floor/position), Edinburgh `2F1` or a bare number
(`34/5`), Dundee `2/L`, Aberdeen `FIRST FLOOR LEFT`, elsewhere `FLAT 3` or a letter after the house number (`34C`).
"""

from enum import IntEnum

import numpy as np

from migration.synthetic.draws import Draws, Ints

MOST_FLATS = 12
FLATS_IN_A_STAIR = (4, 6, 8, 9, 12)
FLOORS = ("GROUND FLOOR", "FIRST FLOOR", "SECOND FLOOR", "THIRD FLOOR", "FOURTH FLOOR", "FIFTH FLOOR")


class FlatStyle(IntEnum):
    """Notation used in a street."""

    NONE = 0
    GLASGOW = 1
    EDINBURGH_FLOOR = 2
    EDINBURGH_NUMBER = 3
    FLOOR_SIDE = 4
    WORD = 5
    LETTER = 6
    LONG_WORDS = 7


_CUSTOMS: dict[str, tuple[float, tuple[FlatStyle, ...]]] = {
    "glasgow": (0.45, (FlatStyle.GLASGOW, FlatStyle.GLASGOW, FlatStyle.GLASGOW, FlatStyle.WORD)),
    "edinburgh": (
        0.45,
        (FlatStyle.EDINBURGH_NUMBER, FlatStyle.EDINBURGH_FLOOR, FlatStyle.EDINBURGH_FLOOR, FlatStyle.WORD),
    ),
    "floor_side": (0.30, (FlatStyle.FLOOR_SIDE, FlatStyle.FLOOR_SIDE, FlatStyle.WORD)),
    "floor_number": (0.25, (FlatStyle.WORD, FlatStyle.LETTER)),
    "long_words": (0.35, (FlatStyle.LONG_WORDS, FlatStyle.LONG_WORDS, FlatStyle.WORD)),
    "word": (0.12, (FlatStyle.WORD, FlatStyle.LETTER)),
}


def choose_styles(draws: Draws, customs: list[str], keys: Ints) -> Ints:
    """Notation of each street (`FlatStyle.NONE` where its buildings are houses), by the custom of its town."""
    has_flats = draws.uniform("street has flats", keys)
    pick = draws.uniform("street flat style", keys)
    chosen = np.zeros(len(keys), dtype=np.int64)
    all_customs = np.array(customs, dtype=object)
    for custom, (probability, styles) in _CUSTOMS.items():
        mine = all_customs == custom
        index = np.floor(pick * len(styles)).astype(np.int64)
        chosen[mine] = np.where(has_flats < probability, np.array(styles)[index], 0)[mine]
    return chosen


def flat_text(style: FlatStyle, flats: int, unit: int) -> tuple[str, int | None, str]:
    """Text, number and house-number suffix of the `unit`-th flat (from 1) of a stair with `flats` flats."""
    per_floor = 3 if flats % 3 == 0 and flats > 6 else 2
    floor, position = divmod(unit - 1, per_floor)
    side = ("LEFT", "RIGHT", "CENTRE")[position]
    texts = {
        FlatStyle.GLASGOW: f"{floor}/{position + 1}",
        FlatStyle.EDINBURGH_FLOOR: f"{floor}F{position + 1}" if floor else ("GF", "PF", "BF")[position],
        FlatStyle.FLOOR_SIDE: f"{floor or 'G'}/{side[0]}",
        FlatStyle.WORD: f"FLAT {unit}",
        FlatStyle.LONG_WORDS: f"{FLOORS[floor]} {side}",
    }
    number = unit if style is FlatStyle.EDINBURGH_NUMBER else None
    letter = "ABCDEFGHIJKL"[unit - 1] if style is FlatStyle.LETTER else ""
    return texts.get(style, ""), number, letter


def flat_tables() -> tuple[list[str], Ints, list[str]]:
    """Text, number (0 = none) and suffix of every (style, flats, unit), at `flat_index`."""
    texts, numbers, suffixes = [], [], []
    for style in FlatStyle:
        for flats in range(MOST_FLATS + 1):
            for unit in range(MOST_FLATS + 1):
                known = style is not FlatStyle.NONE and 1 <= unit <= flats
                text, number, suffix = flat_text(style, flats, unit) if known else ("", None, "")
                texts.append(text)
                numbers.append(number or 0)
                suffixes.append(suffix)
    return texts, np.array(numbers, dtype=np.int64), suffixes


def flat_index(style: Ints, flats: Ints, unit: Ints) -> Ints:
    """Position of (style, flats, unit) in `flat_tables`."""
    return (style * (MOST_FLATS + 1) + flats) * (MOST_FLATS + 1) + unit
