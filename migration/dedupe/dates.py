"""Dates of birth as recorded, as packed numbers.

Enters: one date as text. Leaves: YYYYMMDD with 00 for a part that is not known, or None. Must hold: never more precise
than the source; an impossible day or month loses that part, not the year. Refuses: a two-digit year (the mapping
resolves those).
"""

import calendar
import re

ISO = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?:[T ].*)?")
DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
YEAR = re.compile(r"(\d{4})")
EARLIEST_YEAR, LATEST_YEAR = 1300, 2100


def pack_date(text: str) -> int | None:
    """YYYYMMDD of an ISO, day-first, compact or year-only date; None where there is no year in it."""
    text = text.strip()
    if match := ISO.fullmatch(text):
        year, month, day = int(match[1]), int(match[2]), int(match[3] or 0)
    elif match := DAY_FIRST.fullmatch(text):
        year, month, day = int(match[3]), int(match[2]), int(match[1])
    elif match := COMPACT.fullmatch(text):
        year, month, day = int(match[1]), int(match[2]), int(match[3])
    elif match := YEAR.fullmatch(text):
        year, month, day = int(match[1]), 0, 0
    else:
        return None
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    if not 1 <= month <= 12:
        # "1851-21-01": day and month changed places where that gives a real date, else only the year counts.
        month, day = (day, month) if 1 <= day <= 12 and 1 <= month <= 31 else (0, 0)
    if month and not 1 <= day <= calendar.monthrange(year, month)[1]:
        day = 0
    return year * 10000 + month * 100 + day
