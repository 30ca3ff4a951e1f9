"""The national schema: its database schemas, tables and append-only rules.

Until the first division is live this version creates whatever `national.yml` says; the fingerprint it leaves on the
database lets `upgrade_schema` refuse a database made from another `national.yml`. From then on this version is frozen
(decision 0061) and every change of `national.yml` comes with a version of its own.
"""

from alembic import op

from migration.load.append_only import create_append_only_rules
from migration.schema.sql import SCHEMAS, national_metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    connection = op.get_bind()
    for schema in SCHEMAS:
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    national_metadata().create_all(connection)
    create_append_only_rules(connection)


def downgrade() -> None:
    """Drop everything."""
    for schema in reversed(SCHEMAS):
        op.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
