"""The relational estate of a family, from records to database and truth.

Enters: a family's divisions as records. Leaves: the database and the truth gathered. Must hold: one database holds
one division.
"""

from pathlib import Path

import numpy as np

from migration.synthetic.columns import Table
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.events import AS_AT
from migration.synthetic.families import Family
from migration.synthetic.places import list_beats, load_towns
from migration.synthetic.relational.database import write_database, write_sqlite
from migration.synthetic.relational.events import make_event_tables
from migration.synthetic.relational.faults import list_loaded_dirt, plant_faults
from migration.synthetic.relational.people import make_people_tables
from migration.synthetic.relational.places import make_place_tables
from migration.synthetic.truth import Truth

UNCODED = ("MO_CAT", "PROP_CAT")


def write_relational(family: Family, records: DivisionRecords, folder: Path, truth: Truth, url: str = "") -> None:
    """Write a division's database (a SQLite file in `folder`, or the database at `url`) and add its truth."""
    tables = make_tables(family, records, truth)
    every = [*tables.values(), *_make_code_tables(family, records, tables), make_metadata(records)]
    for table in every:
        truth.add_count(records.division, table.name, table.rows)
    if url:
        write_database(every, url)
    else:
        write_sqlite(every, folder / family.file)


def make_tables(family: Family, records: DivisionRecords, truth: Truth) -> dict[str, Table]:
    """The normalised tables of a division with planted faults and truth: what other shapes are made from."""
    made = [
        *make_event_tables(records, family.codes),
        *make_people_tables(records, family.codes),
        *make_place_tables(records, family.codes),
    ]
    tables = {t.name: t for t in made}
    spoilt = plant_faults(records, tables, truth)
    list_loaded_dirt(records, tables, truth, spoilt)
    named = np.setdiff1d(np.arange(len(records.nominals)), spoilt["NOMINAL"])
    truth.add_persons(records, "NOMINAL", tables["NOMINAL"].keys(named), named)
    placed = np.setdiff1d(np.arange(len(records.places)), spoilt["LOCATION"])
    truth.add_locations(records, "LOCATION", tables["LOCATION"].keys(placed), placed)
    return tables


def _code_table(name: str, values: dict[str, str]) -> Table:
    return Table(
        name,
        "CODE",
        {
            "CODE": list(values),
            "DESCR": list(values.values()),
            "VALID_FROM": ["1996-04-01"] * len(values),
            "VALID_TO": [None] * len(values),
        },
    )


def _make_code_tables(family: Family, records: DivisionRecords, tables: dict[str, Table]) -> list[Table]:
    """REF_ tables: codes with their meaning in words, and stations, beats and free lists as they occur."""
    made = []
    for name, codes in family.codes.items():
        if name in {"OCC_PREC", "DOB_PREC"}:
            continue
        made.append(_code_table(f"REF_{name}", {v: k.replace("_", " ").capitalize() for k, v in codes.items() if v}))
    for name, table, column in (("MO_CAT", "CRIME_MO", "MO_CAT_CD"), ("PROP_CAT", "PROPERTY", "PROP_CAT_CD")):
        used = sorted({v for v in tables[table].columns[column] if v})
        made.append(_code_table(f"REF_{name}", {v: v.capitalize() for v in used}))
    towns = [t.name for t in load_towns() if t.division == records.division]
    stations = {
        f"S{i + 1:02d}": f"{towns[i % len(towns)]} {'' if i < len(towns) else 'office'}".strip() for i in range(24)
    }
    beats = {f"{b.code[:3]}/{b.code[3:]}": b.name for b in list_beats() if b.division == records.division}
    return [*made, _code_table("REF_STATION", stations), _code_table("REF_BEAT", beats)]


def make_metadata(records: DivisionRecords) -> Table:
    """The table that says what the database is."""
    values = {
        "NOTICE": "SYNTHETIC: invented people, addresses and crimes",
        "SEED": str(records.seed),
        "AS_AT": str(AS_AT.astype("datetime64[D]")),
        "REPORTS": str(len(records.reports)),
    }
    return Table("SYS_METADATA", "ITEM", {"ITEM": list(values), "VALUE": list(values.values())})
