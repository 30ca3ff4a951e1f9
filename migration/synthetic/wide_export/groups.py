"""Column groups of the wide export, in the order of its header.

Enters: a division's records, the family's codes. Leaves: columns by name, one value per report, and which involvement
or place each group holds.
"""

import numpy as np

from migration.synthetic.columns import Column, codes, dates, flags, short_dates, short_times, texts, whole
from migration.synthetic.draws import Ints, Texts
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.families import Family
from migration.synthetic.habits import (
    address_lines,
    legacy_beats,
    officer_numbers,
    premises_lines,
    procedural_references,
    roles_as_recorded,
)
from migration.synthetic.objects import make_property, make_vehicles
from migration.synthetic.places import load_towns
from migration.synthetic.recorded import COMPLAINER, DEFAULT_BIRTHDAY, SUSPECT, WITNESS

MOST_OFFENCES = 3
Columns = dict[str, Column]
NAMES_OF: dict[int, tuple[str, ...]] = {
    COMPLAINER: (
        *("SURNAME", "FORENAMES", "MAIDEN", "DOB", "AGE", "SEX", "ETHNIC", "OCCUPATION", "ADDRESS", "PCODE", "PHONE"),
        "ROLE",
    ),
    SUSPECT: (
        *("SURNAME", "FORENAMES", "AKA", "DOB", "AGE", "SEX", "ETHNIC", "SCRO", "PNC", "ADDRESS", "PCODE", "STATE"),
    ),
    WITNESS: ("SURNAME", "FORENAMES", "DOB", "SEX", "ADDRESS", "PCODE", "PHONE", "ROLE"),
}
"""Columns of a group of people by capacity; the last is the role."""


def add_report(columns: Columns, records: DivisionRecords, family: Family) -> None:
    """Columns of the report itself."""
    reports = records.reports
    towns = [t.name.upper() for t in load_towns() if t.division == records.division]
    columns |= {
        "CRIME_NO": list(records.crime_no),
        "BEAT": legacy_beats(records),
        "HOW_REPORTED": codes(reports.how_reported, family.codes["HOW_REPORTED"]),
        "REPORTED": short_times(reports.reported_at),
        "RECORDED": short_times(reports.recorded_at),
        "OCC_FROM": short_times(reports.occurred_from),
        "OCC_TO": short_times(reports.occurred_to),
        "STORM_REF": texts(reports.storm_no),
        "OIC": officer_numbers(reports.officer),
        "STATION": [towns[n % len(towns)] for n in reports.station.tolist()],
        "STATUS": codes(reports.status, family.codes["STATUS"]),
        "FILE_STATE": codes(reports.workflow_state, family.codes["FILE_STATE"]),
        "MO": texts(reports.mo),
    }


def add_locus(columns: Columns, records: DivisionRecords, family: Family) -> None:
    """Columns of the locus; all empty where it is missing."""
    written = records.written
    has = records.locus >= 0
    place = np.maximum(records.locus, 0)

    def where_known(values: Column) -> Column:
        return [v or None if known else None for v, known in zip(values, has.tolist(), strict=True)]

    point = [f"{e},{n}" for e, n in zip(written.easting[place].tolist(), written.northing[place].tolist(), strict=True)]
    grid = np.where(written.has_coordinates[place], np.array(point, dtype=object), written.grid_ref[place])
    street = np.where(written.text[place] != "", written.text[place], written.street[place])
    columns |= {
        "LOCUS_PREMISES": where_known(list(premises_lines(records, place))),
        "LOCUS_STREET": where_known(street.tolist()),
        "LOCUS_AREA": where_known(written.locality[place].tolist()),
        "LOCUS_TOWN": where_known(written.town[place].tolist()),
        "LOCUS_PCODE": where_known(written.postcode[place].tolist()),
        "LOCUS_GRID": where_known(grid.tolist()),
        "LOCUS_TYPE": where_known(codes(written.location_type[place], family.codes["LOCUS_TYPE"])),
    }


def add_offences(columns: Columns, records: DivisionRecords, family: Family) -> None:
    """Columns of the first three offences, of No Crime, markers, transfers and review."""
    crimes, reports = records.crimes, records.reports
    size = len(reports)
    made: Columns = {
        "CODE": [f"{c[:2]}/{c[2:]}" for c in crimes.code.tolist()],
        "ATT": flags(crimes.is_attempted),
        "DISP": codes(crimes.disposal, family.codes["DISPOSAL"]),
        "CLEARED": short_dates(crimes.detected_on),
        "REF": procedural_references(records),
    }
    for seq in range(1, MOST_OFFENCES + 1):
        at = np.nonzero(crimes.seq == seq)[0]
        for name, values in made.items():
            columns[f"OFFENCE{seq}_{name}"] = _scatter(size, crimes.report[at], [values[i] for i in at.tolist()])
    first = np.nonzero(crimes.seq == 1)[0]
    columns |= {
        "NC_REASON": codes(reports.no_crime_reason, family.codes["NC_REASON"]),
        "NC_REQ_BY": officer_numbers(reports.no_crime_requested_by),
        "NC_AUTH_BY": officer_numbers(reports.no_crime_authorised_by),
        "COMP_UPDATED": texts(reports.is_complainer_updated),
    }
    for i, marker in enumerate(crimes.markers, start=1):
        columns[f"MARKER{i}"] = codes(marker[first], family.codes["MARKER"])
    columns |= {
        "XFER_FROM": texts(records.transferred_from),
        "XFER_TO": texts(records.transferred_to),
        "REVIEW_DATE": short_dates(reports.review_on),
    }


