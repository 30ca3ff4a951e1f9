"""Validate and reconcile against volume, and compare against datacompy.

`python tests/benchmarks/bench_quality.py stages --rows 3000000 --home FOLDER` makes a run of so many staged rows, loads
it, unless FOLDER holds one already (`stage` does only that), and times the two stages. `... compare --rows 1000000`
times `migrate compare` and datacompy on the same two Parquet files, each in a process of its own, with its peak memory.
"""

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from migration.duck import open_session
from migration.layers import write_layer
from migration.load.engine import open_engine, upgrade_schema
from migration.load.stage import load_staging
from migration.mapping.expressions import Column, Expression, Lookup, Parse
from migration.mapping.model import (
    CodeDecision,
    Crosswalk,
    FieldMap,
    Origin,
    Pack,
    Policy,
    Record,
    SourceColumn,
    SourceKind,
    SourceSystem,
    SourceTable,
)
from migration.records import Layer, RunContext, StageResult
from migration.row_hash import hash_table
from migration.schema.arrow import duckdb_type
from migration.schema.model import Entity, load_schema
from migration.settings import Settings

SYSTEM = "bench"
SHARES = {"crime_report": 0.11, "crime": 0.15, "nominal": 0.12, "crime_nominal": 0.18, "location": 0.10}
"""Share of the staged rows each mapped entity has; matches and links make up the rest."""
VALUES = {
    "crime_report": {
        "crime_report_id": "md5('r' || i)", "cr_number": "'CR/' || lpad(i::VARCHAR, 9, '0')",
        "legacy_crime_no": "'X' || i", "how_reported_code": "'101'", "how_reported_raw": "'TEL'",
        "reported_at_utc": "TIMESTAMPTZ '2010-01-01 00:00:00+00' + to_minutes(i % 5000000)",
        "recorded_at_utc": "TIMESTAMPTZ '2010-01-01 02:00:00+00' + to_minutes(i % 5000000)",
        "occurred_from_utc": "TIMESTAMPTZ '2009-12-31 22:00:00+00' + to_minutes(i % 5000000)",
        "occurred_to_utc": "TIMESTAMPTZ '2009-12-31 23:00:00+00' + to_minutes(i % 5000000)",
        "occurred_precision_code": "'MINUTE'", "officer_ref": "'P' || i % 9000", "officer_station": "'Station'",
        "status_code": "CASE WHEN i % 3 = 0 THEN 'DETECTED' ELSE 'UNDETECTED' END",
        "status_raw": "CASE WHEN i % 3 = 0 THEN 'D' ELSE 'U' END", "workflow_state_code": "'FINAL_FILED'",
        "workflow_state_raw": "'F'", "mo_summary_text": "'Entry by forced window at rear, number ' || i",
        "locus_location_id": "md5('l' || i)", "beat_code_legacy": "'B' || i % 90", "beat_code": "'TB' || i % 90",
    },
    "crime": {
        "crime_id": "md5('c' || i)", "crime_report_id": "md5('r' || (i % $reports))", "crime_seq": "1 + i // $reports",
        "crime_code": "CASE WHEN i % 4 = 0 THEN '06000' ELSE '19004' END",
        "crime_raw": "CASE WHEN i % 4 = 0 THEN 'L2' ELSE 'L1' END", "is_attempted": "i % 19 = 0",
        "disposal_code": "CASE WHEN i % $reports % 3 = 0 THEN 'DETECTED_REPORTED' ELSE 'UNDETECTED' END",
        "disposal_raw": "CASE WHEN i % $reports % 3 = 0 THEN 'D' ELSE 'U' END",
        "detected_on": "CASE WHEN i % $reports % 3 = 0 "
            "THEN DATE '2010-01-20' + ((i % $reports % 5000000) // 1440)::INTEGER END",
    },
    "nominal": {
        "nominal_id": "md5('n' || i)", "nominal_type_code": "'PERSON'",
        "full_name_raw": "'Given' || chr((65 + i % 26)::INTEGER) || ' Family' || chr((65 + i % 23)::INTEGER)",
        "surname": "'Family' || chr((65 + i % 23)::INTEGER)", "forename_1": "'Given' || chr((65 + i % 26)::INTEGER)",
        "born_on": "DATE '1950-02-03' + (i % 18000)::INTEGER", "born_on_precision_code": "'DAY'",
        "sex_code": "CASE WHEN i % 2 = 0 THEN 'MALE' ELSE 'FEMALE' END",
        "sex_raw": "CASE WHEN i % 2 = 0 THEN 'M' ELSE 'F' END", "home_location_id": "md5('l' || (i % $locations))",
        "is_protected": "FALSE", "born_on_raw": "'known'",
    },
    "crime_nominal": {
        "crime_nominal_id": "md5('k' || i)", "crime_report_id": "md5('r' || (i % $reports))",
        "nominal_id": "md5('n' || (i % $nominals))",
        "role_code": "CASE WHEN i >= $reports THEN 'ACCUSED' WHEN i % 97 = 0 THEN 'WITNESS' ELSE 'COMPLAINER' END",
        "role_raw": "CASE WHEN i >= $reports THEN 'Accused' WHEN i % 97 = 0 THEN 'Witness' ELSE 'Complainer' END",
        "dpa_category_code": "CASE WHEN i >= $reports THEN 'SUSPECT' WHEN i % 97 = 0 THEN 'WITNESS' ELSE 'VICTIM' END",
    },
    "location": {
        "location_id": "md5('l' || i)", "location_raw_text": "i || ' Test Street, Inventedtown'",
        "premises": "i::VARCHAR", "street": "'Test Street'", "town": "'Inventedtown'",
        "recorded_on": "DATE '2010-01-01' + (i % 4000)::INTEGER",
        "easting": "300000.0 + i % 9000", "northing": "700000.0 + i % 9000",
    },
    "location_match": {
        "location_id": "md5('l' || i)", "location_class_code": "'ADDRESS'", "match_level_code": "'UPRN'",
        "uprn": "9000000000 + i", "easting": "300000 + i % 9000", "northing": "700000 + i % 9000",
        "beat_code": "'TB' || i % 90", "confidence": "0.99", "match_rule": "'EXACT'",
        "evidence": "'{\"rule\": \"EXACT\", \"unused\": [' || i % 90 || ']}'",
        "gazetteer_release": "'bench'",
    },
    "nominal_link": {
        "nominal_id": "md5('n' || i)", "golden_id": "'GN' || upper(left(md5('n' || i), 13))", "link_rule": "'SINGLE'",
        "model_version": "'m'", "linked_at_utc": "TIMESTAMPTZ '2026-09-01 00:00:00+00'",
    },
    "golden_nominal": {
        "golden_id": "'GN' || upper(left(md5('n' || i), 13))", "golden_status_code": "'LIVE'", "nominals": "1",
        "divisions": "$division",
    },
}  # fmt: skip
RAW = {
    "crime_report": {
        "legacy_crime_no": "legacy_crime_no",
        "mo_summary_text": "mo_summary_text",
        "status": "status_raw",
        "recorded_at": "strftime(recorded_at_utc AT TIME ZONE 'Europe/London', '%d/%m/%Y %H:%M:%S')",
    },
    "crime": {"crime_code": "crime_raw", "disposal": "disposal_raw"},
    "nominal": {"full_name": "full_name_raw", "surname": "surname", "forename": "forename_1"},
    "crime_nominal": {"role": "role_raw"},
    "location": {"location_text": "location_raw_text", "street": "street", "town": "town"},
}
"""Columns of the legacy tables, as SQL over the national rows they became."""
FIELDS = {
    "crime_report": {"legacy_crime_no": "legacy_crime_no", "mo_summary_text": "mo_summary_text"},
    "crime": {},
    "nominal": {"full_name_raw": "full_name", "surname": "surname", "forename_1": "forename"},
    "crime_nominal": {},
    "location": {"location_raw_text": "location_text", "street": "street", "town": "town"},
}
"""National fields that are copied from a legacy column."""


