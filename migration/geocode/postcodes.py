"""UK postcodes: found in text, repaired where only one reading is possible, taken apart.

Enters: text. Leaves: `AB10 1AB` form, or its outward part. Must hold: a formatted postcode formats to itself. Repairs
only letter-for-digit confusion (O/0, I/1, S/5, Z/2) in a place where the format allows just one of them. Refuses
(None) the rest.
"""

import re
from functools import lru_cache

from migration.geocode.vocabulary import vocabulary

_UNIT = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?)\s*(\d[ABD-HJLNP-UW-Z]{2})")
_LOOSE = re.compile(r"([A-Z0-9]{2,4})\s*([0-9OISZ][A-Z0-9]{2})")
_IN_TEXT = re.compile(r"(?<![A-Z0-9/])([A-Z]{1,2}\d[A-Z\d]?)\s*(\d[ABD-HJLNP-UW-Z]{2})(?![A-Z0-9/])")
_INWARD = re.compile(r"\d[ABD-HJLNP-UW-Z][ABD-HJLNP-UW-Z]")
"""What every postcode ends with: most texts have none, and looking for it is quick."""
_LOOSE_AT_END = re.compile(r"(?<![A-Z0-9/])([A-Z]{1,2}[0-9OISZ][0-9OISZ]?)\s+([0-9OISZ][A-Z0-9]{2})\s*$")
_LOOSE_DIGITS = frozenset("0123456789OISZ")
_TO_DIGIT = str.maketrans("OISZ", "0152")
_TO_LETTER = str.maketrans("0152", "OISZ")
_OUTWARD = re.compile(r"([A-Z]{1,2})(\d[A-Z\d]?)")


@lru_cache(maxsize=400_000)
def format_postcode(text: str | None) -> str | None:
    """The postcode in a field, as `AB10 1AB`; None where the field does not hold exactly one."""
    if not text:
        return None
    compact = re.sub(r"[^A-Z0-9]", "", text.upper())
    match = _UNIT.fullmatch(compact)
    if match is None or (not match[1][-1].isdigit() and area(match[1]) in vocabulary().scottish_areas):
        return _repair(compact) or (f"{match[1]} {match[2]}" if match else None)
    return f"{match[1]} {match[2]}"


def _repair(compact: str) -> str | None:
    if not 5 <= len(compact) <= 7 or not _LOOSE.fullmatch(compact):
        return None
    outward, inward = compact[:-3], compact[-3:]
    fixed = inward[0].translate(_TO_DIGIT) + inward[1:].translate(_TO_LETTER)
    for letters in (2, 1):
        area, district = outward[:letters].translate(_TO_LETTER), outward[letters:].translate(_TO_DIGIT)
        if area in vocabulary().scottish_areas and district.isdigit():
            candidate = f"{area}{district} {fixed}"
            return candidate if _UNIT.fullmatch(candidate) else None
    return None


def find_postcode(text: str) -> tuple[str | None, str]:
    """The postcode in a folded text and the text without it; the last one where there are several."""
    if _INWARD.search(text) is not None:
        found = list(_IN_TEXT.finditer(text))
        if found:
            return f"{found[-1][1]} {found[-1][2]}", _IN_TEXT.sub(" ", text)
    last = text.rsplit(None, 1)[-1:]
    loose = _LOOSE_AT_END.search(text) if last and len(last[0]) == 3 and last[0][0] in _LOOSE_DIGITS else None
    if loose is not None:
        repaired = _repair(loose[1] + loose[2])
        if repaired is not None:
            return repaired, text[: loose.start()]
    return None, text


def sector(postcode: str) -> str:
    """`AB10 1AB` → `AB10 1`."""
    return postcode[:-2]


def district(postcode: str) -> str:
    """`AB10 1AB` → `AB10`."""
    return postcode[:-4]


@lru_cache(maxsize=400_000)
def area(postcode: str) -> str:
    """`AB10 1AB` → `AB`."""
    match = _OUTWARD.match(postcode)
    return match[1] if match else ""


@lru_cache(maxsize=400_000)
def is_outside(postcode: str) -> bool:
    """Whether the postcode belongs to no Scottish area. `TD` and `DG` straddle the border and count as Scottish."""
    return area(postcode) not in vocabulary().scottish_areas
