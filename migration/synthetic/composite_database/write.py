"""The composite-key database of a family: normalised tables keyed by division, year and serial.

Enters: a division's records. Leaves: the database (MariaDB by URL, else SQLite) and the truth under the new keys.
Must hold: reports recorded in the first town of the division before the merger carry the retired division's letter,
on every table.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from migration.synthetic.columns import Column, Table
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.families import Family
from migration.synthetic.places import load_towns
from migration.synthetic.relational.database import write_database, write_sqlite
from migration.synthetic.relational.events import FIRST_CRIME, FIRST_NOMINAL
from migration.synthetic.relational.write import make_metadata, make_tables
from migration.synthetic.truth import Truth, new_keys

REPORT_KEY = "force_div,cr_year,cr_serial"
WHOLE = (
    *("cr_year", "cr_serial", "crime_seq", "status_seq", "marker_seq", "nom_no", "alias_seq", "addr_seq", "link_seq"),
    *("loc_seq", "item_seq", "veh_seq", "loc_no", "locus_no", "home_no", "age_at_rec", "age_at_time", "easting"),
    *("northing", "status", "from_status", "to_status", "disposal", "sex"),
)
TIMES = ("reported", "recorded", "occ_from", "occ_to", "last_upd", "changed")
DATES = ("review_date", "detected_date", "dob", "from_date", "to_date", "created")
KINDS = {
    **dict.fromkeys(WHOLE, "INTEGER"),
    **dict.fromkeys(TIMES, "DATETIME"),
    **dict.fromkeys(DATES, "DATE"),
    "value_gbp": "NUMERIC(12,2)",
}
UNKNOWN_STATUS_NUMBER = 99
NEW_COLUMNS: dict[str, str] = {
    "CRIME_REPORT": "beat:BEAT_CD how_rep:HOW_REP_CD reported:REPORTED_DT recorded:RECORDED_DT occ_from:OCC_FROM_DT "
    "occ_to:OCC_TO_DT occ_prec:OCC_PREC_CD storm_no:STORM_NO oic:OIC_NO stn:OIC_STN_CD status:STATUS_CD "
    "wf_state:WF_STATE_CD mo:MO_TEXT locus_no:LOCUS_LOC_ID xfer_from:XFER_FROM_REF xfer_to:XFER_TO_REF "
    "review_date:REVIEW_DT last_upd:LAST_UPD_TS",
    "CRIME": "crime_code:CRIME_CD attempt:ATTEMPT_YN disposal:DISPOSAL_CD detected_date:DETECTED_DT "
    "nc_reason:NOCRIME_RSN_CD nc_req_by:NOCRIME_REQ_BY nc_auth_by:NOCRIME_AUTH_BY comp_upd:COMP_UPD_YN "
    "proc_ref:PROC_REF",
    "STATUS_HISTORY": "from_status:FROM_STATUS_CD to_status:TO_STATUS_CD changed:CHANGED_DT changed_by:CHANGED_BY",
    "CRIME_MARKER": "marker:MARKER_CD",
    "NOMINAL": "nom_type:NOM_TYPE_CD title:TITLE surname:SURNAME forename1:FORENAME1 forename2:FORENAME2 "
    "maiden_name:MAIDEN_NAME dob:DOB dob_prec:DOB_PREC_CD age_at_rec:AGE_AT_REC sex:SEX_CD eth:ETH_CD pob:POB "
    "occupation:OCCUPATION scro_no:SCRO_NO pnc_id:PNC_ID cro_no:CRO_NO driver_no:DRIVER_NO phone:PHONE_NO "
    "home_no:HOME_LOC_ID protect:PROTECT_YN",
    "NOMINAL_ALIAS": "alias_type:ALIAS_TYPE_CD surname:SURNAME forename1:FORENAME1",
    "NOMINAL_ADDRESS": "loc_no:LOC_ID addr_type:ADDR_TYPE_CD from_date:FROM_DT to_date:TO_DT",
    "CRIME_NOMINAL": "role:ROLE_CD age_at_time:AGE_AT_TIME",
    "LOCATION": "loc_no:LOC_ID flat:FLAT_NO premises:PREMISES_NAME house_no:HOUSE_NO street:STREET locality:LOCALITY "
    "town:TOWN postcode:POSTCODE easting:EASTING northing:NORTHING grid_ref:GRID_REF locus_text:LOCUS_TEXT "
    "loc_type:LOC_TYPE_CD created:CREATED_DT",
    "CRIME_LOCATION": "loc_no:LOC_ID loc_role:LOC_ROLE_CD",
    "PROPERTY": "category:PROP_CAT_CD descr:DESCR value_gbp:VALUE_GBP obj_role:OBJ_ROLE_CD",
}
"""New column and the old one it is, per normalised table; keys are made apart."""
NEW_NAMES = {
    "STATUS_HISTORY": ("crime_status", "status_seq"),
    "CRIME_NOMINAL": ("crime_nominal", "link_seq"),
    "CRIME_LOCATION": ("crime_location", "loc_seq"),
    "PROPERTY": ("property", "item_seq"),
}


def write_composite_database(
    family: Family, records: DivisionRecords, folder: Path, truth: Truth, url: str = ""
) -> None:
    """Write a division's database (SQLite in `folder`, or MariaDB at `url`) and add its truth."""
    gathered = Truth(family.source_system)
    tables = make_tables(family, records, gathered)
    made = _Reshaper(records, tables, _letters(family, records)).reshape()
    for old, new in made.items():
        gathered.relabel(old, new_keys(tables[old], new))
        gathered.add_count(records.division, new.name, new.rows)
    truth.absorb(gathered)
    every = [*made.values(), make_metadata(records)]
    if url:
        write_database(every, url)
    else:
        write_sqlite(every, folder / family.file)


