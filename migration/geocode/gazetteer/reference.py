"""A compiled release as national reference data.

Enters: a compiled release. Leaves: Arrow tables with exactly the columns of `reference.gazetteer_entry` and
`reference.beat`, for `load` to publish. Must hold: one row per UPRN and address status (the latest entry where a
release has several). Refuses a release that is not compiled.
"""

import pyarrow as pa

from migration.duck import open_session, read_parquet_sql, sql_text
from migration.geocode.gazetteer.release import read_release, table_path
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema
from migration.settings import Settings


def reference_entries(settings: Settings, release: str) -> pa.Table:
    """Rows of `reference.gazetteer_entry`: one per UPRN and address status, in that order.

    Raises:
        ConfigError: the release is not compiled.
    """
    read_release(settings, release)
    schema = arrow_schema(load_schema().entity("gazetteer_entry"))
    source = read_parquet_sql(table_path(settings, release, "entry"))
    query = (
        f"SELECT *, {sql_text(release)} AS gazetteer_release FROM {source} QUALIFY row_number() OVER "
        "(PARTITION BY uprn, address_status ORDER BY valid_from DESC NULLS LAST, full_address) = 1"
    )
    return _select(settings, query, schema, "uprn, address_status")


def reference_beats(settings: Settings, release: str) -> pa.Table:
    """Rows of `reference.beat`: one per beat of the release.

    Raises:
        ConfigError: the release is not compiled.
    """
    read_release(settings, release)
    schema = arrow_schema(load_schema().entity("beat"))
    source = read_parquet_sql(table_path(settings, release, "beat"))
    query = f"SELECT *, {sql_text(release)} AS gazetteer_release FROM {source}"
    return _select(settings, query, schema, "beat_code")


def _select(settings: Settings, query: str, schema: pa.Schema, order: str) -> pa.Table:
    columns = ", ".join(schema.names)
    with open_session(settings) as connection:
        table = connection.execute(f"SELECT {columns} FROM ({query}) ORDER BY {order}").to_arrow_table()
    return table.cast(schema)
