"""The file set of a family: the normalised tables as pipe-delimited UTF-8 files without quoting.

Enters: a division's records. Leaves: one file per table and the truth under its name. Must hold: no text holds the
delimiter or a line end (they are written as other marks, which loses nothing a reader could not see); dates are
`YYYYMMDD`, times are cut in two columns.
"""

from pathlib import Path

from migration.synthetic.columns import Column, Table
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.families import Family
from migration.synthetic.relational.write import make_tables
from migration.synthetic.truth import Truth, new_keys

NEW_TABLES: dict[str, tuple[str, str]] = {
    "CRIME_REPORT": (
        "crimes",
        "CRIME_REF:CR_NO BEAT:BEAT_CD SOURCE:HOW_REP_CD REP@REPORTED_DT REC@RECORDED_DT FROM@OCC_FROM_DT TO@OCC_TO_DT "
        "PRECISION:OCC_PREC_CD STORM:STORM_NO OFFICER:OIC_NO OFFICE:OIC_STN_CD STATUS:STATUS_CD STAGE:WF_STATE_CD "
        "MO:MO_TEXT LOCUS_ID:LOCUS_LOC_ID FROM_REF:XFER_FROM_REF TO_REF:XFER_TO_REF REVIEW_D#REVIEW_DT "
        "CHANGED@LAST_UPD_TS",
    ),
    "CRIME": (
        "offences",
        "OFFENCE_ID:CRIME_ID CRIME_REF:CR_NO SEQ:CRIME_SEQ CODE/CRIME_CD ATTEMPT:ATTEMPT_YN RESULT:DISPOSAL_CD "
        "CLEARED_D#DETECTED_DT NC_REASON:NOCRIME_RSN_CD NC_BY:NOCRIME_REQ_BY NC_OK_BY:NOCRIME_AUTH_BY TOLD:COMP_UPD_YN "
        "PF_REF:PROC_REF",
    ),
    "STATUS_HISTORY": (
        "statuses",
        "STATUS_ID:HIST_ID CRIME_REF:CR_NO WAS:FROM_STATUS_CD BECAME:TO_STATUS_CD ON@CHANGED_DT BY:CHANGED_BY",
    ),
    "CRIME_MARKER": ("markers", "MARKER_ID:MARKER_ID OFFENCE_ID:CRIME_ID MARKER:MARKER_CD"),
    "NOMINAL": (
        "nominals",
        "URN:NOM_ID KIND:NOM_TYPE_CD TITLE:TITLE SURNAME:SURNAME FORENAMES:FORENAMES NEE:MAIDEN_NAME BORN_D:BORN "
        "AGE:AGE_AT_REC SEX:SEX_CD ETHNIC:ETH_CD BIRTHPLACE:POB JOB:OCCUPATION SCRO:SCRO_NO PNC:PNC_ID CRO:CRO_NO "
        "DRIVER:DRIVER_NO TEL:PHONE_NO HOME_ID:HOME_LOC_ID VULNERABLE:PROTECT_YN",
    ),
    "NOMINAL_ALIAS": (
        "aliases",
        "ALIAS_ID:ALIAS_ID URN:NOM_ID KIND:ALIAS_TYPE_CD SURNAME:SURNAME FORENAME:FORENAME1",
    ),
    "NOMINAL_ADDRESS": (
        "addresses",
        "ADDRESS_ID:NOM_ADDR_ID URN:NOM_ID PLACE_ID:LOC_ID KIND:ADDR_TYPE_CD FROM_D#FROM_DT TO_D#TO_DT",
    ),
    "CRIME_NOMINAL": (
        "links",
        "LINK_ID:CRIME_NOM_ID CRIME_REF:CR_NO OFFENCE_ID:CRIME_ID URN:NOM_ID ROLE:ROLE_CD AGE:AGE_AT_TIME "
        "ADDED@ADDED_TS",
    ),
    "LOCATION": (
        "places",
        "PLACE_ID:LOC_ID ADDRESS:ADDRESS LOCALITY:LOCALITY TOWN:TOWN POSTCODE:POSTCODE GRID:GRID KIND:LOC_TYPE_CD "
        "MADE_D#CREATED_DT",
    ),
    "CRIME_LOCATION": (
        "place_links",
        "PLACE_LINK_ID:CRIME_LOC_ID CRIME_REF:CR_NO OFFENCE_ID:CRIME_ID PLACE_ID:LOC_ID ROLE:LOC_ROLE_CD",
    ),
    "PROPERTY": (
        "property",
        "ITEM_ID:PROP_ID CRIME_REF:CR_NO KIND:PROP_CAT_CD TEXT:DESCR PENCE:PENCE ROLE:OBJ_ROLE_CD",
    ),
    "CRIME_VEHICLE": (
        "vehicles",
        "VEHICLE_ID:VEH_ID CRIME_REF:CR_NO REG:VRM MAKE:MAKE COLOUR:COLOUR ROLE:OBJ_ROLE_CD",
    ),
}
"""New name and columns per normalised table: `NEW:OLD` as it is, `#` a date, `@` a time (two columns), `/` a code."""