def _scatter(size: int, at: Ints, values: Column) -> Column:
    column: Column = [None] * size
    for i, value in zip(at.tolist(), values, strict=True):
        column[i] = value
    return column


def add_person(
    columns: Columns, records: DivisionRecords, family: Family, group: str, capacity: int, slot: int
) -> Ints:
    """Columns of one group of people; returns the involvement in it for each report, -1 for none."""
    involved = records.involved
    at = np.nonzero((involved.capacity == capacity) & (involved.slot == slot))[0]
    report = involved.report[at]
    made = _describe_people(records, family, at)
    names = NAMES_OF[capacity]
    made[names[-1]] = codes(roles_as_recorded(records)[at], family.codes["ROLE"])
    for name in names:
        columns[f"{group}_{name}"] = _scatter(len(records.reports), report, made[name])
    holder = np.full(len(records.reports), -1, dtype=np.int64)
    holder[report] = at
    return holder


def _describe_people(records: DivisionRecords, family: Family, at: Ints) -> Columns:
    nominal = records.nominal_of[at]
    people, written = records.nominals.details, records.written
    home = records.home[nominal]
    has_home = home >= 0
    place = np.maximum(home, 0)
    lines = [
        line or None if known else None for line, known in zip(address_lines(records, place), has_home, strict=True)
    ]
    alias = people.alias_surname[nominal]
    aka = [f"{s.upper()}, {f}" if s else None for s, f in zip(alias, people.alias_forename[nominal], strict=True)]
    surname = people.surname[nominal]
    return {
        "SURNAME": [s or f for s, f in zip(surname, people.forename_1[nominal], strict=True)],
        "FORENAMES": _join_forenames(surname, people.forename_1[nominal], people.forename_2[nominal]),
        "MAIDEN": texts(people.maiden_name[nominal]),
        "AKA": aka,
        "DOB": write_birthdays(people.born_on[nominal], people.precision[nominal]),
        "AGE": whole(people.age[nominal], people.age[nominal] >= 0),
        "SEX": codes(people.sex[nominal], family.codes["SEX"]),
        "ETHNIC": codes(people.ethnicity[nominal], family.codes["ETHNIC"]),
        "OCCUPATION": texts(people.occupation[nominal]),
        "SCRO": texts(people.scro_no[nominal]),
        "PNC": texts(people.pnc_id[nominal]),
        "ADDRESS": lines,
        "PCODE": [p or None if known else None for p, known in zip(written.postcode[place], has_home, strict=True)],
        "PHONE": texts(people.phone[nominal]),
    }


def _join_forenames(surname: Texts, first: Texts, second: Texts) -> Column:
    """Forenames in one column; where the whole name went into the forename, that stands in SURNAME alone."""
    return [
        " ".join(p for p in (f, m) if p) or None if s else (m or None)
        for s, f, m in zip(surname, first, second, strict=True)
    ]


def write_birthdays(born_on: np.ndarray, precision: Texts) -> Column:
    """Dates of birth as typed: `dd/mm/yy`, a default written out, a year alone where no more was known."""
    short, long = short_dates(born_on), dates(born_on)
    default = (born_on == DEFAULT_BIRTHDAY).tolist()
    return [
        "01/01/1900" if is_default else (year[:4] if how == "YEAR" and year else day)
        for day, year, how, is_default in zip(short, long, precision, default, strict=True)
    ]


def add_things(columns: Columns, records: DivisionRecords) -> None:
    """Columns of the first property item and vehicle, and of the last amendment."""
    size = len(records.reports)
    items, vehicles = make_property(records.draws, records.crimes), make_vehicles(records.draws, records.reports)
    report, first = np.unique(items.report, return_index=True)
    value = [f"{p / 100:,.2f}" if p >= 0 else None for p in items.value_pence[first].tolist()]
    columns |= {
        "PROP_CATEGORY": _scatter(size, report, texts(items.category[first])),
        "PROP_DESC": _scatter(size, report, texts(items.description[first])),
        "PROP_VALUE": _scatter(size, report, value),
        "PROP_ROLE": _scatter(size, report, texts(items.role[first])),
        "VEH_REG": _scatter(size, vehicles.report, texts(vehicles.registration)),
        "VEH_MAKE": _scatter(size, vehicles.report, texts(vehicles.make)),
        "VEH_COLOUR": _scatter(size, vehicles.report, texts(vehicles.colour)),
        "VEH_ROLE": _scatter(size, vehicles.report, texts(vehicles.role)),
        "LAST_AMENDED": short_times(records.reports.updated_at),
    }
