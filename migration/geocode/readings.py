"""Readings of the pieces of a premises: which is the house number, which the flat, under every convention that fits.

Enters: pieces (`Item`) in their order. Leaves: `Reading`s, the likeliest first. Must hold: every piece has a role in
every reading or blocks it; a number is never dropped; two flats or numbers that clash are blocked. Two readings of the
same pieces are both returned; the gazetteer decides between them, and where both fit nobody does.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from migration.geocode.flats import UNNAMED, floor_of, identifier_code, slashed_code
from migration.geocode.vocabulary import vocabulary

_NUMBER = re.compile(r"(\d{1,5})([A-Z]?)")
_PAIR = re.compile(r"(\d{1,4})([A-Z]?)([/\-])(\d{1,4})([A-Z]?)")
_NUMBER_FLAT_CODE = re.compile(r"(\d{1,4}[A-Z]?)([/\-])((?:\d{1,2}|G|B|T|P)F\d{1,2}|[GBT]F[LR]?)")
_FLOOR_ALONE = re.compile(r"F(-?\d+|T)")
_TRIPLE = re.compile(r"(\d{1,4})([A-Z]?)[/\-](\d{1,2})[/\-](\d{1,2}|[LR])")
HIGHEST_FLAT = 12
"""Numbers from above which `Flat 41, 2/1` is taken for flat 2/1 of 41."""
WIDEST_SPLIT = 8
"""Numbers that a range written without its stroke (`13 15`) may span."""


class Reading(NamedTuple):
    """One way to read the premises of an address.

    Attributes:
        number: house number, or -1 where none was read.
        end: last number of a range, or -1.
        suffix: letter after the number, or ``.
        flat: flat code, or ``.
        unit: class of the unit word, or ``.
        name: building or organisation name before the street, tokens joined; or ``.
        tail: words behind the street that name nothing known: a place the gazetteer lacks, or a misspelt one; or ``.
        rank: 0 for the plain reading, more for rarer conventions.
        order: which convention the reading follows.
        unused: tokens without a role; any of them that is numeric blocks an exact match.
        has_unused_number: a numeric or flat-like token has no role.
        has_room: a room within the flat or house was named.
        is_split: the name stands between the number and the street, so that the number may be the named building's.
        is_doubtful: a word of the name may say number, floor, side or flat; only a name of the entry says it does not.
    """

    number: int = -1
    end: int = -1
    suffix: str = ""
    flat: str = ""
    unit: str = ""
    name: str = ""
    tail: str = ""
    rank: int = 0
    order: str = "plain"
    unused: int = 0
    has_unused_number: bool = False
    has_room: bool = False
    is_split: bool = False
    is_doubtful: bool = False


class Item(NamedTuple):
    """A piece of the premises: kind N(umber) P(air) F(lat) W(ord) L(etter), where it stood, and its content."""

    kind: str
    position: int
    text: str = ""
    unit: str = ""
    after_street: bool = False


@lru_cache(maxsize=100_000)
def kind_of(token: str) -> str:
    """Kind of a piece by its form: N number, P pair, L letter, W word."""
    if _NUMBER.fullmatch(token):
        return "N"
    if token[0].isdigit() and (
        _PAIR.fullmatch(token) or _NUMBER_FLAT_CODE.fullmatch(token) or _TRIPLE.fullmatch(token)
    ):
        return "P"
    if len(token) == 1 and token.isalpha():
        return "L"
    return "W"


def combine(items: list[Item]) -> list[Reading]:
    """All readings of the pieces. Names are read first, then the pieces that carry numbers, by their pattern."""
    words = [i for i in items if i.kind == "W"]
    marks = _drop_unnamed([i for i in items if i.kind != "W"])
    before = [w for w in words if not w.after_street]
    last_number = max((m.position for m in marks if m.kind in "NP" and not m.after_street), default=len(items) + 99)
    if _has_loose_floor(before):
        marks = [*marks, before[0]._replace(kind="?")]
    base = Reading(
        name=" ".join(w.text for w in before),
        tail=" ".join(w.text for w in words if w.after_street),
        is_split=any(w.position > last_number for w in before),
        is_doubtful=any(_may_say_where(w.text) for w in before),
    )
    pattern = "".join(i.kind for i in marks)
    reader = _PATTERNS.get(pattern)
    if reader is None:
        return [_block(base, marks)]
    readings = [r for r in reader(base, marks) if r is not None]
    return readings or [_block(base, marks)]


def _may_say_where(word: str) -> bool:
    """Whether a word of a name may be a misspelt floor, a number or a flat's letter."""
    return len(word) == 1 or word.endswith("FLOOR") or any(c.isdigit() for c in word)


