"""Normalised records of people: the one table that linking works on, whatever they came from.

Enters: an Arrow table in the role vocabulary (`roles.py`): `record_id`, any of the roles as text (`dob` may be a date),
`source` (the division or system a record came from). Leaves: the linkage columns below, in any row order. Must hold: a
record's row depends on the record and on the placeholders of its own source only, so linking one source after another
sees the same rows as linking all at once. Refuses nothing: what cannot be read is "not known".

Linkage columns: `surname`, `surname_alt_1`, `surname_alt_2` (aliases, former names, halves of double names),
`surname_family`, `surname_sound`, `forename`, `forename_alt_1`, `forename_family_1..3`, `forename_initial`, `middle`;
`dob` (YYYYMMDD, whole dates only), `birth_text` (the same as text, for its frequency), `birth_year` (YYYY0000); `sex`;
`postcode`, `postcode_sector`, `postcode_outward`; `uprn`, `address`, `locality`, `place_of_birth`, `occupation`,
`phone`; `id_<type>`; `extra_<name>`.
"""

from collections.abc import Callable, Mapping
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe import dates, names
from migration.dedupe.matrix import RECORD_ID

NAME_ROLES = ("forename", "middle", "surname", "full_name", "former_surname", "alias_surname", "alias_forename")
TEXT_ROLES = ("address", "locality", "place_of_birth", "occupation")
NOTHING = (
    r"^(UNKNOWN|UNK|NOT KNOWN|NOT STATED|NOT GIVEN|NOT RECORDED|NONE|NULL|NIL|NA|NK"
    r"|REFUSED|TBC|TBA|XX+|ZZ+|NO FIXED ABODE|NFA)$"
)
SEXES: Mapping[str, str] = {"MALE": "M", "M": "M", "1": "M", "FEMALE": "F", "F": "F", "2": "F"}
POSTCODE = r"^([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9])([A-Z]{2})$"


def normalise_people(records: pa.Table) -> pa.Table:
    """Linkage columns of records in the role vocabulary: one row per record, same order.

    Columns: `record_id`, `source`, `is_person`, and the linkage columns of the roles that `records` has.
    """
    columns: dict[str, pa.Array] = {RECORD_ID: _text(records, RECORD_ID)}
    columns["source"] = (
        _text(records, "source") if "source" in records.column_names else pa.nulls(len(records), pa.string())
    )
    columns |= _names(records)
    columns |= _birth(records)
    columns |= _places(records)
    for name in records.column_names:
        if name.startswith("id_"):
            columns[name] = _compact(_text(records, name))
        elif name.startswith("extra_"):
            columns[name] = _plain(_text(records, name))
    columns["is_person"] = _is_person(records)
    return pa.table(columns)


def _text(records: pa.Table, column: str) -> pa.Array:
    return records.column(column).combine_chunks().cast(pa.string())


