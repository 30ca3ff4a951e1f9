"""Rules in the database that keep its records of decisions as they were written.

Enters: a connection to a database with the control tables. Leaves: triggers. Must hold: no row of `sign_off`,
`publication` and `processing_log` is ever changed or deleted; a row of `golden_history` and `match_judgement` may be
closed once (an empty end is filled) and not changed otherwise; none of them can be emptied.
"""

import sqlalchemy as sa

CLOSED_TABLES = ("sign_off", "publication", "processing_log")
CLOSING_COLUMNS = {
    "golden_history": ("valid_to_utc",),
    "match_judgement": ("reversed_at_utc", "reversed_by"),
}
"""Columns that may be filled once, per table."""

_REFUSE = """
CREATE OR REPLACE FUNCTION control.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'control.% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
_CLOSE_ONCE = """
CREATE OR REPLACE FUNCTION control.{table}_close_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY[{columns}]) <> (to_jsonb(NEW) - ARRAY[{columns}]) OR {was_closed} THEN
        RAISE EXCEPTION 'control.{table} is append-only: UPDATE refused'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""


def create_append_only_rules(connection: sa.Connection) -> None:
    """Create the triggers; once per database."""
    connection.execute(sa.text(_REFUSE))
    for table in CLOSED_TABLES:
        _create_trigger(connection, table, "UPDATE OR DELETE", "ROW", "refuse_change")
        _create_trigger(connection, table, "TRUNCATE", "STATEMENT", "refuse_change")
    for table, columns in CLOSING_COLUMNS.items():
        names = ", ".join(f"'{c}'" for c in columns)
        was_closed = " OR ".join(f"OLD.{c} IS NOT NULL" for c in columns)
        connection.execute(sa.text(_CLOSE_ONCE.format(table=table, columns=names, was_closed=was_closed)))
        _create_trigger(connection, table, "UPDATE", "ROW", f"{table}_close_once")
        _create_trigger(connection, table, "DELETE", "ROW", "refuse_change")
        _create_trigger(connection, table, "TRUNCATE", "STATEMENT", "refuse_change")


def _create_trigger(connection: sa.Connection, table: str, events: str, level: str, function: str) -> None:
    name = f"{table}_{events.split(maxsplit=1)[0].lower()}_{level.lower()}"
    connection.execute(
        sa.text(
            f"CREATE TRIGGER {name} BEFORE {events} ON control.{table} "
            f"FOR EACH {level} EXECUTE FUNCTION control.{function}()"
        )
    )
