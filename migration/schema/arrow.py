"""Arrow schemas and DuckDB types of national entities, computed from `national.yml`.

Enters: an `Entity`. Leaves: a `pyarrow.Schema` whose columns are the entity's fields in order, or DuckDB column types.
"""

import pyarrow as pa

from migration.schema.model import Entity, Field, FieldType

_ARROW = {
    FieldType.TEXT: pa.string(),
    FieldType.INTEGER: pa.int64(),
    FieldType.DOUBLE: pa.float64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.DATE: pa.date32(),
    FieldType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    FieldType.JSON: pa.string(),
}
_DUCKDB = {
    FieldType.TEXT: "VARCHAR",
    FieldType.INTEGER: "BIGINT",
    FieldType.DOUBLE: "DOUBLE",
    FieldType.BOOLEAN: "BOOLEAN",
    FieldType.DATE: "DATE",
    FieldType.TIMESTAMP: "TIMESTAMPTZ",
    FieldType.JSON: "VARCHAR",
}


def arrow_type(field: Field) -> pa.DataType:
    """Arrow type of a national field."""
    if field.type is FieldType.DECIMAL:
        return pa.decimal128(field.length or 18, field.scale or 0)
    return _ARROW[field.type]


def arrow_schema(entity: Entity) -> pa.Schema:
    """Arrow schema of an entity: its fields in order, required ones not nullable."""
    return pa.schema([pa.field(f.name, arrow_type(f), nullable=not f.is_required) for f in entity.fields])


def duckdb_type(field: Field) -> str:
    """DuckDB type of a national field."""
    if field.type is FieldType.DECIMAL:
        return f"DECIMAL({field.length or 18},{field.scale or 0})"
    return _DUCKDB[field.type]
