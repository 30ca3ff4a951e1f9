"""Flat algebra: one code for each way of saying which part of a building is meant.

Enters: tokens of a sub-building description. Leaves: a flat code. Two descriptions get the same code only where they
mean the same in every building; what is equal in one building only is learnt per building (`gazetteer/equivalence.py`).

| code | means | written as |
|---|---|---|
| `3`, `3A`, `A` | flat with that number or letter | `Flat 3`, `Apt 3A`, `Flat A` |
| `2/1` | floor 2, first door | `2/1`, `2F1`, `2-1`, `second floor flat 1` |
| `2:L` | floor 2, left (`L R M F B`: left, right, middle, front, back) | `2/L`, `2FL`, `2nd floor left` |
| `F2`, `F0`, `FT`, `F-1` | the flat of that floor | `second floor flat`, `GF`, `top flat`, `basement` |
| `:L` | on that side, floor not said | `Flat left` |
| `MD`, `GDN` | main door, garden flat | |

Must hold: a number in the text is a number in the code. Refuses (None) what is not a sub-building description.
"""

import re
from functools import lru_cache

from migration.geocode.vocabulary import vocabulary

UNNAMED = "?"
"""Code of a flat that is said without saying which (`Flat, 34 High Street`); no entry has it."""
_FLOOR_DOOR = re.compile(r"(\d{1,2}|G|B|T|P)F(\d{1,2})")
_FLOOR_SIDE = re.compile(r"(\d{1,2}|G|B|T|P)F?([LRM])")
_NUMBERED_FLOOR = re.compile(r"(\d{1,2})F")
_FLOOR_ONLY = re.compile(r"(\d{1,2}|G|B|T|P|LG|UG)F")
_SLASHED = re.compile(r"(\d{1,2}|G|B|T|P|GF|BF|TF|PF|LG|UG)[/\-](\d{1,3}[A-Z]?|[A-Z]|LEFT|RIGHT)")
_SIMPLE = re.compile(r"\d{1,4}[A-Z]?|[A-Z]\d{0,3}")
_FLOOR_LETTERS = {
    "G": "0",
    "GF": "0",
    "B": "-1",
    "BF": "-1",
    "T": "T",
    "TF": "T",
    "P": "P",
    "PF": "P",
    "LG": "LG",
    "UG": "UG",
}
_LETTER_PAIRS = {"GL": "0:L", "GRO": "0:R", "TL": "T:L", "TR": "T:R"}
"""Floor and side in two letters; `GR` is `GRO`, the form of Grove, before it is known that no street is meant."""
_SIDE_LETTERS = {"L": "L", "R": "R", "M": "M", "C": "M", "F": "F", "LEFT": "L", "RIGHT": "R"}


def code_token(token: str) -> str | None:
    """Code of a token that can only be a flat (`2F1`, `GFL`, `0/1`, `2/L`), else None."""
    match = _FLOOR_DOOR.fullmatch(token)
    if match:
        return f"{_floor(match[1])}/{int(match[2])}"
    if len(token) > 2 or not token[0].isdigit():
        match = _FLOOR_SIDE.fullmatch(token)
        if match and len(token) >= 3:
            return f"{_floor(match[1])}:{match[2]}"
    match = _FLOOR_ONLY.fullmatch(token)
    if match and not token[:-1].isdigit():
        return f"F{_floor(match[1])}"
    match = _SLASHED.fullmatch(token)
    if match and not (match[1].isdigit() and match[2].isdigit() and match[1] != "0"):
        return slashed_code(token) if not match[2][0].isdigit() or match[1] == "0" or not match[1].isdigit() else None
    return None


def slashed_code(token: str) -> str | None:
    """Code of `a/b` read as floor and door or side (`2/1`, `2-1`, `G/1`, `2/L`), else None."""
    match = _SLASHED.fullmatch(token)
    if match is None:
        return None
    floor, door = _floor(match[1]), match[2]
    if door in _SIDE_LETTERS:
        return f"{floor}:{_SIDE_LETTERS[door]}"
    return f"{floor}/{door.lstrip('0') or '0'}"


def _floor(text: str) -> str:
    return _FLOOR_LETTERS.get(text) or str(int(text))


@lru_cache(maxsize=100_000)
def identifier_code(token: str) -> str | None:
    """Code of the word after `Flat`: `3`, `3A`, `A`, `2/1`, `2F1`, `2L`; None where it cannot be one."""
    code = _LETTER_PAIRS.get(token) or code_token(token) or slashed_code(token)
    if code:
        return code
    match = _FLOOR_SIDE.fullmatch(token)
    if match:
        return f"{_floor(match[1])}:{match[2]}"
    if _SIMPLE.fullmatch(token):
        return token.lstrip("0") or "0"
    return None


@lru_cache(maxsize=100_000)
def may_begin(token: str) -> bool:
    """Whether a description of a part of a building may begin with the token; most words and numbers begin none."""
    words = vocabulary()
    if token in words.unit_classes or token in words.floors or token in words.sides:
        return True
    if token in ("FL", "MAIN", "GDNS") or token in _LETTER_PAIRS or len(token) == 1:
        return True
    return _NUMBERED_FLOOR.fullmatch(token) is not None or code_token(token) is not None