class _Reshaper:
    """Holds what replaces the surrogate keys of one division's tables while they are reshaped."""

    def __init__(self, records: DivisionRecords, tables: dict[str, Table], letters: list[str]) -> None:
        self.tables = tables
        years = records.reports.recorded_at.astype("datetime64[Y]").astype(np.int64) + 1970
        serials = [int(n[2:9]) for n in records.crime_no]
        keys = list(zip(letters, years.tolist(), serials, strict=True))
        self.report_key = dict(zip(records.crime_no, keys, strict=True))
        self.letters = letters
        of_crime = records.crimes.report.tolist()
        self.crime = {
            FIRST_CRIME + i: (*keys[report], seq)
            for i, (report, seq) in enumerate(zip(of_crime, records.crimes.seq.tolist(), strict=True))
        }
        first = np.full(len(records.nominals), len(records.reports), dtype=np.int64)
        np.minimum.at(first, records.nominal_of, records.involved.report)
        self.nominal_letter = {FIRST_NOMINAL + i: letters[report] for i, report in enumerate(first.tolist())}
        self.home_letter = records.division

    def reshape(self) -> dict[str, Table]:
        """New tables by the name of the old ones."""
        makers: dict[str, Callable[[Table], Table]] = {
            "CRIME_REPORT": self._reports,
            "CRIME": self._crimes,
            "CRIME_MARKER": self._markers,
            "NOMINAL": self._nominals,
            "NOMINAL_ALIAS": lambda t: self._of_nominal(t, "nominal_alias", "alias_seq"),
            "NOMINAL_ADDRESS": lambda t: self._of_nominal(t, "nominal_address", "addr_seq"),
            "LOCATION": lambda t: t.reshape("location", "loc_no", _renamed(t.name), KINDS),
            "CRIME_VEHICLE": self._vehicles,
            **dict.fromkeys(NEW_NAMES, self._of_report),
        }
        return {name: make(self.tables[name]) for name, make in makers.items()}

    def _reports(self, table: Table) -> Table:
        numbers: Column = table.columns["CR_NO"]
        status = table.columns["STATUS_CD"]
        status[:] = [UNKNOWN_STATUS_NUMBER if s == "XX" else int(s) for s in status]
        columns = {**self._report_columns(numbers), "crime_ref": numbers, **_renamed(table.name)}
        return table.reshape("crime_report", REPORT_KEY, columns, KINDS)

    def _report_columns(self, numbers: Column) -> dict[str, Column]:
        keys = [self.report_key[n] for n in numbers]
        return {name: [k[i] for k in keys] for i, name in enumerate(REPORT_KEY.split(","))}

    def _crime_columns(self, crimes: Column) -> dict[str, Column]:
        keys = [self.crime[c] for c in crimes]
        names = (*REPORT_KEY.split(","), "crime_seq")
        return {name: [k[i] for k in keys] for i, name in enumerate(names)}

    def _crimes(self, table: Table) -> Table:
        columns = {**self._crime_columns(table.columns["CRIME_ID"]), **_renamed(table.name)}
        return table.reshape("crime", f"{REPORT_KEY},crime_seq", columns, KINDS)

    def _markers(self, table: Table) -> Table:
        keys = self._crime_columns(table.columns["CRIME_ID"])
        counted = count_within(table.columns["CRIME_ID"])
        columns = {**keys, "marker_seq": counted, **_renamed(table.name)}
        return table.reshape("crime_marker", f"{REPORT_KEY},crime_seq,marker_seq", columns, KINDS)

    def _nominal_columns(self, nominals: Column) -> dict[str, Column]:
        letters = [self.nominal_letter.get(n, self.home_letter) for n in nominals]
        return {"nom_div": letters, "nom_no": list(nominals)}

    def _nominals(self, table: Table) -> Table:
        columns = {**self._nominal_columns(table.columns["NOM_ID"]), **_renamed(table.name)}
        return table.reshape("nominal", "nom_div,nom_no", columns, KINDS)

    def _of_nominal(self, table: Table, name: str, sequence: str) -> Table:
        counted = count_within(table.columns["NOM_ID"])
        columns = {**self._nominal_columns(table.columns["NOM_ID"]), sequence: counted, **_renamed(table.name)}
        return table.reshape(name, f"nom_div,nom_no,{sequence}", columns, KINDS)

    def _of_report(self, table: Table) -> Table:
        name, sequence = NEW_NAMES[table.name]
        numbers = table.columns["CR_NO"]
        columns: dict[str, str | Column] = {**self._report_columns(numbers), sequence: count_within(numbers)}
        if "CRIME_ID" in table.columns:
            crimes = table.columns["CRIME_ID"]
            columns["crime_seq"] = [self.crime[c][3] if c is not None else None for c in crimes]
        if "NOM_ID" in table.columns:
            columns |= self._nominal_columns(table.columns["NOM_ID"])
        return table.reshape(name, f"{REPORT_KEY},{sequence}", {**columns, **_renamed(table.name)}, KINDS)

    def _vehicles(self, table: Table) -> Table:
        """Vehicle and link in one: the surrogate vehicle ids go."""
        numbers, vehicles = table.columns["CR_NO"], self.tables["VEHICLE"].columns
        columns: dict[str, str | Column] = {
            **self._report_columns(numbers),
            "veh_seq": count_within(numbers),
            "vrm": vehicles["VRM"],
            "make": vehicles["MAKE"],
            "colour": vehicles["COLOUR"],
            "obj_role": "OBJ_ROLE_CD",
        }
        return table.reshape("vehicle", f"{REPORT_KEY},veh_seq", columns, KINDS)


def _renamed(table: str) -> dict[str, str | Column]:
    pairs = (item.split(":") for item in NEW_COLUMNS[table].split())
    return {new: old for new, old in pairs}


def count_within(values: Column) -> Column:
    """Ordinal of each value among its equals, from 1."""
    seen: dict[object, int] = {}
    counted: Column = []
    for value in values:
        seen[value] = seen.get(value, 0) + 1
        counted.append(seen[value])
    return counted


def _letters(family: Family, records: DivisionRecords) -> list[str]:
    """Division letter each report was recorded under: the retired one's for the first town before the merger."""
    merged_on = np.datetime64(family.options["merged_on"])
    first_town = next(t.name.upper() for t in load_towns() if t.division == records.division)
    row = np.where(records.locus >= 0, records.places.row[records.locus], -1)
    town = records.book.text("town", np.maximum(row, 0))
    old = (records.reports.recorded_at < merged_on) & (town == first_town) & (row >= 0)
    return [family.options["retired_division"] if is_old else records.division for is_old in old.tolist()]
