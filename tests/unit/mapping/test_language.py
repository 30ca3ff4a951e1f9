"""Every key of the language is documented, and those that no committed pack needs do what the guide says."""

import json
import re
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from migration.layers import layer_folder, write_layer
from migration.mapping.pack_schema import SCHEMA_PATH
from migration.mapping.stage import map_division
from migration.records import Layer, RunContext
from migration.schema.model import load_schema
from migration.settings import PROJECT_ROOT, Settings

SOURCES = """\
systems:
  legacy:
    tables:
      CASES: {more_columns: [NATURE]}
      NOTES: {role: lookup, key: [CASE, LINE], columns: [CASE, LINE, TEXT]}
"""
ENTITY = """\
entity: crime_report
records:
  case:
    join:
      notes: {table: NOTES, match: {CASE: CASE_NO}, collect: [TEXT], separator: "; ", pick: [LINE]}
    fields:
      mo_summary_text: notes.TEXT
      storm_no: {from: NATURE, replace: {unknown: "none given"}}
"""
TABLES = {
    "CASES": {
        "CASE_NO": ["1", "2"],
        "WHEN_RECORDED": ["2019-06-01"] * 2,
        "STATE": ["O"] * 2,
        "NATURE": ["unknown", "PS-1"],
    },
    "NOTES": {"CASE": ["1", "1"], "LINE": ["1", "2"], "TEXT": ["Entered by a window", "left by the door"]},
}


def schema_keys(node: object) -> Iterator[str]:
    """Names of every property in a JSON Schema."""
    if isinstance(node, dict):
        properties = node.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        for child in node.values():
            yield from schema_keys(child)
    elif isinstance(node, list):
        for child in node:
            yield from schema_keys(child)


def test_every_key_of_the_json_schema_is_in_the_guide() -> None:
    guide = (PROJECT_ROOT / "mappings" / "README.md").read_text(encoding="utf-8")
    national = {f.name for e in load_schema().mapped_entities() for f in e.fields} | set(load_schema().entities)
    keys = set(schema_keys(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))) - national
    assert len(keys) > 60
    assert not [key for key in sorted(keys) if not re.search(rf"\b{key}\b", guide)]


def test_more_columns_replace_and_collect_do_what_the_guide_says(packs: Callable[..., Settings]) -> None:
    settings = packs(**{"divisions/Z/sources.yml": SOURCES, "divisions/Z/entities/crime_report.yml": ENTITY})
    context = RunContext(settings, "Z", "20260101T000000Z")
    with write_layer(context, Layer.RAW, "raw") as writer:
        for table, columns in TABLES.items():
            rows = len(next(iter(columns.values())))
            values = {c: pa.array(v, pa.string()) for c, v in columns.items()}
            numbered = pa.table({"_source_row": pa.array(range(1, rows + 1), pa.int64()), **values})
            pq.write_table(numbered, writer.path(f"legacy/{table}"))
    map_division(context)
    found = pq.read_table(layer_folder(context, Layer.MAPPED) / "crime_report.parquet").to_pylist()
    told = {row["source_key"]: (row["storm_no"], row["mo_summary_text"]) for row in found}
    assert told == {"1": ("none given", "Entered by a window; left by the door"), "2": ("PS-1", None)}