def make_run(context: RunContext, rows: int) -> dict[str, int]:
    """Write raw, mapped, located and linked layers of about `rows` staged rows; returns the rows by entity."""
    counts = {e: int(rows * s) for e, s in SHARES.items()}
    counts |= {"location_match": counts["location"], "nominal_link": counts["nominal"]}
    counts["golden_nominal"] = counts["nominal"]
    schema = load_schema()
    with open_session(context.settings) as session:

        def write(path: Path, entity: str) -> None:
            definition = schema.entity(entity)
            reader = session.execute(entity_sql(context, definition, counts)).to_arrow_reader(122_880)
            hashed = [f.name for f in definition.business_fields if f.filled_by is None]
            with pq.ParquetWriter(path, reader.schema, compression="zstd", store_schema=False) as file:
                for batch in reader:
                    table = pa.Table.from_batches([batch])
                    if definition.has_lineage:
                        place = reader.schema.get_field_index("row_hash")
                        table = table.set_column(place, reader.schema.field(place), hash_table(table, hashed))
                    file.write_table(table)

        with write_layer(context, Layer.RAW, "raw") as writer:
            for entity in SHARES:
                columns = ", ".join(f"{sql} AS legacy_{name}" for name, sql in RAW[entity].items())
                rows = entity_sql(context, schema.entity(entity), counts)
                query = f"SELECT source_row AS _source_row, source_key AS legacy_key, {columns} FROM ({rows})"
                session.execute(f"COPY ({query}) TO '{writer.path(f'{SYSTEM}/t_{entity}')}' (FORMAT parquet)")
            writer.facts["control_totals"] = {f"{SYSTEM}/t_{e}": {"rows": counts[e]} for e in SHARES}
        with write_layer(context, Layer.MAPPED, "mapped") as writer:
            for entity in SHARES:
                write(writer.path(entity), entity)
            parts = " UNION ALL ".join(disposition_sql(context, schema.entity(e), counts[e]) for e in SHARES)
            session.execute(f"COPY ({parts}) TO '{writer.path('disposition')}' (FORMAT parquet, COMPRESSION zstd)")
        with write_layer(context, Layer.LOCATED, "located") as writer:
            write(writer.path("location_match"), "location_match")
        with write_layer(context, Layer.LINKED, "linked") as writer:
            write(writer.path("nominal_link"), "nominal_link")
            write(writer.path("golden_nominal"), "golden_nominal")
    return counts


