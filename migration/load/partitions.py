"""Tables of one division: made in `staging`, attached to `national`, kept in `archive` while they can come back.

Enters: an open transaction, an entity and a division. Leaves: DDL done in that transaction. A staging table takes any
row of the right types; the constraints of its national parent are added once it is loaded, so that what breaks them is
found by the quality rules and named, and cannot be attached. Must hold: names are a function of entity and division;
what is moved keeps its rows, constraints and indexes. Refuses: attaching a table that lacks a constraint of its parent.
"""

import sqlalchemy as sa

from migration.fingerprint import quote
from migration.schema.model import Entity
from migration.schema.sql import PARTITION_COLUMN, length_check, lookup_columns

STAGING, NATIONAL, ARCHIVE = "staging", "national", "archive"


def partition_name(entity: str, division: str) -> str:
    """Name of a division's table of an entity: `crime_report_d`; the same in `staging` and `national`."""
    return f"{entity}_{division.lower()}"


def archive_name(entity: str, division: str, publication_id: int) -> str:
    """Name in `archive` of the partition that a publication replaced."""
    return f"{partition_name(entity, division)}_{publication_id}"


def qualified(schema: str, table: str) -> str:
    """Schema and table, quoted."""
    return f"{quote(schema)}.{quote(table)}"


def table_exists(connection: sa.Connection, schema: str, table: str) -> bool:
    """Whether a table is there."""
    name = {"name": qualified(schema, table)}
    return connection.scalar(sa.text("SELECT to_regclass(:name)"), name) is not None


def constraint_clauses(entity: Entity, division: str) -> dict[str, str]:
    """ALTER TABLE clauses by what they enforce, for a staging table of the entity to equal its national parent."""
    table = partition_name(entity.name, division)
    required = {f.name for f in entity.fields if f.is_required} | set(entity.key)
    clauses = {f"required:{name}": f"ALTER COLUMN {quote(name)} SET NOT NULL" for name in sorted(required)}
    condition = length_check(entity)
    if condition is not None:
        clauses["lengths"] = f"ADD CONSTRAINT {quote(f'{entity.name}_lengths')} CHECK ({condition})"
    clauses["key"] = f"ADD CONSTRAINT {quote(f'{table}_key')} PRIMARY KEY ({_columns(entity.key)})"
    for number, unique in enumerate(entity.unique, start=1):
        clauses[f"unique_{number}"] = f"ADD CONSTRAINT {quote(f'{table}_unique_{number}')} UNIQUE ({_columns(unique)})"
    if entity.is_partitioned:
        check = f"CHECK ({quote(PARTITION_COLUMN)} = '{division}')"
        clauses["division"] = f"ADD CONSTRAINT {quote(f'{table}_division')} {check}"
    return clauses


def add_constraints(connection: sa.Connection, table: str, entity: Entity, division: str) -> list[str]:
    """Add the parent's constraints to a loaded staging table; returns those its rows break, which are left off.

    Args:
        table: its name in `staging`, which may be a temporary one.
    """
    clauses = constraint_clauses(entity, division)
    if _try_alter(connection, table, ", ".join(clauses.values())):
        return []
    return [name for name, clause in clauses.items() if not _try_alter(connection, table, clause)]


def add_indexes(connection: sa.Connection, table: str, entity: Entity, division: str) -> None:
    """Add the lookup indexes of the parent to a staging table."""
    for column in lookup_columns(entity):
        index = quote(f"{partition_name(entity.name, division)}_{column}")
        connection.execute(sa.text(f"CREATE INDEX {index} ON {qualified(STAGING, table)} ({quote(column)})"))


def _try_alter(connection: sa.Connection, table: str, clauses: str) -> bool:
    """Whether the change could be made; the server's message is dropped, as it quotes rows."""
    try:
        with connection.begin_nested():
            connection.execute(sa.text(f"ALTER TABLE {qualified(STAGING, table)} {clauses}"))
    except sa.exc.IntegrityError:
        return False
    return True


def _columns(names: tuple[str, ...]) -> str:
    return ", ".join(quote(name) for name in names)


def attach_partition(connection: sa.Connection, entity: str, division: str) -> None:
    """Move a division's table from `staging` to `national` and attach it."""
    table = partition_name(entity, division)
    connection.execute(sa.text(f"ALTER TABLE {qualified(STAGING, table)} SET SCHEMA {NATIONAL}"))
    _attach(connection, entity, division)


def detach_partition(connection: sa.Connection, entity: str, division: str) -> bool:
    """Detach a division's partition, which stays in `national` as a table; False where there is none."""
    table = partition_name(entity, division)
    if not table_exists(connection, NATIONAL, table):
        return False
    parent = qualified(NATIONAL, entity)
    connection.execute(sa.text(f"ALTER TABLE {parent} DETACH PARTITION {qualified(NATIONAL, table)}"))
    return True


def archive_partition(connection: sa.Connection, entity: str, division: str, publication_id: int) -> bool:
    """Detach a division's partition and keep it in `archive`; False where there is none."""
    if not detach_partition(connection, entity, division):
        return False
    table = partition_name(entity, division)
    kept = archive_name(entity, division, publication_id)
    _rename_parts(connection, NATIONAL, table, kept)
    connection.execute(sa.text(f"ALTER TABLE {qualified(NATIONAL, table)} RENAME TO {quote(kept)}"))
    connection.execute(sa.text(f"ALTER TABLE {qualified(NATIONAL, kept)} SET SCHEMA {ARCHIVE}"))
    return True


def restore_partition(connection: sa.Connection, entity: str, division: str, publication_id: int) -> bool:
    """Attach again what `archive_partition` kept; False where it kept nothing."""
    table = partition_name(entity, division)
    kept = archive_name(entity, division, publication_id)
    if not table_exists(connection, ARCHIVE, kept):
        return False
    _rename_parts(connection, ARCHIVE, kept, table)
    connection.execute(sa.text(f"ALTER TABLE {qualified(ARCHIVE, kept)} RENAME TO {quote(table)}"))
    connection.execute(sa.text(f"ALTER TABLE {qualified(ARCHIVE, table)} SET SCHEMA {NATIONAL}"))
    _attach(connection, entity, division)
    return True


def _attach(connection: sa.Connection, entity: str, division: str) -> None:
    parent, table = qualified(NATIONAL, entity), qualified(NATIONAL, partition_name(entity, division))
    connection.execute(sa.text(f"ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ('{division}')"))


def _rename_parts(connection: sa.Connection, schema: str, table: str, new_table: str) -> None:
    """Rename the indexes (and with them the keys) that carry the table's name: index names are unique in a schema."""
    query = sa.text("SELECT indexname FROM pg_indexes WHERE schemaname = :schema AND tablename = :table")
    for (index,) in connection.execute(query, {"schema": schema, "table": table}).all():
        if index.startswith(table):
            new_index = quote(new_table + index.removeprefix(table))
            connection.execute(sa.text(f"ALTER INDEX {qualified(schema, index)} RENAME TO {new_index}"))
