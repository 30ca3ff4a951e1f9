"""Source systems and tables of a pack, from its tree.

Enters: the `systems` of an effective tree. Leaves: `SourceSystem`s. Refuses, as problems: unknown keys and kinds, a
table without a key, an ignored or key column that the table does not have.
"""

from collections.abc import Mapping
from types import MappingProxyType

from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable, TableRole
from migration.mapping.problems import Problems
from migration.mapping.tree import Node

SYSTEM_KEYS = frozenset(
    {"kind", "location", "options", "marking", "max_connections", "pool", "tables", "ignore_tables", "title"}
)
TABLE_KEYS = frozenset(
    {"key", "identity", "surrogate", "primary", "columns", "more_columns", "ignore", "role"}
    | {"files", "sample_by", "changed_by", "options", "title"}
)
COLUMN_KEYS = frozenset({"start", "length", "options"})
DEFAULT_MARKING = "OFFICIAL-SENSITIVE"
DEFAULT_CONNECTIONS = 2


def build_systems(systems: Node | None, problems: Problems) -> tuple[SourceSystem, ...]:
    """The source systems of a pack, in the order of its files."""
    if systems is None:
        return ()
    return tuple(_build_system(name, node, problems) for name, node in systems.children().items())


def check_keys(node: Node, valid: frozenset[str], what: str, problems: Problems) -> None:
    """Note every key of a mapping that is not valid there."""
    if not node.is_mapping:
        problems.add(node.origin, f"{what} that is not a mapping", "keys " + ", ".join(sorted(valid)))
    for key, value in node.children().items():
        if key not in valid:
            problems.add_name(value.origin, f"key {key} in {what}, not", key, valid)


def read_text(node: Node | None, default: str = "") -> str:
    """A scalar as text, or the default where it is absent."""
    return default if node is None or node.value is None else str(node.value)


def read_names(node: Node | None) -> tuple[str, ...]:
    """A list of names, or a single one."""
    return () if node is None else tuple(str(item.value) for item in node.items())


def read_options(node: Node | None) -> Mapping[str, object]:
    """A mapping of plain values."""
    return MappingProxyType({} if node is None else {k: v.plain() for k, v in node.children().items()})


def _build_system(name: str, node: Node, problems: Problems) -> SourceSystem:
    check_keys(node, SYSTEM_KEYS, f"system {name}", problems)
    location = node.get("location") or Node({}, node.origin)
    check_keys(location, frozenset({"setting", "default"}), f"location of system {name}", problems)
    tables = node.get("tables")
    if tables is None:
        problems.add(node.origin, f"system {name} without tables", "key tables")
    return SourceSystem(
        name=name,
        kind=_read_kind(name, node, problems),
        location_setting=read_text(location.get("setting"), f"MIGRATION_SOURCE_{name.upper()}"),
        location_default=read_text(location.get("default")),
        options=read_options(node.get("options")),
        marking=read_text(node.get("marking"), DEFAULT_MARKING),
        max_connections=_read_count(node.get("max_connections"), DEFAULT_CONNECTIONS, problems),
        pool=read_text(node.get("pool"), f"legacy_{name}"),
        tables=tuple(_build_table(t, n, problems) for t, n in (tables.children() if tables else {}).items()),
        ignored_tables=_read_ignored_tables(node.get("ignore_tables"), problems),
    )


def _read_ignored_tables(node: Node | None, problems: Problems) -> Mapping[str, str]:
    for table, reason in (node.children() if node else {}).items():
        if not isinstance(reason.value, str) or not reason.value.strip():
            problems.add(reason.origin, f"ignored table {table} without a reason", "why it is left behind")
    return MappingProxyType({t: read_text(r) for t, r in (node.children() if node else {}).items()})


def _read_kind(name: str, node: Node, problems: Problems) -> SourceKind:
    kind = node.get("kind")
    valid = [k.value for k in SourceKind]
    if kind is None or kind.value not in valid:
        origin = node.origin if kind is None else kind.origin
        problems.add_name(origin, f"kind of system {name}", read_text(kind, "(none)"), valid)
        return SourceKind.DELIMITED
    return SourceKind(str(kind.value))


def _read_count(node: Node | None, default: int, problems: Problems) -> int:
    if node is None:
        return default
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 1:
        problems.add(node.origin, "a value that is not a count", "a whole number of at least 1")
        return default
    return node.value


def _build_table(name: str, node: Node, problems: Problems) -> SourceTable:
    check_keys(node, TABLE_KEYS, f"table {name}", problems)
    columns = (
        *_read_columns(name, node.get("columns"), problems),
        *_read_columns(name, node.get("more_columns"), problems),
    )
    known = [c.name for c in columns]
    ignored = _read_ignored(name, node.get("ignore"), known, problems)
    role = read_text(node.get("role"), TableRole.RECORD.value)
    if role not in [r.value for r in TableRole]:
        problems.add_name(node.origin, f"role of table {name}", role, [r.value for r in TableRole])
        role = TableRole.RECORD.value
    key = read_names(node.get("key"))
    sample_by = read_text(node.get("sample_by")) or None
    changed_by = read_text(node.get("changed_by")) or None
    identity, surrogate = read_names(node.get("identity")), read_names(node.get("surrogate"))
    for column in (*key, *identity, *surrogate, *(c for c in (sample_by, changed_by) if c)):
        if column not in known:
            problems.add_name(node.origin, f"column of table {name}", column, known)
    if not columns:
        problems.add(node.origin, f"table {name} without columns", "key columns with every column of the extract")
    if not key:
        problems.add(node.origin, f"table {name} without a key", "key key with the legacy key's columns")
    return SourceTable(
        name=name,
        key=key,
        primary=read_text(node.get("primary")) or None,
        columns=columns,
        ignored=ignored,
        role=TableRole(role),
        identity=identity or key,
        surrogate=surrogate,
        files=read_text(node.get("files")),
        sample_by=sample_by,
        changed_by=changed_by,
        options=read_options(node.get("options")),
    )


def _read_columns(table: str, node: Node | None, problems: Problems) -> tuple[SourceColumn, ...]:
    if node is None:
        return ()
    if not node.is_mapping:
        return tuple(SourceColumn(name) for name in read_names(node))
    columns = []
    for name, value in node.children().items():
        if value.value is not None:
            check_keys(value, COLUMN_KEYS, f"column {table}.{name}", problems)
        start, length = (_read_position(value.get(k), problems) for k in ("start", "length"))
        columns.append(SourceColumn(name, start, length, read_options(value.get("options"))))
    return tuple(columns)


def _read_position(node: Node | None, problems: Problems) -> int | None:
    return None if node is None else _read_count(node, 1, problems)


def _read_ignored(table: str, node: Node | None, known: list[str], problems: Problems) -> Mapping[str, str]:
    ignored: dict[str, str] = {}
    for column, reason in (node.children() if node else {}).items():
        if column not in known:
            problems.add_name(reason.origin, f"ignored column of table {table}", column, known)
        if not isinstance(reason.value, str) or not reason.value.strip():
            problems.add(reason.origin, f"ignored column {table}.{column} without a reason", "why it is left behind")
        ignored[column] = read_text(reason)
    return MappingProxyType(ignored)
