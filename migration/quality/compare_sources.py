"""What `migrate compare` can be pointed at: Parquet and CSV files, folders of them, tables of databases, databases.

Enters: a text such as `lake/crime.parquet`, `export.csv`, `folder/`, `postgresql://host/db#schema.table` or
`sqlite:///file.db`. Leaves: DuckDB relations by table name; rows of databases pass through a Parquet file under the
spill folder, in batches. Must hold: memory stays bounded. Refuses: what is not there, and an unknown kind of file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from migration.duck import read_parquet_sql, sql_text
from migration.errors import ConfigError, SourceError
from migration.quality.suite import error_class
from migration.settings import Settings

BATCH_ROWS = 50_000
SINGLE = "table"
"""Name of the one table where a source is a single file or table."""


@contextmanager
def open_tables(settings: Settings, place: str) -> Iterator[dict[str, str]]:
    """Tables of a source as DuckDB relations, by name; a single file or table is called `table`.

    Raises:
        ConfigError: the place is not there or is of no known kind.
        SourceError: the database does not answer, or has no such table.
    """
    if "://" in place:
        spill = settings.home / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=spill, prefix="compare-") as folder:
            yield _fetch_tables(place, Path(folder))
        return
    path = Path(place)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix in (".parquet", ".csv"))
        if not files:
            raise ConfigError(place, "no Parquet or CSV file", "a folder of tables", "Name another folder.")
        yield {p.relative_to(path).with_suffix("").as_posix(): _file_relation(p) for p in files}
        return
    if not path.exists():
        raise ConfigError(place, "nothing there", "a file, folder or database URL", "Correct the path.")
    yield {SINGLE: _file_relation(path)}


def _file_relation(path: Path) -> str:
    if path.suffix == ".parquet":
        return read_parquet_sql(path)
    if path.suffix == ".csv":
        return f"read_csv({sql_text(path)}, all_varchar = true, header = true)"
    raise ConfigError(
        str(path), f"a file ending in {path.suffix or 'nothing'}", ".parquet or .csv", "Convert it first."
    )


def _fetch_tables(place: str, folder: Path) -> dict[str, str]:
    url, _, chosen = place.partition("#")
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    where = place.rsplit("@", 1)[-1]
    engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    try:
        names = [tuple(chosen.split("."))] if chosen else _list_tables(engine)
        relations = {}
        for number, name in enumerate(names):
            path = folder / f"{number}.parquet"
            _fetch_table(engine, name, path)
            relations[SINGLE if chosen else ".".join(name)] = read_parquet_sql(path)
    except sa.exc.SQLAlchemyError as error:
        fix = "Check the URL and the table's name (schema.table)."
        raise SourceError(where, error_class(error), "tables that can be read", fix) from None
    finally:
        engine.dispose()
    return relations


def _list_tables(engine: sa.Engine) -> list[tuple[str, ...]]:
    inspector = sa.inspect(engine)
    if engine.dialect.name == "sqlite":
        return [(name,) for name in sorted(inspector.get_table_names())]
    schemas = [s for s in inspector.get_schema_names() if s != "information_schema" and not s.startswith("pg_")]
    return [(s, name) for s in sorted(schemas) for name in sorted(inspector.get_table_names(schema=s))]


def _fetch_table(engine: sa.Engine, name: tuple[str, ...], path: Path) -> None:
    """Copy a table to Parquet: PostgreSQL by its binary protocol, others row by row in batches."""
    preparer = engine.dialect.identifier_preparer
    query = f"SELECT * FROM {'.'.join(preparer.quote_identifier(part) for part in name)}"
    if engine.dialect.name == "postgresql":
        _fetch_postgresql(engine, query, path)
        return
    writer: pq.ParquetWriter | None = None
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True).exec_driver_sql(query)
        columns = list(result.keys())
        schema = pa.schema([(c, pa.string()) for c in columns])
        writer = pq.ParquetWriter(path, schema)
        for part in result.partitions(BATCH_ROWS):
            cells = [[None if v is None else str(v) for v in column] for column in zip(*part, strict=True)]
            writer.write_table(pa.table(dict(zip(columns, cells, strict=True)), schema=schema))
    writer.close()


def _fetch_postgresql(engine: sa.Engine, query: str, path: Path) -> None:
    from migration.load.bulk import open_bulk

    with open_bulk(engine) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        reader = cursor.fetch_record_batch()
        with pq.ParquetWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


def pair_tables(left: dict[str, str], right: dict[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    """Name and relations of each table of either side; None where a side lacks it. Two single tables are a pair."""
    if len(left) == len(right) == 1:
        name = next(iter(left))
        yield name, left[name], next(iter(right.values()))
        return
    for name in sorted({*left, *right}):
        yield name, left.get(name), right.get(name)
