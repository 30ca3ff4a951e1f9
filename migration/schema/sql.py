"""SQLAlchemy tables of the national schema, computed from `national.yml`.

Enters: a `NationalSchema`. Leaves: one `MetaData` with the schemas `reference`, `national` and `control`; `staging` and
`archive` hold copies of national partitions and have no tables of their own here. National tables of divisions are
partitioned by LIST (division_code), so a division attaches and detaches whole. Text is `text` with its lengths in one
CHECK per table, so that a staging table can take an overlong value and say so, and a national one cannot.
Must hold: every key of a partitioned table contains the partition column. Refuses: foreign keys between national tables
(decision 0060): references are checked on staging, because partitions of other divisions come and go.
"""

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeEngine

from migration.errors import ConfigError
from migration.fingerprint import combine_hashes
from migration.schema.model import Entity, Field, FieldType, NationalSchema, load_schema

PARTITION_COLUMN = "division_code"
NATIONAL_AREAS = frozenset({"event", "person", "location", "object"})
SCHEMAS = ("reference", "staging", "national", "archive", "control")
"""Schemas of the national database: code lists, loaded, published, replaced by a later publication, records of all."""

_TYPES: dict[FieldType, TypeEngine[Any]] = {
    FieldType.TEXT: sa.Text(),
    FieldType.INTEGER: sa.BigInteger(),
    FieldType.DOUBLE: sa.Double(),
    FieldType.BOOLEAN: sa.Boolean(),
    FieldType.DATE: sa.Date(),
    FieldType.TIMESTAMP: sa.DateTime(timezone=True),
    FieldType.JSON: JSONB(),
}


def database_schema(entity: Entity) -> str:
    """Schema of the database an entity's table lies in."""
    return "national" if entity.area in NATIONAL_AREAS else entity.area


def sql_type(field: Field) -> TypeEngine[Any]:
    """PostgreSQL type of a national field."""
    if field.type is FieldType.DECIMAL:
        return sa.Numeric(field.length or 18, field.scale or 0)
    return _TYPES[field.type]


def sql_type_name(field: Field) -> str:
    """Name of a field's type as PostgreSQL's `format_type` gives it: `timestamp with time zone`, `numeric(12,2)`."""
    dialect: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return sql_type(field).compile(dialect).lower().replace(", ", ",")


def length_check(entity: Entity) -> str | None:
    """SQL condition that every text of the entity keeps to its length; None where no field has one."""
    limits = [
        f"char_length({f.name}) <= {f.length}"
        for f in entity.fields
        if f.type is FieldType.TEXT and f.length is not None
    ]
    return " AND ".join(limits) or None


def lookup_columns(entity: Entity) -> tuple[str, ...]:
    """Columns with an index of their own: references to other entities, and the legacy key."""
    columns = [f.name for f in entity.fields if f.references is not None]
    return (*columns, "source_key") if entity.has_lineage else tuple(columns)


def build_metadata(schema: NationalSchema) -> sa.MetaData:
    """The tables of a national schema.

    Raises:
        ConfigError: a key of a partitioned entity lacks the partition column.
    """
    metadata = sa.MetaData()
    for entity in schema.entities.values():
        _add_table(metadata, entity)
    return metadata


@lru_cache(maxsize=1)
def national_metadata() -> sa.MetaData:
    """The tables of this code's national schema."""
    return build_metadata(load_schema())


def table_of(entity: str) -> sa.Table:
    """Table of a national entity. Raises KeyError where there is none."""
    definition = load_schema().entity(entity)
    return national_metadata().tables[f"{database_schema(definition)}.{entity}"]


def create_statements(metadata: sa.MetaData) -> list[str]:
    """Statements that create the tables with their keys, checks and indexes, in an order that does not vary."""
    dialect: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    statements: list[str] = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements.extend(str(CreateIndex(index).compile(dialect=dialect)) for index in indexes)
    return statements


def schema_fingerprint(metadata: sa.MetaData) -> str:
    """SHA-256 (hex) of the statements that create the tables; titles do not count."""
    return combine_hashes(create_statements(metadata))


def _add_table(metadata: sa.MetaData, entity: Entity) -> None:
    if entity.is_partitioned:
        for key in (entity.key, *entity.unique):
            if PARTITION_COLUMN not in key:
                where, found = f"national.yml, entity {entity.name}", f"key {', '.join(key)}"
                raise ConfigError(where, found, f"a key with {PARTITION_COLUMN}", "Add it to the key.")
    columns = [
        sa.Column(f.name, sql_type(f), nullable=not f.is_required, comment=f.title, autoincrement=False)
        for f in entity.fields
    ]
    constraints: list[sa.Constraint] = []
    if not entity.found_by:
        constraints.append(sa.PrimaryKeyConstraint(*entity.key, name=f"{entity.name}_key"))
    for number, unique in enumerate(entity.unique, start=1):
        constraints.append(sa.UniqueConstraint(*unique, name=f"{entity.name}_unique_{number}"))
    condition = length_check(entity)
    if condition is not None:
        constraints.append(sa.CheckConstraint(condition, name=f"{entity.name}_lengths"))
    indexes = [sa.Index(f"{entity.name}_{column}", column) for column in lookup_columns(entity)]
    indexes += [sa.Index(f"{entity.name}_found_by", *entity.found_by)] if entity.found_by else []
    partition_by = f"LIST ({PARTITION_COLUMN})" if entity.is_partitioned else None
    sa.Table(
        entity.name,
        metadata,
        *columns,
        *constraints,
        *indexes,
        schema=database_schema(entity),
        comment=f"{entity.title}: {entity.grain}",
        postgresql_partition_by=partition_by,
    )
