"""Parses `dags/` as the dag processor does and prints what it found, as JSON. Runs in its own interpreter."""

import json
import sys
import time
from pathlib import Path

from airflow.dag_processing.dagbag import BundleDagBag

HEAVY = ("adbc_driver_postgresql", "duckdb", "great_expectations", "numba", "pandas", "psycopg", "pyarrow", "rapidfuzz")


def describe_task(task) -> dict[str, object]:
    return {
        "downstream": sorted(task.downstream_task_ids),
        "retries": task.retries,
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "doc": task.doc_md or "",
        "outlets": sorted(asset.name for asset in task.outlets),
        "mapped": len(task.op_kwargs_expand_input.value["table"]) if task.is_mapped else 0,
        "operator": task.task_type,
        "trigger_rule": task.trigger_rule.value,
    }


def describe_dag(dag) -> dict[str, object]:
    return {
        "doc": dag.doc_md or "",
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "schedule": type(dag.timetable).__name__,
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "tasks": {task.task_id: describe_task(task) for task in dag.topological_sort()},
    }


def main(folder: Path) -> None:
    before = {name for name in HEAVY if name in sys.modules}
    started = time.process_time()
    bag = BundleDagBag(str(folder), bundle_path=folder, bundle_name="dags")
    seconds = time.process_time() - started
    report = {
        "heavy_before": sorted(before),
        "heavy": sorted(name for name in HEAVY if name in sys.modules),
        "import_errors": bag.import_errors,
        "seconds": seconds,
        "dags": {dag_id: describe_dag(dag) for dag_id, dag in bag.dags.items()},
    }
    print(json.dumps(report, default=str))


main(Path(sys.argv[1]).resolve())
