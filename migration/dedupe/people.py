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
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe import dates, names
from migration.dedupe.coded import Coded, first_known, no_values, read_coded, share_codes, sort_codes
from migration.dedupe.compiled import BoolArray, IntArray
from migration.dedupe.matrix import RECORD_ID

NAME_ROLES = ("forename", "middle", "surname", "full_name", "former_surname", "alias_surname", "alias_forename")
TEXT_ROLES = ("address", "locality", "place_of_birth", "occupation")
PLACE_ROLES = ("postcode", *TEXT_ROLES, "uprn", "phone")
NOTHING = (
    r"^(UNKNOWN|UNK|NOT KNOWN|NOT STATED|NOT GIVEN|NOT RECORDED|NONE|NULL|NIL|NA|NK"
    r"|REFUSED|TBC|TBA|XX+|ZZ+|NO FIXED ABODE|NFA)$"
)
SEXES: Mapping[str, str] = {"MALE": "M", "M": "M", "1": "M", "FEMALE": "F", "F": "F", "2": "F"}
POSTCODE = r"^([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9])([A-Z]{2})$"


def normalise_people(records: pa.Table, threads: int = 1) -> pa.Table:
    """Linkage columns of records in the role vocabulary: one row per record, same order; text is dictionary-encoded.

    Columns: `record_id`, `source`, `is_person`, and the linkage columns of the roles that `records` has.
    """
    columns: dict[str, pa.Array] = {RECORD_ID: records.column(RECORD_ID).combine_chunks().cast(pa.string())}
    parts: list[Callable[[pa.Table], dict[str, pa.Array]]] = [_encoded(_names)]
    parts += [_encoded(partial(_place, role)) for role in PLACE_ROLES if role in records.column_names]
    parts += [_encoded(partial(_free, name)) for name in records.column_names if name.startswith(("id_", "extra_"))]
    parts += [_birth]
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        person = pool.submit(_is_person, records)
        columns["source"] = _read(records, "source").to_arrow()
        for found in pool.map(lambda part: part(records), parts):
            columns |= found
        columns["is_person"] = pa.array(person.result())
    return pa.table(columns)


def _encoded(part: Callable[[pa.Table], dict[str, Coded]]) -> Callable[[pa.Table], dict[str, pa.Array]]:
    return lambda records: {name: column.to_arrow() for name, column in part(records).items()}


def _read(records: pa.Table, column: str) -> Coded:
    return read_coded(records.column(column)) if column in records.column_names else no_values(len(records))


def _names(records: pa.Table) -> dict[str, Coded]:
    if not any(r in records.column_names for r in NAME_ROLES):
        return {}
    raw = {role: _read(records, role) for role in NAME_ROLES}
    part = {name: raw["full_name"].map_values(partial(_part_of_name, name)) for name in names.FullName._fields}
    # A full name supplies what its own columns lack; beside a forename or surname, only the middle name.
    has_parts = raw["forename"].known | raw["surname"].known
    # Where only one name is known and its field cannot tell which: a one-word full name, no surname of its own.
    lone = part["lone"].where(raw["full_name"].known & ~raw["surname"].known)
    surname = first_known(raw["surname"].map_values(names.clean_surname), part["surname"].where(~has_parts))
    forename = first_known(raw["forename"].map_values(names.clean_forename), part["forename"].where(~has_parts))
    surname, forename = surname.where(~lone.known), forename.where(~lone.known)
    first, second = _alternatives(raw, surname, lone)
    families = [_family(forename, names.forename_families(), place) for place in range(3)]
    return {
        "surname": surname,
        "surname_alt_1": first,
        "surname_alt_2": second,
        "surname_family": first_known(_family(surname, names.surname_families(), 0), surname),
        "surname_sound": first_known(surname, first).map_values(names.sound_key),
        "forename": forename,
        "forename_alt_1": first_known(raw["alias_forename"].map_values(names.clean_forename), lone),
        "forename_family_1": families[0],
        "forename_family_2": families[1],
        "forename_family_3": families[2],
        "forename_initial": first_known(families[0], forename).map_values(lambda name: name[:1]),
        "middle": first_known(raw["middle"].map_values(names.clean_further), part["further"]),
    }


def _part_of_name(part: str, text: str) -> str | None:
    found: str | None = names.split_full_name(text)._asdict()[part]
    return found


def _half_of_surname(place: int, text: str) -> str | None:
    # One word has no halves, which is what nearly every surname is.
    return (names.surname_parts(text) or (None, None))[place] if "-" in text or len(text.split()) > 1 else None


def _alternatives(raw: Mapping[str, Coded], surname: Coded, lone: Coded) -> tuple[Coded, Coded]:
    """Two further surnames, the smaller first: alias, former name, then halves of a double name."""
    halves = [raw["surname"].map_values(partial(_half_of_surname, place)) for place in range(2)]
    alias = raw["alias_surname"].map_values(names.clean_surname)
    former = raw["former_surname"].map_values(names.clean_surname)
    found = first_known(lone, alias, former, halves[0])
    if not len(found.values):
        return found, found
    first, surname, *others = share_codes(found, surname, former, *halves)
    first, *others = (sort_codes(c) for c in (first, *others))
    surname = sort_codes(surname)
    second = first_known(*(c.where(first.known & (c.codes != first.codes)) for c in others))
    first, second = (c.where(c.codes != surname.codes) for c in (first, second))
    both = first.known & second.known
    smaller = np.where(both, np.minimum(first.codes, second.codes), np.maximum(first.codes, second.codes))
    larger = np.where(both, np.maximum(first.codes, second.codes), np.int32(0))
    return Coded(smaller, first.values), Coded(larger, first.values)


