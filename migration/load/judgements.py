"""Judgements of people on pairs of nominals, kept in the national database.

Enters: rows of `control.match_judgement`. Leaves: the same as Arrow, and new or reversed rows. Must hold: a row
is never changed but for the stamp of its reversal (the table refuses anything else). Judgements belong to no run and no
division: they outlast both.
"""

from datetime import UTC, datetime

import pyarrow as pa
import sqlalchemy as sa

from migration.errors import ConfigError
from migration.load.failures import guard
from migration.load.processing_log import append_entry
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema
from migration.schema.sql import table_of

ENTITY = "match_judgement"


def read_judgements(engine: sa.Engine) -> pa.Table:
    """Every judgement, reversed ones included, in order of time and id; columns of control entity `match_judgement`."""
    table = table_of(ENTITY)
    query = sa.select(table).order_by(table.c.judged_at_utc, table.c.judgement_id)
    with guard(engine, "judgements"), engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return pa.Table.from_pylist(rows, schema=arrow_schema(load_schema().entity(ENTITY)))


def insert_judgements(engine: sa.Engine, judgements: pa.Table) -> None:
    """Record judgements, each with its entry (COMBINATION) in the processing log, in one transaction."""
    table = table_of(ENTITY)
    with guard(engine, "judgements"), engine.begin() as connection:
        for row in judgements.to_pylist():
            connection.execute(sa.insert(table).values(row))
            append_entry(connection, "COMBINATION", row["judged_by"], _subject(row), row["reason"])


def reverse_judgement(engine: sa.Engine, judgement_id: str, person: str, reason: str) -> None:
    """Reverse one judgement: it stops counting from now on and stays on record.

    Raises:
        ConfigError: there is no open judgement of that id.
    """
    table = table_of(ENTITY)
    is_open = sa.and_(table.c.judgement_id == judgement_id, table.c.reversed_at_utc.is_(None))
    with guard(engine, "judgements"), engine.begin() as connection:
        row = connection.execute(sa.select(table).where(is_open).with_for_update()).mappings().first()
        if row is None:
            fix = "List the open ones with `migrate judge list`."
            raise ConfigError(f"judgement {judgement_id}", "no open judgement", "the id of an open one", fix)
        stamp = {"reversed_at_utc": datetime.now(UTC), "reversed_by": person}
        connection.execute(sa.update(table).where(is_open).values(stamp))
        append_entry(connection, "ALTERATION", person, f"reversed: {_subject(dict(row))}", reason)


def _subject(row: dict[str, object]) -> str:
    return f"{row['judgement_code']} of nominals {row['left_nominal_id']} and {row['right_nominal_id']}"
