"""Which runs are national now, and what each publication replaced.

Enters: `control.publication`, append-only. Leaves: per division a stack: a publish puts its run on top, a rollback
takes the top off, and what lies below is national again. Must hold: the answer depends on the order of the
publications only.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from migration.records import PublishedRun
from migration.schema.sql import table_of

PUBLISH, ROLLBACK = "PUBLISH", "ROLLBACK"


@dataclass(frozen=True)
class Publication:
    """One publish of a run that has not been rolled back."""

    publication_id: int
    division: str
    run_id: str
    hash_before: str
    hash_after: str


def published_runs(engine: sa.Engine) -> list[PublishedRun]:
    """The runs that are national now, one per division at most, in division order."""
    with engine.connect() as connection:
        return read_published(connection)


def read_published(connection: sa.Connection) -> list[PublishedRun]:
    """The runs that are national in the caller's transaction, in division order."""
    stacks = read_stacks(connection)
    return [PublishedRun(division, stack[-1].run_id) for division, stack in sorted(stacks.items()) if stack]


def read_stacks(connection: sa.Connection) -> dict[str, list[Publication]]:
    """Publications in force per division, the national one last."""
    table = table_of("publication")
    rows = connection.execute(sa.select(table).order_by(table.c.publication_id)).mappings()
    return stack_publications(
        (
            Publication(r["publication_id"], r["division_code"], r["run_id"], r["hash_before"], r["hash_after"]),
            r["action"],
        )
        for r in rows
    )


def stack_publications(history: Iterable[tuple[Publication, str]]) -> dict[str, list[Publication]]:
    """Per division the publications that remain, from all of them with their actions, in order."""
    stacks: dict[str, list[Publication]] = {}
    for publication, action in history:
        stack = stacks.setdefault(publication.division, [])
        if action == PUBLISH:
            stack.append(publication)
        elif stack:
            stack.pop()
    return stacks


def next_publication_id(connection: sa.Connection) -> int:
    """Number of the next publication; the caller holds the publishing lock."""
    table = table_of("publication")
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(table.c.publication_id), 0))) or 0) + 1
