"""Any extract file as a relation: Parquet, CSV, JSON Lines or XML.

Enters: a path. Leaves: a relation of a DuckDB session; CSV and XML as text throughout. Refuses: a file that is
missing, of another kind, or cannot be read.
"""

from pathlib import Path

import duckdb
import pyarrow as pa
from lxml import etree

from migration.duck import read_parquet_sql, sql_text
from migration.errors import SourceError
from migration.extract.xml_records import flatten_records

KINDS = (".parquet", ".csv", ".jsonl", ".ndjson", ".xml")


def open_extract(connection: duckdb.DuckDBPyConnection, name: str, path: Path, record: str = "") -> dict[str, str]:
    """Make the file the relation `name`; returns its columns with their types.

    Args:
        record: tag of a record of an XML document; empty means the first that stands twice in a row.

    Raises:
        SourceError: the file is missing, of an unknown kind, or cannot be read.
    """
    if not path.is_file():
        raise SourceError(f"extract {path}", "no file", "an extract", "Correct the path.")
    try:
        _make_relation(connection, name, path, record)
        rows = connection.execute(f"DESCRIBE {name}").fetchall()
    except (duckdb.Error, etree.XMLSyntaxError) as failure:
        found = f"a file that cannot be read ({type(failure).__name__})"
        raise SourceError(f"extract {path.name}", found, "a complete extract", "Copy or export it again.") from failure
    return {str(row[0]): str(row[1]) for row in rows}


def _make_relation(connection: duckdb.DuckDBPyConnection, name: str, path: Path, record: str) -> None:
    suffix = path.suffix.lower()
    if suffix == ".xml":
        connection.register(f"{name}_xml", _read_xml(path, record))
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {name}_xml")
        connection.unregister(f"{name}_xml")
        return
    relations = {
        ".parquet": read_parquet_sql(path),
        ".csv": f"read_csv({sql_text(path)}, all_varchar = true, header = true, nullstr = '')",
        ".jsonl": f"read_json({sql_text(path)}, format = 'newline_delimited')",
        ".ndjson": f"read_json({sql_text(path)}, format = 'newline_delimited')",
    }
    if suffix not in relations:
        raise SourceError(f"extract {path.name}", f"a {suffix} file", f"one of {', '.join(KINDS)}", "Convert it.")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {relations[suffix]}")


def _read_xml(path: Path, record: str) -> pa.Table:
    with path.open("rb") as stream:
        rows = list(flatten_records(stream, record))
    names = sorted({name for row in rows for name in row})
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    return pa.Table.from_pylist(rows, schema)
