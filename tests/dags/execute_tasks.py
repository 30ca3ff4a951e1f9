"""Executes the first tasks of a division's DAG, as a worker does, without Airflow's processes; prints what they return.

Takes the folder of the DAGs, the division and the trigger form as JSON; runs in its own interpreter.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk.exceptions import AirflowException


class Events(dict):
    """What tasks tell about their assets."""

    def __missing__(self, asset: object) -> SimpleNamespace:
        return self.setdefault(asset, SimpleNamespace(extra={}))


def fill_form(dag, values: dict[str, object]) -> dict[str, object]:
    """The trigger form, validated as Airflow does it."""
    for name, value in values.items():
        dag.params[name] = value
    return dag.params.validate()


def execute(dag, params: dict[str, object]) -> dict[str, object]:
    """Begin the run, read every table, finish the layer; an error ends it, as it ends a DAG run."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    dag_run = SimpleNamespace(run_id="manual__1", run_after=moment, triggering_user_name="engineer")
    context = {"dag_run": dag_run, "params": params, "outlet_events": Events()}
    done = {"begin": dag.get_task("begin").execute(dict(context))}
    mapped = [t for t in dag.topological_sort() if t.is_mapped and t.task_id.startswith("extract.read_")]
    for task in mapped:
        for table in task.op_kwargs_expand_input.value["table"]:
            single = task.unmap({"op_kwargs": {**task.partial_kwargs["op_kwargs"], "table": table}})
            done[f"{task.task_id} {table}"] = single.execute(dict(context))
    done["finish"] = dag.get_task("extract.finish").execute(dict(context))
    return done


def main(folder: Path, division: str, form: str) -> None:
    bag = BundleDagBag(str(folder), bundle_path=folder, bundle_name="dags")
    dag = bag.dags[f"division_{division.lower()}"]
    try:
        print(json.dumps(execute(dag, fill_form(dag, json.loads(form))), default=str))
    except AirflowException as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))


main(Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3])
