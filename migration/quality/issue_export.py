"""Open issues as a list to correct in the legacy system.

Enters: `control.dq_issue` and the rules. Leaves: rows ordered by owner, rule and legacy key, as a CSV file.
Must hold: the file names records by their legacy key and says what is wrong, why it matters and the usual fix; it holds
no value of any record and carries the protective marking in its name and rows.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from migration.schema.sql import table_of

COLUMNS = (
    "marking", "division", "owner", "severity", "rule", "what_must_hold", "why_it_matters", "usual_fix", "field",
    "source_system", "source_table", "legacy_key", "year", "state", "first_run", "last_run",
)  # fmt: skip
OPEN_STATES = ("OPEN", "REOPENED")


@dataclass(frozen=True)
class IssueFilter:
    """Which issues to list; an empty value takes all."""

    owner: str = ""
    rule_id: str = ""
    year: int | None = None
    states: tuple[str, ...] = OPEN_STATES


def list_issues(
    connection: sa.Connection, division: str, chosen: IssueFilter, marking: str
) -> Iterator[Sequence[object]]:
    """Issues of a division as rows of `COLUMNS`, streamed."""
    issue, rule = table_of("dq_issue"), table_of("dq_rule")
    newest = sa.select(rule).distinct(rule.c.rule_id).order_by(rule.c.rule_id, rule.c.rule_version).subquery("rule")
    query = (
        sa.select(
            sa.literal(marking), issue.c.division_code, issue.c.owner_role, newest.c.severity, issue.c.rule_id,
            newest.c.title, newest.c.why, newest.c.usual_fix, newest.c.field, issue.c.source_system,
            issue.c.source_table, issue.c.source_key, issue.c.record_year, issue.c.state, issue.c.first_run_id,
            issue.c.last_run_id,
        )
        .outerjoin(newest, newest.c.rule_id == issue.c.rule_id)
        .where(issue.c.division_code == division, issue.c.state.in_(chosen.states))
        .order_by(issue.c.owner_role, issue.c.rule_id, issue.c.source_key, issue.c.issue_key)
    )  # fmt: skip
    if chosen.owner:
        query = query.where(issue.c.owner_role == chosen.owner)
    if chosen.rule_id:
        query = query.where(issue.c.rule_id == chosen.rule_id)
    if chosen.year is not None:
        query = query.where(issue.c.record_year == chosen.year)
    for row in connection.execution_options(stream_results=True).execute(query):
        yield tuple(row)


def write_issues(connection: sa.Connection, division: str, chosen: IssueFilter, marking: str, path: Path) -> int:
    """Write the issues to a CSV file; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in list_issues(connection, division, chosen, marking):
            writer.writerow(["" if v is None else v for v in row])
            count += 1
    return count


def summarise_issues(connection: sa.Connection, division: str) -> list[tuple[str, str, str, str, int]]:
    """Issues by owner, rule, year and state: what a data owner reads first."""
    issue = table_of("dq_issue")
    year = sa.func.coalesce(sa.cast(issue.c.record_year, sa.Text), "no year")
    columns = (issue.c.owner_role, issue.c.rule_id, year, issue.c.state)
    query = (
        sa.select(*columns, sa.func.count())
        .where(issue.c.division_code == division)
        .group_by(*columns)
        .order_by(*columns)
    )
    return [(str(a), str(b), str(c), str(d), int(n)) for a, b, c, d, n in connection.execute(query)]