def entity_sql(context: RunContext, entity: Entity, counts: dict[str, int]) -> str:
    """SELECT of an entity's invented rows."""
    values = VALUES[entity.name] | {
        "division_code": f"'{context.division}'", "source_system": f"'{SYSTEM}'", "source_key": "'K' || i",
        "source_table": f"'t_{entity.name}'", "source_row": "i", "run_id": f"'{context.run_id}'",
        "mapping_version": "'v'", "row_hash": "''", "security_marking": "'OFFICIAL-SENSITIVE'",
        "retention_class": "'STANDARD'",
    }  # fmt: skip
    columns = ", ".join(f"({values.get(f.name, 'NULL')})::{duckdb_type(f)} AS {f.name}" for f in entity.fields)
    for name, key in (("$reports", "crime_report"), ("$nominals", "nominal"), ("$locations", "location")):
        columns = columns.replace(name, str(counts[key]))
    columns = columns.replace("$division", f"'{context.division}'")
    return f"SELECT {columns} FROM range({counts[entity.name]}) t(i)"


def disposition_sql(context: RunContext, entity: Entity, rows: int) -> str:
    """SELECT of the dispositions of an entity's records: all loaded."""
    key = VALUES[entity.name][entity.key[-1]]
    return (
        f"SELECT '{context.run_id}' AS run_id, '{context.division}' AS division_code, '{SYSTEM}' AS source_system, "
        f"'t_{entity.name}' AS source_table, '{entity.name}' AS entity, 'K' || i AS source_key, 'LOADED' AS outcome, "
        f"{key} AS target_id, NULL::VARCHAR AS rule_id, NULL::VARCHAR AS reason_code FROM range({rows}) t(i)"
    )


