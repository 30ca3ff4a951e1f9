"""Nominals of runs as records to link.

Enters: the newest `nominal`, `nominal_alias`, `nominal_identifier`, `nominal_address`, `location`, `location_match`,
`crime_nominal` and `crime_report` files of the runs to link together. Leaves: one Arrow table in the role vocabulary
with one row per nominal, and per row what guards need: verified identifiers, protection, age. Must hold: no nominal is
left out, whatever is missing beside it. Refuses: a run whose layers are not there.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from migration.duck import open_session, read_parquet_sql
from migration.layers import find_entity
from migration.records import RunContext
from migration.schema.arrow import duckdb_type
from migration.schema.model import load_schema

ENTITIES = (
    "nominal",
    "nominal_alias",
    "nominal_identifier",
    "nominal_address",
    "location",
    "location_match",
    "crime_nominal",
    "crime_report",
)
IDENTIFIER_TYPES = ("chi", "cro", "driver", "passport", "pnc", "scro")
NOMINALS_SQL = Path(__file__).with_name("nominals.sql")


def load_nominals(runs: Sequence[RunContext], as_of: date) -> pa.Table:
    """All nominals of several runs in the role vocabulary, in order of nominal id.

    Columns: `record_id`, `source` (division), `nominal_type`, the name, birth, place and contact roles, `id_<type>`,
    `verified_<type>` (the value, where the legacy force verified it and its check holds), `is_careful` (protected, or
    under 18 on `as_of`, or of unknown birth and once recorded under 18), `last_recorded_on`.
    """
    with open_session(runs[0].settings) as connection:
        for entity in ENTITIES:
            create_view(connection, entity, runs)
        *preparation, last = (s for s in NOMINALS_SQL.read_text(encoding="utf-8").split(";\n") if s.strip())
        for statement in preparation:
            connection.execute(statement)
        connection.execute(last, [as_of, as_of])
        return connection.execute("SELECT * FROM nominal_records ORDER BY record_id").to_arrow_table()


def create_view(connection: duckdb.DuckDBPyConnection, entity: str, runs: Sequence[RunContext]) -> None:
    """Create a view of one entity over all runs; empty, with the schema's columns, where no run has it."""
    fields = load_schema().entity(entity).fields
    empty = ", ".join(f"NULL::{duckdb_type(f)} AS {f.name}" for f in fields)
    parts = [f"SELECT {empty} WHERE false"]
    columns = ", ".join(f.name for f in fields)
    for run in runs:
        path = find_entity(run, entity)
        if path is not None:
            parts.append(f"SELECT {columns} FROM {read_parquet_sql(path)}")
    connection.execute(f"CREATE VIEW {entity} AS {' UNION ALL '.join(parts)}")
