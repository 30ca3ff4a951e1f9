"""Rules on staging tables: statuses, issues, Data Docs without values."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from migration.quality.stage import validate_division


@pytest.fixture
def run(make_run: Callable[..., Any], engine: sa.Engine) -> Any:
    return make_run().write().stage(engine)


def read_statuses(execute: Callable[..., Any]) -> dict[str, str]:
    return dict(execute("SELECT rule_id, status FROM control.dq_result"))


def test_clean_run_breaks_no_critical_rule(run: Any, engine: sa.Engine, execute: Callable[..., Any]) -> None:
    result = validate_division(run.context, engine)
    failing = [r for r, s in read_statuses(execute).items() if s in ("FAIL", "ERROR")]
    assert failing == []
    assert result.counts["pass"] > 200
