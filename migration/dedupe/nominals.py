"""Nominals of runs as records to link.

Enters: the newest `nominal`, `nominal_alias`, `nominal_identifier`, `nominal_address`, `location`, `location_match`
and `crime_nominal` files of the runs to link together. Leaves: one Arrow table in the role vocabulary with one row per
nominal, and per row what guards need: verified identifiers, protection, birth. Must hold: no nominal is left out,
whatever is missing beside it; a row is that of its run alone, on whatever day it is read. Refuses: a run whose layers
are not there.
"""

from calendar import isleap
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.compiled import BoolArray
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
)
IDENTIFIER_TYPES = ("chi", "cro", "driver", "passport", "pnc", "scro")
CAREFUL_COLUMNS = ("is_always_careful", "careful_below_18", "careful_below_20")
NOMINALS_SQL = Path(__file__).with_name("nominals.sql")


def load_nominals(runs: Sequence[RunContext]) -> pa.Table:
    """All nominals of several runs in the role vocabulary, in order of nominal id.

    Columns: `record_id`, `source` (division), `nominal_type`, the name, birth, place and contact roles, `id_<type>`,
    `verified_<type>` (the value, where the legacy force verified it and its check holds), `is_always_careful`
    (protected, or of unknown birth and once recorded under 18), `careful_below_18` (date of birth), `careful_below_20`
    (one worked out from an age, where the nominal was once recorded under 18: it may be two years out).
    """
    with open_session(runs[0].settings) as connection:
        for entity in ENTITIES:
            create_view(connection, entity, runs)
        connection.execute(NOMINALS_SQL.read_text(encoding="utf-8"))
        return connection.execute("SELECT * FROM nominal_records ORDER BY record_id").to_arrow_table()


def careful_nominals(nominals: pa.Table, as_of: date) -> BoolArray:
    """Which nominals only a verified identifier or a judgement may link, on a day: the protected and the young."""
    always, below_18, below_20 = (nominals.column(name) for name in CAREFUL_COLUMNS)
    young = [
        pc.fill_null(pc.greater(born, pa.scalar(_years_before(as_of, years), pa.date32())), False)
        for born, years in ((below_18, 18), (below_20, 20))
    ]
    return np.asarray(pc.or_(pc.or_(always, young[0]), young[1])).astype(np.bool_)


def _years_before(day: date, years: int) -> date:
    """The same day of an earlier year; 28 February where that year has no 29th."""
    year = day.year - years
    has_no_such_day = (day.month, day.day) == (2, 29) and not isleap(year)
    return day.replace(year=year, day=28 if has_no_such_day else day.day)


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
