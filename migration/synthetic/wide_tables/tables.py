"""Tables of the wide database: CRIME_WIDE, PERSON_ROLE, STATUS_LOG, OBJECT_LOG.

Enters: a division's records, the family's codes. Leaves: tables of text. Must hold: the report's columns are equal on
all rows of a report.
"""

import numpy as np

from migration.synthetic.columns import Column, Table, codes, texts, times, whole
from migration.synthetic.draws import Bools, Ints
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.habits import (
    legacy_beats,
    officer_numbers,
    premises_lines,
    procedural_references,
    roles_as_recorded,
)
from migration.synthetic.objects import make_property, make_status_changes, make_vehicles
from migration.synthetic.places import load_towns
from migration.synthetic.recorded import DEFAULT_BIRTHDAY

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
Codes = dict[str, dict[str, str]]


def long_times(values: np.ndarray) -> Column:
    """`DD-MON-YYYY HH:MM`, NaT absent."""
    return [None if v is None else f"{v[8:10]}-{MONTHS[int(v[5:7]) - 1]}-{v[:4]} {v[11:16]}" for v in times(values)]


def long_dates(values: np.ndarray) -> Column:
    """`DD-MON-YYYY`, NaT absent."""
    return [None if v is None else v[:11] for v in long_times(values.astype("datetime64[s]"))]


def yes_no(values: Bools) -> Column:
    """`YES` and `NO`."""
    return ["YES" if v else "NO" for v in values.tolist()]


def make_crime_wide(records: DivisionRecords, codes_of: Codes) -> Table:
    """CRIME_WIDE: one row per crime, the report on each."""
    crimes = records.crimes
    of = crimes.report.tolist()
    report = {name: [values[i] for i in of] for name, values in _report_columns(records, codes_of).items()}
    columns: dict[str, Column] = {
        "CRIME_REF": [records.crime_no[i] for i in of],
        "CRIME_SEQ": [str(s) for s in crimes.seq.tolist()],
        **report,
        "CRIME_CODE": texts(crimes.code),
        "ATTEMPTED": yes_no(crimes.is_attempted),
        "DISPOSAL": codes(crimes.disposal, codes_of["DISPOSAL"]),
        "DATE_DETECTED": long_dates(crimes.detected_on),
        **{name: [values[i] for i in of] for name, values in _no_crime_columns(records, codes_of).items()},
        "PF_REF": procedural_references(records),
    }
    for i, marker in enumerate(crimes.markers, start=1):
        columns[f"MARKER_{i}"] = codes(marker, codes_of["MARKER"])
    return Table("CRIME_WIDE", "CRIME_REF,CRIME_SEQ", columns)


def _report_columns(records: DivisionRecords, codes_of: Codes) -> dict[str, Column]:
    reports, written = records.reports, records.written
    towns = [t.name.upper() for t in load_towns() if t.division == records.division]
    has = (records.locus >= 0).tolist()
    place = np.maximum(records.locus, 0)
    street = np.where(written.text[place] != "", written.text[place], written.street[place])

    def where_known(values: Column) -> Column:
        return [v or None if known else None for v, known in zip(values, has, strict=True)]

    points = written.has_coordinates[place]
    return {
        "BEAT": legacy_beats(records),
        "HOW_REPORTED": codes(reports.how_reported, codes_of["HOW_REP"]),
        "DATE_REPORTED": long_times(reports.reported_at),
        "DATE_RECORDED": long_times(reports.recorded_at),
        "OCCURRED_FROM": long_times(reports.occurred_from),
        "OCCURRED_TO": long_times(reports.occurred_to),
        "INCIDENT_NO": texts(reports.storm_no),
        "OFFICER": officer_numbers(reports.officer),
        "STATION": [towns[n % len(towns)] for n in reports.station.tolist()],
        "STATUS": codes(reports.status, codes_of["STATUS"]),
        "WORK_STATE": codes(reports.workflow_state, codes_of["WF_STATE"]),
        "MO_DESC": texts(reports.mo),
        "LOCUS_LINE1": where_known(list(premises_lines(records, place))),
        "LOCUS_LINE2": where_known(street.tolist()),
        "LOCUS_LINE3": where_known(written.locality[place].tolist()),
        "LOCUS_LINE4": where_known(written.town[place].tolist()),
        "LOCUS_PCODE": where_known(written.postcode[place].tolist()),
        "LOCUS_EAST": where_known([None if v is None else str(v) for v in whole(written.easting[place], points)]),
        "LOCUS_NORTH": where_known([None if v is None else str(v) for v in whole(written.northing[place], points)]),
        "LOCUS_KIND": where_known(codes(written.location_type[place], codes_of["LOC_TYPE"])),
        "XFER_FROM": texts(records.transferred_from),
        "XFER_TO": texts(records.transferred_to),
        "REVIEW_DATE": long_dates(reports.review_on),
        "DATE_AMENDED": long_times(reports.updated_at),
    }


def _no_crime_columns(records: DivisionRecords, codes_of: Codes) -> dict[str, Column]:
    reports = records.reports
    told = {"Y": "YES", "N": "NO", "": None}
    return {
        "NC_REASON": codes(reports.no_crime_reason, codes_of["NOCRIME_RSN"]),
        "NC_REQUESTED_BY": officer_numbers(reports.no_crime_requested_by),
        "NC_AUTHORISED_BY": officer_numbers(reports.no_crime_authorised_by),
        "COMPLAINER_TOLD": [told[v] for v in reports.is_complainer_updated],
    }