def _has_loose_floor(words: list[Item]) -> bool:
    """Whether a word of the name is `floor`, or a floor that stands alone: a flat is meant that cannot be read."""
    places = {w.position for w in words}
    for word in words:
        alone = word.position - 1 not in places and word.position + 1 not in places
        if word.text in ("FLOOR", "FLR") or (word.text in vocabulary().floors and alone):
            return True
    return False


def _drop_unnamed(marks: list[Item]) -> list[Item]:
    """Without a bare `Flat` where another piece says which flat (`The Flat, Flat 2/1, 34 @`)."""
    named = [m for m in marks if m.text != UNNAMED]
    says_flat = len(named) > 1 or any(m.kind in "FP" for m in named)
    return named if says_flat else marks


def _block(base: Reading, marks: list[Item]) -> Reading:
    return base._replace(unused=base.unused + len(marks), has_unused_number=True, order="unread")


def _number(base: Reading, text: str, **changes: object) -> Reading:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return base._replace(unused=base.unused + 1, has_unused_number=True)
    return base._replace(number=int(match[1]), suffix=match[2], **changes)  # type: ignore[arg-type]


def _flat(text: str) -> str:
    return identifier_code(text) or text


def _read_nothing(base: Reading, _: list[Item]) -> list[Reading]:
    return [base]


def _read_number(base: Reading, marks: list[Item]) -> list[Reading]:
    """`34`, `34A` (number and suffix, or flat A of 34), `2 Maple Court @` (number, or flat of the named building)."""
    text = marks[0].text
    plain = _number(base, text)
    readings = [plain]
    if plain.suffix:
        readings.append(plain._replace(suffix="", flat=plain.suffix, rank=1, order="suffix_is_flat"))
    if base.name:
        readings.append(base._replace(flat=_flat(text), rank=1, order="number_is_flat_of_name"))
    return readings


def _read_letter(base: Reading, marks: list[Item]) -> list[Reading]:
    return [base._replace(flat=marks[0].text, rank=1, order="letter_is_flat")]


def _read_flat(base: Reading, marks: list[Item]) -> list[Reading]:
    """A flat and no number: of a named building, or a number missing."""
    return [base._replace(flat=marks[0].text, unit=marks[0].unit)]


def _read_flat_number(base: Reading, marks: list[Item]) -> list[Reading]:
    """`Flat 2/1, 34 @`, `34 @ Flat 2/1`, `34 2F1 @`."""
    flat, number = (marks[0], marks[1]) if marks[0].kind == "F" else (marks[1], marks[0])
    plain = _number(base, number.text, flat=flat.text, unit=flat.unit)
    readings = [plain, *_centre_door(plain)]
    if len(flat.text) == 1 and flat.text.isalpha() and not plain.suffix:
        readings.append(plain._replace(suffix=flat.text, flat="", rank=1, order="flat_is_suffix"))
    return readings


def _read_numbers(base: Reading, marks: list[Item]) -> list[Reading]:
    """`5, 34 @` (flat, number), `34 @ 5` (number, flat); the other order is kept as a rarer reading."""
    first, second = marks
    near, far = (first, second) if second.after_street else (second, first)
    plain = _number(base, near.text, flat=_flat(far.text), order="flat_then_number")
    centre = _centre_door(plain)
    other = _number(base, far.text, flat=_flat(near.text), rank=1, order="number_then_flat")
    return [plain, *centre, other, *_split_range(base, first, second)]


def _split_range(base: Reading, first: Item, second: Item) -> list[Reading]:
    """`13 15 @` also as the range 13 to 15, written without its stroke: same side of the street, side by side."""
    if second.position != first.position + 1 or not (first.text.isdigit() and second.text.isdigit()):
        return []
    start, end = int(first.text), int(second.text)
    if not start < end <= start + WIDEST_SPLIT or (end - start) % 2:
        return []
    return [base._replace(number=start, end=end, rank=1, order="split_range")]


def _centre_door(reading: Reading) -> list[Reading]:
    """`2C` also as the centre door of floor 2, beside the flat of that number and letter."""
    if re.fullmatch(r"\dC", reading.flat):
        return [reading._replace(flat=f"{reading.flat[0]}:M", rank=1, order="centre_door")]
    return []


