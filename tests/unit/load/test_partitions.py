"""Names and constraints of a division's tables."""

from migration.load.partitions import archive_name, constraint_clauses, partition_name, qualified
from migration.schema.model import load_schema


def test_every_name_fits_postgresql_and_is_its_own() -> None:
    names = []
    for entity in load_schema().partitioned_entities():
        names += [partition_name(entity.name, "X"), archive_name(entity.name, "X", 123_456)]
        names += [f"{archive_name(entity.name, 'X', 123_456)}_{f.name}" for f in entity.fields if f.references]
    assert len(names) == len(set(names))
    assert max(len(name) for name in names) <= 63


def test_constraint_clauses_cover_required_fields_lengths_keys_and_division() -> None:
    entity = load_schema().entity("crime_report")
    clauses = constraint_clauses(entity, "X")
    required = {f"required:{f.name}" for f in entity.fields if f.is_required}
    assert set(clauses) == required | {"lengths", "key", "unique_1", "division"}
    assert "'X'" in clauses["division"] and "PRIMARY KEY" in clauses["key"]


def test_qualified_quotes_both_names() -> None:
    assert qualified("a", 'b"c') == '"a"."b""c"'
