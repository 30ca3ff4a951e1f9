"""The records of a pack: how each source table's rows become rows of national entities.

Enters: the `entities` of an effective tree and the source systems. Leaves: `Record`s, one for each numbered group, each
field with the origins that decided it. Refuses, as problems: unknown keys, entities, fields, tables and policies.
"""

from dataclasses import dataclass

from migration.mapping.build import Builder, read_flag
from migration.mapping.model import FieldMap, Join, Order, Origin, Policy, Record, Rule, SourceSystem, Split
from migration.mapping.problems import Problems
from migration.mapping.sources import check_keys, read_names, read_text
from migration.mapping.tree import SOURCE_KEYS, Node, merge_nodes
from migration.schema.model import Entity, Field, NationalSchema

ENTITY_KEYS = frozenset({"fields", "records"})
RECORD_KEYS = frozenset(
    {"from", "numbers", "group", "present", "when", "join", "pick", "split", "merged_into", "as_of"}
    | {"out_of_scope", "weed", "retention_class", "fields"}
)
JOIN_KEYS = frozenset({"table", "match", "pick", "collect", "separator"})
RULE_KEYS = frozenset({"if", "reason", "confirmed_by", "cap"})
ORDER_KEYS = frozenset({"column", "descending"})


@dataclass(frozen=True)
class Frame:
    """What every record of a pack is built against."""

    schema: NationalSchema
    systems: tuple[SourceSystem, ...]
    problems: Problems

    def find_table(self, node: Node, name: str) -> tuple[str, str]:
        """System and table of `table` or `system.table`; noted as a problem where there is none, or several."""
        system, _, table = name.rpartition(".")
        found = [
            (s.name, t.name)
            for s in self.systems
            for t in s.tables
            if t.name == table and (not system or s.name == system)
        ]
        if len(found) == 1:
            return found[0]
        names = [f"{s.name}.{t.name}" if system else t.name for s in self.systems for t in s.tables]
        if found:
            self.problems.add(node.origin, f"table {name} in {len(found)} systems", "the system before the table")
        else:
            self.problems.add_name(node.origin, "table", name, names)
        return system, table


def build_records(entities: Node | None, frame: Frame) -> tuple[Record, ...]:
    """The records of a pack, in the order of its files."""
    records: list[Record] = []
    mapped = {e.name for e in frame.schema.mapped_entities()}
    for name, node in (entities.children() if entities else {}).items():
        if name not in mapped:
            frame.problems.add_name(node.origin, "entity", name, mapped)
            continue
        check_keys(node, ENTITY_KEYS, f"entity {name}", frame.problems)
        shared = node.get("fields")
        named = node.get("records")
        for record_name, record in (named.children() if named else {}).items():
            records.extend(_build_numbered(frame, frame.schema.entity(name), record_name, record, shared))
    return tuple(records)


def _build_numbered(frame: Frame, entity: Entity, name: str, node: Node, shared: Node | None) -> list[Record]:
    check_keys(node, RECORD_KEYS, f"record {name}", frame.problems)
    numbers = read_names(node.get("numbers")) or ("",)
    return [_build_record(frame, entity, f"{name}{number}", node, shared, number) for number in numbers]


def _build_record(frame: Frame, entity: Entity, name: str, node: Node, shared: Node | None, number: str) -> Record:
    source = node.get("from")
    if source is None:
        frame.problems.add(node.origin, f"record {name} without from", "the source table")
    system, table = frame.find_table(source, read_text(source)) if source else ("", "")
    builder = Builder(frame.problems, system, number)
    when, merged = node.get("when"), node.get("merged_into")
    as_of, retention, split = node.get("as_of"), node.get("retention_class"), node.get("split")
    return Record(
        name=name,
        entity=entity.name,
        system=system,
        table=table,
        origin=node.origin,
        fields=() if merged else _build_fields(frame, entity, name, node.get("fields"), shared, builder),
        group=builder.text(node.get("group")),
        present=builder.names(node.get("present")),
        when=builder.condition(when) if when else None,
        joins=_build_joins(frame, node.get("join"), builder),
        pick=_build_order(node.get("pick"), frame.problems),
        split=_build_split(split, builder) if split else None,
        merged_into=builder.expression(merged) if merged else None,
        as_of=builder.expression(as_of) if as_of else None,
        out_of_scope=_build_rules(node.get("out_of_scope"), builder),
        weed=_build_rules(node.get("weed"), builder),
        retention_class=builder.expression(retention) if retention else None,
    )


