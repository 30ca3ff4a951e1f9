"""The wide export of a family: its yearly files, planted faults and truth.

Enters: a division's records. Leaves: files and truth. Must hold: a group of columns (`SUSPECT2`, `LOCUS`) that holds
anything is one source record, keyed by the crime number and the group's name.
"""

import csv
from pathlib import Path

import numpy as np

from migration.synthetic.columns import pick_some
from migration.synthetic.dirt import (
    COPY_RATE,
    DUPLICATE,
    LOADED,
    OTHER_RATE,
    QUARANTINED,
    REPORT_RATE,
    UNKNOWN_STATUS,
)
from migration.synthetic.draws import Bools, Ints
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.families import Family
from migration.synthetic.involvements import MOST_SUSPECTS, MOST_WITNESSES
from migration.synthetic.recorded import COMPLAINER, SUSPECT, WITNESS
from migration.synthetic.truth import Truth
from migration.synthetic.wide_export.groups import (
    Columns,
    add_locus,
    add_offences,
    add_person,
    add_report,
    add_things,
)

SOURCE_TABLE = "crime_export"
ENCODING = "cp1252"
GROUPS = (
    ("COMP", COMPLAINER, 1),
    *((f"SUSPECT{i}", SUSPECT, i) for i in range(1, MOST_SUSPECTS + 1)),
    *((f"WITNESS{i}", WITNESS, i) for i in range(1, MOST_WITNESSES + 1)),
)
REPORT_FAULTS = (
    ("missing_recorded_at", "RECORDED", None),
    ("impossible_recorded_at", "RECORDED", "31/02/19 10:15"),
    ("unknown_status", "STATUS", UNKNOWN_STATUS),
)
SECOND = "~2"
"""What the pipeline adds to the key of a second row of the same key."""
CANNOT_BE_SEEN = frozenset({"future_dob", "pseudo_typed_as_person", "shop_typed_as_person", "late_edit"})
"""Kinds of dirt this layout cannot hold: two-digit years, no nominal type, and so on."""


def write_wide_export(family: Family, records: DivisionRecords, folder: Path, truth: Truth, url: str = "") -> None:
    """Write a division's yearly files and add its truth; `url` is not used."""
    del url
    columns: Columns = {}
    add_report(columns, records, family)
    add_locus(columns, records, family)
    add_offences(columns, records, family)
    groups = {name: add_person(columns, records, family, name, capacity, slot) for name, capacity, slot in GROUPS}
    add_things(columns, records)
    spoilt, twice = _plant_faults(columns, records, truth)
    _tell_truth(columns, records, truth, groups, spoilt)
    rows = _write_files(columns, records, folder / family.file, twice)
    truth.add_count(records.division, SOURCE_TABLE, rows)


def _plant_faults(columns: Columns, records: DivisionRecords, truth: Truth) -> tuple[Ints, Ints]:
    """Spoil some reports; returns those that cannot be loaded and those whose line is written twice."""
    draws, key = records.draws, records.reports.key
    numbers = records.crime_no
    sound = np.ones(len(key), dtype=bool)
    for kind, column, value in REPORT_FAULTS:
        at = pick_some(draws, kind, key, REPORT_RATE, sound)
        sound[at] = False
        for i in at.tolist():
            columns[column][i] = value
        keys = [numbers[i] for i in at.tolist()]
        truth.add_dirt(records.division, kind, SOURCE_TABLE, keys, "crime_report", QUARANTINED)
    at = pick_some(draws, "unknown crime code", key, OTHER_RATE, sound)
    stopped = np.nonzero(~sound)[0]
    sound[at] = False
    for i in at.tolist():
        columns["OFFENCE1_CODE"][i] = "99/999"
    keys = [f"{numbers[i]}#OFFENCE1" for i in at.tolist()]
    truth.add_dirt(records.division, "unknown_crime_code", SOURCE_TABLE, keys, "crime", QUARANTINED)
    twice = pick_some(draws, "line twice", key, COPY_RATE, sound)
    keys = [f"{numbers[i]}{SECOND}" for i in twice.tolist()]
    truth.add_dirt(records.division, "duplicate_row", SOURCE_TABLE, keys, "crime_report", DUPLICATE)
    return stopped, twice


