"""The mainframe extracts of a family: one file per division, their copybook, faults and truth.

Enters: a division's records. Leaves: an EBCDIC file, the copybook, the truth. Must hold: a report's segments follow
it in the order of the copybook; the trailer counts the records between it and the header.
"""

from pathlib import Path

import numpy as np

from migration.synthetic.columns import pick_some
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
from migration.synthetic.events import AS_AT
from migration.synthetic.families import Family
from migration.synthetic.inline_truth import InlineNames, tell_inline_truth
from migration.synthetic.mainframe.encode import encode_segment
from migration.synthetic.mainframe.layout import copybook
from migration.synthetic.mainframe.segments import Segment, day_digits, make_segments
from migration.synthetic.truth import Truth

REPORT_FAULTS = (
    ("missing_recorded_at", "CR-RECORDED-DATE", "000000"),
    ("impossible_recorded_at", "CR-RECORDED-DATE", "190231"),
    ("unknown_status", "CR-STATUS", UNKNOWN_STATUS),
)
LOCUS = tuple(f"CR-LOCUS-{part}" for part in ("PREMISES", "STREET", "AREA", "TOWN", "PCODE", "EAST", "NORTH"))
SECOND = "~2"
"""What the pipeline adds to the key of a second row of the same key."""
UNSEEN = frozenset({"future_dob", "late_edit", "zero_coordinates"})


def write_mainframe(family: Family, records: DivisionRecords, folder: Path, truth: Truth, url: str = "") -> None:
    """Write a division's extract and add its truth; `url` is not used."""
    del url
    segments = make_segments(records, family.codes)
    columns, numbers = segments["CR"].columns, records.crime_no
    has_locus = np.array([any(v) for v in zip(*(columns[c] for c in LOCUS), strict=True)], dtype=bool)
    report_of, number_of = records.involved.report.tolist(), segments["NM"].columns["NM-SEQ"]
    names = InlineNames(
        report_table="CR",
        locus_table="CR",
        nominal_table="NM",
        report_key=lambda i: numbers[i],
        locus_key=lambda i: f"{numbers[i]}#LOCUS",
        nominal_key=lambda i: f"{numbers[report_of[i]]}|{number_of[i]}",
        home_key=lambda i: f"{numbers[report_of[i]]}|{number_of[i]}#ADDR",
        unseen=UNSEEN,
    )
    spoilt, twice = _plant_faults(records, segments, truth)
    tell_inline_truth(records, truth, names, has_locus, spoilt)
    rows = _write_file(records, segments, twice, folder / family.file.format(division=records.division))
    (folder / family.options["copybook"]).write_text(copybook(), encoding="ascii")
    for name, count in rows.items():
        truth.add_count(records.division, name, count)


def _plant_faults(records: DivisionRecords, segments: dict[str, Segment], truth: Truth) -> tuple[Ints, Ints]:
    """Spoil some records; returns the reports that cannot be loaded and the nominals that are written twice."""
    draws, division, key = records.draws, records.division, records.reports.key
    sound = np.ones(len(key), dtype=bool)
    for kind, column, value in REPORT_FAULTS:
        at = pick_some(draws, kind, key, REPORT_RATE, sound)
        sound[at] = False
        for i in at.tolist():
            segments["CR"].columns[column][i] = value
        keys = [records.crime_no[i] for i in at.tolist()]
        truth.add_dirt(division, kind, "CR", keys, "crime_report", QUARANTINED)
    crimes = records.crimes
    at = pick_some(draws, "unknown crime code", crimes.key, OTHER_RATE, sound[crimes.report])
    for i in at.tolist():
        segments["CI"].columns["CI-CODE"][i] = UNKNOWN_CODE
    keys = [f"{records.crime_no[crimes.report[i]]}|{crimes.seq[i]:02d}" for i in at.tolist()]
    truth.add_dirt(division, "unknown_crime_code", "CI", keys, "crime", QUARANTINED)
    involved = records.involved
    twice = pick_some(draws, "segment twice", involved.key, COPY_RATE, sound[involved.report])
    number = segments["NM"].columns["NM-SEQ"]
    keys = [f"{records.crime_no[involved.report[i]]}|{number[i]}{SECOND}" for i in twice.tolist()]
    truth.add_dirt(division, "duplicate_row", "NM", keys, "nominal", DUPLICATE)
    return np.nonzero(~sound)[0], twice


def _write_file(records: DivisionRecords, segments: dict[str, Segment], twice: Ints, path: Path) -> dict[str, int]:
    """Write header, segments by report, trailer; returns the records of each segment."""
    encoded: list[bytes] = []
    reports: list[Ints] = []
    ranks: list[Ints] = []
    rows: dict[str, int] = {}
    for rank, segment in enumerate(segments.values()):
        made = encode_segment(segment.name, [records.crime_no[i] for i in segment.report.tolist()], segment.columns)
        report = segment.report
        if segment.name == "NM":
            made += [made[i] for i in twice.tolist()]
            report = np.concatenate([report, report[twice]])
        encoded += made
        reports.append(report)
        ranks.append(np.full(len(report), rank))
        rows[segment.name] = len(made)
    order = np.lexsort((np.concatenate(ranks), np.concatenate(reports)))
    as_at = day_digits(np.array([AS_AT]))
    head = {"HD-NOTICE": ["SYNTHETIC"], "HD-DIVISION": [records.division], "HD-AS-AT": as_at}
    with path.open("wb") as file:
        file.writelines(encode_segment("HD", [""], head))
        file.writelines(encoded[i] for i in order.tolist())
        file.writelines(encode_segment("TR", [""], {"TR-COUNT": [len(encoded)]}))
    return rows
