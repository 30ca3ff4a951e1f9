"""The effective-dated databases of a family: every change of a report or nominal is a further row.

Enters: a division's records. Leaves: one SQLite file per division and the truth under the new keys. Must hold:
versions of a record are numbered from 1 and abut in time; exactly one is in force (EFF_TO is NULL), and it is what
the normalised tables would say.
"""

from pathlib import Path

import numpy as np

from migration.synthetic.columns import Column, Table, times
from migration.synthetic.dirt import QUARANTINED, UNKNOWN_STATUS
from migration.synthetic.draws import Ints
from migration.synthetic.effective_dated.shape import KINDS, NEW_TABLES
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.events import AS_AT
from migration.synthetic.families import Family
from migration.synthetic.objects import make_status_changes
from migration.synthetic.relational.database import write_sqlite
from migration.synthetic.relational.write import make_metadata, make_tables
from migration.synthetic.truth import Truth, new_keys

CHANGED_NOMINALS = 0.15


def write_effective_dated(family: Family, records: DivisionRecords, folder: Path, truth: Truth, url: str = "") -> None:
    """Write a division's database and add its truth; `url` is not used."""
    del url
    gathered = Truth(family.source_system)
    tables = make_tables(family, records, gathered)
    _localise(tables)
    made: dict[str, Table] = {}
    for old, (name, key, columns) in NEW_TABLES.items():
        renamed: dict[str, str | Column] = {new: was for new, was in columns}
        made[name] = tables[old].reshape(name, key, renamed, KINDS)
        gathered.relabel(old, new_keys(tables[old], made[name]))
    made["CRIME_REC"] = _make_report_versions(family, records, tables["CRIME_REPORT"], gathered)
    made["NOMINAL_REC"] = _make_nominal_versions(records, tables["NOMINAL"], gathered)
    for table in made.values():
        gathered.add_count(records.division, table.name, table.rows)
    truth.absorb(gathered)
    path = folder / family.file.format(division=records.division)
    write_sqlite([*made.values(), make_metadata(records)], path)


def _localise(tables: dict[str, Table]) -> None:
    """Flags as 1 and 0, times with a `T`, vehicle and its link in one."""
    for table in tables.values():
        for name, values in table.columns.items():
            if name.endswith("_YN"):
                values[:] = [None if v is None else int(v == "Y") for v in values]
            elif name.endswith(("_DT", "_TS")):
                values[:] = [None if v is None else v.replace(" ", "T") for v in values]
    for name in ("VRM", "MAKE", "COLOUR"):
        tables["CRIME_VEHICLE"].columns[name] = tables["VEHICLE"].columns[name]


def _stack(first: Table, rows: Ints, extra: dict[str, Column], name: str, key: str, columns: dict[str, str]) -> Table:
    """A table of versions: the rows at `rows` of `first` under new names, with the columns of `extra`."""
    made = {new: [first.columns[old][i] for i in rows.tolist()] for new, old in columns.items()}
    return Table(name, key, {**extra, **made}, KINDS)


def _make_report_versions(family: Family, records: DivisionRecords, reports: Table, truth: Truth) -> Table:
    changes = make_status_changes(records.draws, records.reports)
    row = changes.report
    is_last = np.append(row[1:] != row[:-1], True)
    number = np.arange(len(row)) - np.searchsorted(row, row) + 1
    began = [None if t is None else t.replace(" ", "T") for t in times(changes.changed_at)]
    ended = [None if last else t for last, t in zip(is_last.tolist(), [*began[1:], None], strict=True)]
    columns = {new: old for new, old in REPORT_COLUMNS.items() if new != "CRIME_NO"}
    extra: dict[str, Column] = {
        "CRIME_NO": [records.crime_no[i] for i in row.tolist()],
        "VER_NO": number.tolist(),
        "EFF_FROM": list(began),
        "EFF_TO": ended,
        "CHANGED_BY": [f"P{n:05d}" for n in changes.officer.tolist()],
    }
    table = _stack(reports, row, extra, "CRIME_REC", "CRIME_NO,VER_NO", columns)
    local, stages = family.codes["STATUS"], family.codes["WF_STATE"]
    for i in np.nonzero(~is_last)[0].tolist():
        table.columns["STATUS"][i] = local[changes.to_status[i]]
        table.columns["WORKFLOW"][i] = stages["NEW" if number[i] == 1 else "ALLOCATED"]
        table.columns["REVIEW_ON"][i] = table.columns["XFER_TO"][i] = None
    keys = table.keys(np.nonzero(is_last)[0])
    truth.relabel("CRIME_REPORT", {k: ("CRIME_REC", n) for k, n in zip(reports.keys(), keys, strict=True)})
    unknown = [
        f"{k}#STATUS"
        for k, i in zip(keys, np.nonzero(is_last)[0], strict=True)
        if table.columns["STATUS"][i] == UNKNOWN_STATUS
    ]
    truth.add_dirt(records.division, "unknown_status", "CRIME_REC", unknown, "crime_status_history", QUARANTINED)
    return table