def _read_letter_number(base: Reading, marks: list[Item]) -> list[Reading]:
    """`34 A @` (suffix, or flat), `A, 34 @` (flat)."""
    letter, number = (marks[0], marks[1]) if marks[0].kind == "L" else (marks[1], marks[0])
    plain = _number(base, number.text)
    if plain.suffix:
        return [plain._replace(flat=letter.text)]
    as_suffix = plain._replace(suffix=letter.text)
    as_flat = plain._replace(flat=letter.text)
    if number.position < letter.position:
        return [as_suffix, as_flat._replace(rank=1, order="suffix_is_flat")]
    return [as_flat, as_suffix._replace(rank=1, order="flat_is_suffix")]


def _read_pair(base: Reading, marks: list[Item]) -> list[Reading]:
    """`34/5`, `5/34`, `2/1`, `12-14`, `34/2F1`, `34/2/1`: every convention that the two numbers allow."""
    token = marks[0].text
    coded = _NUMBER_FLAT_CODE.fullmatch(token)
    if coded:
        return [_number(base, coded[1], flat=identifier_code(coded[3]) or coded[3])]
    triple = _TRIPLE.fullmatch(token)
    if triple:
        inner = slashed_code(f"{triple[3]}/{triple[4]}") or ""
        return [base._replace(number=int(triple[1]), suffix=triple[2], flat=inner, order="number_then_flat")]
    match = _PAIR.fullmatch(token)
    if match is None:
        return [_block(base, marks)]
    return _pair_readings(base, match)


def _pair_readings(base: Reading, match: re.Match[str]) -> list[Reading]:
    a, b = int(match[1]), int(match[4])
    first_flat, second_flat = f"{a}{match[2]}", f"{b}{match[5]}"
    readings: list[Reading] = []
    lone = slashed_code(match[0]) if match[3] == "/" else None
    if lone:
        readings.append(base._replace(flat=lone, rank=2, order="flat_without_number"))
        if base.name:
            readings.append(base._replace(flat=lone, rank=1, order="number_is_flat_of_name"))
    if b > a and not match[5] and b - a <= 60:
        rank = 0 if match[3] == "-" else 1
        readings.append(base._replace(number=a, suffix=match[2], end=b, rank=rank, order="range"))
    readings.append(base._replace(number=a, suffix=match[2], flat=second_flat, order="number_slash_flat"))
    readings.append(base._replace(number=b, suffix=match[5], flat=first_flat, order="flat_slash_number"))
    return sorted(readings, key=lambda r: r.rank)


def _read_pair_number(base: Reading, marks: list[Item]) -> list[Reading]:
    """`2/1 34 @` and `34 @ 2/1`: floor and door; `12-14 5 @`: a flat of a range."""
    pair, number = (marks[0], marks[1]) if marks[0].kind == "P" else (marks[1], marks[0])
    code = slashed_code(pair.text)
    readings = [_number(base, number.text, flat=code)] if code else []
    match = _PAIR.fullmatch(pair.text)
    if match and match[3] == "-" and int(match[4]) > int(match[1]):
        ranged = base._replace(number=int(match[1]), end=int(match[4]), flat=number.text, rank=1, order="range")
        readings.append(ranged)
    return readings


def _read_pair_flat(base: Reading, marks: list[Item]) -> list[Reading]:
    """`Flat 3, 12-14 @` (flat of a range); `Flat 3, 34/2` names two flats and is blocked."""
    pair, flat = (marks[0], marks[1]) if marks[0].kind == "P" else (marks[1], marks[0])
    match = _PAIR.fullmatch(pair.text)
    if match is not None and int(match[4]) > int(match[1]):
        ranged = base._replace(number=int(match[1]), suffix=match[2], end=int(match[4]), flat=flat.text, unit=flat.unit)
        if match[3] == "-":
            return [ranged]
        moved = _flat_word_moved(base, flat, slashed_code(pair.text) or "")
        return [*moved, ranged._replace(rank=1, order="range")] if moved else [_block(base, marks)]
    return _flat_word_moved(base, flat, slashed_code(pair.text) or "") or [_block(base, marks)]


def _flat_word_moved(base: Reading, number: Item, code: str) -> list[Reading]:
    """`2/1, Flat 41 @` as flat 2/1 of 41: what says floor and door is the flat, so the other is the number.

    Not where the other may be a flat itself (up to `HIGHEST_FLAT`), but beside a ground floor, which no number is.
    """
    if "/" not in code or number.unit != "dwelling" or not number.text.isdigit():
        return []
    if int(number.text) <= HIGHEST_FLAT and not code.startswith("0/"):
        return []
    return [base._replace(number=int(number.text), flat=code, unit="dwelling", rank=1, order="flat_word_moved")]