def _build_fields(
    frame: Frame, entity: Entity, record: str, own: Node | None, shared: Node | None, builder: Builder
) -> tuple[FieldMap, ...]:
    base = shared or Node({}, entity_origin(own))
    merged = merge_nodes(base, own, is_expressions=True) if own else base
    fields = {f.name: f for f in entity.business_fields if f.filled_by is None}
    maps = []
    for name, node in merged.children().items():
        if name not in fields:
            frame.problems.add_name(node.origin, f"field {entity.name}.{name} of record {record}, not", name, fields)
            continue
        if (own is None or own.get(name) is None) and not has_source(node):
            continue  # the nation says how to read it, and this legacy system does not have it
        maps.append(_build_field(fields[name], node, builder))
    return tuple(maps)


def has_source(node: Node) -> bool:
    """Whether an expression says where its value comes from."""
    return not node.is_mapping or any(key in SOURCE_KEYS for key in node.children())


def entity_origin(node: Node | None) -> Origin:
    """The origin of a node, or of nothing."""
    return Origin("", 0) if node is None else node.origin


def _build_field(field: Field, node: Node, builder: Builder) -> FieldMap:
    default = Policy.QUARANTINE if field.is_required else Policy.NULL
    return FieldMap(
        name=field.name,
        expression=builder.expression(node),
        origin=node.origin,
        on_error=_read_policy(node.get("on_error"), default, builder.problems),
        on_unmapped=_read_policy(node.get("on_unmapped"), default, builder.problems),
        on_not_valid=_read_policy(node.get("on_not_valid"), default, builder.problems),
        is_required=field.is_required or read_flag(node.get("required"), builder.problems),
        inherited=node.inherited,
    )


def _read_policy(node: Node | None, default: Policy, problems: Problems) -> Policy:
    if node is None:
        return default
    valid = [p.value for p in Policy]
    if node.value not in valid:
        problems.add_name(node.origin, "policy", read_text(node, "null"), valid)
        return default
    return Policy(str(node.value))


def _build_joins(frame: Frame, node: Node | None, builder: Builder) -> tuple[Join, ...]:
    joins = []
    for alias, join in (node.children() if node else {}).items():
        check_keys(join, JOIN_KEYS, f"join {alias}", frame.problems)
        table, on = join.get("table"), join.get("match")
        if table is None or on is None:
            frame.problems.add(join.origin, f"join {alias} without table or match", "both")
            continue
        system, name = frame.find_table(table, read_text(table))
        pairs = tuple((column, builder.expression(value)) for column, value in on.children().items())
        joins.append(
            Join(
                alias=alias,
                system=system,
                table=name,
                on=pairs,
                pick=_build_order(join.get("pick"), frame.problems),
                collect=builder.names(join.get("collect")),
                separator=builder.text(join.get("separator"), " "),
            )
        )
    return tuple(joins)


def _build_order(node: Node | None, problems: Problems) -> tuple[Order, ...]:
    orders = []
    for item in node.items() if node else ():
        if item.is_mapping:
            check_keys(item, ORDER_KEYS, "an order", problems)
            orders.append(Order(read_text(item.get("column")), read_flag(item.get("descending"), problems)))
        else:
            orders.append(Order(read_text(item)))
    return tuple(orders)


def _build_split(node: Node, builder: Builder) -> Split:
    check_keys(node, frozenset({"column", "separator"}), "split", builder.problems)
    return Split(builder.text(node.get("column")), builder.text(node.get("separator"), ","))


def _build_rules(node: Node | None, builder: Builder) -> tuple[Rule, ...]:
    rules = []
    for name, rule in (node.children() if node else {}).items():
        check_keys(rule, RULE_KEYS, f"rule {name}", builder.problems)
        condition, reason = rule.get("if"), builder.text(rule.get("reason"))
        if condition is None or not reason:
            builder.problems.add(rule.origin, f"rule {name} without if or reason", "both")
            continue
        confirmed = builder.names(rule.get("confirmed_by"))
        cap = builder.text(rule.get("cap"), "0")
        if confirmed and (len(set(confirmed)) < 2 or not cap.isdigit() or int(cap) < 1):
            builder.problems.add(
                rule.origin, f"weeding rule {name} confirmed alone or uncapped", "two people and a cap"
            )
        rules.append(
            Rule(name, builder.condition(condition), reason, rule.origin, confirmed, int(cap) if cap.isdigit() else 0)
        )
    return tuple(rules)
