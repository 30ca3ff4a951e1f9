"""Taking a division out again: the national database as if its last publish had never been.

Enters: a published division. Leaves: its partitions gone; those they had replaced attached again; golden links of all
that stays recomputed from the lake (judgements of people included); a row in `control.publication` and an entry in
the processing log. Must hold: the national content hash equals the one the same set of runs had before, also when
other divisions were published in between; the history of links keeps what was. Refuses: a division that is not
national, no reason, and a result that differs from the recorded hash of the same set (nothing is changed then).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from migration.errors import ConfigError, CutoverError, ReconciliationError
from migration.layers import code_version
from migration.load.content import hash_digests, read_content_hash
from migration.load.failures import guard
from migration.load.golden import LinkChange, apply_links
from migration.load.partitions import NATIONAL, detach_partition, partition_name, qualified, restore_partition
from migration.load.processing_log import append_entry
from migration.load.publications import ROLLBACK, Publication, next_publication_id, read_published, read_stacks
from migration.load.publish import check_person, lock_publishing, name_published, record_publication
from migration.load.reasons import find_personal
from migration.load.relinking import Relink, drop_relinked, load_relinked
from migration.load.relinking_national import national_relink
from migration.load.run_record import set_outcome
from migration.records import PublishedRun
from migration.schema.model import load_schema
from migration.schema.sql import table_of
from migration.settings import Settings

MIN_REASON = 10


@dataclass(frozen=True)
class RollbackResult:
    """What a rollback did.

    Attributes:
        restored_run_id: run of the division that is national again; None where the division is out.
        is_as_before: whether the content equals the recorded one of the same set of runs; None where that cannot be
            compared (the set was never national before, or judgements or code changed since).
    """

    publication_id: int
    division: str
    run_id: str
    restored_run_id: str | None
    links: LinkChange
    hash_before: str
    hash_after: str
    is_as_before: bool | None


def roll_back_division(
    settings: Settings, engine: sa.Engine, division: str, person: str, reason: str, *, relink: Relink | None = None
) -> RollbackResult:
    """Undo a division's last publish in the name of `person`.

    Args:
        relink: links a set of runs (default: dedupe's, with the judgements in force).

    Raises:
        ConfigError: no person or no reason.
        CutoverError: nothing of the division is national.
        ReconciliationError: the result is not what it was before. Nothing changed.
        SourceError: the lake lacks a remaining run, or the database went away. Nothing changed; roll back again.
    """
    check_person(person)
    _check_reason(division, reason)
    linker = relink if relink is not None else national_relink(settings, engine)
    with guard(engine, f"rollback of division {division}"), engine.begin() as connection:
        lock_publishing(connection)
        stack = _require_published(connection, division)
        remaining = _remaining_runs(connection, division, stack)
        tables = load_relinked(engine, remaining, linker, settings.home / "relink")
        before = read_content_hash(connection)
        _move_partitions(connection, division, stack[-1])
        links = apply_links(connection, tables, division, stack[-1].run_id, datetime.now(UTC))
        drop_relinked(connection)
        after = read_content_hash(connection)
        is_as_before = _compare_with_record(connection, remaining, after, stack[-1])
        number = next_publication_id(connection)
        record_publication(connection, number, division, stack[-1].run_id, ROLLBACK, person, (before, after))
        set_outcome(connection, division, stack[-1].run_id, "ROLLED_BACK")
        _log(connection, division, stack[-1].run_id, person, reason, links)
    restored = stack[-2].run_id if len(stack) > 1 else None
    return RollbackResult(number, division, stack[-1].run_id, restored, links, before, after, is_as_before)


def _check_reason(division: str, reason: str) -> None:
    if len(reason.strip()) < MIN_REASON or len(reason) > 400:
        found = f"a reason of {len(reason.strip())} characters"
        fix = "Say why with --reason; name no person."
        raise ConfigError(f"rollback of division {division}", found, f"{MIN_REASON} to 400 characters", fix)
    held = find_personal(reason)
    if held:
        fix = "Name rules, counts and runs, never a person, date of birth, address or identifier."
        where = f"rollback of division {division}"
        raise ConfigError(where, f"a reason with {', '.join(held)}", "a reason without personal values", fix)


def _require_published(connection: sa.Connection, division: str) -> list[Publication]:
    stacks = read_stacks(connection)
    stack = stacks.get(division)
    if not stack:
        published = ", ".join(d for d, s in sorted(stacks.items()) if s) or "none"
        fix = "There is nothing to roll back; see `migrate status`."
        raise CutoverError(f"rollback of division {division}", "nothing national of it", f"one of {published}", fix)
    return stack


def _remaining_runs(connection: sa.Connection, division: str, stack: Sequence[Publication]) -> list[PublishedRun]:
    """The runs that are national after the rollback."""
    others = [run for run in read_published(connection) if run.division != division]
    previous = [PublishedRun(division, stack[-2].run_id)] if len(stack) > 1 else []
    return sorted([*others, *previous], key=lambda run: run.division)


def _move_partitions(connection: sa.Connection, division: str, last: Publication) -> None:
    """Drop the division's partitions and attach those that its last publish had replaced."""
    for entity in load_schema().partitioned_entities():
        if detach_partition(connection, entity.name, division):
            table = qualified(NATIONAL, partition_name(entity.name, division))
            connection.execute(sa.text(f"DROP TABLE {table}"))
        restore_partition(connection, entity.name, division, last.publication_id)


def _compare_with_record(
    connection: sa.Connection, remaining: Sequence[PublishedRun], after: str, last: Publication
) -> bool | None:
    """Whether the content equals the one recorded when exactly these runs were national; refuses where it does not."""
    if not remaining:
        expected = hash_digests([])
    else:
        recorded = _recorded_hash(connection, name_published(remaining))
        if recorded is None or _judged_since(connection, recorded[1]) or _code_changed(connection, last):
            return None
        expected = recorded[0]
    if expected != after:
        raise ReconciliationError(
            f"rollback of division {last.division}",
            "national content that differs from what the same runs held before",
            f"content hash {expected[:12]}",
            "Nothing was changed. Compare the partitions with their manifests: `migrate reconcile`.",
        )
    return True


def _recorded_hash(connection: sa.Connection, runs: list[str]) -> tuple[str, datetime] | None:
    """National content hash, and when, of the last time that exactly these runs were national; None where never."""
    table = table_of("publication")
    rows = connection.execute(sa.select(table).order_by(table.c.publication_id)).all()
    stacks: dict[str, list[str]] = {}
    found = None
    for row in rows:
        stack = stacks.setdefault(row.division_code, [])
        if row.action == ROLLBACK:
            stack.pop()
        else:
            stack.append(row.run_id)
        if sorted(f"{d}/{s[-1]}" for d, s in stacks.items() if s) == runs:
            found = (row.hash_after, row.done_at_utc)
    return found


def _judged_since(connection: sa.Connection, moment: datetime) -> bool:
    table = table_of("match_judgement")
    changed = sa.or_(table.c.judged_at_utc >= moment, table.c.reversed_at_utc >= moment)
    return bool(connection.scalar(sa.select(sa.exists().where(changed))))


def _code_changed(connection: sa.Connection, last: Publication) -> bool:
    table = table_of("migration_run")
    query = sa.select(table.c.code_version).where(table.c.run_id == last.run_id, table.c.division_code == last.division)
    return connection.scalar(query) != code_version()


def _log(connection: sa.Connection, division: str, run_id: str, person: str, reason: str, links: LinkChange) -> None:
    subject = f"division {division}, run {run_id}: partitions removed from the national set"
    append_entry(connection, "ERASURE", person, subject, reason)
    if links.links_changed:
        subject = f"division {division}, run {run_id}: {links.links_changed} links of other nominals recomputed"
        append_entry(connection, "ALTERATION", person, subject, reason)