def _read_two_flats(base: Reading, marks: list[Item]) -> list[Reading]:
    """`Flat 3, 1st floor, 61 @`: a flat and the floor it is on, which must agree; `Flat 3 Flat 4` is blocked."""
    flats = [m for m in marks if m.kind == "F"]
    numbers = [m for m in marks if m.kind == "N"]
    unit = flats[0].unit or flats[1].unit
    merged = merge_flats(flats[0].text, flats[1].text)
    lettered = next((f.text for f in flats if len(f.text) == 1 and f.text.isalpha()), "")
    if merged is None and lettered and any(_FLOOR_ALONE.fullmatch(f.text) for f in flats):
        with_letter = base._replace(flat=lettered, unit=unit)
        return [_number(with_letter, numbers[0].text) if numbers else with_letter]
    if merged is None:
        one, other = flats
        moved = [] if numbers else [*_flat_word_moved(base, one, other.text), *_flat_word_moved(base, other, one.text)]
        return moved if len(moved) == 1 else [_block(base, marks)]
    plain = _number(base, numbers[0].text) if numbers else base
    readings = [plain._replace(flat=merged, unit=unit)]
    said = next((f.text for f in flats if not f.text.startswith("F")), "")
    if said.isdigit():
        readings.append(plain._replace(flat=said, unit=unit, rank=1, order="floor_beside_flat"))
    return readings


def _read_pair_floor_number(base: Reading, marks: list[Item]) -> list[Reading]:
    """`3/1, 3rd floor, 34 @`: floor and door, the floor again, and the number."""
    pair = next(m for m in marks if m.kind == "P")
    floor = next(m for m in marks if m.kind == "F")
    number = next(m for m in marks if m.kind == "N")
    code = slashed_code(pair.text)
    merged = merge_flats(floor.text, code) if code else None
    if merged is None:
        return [_block(base, marks)]
    return [_number(base, number.text, flat=merged)]


def _read_flat_floor_number(base: Reading, marks: list[Item]) -> list[Reading]:
    """`10, 2nd floor, 34 @`: a flat, the floor it is on, and the number before the street; else blocked.

    Also `2nd floor 10, 34 @` and `34 @, 2nd floor 10`.
    """
    floor = next(m for m in marks if m.kind == "F")
    first, second = [m for m in marks if m.kind != "F"]
    flat, number = (first, second) if not second.after_street else (second, first)
    if not _FLOOR_ALONE.fullmatch(floor.text) or number.after_street or number.kind != "N":
        return [_block(base, marks)]
    if flat.after_street and not (floor.after_street and floor.position < flat.position):
        return [_block(base, marks)]
    plain = _number(base, number.text)
    if flat.kind == "L":
        return [plain._replace(flat=flat.text, rank=1, order="floor_beside_flat")]
    merged = merge_flats(floor.text, flat.text)
    readings = [plain._replace(flat=merged)] if merged else []
    return [*readings, plain._replace(flat=_flat(flat.text), rank=1, order="floor_beside_flat")]


def merge_flats(one: str, other: str) -> str | None:
    """One code for a flat and its floor (`1/2` and `F1` → `1/2`); None where they clash."""
    if other.startswith("F") and not one.startswith("F"):
        one, other = other, one
    if not one.startswith("F") or len(one) < 2:
        return None
    floor = floor_of(other)
    if floor is not None:
        return other if floor == one[1:] else None
    if other.startswith(":"):
        return f"{one[1:]}{other}"
    return f"{one[1:]}/{other}" if other.isdigit() else None


_PATTERNS = {
    "PFN": _read_pair_floor_number,
    "FPN": _read_pair_floor_number,
    "NPF": _read_pair_floor_number,
    "NFP": _read_pair_floor_number,
    "NFN": _read_flat_floor_number,
    "FNN": _read_flat_floor_number,
    "LFN": _read_flat_floor_number,
    "FLN": _read_flat_floor_number,
    "NFL": _read_flat_floor_number,
    "FF": _read_two_flats,
    "FFN": _read_two_flats,
    "NFF": _read_two_flats,
    "FNF": _read_two_flats,
    "": _read_nothing,
    "N": _read_number,
    "L": _read_letter,
    "F": _read_flat,
    "FN": _read_flat_number,
    "NF": _read_flat_number,
    "NN": _read_numbers,
    "LN": _read_letter_number,
    "NL": _read_letter_number,
    "P": _read_pair,
    "PN": _read_pair_number,
    "NP": _read_pair_number,
    "PF": _read_pair_flat,
    "FP": _read_pair_flat,
}
