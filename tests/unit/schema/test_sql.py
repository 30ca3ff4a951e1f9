"""PostgreSQL tables computed from the national schema."""

from dataclasses import replace

import pytest

from migration.errors import ConfigError
from migration.schema.model import NationalSchema, load_schema
from migration.schema.sql import (
    SCHEMAS,
    build_metadata,
    create_statements,
    database_schema,
    length_check,
    national_metadata,
    schema_fingerprint,
    sql_type_name,
    table_of,
)


def test_every_entity_has_one_table_with_its_fields_in_order() -> None:
    schema = load_schema()
    assert len(national_metadata().tables) == len(schema.entities)
    for entity in schema.entities.values():
        table = table_of(entity.name)
        assert tuple(c.name for c in table.columns) == entity.field_names
        assert tuple(c.name for c in table.primary_key.columns) == (() if entity.found_by else entity.key)
        assert table.schema == database_schema(entity) and table.schema in SCHEMAS
        for field in entity.fields:
            assert table.columns[field.name].nullable is not (field.is_required or field.name in entity.key)


def test_partitioned_entities_and_no_others_are_partitioned() -> None:
    text = "\n".join(create_statements(national_metadata()))
    assert text.count("PARTITION BY LIST (division_code)") == len(load_schema().partitioned_entities())


def test_no_table_has_a_foreign_key() -> None:
    assert not any(table.foreign_keys for table in national_metadata().tables.values())


def test_sql_type_name_is_what_postgresql_says() -> None:
    names = {sql_type_name(f) for e in load_schema().entities.values() for f in e.fields}
    assert names == {
        "text", "bigint", "numeric(12,2)", "double precision", "boolean", "date", "timestamp with time zone", "jsonb",
    }  # fmt: skip


def test_length_check_limits_every_text() -> None:
    entity = load_schema().entity("nominal")
    condition = length_check(entity) or ""
    for field in entity.fields:
        assert (f"char_length({field.name}) <= {field.length}" in condition) == (field.type.value == "text")


def test_build_metadata_when_key_lacks_the_partition_column_refuses() -> None:
    schema = load_schema()
    broken = replace(schema.entity("crime"), key=("crime_id",))
    with pytest.raises(ConfigError, match="division_code"):
        build_metadata(NationalSchema(schema.version, {"crime": broken}, schema.codes))


def test_schema_fingerprint_changes_with_a_field_and_not_with_a_title() -> None:
    schema = load_schema()
    entity = schema.entity("waiver")

    def fingerprint(**changes: object) -> str:
        first = replace(entity.fields[0], **changes)  # type: ignore[arg-type]
        changed = replace(entity, fields=(first, *entity.fields[1:]))
        return schema_fingerprint(build_metadata(NationalSchema(schema.version, {"waiver": changed}, schema.codes)))

    assert fingerprint(title="Another") == fingerprint()
    assert fingerprint(length=33) != fingerprint()