def write_file_set(family: Family, records: DivisionRecords, folder: Path, truth: Truth, url: str = "") -> None:
    """Write a division's files and add its truth; `url` is not used."""
    del url
    gathered = Truth(family.source_system)
    tables = make_tables(family, records, gathered)
    _add_columns(tables)
    for old, (name, columns) in NEW_TABLES.items():
        made = _reshape(tables[old], name, columns)
        _write_file(made, folder / family.file.format(table=name))
        gathered.relabel(old, new_keys(tables[old], made))
        gathered.add_count(records.division, name, made.rows)
    truth.absorb(gathered)


def _add_columns(tables: dict[str, Table]) -> None:
    """Columns this layout writes as one where the normalised tables have several."""
    people, places = tables["NOMINAL"].columns, tables["LOCATION"].columns
    people["FORENAMES"] = [
        " ".join(p for p in pair if p) or None for pair in zip(people["FORENAME1"], people["FORENAME2"], strict=True)
    ]
    year_only = [c == "Year" for c in people["DOB_PREC_CD"]]
    people["BORN"] = [
        (f"{day[:4]}0000" if is_year else day.replace("-", "")) if day else None
        for day, is_year in zip(people["DOB"], year_only, strict=True)
    ]
    head = (places[c] for c in ("PREMISES_NAME", "FLAT_NO", "HOUSE_NO", "STREET", "LOCUS_TEXT"))
    places["ADDRESS"] = [_one_line(*parts) for parts in zip(*head, strict=True)]
    points = zip(places["EASTING"], places["NORTHING"], places["GRID_REF"], strict=True)
    places["GRID"] = [f"{e},{n}" if e is not None else grid for e, n, grid in points]
    tables["PROPERTY"].columns["PENCE"] = [
        None if v is None else round(v * 100) for v in tables["PROPERTY"].columns["VALUE_GBP"]
    ]
    for name in ("VRM", "MAKE", "COLOUR"):
        tables["CRIME_VEHICLE"].columns[name] = tables["VEHICLE"].columns[name]


def _one_line(
    name: str | None, flat: str | None, number: str | None, street: str | None, text: str | None
) -> str | None:
    if text:
        return text
    shown = f"Flat {flat}" if flat and flat.isdigit() else flat
    road = f"{number} {street}" if number and street else street or number
    return ", ".join(p for p in (name, shown, road) if p) or None


def _reshape(table: Table, name: str, columns: str) -> Table:
    made: dict[str, Column] = {}
    for item in columns.split():
        mark = next(m for m in ":#@/" if m in item)
        new, old = item.split(mark)
        values = table.columns[old]
        if mark == "@":
            made[f"{new}_D"] = [None if v is None else v[:10].replace("-", "") for v in values]
            made[f"{new}_T"] = [None if v is None else v[11:16].replace(":", "") for v in values]
        elif mark == "#":
            made[new] = [None if v is None else v.replace("-", "") for v in values]
        elif mark == "/":
            made[new] = [None if v is None else f"{v[:2]}/{int(v[2:])}" for v in values]
        else:
            made[new] = values
    return Table(name, next(iter(made)), made)


def _write_file(table: Table, path: Path) -> None:
    lines = ["|".join(table.columns)]
    for row in zip(*table.columns.values(), strict=True):
        lines.append("|".join("" if v is None else _plain(v) for v in row))
    lines.append(f"EOF|{table.rows}|SYNTHETIC")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def _plain(value: object) -> str:
    """Text of a value without the delimiter or line ends."""
    return str(value).replace("|", "¦").replace("\n", " // ")
