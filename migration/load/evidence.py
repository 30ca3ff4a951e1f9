"""The evidence of a run as one hash, computed again whenever it matters.

Enters: a run with staged tables. Leaves: SHA-256 over everything a signer relies on: the rows in `staging`, the files'
content hashes, rule results, control totals, dispositions, waivers, the gate's criteria and verdicts, the pack and the
code. Must hold: any change to one of them gives another hash, and so voids what was signed. Nothing here is cached.
"""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from migration.fingerprint import combine_hashes, quote
from migration.layers import hash_file
from migration.load.content import digest_sql, digest_table, prepare_session
from migration.load.partitions import NATIONAL, STAGING, partition_name, table_exists
from migration.load.publications import read_published
from migration.load.stage import staged_entities
from migration.records import PublishedRun, RunContext
from migration.schema.model import Entity
from migration.schema.sql import table_of
from migration.settings import Settings

GATES_FILE = "gates.yml"
RUN_TABLES = {
    "migration_run": ("phase", "sample_percent", "pack_version", "gazetteer_release", "code_version"),
    "manifest": ("layer", "table_name", "rows", "sha256", "schema_fingerprint", "content_hash"),
    "control_total": ("layer", "table_name", "measure", "column_name", "value"),
    "disposition": (
        "source_system", "source_table", "entity", "source_key", "outcome", "target_id", "rule_id", "reason_code",
    ),
    "dq_result": ("rule_id", "rule_version", "status", "failing_rows", "tested_rows", "detail"),
    "gate": ("criterion_id", "verdict", "evidence"),
}  # fmt: skip
"""Control tables of a run and the columns that are evidence; moments and hashes of the evidence itself are not."""


@dataclass(frozen=True)
class EvidencePart:
    """One part of the evidence: what it is, how many rows, and its hash."""

    name: str
    rows: int
    digest: str


def gates_path(settings: Settings) -> Path:
    """File of the gate's criteria."""
    return settings.expectations / GATES_FILE


def read_evidence(connection: sa.Connection, context: RunContext) -> list[EvidencePart]:
    """Every part of a run's evidence as it is now, ordered by name."""
    parts = [_read_control(connection, name, columns, context) for name, columns in RUN_TABLES.items()]
    is_national = PublishedRun(context.division, context.run_id) in read_published(connection)
    parts += [_read_staged(connection, entity, context, is_national=is_national) for entity in staged_entities()]
    parts.append(_read_waivers(connection, context))
    criteria = gates_path(context.settings)
    parts.append(EvidencePart("gate criteria", 1, hash_file(criteria) if criteria.exists() else "none"))
    return sorted(parts, key=lambda part: part.name)


def hash_evidence(parts: list[EvidencePart]) -> str:
    """SHA-256 (hex) of the evidence."""
    return combine_hashes(f"{part.name}|{part.rows}|{part.digest}" for part in parts)


def evidence_hash(connection: sa.Connection, context: RunContext) -> str:
    """Hash of a run's evidence as it is now: what a sign-off is bound to."""
    return hash_evidence(read_evidence(connection, context))


def _read_control(connection: sa.Connection, name: str, columns: tuple[str, ...], context: RunContext) -> EvidencePart:
    prepare_session(connection)
    rows_of_run = f"control.{quote(name)} WHERE run_id = :run_id AND division_code = :division"
    query = digest_sql(columns, rows_of_run)
    parameters = {"run_id": context.run_id, "division": context.division}
    rows, lower, upper = connection.execute(sa.text(query), parameters).one()
    return EvidencePart(f"control.{name}", int(rows), f"{lower}/{upper}")


def _read_staged(connection: sa.Connection, entity: Entity, context: RunContext, *, is_national: bool) -> EvidencePart:
    """A division's table of an entity: the staged one, or the partition it became once the run is national."""
    table = partition_name(entity.name, context.division)
    schema = NATIONAL if is_national and entity.is_partitioned else STAGING
    if not table_exists(connection, schema, table):
        return EvidencePart(f"staging.{entity.name}", 0, "absent")
    digest = digest_table(connection, schema, table, entity)
    return EvidencePart(f"staging.{entity.name}", digest.rows, f"{digest.lower}/{digest.upper}")


def _read_waivers(connection: sa.Connection, context: RunContext) -> EvidencePart:
    """The division's waivers; those of other divisions are nothing to this run."""
    prepare_session(connection)
    columns = [c.name for c in table_of("waiver").columns]
    query = digest_sql(columns, "control.waiver WHERE division_code = :division")
    rows, lower, upper = connection.execute(sa.text(query), {"division": context.division}).one()
    return EvidencePart("control.waiver", int(rows), f"{lower}/{upper}")
