"""How names get damaged on the way into a system.

Enters: names as they are. Leaves: names as typed, and which records carry which planted fault. Must hold: all text
can be written in Latin-1, which the oldest system needs.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from migration.synthetic.draws import Bools, Draws, Ints, Texts
from migration.synthetic.places import read_rows

NEXT_KEY = dict(zip("abcdefghijklmnopqrstuvwxyz", "snvfrdghokhjnmblqwetucysxa", strict=False))


@dataclass(frozen=True)
class DamagedNames:
    """Names as typed. `dirt` tells, by kind, which records were damaged in a way worth listing."""

    surname: Texts
    forename_1: Texts
    forename_2: Texts
    dirt: dict[str, Bools]


def damage_names(draws: Draws, key: Ints, surname: Texts, first: Texts, second: Texts) -> DamagedNames:
    """Names as typed: variants that are nobody's fault (nicknames, Mac for Mc, lost accents) and real faults."""
    surname, first, second = surname.copy(), first.copy(), second.copy()
    _vary(draws, "mac", key, 0.12, surname, _swap_mac)
    _vary(draws, "apostrophe", key, 0.35, surname, lambda s, _: s.replace("'", "") if "'" in s else s)
    _vary(draws, "accents", key, 0.5, surname, lambda s, _: strip_accents(s))
    _vary(draws, "accents first", key, 0.5, first, lambda s, _: strip_accents(s))
    _vary(draws, "hyphen", key, 0.3, surname, lambda s, _: s.replace("-", " "))
    _vary(draws, "nickname", key, 0.07, first, _use_nickname)
    dirt = {
        "typo": _vary(draws, "typo surname", key, 0.018, surname, misspell)
        | _vary(draws, "typo forename", key, 0.015, first, misspell),
        "initial_only": _vary(draws, "initial", key, 0.012, first, lambda s, _: s[:1]),
    }
    shifted = draws.chance("surname in forename", key, 0.004)
    first[shifted] = first[shifted] + " " + surname[shifted]
    surname[shifted] = ""
    swapped = ~shifted & draws.chance("names swapped", key, 0.003)
    surname[swapped], first[swapped] = first[swapped].copy(), surname[swapped].copy()
    broken = _vary(draws, "mojibake", key, 0.25, surname, lambda s, _: garble(s))
    return DamagedNames(surname, first, second, {**dirt, "surname_in_forename": shifted, "mojibake": broken})


def _vary(draws: Draws, stream: str, key: Ints, share: float, names: Texts, change: Callable[[str, int], str]) -> Bools:
    """Change `share` of the names in place with `change(name, luck)`; true where a name is different now."""
    changed = np.zeros(len(key), dtype=bool)
    chosen = np.nonzero(draws.chance(stream, key, share))[0]
    luck = draws.integers(f"{stream} how", key[chosen], 0, 10_000)
    for at, number in zip(chosen.tolist(), luck.tolist(), strict=True):
        old = names[at]
        new = change(old, number) if old else old
        if new != old and new:
            names[at] = new
            changed[at] = True
    return changed


@lru_cache(maxsize=1)
def _nicknames() -> dict[str, list[str]]:
    return {row["name"]: row["used"].split(";") for row in read_rows("nicknames.csv")}


def _use_nickname(name: str, luck: int) -> str:
    used = _nicknames().get(name)
    return used[luck % len(used)] if used else name


def _swap_mac(name: str, luck: int) -> str:
    if name.startswith("Mac") and len(name) > 4 and name[3].isupper():
        return ("Mc", "Mc", "Mac ", "M'")[luck % 4] + name[3:]
    if name.startswith("Mc") and len(name) > 3:
        return ("Mac", "Mc ", "Mac", "M'")[luck % 4] + name[2:]
    return name


def strip_accents(name: str) -> str:
    """The name without accents; letters that do not decompose get their usual stand-in."""
    plain = unicodedata.normalize("NFD", name)
    kept = "".join(c for c in plain if not unicodedata.combining(c))
    return kept.replace("ø", "o").replace("Ø", "O").replace("ß", "ss")


def garble(name: str) -> str:
    """UTF-8 bytes read as Windows-1252, where that is possible and differs."""
    try:
        return name.encode("utf-8").decode("cp1252").encode("latin-1").decode("latin-1")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return name


def misspell(word: str, luck: int) -> str:
    """One slip inside the word: a letter lost, doubled, swapped with the next, or the key beside it."""
    if len(word) < 4:
        return word
    at = 1 + luck % (len(word) - 2)
    kind = luck // 13 % 4
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    if kind == 2:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + NEXT_KEY.get(word[at], "e") + word[at + 1 :]
