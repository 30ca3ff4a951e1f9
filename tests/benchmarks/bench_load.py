"""Loading, staging, hashing and publishing against volume.

`python tests/benchmarks/bench_load.py --rows 200000` makes a run with so many rows in each of five wide entities and
times (1) one table by CSV COPY and by ADBC, (2) the stage `stage`, (3) the evidence hash, (4) moving the partitions to
`national`, (5) the national content hash. Everything lies in a temporary folder with a server of its own.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import sqlalchemy as sa

from migration.layers import write_layer
from migration.load.bulk import BATCH_ROWS, copy_table
from migration.load.content import national_content_hash
from migration.load.embedded import stop_server
from migration.load.engine import open_engine, upgrade_schema
from migration.load.evidence import evidence_hash
from migration.load.partitions import attach_partition
from migration.load.stage import load_staging
from migration.records import Layer, RunContext
from migration.schema.arrow import arrow_schema, duckdb_type
from migration.schema.model import Entity, Field, load_schema
from migration.settings import Settings

ENTITIES = ("crime_report", "crime", "crime_nominal", "nominal", "location")
DIVISION = load_schema().codes["division"][0].code


def value_sql(entity: Entity, field: Field) -> str:
    """SQL of a column's value in row `i`."""
    if field.codes == "division":
        return f"'{DIVISION}'"
    if field.references is not None:
        return f"md5('{field.references[0]}' || i)"
    if field.name in entity.key:
        return f"md5('{entity.name}' || i)"
    if field.codes is not None:
        return f"'{load_schema().codes[field.codes][0].code}'"
    plain = {
        "VARCHAR": f"left('{field.name[:8]} ' || i, {field.length or 40})",
        "DATE": "DATE '2015-01-01' + (i % 3000)::INTEGER",
        "TIMESTAMPTZ": "TIMESTAMPTZ '2015-01-01 00:00:00+00' + to_minutes(i % 4000000)",
        "BOOLEAN": "i % 2 = 0",
    }
    return plain.get(duckdb_type(field), "i % 100000")


def make_table(entity: Entity, rows: int) -> pa.Table:
    """Invented rows of an entity."""
    columns = ", ".join(f"({value_sql(entity, f)})::{duckdb_type(f)} AS {f.name}" for f in entity.fields)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return (
            connection.execute(f"SELECT {columns} FROM range({rows}) r(i)").to_arrow_table().cast(arrow_schema(entity))
        )


def timed(title: str, rows: int, action: Callable[[], object]) -> None:
    """Run and print seconds and rows a second."""
    started = time.perf_counter()
    action()
    seconds = time.perf_counter() - started
    print(f"{title:<38} {seconds:8.2f} s {rows / seconds:12,.0f} rows/s")


def copy_csv(engine: sa.Engine, path: Path) -> None:
    """Load a file into `bench.csv` by CSV COPY."""
    options = pa_csv.WriteOptions(include_header=False)
    target = (
        f"host={engine.url.query['host']} port={engine.url.query['port']} user=postgres dbname={engine.url.database}"
    )
    with (
        psycopg.connect(target) as connection,
        connection.cursor().copy("COPY bench.csv FROM STDIN (FORMAT csv)") as copy,
    ):
        for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS):
            buffer = pa.BufferOutputStream()
            pa_csv.write_csv(batch, buffer, options)
            copy.write(memoryview(buffer.getvalue()))


def run(settings: Settings, rows: int) -> None:
    """Every measurement, in order."""
    engine = open_engine(settings)
    upgrade_schema(engine)
    context = RunContext(settings, DIVISION, "20260901T080000Z")
    with write_layer(context, Layer.MAPPED, "bench") as writer:
        for name in ENTITIES:
            pq.write_table(make_table(load_schema().entity(name), rows), writer.path(name))
    path = context.folder / "mapped" / "crime_report.parquet"
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA bench"))
        for name in ("csv", "adbc"):
            connection.execute(
                sa.text(f"CREATE TABLE bench.{name} AS SELECT * FROM national.crime_report WITH NO DATA")
            )
    total = rows * len(ENTITIES)
    timed("crime_report by CSV COPY", rows, lambda: copy_csv(engine, path))
    timed("crime_report by ADBC", rows, lambda: copy_table(engine, "bench", "adbc", path))
    timed("stage (five entities, keys, indexes)", total, lambda: load_staging(context, engine))
    with engine.connect() as connection:
        timed("evidence hash", total, lambda: evidence_hash(connection, context))

    def attach() -> None:
        with engine.begin() as connection:
            for entity in load_schema().partitioned_entities():
                attach_partition(connection, entity.name, DIVISION)

    timed("attach every partition", total, attach)
    timed("national content hash", total, lambda: national_content_hash(engine))
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    engine.dispose()


def main() -> None:
    """Parse the arguments and run in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            run(Settings(home=home), rows)
        finally:
            stop_server(home)


if __name__ == "__main__":
    main()