def make_pack(division: str) -> Pack:
    """The pack of the invented system."""
    from datetime import date

    origin = Origin("bench", 1)
    columns = {e: tuple(SourceColumn(c) for c in ("legacy_key", *(f"legacy_{n}" for n in RAW[e]))) for e in SHARES}
    tables = tuple(SourceTable(f"t_{e}", ("legacy_key",), e, columns[e], {}) for e in SHARES)
    system = SourceSystem(SYSTEM, SourceKind.DELIMITED, "", "", {}, "OFFICIAL-SENSITIVE", 1, "", tables)
    expressions: dict[str, dict[str, Expression]] = {
        e: {name: Column(f"legacy_{column}") for name, column in FIELDS[e].items()} for e in SHARES
    }
    expressions["crime_report"]["recorded_at_utc"] = Parse(Column("legacy_recorded_at"), "timestamp", {})
    expressions["crime"]["crime_code"] = Lookup(Column("legacy_crime_code"), "codes")
    records = tuple(
        Record(e, e, SYSTEM, f"t_{e}", origin, tuple(make_field(n, x) for n, x in expressions[e].items()))
        for e in SHARES
    )
    agreed = {"L1": "19004", "L2": "06000"}
    decisions = {k: CodeDecision(k, v, "", "AGREED", "bench", "2026-09-01", "", origin) for k, v in agreed.items()}
    crosswalks = {"codes": Crosswalk("codes", decisions)}
    return Pack(division, "bench", "bench", "v", date(2026, 9, 1), (system,), records, crosswalks, ())


def make_field(name: str, expression: Expression) -> FieldMap:
    """A field read by an expression, whose rows are quarantined where it cannot be."""
    return FieldMap(name, expression, Origin("bench", 1), *[Policy.QUARANTINE] * 3, is_required=False)


def make_staged(rows: int, home: Path) -> dict[str, float]:
    """A run of so many rows, written and loaded into staging; done once in a home folder."""
    context = make_context(home)
    done = context.folder / "staged.json"
    engine = open_engine(context.settings)
    upgrade_schema(engine)
    if not done.exists():
        counts = make_run(context, rows)
        started = time.perf_counter()
        load_staging(context, engine)
        figures = {"rows": sum(counts.values()), "load": round(time.perf_counter() - started, 1)}
        done.write_text(json.dumps(figures), encoding="utf-8")
    engine.dispose()
    loaded: dict[str, float] = json.loads(done.read_text(encoding="utf-8"))
    return loaded


def make_context(home: Path) -> RunContext:
    """The benchmark's one run in a home folder."""
    division = load_schema().codes["division"][0].code
    return RunContext(Settings(home=home), division, "20260901T080000Z", reason="benchmark")


def time_stages(rows: int, home: Path) -> dict[str, object]:
    """Seconds of validating and reconciling a staged run of so many rows, and the most memory that took."""
    import great_expectations  # noqa: F401 - its import is seconds, whatever the volume

    from migration.quality import reconcile
    from migration.quality.stage import reconcile_division, validate_division

    figures: dict[str, object] = {**make_staged(rows, home)}
    context = make_context(home)
    reconcile.load_pack = lambda *_: make_pack(context.division)  # type: ignore[attr-defined]
    engine = open_engine(context.settings)
    steps: tuple[tuple[str, Callable[..., StageResult]], ...] = (
        ("validate", validate_division), ("reconcile", reconcile_division),
    )  # fmt: skip
    for name, stage in steps:
        started, cpu = time.perf_counter(), time.process_time()
        with watch_memory() as peak:
            result = stage(context, engine)
        figures[name] = round(time.perf_counter() - started, 1)
        figures[f"{name}_own_cpu"] = round(time.process_time() - cpu, 1)
        figures[f"{name}_peak_mb"] = peak
        print(name, figures[name], peak, dict(result.counts), flush=True)
    engine.dispose()
    return figures


