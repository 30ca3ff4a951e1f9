"""Faults planted in the relational tables, and the dirt that came with the records, told to the truth.

Enters: tables of a division, its records. Leaves: the tables changed in place and the truth's dirt list. Must hold:
no row carries two planted faults; rows spoilt past knowing are named, so that truth leaves them out.
"""

import numpy as np

from migration.synthetic.columns import Table, pick_some
from migration.synthetic.dirt import (
    COPY_RATE,
    DUPLICATE,
    IMPOSSIBLE_DAY,
    LOADED,
    OTHER_RATE,
    QUARANTINED,
    REPORT_RATE,
    UNKNOWN_CODE,
    UNKNOWN_STATUS,
)
from migration.synthetic.draws import Bools, Ints
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.truth import Truth

NOWHERE = 99_000_000
LOCATION_PARTS = (
    *("FLAT_NO", "PREMISES_NAME", "HOUSE_NO", "STREET", "LOCALITY", "TOWN", "POSTCODE", "EASTING", "NORTHING"),
    *("GRID_REF", "LOCUS_TEXT"),
)
REPORT_FAULTS = (
    ("missing_recorded_at", "RECORDED_DT", None),
    ("impossible_recorded_at", "RECORDED_DT", f"{IMPOSSIBLE_DAY} 10:15:00"),
    ("unknown_status", "STATUS_CD", UNKNOWN_STATUS),
)


def plant_faults(records: DivisionRecords, tables: dict[str, Table], truth: Truth) -> dict[str, Ints]:
    """Spoil some rows; returns the indexes of reports, nominals and places that cannot be loaded, by table."""
    draws, division = records.draws, records.division
    spoilt_report = np.zeros(len(records.reports), dtype=bool)
    for kind, column, value in REPORT_FAULTS:
        at = pick_some(draws, kind, records.reports.key, REPORT_RATE, ~spoilt_report)
        spoilt_report[at] = True
        _overwrite(tables["CRIME_REPORT"], column, at, value)
        keys = tables["CRIME_REPORT"].keys(at)
        truth.add_dirt(division, kind, "CRIME_REPORT", keys, "crime_report", QUARANTINED)
    crimes = records.crimes
    at = pick_some(draws, "unknown crime code", crimes.key, OTHER_RATE, ~spoilt_report[crimes.report])
    _overwrite(tables["CRIME"], "CRIME_CD", at, UNKNOWN_CODE)
    keys = tables["CRIME"].keys(at)
    truth.add_dirt(division, "unknown_crime_code", "CRIME", keys, "crime", QUARANTINED)
    places = pick_some(draws, "empty location", records.places.key, OTHER_RATE)
    for column in LOCATION_PARTS:
        _overwrite(tables["LOCATION"], column, places, None)
    keys = tables["LOCATION"].keys(places)
    truth.add_dirt(division, "empty_location", "LOCATION", keys, "location", QUARANTINED)
    nominals = pick_some(draws, "nominal without name", records.nominals.key, OTHER_RATE, records.nominals.person >= 0)
    for column in ("SURNAME", "FORENAME1", "FORENAME2"):
        _overwrite(tables["NOMINAL"], column, nominals, None)
    keys = tables["NOMINAL"].keys(nominals)
    truth.add_dirt(division, "nominal_without_name", "NOMINAL", keys, "nominal", QUARANTINED)
    _plant_link_faults(records, tables, truth, spoilt_report)
    return {"CRIME_REPORT": np.nonzero(spoilt_report)[0], "NOMINAL": nominals, "LOCATION": places}


def _overwrite(table: Table, column: str, at: Ints, value: object) -> None:
    values = table.columns[column]
    for i in at.tolist():
        values[i] = value


def _plant_link_faults(records: DivisionRecords, tables: dict[str, Table], truth: Truth, spoilt_report: Bools) -> None:
    """Links to nominals that are not there, and rows entered twice."""
    draws, division, involved = records.draws, records.division, records.involved
    links = tables["CRIME_NOMINAL"]
    sound = ~spoilt_report[involved.report]
    orphan = pick_some(draws, "orphan link", involved.key, OTHER_RATE, sound)
    for i in orphan.tolist():
        links.columns["NOM_ID"][i] = NOWHERE + i
    truth.add_dirt(division, "orphan_link", links.name, links.keys(orphan), "crime_nominal", QUARANTINED)
    sound[orphan] = False
    twice = pick_some(draws, "link twice", involved.key, COPY_RATE, sound)
    new = list(range(links.rows + 1, links.rows + 1 + len(twice)))
    links.append_copies(twice, new)
    truth.add_dirt(division, "duplicate_row", links.name, [str(k) for k in new], "crime_nominal", DUPLICATE)
    markers = tables["CRIME_MARKER"]
    again = pick_some(draws, "marker twice", np.arange(markers.rows), COPY_RATE)
    new = list(range(markers.rows + 1, markers.rows + 1 + len(again)))
    markers.append_copies(again, new)
    truth.add_dirt(division, "duplicate_row", markers.name, [str(k) for k in new], "crime_marker", DUPLICATE)


def list_loaded_dirt(records: DivisionRecords, tables: dict[str, Table], truth: Truth, spoilt: dict[str, Ints]) -> None:
    """List the dirt that does not stop a record from being loaded, on records that nothing else stops."""
    kinds: list[tuple[str, dict[str, Bools], str]] = [
        ("CRIME_REPORT", {**records.reports.dirt, "missing_locus": records.missing_locus}, "crime_report"),
        ("NOMINAL", records.nominals.dirt, "nominal"),
        ("LOCATION", records.written.dirt, "location"),
    ]
    for table, dirt, entity in kinds:
        for kind, planted in dirt.items():
            keys = tables[table].keys(np.setdiff1d(np.nonzero(planted)[0], spoilt[table]))
            truth.add_dirt(records.division, kind, table, keys, entity, LOADED)
