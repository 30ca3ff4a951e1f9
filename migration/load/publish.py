"""Publishing a run: its staged tables become a division's national partitions, in one transaction or not at all.

Enters: a cutover run whose gate passed and that both roles approved. Leaves: its partitions attached, those they
replace in `archive`, golden links of all divisions as the run's linkage says, a row in `control.publication` with the
national content hash before and after, and entries in the processing log. Must hold: what is attached is what was
tested and signed (the evidence is computed again inside the transaction); the national set is the one the run was
linked against. Refuses: everything else, with every reason at once. One publish or rollback runs at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from migration.errors import ConfigError, CutoverError
from migration.layers import read_manifest
from migration.load.content import read_content_hash
from migration.load.failures import guard
from migration.load.golden import LinkChange, apply_links, staged_link_tables
from migration.load.partitions import STAGING, archive_partition, attach_partition, partition_name, table_exists
from migration.load.permission import require_permission
from migration.load.processing_log import append_entry
from migration.load.publications import PUBLISH, next_publication_id, read_published, read_stacks
from migration.load.reasons import keep_reason
from migration.load.run_record import set_outcome
from migration.records import Layer, PublishedRun, RunContext
from migration.schema.model import load_schema
from migration.schema.sql import table_of

PUBLISH_LOCK = 0x7075626C
NationalCheck: TypeAlias = Callable[[sa.Connection, RunContext], None]
PUBLISHED_FACT = "published"
"""Fact of the linked layer's manifest: the runs it was linked against, as `division/run_id`, sorted."""


@dataclass(frozen=True)
class PublishResult:
    """What a publish did. The hashes are those of the whole national content."""

    publication_id: int
    division: str
    run_id: str
    rows: int
    links: LinkChange
    hash_before: str
    hash_after: str


def publish_run(
    context: RunContext, engine: sa.Engine, person: str, check: NationalCheck | None = None
) -> PublishResult:
    """Make a run national in the name of `person`.

    Args:
        check: what must hold of the partitions once they are national, before anybody sees them; what it raises
            leaves everything as it was.

    Raises:
        CutoverError: the sign-off table does not permit it, the national set changed since the run was linked, a staged
            table is not this run's or breaks a constraint, or the run is national already. Nothing changed.
        ReconciliationError: the run's links are not of exactly the national nominals. Nothing changed.
        SourceError: the database went away. Nothing changed; publish again.
    """
    check_person(person)
    with guard(engine, f"publishing of division {context.division}"), engine.begin() as connection:
        lock_publishing(connection)
        _check_not_national(connection, context)
        require_permission(connection, context)
        _check_linked_against(connection, context)
        rows = _check_staged(connection, context)
        before = read_content_hash(connection)
        number = next_publication_id(connection)
        at = datetime.now(UTC)
        _move_partitions(connection, context, number)
        links = apply_links(
            connection, staged_link_tables(context.division.lower()), context.division, context.run_id, at
        )
        if check is not None:
            check(connection, context)
        after = read_content_hash(connection)
        record_publication(connection, number, context.division, context.run_id, PUBLISH, person, (before, after))
        set_outcome(connection, context.division, context.run_id, "PUBLISHED")
        _log(connection, context, person, rows, links)
    return PublishResult(number, context.division, context.run_id, rows, links, before, after)


def check_person(person: str) -> None:
    """Refuse an operation in nobody's name. Raises ConfigError."""
    if not person.strip() or len(person) > 60:
        raise ConfigError("person", f"a name of {len(person.strip())} characters", "1 to 60", "Give --person NAME.")


def lock_publishing(connection: sa.Connection) -> None:
    """Wait until no other publish or rollback runs; the lock ends with the transaction."""
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": PUBLISH_LOCK})


def name_published(runs: Sequence[PublishedRun]) -> list[str]:
    """Runs as `division/run_id`, sorted: how a manifest names the set a run was linked against."""
    return sorted(f"{run.division}/{run.run_id}" for run in runs)


