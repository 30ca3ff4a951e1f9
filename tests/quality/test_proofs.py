"""Rules that the server has proved are not counted again; without the constraint they are."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from migration.quality.catalogue import load_catalogue
from migration.quality.proofs import NONE_FAILS, NOTHING, read_proofs, spare_proved
from migration.quality.rules import RuleStatus
from migration.quality.stage import validate_division


@pytest.fixture
def run(make_run: Callable[..., Any], engine: sa.Engine) -> Any:
    return make_run().write().stage(engine)


def spared(run: Any, engine: sa.Engine) -> set[str]:
    context = run.context
    catalogue = load_catalogue(context.settings, context.division, context.run_id)
    after = spare_proved(catalogue.sql, read_proofs(engine, context.division))
    pairs = zip(catalogue.sql, after, strict=True)
    return {a.rule.rule_id for b, a in pairs if b != a and (a.fails == NOTHING or a.number_sql == NONE_FAILS)}


def test_constraints_of_a_clean_table_prove_required_lengths_and_keys(run: Any, engine: sa.Engine) -> None:
    proved = spared(run, engine)
    expected = ("crime.crime_code.required", "crime.crime_code.length", "crime.key", "crime_report.unique_1")
    assert {f"schema.{name}" for name in expected} <= proved
    assert {rule.rpartition(".")[2].partition("_")[0] for rule in proved} == {"required", "length", "key", "unique"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ('ALTER TABLE {} ALTER COLUMN "crime_code" DROP NOT NULL', "schema.crime.crime_code.required"),
        ('ALTER TABLE {} DROP CONSTRAINT "crime_lengths"', "schema.crime.crime_code.length"),
        ('ALTER TABLE {} DROP CONSTRAINT "{}_key"', "schema.crime.key"),
    ],
)
def test_without_its_constraint_a_rule_is_counted(
    run: Any, engine: sa.Engine, execute: Callable[..., Any], change: str, rule: str
) -> None:
    name = f"crime_{run.context.division.lower()}"
    execute(change.format(f'staging."{name}"', name))
    assert rule not in spared(run, engine)


def test_row_that_breaks_what_has_no_constraint_fails_its_rule(
    make_run: Callable[..., Any], engine: sa.Engine, execute: Callable[..., Any]
) -> None:
    run = make_run()
    run.rows["location"][0]["town"] = "x" * 200
    run.write().stage(engine)
    validate_division(run.context, engine)
    failing = execute(
        "SELECT rule_id, tested_rows, failing_rows FROM control.dq_result "
        f"WHERE rule_id LIKE 'schema.location.%.length' AND status = '{RuleStatus.FAIL.value}'"
    )
    assert failing == [("schema.location.town.length", len(run.rows["location"]), 1)]
    passed = execute("SELECT tested_rows, status FROM control.dq_result WHERE rule_id = 'schema.crime.key'")
    assert passed == [(len(run.rows["crime"]), "PASS")]