def _filled(columns: Columns, names: tuple[str, ...]) -> Bools:
    """Reports in which any of the columns holds something."""
    return np.array([any(values) for values in zip(*(columns[n] for n in names), strict=True)], dtype=bool)


def _tell_truth(
    columns: Columns, records: DivisionRecords, truth: Truth, groups: dict[str, Ints], spoilt: Ints
) -> None:
    numbers = records.crime_no
    locus = tuple(f"LOCUS_{p}" for p in ("PREMISES", "STREET", "AREA", "TOWN", "PCODE", "GRID"))
    at = np.nonzero((records.locus >= 0) & _filled(columns, locus))[0]
    keys = [f"{numbers[i]}#LOCUS" for i in at.tolist()]
    truth.add_locations(records, SOURCE_TABLE, keys, records.locus[at])
    sound = np.ones(len(records.reports), dtype=bool)
    sound[spoilt] = False
    dirt = {**records.reports.dirt, "missing_locus": records.missing_locus}
    _list_dirt(records, truth, {k: v & sound for k, v in dirt.items()}, numbers, "crime_report")
    _list_places(records, truth, keys, records.locus[at])
    for name, holder in groups.items():
        report = np.nonzero(holder >= 0)[0]
        nominal = records.nominal_of[holder[report]]
        keys = [f"{numbers[i]}#{name}" for i in report.tolist()]
        truth.add_persons(records, SOURCE_TABLE, keys, nominal)
        of_people = {kind: planted[nominal] for kind, planted in records.nominals.dirt.items()}
        _list_dirt(records, truth, of_people, keys, "nominal")
        lives = (records.home[nominal] >= 0) & _filled(columns, (f"{name}_ADDRESS", f"{name}_PCODE"))[report]
        keys = [f"{numbers[i]}#{name}_ADDR" for i in report[lives].tolist()]
        truth.add_locations(records, SOURCE_TABLE, keys, records.home[nominal[lives]])
        _list_places(records, truth, keys, records.home[nominal[lives]])


def _list_places(records: DivisionRecords, truth: Truth, keys: list[str], place: Ints) -> None:
    dirt = {kind: planted[place] for kind, planted in records.written.dirt.items()}
    _list_dirt(records, truth, dirt, keys, "location")


def _list_dirt(records: DivisionRecords, truth: Truth, dirt: dict[str, Bools], keys: list[str], entity: str) -> None:
    for kind, planted in dirt.items():
        if kind not in CANNOT_BE_SEEN:
            listed = [keys[i] for i in np.nonzero(planted)[0].tolist()]
            truth.add_dirt(records.division, kind, SOURCE_TABLE, listed, entity, LOADED)


def _write_files(columns: Columns, records: DivisionRecords, pattern: Path, twice: Ints) -> int:
    """One file per year recorded, lines in order of recording, doubled lines at the end; returns the lines of data."""
    years = records.reports.recorded_at.astype("datetime64[Y]").astype(np.int64) + 1970
    every = np.concatenate([np.arange(len(years)), twice])
    listed = list(columns.values())
    for year in np.unique(years).tolist():
        rows = every[years[every] == year].tolist()
        path = pattern.with_name(pattern.name.format(year=year))
        with path.open("w", encoding=ENCODING, newline="") as file:
            writer = csv.writer(file, delimiter="|", lineterminator="\r\n")
            writer.writerow(columns)
            writer.writerows(["" if c[i] is None else c[i] for c in listed] for i in rows)
            writer.writerow(["#TRAILER", len(rows), "SYNTHETIC"])
    return len(every)