def read_sub_building(tokens: tuple[str, ...], start: int = 0) -> tuple[str, str, int] | None:
    """The sub-building description that begins at `tokens[start]`.

    Returns:
        Code, unit class (`dwelling`, `business`, `room`, or `` where no unit word was said) and the number of tokens
        read, or None where none begins there.
    """
    words = vocabulary()
    first = tokens[start]
    following = tokens[start + 1] if start + 1 < len(tokens) else ""
    unit = words.unit_classes.get(first)
    if unit is None and first == "FL" and identifier_code(following or ",") is not None:
        unit = "dwelling"
    if unit is not None:
        return _read_after_unit(tokens, start, unit)
    if first in words.floors:
        return _read_floor(tokens, start)
    if first == "MAIN" and following == "DOOR":
        return "MD", "", 2 + _count_flat_word(tokens, start + 2)
    if words.unit_classes.get(following) == "dwelling" and (first == "GDNS" or first in words.sides):
        return ("GDN" if first == "GDNS" else f":{words.sides[first]}"), "dwelling", 2
    if first in _LETTER_PAIRS and _stands_alone(tokens, start):
        return _LETTER_PAIRS[first], "", 1
    numbered = _NUMBERED_FLOOR.fullmatch(first)
    code = f"F{int(numbered[1])}" if numbered and following in words.sides else code_token(first)
    return _read_code(tokens, start, code) if code is not None else None


def _stands_alone(tokens: tuple[str, ...], start: int) -> bool:
    """Whether a token has only numbers, breaks, the street or the end of the text beside it."""
    beside = (*tokens[max(0, start - 1) : start], *tokens[start + 1 : start + 2])
    return all(t in (",", "@") or t[0].isdigit() for t in beside)


def _read_code(tokens: tuple[str, ...], start: int, code: str) -> tuple[str, str, int]:
    """A code token, with a side after a bare floor (`2F LEFT`) and a flat word after it."""
    sides = vocabulary().sides
    following = tokens[start + 1] if start + 1 < len(tokens) else ""
    if code[0] == "F" and following in sides:
        return f"{code[1:]}:{sides[following]}", "", 2 + _count_flat_word(tokens, start + 2)
    return code, "", 1 + _count_flat_word(tokens, start + 1)


def _count_flat_word(tokens: tuple[str, ...], position: int) -> int:
    """1 where a bare `FLAT` (no identifier after it) stands at `position`, else 0."""
    if position >= len(tokens) or vocabulary().unit_classes.get(tokens[position]) != "dwelling":
        return 0
    following = tokens[position + 1] if position + 1 < len(tokens) else ""
    return 0 if re.fullmatch(r"[A-Z]", following) else 1


def _read_after_unit(tokens: tuple[str, ...], start: int, unit: str) -> tuple[str, str, int] | None:
    words = vocabulary()
    position = start + 1
    if position < len(tokens) and tokens[position] in ("NO", "NUMBER"):
        position += 1
    word = tokens[position] if position < len(tokens) else ","
    if word in words.floors or tokens[position : position + 2] == ("MAIN", "DOOR"):
        inner = read_sub_building(tokens, position)
        return (inner[0], unit, position - start + inner[2]) if inner else None
    if word in words.sides and unit == "dwelling":
        return f":{words.sides[word]}", unit, position - start + 1
    code = identifier_code(word)
    if code is None:
        return (UNNAMED, unit, 1) if unit == "dwelling" else None
    following = tokens[position + 1] if position + 1 < len(tokens) else ""
    if code.isdigit() and following in words.sides and unit == "dwelling":
        return f"{code}:{words.sides[following]}", unit, position - start + 2
    return code, unit, position - start + 1


def _read_floor(tokens: tuple[str, ...], start: int) -> tuple[str, str, int] | None:
    """`2ND FLOOR LEFT`, `GROUND FLAT 1`, `TOP LEFT`, `BASEMENT FLAT`, `1ST FLOOR`."""
    words = vocabulary()
    floor = words.floors[tokens[start]]
    position = start + 1
    said_floor = position < len(tokens) and tokens[position] in ("FLOOR", "FLR", "FL", "STOREY")
    position += said_floor
    had_flat = position < len(tokens) and words.unit_classes.get(tokens[position]) == "dwelling"
    position += had_flat
    token = tokens[position] if position < len(tokens) else ""
    if token in words.sides or (token in _SIDE_LETTERS and len(token) == 1 and (said_floor or had_flat)):
        side = words.sides.get(token) or _SIDE_LETTERS[token]
        position += 1 + _count_flat_word(tokens, position + 1)
        return f"{floor}:{side}", "dwelling", position - start
    if token.isdigit() and had_flat:
        return f"{floor}/{token}", "dwelling", position + 1 - start
    if said_floor or had_flat or floor == "-1":
        return f"F{floor}", "dwelling" if had_flat else "", position - start
    return None


def floor_of(code: str) -> str | None:
    """Floor that a code states (`2/1`, `2:L`, `F2` → `2`), else None."""
    if code.startswith("F") and len(code) > 1:
        return code[1:]
    match = re.match(r"([^/:]+)[/:]", code)
    return match[1] if match else None
