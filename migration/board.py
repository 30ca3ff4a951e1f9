"""All divisions at a glance: last run, computed verdict, sign-offs, what is national now.

Enters: settings and the national database. Leaves: one `DivisionStatus` per division of the code list. Must hold: the
verdict is the worst of the gate's criteria; a run whose gate was not evaluated has none, and none is never green.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from migration.mapping.load import list_divisions
from migration.records import Stage
from migration.runs import RunRecord, list_runs, read_timings
from migration.schema.model import load_schema
from migration.schema.sql import table_of
from migration.settings import Settings

WORST_FIRST = ("RED", "AMBER", "GREEN")


@dataclass(frozen=True)
class DivisionStatus:
    """One division. `verdict` is None before the gate; `published_run` is None where nothing of it is national."""

    division: str
    name: str
    has_pack: bool
    runs: int
    last_run: RunRecord | None
    last_stage: str
    verdict: str | None
    signed_by: tuple[str, ...]
    published_run: str | None


def read_board(settings: Settings, engine: sa.Engine) -> list[DivisionStatus]:
    """Status of every division in use, in letter order."""
    codes = [c for c in load_schema().codes["division"] if c.valid_to is None]
    verdicts = _verdicts(engine)
    signed = _sign_offs(engine)
    published = _published(engine)
    return [_status(settings, code.code, code.label, verdicts, signed, published) for code in codes]


def worst_verdict(verdicts: Sequence[str]) -> str | None:
    """The worst of several criteria's verdicts; None where there is none."""
    return next((v for v in WORST_FIRST if v in verdicts), None)


def _status(
    settings: Settings,
    division: str,
    name: str,
    verdicts: dict[tuple[str, str], list[str]],
    signed: dict[tuple[str, str], list[str]],
    published: dict[str, str],
) -> DivisionStatus:
    runs = list_runs(settings, division)
    last = runs[-1] if runs else None
    key = (division, last.run_id if last else "")
    timings = read_timings(last.context(settings)) if last else {}
    finished = [stage.value for stage in Stage if stage.value in timings]
    return DivisionStatus(
        division=division,
        name=name,
        has_pack=division in list_divisions(settings),
        runs=len(runs),
        last_run=last,
        last_stage=finished[-1] if finished else "",
        verdict=worst_verdict(verdicts.get(key, [])),
        signed_by=tuple(signed.get(key, [])),
        published_run=published.get(division),
    )


def _verdicts(engine: sa.Engine) -> dict[tuple[str, str], list[str]]:
    gate = table_of("gate")
    found: dict[tuple[str, str], list[str]] = {}
    with engine.connect() as connection:
        for row in connection.execute(sa.select(gate.c.division_code, gate.c.run_id, gate.c.verdict)):
            found.setdefault((row.division_code, row.run_id), []).append(row.verdict)
    return found


def _sign_offs(engine: sa.Engine) -> dict[tuple[str, str], list[str]]:
    table = table_of("sign_off")
    query = sa.select(table.c.division_code, table.c.run_id, table.c.role, table.c.decision).order_by(
        table.c.decided_at_utc, table.c.sign_off_id
    )
    found: dict[tuple[str, str], list[str]] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            found.setdefault((row.division_code, row.run_id), []).append(f"{row.role}: {row.decision}")
    return found


def _published(engine: sa.Engine) -> dict[str, str]:
    from migration.load.publications import published_runs

    return {run.division: run.run_id for run in published_runs(engine)}
