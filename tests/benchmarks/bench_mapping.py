"""Speed of the compiled mapping on the crime tables of one system, against pandas and dbt-duckdb doing the same.

`python tests/benchmarks/bench_mapping.py` makes an estate of Tayside's system and its extract, then maps the crime
reports and the crimes of it: by the compiled pack, with pandas (`mapping_in_pandas.py`) and with dbt-duckdb (the models
of `dbt_mapping`; `MIGRATION_BENCH_DBT` names the command). Each runs in a process of its own with one thread and has to
leave the same rows, ids, row hashes, dispositions and problems as Parquet; what differs is counted. pandas calls the
project's compiled row hash; dbt-duckdb, which cannot, uses DuckDB's own 64-bit hash of the same columns, which is
cheaper and is not compared. All are given the raw layer and the fates of the locations beforehand; the peers also the
crosswalks with their periods, as tables. Compiled kernels are loaded before the clock starts, as imports are.

Rows are those of the two source tables, each counted once, though a crime also reads its report. CPU seconds are those
of the process: pandas without its imports, dbt less a run of the same project over no rows.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from migration.duck import read_parquet_sql
from migration.extract.stage import extract_division
from migration.fingerprint import table_hash
from migration.layers import LayerWriter, layer_folder
from migration.mapping import outputs, prepare
from migration.mapping.compile import crosswalk_relation
from migration.mapping.dispositions import QUARANTINED_LINES, write_dispositions
from migration.mapping.entity_file import EntityFiles
from migration.mapping.fates import Decided, order_entities
from migration.mapping.literals import literal, name
from migration.mapping.load import load_pack
from migration.mapping.record_sql import find_lookup
from migration.mapping.stage import decide_entity
from migration.records import Layer, RunContext
from migration.schema.model import Entity, load_schema
from migration.settings import Settings, get_settings
from migration.synthetic.build import build_estate

DIVISION, FAMILY = "D", "tayside"
ENTITIES, PARENT = ("crime_report", "crime"), "location"
DBT_PROJECT = Path(__file__).with_name("dbt_mapping")
COMPARED = (*ENTITIES, "disposition", "problems")
PROBLEM = ("entity", "source_key", "field", "reason_code")


@dataclass(frozen=True)
class Used:
    """What one way took: CPU and wall seconds, and the most memory in MB."""

    cpu: float
    wall: float
    memory: float


def open_session(memory: str, work: Path) -> duckdb.DuckDBPyConnection:
    """A session of one thread, bounded as in a stage."""
    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": memory, "temp_directory": str(work)})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    prepare.prepare_session(connection)
    return connection


class Mapping:
    """The stage `map` for the crime tables alone: what comes before them is done when it is made."""

    def __init__(self, raw: Path, work: Path, memory: str) -> None:
        settings = get_settings()
        self.pack, self.schema = load_pack(settings, DIVISION), load_schema()
        self.context = RunContext(settings, DIVISION, "bench")
        self.writer = LayerWriter(work)
        self.files = EntityFiles(self.context, self.pack, self.writer, raw)
        self.connection = open_session(memory, work)
        for system in self.pack.systems:
            for table in system.tables:
                prepare.view_raw(self.connection, system, table, prepare.raw_path(raw, system, table))
        prepare.make_crosswalks(self.connection, self.pack, self.schema)
        self.connection.execute(
            f"CREATE VIEW {name(QUARANTINED_LINES)} AS SELECT '' AS source_system, '' AS source_table, "
            "'' AS entity, '' AS source_key, '' AS rule_id, '' AS reason_code WHERE false"
        )
        self.decide([PARENT])

    def decide(self, wanted: Sequence[str]) -> list[Decided]:
        """Decide and write entities in the order of their references."""
        records = [r for r in self.pack.records if r.entity in wanted]
        has_state = {}
        for key in sorted({(r.system, r.table) for r in records}):
            system = self.pack.system(key[0])
            path = prepare.raw_path(self.files.raw, system, system.table(key[1]))
            has_state[key] = prepare.mark_repeats(self.connection, system, system.table(key[1]), path)
        if wanted == ENTITIES:
            prepare.make_joins(self.connection, self.pack, {k for k, repeats in has_state.items() if not repeats})
        decided: list[Decided] = []
        for entity in order_entities(self.schema):
            own = [r for r in records if r.entity == entity.name]
            if own:
                number = len(decided) + (0 if wanted == ENTITIES else 1000)
                most = (self.connection, self.pack, entity, own, has_state, number)
                decided += decide_entity(*most, self.write, self.files)
        return decided

    def write(self, entity: Entity, decided: Sequence[Decided]) -> None:
        """Note the codes of an entity as the stage does."""
        outputs.note_code_uses(self.connection, entity, decided)

    def map_crimes(self) -> None:
        """All that the stage does with the crime tables."""
        decided = self.decide(ENTITIES)
        most = (self.connection, self.context, self.pack)
        write_dispositions(*most, self.schema, decided, self.writer)
        outputs.write_rejects(*most, decided, self.writer)
        outputs.write_issues(*most, decided, self.writer)
        outputs.write_code_uses(*most, self.writer)
        outputs.write_rejected_rows(self.connection, self.context, decided, self.writer)


def make_raw(settings: Settings, scale: float) -> Path:
    """The raw layer of a new estate."""
    build_estate(settings, [FAMILY], scale)
    context = RunContext(settings, DIVISION, "20260101T000000Z")
    context.folder.mkdir(parents=True)
    extract_division(context)
    return layer_folder(context, Layer.RAW)


def make_given(raw: Path, given: Path, memory: str) -> int:
    """What the peers are given; returns the rows of the crime tables."""
    work = given / "work"
    work.mkdir(parents=True)
    mapping = Mapping(raw, work, memory)
    pack, schema = mapping.pack, mapping.schema
    rows, hashed = 0, {}
    for record in (r for r in pack.records if r.entity in ENTITIES):
        entity = schema.entity(record.entity)
        hashed[entity.name] = sorted(f.name for f in entity.business_fields if f.filled_by is None)
        rows += prepare.count_rows(mapping.connection, name(f"{record.system}.{record.table}"))
        for field in record.fields:
            lookup, codes = find_lookup(field.expression), entity.field(field.name).codes
            if lookup is not None and codes is not None:
                table = name(crosswalk_relation(lookup.crosswalk, codes, is_identity=lookup.identity))
                copy_table(mapping.connection, table, given / f"{field.name}.parquet")
    copy_table(mapping.connection, name(f"fate {PARENT}"), given / "locations.parquet")
    (given / "facts.json").write_text(json.dumps({"version": pack.version, "hashed": hashed}))
    mapping.connection.close()
    shutil.rmtree(work)
    return rows


def copy_table(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """A table as Parquet."""
    connection.execute(f"COPY (FROM {table}) TO {literal(path)} (FORMAT parquet)")


def run_compiled(raw: Path, given: Path, work: Path, memory: str) -> Used:
    """By the compiled pack."""
    mapping = Mapping(raw, work, memory)
    used = measure(mapping.map_crimes)
    problems = " UNION ALL ".join(
        f"SELECT {', '.join(PROBLEM)} FROM {read_parquet_sql(work / f'{t}.parquet')}" for t in ("rejects", "issues")
    )
    copy_table(mapping.connection, f"({problems})", work / "problems.parquet")
    return used


def run_pandas(raw: Path, given: Path, work: Path, memory: str) -> Used:
    """With pandas, which has no bound on its memory."""
    import mapping_in_pandas  # here, so that the benchmark runs where pandas is not installed

    pa.set_cpu_count(1)
    (system,) = load_pack(get_settings(), DIVISION).systems
    return measure(lambda: mapping_in_pandas.map_in_pandas(raw / system.name, given, work))


def measure(work: Callable[[], None]) -> Used:
    """What a piece of work took of this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Used(cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def run_dbt(raw: Path, given: Path, work: Path, memory: str) -> Used:
    """With dbt-duckdb, less what the command takes for a raw layer without rows."""
    whole = call_dbt(raw, given, work, memory)
    empty = work / "empty"
    for table in raw.rglob("*.parquet"):
        path = empty / "raw" / table.relative_to(raw)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pq.read_schema(table).empty_table(), path)
    start = call_dbt(empty / "raw", given, empty, memory)
    return Used(whole.cpu - start.cpu, whole.wall - start.wall, whole.memory)


