"""YAML files as trees that remember the file and line of every value, and their inheritance.

Enters: YAML files. Leaves: `Node`s; `merge_nodes` lays a division's tree over its family's over the nation's, key by
key. Must hold: every value keeps the file and line that decided it. Refuses: YAML that does not parse, a key given
twice in one mapping.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from migration.mapping.model import Origin

SOURCE_KEYS = frozenset({"from", "constant", "field", "coalesce", "concat", "when", "record_id"})
"""Keys of an expression that say where its value comes from; each expression has exactly one."""

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Scalar = str | int | float | bool | None
Report = Callable[[Origin, str, str], None]
"""Takes a problem: where, what was found, what was expected."""


@dataclass(frozen=True)
class Node:
    """A YAML value with its origin: a mapping, a list or a scalar. `inherited` lists the origins it overrides."""

    value: "Mapping[str, Node] | tuple[Node, ...] | Scalar"
    origin: Origin
    inherited: tuple[Origin, ...] = ()

    @property
    def is_mapping(self) -> bool:
        """Whether it holds keys."""
        return isinstance(self.value, Mapping)

    def children(self) -> "Mapping[str, Node]":
        """Its keys; none where it is not a mapping."""
        return self.value if isinstance(self.value, Mapping) else {}

    def items(self) -> "tuple[Node, ...]":
        """Its list items; a scalar counts as a list of one, an absent value as none."""
        if isinstance(self.value, tuple):
            return self.value
        return () if self.value is None else (self,)

    def get(self, key: str) -> "Node | None":
        """The value under `key`, or None."""
        return self.children().get(key)

    def plain(self) -> object:
        """The value without origins, as `yaml.safe_load` would give it."""
        if isinstance(self.value, Mapping):
            return {k: v.plain() for k, v in self.value.items()}
        if isinstance(self.value, tuple):
            return [v.plain() for v in self.value]
        return self.value


def read_tree(path: Path, name: str, report: Report) -> Node | None:
    """The tree of one YAML file, or None with a report where it does not parse or is empty.

    Args:
        name: how origins call the file.
    """
    loader = LOADER(path.read_text(encoding="utf-8"))
    try:
        root = loader.get_single_node()
        if root is None:
            report(Origin(name, 1), "an empty file", "YAML keys")
            return None
        return _build_node(loader, root, name, report)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        report(Origin(name, line), f"YAML that does not parse ({error.problem})", "valid YAML")
        return None
    finally:
        loader.dispose()


def _build_node(loader: yaml.SafeLoader, raw: yaml.Node, name: str, report: Report) -> Node:
    origin = Origin(name, raw.start_mark.line + 1)
    if isinstance(raw, yaml.MappingNode):
        keys: dict[str, Node] = {}
        for key_node, value_node in raw.value:
            key = str(key_node.value)
            key_origin = Origin(name, key_node.start_mark.line + 1)
            if key in keys:
                report(key_origin, f"key {key} a second time", "each key once")
            built = _build_node(loader, value_node, name, report)
            keys[key] = Node(built.value, key_origin)
        return Node(keys, origin)
    if isinstance(raw, yaml.SequenceNode):
        return Node(tuple(_build_node(loader, item, name, report) for item in raw.value), origin)
    value = loader.construct_object(raw)
    return Node(value if isinstance(value, str | int | float | bool | None) else str(value), origin)


def merge_nodes(base: Node, over: Node, *, is_expressions: bool = False) -> Node:
    """`over` laid on `base`: mappings key by key, anything else replaced; a null removes an inherited key.

    Args:
        is_expressions: the values are field expressions: one that names another source of its value replaces the
            inherited one whole, one that names none or the same changes only the keys it gives.
    """
    lineage = (*base.inherited, base.origin)
    if not (base.is_mapping and over.is_mapping):
        return Node(over.value, over.origin, lineage)
    merged = dict(base.children())
    for key, value in over.children().items():
        if value.value is None:
            merged.pop(key, None)
        elif key not in merged:
            merged[key] = value
        elif is_expressions:
            merged[key] = _merge_expression(merged[key], value)
        else:
            merged[key] = merge_nodes(merged[key], value, is_expressions=key == "fields")
    return Node(merged, over.origin, lineage)


def _merge_expression(base: Node, over: Node) -> Node:
    base, over = (_as_mapping(node) for node in (base, over))
    ours, theirs = ({k for k in n.children() if k in SOURCE_KEYS} for n in (over, base))
    if ours and theirs and ours != theirs:
        return Node(over.value, over.origin, (*base.inherited, base.origin))
    return merge_nodes(base, over)


def _as_mapping(node: Node) -> Node:
    if node.is_mapping:
        return node
    return Node({"from": Node(node.value, node.origin)}, node.origin, node.inherited)
