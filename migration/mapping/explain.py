"""Why a national field holds what it holds: the file and line that decide it, its policies, and the SQL.

Enters: a pack and the name of a field. Leaves: one `Explanation` for each record that fills it. Refuses: an entity or
field that does not exist, with the nearest name.
"""

from dataclasses import dataclass, replace

from migration.errors import ConfigError
from migration.mapping.expressions import FieldValue, walk
from migration.mapping.model import FieldMap, Origin, Pack, Record
from migration.mapping.problems import describe_names
from migration.mapping.record_sql import RecordSql
from migration.schema.model import Entity, load_schema


@dataclass(frozen=True)
class Explanation:
    """How one record fills one field.

    Attributes:
        inherited: the lines it overrides, nearest last.
        policies: what happens to a value that cannot be used, by kind of problem.
        sql: the compiled query of this field alone.
    """

    field: str
    record: str
    source: str
    origin: Origin
    inherited: tuple[Origin, ...]
    policies: dict[str, str]
    sql: str


def explain_field(pack: Pack, path: str) -> tuple[Explanation, ...]:
    """How a pack fills `entity.field`, one explanation for each record that does.

    Args:
        path: `crime_report.how_reported_code`; the `_code` may be left out.

    Raises:
        ConfigError: there is no such entity or field, or the pack does not fill it.
    """
    entity, field = _find_field(path)
    found = []
    for record in pack.records:
        item = record.field(field) if record.entity == entity.name else None
        if item is not None:
            found.append(_explain(pack, record, entity, item))
    if not found:
        where = f"pack of division {pack.division}"
        raise ConfigError(where, f"no record that fills {entity.name}.{field}", "one", "Add it under `fields`.")
    return tuple(found)


def _find_field(path: str) -> tuple[Entity, str]:
    schema = load_schema()
    name, _, field = path.partition(".")
    if name not in schema.entities:
        raise ConfigError("field", path, describe_names(name, schema.entities), "Write it as entity.field.")
    entity = schema.entities[name]
    for candidate in (field, f"{field}_code"):
        if candidate in entity.field_names:
            return entity, candidate
    raise ConfigError("field", path, describe_names(field, entity.field_names), "Write it as entity.field.")


def _explain(pack: Pack, record: Record, entity: Entity, item: FieldMap) -> Explanation:
    policies = {"on_error": item.on_error.value, "on_unmapped": item.on_unmapped.value}
    policies |= {"on_not_valid": item.on_not_valid.value, "required": "yes" if item.is_required else "no"}
    return Explanation(
        field=f"{entity.name}.{item.name}",
        record=record.name,
        source=f"{record.system}.{record.table}" + (f"#{record.group}" if record.group else ""),
        origin=item.origin,
        inherited=item.inherited,
        policies=policies,
        sql=compile_field(pack, record, entity, item),
    )


def compile_field(pack: Pack, record: Record, entity: Entity, item: FieldMap) -> str:
    """The query of one field of a record: its value and its problem, row by row."""
    needed = _with_fields(record, {item.name})
    alone = replace(record, fields=needed, out_of_scope=(), weed=(), retention_class=None)
    return RecordSql(pack, alone, entity, has_state=False).select_field(entity.field(item.name))


def _with_fields(record: Record, names: set[str]) -> tuple[FieldMap, ...]:
    """The named fields and those they are made from."""
    while True:
        fields = tuple(f for f in record.fields if f.name in names)
        more = {p.name for f in fields for p in walk(f.expression) if isinstance(p, FieldValue)}
        if more <= names:
            return fields
        names |= more
