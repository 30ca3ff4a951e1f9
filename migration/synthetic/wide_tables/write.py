"""The wide-table database of a family, its planted faults and truth.

Enters: a division's records. Leaves: a SQLite file and the truth. Must hold: a fault of a report stands on all its
rows.
"""

from pathlib import Path

import numpy as np

from migration.synthetic.columns import Table, pick_some
from migration.synthetic.dirt import (
    COPY_RATE,
    DUPLICATE,
    OTHER_RATE,
    QUARANTINED,
    REPORT_RATE,
    UNKNOWN_CODE,
    UNKNOWN_STATUS,
)
from migration.synthetic.draws import Ints
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.families import Family
from migration.synthetic.inline_truth import InlineNames, tell_inline_truth
from migration.synthetic.relational.database import write_database, write_sqlite
from migration.synthetic.relational.write import make_metadata
from migration.synthetic.truth import Truth
from migration.synthetic.wide_tables.tables import make_crime_wide, make_object_log, make_person_role, make_status_log

REPORT_FAULTS = (
    ("missing_recorded_at", "DATE_RECORDED", None),
    ("impossible_recorded_at", "DATE_RECORDED", "31-FEB-2019 10:15"),
    ("unknown_status", "STATUS", UNKNOWN_STATUS),
)
LOCUS = tuple(f"LOCUS_{part}" for part in ("LINE1", "LINE2", "LINE3", "LINE4", "PCODE", "EAST", "NORTH"))


def write_wide_tables(family: Family, records: DivisionRecords, folder: Path, truth: Truth, url: str = "") -> None:
    """Write a division's database (SQLite in `folder`, or the database at `url`) and add its truth."""
    wide = make_crime_wide(records, family.codes)
    people = make_person_role(records, family.codes)
    tables = [wide, people, make_status_log(records, family.codes), make_object_log(records, family.codes)]
    first = np.nonzero(records.crimes.seq == 1)[0].tolist()
    has_locus = np.array([any(wide.columns[c][i] for c in LOCUS) for i in first], dtype=bool)
    numbers, ids = records.crime_no, people.columns["ROLE_ID"]
    names = InlineNames(
        report_table=wide.name,
        locus_table=wide.name,
        nominal_table=people.name,
        report_key=lambda i: f"{numbers[i]}|1#REPORT",
        locus_key=lambda i: f"{numbers[i]}|1#LOCUS",
        nominal_key=lambda i: str(ids[i]),
        home_key=lambda i: f"{ids[i]}#ADDR",
    )
    spoilt = _plant_faults(records, wide, people, truth)
    tell_inline_truth(records, truth, names, has_locus, spoilt)
    for table in tables:
        truth.add_count(records.division, table.name, table.rows)
    metadata = make_metadata(records)
    metadata.name = "SYS_INFO"
    every = [*tables, metadata]
    if url:
        write_database(every, url)
    else:
        write_sqlite(every, folder / family.file)


def _plant_faults(records: DivisionRecords, wide: Table, people: Table, truth: Truth) -> Ints:
    """Spoil some rows; returns the reports that cannot be loaded."""
    draws, division, reports = records.draws, records.division, records.reports
    starts = np.cumsum(reports.crimes) - reports.crimes
    sound = np.ones(len(reports), dtype=bool)
    for kind, column, value in REPORT_FAULTS:
        at = pick_some(draws, kind, reports.key, REPORT_RATE, sound)
        sound[at] = False
        for i in at.tolist():
            for row in range(int(starts[i]), int(starts[i] + reports.crimes[i])):
                wide.columns[column][row] = value
        keys = [f"{records.crime_no[i]}|1#REPORT" for i in at.tolist()]
        truth.add_dirt(division, kind, wide.name, keys, "crime_report", QUARANTINED)
    crimes = records.crimes
    at = pick_some(draws, "unknown crime code", crimes.key, OTHER_RATE, sound[crimes.report])
    for i in at.tolist():
        wide.columns["CRIME_CODE"][i] = UNKNOWN_CODE
    truth.add_dirt(division, "unknown_crime_code", wide.name, wide.keys(at), "crime", QUARANTINED)
    twice = pick_some(draws, "role twice", records.involved.key, COPY_RATE, sound[records.involved.report])
    new = [people.columns["ROLE_ID"][-1] + 1 + i for i in range(len(twice))]
    people.append_copies(twice, new)
    truth.add_dirt(division, "duplicate_row", people.name, [str(k) for k in new], "nominal", DUPLICATE)
    return np.nonzero(~sound)[0]