def _make_nominal_versions(records: DivisionRecords, nominals: Table, truth: Truth) -> Table:
    own = records.nominals
    changed = records.draws.chance("nominal changed", own.key, CHANGED_NOMINALS) | (records.old_home >= 0)
    versions = np.where(changed & (own.person >= 0), 2, 1)
    row = np.repeat(np.arange(len(own)), versions)
    is_last = np.append(row[1:] != row[:-1], True)
    number = np.where(is_last, versions[row], 1)
    day = own.recorded_on.astype("datetime64[s]")
    room = (AS_AT - day).astype(np.int64) * 0.8 * records.draws.uniform("nominal changed on", own.key)
    turned = day + np.maximum(room.astype(np.int64), 3_600).astype("timedelta64[s]")
    began = np.where(number == 1, day[row], turned[row])
    from_times = [None if t is None else t.replace(" ", "T") for t in times(began)]
    extra: dict[str, Column] = {
        "NOM_ID": [nominals.columns["NOM_ID"][i] for i in row.tolist()],
        "VER_NO": number.tolist(),
        "EFF_FROM": list(from_times),
        "EFF_TO": [None if last else t for last, t in zip(is_last.tolist(), [*from_times[1:], None], strict=True)],
    }
    table = _stack(nominals, row, extra, "NOMINAL_REC", "NOM_ID,VER_NO", NOMINAL_COLUMNS)
    for i in np.nonzero(~is_last)[0].tolist():
        table.columns["PHONE"][i] = table.columns["OCCUPATION"][i] = table.columns["HOME_ID"][i] = None
        maiden = table.columns["MAIDEN_NAME"][i]
        if maiden:
            table.columns["SURNAME"][i], table.columns["MAIDEN_NAME"][i] = maiden, None
    keys = table.keys(np.nonzero(is_last)[0])
    truth.relabel("NOMINAL", {k: ("NOMINAL_REC", n) for k, n in zip(nominals.keys(), keys, strict=True)})
    older = np.nonzero(~is_last)[0]
    truth.add_persons(records, "NOMINAL_REC", table.keys(older), row[older])
    return table


REPORT_COLUMNS = {
    **{"CRIME_NO": "CR_NO", "DIV": "DIV_CD", "BEAT": "BEAT_CD", "HOW_REP": "HOW_REP_CD", "REPORTED": "REPORTED_DT"},
    **{"RECORDED": "RECORDED_DT", "OCC_FROM": "OCC_FROM_DT", "OCC_TO": "OCC_TO_DT", "OCC_PREC": "OCC_PREC_CD"},
    **{"STORM_NO": "STORM_NO", "OFFICER": "OIC_NO", "STATION": "OIC_STN_CD", "STATUS": "STATUS_CD"},
    **{"WORKFLOW": "WF_STATE_CD", "MO": "MO_TEXT", "LOCUS_ID": "LOCUS_LOC_ID", "XFER_FROM": "XFER_FROM_REF"},
    **{"XFER_TO": "XFER_TO_REF", "REVIEW_ON": "REVIEW_DT"},
}
NOMINAL_COLUMNS = {
    **{"KIND": "NOM_TYPE_CD", "TITLE": "TITLE", "SURNAME": "SURNAME", "FORENAME1": "FORENAME1"},
    **{"FORENAME2": "FORENAME2", "MAIDEN_NAME": "MAIDEN_NAME", "DOB": "DOB", "DOB_PREC": "DOB_PREC_CD"},
    **{"AGE": "AGE_AT_REC", "SEX": "SEX_CD", "ETHNIC": "ETH_CD", "POB": "POB", "OCCUPATION": "OCCUPATION"},
    **{"SCRO_NO": "SCRO_NO", "PNC_ID": "PNC_ID", "CRO_NO": "CRO_NO", "DRIVER_NO": "DRIVER_NO", "PHONE": "PHONE_NO"},
    **{"HOME_ID": "HOME_LOC_ID", "PROTECTED": "PROTECT_YN"},
}