def full_names(records: DivisionRecords, nominal: Ints) -> Column:
    """`SURNAME, Forename Middle`; a name without forenames, or an organisation's, plain."""
    people = records.nominals.details
    made: Column = []
    for surname, first, second in zip(
        people.surname[nominal], people.forename_1[nominal], people.forename_2[nominal], strict=True
    ):
        given = " ".join(p for p in (first, second) if p)
        made.append(f"{surname.upper()}, {given}" if surname and given else (surname or given or None))
    return made


def write_birthdays(born_on: np.ndarray, precision: list[str]) -> Column:
    """Dates of birth as text; a year alone where no more was known."""
    default = (born_on == DEFAULT_BIRTHDAY).tolist()
    return [
        day if day is None or how != "YEAR" or is_default else day[-4:]
        for day, how, is_default in zip(long_dates(born_on), precision, default, strict=True)
    ]


def make_person_role(records: DivisionRecords, codes_of: Codes) -> Table:
    """PERSON_ROLE: one row per part played, the person inline."""
    involved, nominals, written = records.involved, records.nominals, records.written
    at = records.nominal_of
    people = nominals.details
    home = records.home[at]
    has = (home >= 0).tolist()
    place = np.maximum(home, 0)

    def where_home(values: Column) -> Column:
        return [v or None if known else None for v, known in zip(values, has, strict=True)]

    street = np.where(written.text[place] != "", written.text[place], written.street[place]).tolist()
    first = [
        f"{head} {road}".strip() if head[-1:].isdigit() else ", ".join(p for p in (head, road) if p)
        for head, road in zip(premises_lines(records, place), street, strict=True)
    ]
    alias = zip(people.alias_surname[at], people.alias_forename[at], strict=True)
    age = people.age[at]
    columns: dict[str, Column] = {
        "ROLE_ID": whole(700_001 + np.arange(len(involved))),
        "CRIME_REF": [records.crime_no[i] for i in involved.report.tolist()],
        "ROLE": codes(roles_as_recorded(records), codes_of["ROLE"]),
        "PERSON_KIND": codes(nominals.type_recorded[at], codes_of["NOM_TYPE"]),
        "NAME_TITLE": texts(people.title[at]),
        "FULL_NAME": full_names(records, at),
        "MAIDEN_NAME": texts(people.maiden_name[at]),
        "ALSO_KNOWN_AS": [f"{s.upper()}, {f}" if s else None for s, f in alias],
        "BIRTH_DATE": write_birthdays(people.born_on[at], people.precision[at].tolist()),
        "AGE_GIVEN": [str(a) if a >= 0 else None for a in age.tolist()],
        "SEX": codes(people.sex[at], codes_of["SEX"]),
        "ETHNICITY": codes(people.ethnicity[at], codes_of["ETH"]),
        "BIRTH_PLACE": texts(people.place_of_birth[at]),
        "OCCUPATION": texts(people.occupation[at]),
        "SCRO": texts(people.scro_no[at]),
        "PNC": texts(people.pnc_id[at]),
        "CRO": texts(people.cro_no[at]),
        "LICENCE_NO": texts(people.driver_no[at]),
        "TELEPHONE": texts(people.phone[at]),
        "ADDR_LINE1": where_home(list(first)),
        "ADDR_LINE2": where_home(written.locality[place].tolist()),
        "ADDR_LINE3": where_home(written.town[place].tolist()),
        "ADDR_PCODE": where_home(written.postcode[place].tolist()),
    }
    return Table("PERSON_ROLE", "ROLE_ID", columns)


def make_status_log(records: DivisionRecords, codes_of: Codes) -> Table:
    """STATUS_LOG: one row per change, numbered within its report."""
    changes = make_status_changes(records.draws, records.reports)
    number = np.arange(len(changes.report)) - np.searchsorted(changes.report, changes.report) + 1
    columns: dict[str, Column] = {
        "CRIME_REF": [records.crime_no[i] for i in changes.report.tolist()],
        "LOG_NO": [str(n) for n in number.tolist()],
        "OLD_STATUS": codes(changes.from_status, codes_of["STATUS"]),
        "NEW_STATUS": codes(changes.to_status, codes_of["STATUS"]),
        "LOGGED": long_times(changes.changed_at),
        "LOGGED_BY": officer_numbers(changes.officer),
    }
    return Table("STATUS_LOG", "CRIME_REF,LOG_NO", columns)


def make_object_log(records: DivisionRecords, codes_of: Codes) -> Table:
    """OBJECT_LOG: property items, then vehicles."""
    items, vehicles = make_property(records.draws, records.crimes), make_vehicles(records.draws, records.reports)
    n, m = len(items.report), len(vehicles.report)
    report = np.concatenate([items.report, vehicles.report]).tolist()
    role = np.concatenate([items.role, vehicles.role])
    columns: dict[str, Column] = {
        "OBJECT_ID": list(range(1, n + m + 1)),
        "CRIME_REF": [records.crime_no[i] for i in report],
        "OBJECT_KIND": ["PROPERTY"] * n + ["VEHICLE"] * m,
        "CATEGORY": [*texts(items.category), *[None] * m],
        "DESCRIPTION": [*texts(items.description), *[None] * m],
        "VALUE": [*(f"£{p / 100:.2f}" if p >= 0 else None for p in items.value_pence.tolist()), *[None] * m],
        "REG_NO": [*[None] * n, *texts(vehicles.registration)],
        "MAKE": [*[None] * n, *texts(vehicles.make)],
        "COLOUR": [*[None] * n, *texts(vehicles.colour)],
        "OBJECT_ROLE": codes(role, codes_of["OBJ_ROLE"]),
    }
    return Table("OBJECT_LOG", "OBJECT_ID", columns)
