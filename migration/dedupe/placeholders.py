"""Values that say nothing, learned from the data of one source.

Enters: normalised records (`people.py`). Leaves: the same records with such values as null. Three kinds are learned,
per source (`source`), so that what one legacy system uses as a default never weighs against another's real value: a
date of birth far more frequent than the same day of neighbouring years; a surname or forename that stands out from the
next most frequent; an address, postcode, phone or identifier shared by more different people than can share it. Must
hold: what is removed depends on that source's records only. Refuses nothing; counts what it removed, never says the
value.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.coded import read_coded
from migration.dedupe.compiled import BoolArray, LongArray
from migration.dedupe.matrix import RECORD_ID

SPIKE_TIMES = 8.0
"""A default date stands at least this many times above the same day of the ten years around it."""
SPIKE_SHARE = 0.002
SPIKE_LEAST = 20
NAME_SHARE = 0.02
"""Smith, the commonest surname of Scotland, is 1.2 % of people; a name above 2 % and 3 times the next is no name."""
NAME_TIMES = 3.0
FORENAME_SHARE = 0.08
SHARED_BY = {"postcode": 60, "uprn": 30, "address": 30, "phone": 12}
"""Different surnames that one value may have: a postcode covers about 15 homes, a tenement flat changes hands."""
IDENTIFIER_SHARED_BY = 6


@dataclass(frozen=True)
class Placeholder:
    """How many records of a source had a column blanked because its value says nothing."""

    source: str
    column: str
    rule: str
    values: int
    records: int


def remove_placeholders(people: pa.Table) -> tuple[pa.Table, tuple[Placeholder, ...]]:
    """The records without values that say nothing, and what was removed."""
    sources = read_coded(people.column("source"))
    source = sources.codes.astype(np.int64)
    names = ["", *sources.values.to_pylist()]
    found: list[Placeholder] = []
    for column in people.column_names:
        if column in {RECORD_ID, "source", "is_person"}:
            continue
        rule = _rule(column)
        if rule is None:
            continue
        codes, values = _codes_of(people, column)
        bad = _find_bad(rule, column, people, source, codes, values, len(names))
        if not bad.any():
            continue
        people = _blank(people, column, bad)
        for place, name in enumerate(names):
            hit = bad & (source == place)
            if hit.any():
                found.append(Placeholder(str(name), column, rule, len(np.unique(codes[hit])), int(hit.sum())))
    return people, tuple(sorted(found, key=lambda p: (p.source, p.column)))


def _codes_of(people: pa.Table, column: str) -> tuple[LongArray, pa.Array]:
    """Codes of a column's values from 0, -1 for none, and the values."""
    array = people.column(column)
    if pa.types.is_integer(array.type):
        encoded = array.combine_chunks().dictionary_encode()
        codes = np.asarray(encoded.indices).astype(np.int64)
        return np.where(np.asarray(array) == 0, -1, codes), encoded.dictionary
    coded = read_coded(array)
    return coded.codes.astype(np.int64) - 1, coded.values


def _rule(column: str) -> str | None:
    if column == "dob":
        return "default_date"
    if column in {"surname", "forename"}:
        return "stands_out"
    if column in SHARED_BY or column.startswith("id_"):
        return "shared_by_many"
    return None


def _find_bad(
    rule: str, column: str, people: pa.Table, source: LongArray, codes: LongArray, values: pa.Array, sources: int
) -> BoolArray:
    if rule == "default_date":
        return _find_default_dates(source, codes, np.asarray(values).astype(np.int64), sources)
    if rule == "stands_out":
        return _find_standing_out(source, codes, len(values), sources, column)
    limit = SHARED_BY.get(column, IDENTIFIER_SHARED_BY)
    return _find_shared(people, source, codes, len(values), limit)


def _find_default_dates(source: LongArray, codes: LongArray, dates: LongArray, sources: int) -> BoolArray:
    bad = np.zeros(len(codes), dtype=np.bool_)
    for place in range(sources):
        mine = codes[(source == place) & (codes >= 0)]
        counts = np.bincount(mine, minlength=len(dates))
        total = len(mine)
        lookup = {int(d): int(n) for d, n in zip(dates, counts, strict=True) if n}
        large = np.flatnonzero(counts >= max(SPIKE_LEAST, SPIKE_SHARE * total))
        for code in large:
            day = int(dates[code])
            around = [lookup.get(day + 10000 * years, 0) for years in range(-10, 11) if years]
            if counts[code] >= SPIKE_TIMES * max(float(np.median(around)), float(np.mean(around)), 1.0):
                bad |= (source == place) & (codes == code)
    return bad


def _find_standing_out(source: LongArray, codes: LongArray, values: int, sources: int, column: str) -> BoolArray:
    bad = np.zeros(len(codes), dtype=np.bool_)
    least = NAME_SHARE if column == "surname" else FORENAME_SHARE
    for place in range(sources):
        mine = codes[(source == place) & (codes >= 0)]
        counts = np.sort(np.bincount(mine, minlength=values))[::-1]
        if len(mine) < 500 or len(counts) < 20:
            continue
        for rank in range(4):
            if counts[rank] >= least * len(mine) and counts[rank] >= NAME_TIMES * counts[rank + 1]:
                worst = np.flatnonzero(np.bincount(mine, minlength=values) >= counts[rank])
                bad |= (source == place) & np.isin(codes, worst)
    return bad


def _find_shared(people: pa.Table, source: LongArray, codes: LongArray, values: int, limit: int) -> BoolArray:
    """Values that too many different surnames share (where there are no surnames: too many records)."""
    known = codes >= 0
    # A value of no more records than the limit has no more surnames: most columns need no further look.
    often = known & (np.bincount(codes[known], minlength=max(values, 1)) > limit)[codes]
    if not often.any():
        return often
    known, pair = often, source * max(values, 1) + codes
    if "surname" in people.column_names:
        surname, names = _codes_of(people, "surname")
        both = known & (surname >= 0)
        distinct = np.unique(pair[both] * max(len(names), 1) + surname[both])
        owners, counts = np.unique(distinct // max(len(names), 1), return_counts=True)
    else:
        owners, counts = np.unique(pair[known], return_counts=True)
        limit *= 10
    return known & np.isin(pair, owners[counts > limit])


def _blank(people: pa.Table, column: str, bad: BoolArray) -> pa.Table:
    dependents = {
        "dob": ("dob", "birth_year", "birth_text"),
        "postcode": ("postcode", "postcode_sector", "postcode_outward"),
        "surname": ("surname", "surname_family", "surname_sound"),
        "forename": ("forename", "forename_family_1", "forename_family_2", "forename_family_3", "forename_initial"),
    }.get(column, (column,))
    for name in dependents:
        if name in people.column_names:
            column_ = people.column(name)
            if pa.types.is_integer(column_.type):
                blanked = pc.if_else(pa.array(bad), pa.scalar(0, column_.type), column_)
            else:
                blanked = read_coded(column_).where(~bad).to_arrow()
            people = people.set_column(people.column_names.index(name), name, blanked)
    return people
