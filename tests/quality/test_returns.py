"""From the legacy count to recorded crime: every difference has its reason, and what has none is a break."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from migration.duck import open_session
from migration.errors import ReconciliationError
from migration.mapping.expressions import Column, Parse
from migration.mapping.model import Join
from migration.quality.reconcile import reconcile_run
from migration.quality.returns import SOURCE, Statement, compare_return, explain_return
from migration.quality.stage import reconcile_division
from migration.quality.statistics import RECORDED


def explain(run: Any) -> Statement:
    from migration.quality import reconcile

    with open_session(run.context.settings) as session:
        return explain_return(run.context, session, reconcile.load_pack(run.context.settings, run.context.division))


def total(statement: Statement) -> dict[str, int]:
    lines = statement.lines().values()
    return {name: sum(line.get(name, 0) for line in lines) for name in sorted({n for line in lines for n in line})}


@pytest.fixture
def run(make_run: Callable[..., Any]) -> Any:
    made = make_run()
    for key, outcome in (("3#1", "WEEDED"), ("4#1", "OUT_OF_SCOPE"), ("6#1", "QUARANTINED")):
        made.quarantine("crime", key)
        next(d for d in made.dispositions if (d["entity"], d["source_key"]) == ("crime", key))["outcome"] = outcome
    for row in made.rows["crime"][:2]:
        row["disposal_code"] = "NO_CRIME"
    return made.write()


def test_every_legacy_crime_is_in_one_line(run: Any) -> None:
    found = total(explain(run))
    crimes = len(run.raw_rows["crime"])
    fates = {"WEEDED": 1, "OUT_OF_SCOPE": 1, "QUARANTINED": 1, "NO_CRIME": 2}
    assert found == {SOURCE: crimes, **fates, RECORDED: crimes - sum(fates.values())}


def test_recorded_crime_that_the_statement_leaves_is_what_staging_counts(run: Any, engine: sa.Engine) -> None:
    run.stage(engine)
    found = reconcile_run(run.context, engine)
    assert [b for b in found.breaks if b.check == "explained return"] == []
    assert sum(found.statement.recorded().values()) > 50
    assert found.statement.recoded()["L19004 > 19004"] > 10


def test_crime_that_nothing_explains_is_a_break(run: Any, engine: sa.Engine, execute: Callable[..., Any]) -> None:
    run.stage(engine)
    execute(f"DELETE FROM staging.\"crime_{run.context.division.lower()}\" WHERE source_key = '7#1'")
    found = reconcile_run(run.context, engine)
    assert [b.keys for b in found.breaks if b.check == "explained return"] == [("2019-20 06000",)]


def test_statement_is_kept_with_the_control_totals(run: Any, engine: sa.Engine, execute: Callable[..., Any]) -> None:
    run.stage(engine)
    with pytest.raises(ReconciliationError, match="code of the crosswalk"):
        reconcile_division(run.context, engine)  # the No Crimes are not what was recorded; the totals are kept
    kept = execute(
        "SELECT column_name, sum(value::int) FROM control.control_total "
        "WHERE table_name = 'recorded crime' AND measure <> 'recoded' GROUP BY 1 ORDER BY 1"
    )
    assert dict(kept)["WEEDED"] == 1 and dict(kept)[SOURCE] == len(run.raw_rows["crime"])


def test_year_of_the_legacy_date_is_read_through_the_report(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from migration.quality import reconcile

    pack = reconcile.load_pack(run.context.settings, run.context.division)
    system = pack.systems[0].name
    join = Join("report", system, "t_crime_report", (("_source_row", Column("_source_row")),))
    as_of = Parse(Column("recorded_at_local", "report"), "timestamp", {})
    records = tuple(replace(r, joins=(join,), as_of=as_of) if r.entity == "crime" else r for r in pack.records)
    monkeypatch.setattr(reconcile, "load_pack", lambda *_: replace(pack, records=records))
    fates = [f for f in explain(run).fates if f.outcome != "LOADED"]
    assert sorted((f.outcome, f.legacy_year != "?") for f in fates) == [
        ("OUT_OF_SCOPE", True), ("QUARANTINED", True), ("WEEDED", True),
    ]  # fmt: skip


def test_statement_that_does_not_cover_every_crime_judges_nothing() -> None:
    assert compare_return(Statement((), is_whole=False), {}) == []
