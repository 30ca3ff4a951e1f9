"""Invented identifiers that pass their own checks: SCRO, PNC, CRO, driver and CHI numbers.

Enters: digits drawn for a person. Leaves: text. Must hold: a letter or digit that checks is right; numbers come from
ranges no register uses on purpose, but nothing rests on that.
"""

from datetime import date

CHECK_LETTERS = "ZABCDEFGHJKLMNPQRTUVWXY"


def check_letter(digits: str) -> str:
    """Check letter of a PNC, CRO or SCRO number: its digits modulo 23."""
    return CHECK_LETTERS[int(digits) % len(CHECK_LETTERS)]


def pnc_id(year: int, serial: int) -> str:
    """PNC id `YYYY/NNNNNNNL`; the letter checks the last two digits of the year and the serial."""
    return f"{year:04d}/{serial:07d}{check_letter(f'{year % 100:02d}{serial:07d}')}"


def cro_no(year: int, serial: int) -> str:
    """CRO number `NNNNNN/YYL`; the letter checks the year and the serial."""
    return f"{serial:06d}/{year % 100:02d}{check_letter(f'{year % 100:02d}{serial:06d}')}"


def scro_no(year: int, serial: int) -> str:
    """SCRO number, eleven characters: `SNNNNNN/YYL`."""
    return f"S{serial:06d}/{year % 100:02d}{check_letter(f'{year % 100:02d}{serial:06d}')}"


def driver_no(surname: str, forename: str, middle: str, born: date, *, is_female: bool, tail: int) -> str:
    """Driver number, sixteen characters: surname, decade, month (+50: woman), day, year, initials, tail."""
    letters = "".join(c for c in surname.upper().replace("MAC", "MC") if "A" <= c <= "Z")
    month = born.month + (50 if is_female else 0)
    initials = (forename[:1] + middle[:1]).upper()
    initials = "".join(c if "A" <= c <= "Z" else "X" for c in initials).ljust(2, "9")
    pair = f"{chr(65 + tail % 26)}{chr(65 + tail // 26 % 26)}"
    return (
        f"{letters[:5].ljust(5, '9')}{born.year // 10 % 10}{month:02d}{born.day:02d}{born.year % 10}{initials}9{pair}"
    )


def chi_no(born: date, serial: int, *, is_female: bool) -> str:
    """CHI number, ten digits: date of birth, two digits, one even for women and odd for men, and a digit modulo 11."""
    serial %= 500
    while True:
        ninth = serial % 5 * 2 + (0 if is_female else 1)
        digits = f"{born:%d%m%y}{serial // 5 % 100:02d}{ninth}"
        check = 11 - sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return f"{digits}{check % 11}"
        serial += 1


def registration_mark(number: int) -> str:
    """Vehicle registration mark in the current form with a Scottish area letter: `SL19 ABC`."""
    letters = "ABCDEFGHJKLMNOPRSTUVWXYZ"
    age = 2 + number % 22
    rest = number // 22
    tail = "".join(letters[rest // 24**i % 24] for i in range(3))
    return f"S{letters[number % 24]}{age:02d} {tail}"


def grid_reference(easting: float, northing: float, digits: int = 3) -> str:
    """National Grid reference: `NO 403 301` (three digits each is a hundred metres)."""
    letters = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
    east, north = int(easting) // 100_000, int(northing) // 100_000
    first = (19 - north) - (19 - north) % 5 + (east + 10) // 5
    second = (19 - north) * 5 % 25 + east % 5
    scale = 10 ** (5 - digits)
    e, n = int(easting) % 100_000 // scale, int(northing) % 100_000 // scale
    return f"{letters[first]}{letters[second]} {e:0{digits}d} {n:0{digits}d}"