def _check_not_national(connection: sa.Connection, context: RunContext) -> None:
    stack = read_stacks(connection).get(context.division)
    if stack and stack[-1].run_id == context.run_id:
        where = f"publishing run {context.division}/{context.run_id}"
        raise CutoverError(where, "a run that is national already", "a new run", "There is nothing to do.")


def _check_linked_against(connection: sa.Connection, context: RunContext) -> None:
    """The other divisions' national runs must be those that dedupe linked the run against."""
    others = [run for run in read_published(connection) if run.division != context.division]
    facts = read_manifest(context, Layer.LINKED).facts
    linked = facts.get(PUBLISHED_FACT)
    current = name_published(others)
    if linked != current:
        found = f"linked against {', '.join(map(str, linked)) or 'none'}" if isinstance(linked, list) else "no record"
        raise CutoverError(
            f"publishing run {context.division}/{context.run_id}",
            found,
            f"the national runs {', '.join(current) or '(none)'}",
            f"Resume the run with `migrate run {context.division} --run-id {context.run_id}`, then sign again.",
        )


def _check_staged(connection: sa.Connection, context: RunContext) -> int:
    """Rows of the staged partitions; refuses tables of another run and tables that break a national constraint."""
    where = f"publishing run {context.division}/{context.run_id}"
    staged = table_of("staged_table")
    query = sa.select(staged).where(staged.c.division_code == context.division)
    found = {row.table_name: row for row in connection.execute(query)}
    partitions = [e.name for e in load_schema().partitioned_entities()]
    foreign = [name for name in partitions if not _is_staged(connection, context, name, found.get(name))]
    if foreign:
        fix = f"Run `migrate stage {context.division} --run-id {context.run_id}`, then the gate, and sign again."
        raise CutoverError(where, f"no staged table of this run for {', '.join(foreign)}", "all staged", fix)
    broken = [f"{name} ({found[name].broken_constraints})" for name in partitions if found[name].broken_constraints]
    if broken:
        fix = "Correct the mapping; the quality report names the rows."
        raise CutoverError(where, f"broken constraints of {'; '.join(broken)}", "tables that keep them", fix)
    return sum(found[name].rows for name in partitions)


def _is_staged(connection: sa.Connection, context: RunContext, entity: str, record: sa.Row[Any] | None) -> bool:
    """Whether the staging table of an entity is there and of this run."""
    is_ours = record is not None and record.run_id == context.run_id
    return is_ours and table_exists(connection, STAGING, partition_name(entity, context.division))


def _move_partitions(connection: sa.Connection, context: RunContext, publication_id: int) -> None:
    for entity in load_schema().partitioned_entities():
        archive_partition(connection, entity.name, context.division, publication_id)
        attach_partition(connection, entity.name, context.division)


def record_publication(
    connection: sa.Connection,
    publication_id: int,
    division: str,
    run_id: str,
    action: str,
    person: str,
    hashes: tuple[str, str],
) -> None:
    """Add a publish or rollback to `control.publication`; `hashes` are the national content before and after."""
    connection.execute(
        sa.insert(table_of("publication")).values(
            publication_id=publication_id,
            division_code=division,
            run_id=run_id,
            action=action,
            done_by=person,
            done_at_utc=datetime.now(UTC),
            hash_before=hashes[0],
            hash_after=hashes[1],
        )
    )


def _log(connection: sa.Connection, context: RunContext, person: str, rows: int, links: LinkChange) -> None:
    """Log the publish as what it is in law: collection, combination of records, alteration of others' links."""
    run = f"division {context.division}, run {context.run_id}"
    reason = keep_reason(context.reason)
    append_entry(connection, "COLLECTION", person, f"{run}: {rows} national rows published", reason)
    if links.golden_combined:
        subject = f"{run}: {links.golden_combined} golden nominals now combine other nominals than before"
        append_entry(connection, "COMBINATION", person, subject, reason)
    if links.links_changed:
        subject = f"{run}: {links.links_changed} links of nominals already national changed"
        append_entry(connection, "ALTERATION", person, subject, reason)