def call_dbt(raw: Path, given: Path, work: Path, memory: str) -> Used:
    """One run of the project."""
    version = json.loads((given / "facts.json").read_text())["version"]
    places = {"BENCH_RAW": raw, "BENCH_GIVEN": given, "BENCH_WORK": work}
    variables = {k: str(v) for k, v in places.items()} | {"BENCH_MEMORY": memory, "BENCH_VERSION": version}
    folders = ["--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    command = [os.environ["MIGRATION_BENCH_DBT"], "run", "--no-use-colors", *folders]
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*command, "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)],
        env=os.environ | variables | {"DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"dbt failed:\n{done.stdout[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Used(cpu, time.perf_counter() - wall, after.ru_maxrss / 1024)


NOT_COMPARED = {"pandas": frozenset[str](), "dbt-duckdb": frozenset({"row_hash"})}
WAYS = {"compiled pack": run_compiled, "pandas": run_pandas, "dbt-duckdb": run_dbt}


def run_apart(way: str, *arguments: object) -> Used:
    """Run one way in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(WAYS[way], arguments)


def count_differences(left: Path, right: Path, left_out: frozenset[str]) -> dict[str, int]:
    """Rows that only one of two ways left, by table, over the columns of the first but those left out."""
    found = {}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in COMPARED:
            sides = [read_parquet_sql(folder / f"{table}.parquet") for folder in (left, right)]
            described = connection.execute(f"DESCRIBE FROM {sides[0]}").fetchall()
            columns = [str(r[0]) for r in described if str(r[0]) not in left_out]
            if len({table_hash(connection, side, columns) for side in sides}) == 1:
                found[table] = 0
                continue
            shown = ", ".join(f"{name(c)}::VARCHAR" for c in columns)
            pair = [f"(SELECT {shown} FROM {side})" for side in sides]
            both = " UNION ALL ".join(f"({a} EXCEPT ALL {b})" for a, b in (pair, pair[::-1]))
            found[table] = prepare.count_rows(connection, f"({both})")
    return found


def main() -> None:
    """Print what each way took, the ratios, and in how many rows they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1, help="share of the division's full volume")
    parser.add_argument("--raw", type=Path, help="a raw layer of the division that is there already")
    parser.add_argument("--memory", default="1GB", help="memory limit of DuckDB")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each way; the fastest counts")
    arguments = parser.parse_args()
    ways = dict(WAYS)
    if importlib.util.find_spec("pandas") is None:
        print("pandas left out: it is not installed here (make bench runs where it is)")
        del ways["pandas"]
    if not os.environ.get("MIGRATION_BENCH_DBT"):
        print("dbt-duckdb left out: MIGRATION_BENCH_DBT does not name its command (make bench sets it)")
        del ways["dbt-duckdb"]
    with TemporaryDirectory(prefix="bench-mapping-") as folder:
        home = Path(folder)
        raw = arguments.raw or make_raw(get_settings().model_copy(update={"home": home / "home"}), arguments.scale)
        rows = make_given(raw, home / "given", arguments.memory)
        print(f"{rows:,} rows of the crime tables, one thread, DuckDB at most {arguments.memory}")
        first: Used | None = None
        for way in ways:
            runs = []
            for _ in range(arguments.rounds):
                work = home / way
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir()
                runs.append(run_apart(way, raw, home / "given", work, arguments.memory))
            used = min(runs, key=lambda u: u.cpu)
            first = first or used
            print(
                f"{way:14} {used.cpu:6.2f} CPU s {used.wall:6.2f} s {rows / used.cpu:9,.0f} rows/s of a core "
                f"{used.cpu / first.cpu:5.1f} x {used.memory:6,.0f} MB"
            )
        for way in list(ways)[1:]:
            print(f"rows that differ, {way}:", count_differences(home / "compiled pack", home / way, NOT_COMPARED[way]))


if __name__ == "__main__":
    main()
