"""Parsers a pack can name, each as SQL.

Enters: a text column, trimmed and never empty, and the options of the pack. Leaves: `Parsed`, the SQL of the value and
of its error code. Must hold: a value that cannot be read is null with a code; what is read is never changed in meaning.
Refuses: options a parser does not know (see `PARSERS`), bad formats (ValueError with a message for the pack's author).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migration.mapping import dates
from migration.mapping.addresses import address_part_sql
from migration.mapping.literals import literal

Options = Mapping[str, object]


@dataclass(frozen=True)
class Target:
    """What a parser reads for: DuckDB type of the field, the pack's day, and `held` of `dates.naive_timestamp_sql`."""

    type: str
    as_at: str
    held: str | None = None


@dataclass(frozen=True)
class Parsed:
    """SQL of a value and of its error code; the error is only asked for where the text is there."""

    value: str
    error: str | None = None


@dataclass(frozen=True)
class Parser:
    """A parser and the options it takes.

    Attributes:
        is_total: it reads every text, so nothing can be unread.
        default_formats: of dates and times, those it reads where a pack lists none.
    """

    build: Callable[[str, Options, Target], Parsed]
    options: frozenset[str] = frozenset()
    is_total: bool = False
    default_formats: tuple[str, ...] = ()


DATE_OPTIONS = frozenset({"formats", "century", "earliest", "latest"})
TRUE_VALUES = ("Y", "YES", "T", "TRUE", "1")
FALSE_VALUES = ("N", "NO", "F", "FALSE", "0")
REPAIRS = {"mojibake": ("looks_garbled({x})", "repair_mojibake({x})")}
"""Repairs a pack can ask for: SQL of whether a text needs it, and of the repaired text."""
NAME_PARTS = {
    "surname, forenames": {
        "surname": "comma_surname({x})",
        "forename_1": "first_word(comma_forenames({x}))",
        "forename_2": "other_words(comma_forenames({x}))",
    },
    "forenames surname": {
        "surname": "last_word({x})",
        "forename_1": "CASE WHEN all_but_last({x}) IS NOT NULL THEN first_word({x}) END",
        "forename_2": "other_words(all_but_last({x}))",
    },
    "surname forenames": {
        "surname": "first_word({x})",
        "forename_1": "nullif(first_word(other_words({x})), '')",
        "forename_2": "other_words(other_words({x}))",
    },
    "forenames": {"forename_1": "first_word({x})", "forename_2": "other_words({x})"},
}


def _macro(name: str) -> Parser:
    return Parser(lambda text, _options, _target: Parsed(f"{name}({text})"))


def _date(text: str, options: Options, target: Target) -> Parsed:
    formats = dates.read_formats(options.get("formats"), dates.ISO_DATES)
    value = f"{dates.naive_timestamp_sql(text, formats, options.get('century'), target.as_at, target.held)}::DATE"
    error = dates.range_error_sql("{value}", options.get("earliest"), options.get("latest"), target.as_at)
    return Parsed(value, error)


def _timestamp(text: str, options: Options, target: Target) -> Parsed:
    """The wall-clock time; `compile` makes it UTC in a further layer (`zone`, `ambiguous`).

    A format with an offset gives UTC itself: its zone is UTC.
    """
    formats = dates.read_formats(options.get("formats"), dates.ISO_FORMATS)
    value = dates.naive_timestamp_sql(text, formats, options.get("century"), target.as_at, target.held)
    error = dates.range_error_sql("{value}", options.get("earliest"), options.get("latest"), target.as_at)
    zone = dates.read_zone(options.get("zone"))
    if any("%z" in f.pattern for f in formats) and zone != "UTC":
        raise ValueError("a format with an offset (%z), whose zone is UTC; say so under zone")
    clock = dates.time_error_sql("{value}", zone)
    if options.get("ambiguous", "earlier") not in ("earlier", "later"):
        raise ValueError(f"ambiguous {options['ambiguous']}, not one of earlier, later")
    return Parsed(value, clock if error is None else f"coalesce({error}, {clock})")