def _family(names_: Coded, families: Mapping[str, tuple[str, ...]], place: int) -> Coded:
    def head(name: str) -> str | None:
        found = families.get(name, ())
        return found[place] if place < len(found) else None

    return names_.map_values(head)


def _birth(records: pa.Table) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    if "dob" in records.column_names:
        dob = _read(records, "dob")
        dates_of = np.asarray([0, *(dates.pack_date(v) or 0 for v in dob.values.to_pylist())], dtype=np.int32)
        packed = dates_of[dob.codes]
        if "dob_precision" in records.column_names:
            packed = _to_precision(packed, _read(records, "dob_precision"))
        is_whole = packed % 100 != 0
        distinct, codes_of = np.unique(dates_of, return_inverse=True)
        text = Coded(codes_of.astype(np.int32)[dob.codes], pa.array(distinct[1:]).cast(pa.string()))
        columns["dob"] = pa.array(np.where(is_whole, packed, np.int32(0)).astype(np.int32))
        columns["birth_text"] = text.where(is_whole).to_arrow()
        columns["birth_year"] = pa.array((packed // 10000 * 10000).astype(np.int32))
    if "sex" in records.column_names:
        columns["sex"] = _read(records, "sex").map_values(lambda v: SEXES.get(v.strip().upper())).to_arrow()
    return columns


def _to_precision(packed: IntArray, precision: Coded) -> IntArray:
    """Dates without the parts that their recorded precision says are not known; whole where it says nothing."""
    known = np.asarray([True, *(p in {"DAY", "MINUTE"} for p in precision.values.to_pylist())])[precision.codes]
    none = np.asarray([False, *(p == "NONE" for p in precision.values.to_pylist())])[precision.codes]
    year = np.where(none, 0, packed // 10000 * 10000)
    return np.where(known, packed, year).astype(np.int32)


def _place(role: str, records: pa.Table) -> dict[str, Coded]:
    """The columns of one role of `PLACE_ROLES`."""
    values = _read(records, role)
    if role == "postcode":
        return _postcode(_compact(values))
    return {role: _plain(values) if role in TEXT_ROLES else _digits(values)}


def _postcode(code: Coded) -> dict[str, Coded]:
    british = pc.match_substring_regex(code.values, POSTCODE)
    outward = pc.if_else(british, pc.utf8_slice_codeunits(code.values, 0, -3), code.values)
    short = pc.utf8_slice_codeunits(code.values, 0, 3)
    sector = pc.if_else(british, pc.utf8_slice_codeunits(code.values, 0, -2), short)
    return {
        "postcode": code,
        "postcode_sector": code.replace_values(sector),
        "postcode_outward": code.replace_values(outward),
    }


def _free(name: str, records: pa.Table) -> dict[str, Coded]:
    """An identifier or a column of the table's own."""
    values = _read(records, name)
    return {name: _compact(values) if name.startswith("id_") else _plain(values)}


def _blank_to_null(values: pa.Array) -> pa.Array:
    empty = pc.or_(pc.equal(values, ""), pc.match_substring_regex(values, NOTHING))
    return pc.if_else(pc.fill_null(empty, True), pa.scalar(None, pa.string()), values)


def _plain(values: Coded) -> Coded:
    """Text in capitals, without accents, with single spaces and no punctuation; placeholders as null."""

    def clean(distinct: pa.Array) -> pa.Array:
        folded = pc.replace_substring_regex(pc.utf8_upper(pc.utf8_normalize(distinct, form="NFKD")), r"\p{M}+", "")
        spaced = pc.replace_substring_regex(folded, r"[^A-Z0-9]+", " ")
        return _blank_to_null(pc.utf8_trim_whitespace(spaced))

    return values.replace_values(clean(values.values))


def _compact(values: Coded) -> Coded:
    """Letters and digits in capitals, nothing else; placeholders as null."""

    def clean(distinct: pa.Array) -> pa.Array:
        return _blank_to_null(pc.replace_substring_regex(pc.utf8_upper(distinct), r"[^A-Z0-9]+", ""))

    return values.replace_values(clean(values.values))


def _digits(values: Coded) -> Coded:
    """Digits only, without the country code or leading zeros; fewer than six, or one digit repeated, as null."""

    def clean(distinct: pa.Array) -> pa.Array:
        digits = pc.replace_substring_regex(distinct, r"^\s*(\+44|0044)", "")
        digits = pc.replace_substring_regex(pc.replace_substring_regex(digits, r"[^0-9]+", ""), r"^0+", "")
        short = pc.less(pc.utf8_length(digits), 6)
        same = pc.match_substring_regex(digits, r"^(0+|1+|2+|3+|4+|5+|6+|7+|8+|9+|123456789?0?)$")
        return pc.if_else(pc.or_(short, same), pa.scalar(None, pa.string()), digits)

    return values.replace_values(clean(values.values))


def _is_person(records: pa.Table) -> BoolArray:
    """False for organisations, pseudo-nominals and names that stand for nobody; true where nothing says otherwise."""
    kind, full = _read(records, "nominal_type"), _read(records, "full_name")
    person = np.asarray([True, *(v == "PERSON" for v in kind.values.to_pylist())])
    pseudo = np.asarray([False, *(bool(v.strip()) and names.is_pseudo_name(v) for v in full.values.to_pylist())])
    return np.asarray(person[kind.codes] & ~pseudo[full.codes], dtype=np.bool_)
