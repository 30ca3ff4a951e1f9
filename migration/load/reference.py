"""The reference tables of the national database, filled from the code lists of the schema.

Enters: a connection and a `NationalSchema`. Leaves: `reference.division`, `reference.cv_value` and
`reference.crime_code` exactly as the code lists say, periods of validity and successors included. The beats and the
gazetteer come with a gazetteer release, the crosswalk with the packs (`crosswalk_reference`); neither is touched here.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from migration.schema.model import Code, NationalSchema
from migration.schema.sql import table_of

DIVISION_LIST = "division"
CRIME_CODE_LIST = "crime_code"
_TRUTH = {"true": True, "false": False, "": None}


def seed_reference(connection: sa.Connection, schema: NationalSchema) -> None:
    """Replace the reference tables that come from code lists, inside the caller's transaction."""
    _replace(connection, "division", [_division_row(c) for c in schema.codes[DIVISION_LIST]])
    _replace(connection, "crime_code", [_crime_code_row(c) for c in schema.codes[CRIME_CODE_LIST]])
    rows = [_value_row(name, code) for name, values in sorted(schema.codes.items()) for code in values]
    _replace(connection, "cv_value", rows)


def _replace(connection: sa.Connection, entity: str, rows: list[dict[str, object]]) -> None:
    table = table_of(entity)
    connection.execute(sa.delete(table))
    connection.execute(sa.insert(table), rows)


def _division_row(code: Code) -> dict[str, object]:
    return {
        "division_code": code.code,
        "name": code.label,
        "command_area": code.attributes["command_area"],
        "family": code.attributes["family"],
        "valid_from": code.valid_from,
        "valid_to": code.valid_to,
        "successor_code": _text(code.attributes, "successor_code"),
    }


def _crime_code_row(code: Code) -> dict[str, object]:
    return {
        "crime_code": code.code,
        "label": code.label,
        "group_no": int(code.attributes["group_no"]),
        "crime_or_offence": code.attributes["crime_or_offence"],
        "is_victim_based": _TRUTH[code.attributes["is_victim_based"]],
        "valid_from": code.valid_from,
        "valid_to": code.valid_to,
        "successor_code": _text(code.attributes, "successor_code"),
        "source": code.source,
    }


def _value_row(list_name: str, code: Code) -> dict[str, object]:
    return {
        "list_name": list_name,
        "code": code.code,
        "label": code.label,
        "valid_from": code.valid_from,
        "valid_to": code.valid_to,
        "successor_code": _text(code.attributes, "successor_code"),
        "source": code.source,
    }


def _text(attributes: Mapping[str, str], name: str) -> str | None:
    return attributes.get(name) or None
