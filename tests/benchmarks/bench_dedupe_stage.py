"""A division joins the national set through the stage: what it costs with the linked set kept, and from nothing.

    python tests/benchmarks/bench_dedupe_stage.py [--records 1000000] [--new 100000]

Invented people (`invented_people.py`) as the mapped and located layers of two divisions: the first is published, the
second joins. `join` is the whole stage: read, normalise, code, compare, cluster, write every table of layer `linked`,
and keep the set. `nothing` is the same with no set kept and no golden values to take over. Each in a process of its
own, imports and compilation not timed; the two must write the same content. `peak_mb` is the process's largest size.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
from bench_dedupe import Clock, import_compiler
from invented_people import invent_people

from migration.dedupe import golden_values
from migration.dedupe.judgements import empty_judgements
from migration.dedupe.stage import link_nominals
from migration.layers import layer_folder, read_manifest, write_layer
from migration.records import Layer, PublishedRun, RunContext
from migration.schema.arrow import duckdb_type
from migration.schema.model import load_schema
from migration.settings import Settings

GIVEN = {
    "nominal_id": "md5(record_id)",
    "nominal_type_code": "'PERSON'",
    "full_name_raw": "concat_ws(' ', forename, middle, surname)",
    "forename_1": "forename",
    "forename_2": "middle",
    "surname": "surname",
    "born_on": "TRY_CAST(dob AS DATE)",
    "born_on_precision_code": "CASE WHEN TRY_CAST(dob AS DATE) IS NULL THEN 'NONE' ELSE 'DAY' END",
    "sex_code": "CASE upper(left(sex, 1)) WHEN 'M' THEN 'MALE' WHEN 'F' THEN 'FEMALE' END",
    "place_of_birth": "place_of_birth",
    "occupation": "occupation",
    "phone": "phone",
    "source_system": "'LEGACY'",
    "source_table": "'PERSON'",
    "source_key": "record_id",
    "source_row": "1",
    "mapping_version": "'v1'",
    "row_hash": "md5(record_id)",
    "security_marking": "'OFFICIAL-SENSITIVE'",
    "retention_class": "'STANDARD'",
}


def write_division(context: RunContext, people: pa.Table) -> None:
    """Write people as a division's mapped and located layers."""
    given = {**GIVEN, "division_code": f"'{context.division}'", "run_id": f"'{context.run_id}'"}
    fields = load_schema().entity("nominal").fields
    columns = ", ".join(f"CAST({given.get(f.name, 'NULL')} AS {duckdb_type(f)}) AS {f.name}" for f in fields)
    with write_layer(context, Layer.MAPPED, "invented") as writer:
        connection = duckdb.connect()
        connection.register("people", people)
        path = writer.path("nominal")
        connection.execute(f"COPY (SELECT {columns} FROM people) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    with write_layer(context, Layer.LOCATED, "invented"):
        pass


def link_last(home: Path, *, from_nothing: bool) -> dict[str, object]:
    """Link the division that joins; figures and the hash of what was written."""
    import_compiler()
    settings = Settings(home=home)
    first, second = (RunContext(settings, d, f"202611{n:02d}T080000Z") for n, d in enumerate(("XA", "XB"), start=1))
    if from_nothing:
        shutil.rmtree(settings.linked_sets)
        golden_values._find_earlier_values = lambda *_: None
    shutil.rmtree(layer_folder(second, Layer.LINKED), ignore_errors=True)
    clock = Clock()
    link_nominals(second, [PublishedRun(first.division, first.run_id)], empty_judgements())
    clock.mark("stage")
    manifest = read_manifest(second, Layer.LINKED)
    names = ("normalised_nominals", "reused_pairs", "golden_worked_out")
    return {**{n: manifest.facts[n] for n in names}, "hash": manifest.content_hash, **clock.usage()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=100_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--part", choices=("join", "nothing"))
    options = parser.parse_args()
    if options.part:
        print(json.dumps(link_last(options.home, from_nothing=options.part == "nothing")))
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        people = invent_people(options.records, 7)
        split = options.records - options.new
        first = RunContext(settings, "XA", "20261101T080000Z")
        write_division(first, people.slice(0, split))
        write_division(RunContext(settings, "XB", "20261102T080000Z"), people.slice(split))
        link_nominals(first, [], empty_judgements())
        found = {}
        for part in ("join", "nothing"):
            command = [sys.executable, __file__, "--home", folder, "--part", part]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[part] = json.loads(done.stdout.splitlines()[-1])
            print(part, found[part], flush=True)
        if found["join"]["hash"] != found["nothing"]["hash"]:
            raise SystemExit("the two differ")


if __name__ == "__main__":
    main()
