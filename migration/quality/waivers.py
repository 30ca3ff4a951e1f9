"""Waivers: a person answers for failing rows of a rule, up to a cap and a day.

Enters: `control.waiver`. Leaves: the waivers in force on a day, and new ones.
Must hold: a waiver covers at most its cap of rows until its last day; the cap shrinks to what still fails after each
run, so that repaired records can not be replaced by new ones under an old decision. A waiver turns no rule green.
Refuses: a waiver without owner, reason, cap or end; a cap above what fails now; more than `LONGEST` days.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from migration.errors import ConfigError, QualityError
from migration.schema.sql import table_of

GATE_PREFIX = "gate."
"""`gate.<criterion>` waives a criterion of the gate that is amber by its own bounds."""
GATE_PREFIX = "gate."
"""A waiver of `gate.<criterion>` covers a criterion of the gate, not a rule."""
LONGEST = timedelta(days=183)
"""Longest life of a waiver: it must be decided again within half a year."""


@dataclass(frozen=True)
class Waiver:
    """One waiver, as granted and as shrunk since."""

    waiver_id: str
    division: str
    rule_id: str
    reason: str
    granted_by: str
    granted_at_utc: datetime
    expires_on: date
    cap_rows: int


def read_waivers(connection: sa.Connection, division: str, on_day: date | None = None) -> tuple[Waiver, ...]:
    """Waivers of a division, oldest first: all, or those in force on a day."""
    table = table_of("waiver")
    query = (
        sa.select(table).where(table.c.division_code == division).order_by(table.c.granted_at_utc, table.c.waiver_id)
    )
    if on_day is not None:
        query = query.where(table.c.expires_on >= on_day, sa.func.date(table.c.granted_at_utc) <= on_day)
    return tuple(_read_waiver(row) for row in connection.execute(query).mappings())


def _read_waiver(row: sa.RowMapping) -> Waiver:
    names = {"division": "division_code"}
    return Waiver(**{name: row[names.get(name, name)] for name in Waiver.__dataclass_fields__})


def combine_waivers(waivers: Iterable[Waiver], failing: Mapping[str, int]) -> tuple[Waiver, ...]:
    """One waiver per rule, the newest, its cap shrunk to the failing rows; none for a rule that no longer fails."""
    newest = {w.rule_id: w for w in waivers}
    kept = []
    for rule_id, waiver in sorted(newest.items()):
        cap = min(waiver.cap_rows, failing.get(rule_id, waiver.cap_rows))
        if cap > 0:
            kept.append(Waiver(**{**waiver.__dict__, "cap_rows": cap}))
    return tuple(kept)


def shrink_waivers(connection: sa.Connection, waivers: Iterable[Waiver], failing: Mapping[str, int]) -> int:
    """Lower the caps of waivers in force to what still fails; returns how many shrank. Rules not in `failing` stay."""
    table = table_of("waiver")
    shrunk = 0
    for waiver in waivers:
        left = failing.get(waiver.rule_id)
        if left is not None and left < waiver.cap_rows:
            connection.execute(sa.update(table).where(table.c.waiver_id == waiver.waiver_id).values(cap_rows=left))
            shrunk += 1
    return shrunk


def grant_waiver(
    connection: sa.Connection,
    division: str,
    rule_id: str,
    *,
    reason: str,
    granted_by: str,
    granted_at: datetime,
    expires_on: date,
    cap_rows: int,
) -> Waiver:
    """Record a waiver of a rule for a division.

    Raises:
        ConfigError: reason, owner, cap or end is missing or out of bounds.
        QualityError: the rule does not fail in the division's last run, or by fewer rows than the cap.
    """
    where = f"waiver of {rule_id} for division {division}"
    _check_terms(where, reason, granted_by, granted_at, expires_on, cap_rows)
    if not rule_id.startswith(GATE_PREFIX):
        _check_cap(where, cap_rows, _failing_rows(connection, division, rule_id))
    text = f"{division}|{rule_id}|{granted_by}|{granted_at.isoformat()}"
    waiver_id = hashlib.sha256(text.encode()).hexdigest()[:32]
    waiver = Waiver(waiver_id, division, rule_id, reason, granted_by, granted_at, expires_on, cap_rows)
    row = {"division_code": division, **{k: v for k, v in waiver.__dict__.items() if k != "division"}}
    connection.execute(sa.insert(table_of("waiver")).values(**row))
    _show_as_waived(connection, waiver)
    return waiver


def _show_as_waived(connection: sa.Connection, waiver: Waiver) -> None:
    """The last run's result says how many of its failing rows the waiver covers; its status stays."""
    result = table_of("dq_result")
    of_rule = sa.and_(result.c.division_code == waiver.division, result.c.rule_id == waiver.rule_id)
    last = sa.select(sa.func.max(result.c.run_id)).where(of_rule).scalar_subquery()
    waived = sa.func.least(result.c.failing_rows, waiver.cap_rows)
    connection.execute(sa.update(result).where(of_rule, result.c.run_id == last).values(waived_rows=waived))


def _check_cap(where: str, cap_rows: int, failing: int | None) -> None:
    if not failing:
        raise QualityError(where, "no failing rows in the last run", "a rule that fails", "Nothing needs waiving.")
    if cap_rows > failing:
        fix = f"Set a cap of {failing} or fewer."
        raise QualityError(where, f"a cap of {cap_rows} rows", f"at most the {failing} rows that fail now", fix)


def _check_terms(
    where: str, reason: str, granted_by: str, granted_at: datetime, expires_on: date, cap_rows: int
) -> None:
    if len(reason.strip()) < 10 or len(reason) > 400:
        raise ConfigError(where, "no usable reason", "10 to 400 characters without personal values", "State why.")
    if not granted_by.strip():
        raise ConfigError(where, "nobody who grants it", "a role or a person", "State who answers for it.")
    if cap_rows < 1:
        raise ConfigError(where, f"a cap of {cap_rows} rows", "1 or more", "State the most rows it may cover.")
    last = granted_at.date() + LONGEST
    if not granted_at.date() <= expires_on <= last:
        raise ConfigError(where, f"an end on {expires_on}", f"a day until {last}", "State an end within half a year.")


def _failing_rows(connection: sa.Connection, division: str, rule_id: str) -> int | None:
    if rule_id.startswith(GATE_PREFIX):
        return _breaking_rows(connection, division, rule_id.removeprefix(GATE_PREFIX))
    result = table_of("dq_result")
    query = (
        sa.select(result.c.failing_rows)
        .where(result.c.division_code == division, result.c.rule_id == rule_id)
        .order_by(result.c.run_id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def _breaking_rows(connection: sa.Connection, division: str, criterion_id: str) -> int | None:
    """Rows that break a criterion in the division's last run; at least 1 where it is amber without a count."""
    gate = table_of("gate")
    query = (
        sa.select(gate.c.verdict, gate.c.evidence["rows"].as_integer())
        .where(gate.c.division_code == division, gate.c.criterion_id == criterion_id)
        .order_by(gate.c.run_id.desc())
        .limit(1)
    )
    found = connection.execute(query).first()
    if found is None or found[0] == "GREEN":
        return None
    return max(1, int(found[1] or 0))