def map_distinct(values: pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """A function of text applied to each distinct value once."""
    encoded = values.dictionary_encode()
    mapped = pa.array([function(v) for v in encoded.dictionary.to_pylist()], pa.string())
    return mapped.take(encoded.indices)


def _first_known(*arrays: pa.Array) -> pa.Array:
    return pc.coalesce(*arrays) if len(arrays) > 1 else arrays[0]


def _names(records: pa.Table) -> dict[str, pa.Array]:
    if not any(r in records.column_names for r in NAME_ROLES):
        return {}
    empty = pa.nulls(len(records), pa.string())
    raw = {role: _text(records, role) if role in records.column_names else empty for role in NAME_ROLES}
    part = {name: map_distinct(raw["full_name"], partial(_part_of_name, name)) for name in names.FullName._fields}
    # A full name supplies what its own columns lack; beside a forename or surname, only the middle name.
    has_parts = pc.or_(pc.is_valid(raw["forename"]), pc.is_valid(raw["surname"]))
    lone = pc.if_else(_is_lone(raw), part["lone"], pa.scalar(None, pa.string()))
    blank = pa.scalar(None, pa.string())
    surname = _first_known(
        map_distinct(raw["surname"], names.clean_surname), pc.if_else(has_parts, blank, part["surname"])
    )
    forename = _first_known(
        map_distinct(raw["forename"], names.clean_forename), pc.if_else(has_parts, blank, part["forename"])
    )
    is_lone = pc.is_valid(lone)
    surname, forename = pc.if_else(is_lone, blank, surname), pc.if_else(is_lone, blank, forename)
    middle = _first_known(map_distinct(raw["middle"], names.clean_further), part["further"])
    first, second = _alternatives(raw, surname, lone)
    families = [_family(forename, names.forename_families(), place) for place in range(3)]
    return {
        "surname": surname,
        "surname_alt_1": first,
        "surname_alt_2": second,
        "surname_family": _first_known(_family(surname, names.surname_families(), 0), surname),
        "surname_sound": map_distinct(_first_known(surname, first), names.sound_key),
        "forename": forename,
        "forename_alt_1": _first_known(map_distinct(raw["alias_forename"], names.clean_forename), lone),
        "forename_family_1": families[0],
        "forename_family_2": families[1],
        "forename_family_3": families[2],
        "forename_initial": pc.utf8_slice_codeunits(_first_known(families[0], forename), 0, 1),
        "middle": middle,
    }


def _part_of_name(part: str, text: str) -> str | None:
    found: str | None = names.split_full_name(text)._asdict()[part]
    return found


def _half_of_surname(place: int, text: str) -> str | None:
    return (names.surname_parts(text) or (None, None))[place]


def _is_lone(raw: Mapping[str, pa.Array]) -> pa.Array:
    """Where only one name is known and its field cannot tell which: a one-word full name, no surname of its own."""
    return pc.and_(pc.is_valid(raw["full_name"]), pc.is_null(raw["surname"]))


def _alternatives(raw: Mapping[str, pa.Array], surname: pa.Array, lone: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Two further surnames, the smaller first: alias, former name, then halves of a double name."""
    halves = [map_distinct(raw["surname"], partial(_half_of_surname, place)) for place in range(2)]
    alias = map_distinct(raw["alias_surname"], names.clean_surname)
    former = map_distinct(raw["former_surname"], names.clean_surname)
    first = _first_known(lone, alias, former, halves[0])
    blank = pa.scalar(None, pa.string())
    others = [pc.if_else(pc.fill_null(pc.equal(a, first), True), blank, a) for a in (former, halves[0], halves[1])]
    second = _first_known(*others)
    first, second = (pc.if_else(pc.fill_null(pc.equal(a, surname), False), blank, a) for a in (first, second))
    return pc.min_element_wise(first, second), pc.if_else(
        pc.and_(pc.is_valid(first), pc.is_valid(second)), pc.max_element_wise(first, second), blank
    )


def _family(values: pa.Array, families: Mapping[str, tuple[str, ...]], place: int) -> pa.Array:
    def head(name: str) -> str | None:
        found = families.get(name, ())
        return found[place] if place < len(found) else None

    return map_distinct(values, head)


def _birth(records: pa.Table) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    if "dob" in records.column_names:
        encoded = _text(records, "dob").dictionary_encode()
        precision = _text(records, "dob_precision") if "dob_precision" in records.column_names else None
        packed = pa.array([dates.pack_date(v) for v in encoded.dictionary.to_pylist()], pa.int32())
        values = pc.fill_null(packed.take(encoded.indices), 0)
        if precision is not None:
            whole = pc.fill_null(pc.is_in(precision, value_set=pa.array(["DAY", "MINUTE"])), True)
            known = pc.fill_null(pc.not_equal(precision, "NONE"), True)
            year = pc.multiply(pc.divide(values, 10000), 10000)
            values = pc.if_else(whole, values, pc.if_else(known, year, 0))
        is_whole = pc.not_equal(pc.bit_wise_and(pc.subtract(values, pc.multiply(pc.divide(values, 100), 100)), 127), 0)
        columns["dob"] = pc.if_else(is_whole, values, 0).cast(pa.int32())
        columns["birth_text"] = pc.if_else(is_whole, values.cast(pa.string()), pa.scalar(None, pa.string()))
        columns["birth_year"] = pc.multiply(pc.divide(values, 10000), 10000).cast(pa.int32())
    if "sex" in records.column_names:
        columns["sex"] = map_distinct(_text(records, "sex"), lambda v: SEXES.get(v.strip().upper()))
    return columns


def _places(records: pa.Table) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    if "postcode" in records.column_names:
        code = _compact(_text(records, "postcode"))
        british = pc.match_substring_regex(code, POSTCODE)
        outward = pc.if_else(british, pc.utf8_slice_codeunits(code, 0, -3), code)
        sector = pc.if_else(british, pc.utf8_slice_codeunits(code, 0, -2), pc.utf8_slice_codeunits(code, 0, 3))
        columns |= {"postcode": code, "postcode_sector": sector, "postcode_outward": outward}
    for role in TEXT_ROLES:
        if role in records.column_names:
            columns[role] = _plain(_text(records, role))
    for role in ("uprn", "phone"):
        if role in records.column_names:
            columns[role] = _digits(_text(records, role))
    return columns


def _blank_to_null(values: pa.Array) -> pa.Array:
    empty = pc.or_(pc.equal(values, ""), pc.match_substring_regex(values, NOTHING))
    return pc.if_else(pc.fill_null(empty, True), pa.scalar(None, pa.string()), values)


def _on_distinct(values: pa.Array, function: Callable[[pa.Array], pa.Array]) -> pa.Array:
    encoded = values.dictionary_encode()
    return function(encoded.dictionary).take(encoded.indices)


def _plain(values: pa.Array) -> pa.Array:
    """Text in capitals, without accents, with single spaces and no punctuation; placeholders as null."""

    def clean(distinct: pa.Array) -> pa.Array:
        folded = pc.replace_substring_regex(pc.utf8_upper(pc.utf8_normalize(distinct, form="NFKD")), r"\p{M}+", "")
        spaced = pc.replace_substring_regex(folded, r"[^A-Z0-9]+", " ")
        return _blank_to_null(pc.utf8_trim_whitespace(spaced))

    return _on_distinct(values, clean)


def _compact(values: pa.Array) -> pa.Array:
    """Letters and digits in capitals, nothing else; placeholders as null."""

    def clean(distinct: pa.Array) -> pa.Array:
        return _blank_to_null(pc.replace_substring_regex(pc.utf8_upper(distinct), r"[^A-Z0-9]+", ""))

    return _on_distinct(values, clean)


def _digits(values: pa.Array) -> pa.Array:
    """Digits only, without the country code or leading zeros; fewer than six, or one digit repeated, as null."""

    def clean(distinct: pa.Array) -> pa.Array:
        digits = pc.replace_substring_regex(distinct, r"^\s*(\+44|0044)", "")
        digits = pc.replace_substring_regex(pc.replace_substring_regex(digits, r"[^0-9]+", ""), r"^0+", "")
        short = pc.less(pc.utf8_length(digits), 6)
        same = pc.match_substring_regex(digits, r"^(0+|1+|2+|3+|4+|5+|6+|7+|8+|9+|123456789?0?)$")
        return pc.if_else(pc.or_(short, same), pa.scalar(None, pa.string()), digits)

    return _on_distinct(values, clean)


def _is_person(records: pa.Table) -> pa.Array:
    """False for organisations, pseudo-nominals and names that stand for nobody; true where nothing says otherwise."""
    person = pa.array([True] * len(records), pa.bool_())
    if "nominal_type" in records.column_names:
        person = pc.fill_null(pc.equal(_text(records, "nominal_type"), "PERSON"), True)
    if "full_name" in records.column_names:
        full = _text(records, "full_name")
        pseudo = pc.equal(map_distinct(full, lambda v: "1" if v.strip() and names.is_pseudo_name(v) else "0"), "1")
        person = pc.and_(person, pc.invert(pc.fill_null(pseudo, False)))
    return person
