"""Check digits and letters of numbers whose kind is known.

Enters: a number as typed and its kind. Leaves: whether its check holds; None where the kind has no check, or the number
is not written in full. Must hold: only a number that is complete and wrong is called wrong, so that a short form is
compared as it stands. Source: NHS data dictionary, modulus 11 of the NHS and CHI number; PNC, CRO and SCRO letters are
the digits of year and serial modulo 23.
"""

import re
from collections.abc import Callable, Mapping

LETTERS = "ZABCDEFGHJKLMNPQRTUVWXY"
PNC = re.compile(r"(?:\d\d)?(\d\d)(\d{7})([A-Z])")
CRO = re.compile(r"S?(\d{6})(\d\d)([A-Z])")
TEN_DIGITS = re.compile(r"\d{10}")


def is_check_right(kind: str, value: str) -> bool | None:
    """Whether the check of a number holds; None where nothing can be said."""
    check = CHECKS.get(kind)
    return check(re.sub(r"[^A-Z0-9]", "", value.upper())) if check else None


def _pnc(text: str) -> bool | None:
    match = PNC.fullmatch(text)
    return LETTERS[int(match[1] + match[2]) % 23] == match[3] if match else None


def _cro(text: str) -> bool | None:
    match = CRO.fullmatch(text)
    return LETTERS[int(match[2] + match[1]) % 23] == match[3] if match else None


def _modulus_eleven(text: str) -> bool | None:
    if not TEN_DIGITS.fullmatch(text):
        return None
    check = 11 - sum(int(d) * w for d, w in zip(text[:9], range(10, 1, -1), strict=True)) % 11
    return check != 10 and check % 11 == int(text[9])


CHECKS: Mapping[str, Callable[[str], bool | None]] = {
    "pnc": _pnc,
    "cro": _cro,
    "scro": _cro,
    "chi": _modulus_eleven,
    "nhs": _modulus_eleven,
}
