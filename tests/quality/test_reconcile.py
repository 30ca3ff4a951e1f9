"""Reconciliation of whole runs: clean ones close, damage is named with layer, table, column and keys."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from migration.errors import ReconciliationError
from migration.quality.stage import reconcile_division


@pytest.fixture
def run(make_run: Callable[..., Any], engine: sa.Engine) -> Any:
    return make_run().write().stage(engine)


def test_clean_run_closes_and_keeps_ledger(run: Any, engine: sa.Engine, execute: Callable[..., Any]) -> None:
    result = reconcile_division(run.context, engine)
    assert result.counts["breaks"] == 0
    assert result.counts["source_records"] == len(run.dispositions) == result.counts["loaded"]
    assert execute("SELECT count(*) FROM control.disposition") == [(len(run.dispositions),)]
    assert execute("SELECT count(*) FROM control.control_total WHERE layer = 'staging'")[0][0] > 200


def test_reconciling_twice_changes_nothing(run: Any, engine: sa.Engine, execute: Callable[..., Any]) -> None:
    totals = "SELECT layer, table_name, measure, column_name, value FROM control.control_total ORDER BY 1, 2, 3, 4"
    reconcile_division(run.context, engine)
    first = execute(totals)
    reconcile_division(run.context, engine)
    assert execute(totals) == first


def test_quarantined_records_keep_the_equation_closed(make_run: Callable[..., Any], engine: sa.Engine) -> None:
    run = make_run()
    run.quarantine("crime_marker", "10#1#CY")
    run.write().stage(engine)
    result = reconcile_division(run.context, engine)
    assert result.counts["quarantined"] == 1


def test_damage_in_staging_is_named_without_values(run: Any, engine: sa.Engine, execute: Callable[..., Any]) -> None:
    letter = run.context.division.lower()
    execute(f"UPDATE staging.\"nominal_{letter}\" SET surname = 'Other' WHERE source_key = 'N00005-1'")
    execute(f"DELETE FROM staging.\"crime_{letter}\" WHERE source_key = '7#1'")
    with pytest.raises(ReconciliationError) as caught:
        reconcile_division(run.context, engine)
    named = ("column surname", "N00005-1", "nominal_records_manager", "rows of crime", "7#1", "mapped = staging")
    assert [word for word in named if word not in caught.value.found] == []
    assert "Other" not in str(caught.value)
    kept = execute("SELECT value FROM control.control_total WHERE layer = 'break' AND column_name = 'surname'")
    assert kept == [("fingerprint; nominal records manager; N00005-1",)]


def test_lost_source_row_is_a_break(make_run: Callable[..., Any], engine: sa.Engine) -> None:
    run = make_run()
    run.raw_extra["t_crime"] = 1
    run.write().stage(engine)
    with pytest.raises(ReconciliationError, match="source = raw"):
        reconcile_division(run.context, engine)
