"""The JSON Schema of pack files: what an editor completes and checks, made from the keys the loader knows.

Enters: the loader's own lists of keys. Leaves: `pack.schema.json` beside this module, and problems of a file that
breaks it. Must hold: the file is what `render_schema` gives (a test compares): editor and loader never disagree.
"""

import json
from pathlib import Path
from typing import Any

from migration.mapping.build import CONDITION_KEYS, EXPRESSION_KEYS, RECORD_ID_KEYS
from migration.mapping.entities import JOIN_KEYS, RECORD_KEYS, RULE_KEYS
from migration.mapping.model import Origin, Policy, SourceKind, TableRole
from migration.mapping.parsers import PARSERS, REPAIRS
from migration.mapping.problems import Problems
from migration.mapping.sources import COLUMN_KEYS, SYSTEM_KEYS, TABLE_KEYS
from migration.mapping.tree import Node
from migration.schema.model import NationalSchema

SCHEMA_PATH = Path(__file__).with_name("pack.schema.json")
NAMES: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
FLAG: dict[str, Any] = {"type": "boolean"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
REASONS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}


def render_schema(national: NationalSchema) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of any YAML file of a pack."""
    entities = [e.name for e in national.mapped_entities()]
    top: dict[str, Any] = {"division": {"type": "string"}, "family": {"type": "string"}, "title": {"type": "string"}}
    top |= {"as_at": {"type": "string", "format": "date"}, "draft": FLAG, "notes": {}, "entity": {"enum": entities}}
    top |= {"systems": _map("system"), "fields": _map("expression"), "records": _map("record")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "File of a mapping pack",
        "type": "object",
        "additionalProperties": False,
        "properties": dict(sorted(top.items())),
        "$defs": {
            "system": _object(SYSTEM_KEYS, _system_types()),
            "table": _nullable(_object(TABLE_KEYS, _table_types())),
            "column": _nullable(_object(COLUMN_KEYS, {"start": COUNT, "length": COUNT, "options": {"type": "object"}})),
            "record": _nullable(_object(RECORD_KEYS, _record_types())),
            "join": _nullable(_object(JOIN_KEYS, _join_types())),
            "rule": _nullable(_object(RULE_KEYS, _rule_types())),
            "record_id": _object(RECORD_ID_KEYS, {"table": {"type": "string"}, "group": {"type": "string"}}),
            "expression": _expression(EXPRESSION_KEYS),
            "condition": _expression(CONDITION_KEYS),
        },
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _map(name: str) -> dict[str, Any]:
    return {"type": ["object", "null"], "additionalProperties": _ref(name)}


def _object(keys: frozenset[str], types: dict[str, Any]) -> dict[str, Any]:
    properties = {key: types.get(key, {}) for key in sorted(keys)}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, or null: a null takes an inherited key away."""
    return {**schema, "type": [schema["type"], "null"]}


def _system_types() -> dict[str, Any]:
    return {
        "kind": {"enum": [k.value for k in SourceKind]},
        "max_connections": COUNT,
        "tables": _map("table"),
        "ignore_tables": REASONS,
        "location": {"type": "object", "additionalProperties": False, "properties": {"setting": {}, "default": {}}},
    }


def _table_types() -> dict[str, Any]:
    columns = {"anyOf": [NAMES, _map("column")]}
    types = dict.fromkeys(("key", "identity", "surrogate"), NAMES)
    types |= {"columns": columns, "more_columns": columns, "ignore": REASONS}
    return types | {"role": {"enum": [r.value for r in TableRole]}, "options": {"type": "object"}}


def _record_types() -> dict[str, Any]:
    types = {"fields": _map("expression"), "join": _map("join"), "present": NAMES, "when": _ref("condition")}
    types |= dict.fromkeys(("out_of_scope", "weed"), _map("rule"))
    return types | dict.fromkeys(("as_of", "merged_into", "retention_class"), _ref("expression"))


def _join_types() -> dict[str, Any]:
    return {"table": {"type": "string"}, "match": _map("expression"), "collect": NAMES, "separator": {"type": "string"}}


def _rule_types() -> dict[str, Any]:
    return {"if": _ref("condition"), "reason": {"type": "string"}, "confirmed_by": NAMES, "cap": COUNT}


def _expression(keys: frozenset[str]) -> dict[str, Any]:
    policies = {"enum": [p.value for p in Policy]}
    types: dict[str, Any] = dict.fromkeys(("on_error", "on_unmapped", "on_not_valid"), policies)
    types |= dict.fromkeys(("required", "identity", "partial", "upper", "is_null"), FLAG)
    types |= {"parse": {"enum": [*sorted(PARSERS), None]}, "repair": {"enum": sorted(REPAIRS)}, "nulls": NAMES}
    types |= {"record_id": _ref("record_id"), "truncate": COUNT, "replace": {"type": "object"}}
    lists = {"type": "array", "items": _ref("expression")}
    types |= {"coalesce": lists, "concat": lists, "otherwise": _ref("expression")}
    cases = _object(frozenset({"if", "then"}), {"if": _ref("condition"), "then": _ref("expression")})
    types |= {"when": {"type": "array", "items": cases}}
    types |= {key: {"type": "array", "items": _ref("condition")} for key in ("all", "any")}
    types |= {"not": _ref("condition"), "same_as": _ref("expression")}
    schema = _object(keys, {k: v for k, v in types.items() if k in keys})
    return {**schema, "type": ["string", "object", "null"]}


def render_text(national: NationalSchema) -> str:
    """The text of `pack.schema.json`."""
    return json.dumps(render_schema(national), indent=1, sort_keys=True) + "\n"


def check_structure(tree: Node, problems: Problems) -> None:
    """Note every place where a file's tree breaks the JSON Schema."""
    from jsonschema import Draft202012Validator  # a scheduler that only lists packs does not pay for it

    validator = Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
    for error in validator.iter_errors(tree.plain()):
        where = _find_origin(tree, list(error.absolute_path))
        problems.add(where, f"a structure that breaks the schema ({error.validator})", _expected(error.schema))


def _find_origin(tree: Node, path: list[str | int]) -> Origin:
    node = tree
    for key in path:
        if isinstance(key, str) and node.get(key) is not None:
            node = node.children()[key]
        elif isinstance(key, int) and isinstance(node.value, tuple):
            node = node.value[key]
    return node.origin


def _expected(schema: Any) -> str:
    if isinstance(schema, dict):
        for key in ("enum", "type"):
            if key in schema:
                return f"{key} {json.dumps(schema[key])}"
    return "what pack.schema.json says"
