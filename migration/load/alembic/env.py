"""Alembic's entry: runs the versions on the connection that `migration.load.engine.upgrade_schema` hands over."""

from alembic import context

from migration.schema.sql import national_metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=national_metadata(),
    include_schemas=True,
    version_table="schema_version",
    version_table_schema="public",
)
with context.begin_transaction():
    context.run_migrations()