@contextmanager
def watch_memory() -> Iterator[dict[str, int]]:
    """The most megabytes in use at once, looked at every second: by this process, and by the server's processes."""
    peak = {"own": 0, "server": 0}
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(1.0):
            peak["own"] = max(peak["own"], _megabytes(os.getpid()))
            names = (p for p in Path("/proc").glob("[0-9]*/comm") if _read(p).strip() == "postgres")
            peak["server"] = max(peak["server"], sum(_megabytes(int(p.parent.name)) for p in names))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _megabytes(process: int) -> int:
    """Memory of a process, shared pages counted by their share."""
    lines = _read(Path(f"/proc/{process}/smaps_rollup")).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) // 1024


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:  # the process has ended
        return ""


def make_pair(folder: Path, rows: int) -> tuple[Path, Path]:
    """Two Parquet files that differ in a thousandth of their cells and rows."""
    left, right = folder / "left.parquet", folder / "right.parquet"
    columns = ", ".join(f"md5((i * {n})::VARCHAR) AS t{n}, i * {n} AS n{n}, i / {n} AS d{n}" for n in range(1, 7))
    with open_session(Settings(home=folder)) as session:
        session.execute(f"COPY (SELECT i AS id, {columns} FROM range({rows}) t(i)) TO '{left}' (FORMAT parquet)")
        changed = "* REPLACE (CASE WHEN id % 1000 = 7 THEN 'changed' ELSE t3 END AS t3)"
        query = f"SELECT {changed} FROM '{left}' WHERE id % 1000 <> 3 ORDER BY hash(id)"
        session.execute(f"COPY ({query}) TO '{right}' (FORMAT parquet)")
    return left, right


def compare_ours(left: Path, right: Path) -> tuple[int, int]:
    """Differing rows and lone rows by `compare_tables`."""
    from migration.quality.compare import compare_tables

    with open_session(Settings(home=left.parent)) as session:
        found = compare_tables(session, f"'{left}'", f"'{right}'", ["id"])
    return found.differing_rows, found.only_left + found.only_right


def compare_datacompy(left: Path, right: Path) -> tuple[int, int]:
    """The same by datacompy on pandas."""
    import datacompy
    import pandas as pd

    compared = getattr(datacompy, "PandasCompare", None) or datacompy.Compare
    found = compared(pd.read_parquet(left), pd.read_parquet(right), join_columns=["id"])
    differing = int(found.intersect_rows.shape[0] - found.count_matching_rows())
    return differing, len(found.df1_unq_rows) + len(found.df2_unq_rows)


def _measure(name: str, left: Path, right: Path, queue: "multiprocessing.Queue[dict[str, object]]") -> None:
    started = time.perf_counter()
    result = {"ours": compare_ours, "datacompy": compare_datacompy}[name](left, right)
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    queue.put(
        {
            "tool": name,
            "seconds": round(time.perf_counter() - started, 2),
            "cpu_seconds": round(cpu, 2),
            "peak_mb": round(peak),
            "found": result,
        }
    )


def time_compare(rows: int, folder: Path) -> list[dict[str, object]]:
    """Seconds, peak memory and findings of both tools."""
    left, right = make_pair(folder, rows)
    spawn = multiprocessing.get_context("spawn")
    figures = []
    for name in ("ours", "datacompy"):
        queue = spawn.Queue()
        process = spawn.Process(target=_measure, args=(name, left, right, queue))
        process.start()
        figures.append(queue.get())
        process.join()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["stage", "stages", "compare"], nargs="?", default="compare")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-quality-") as folder:
        home = arguments.home or Path(folder)
        functions = {"stage": make_staged, "stages": time_stages, "compare": time_compare}
        print(json.dumps(functions[arguments.what](arguments.rows, home), default=str))


if __name__ == "__main__":
    main()
