"""Wall-clock times with the offset that was in force.

Enters: a wall-clock time as text. Leaves: ISO 8601 with offset. Must hold: an hour that occurs twice is taken as the
first; a day that does not exist is written down all the same, as the legacy system did.
"""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo


def with_offset(text: str, zone: ZoneInfo) -> str:
    """`2015-07-01 13:05:00` as `2015-07-01T13:05:00+01:00`."""
    written = text.replace(" ", "T")
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return f"{written}+00:00"
    return f"{written}{_offset(local.replace(minute=0, second=0), zone)}"


@lru_cache(maxsize=200_000)
def _offset(hour: datetime, zone: ZoneInfo) -> str:
    return hour.replace(tzinfo=zone).isoformat()[-6:]
