"""Whether the fields of a record can be made: known columns, crosswalks, references and required fields.

Enters: one record of a pack, the tables and the national schema. Leaves: problems. Refuses, as problems: unknown
columns and joins, a coded field without a lookup, a reference to a record that the pack does not make.
"""

from collections.abc import Iterator, Mapping

from migration.mapping.expressions import (
    Coalesce,
    Condition,
    Constant,
    Expression,
    FieldValue,
    Lookup,
    Parse,
    RecordId,
    When,
    list_columns,
    walk,
)
from migration.mapping.model import FieldMap, Origin, Pack, Record, SourceTable, TableRole
from migration.mapping.problems import Problems
from migration.schema.model import Entity, Field, NationalSchema

Tables = Mapping[tuple[str, str], SourceTable]
SPLIT_COLUMN = ("split", "value")
"""How expressions call the value a `split` record was made for: `split.value`."""


def list_parts(record: Record) -> Iterator[Expression | Condition]:
    """Every expression and condition of a record."""
    yield from (f.expression for f in record.fields)
    yield from (value for join in record.joins for _, value in join.on)
    yield from (rule.condition for rule in (*record.out_of_scope, *record.weed))
    for part in (record.when, record.as_of, record.retention_class, record.merged_into):
        if part is not None:
            yield part


def own_fields(entity: Entity) -> set[str]:
    """Fields the mapping makes by itself: the record id and the raw text beside a code."""
    raw = {f"{f.name.removesuffix('_code')}_raw" for f in entity.fields if f.codes}
    return {entity.key[-1]} | (raw & set(entity.field_names))


def check_record(pack: Pack, record: Record, tables: Tables, schema: NationalSchema, problems: Problems) -> None:
    """Note everything in one record that cannot be made."""
    own = tables[record.system, record.table]
    if own.role is TableRole.LOOKUP:
        problems.add(record.origin, f"record {record.name} from lookup table {own.name}", "a table with role record")
    _check_columns(record, own, tables, problems)
    if record.merged_into is not None:
        return
    entity = schema.entity(record.entity)
    made = {f.name for f in record.fields} | own_fields(entity)
    for field in entity.business_fields:
        is_needed = field.is_required and field.filled_by is None and not pack.is_draft
        if is_needed and field.name not in made:
            problems.add(record.origin, f"record {record.name} without {entity.name}.{field.name}", "a required field")
    for item in record.fields:
        _check_field(pack, record, item, entity.field(item.name), problems)


def _check_columns(record: Record, own: SourceTable, tables: Tables, problems: Problems) -> None:
    joined = {j.alias: tables.get((j.system, j.table)) for j in record.joins}
    for part in list_parts(record):
        for column in list_columns(part):
            if (column.join, column.name) == SPLIT_COLUMN and record.split:
                continue
            where = find_origin(record, column.name)
            known = joined.get(column.join) if column.join else own
            if known is None:
                problems.add_name(where, f"join {column.join} of record {record.name}, not", column.join, joined)
            elif column.name not in known.column_names:
                problems.add_name(where, f"column {known.name}.{column.name}", column.name, known.column_names)
    read = [*record.present, *(o.column for o in record.pick), *([record.split.column] if record.split else [])]
    _check_names(record, own, read, problems)
    for join in record.joins:
        _check_names(
            record,
            joined[join.alias],
            [*(c for c, _ in join.on), *join.collect, *(o.column for o in join.pick)],
            problems,
        )


def _check_names(record: Record, table: SourceTable | None, columns: list[str], problems: Problems) -> None:
    for name in columns if table else ():
        if table and name not in table.column_names:
            problems.add_name(record.origin, f"column {table.name}.{name}", name, table.column_names)


def find_origin(record: Record, column: str) -> Origin:
    """Where a record first reads a column: the field's line, else the record's."""
    for item in record.fields:
        if any(c.name == column for c in list_columns(item.expression)):
            return item.origin
    return record.origin


def _check_field(pack: Pack, record: Record, item: FieldMap, field: Field, problems: Problems) -> None:
    names = {f.name for f in record.fields}
    for part in walk(item.expression):
        if isinstance(part, FieldValue) and part.name not in names:
            problems.add_name(item.origin, f"field {part.name}, not in record {record.name};", part.name, names)
        if isinstance(part, Lookup) and part.crosswalk not in pack.crosswalks and not part.identity:
            problems.add_name(item.origin, "crosswalk", part.crosswalk, pack.crosswalks)
        if isinstance(part, Lookup) and field.codes is None:
            problems.add(item.origin, f"a lookup for {record.entity}.{item.name}", "a field with a code list")
        if isinstance(part, RecordId):
            _check_reference(pack, item, part, field, problems)
    if field.codes is not None and not is_coded(item.expression):
        problems.add(item.origin, f"{record.entity}.{item.name} without a lookup", f"a lookup into list {field.codes}")


def is_coded(expression: Expression) -> bool:
    """Whether every value of an expression is a constant, a looked-up code, a precision or another coded field."""
    match expression:
        case Constant() | Lookup() | FieldValue():
            return True
        case Parse(parser=parser):
            return parser == "precision"
        case Coalesce(items=items):
            return all(is_coded(i) for i in items)
        case When(cases=cases, otherwise=otherwise):
            return all(is_coded(e) for _, e in cases) and (otherwise is None or is_coded(otherwise))
    return False


def _check_reference(pack: Pack, item: FieldMap, part: RecordId, field: Field, problems: Problems) -> None:
    targets = pack.records_of(part.system, part.table)
    if not targets:
        problems.add_name(item.origin, "table", part.table, {r.table for r in pack.records})
        return
    if field.references is None:
        return
    entity = field.references[0]
    groups = sorted({r.group for r in targets if r.entity == entity})
    if part.group not in groups:
        found = f"a reference to {part.table}{'#' + part.group if part.group else ''}"
        listed = ", ".join(g or "(no group)" for g in groups)
        problems.add(item.origin, found, f"a {entity} record of a group of that table: {listed or 'there is none'}")
