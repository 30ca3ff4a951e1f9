"""Tables of places: LOCATION and CRIME_LOCATION.

Enters: a division's records, the family's codes. Leaves: tables with local codes.
"""

import numpy as np

from migration.synthetic.columns import Table, codes, dates, texts, whole
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.relational.events import FIRST_CRIME, FIRST_LOCATION, Codes


def make_place_tables(records: DivisionRecords, codes_of: Codes) -> list[Table]:
    """Both tables about places."""
    places, written = records.places, records.written
    location = Table(
        "LOCATION",
        "LOC_ID",
        {
            "LOC_ID": whole(FIRST_LOCATION + np.arange(len(places))),
            "FLAT_NO": texts(written.flat),
            "PREMISES_NAME": texts(written.premises),
            "HOUSE_NO": texts(written.number),
            "STREET": texts(written.street),
            "LOCALITY": texts(written.locality),
            "TOWN": texts(written.town),
            "POSTCODE": texts(written.postcode),
            "EASTING": whole(written.easting, written.has_coordinates),
            "NORTHING": whole(written.northing, written.has_coordinates),
            "GRID_REF": texts(written.grid_ref),
            "LOCUS_TEXT": texts(written.text),
            "LOC_TYPE_CD": codes(written.location_type, codes_of["LOC_TYPE"]),
            "CREATED_DT": dates(places.recorded_on),
        },
    )
    return [location, _make_links(records, codes_of)]


def _make_links(records: DivisionRecords, codes_of: Codes) -> Table:
    first_crime = np.cumsum(records.reports.crimes) - records.reports.crimes
    locus, recovery = np.nonzero(records.locus >= 0)[0], np.nonzero(records.recovery >= 0)[0]
    report = np.concatenate([locus, recovery])
    place = np.concatenate([records.locus[locus], records.recovery[recovery]])
    role = np.array(["LOCUS"] * len(locus) + ["RECOVERY"] * len(recovery), dtype=object)
    return Table(
        "CRIME_LOCATION",
        "CRIME_LOC_ID",
        {
            "CRIME_LOC_ID": list(range(1, len(report) + 1)),
            "CR_NO": [records.crime_no[i] for i in report.tolist()],
            "CRIME_ID": whole(FIRST_CRIME + first_crime[report]),
            "LOC_ID": whole(FIRST_LOCATION + place),
            "LOC_ROLE_CD": codes(role, codes_of["LOC_ROLE"]),
        },
    )
