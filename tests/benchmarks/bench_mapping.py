"""Speed of the compiled mapping on a division's crime tables: source rows a second of one core, and memory.

`.venv/bin/python tests/benchmarks/bench_mapping.py D --copies 20` needs a run of the division under MIGRATION_HOME
with a raw layer: its crime report and crime tables are repeated with new keys. One DuckDB thread; CPU seconds are this
process's own, so that a busy machine counts less. What is timed: finding repeats, compiling, deciding every source
record (fields, codes, ids, problems, parents) and writing both entities with their row hashes.
"""

import argparse
import resource
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from migration.layers import LayerWriter
from migration.mapping import prepare
from migration.mapping.fates import decide_record, order_entities, record_fates
from migration.mapping.literals import name
from migration.mapping.load import load_pack
from migration.mapping.model import Pack
from migration.mapping.outputs import Decided, write_entity
from migration.records import RunContext
from migration.schema.model import load_schema
from migration.settings import Settings, get_settings

ENTITIES = ("crime_report", "crime")


def grow_raw(settings: Settings, pack: Pack, copies: int, folder: Path) -> int:
    """Copy the newest raw layer with its crime tables repeated `copies` times under new keys; returns their rows."""
    newest = max((settings.lake / pack.division).glob("*/raw"))
    shutil.copytree(newest, folder)
    records = [r for r in pack.records if r.entity in ENTITIES]
    keys = {c for r in records for c in pack.system(r.system).table(r.table).key}
    rows = 0
    for record in records:
        system = pack.system(record.system)
        table = system.table(record.table)
        columns = ", ".join(
            f"{name(c)} || CASE WHEN i = 0 THEN '' ELSE '/' || i END AS {name(c)}" if c in keys else name(c)
            for c in table.column_names
        )
        path = prepare.raw_path(folder, system, table)
        source = prepare.parquet(prepare.raw_path(newest, system, table))
        query = f"SELECT row_number() OVER () AS _source_row, {columns} FROM {source}, range({copies}) AS t(i)"
        duckdb.sql(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        counted = duckdb.sql(f"SELECT count(*) FROM {prepare.parquet(path)}").fetchone()
        rows += counted[0] if counted else 0
    return rows


def map_crime_tables(settings: Settings, pack: Pack, raw: Path, work: Path) -> tuple[float, float]:
    """CPU and wall seconds of mapping the crime tables with one thread."""
    schema = load_schema()
    context = RunContext(settings, pack.division, "bench")
    config = {"threads": 1, "memory_limit": settings.memory_limit, "temp_directory": str(work)}
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        prepare.prepare_session(connection)
        for system in pack.systems:
            for table in system.tables:
                prepare.view_raw(connection, system, table, prepare.raw_path(raw, system, table))
        prepare.make_crosswalks(connection, pack, schema)
        wall, cpu = time.perf_counter(), time.process_time()
        prepare.make_joins(connection, pack)
        for entity in order_entities(schema):
            decided = []
            for record in (r for r in pack.records if r.entity == entity.name and entity.name in ENTITIES):
                system = pack.system(record.system)
                has_state = prepare.mark_repeats(connection, system, system.table(record.table))
                path = work / f"{record.name}.parquet"
                decide_record(connection, pack, record, entity, has_state, path)
                decided.append(Decided(record, path))
            record_fates(connection, entity, [d.path for d in decided])
            if decided:
                write_entity(connection, context, pack, entity, decided, LayerWriter(work))
        return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    """Print rows a second of CPU and the most memory used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("division")
    parser.add_argument("--copies", type=int, default=20)
    arguments = parser.parse_args()
    settings = get_settings()
    pack = load_pack(settings, arguments.division.upper())
    with TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        work.mkdir()
        rows = grow_raw(settings, pack, arguments.copies, Path(folder) / "raw")
        cpu, wall = map_crime_tables(settings, pack, Path(folder) / "raw", work)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{rows:,} source rows: {cpu:.1f} CPU s, {wall:.1f} s; {rows / cpu:,.0f} rows/s of a core; {memory:,.0f} MB")


if __name__ == "__main__":
    main()
