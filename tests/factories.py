"""Invented records for tests: Arrow tables in the national schema, filled with what a test does not care about.

Enters: what matters to the test. Leaves: tables with exactly the columns of `arrow_schema(entity)`. Must hold: nobody
here is real; the same
arguments give the same rows.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from migration.schema.arrow import arrow_schema
from migration.schema.model import FieldType, load_schema
from migration.synthetic.draws import Draws
from migration.synthetic.people import make_people, person_ids

Row = Mapping[str, Any]
LINEAGE = {
    "source_system": "test_crime",
    "run_id": "20260101T000000Z",
    "mapping_version": "test",
    "row_hash": "0" * 32,
    "security_marking": "OFFICIAL-SENSITIVE",
    "retention_class": "STANDARD",
}
RECORDED_AT = dt.datetime(2022, 5, 1, 12, 0, tzinfo=dt.UTC)


def record_id(division: str, table: str, key: str) -> str:
    """Record id of a test record: 32 hex characters, the same for the same key."""
    return hashlib.sha256(f"{division}|{table}|{key}".encode()).hexdigest()[:32]


def make_table(entity: str, rows: Iterable[Row], division: str = "D") -> pa.Table:
    """Rows of a national entity, with lineage and required fields filled in where a row leaves them out.

    Raises:
        KeyError: a row names a column the entity has not.
    """
    known = load_schema().entity(entity)
    made = [_fill(entity, number, row, division) for number, row in enumerate(rows, start=1)]
    return pa.Table.from_pylist(made, schema=arrow_schema(known))


def _fill(entity: str, number: int, row: Row, division: str) -> dict[str, Any]:
    known = load_schema().entity(entity)
    unknown = set(row) - set(known.field_names)
    if unknown:
        raise KeyError(f"{entity}: {sorted(unknown)}")
    key = str(row.get("source_key", number))
    letter = str(row.get("division_code", division))
    defaults: dict[str, Any] = {**LINEAGE, "division_code": letter, "source_table": entity, "source_key": key}
    filled: dict[str, Any] = {}
    for item in known.fields:
        value = row.get(item.name, defaults.get(item.name))
        if value is None and item.is_required:
            value = _required_value(item.name, item.type, record_id(letter, entity, key), f"{letter}{number}")
        filled[item.name] = value
    return filled


def _required_value(name: str, kind: FieldType, identity: str, label: str) -> Any:
    """A value for a required field no test cared about: the record's own id for ids, else something of the type."""
    named = {
        "status_code": "OPEN",
        "crime_code": "22003",
        "nominal_type_code": "PERSON",
        "born_on_precision_code": "DAY",
        "legacy_crime_no": f"TEST/{label}",
    }
    if name in named:
        return named[name]
    if name.endswith("_id"):
        return identity
    by_type = {FieldType.TIMESTAMP: RECORDED_AT, FieldType.INTEGER: 1, FieldType.DATE: RECORDED_AT.date()}
    return by_type.get(kind, f"test {name}")


def make_nominals(count: int, seed: int = 1, division: str = "D", **common: Any) -> pa.Table:
    """`count` different invented people as nominal records, each recorded once and without error."""
    people = make_people(Draws(seed, "factories"), person_ids(division, np.arange(count) * 2))
    rows = [
        {
            "source_key": str(i + 1),
            "surname": people.surname[i],
            "forename_1": people.forename_1[i],
            "forename_2": people.forename_2[i] or None,
            "full_name_raw": f"{people.forename_1[i]} {people.surname[i]}",
            "born_on": people.born_on[i].item(),
            "born_on_raw": str(people.born_on[i]),
            "sex_code": "FEMALE" if people.is_female[i] else "MALE",
            "scro_no": people.scro_no[i] or None,
            "pnc_id": people.pnc_id[i] or None,
            "phone": people.phone[i],
            **common,
        }
        for i in range(count)
    ]
    return make_table("nominal", rows, division)


def make_locations(texts: Iterable[str], division: str = "D", **common: Any) -> pa.Table:
    """Location records with the given raw texts."""
    return make_table("location", [{"location_raw_text": text, **common} for text in texts], division)


def make_crime_reports(count: int, division: str = "D", **common: Any) -> pa.Table:
    """`count` crime reports that differ in their numbers only."""
    return make_table("crime_report", [dict(common) for _ in range(count)], division)


def make_crimes(reports: pa.Table, **common: Any) -> pa.Table:
    """One crime for each of `reports`."""
    division = reports["division_code"][0].as_py() if reports.num_rows else "D"
    rows = [{"crime_report_id": i, "crime_seq": 1, **common} for i in reports["crime_report_id"].to_pylist()]
    return make_table("crime", rows, division)
