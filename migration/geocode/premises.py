"""Readings of the words that say which house or flat of a street is meant.

Enters: the tokens of an address that are neither street, place nor postcode, with `@` where the street stood. Leaves:
`Reading`s, the likeliest first: number, suffix, range, flat code, building name. Must hold: every token is accounted
for in every reading, as used, as filler or as unused; a number is never dropped. Two readings of the same tokens are
both returned; the gazetteer decides between them, and where both fit nobody does.
"""

import re
from functools import lru_cache

from migration.geocode.flats import identifier_code, may_begin, read_sub_building
from migration.geocode.readings import Item, Reading, combine, kind_of
from migration.geocode.respell import put_right
from migration.geocode.text import BREAK, SLASH
from migration.geocode.vocabulary import vocabulary

STREET = "@"
_BREAKS = f"{BREAK} "
_ANY_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_STAND_IN = "9876"
_STAND_IN_VALUE = 9876
"""Stands for a house number of up to four figures, none of which changes how the words about it are read."""
_TAKE_NUMBER = (SLASH, "NO", "NUMBER", "FL", *sorted(vocabulary().unit_classes))
"""Before a number: it says which flat or unit, or belongs to what was slashed."""
_FLOOR_LETTERS = {"G": "0", "B": "-1", "T": "T"}
_WITHIN_NAMES = ("OF", "THE")
_POINTS = frozenset({"N", "E", "S", "W"})


@lru_cache(maxsize=100_000)
def read_premises(key: str) -> tuple[Reading, ...]:
    """Readings of premises tokens joined by spaces, likeliest first; one empty reading where there are none.

    A plain number before the street is put in after the rest was read: what else a text says has few forms. Not where
    another number touches it: the two may be a range.
    """
    key = key.rstrip(_BREAKS)
    before, street, after = key.partition(STREET)
    before = before.rstrip(_BREAKS) if street else ""
    head, _, number = before.rpartition(" ")
    if not _ANY_NUMBER.fullmatch(number) or number in head or _STAND_IN in key or head.endswith(_TAKE_NUMBER):
        return read_form(key)
    if head[-1:].isdigit() and head.rpartition(" ")[2].isdigit():
        return read_form(key)
    form = f"{head} {_STAND_IN} {street}{after}" if head else f"{_STAND_IN} {street}{after}"
    value = int(number)
    return tuple([_put_number(reading, number, value) for reading in read_form(form)])


def _put_number(reading: Reading, number: str, value: int) -> Reading:
    """A reading with the house number where the stand-in for it was read, as number or as flat."""
    if reading.number == _STAND_IN_VALUE:
        return tuple.__new__(Reading, (value, *reading[1:]))
    if _STAND_IN in reading.flat:
        return reading._replace(flat=reading.flat.replace(_STAND_IN, number))
    return reading


@lru_cache(maxsize=100_000)
def read_form(key: str) -> tuple[Reading, ...]:
    """Readings of premises tokens as they stand."""
    readings = _read(key)
    spelt = put_right(key)
    if spelt is not None:
        readings = [r._replace(is_doubtful=True) for r in readings]
        readings += [r._replace(rank=r.rank + 1, order=f"respelt_{r.order}") for r in _read(spelt)]
    return tuple(dict.fromkeys(readings))


def _read(key: str) -> list[Reading]:
    items, has_room = _collect_items(tuple(key.split(" ")) if key else ())
    readings = combine(items)
    return [r._replace(has_room=True) for r in readings] if has_room else readings


def _collect_items(tokens: tuple[str, ...]) -> tuple[list[Item], bool]:
    fillers = vocabulary().fillers
    items: list[Item] = []
    has_room = after = False
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token == STREET:
            after = True
        if _begins_with_slash(tokens, i):
            items.append(Item("F", i, tokens[i + 1], "", after))
            i += 2
            continue
        if token in (STREET, BREAK, SLASH) or (token in fillers and not _is_within_name(tokens, i)):
            i += 1
            continue
        sub = _read_part(tokens, i) if may_begin(token) else None
        if sub is not None:
            code, unit, length = sub
            if unit == "room":
                has_room = True
            else:
                items.append(Item("F", i, code, unit, after))
            i += length
            continue
        items.append(Item("W" if _is_point_of_name(tokens, i) else kind_of(token), i, token, "", after))
        i += 1
    return items, has_room


def _read_part(tokens: tuple[str, ...], i: int) -> tuple[str, str, int] | None:
    return _read_floor_before_flat(tokens, i) or read_sub_building(tokens, i) or _read_side(tokens, i)


def _is_within_name(tokens: tuple[str, ...], i: int) -> bool:
    """Whether an `of` or `the` stands between two words of a name (`Mains of Balmuir`)."""
    if tokens[i] not in _WITHIN_NAMES or not 0 < i < len(tokens) - 1:
        return False
    return all(t not in (BREAK, SLASH, STREET) and kind_of(t) == "W" for t in (tokens[i - 1], tokens[i + 1]))


def _is_point_of_name(tokens: tuple[str, ...], i: int) -> bool:
    """Whether `E` (east) stands in a name (`East Craigs School`): words beside it, and neither number nor letter."""
    if tokens[i] not in _POINTS:
        return False
    beside = [t for t in (*tokens[max(0, i - 1) : i], *tokens[i + 1 : i + 2]) if t not in (BREAK, SLASH, STREET)]
    return bool(beside) and all(kind_of(t) == "W" for t in beside)


def _begins_with_slash(tokens: tuple[str, ...], i: int) -> bool:
    """Whether `/5` begins a segment here: a flat whose number was left out."""
    if tokens[i] != SLASH or i + 1 == len(tokens) or (i and tokens[i - 1] != BREAK):
        return False
    return kind_of(tokens[i + 1]) == "N"


def _read_floor_before_flat(tokens: tuple[str, ...], i: int) -> tuple[str, str, int] | None:
    """`2ND FLOOR` of `2ND FLOOR FLAT 3`: the floor by itself, the flat is read next; else None."""
    words = vocabulary()
    floor = words.floors.get(tokens[i])
    if floor is None or i + 3 >= len(tokens) or tokens[i + 1] not in ("FLOOR", "FLR", "FL"):
        return None
    says_flat = words.unit_classes.get(tokens[i + 2]) == "dwelling" and identifier_code(tokens[i + 3]) is not None
    return (f"F{floor}", "", 2) if says_flat else None


def _read_side(tokens: tuple[str, ...], i: int) -> tuple[str, str, int] | None:
    """`2 LEFT` (a floor of one digit and a side) or a side alone, else None."""
    sides = vocabulary().sides
    following = tokens[i + 1] if i + 1 < len(tokens) else ""
    if len(tokens[i]) == 1 and following in sides and (tokens[i].isdigit() or tokens[i] in _FLOOR_LETTERS):
        return f"{_FLOOR_LETTERS.get(tokens[i], tokens[i])}:{sides[following]}", "", 2
    if tokens[i] in sides and sides[tokens[i]] != "M":
        return f":{sides[tokens[i]]}", "", 1
    return None
