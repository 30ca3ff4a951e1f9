"""Words of an address as people write them: street types cut short, flats in the notation of the place.

Enters: the gazetteer's words and a lucky number. Leaves: another way to write the same. Must hold: house number,
suffix and flat keep their meaning; two different flats of a stair never come out alike.
"""

import re

SHORT = {
    "STREET": ("St", "St", "St.", "Str"),
    "ROAD": ("Rd", "Rd."),
    "AVENUE": ("Ave", "Av", "Ave."),
    "PLACE": ("Pl", "Pl."),
    "CRESCENT": ("Cres", "Cr"),
    "DRIVE": ("Dr", "Drv"),
    "TERRACE": ("Terr", "Ter"),
    "GARDENS": ("Gdns", "Gdn"),
    "LANE": ("Ln", "La"),
    "COURT": ("Ct", "Crt"),
    "SQUARE": ("Sq",),
    "GROVE": ("Gr", "Gro"),
    "PARK": ("Pk",),
}
SMALL_WORDS = {"of", "and", "the", "na", "an"}
FLOOR_WORDS = {"GROUND": "Grd", "FIRST": "1st", "SECOND": "2nd", "THIRD": "3rd", "FOURTH": "4th", "FIFTH": "5th"}
_FLOOR_POSITION = re.compile(r"(\d)/(\d)")
_FLOOR_SIDE = re.compile(r"([\dG])/([LRC])")
_FLOOR_FLAT = re.compile(r"\d+F\d+")


def title_case(text: str) -> str:
    """Capitalised words, small ones small: `MAINS OF DALRY` to `Mains of Dalry`."""
    words = text.lower().split(" ")
    made = [w if w in SMALL_WORDS and i else _capital(w) for i, w in enumerate(words)]
    return " ".join(made)


def _capital(word: str) -> str:
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def street_notation(name: str, luck: int) -> str:
    """A street's name as typed."""
    words = name.split(" ")
    kind = SHORT.get(words[-1])
    tail = kind[luck // 10 % len(kind)] if kind and luck % 100 < 45 else title_case(words[-1])
    head = title_case(" ".join(words[:-1]))
    if luck % 7 < 4:
        head = head.replace("'", "")
    if head.startswith("St ") and luck % 11 == 0:
        head = "Saint " + head[3:]
    return f"{head} {tail}".strip()


def flat_notation(sao: str, unit: int, house: str, luck: int) -> tuple[str, str]:
    """Flat and house number as typed, from the gazetteer's; the flat may move into the number."""
    if unit:
        return ("", f"{house}/{unit}") if luck % 10 < 5 else ((f"Flat {unit}", str(unit))[luck % 2], house)
    forms = _forms_of(sao) if sao else ("",)
    return forms[luck % len(forms)], house


def _forms_of(sao: str) -> tuple[str, ...]:
    side = _FLOOR_SIDE.fullmatch(sao)
    if side:
        floor, hand = side.groups()
        return sao, sao, f"{floor}{hand}", f"Flat {floor}/{hand}", f"{floor} {_SIDES[hand]}"
    if _FLOOR_POSITION.fullmatch(sao):
        return sao, sao, sao, f"Flat {sao}", sao.replace("/", "-"), f"Flt {sao}"
    if _FLOOR_FLAT.fullmatch(sao):
        return sao, sao, f"Flat {sao}", sao.lower()
    if sao.startswith("FLAT "):
        return title_case(sao), title_case(sao), "Flt " + sao[5:], "Fl " + sao[5:], sao[5:]
    words = sao.split(" ")
    if len(words) == 1:
        return (sao,)
    short = " ".join([FLOOR_WORDS.get(words[0], title_case(words[0])), *(title_case(w) for w in words[1:])])
    return title_case(sao), short


_SIDES = {"L": "Left", "R": "Right", "C": "Centre"}
