"""Tables of reports: CRIME_REPORT, CRIME, STATUS_HISTORY, CRIME_MARKER, CRIME_MO, PROPERTY, VEHICLE, CRIME_VEHICLE.

Enters: a division's records, the family's codes. Leaves: tables with local codes. Must hold: ids are ordinals from
the bases below.
"""

import numpy as np

from migration.synthetic.columns import Table, codes, dates, flags, texts, times, whole
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.habits import legacy_beats, officer_numbers, procedural_references
from migration.synthetic.objects import make_property, make_status_changes, make_vehicles

FIRST_CRIME = 200_001
FIRST_LOCATION = 1_000_001
FIRST_NOMINAL = 5_000_001
Codes = dict[str, dict[str, str]]


def make_event_tables(records: DivisionRecords, codes_of: Codes) -> list[Table]:
    """All tables about reports and their crimes."""
    return [
        _make_reports(records, codes_of),
        _make_crimes(records, codes_of),
        _make_history(records, codes_of),
        _make_markers(records, codes_of),
        _make_mo(records),
        _make_property(records, codes_of),
        *_make_vehicles(records, codes_of),
    ]


def _make_reports(records: DivisionRecords, codes_of: Codes) -> Table:
    reports = records.reports
    return Table(
        "CRIME_REPORT",
        "CR_NO",
        {
            "CR_NO": list(records.crime_no),
            "DIV_CD": [records.division] * len(reports),
            "BEAT_CD": legacy_beats(records),
            "HOW_REP_CD": codes(reports.how_reported, codes_of["HOW_REP"]),
            "REPORTED_DT": times(reports.reported_at),
            "RECORDED_DT": times(reports.recorded_at),
            "OCC_FROM_DT": times(reports.occurred_from),
            "OCC_TO_DT": times(reports.occurred_to),
            "OCC_PREC_CD": codes(reports.occurred_precision, codes_of["OCC_PREC"]),
            "STORM_NO": texts(reports.storm_no),
            "OIC_NO": officer_numbers(reports.officer),
            "OIC_STN_CD": [f"S{n % 24 + 1:02d}" for n in reports.station.tolist()],
            "STATUS_CD": codes(reports.status, codes_of["STATUS"]),
            "WF_STATE_CD": codes(reports.workflow_state, codes_of["WF_STATE"]),
            "MO_TEXT": texts(reports.mo),
            "LOCUS_LOC_ID": whole(FIRST_LOCATION + records.locus, records.locus >= 0),
            "XFER_FROM_REF": texts(records.transferred_from),
            "XFER_TO_REF": texts(records.transferred_to),
            "REVIEW_DT": dates(reports.review_on),
            "CREATED_TS": times(reports.recorded_at),
            "LAST_UPD_TS": times(reports.updated_at),
        },
    )


def _make_crimes(records: DivisionRecords, codes_of: Codes) -> Table:
    reports, crimes = records.reports, records.crimes
    first = crimes.seq == 1
    of = crimes.report
    return Table(
        "CRIME",
        "CRIME_ID",
        {
            "CRIME_ID": whole(FIRST_CRIME + np.arange(len(of))),
            "CR_NO": [records.crime_no[i] for i in of.tolist()],
            "CRIME_SEQ": whole(crimes.seq),
            "CRIME_CD": texts(crimes.code),
            "ATTEMPT_YN": flags(crimes.is_attempted),
            "DISPOSAL_CD": codes(crimes.disposal, codes_of["DISPOSAL"]),
            "DETECTED_DT": dates(crimes.detected_on),
            "NOCRIME_RSN_CD": codes(reports.no_crime_reason[of], codes_of["NOCRIME_RSN"]),
            "NOCRIME_REQ_BY": officer_numbers(reports.no_crime_requested_by[of]),
            "NOCRIME_AUTH_BY": officer_numbers(reports.no_crime_authorised_by[of]),
            "COMP_UPD_YN": texts(np.where(first, reports.is_complainer_updated[of], "")),
            "PROC_REF": procedural_references(records),
            "LAST_UPD_TS": times(reports.updated_at[of]),
        },
    )


def _make_history(records: DivisionRecords, codes_of: Codes) -> Table:
    changes = make_status_changes(records.draws, records.reports)
    return Table(
        "STATUS_HISTORY",
        "HIST_ID",
        {
            "HIST_ID": list(range(1, len(changes.report) + 1)),
            "CR_NO": [records.crime_no[i] for i in changes.report.tolist()],
            "FROM_STATUS_CD": codes(changes.from_status, codes_of["STATUS"]),
            "TO_STATUS_CD": codes(changes.to_status, codes_of["STATUS"]),
            "CHANGED_DT": times(changes.changed_at),
            "CHANGED_BY": officer_numbers(changes.officer),
        },
    )


def _make_markers(records: DivisionRecords, codes_of: Codes) -> Table:
    crimes = records.crimes
    at = np.concatenate([np.nonzero(m != "")[0] for m in crimes.markers])
    marker = np.concatenate([m[m != ""] for m in crimes.markers])
    order = np.argsort(at, kind="stable")
    return Table(
        "CRIME_MARKER",
        "MARKER_ID",
        {
            "MARKER_ID": list(range(1, len(at) + 1)),
            "CRIME_ID": whole(FIRST_CRIME + at[order]),
            "MARKER_CD": codes(marker[order], codes_of["MARKER"]),
            "APPLIED_DT": times(records.reports.recorded_at[crimes.report[at[order]]]),
        },
    )


def _make_mo(records: DivisionRecords) -> Table:
    crimes = records.crimes
    at = np.nonzero(crimes.seq == 1)[0]
    return Table(
        "CRIME_MO",
        "MO_ID",
        {
            "MO_ID": list(range(1, len(at) + 1)),
            "CRIME_ID": whole(FIRST_CRIME + at),
            "MO_CAT_CD": texts(crimes.mo_category[at]),
            "MO_TEXT": texts(records.reports.mo[crimes.report[at]]),
        },
    )


def _make_property(records: DivisionRecords, codes_of: Codes) -> Table:
    items = make_property(records.draws, records.crimes)
    return Table(
        "PROPERTY",
        "PROP_ID",
        {
            "PROP_ID": list(range(1, len(items.report) + 1)),
            "CR_NO": [records.crime_no[i] for i in items.report.tolist()],
            "PROP_CAT_CD": texts(items.category),
            "DESCR": texts(items.description),
            "VALUE_GBP": [p / 100 if p >= 0 else None for p in items.value_pence.tolist()],
            "OBJ_ROLE_CD": codes(items.role, codes_of["OBJ_ROLE"]),
        },
    )


def _make_vehicles(records: DivisionRecords, codes_of: Codes) -> list[Table]:
    vehicles = make_vehicles(records.draws, records.reports)
    ids = list(range(1, len(vehicles.report) + 1))
    vehicle = Table(
        "VEHICLE",
        "VEH_ID",
        {
            "VEH_ID": ids,
            "VRM": texts(vehicles.registration),
            "MAKE": texts(vehicles.make),
            "COLOUR": texts(vehicles.colour),
        },
    )
    link = Table(
        "CRIME_VEHICLE",
        "CRIME_VEH_ID",
        {
            "CRIME_VEH_ID": list(ids),
            "CR_NO": [records.crime_no[i] for i in vehicles.report.tolist()],
            "VEH_ID": list(ids),
            "OBJ_ROLE_CD": codes(vehicles.role, codes_of["OBJ_ROLE"]),
        },
    )
    return [vehicle, link]
