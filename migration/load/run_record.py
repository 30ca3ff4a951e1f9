"""The run and its files as the database records them: `control.migration_run` and `control.manifest`.

Enters: an open transaction and a run. Leaves: one row for the run, one per file of its layers. Must hold: recording a
run again replaces its rows. Refuses: a run without a mapped layer, which has nothing to record.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from migration.layers import code_version, find_manifest
from migration.records import Layer, RunContext
from migration.runs import find_run
from migration.schema.sql import table_of


def record_run(connection: sa.Connection, context: RunContext, pack_version: str | None) -> None:
    """Write the run's row: who started it, when, why, and with which pack, gazetteer and code."""
    table = table_of("migration_run")
    record = find_run(context.settings, context.division, context.run_id)
    started_at = datetime.fromisoformat(record.started_at_utc) if record else datetime.now(UTC)
    values = {
        "phase": context.phase.value,
        "sample_percent": context.sample_percent,
        "pack_version": pack_version,
        "gazetteer_release": context.settings.gazetteer_release,
        "code_version": code_version(),
        "started_at_utc": started_at,
        "outcome": "RUNNING",
        "started_by": record.started_by if record else None,
        "reason": context.reason or None,
    }
    key = {"run_id": context.run_id, "division_code": context.division}
    statement = insert(table).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def set_outcome(connection: sa.Connection, division: str, run_id: str, outcome: str) -> None:
    """Say how a run ended (code list `run_outcome`)."""
    table = table_of("migration_run")
    connection.execute(
        sa.update(table)
        .where(table.c.run_id == run_id, table.c.division_code == division)
        .values(outcome=outcome, ended_at_utc=datetime.now(UTC))
    )


def fail_run(connection: sa.Connection, context: RunContext) -> None:
    """Say that an error ended a run; one that a red gate, a refusal or a publication ended keeps that outcome."""
    table = table_of("migration_run")
    mine = (table.c.run_id == context.run_id, table.c.division_code == context.division)
    if connection.scalar(sa.select(table.c.outcome).where(*mine).with_for_update()) == "RUNNING":
        set_outcome(connection, context.division, context.run_id, "FAILED")


def record_manifests(connection: sa.Connection, context: RunContext) -> None:
    """Write one row per file of every layer the run has."""
    table = table_of("manifest")
    key = {"run_id": context.run_id, "division_code": context.division}
    rows = [
        {
            **key,
            "layer": layer.value,
            "table_name": file.name,
            "rows": file.rows,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "schema_fingerprint": file.schema_fingerprint,
            "content_hash": file.content_hash,
        }
        for layer in Layer
        if (manifest := find_manifest(context, layer)) is not None
        for file in manifest.tables
    ]
    connection.execute(sa.delete(table).where(*(table.c[name] == value for name, value in key.items())))
    if rows:
        connection.execute(sa.insert(table), rows)
