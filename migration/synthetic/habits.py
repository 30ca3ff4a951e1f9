"""Habits of recording that every system shares: beats, officers' numbers, roles, ages, addresses in one line.

Enters: a division's records. Leaves: lists and arrays of what is written. Must hold: what is written does not
contradict the truth.
"""

import numpy as np

from migration.synthetic.columns import Column
from migration.synthetic.draws import Ints, Texts
from migration.synthetic.estate import DivisionRecords


def officer_numbers(numbers: Ints) -> Column:
    """Officers' numbers, 0 absent."""
    return [f"P{n:05d}" if n else None for n in numbers.tolist()]


def legacy_beats(records: DivisionRecords) -> Column:
    """Beats as officers entered them: the old form of the true beat, now and then a neighbour's, often nothing."""
    known = records.locus >= 0
    row = np.where(known, records.places.row[records.locus], -1)
    beats = records.book.text("beat_code", np.maximum(row, 0))
    wrong = records.draws.chance("wrong beat", records.reports.key, 0.02).tolist()
    absent = records.draws.chance("no beat", records.reports.key, 0.04).tolist()
    made: Column = []
    for beat, at, is_wrong, is_absent in zip(beats, row.tolist(), wrong, absent, strict=True):
        written = f"{beat[:3]}/{beat[3:]}" if beat and at >= 0 and not is_absent else None
        made.append(f"{beat[:3]}/99" if written and is_wrong else written)
    return made


def roles_as_recorded(records: DivisionRecords) -> Texts:
    """Role of each involvement, with the convicted told apart from the accused and informants from reporters."""
    involved = records.involved
    informant = (involved.role == "REPORTER") & records.draws.chance("informant", involved.key, 0.12)
    role = np.where(informant, "INFORMANT", involved.role)
    return np.where(involved.is_convicted, "CONVICTED", role).astype(object)


def ages_at_report(records: DivisionRecords) -> Ints:
    """Age of each person on the day of the report, -1 where the record says nothing of it."""
    involved, nominals = records.involved, records.nominals
    person = nominals.person[records.nominal_of]
    born = nominals.people.born_on[np.maximum(person, 0)]
    day = records.reports.recorded_at[involved.report].astype("datetime64[D]")
    years = ((day - born).astype(np.int64) // 365.25).astype(np.int64)
    given = (person >= 0) & records.draws.chance("age at time", involved.key, 0.5)
    return np.where(given, years, -1)


def procedural_references(records: DivisionRecords) -> Column:
    """Crime/offence reference of each detected crime: three of agency, six of sequence, month and year."""
    crimes = records.crimes
    days = crimes.detected_on.astype("datetime64[D]").astype(object)
    return [
        f"PS{records.division}{serial:06d}{day:%m%y}" if day else None
        for serial, day in zip(crimes.serial.tolist(), days, strict=True)
    ]


def premises_lines(records: DivisionRecords, place: Ints) -> list[str]:
    """Flat, premises name and number of each place in one line, as in `Flat 2, 34`; empty where there are none."""
    written = records.written
    lines = []
    for flat, name, number in zip(written.flat[place], written.premises[place], written.number[place], strict=True):
        shown = f"Flat {flat}" if flat.isdigit() else flat
        lines.append(", ".join(p for p in (name, shown, number) if p))
    return lines


def address_lines(records: DivisionRecords, place: Ints) -> list[str]:
    """Each place in one line without its postcode; empty where nothing was written."""
    written = records.written
    lines = []
    for at, head in zip(place.tolist(), premises_lines(records, place), strict=True):
        road = (
            f"{head} {written.street[at]}"
            if head[-1:].isdigit()
            else ", ".join(filter(None, (head, written.street[at])))
        )
        parts = (written.text[at], road.strip(), written.locality[at], written.town[at])
        lines.append(", ".join(p for p in parts if p))
    return lines
