"""Columns of each segment, from a division's records.

Enters: records, the family's codes. Leaves: per segment the report of each record and its columns by copybook name.
Must hold: dates lose their century, absent dates and numbers are zeros.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from migration.synthetic.columns import Column, codes, dates, flags, times
from migration.synthetic.draws import Ints, Texts
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.habits import (
    address_lines,
    legacy_beats,
    officer_numbers,
    premises_lines,
    procedural_references,
    roles_as_recorded,
)
from migration.synthetic.objects import make_property, make_status_changes, make_vehicles
from migration.synthetic.places import load_towns

Codes = dict[str, dict[str, str]]


@dataclass
class Segment:
    """Records of one segment: the report each belongs to, and columns by copybook name."""

    name: str
    report: Ints
    columns: dict[str, list[Any]]


def day_digits(values: np.ndarray) -> Column:
    """`YYMMDD`, absent zeros."""
    return ["000000" if v is None else v[2:4] + v[5:7] + v[8:10] for v in dates(values)]


def clock_digits(values: np.ndarray) -> Column:
    """`HHMM`, absent zeros."""
    return ["0000" if v is None else v[11:13] + v[14:16] for v in times(values)]


def make_segments(records: DivisionRecords, codes_of: Codes) -> dict[str, Segment]:
    """All segments between header and trailer."""
    made = (
        _make_reports(records, codes_of),
        _make_crimes(records, codes_of),
        _make_changes(records, codes_of),
        _make_nominals(records, codes_of),
        _make_things(records, codes_of),
    )
    return {segment.name: segment for segment in made}


def _make_reports(records: DivisionRecords, codes_of: Codes) -> Segment:
    reports = records.reports
    towns = [t.name.upper() for t in load_towns() if t.division == records.division]
    columns: dict[str, list[Any]] = {
        "CR-BEAT": legacy_beats(records),
        "CR-HOW": codes(reports.how_reported, codes_of["HOW_REP"]),
        "CR-STORM": reports.storm_no.tolist(),
        "CR-OFFICER": officer_numbers(reports.officer),
        "CR-STATION": [towns[n % len(towns)] for n in reports.station.tolist()],
        "CR-STATUS": codes(reports.status, codes_of["STATUS"]),
        "CR-FILE-STATE": codes(reports.workflow_state, codes_of["WF_STATE"]),
        "CR-REVIEW-DATE": day_digits(reports.review_on),
        "CR-XFER-FROM": records.transferred_from.tolist(),
        "CR-XFER-TO": records.transferred_to.tolist(),
        "CR-NC-REASON": codes(reports.no_crime_reason, codes_of["NOCRIME_RSN"]),
        "CR-NC-REQ-BY": officer_numbers(reports.no_crime_requested_by),
        "CR-NC-AUTH-BY": officer_numbers(reports.no_crime_authorised_by),
        "CR-COMP-UPD": reports.is_complainer_updated.tolist(),
        "CR-AMENDED-DATE": day_digits(reports.updated_at),
        "CR-MO": reports.mo.tolist(),
        **_locus_columns(records, codes_of),
    }
    for name, values in (
        ("REPORTED", reports.reported_at),
        ("RECORDED", reports.recorded_at),
        ("FROM", reports.occurred_from),
        ("TO", reports.occurred_to),
    ):
        columns[f"CR-{name}-DATE"], columns[f"CR-{name}-TIME"] = day_digits(values), clock_digits(values)
    return Segment("CR", np.arange(len(reports)), columns)


def _locus_columns(records: DivisionRecords, codes_of: Codes) -> dict[str, list[Any]]:
    written = records.written
    has = records.locus >= 0
    place = np.maximum(records.locus, 0)

    def where_known(values: Texts | list[str]) -> list[Any]:
        return [v if known else None for v, known in zip(values, has.tolist(), strict=True)]

    points = has & written.has_coordinates[place]
    street = np.where(written.text[place] != "", written.text[place], written.street[place])
    return {
        "CR-LOCUS-PREMISES": where_known(premises_lines(records, place)),
        "CR-LOCUS-STREET": where_known(street),
        "CR-LOCUS-AREA": where_known(written.locality[place]),
        "CR-LOCUS-TOWN": where_known(written.town[place]),
        "CR-LOCUS-PCODE": where_known(written.postcode[place]),
        "CR-LOCUS-EAST": np.where(points, written.easting[place], 0).tolist(),
        "CR-LOCUS-NORTH": np.where(points, written.northing[place], 0).tolist(),
        "CR-LOCUS-KIND": where_known(codes(written.location_type[place], codes_of["LOC_TYPE"])),
    }


def _make_crimes(records: DivisionRecords, codes_of: Codes) -> Segment:
    crimes = records.crimes
    columns: dict[str, list[Any]] = {
        "CI-SEQ": crimes.seq.tolist(),
        "CI-CODE": crimes.code.tolist(),
        "CI-ATTEMPT": flags(crimes.is_attempted),
        "CI-DISPOSAL": codes(crimes.disposal, codes_of["DISPOSAL"]),
        "CI-DETECTED-DATE": day_digits(crimes.detected_on),
        "CI-PROC-REF": procedural_references(records),
    }
    for i, marker in enumerate(crimes.markers, start=1):
        columns[f"CI-MARKER-{i}"] = codes(marker, codes_of["MARKER"])
    return Segment("CI", crimes.report, columns)


def _make_changes(records: DivisionRecords, codes_of: Codes) -> Segment:
    changes = make_status_changes(records.draws, records.reports)
    columns: dict[str, list[Any]] = {
        "ST-SEQ": number_within(changes.report),
        "ST-FROM": codes(changes.from_status, codes_of["STATUS"]),
        "ST-TO": codes(changes.to_status, codes_of["STATUS"]),
        "ST-DATE": day_digits(changes.changed_at),
        "ST-TIME": clock_digits(changes.changed_at),
        "ST-OFFICER": officer_numbers(changes.officer),
    }
    return Segment("ST", changes.report, columns)


def number_within(report: Ints) -> list[int]:
    """Ordinal of each record within its report, from 1; reports come in order."""
    numbers: list[int] = (np.arange(len(report)) - np.searchsorted(report, report) + 1).tolist()
    return numbers


def _make_nominals(records: DivisionRecords, codes_of: Codes) -> Segment:
    involved, nominals, written = records.involved, records.nominals, records.written
    at, people = records.nominal_of, nominals.details
    home = records.home[at]
    place, has = np.maximum(home, 0), (home >= 0).tolist()
    alias = zip(people.alias_surname[at], people.alias_forename[at], strict=True)
    given = zip(people.forename_1[at], people.forename_2[at], strict=True)
    born = day_digits(people.born_on[at])
    year_only = (people.precision[at] == "YEAR").tolist()
    columns: dict[str, list[Any]] = {
        "NM-SEQ": number_within(involved.report),
        "NM-ROLE": codes(roles_as_recorded(records), codes_of["ROLE"]),
        "NM-KIND": codes(nominals.type_recorded[at], codes_of["NOM_TYPE"]),
        "NM-TITLE": people.title[at].tolist(),
        "NM-SURNAME": people.surname[at].tolist(),
        "NM-FORENAMES": [" ".join(p for p in pair if p) for pair in given],
        "NM-MAIDEN": people.maiden_name[at].tolist(),
        "NM-AKA": [f"{s.upper()}, {f}" if s else None for s, f in alias],
        "NM-DOB": [f"{d[:2]}0000" if y else d for d, y in zip(born, year_only, strict=True)],
        "NM-AGE": np.maximum(people.age[at], 0).tolist(),
        "NM-SEX": codes(people.sex[at], codes_of["SEX"]),
        "NM-ETHNIC": codes(people.ethnicity[at], codes_of["ETH"]),
        "NM-BIRTHPLACE": people.place_of_birth[at].tolist(),
        "NM-OCCUPATION": people.occupation[at].tolist(),
        "NM-SCRO": people.scro_no[at].tolist(),
        "NM-PNC": people.pnc_id[at].tolist(),
        "NM-CRO": people.cro_no[at].tolist(),
        "NM-DRIVER": people.driver_no[at].tolist(),
        "NM-PHONE": people.phone[at].tolist(),
        "NM-ADDRESS": [v if known else None for v, known in zip(address_lines(records, place), has, strict=True)],
        "NM-PCODE": [v if known else None for v, known in zip(written.postcode[place], has, strict=True)],
    }
    return Segment("NM", involved.report, columns)


def _make_things(records: DivisionRecords, codes_of: Codes) -> Segment:
    items, vehicles = make_property(records.draws, records.crimes), make_vehicles(records.draws, records.reports)
    n, m = len(items.report), len(vehicles.report)
    report = np.concatenate([items.report, vehicles.report])
    order = np.argsort(report, kind="stable")
    role = codes(np.concatenate([items.role, vehicles.role]), codes_of["OBJ_ROLE"])
    none_n: list[Any] = [None] * n
    none_m: list[Any] = [None] * m
    columns: dict[str, list[Any]] = {
        "PV-KIND": ["P"] * n + ["V"] * m,
        "PV-ROLE": role,
        "PV-CATEGORY": [*items.category.tolist(), *none_m],
        "PV-TEXT": [*items.description.tolist(), *none_m],
        "PV-VALUE": [*np.maximum(items.value_pence, 0).tolist(), *[0] * m],
        "PV-REG": [*none_n, *vehicles.registration.tolist()],
        "PV-MAKE": [*none_n, *vehicles.make.tolist()],
        "PV-COLOUR": [*none_n, *vehicles.colour.tolist()],
        "PV-DETAIL": [0] * n + [1] * m,
    }
    sorted_columns = {name: [values[i] for i in order.tolist()] for name, values in columns.items()}
    sorted_columns["PV-SEQ"] = number_within(report[order])
    return Segment("PV", report[order], sorted_columns)