def _precision(text: str, options: Options, _target: Target) -> Parsed:
    formats = dates.read_formats(options.get("formats"), dates.ISO_FORMATS)
    return Parsed(dates.precision_sql(text, formats))


def _decimal(text: str, _options: Options, target: Target) -> Parsed:
    number = f"plain_number({text})"
    value = f"TRY_CAST({number} AS {target.type})"
    return Parsed(f"CASE WHEN TRY_CAST({number} AS DECIMAL(38,8)) = {value} THEN {value} END")


def _pence(text: str, _options: Options, target: Target) -> Parsed:
    """Whole pence as pounds."""
    return Parsed(f"TRY_CAST(read_integer({text}) / 100.0 AS {target.type})")


def _boolean(text: str, options: Options, _target: Target) -> Parsed:
    sides, usual = [], []
    for key, default, value in (("true_values", TRUE_VALUES, "true"), ("false_values", FALSE_VALUES, "false")):
        listed = options.get(key, list(default))
        values = [str(v).upper() for v in (listed if isinstance(listed, list) else [listed])]
        words = ", ".join(map(literal, values))
        usual += [f"WHEN {text} = {literal(v)} THEN {value}" for v in values[:1]]
        sides.append(f"WHEN upper({text}) IN ({words}) THEN {value}")
    return Parsed(f"CASE {' '.join(usual)} {' '.join(sides)} END")


def _pnc(text: str, _options: Options, target: Target) -> Parsed:
    error = f"CASE WHEN NOT pnc_check_ok({text}) THEN 'CHECK_FAILED' END"
    return Parsed(f"read_pnc({text}, {int(target.as_at[:4])})", error)


def _identifier_ok(text: str, options: Options, _target: Target) -> Parsed:
    kinds = {
        "PNC": f"coalesce(pnc_check_ok({text}), false)",
        "CHI": f"chi_check_ok({text})",
        "SCRO": f"(read_scro({text}) IS NOT NULL)",
        "CRO": f"(read_cro({text}) IS NOT NULL)",
        "DRIVER": f"(read_driver({text}) IS NOT NULL)",
    }
    kind = str(options.get("kind", ""))
    if kind not in kinds:
        raise ValueError(f"kind {kind or '(none)'}, not one of {' '.join(sorted(kinds))}")
    return Parsed(kinds[kind])


def _name(text: str, options: Options, _target: Target) -> Parsed:
    layout = str(options.get("layout", "surname, forenames"))
    part = str(options.get("part", "surname"))
    if layout not in NAME_PARTS or part not in NAME_PARTS[layout]:
        known = "; ".join(f"{k}: {', '.join(v)}" for k, v in NAME_PARTS.items())
        raise ValueError(f"name layout {layout} with part {part}, not one of {known}")
    return Parsed(NAME_PARTS[layout][part].format(x=text))


def _address(text: str, options: Options, _target: Target) -> Parsed:
    return Parsed(address_part_sql(text, str(options.get("part", "street"))))


PARSERS: Mapping[str, Parser] = {
    "date": Parser(_date, DATE_OPTIONS, default_formats=dates.ISO_DATES),
    "timestamp": Parser(_timestamp, DATE_OPTIONS | {"zone", "ambiguous"}, default_formats=dates.ISO_FORMATS),
    "precision": Parser(_precision, frozenset({"formats"})),
    "integer": _macro("read_integer"),
    "decimal": Parser(_decimal),
    "pence": Parser(_pence),
    "double": _macro("read_double"),
    "boolean": Parser(_boolean, frozenset({"true_values", "false_values"})),
    "postcode": _macro("read_postcode"),
    "phone": _macro("read_phone"),
    "crime_code": _macro("read_crime_code"),
    "pnc": Parser(_pnc),
    "scro": _macro("read_scro"),
    "cro": _macro("read_cro"),
    "driver": _macro("read_driver"),
    "identifier_ok": Parser(_identifier_ok, frozenset({"kind"})),
    "name": Parser(_name, frozenset({"layout", "part"}), is_total=True),
    "address": Parser(_address, frozenset({"part"}), is_total=True),
    "grid_easting": _macro("read_grid_easting"),
    "grid_northing": _macro("read_grid_northing"),
}
