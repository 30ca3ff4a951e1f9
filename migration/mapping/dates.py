"""Dates and times as legacy systems write them, read strictly.

Enters: a text column and the formats its pack lists. Leaves: SQL of the value, of its error code and of its precision.
Must hold: 31 February is an error and never 3 March; a year of two digits gets its century from the pack's rule and
nothing else; a local time of the hour that occurs twice, or never, follows a rule and is reported. Refuses: a format
with a directive this module does not know.
Units: dates are civil; timestamps are UTC, from Europe/London wall-clock time unless the pack names another zone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from zoneinfo import available_timezones

from migration.mapping.literals import literal

DIRECTIVES = {
    "%d": r"\d{1,2}",
    "%m": r"\d{1,2}",
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%H": r"\d{1,2}",
    "%M": r"\d{2}",
    "%S": r"\d{2}",
    "%f": r"\d{1,6}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]{3,9}",
    "%j": r"\d{1,3}",
    "%p": "[AaPp][Mm]",
    "%I": r"\d{1,2}",
    "%z": r"[+\-]\d{2}:\d{2}",
}
PACKED = {"%d": r"\d{2}", "%m": r"\d{2}", "%H": r"\d{2}", "%j": r"\d{3}", "%I": r"\d{2}"}
"""Directives of fixed width where nothing separates them (`%d%m%y`)."""
ISO_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")
ISO_READERS = {"%Y-%m-%d %H:%M:%S": "iso_timestamp", "%Y-%m-%d": "iso_date"}
"""Formats of which nearly every text has one spelling, and the macro that reads that spelling without a format."""
ISO_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")
LONDON = "Europe/London"
PRECISIONS = ("MINUTE", "DAY", "MONTH", "YEAR", "NONE")


@dataclass(frozen=True)
class Format:
    """One format and the precision of what it reads."""

    pattern: str
    precision: str

    @property
    def regex(self) -> str:
        """Strict regular expression of the whole text: `%Y` takes four digits and no fewer."""
        parts = re.split(r"(%[A-Za-z])", self.pattern)
        out = []
        for index, part in enumerate(parts):
            if not part.startswith("%"):
                out.append(re.escape(part))
                continue
            is_packed = (index + 2 < len(parts) and not parts[index + 1]) or (index >= 2 and not parts[index - 1])
            out.append(PACKED.get(part, DIRECTIVES[part]) if is_packed else DIRECTIVES[part])
        return "".join(out)


def read_formats(value: object, default: tuple[str, ...]) -> tuple[Format, ...]:
    """Formats of a pack: texts, or mappings of `format` and `precision`.

    Raises:
        ValueError: a format is neither, or has an unknown directive; its message is fit for a pack's author.
    """
    listed = value if isinstance(value, list) else [value] if value else list(default)
    return tuple(_read_format(item) for item in listed)


def _read_format(item: object) -> Format:
    pattern = str(item.get("format", "")) if isinstance(item, Mapping) else str(item)
    for directive in re.findall(r"%.", pattern):
        if directive not in DIRECTIVES:
            raise ValueError(f"format directive {directive}, not one of {' '.join(DIRECTIVES)}")
    if "%Y" not in pattern and "%y" not in pattern:
        raise ValueError("a format without a year (%Y or %y)")
    if isinstance(item, Mapping) and "precision" in item:
        precision = str(item["precision"])
        if precision not in PRECISIONS:
            raise ValueError(f"precision {precision}, not one of {' '.join(PRECISIONS)}")
        return Format(pattern, precision)
    return Format(pattern, _natural_precision(pattern))


def _natural_precision(pattern: str) -> str:
    if any(d in pattern for d in ("%H", "%I")):
        return "MINUTE"
    if "%d" in pattern or "%j" in pattern:
        return "DAY"
    return "MONTH" if any(d in pattern for d in ("%m", "%b", "%B")) else "YEAR"


def cast_sql(text: str) -> str:
    """SQL that the readers of `ISO_READERS` check: what a text is by itself, if it is a point in time."""
    return f"TRY_CAST({text} AS TIMESTAMP)"


def naive_timestamp_sql(
    text: str, formats: tuple[Format, ...], century: object, as_at: str, held: str | None = None
) -> str:
    """SQL of the wall-clock timestamp a text stands for; null where no format reads it.

    Args:
        held: column that holds `cast_sql` of the text; worked out in place where there is none.
    """
    patterns = {f.pattern for f in formats}
    cast = held or cast_sql(text)
    cases = [f"{reader}({text}, {cast})" for pattern, reader in ISO_READERS.items() if pattern in patterns]
    for item in formats:
        parsed = f"try_strptime({text}, {literal(item.pattern)})"
        if "%z" in item.pattern:
            parsed = f"({parsed} AT TIME ZONE 'UTC')"
        if "%y" in item.pattern:
            parsed = _with_century(parsed, century, as_at)
        cases.append(f"CASE WHEN regexp_full_match({text}, {literal(item.regex)}) THEN {parsed} END")
    return f"coalesce({', '.join(cases)}, NULL)"


def _with_century(parsed: str, century: object, as_at: str) -> str:
    if isinstance(century, int):
        return f"with_pivot({parsed}, {century})"
    return f"not_after({parsed}, DATE {literal(as_at)})"


def precision_sql(text: str, formats: tuple[Format, ...]) -> str:
    """SQL of the precision code of the first format that reads a text; NONE where the text is absent."""
    cases = " ".join(f"WHEN regexp_full_match({text}, {literal(f.regex)}) THEN {literal(f.precision)}" for f in formats)
    return f"CASE WHEN {text} IS NULL THEN 'NONE' {cases} END"


def utc_sql(naive: str, zone: str, ambiguous: str) -> str:
    """SQL of the UTC instant of a wall-clock timestamp."""
    if zone == "UTC":
        return f"as_utc({naive})"
    later = "true" if ambiguous == "later" else "false"
    if zone == LONDON:
        return f"london_to_utc({naive}, {later})"
    return f"zone_to_utc({naive}, {literal(zone)}, {later})"


def time_error_sql(naive: str, zone: str) -> str:
    """SQL of the error code of a wall-clock time that occurs twice, or never; else null."""
    if zone == "UTC":
        return "NULL::VARCHAR"
    return f"london_error({naive})" if zone == LONDON else f"clock_error({naive}, {literal(zone)})"


def range_error_sql(value: str, earliest: object, latest: object, as_at: str) -> str | None:
    """SQL of the error code of a value before the earliest or after the latest day; None where neither is set."""
    tests = []
    if earliest:
        tests.append(f"{value}::DATE < DATE {literal(_day(earliest, as_at))}")
    if latest:
        tests.append(f"{value}::DATE > DATE {literal(_day(latest, as_at))}")
    return f"CASE WHEN {' OR '.join(tests)} THEN 'OUT_OF_RANGE' END" if tests else None


def _day(value: object, as_at: str) -> str:
    if value == "as_at":
        return as_at
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError(f"day {value}, neither as_at nor YYYY-MM-DD") from None


def read_zone(value: object) -> str:
    """The name of a time zone. Raises ValueError, fit for a pack's author, where there is none of that name."""
    zone = LONDON if value is None else str(value)
    if zone not in _known_zones():
        raise ValueError(f"time zone {zone}, not a name of the IANA database")
    return zone


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    """Names of the IANA database, which is looked for in many folders."""
    return frozenset(available_timezones())
