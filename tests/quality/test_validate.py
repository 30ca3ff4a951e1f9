"""Rules on staging tables: statuses, issues over several runs, waivers, exports."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from migration.errors import ConfigError, QualityError
from migration.quality.catalogue import Catalogue, load_catalogue
from migration.quality.issue_export import COLUMNS, IssueFilter, summarise_issues, write_issues
from migration.quality.stage import validate_division
from migration.quality.trends import read_changes, read_trend
from migration.quality.waivers import grant_waiver, read_waivers

RULE = "schema.crime.crime_code.codes"
RUNS = ("20260901T080000Z", "20260902T080000Z", "20260903T080000Z")


@pytest.fixture
def few_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only rules on crimes, so that several runs stay quick."""

    def load(*arguments: Any) -> Catalogue:
        whole = load_catalogue(*arguments)
        kept = [i for i in whole.sql if i.rule.entity == "crime" and not i.rule.rule_id.endswith((".type", ".length"))]
        return Catalogue(whole.division, tuple(i.rule for i in kept), tuple(kept))

    monkeypatch.setattr("migration.quality.stage.load_catalogue", load)


def validate(make_run: Callable[..., Any], engine: sa.Engine, run_id: str, bad: int) -> Any:
    run = make_run(run_id)
    for row in run.rows["crime"][:bad]:
        row["crime_code"] = "99999"
    validate_division(run.write().stage(engine).context, engine)
    return run


def read_issues(execute: Callable[..., Any]) -> dict[str, str]:
    return dict(execute(f"SELECT source_key, state FROM control.dq_issue WHERE rule_id = '{RULE}'"))


def test_issues_open_close_and_open_again_under_one_key(
    make_run: Callable[..., Any], engine: sa.Engine, execute: Callable[..., Any], few_rules: None
) -> None:
    validate(make_run, engine, RUNS[0], 2)
    keys = execute("SELECT issue_key, source_key, record_year, source_table FROM control.dq_issue ORDER BY 1")
    assert read_issues(execute) == {"1#1": "OPEN", "1#2": "OPEN"}
    assert {(k[2], k[3]) for k in keys} == {(2019, "t_crime")}
    validate(make_run, engine, RUNS[1], 0)
    assert read_issues(execute) == {"1#1": "FIXED", "1#2": "FIXED"}
    run = validate(make_run, engine, RUNS[2], 1)
    assert read_issues(execute) == {"1#1": "REOPENED", "1#2": "FIXED"}
    again = execute("SELECT issue_key, source_key, record_year, source_table FROM control.dq_issue ORDER BY 1")
    assert again == keys
    validate_division(run.context, engine)
    assert read_issues(execute) == {"1#1": "REOPENED", "1#2": "FIXED"}
    with engine.connect() as connection:
        changes, previous = read_changes(connection, run.context)
        trend = read_trend(connection, run.context)
    assert previous == RUNS[1]
    assert [c.kind for c in changes if c.rule_id == RULE] == ["worse"]
    assert [p.failing_rows > 0 for p in trend] == [True, False, True]


def test_waiver_covers_up_to_its_cap_and_shrinks(
    make_run: Callable[..., Any], engine: sa.Engine, execute: Callable[..., Any], few_rules: None
) -> None:
    run = validate(make_run, engine, RUNS[0], 4)
    terms = {
        "reason": "Codes under review by the registrar", "granted_by": "crime_registrar",
        "granted_at": datetime(2026, 9, 1, 9, tzinfo=UTC), "expires_on": date(2026, 12, 1),
    }  # fmt: skip
    letter = run.context.division
    with engine.begin() as connection:
        with pytest.raises(QualityError, match="at most the 4"):
            grant_waiver(connection, letter, RULE, **terms, cap_rows=5)
        with pytest.raises(ConfigError, match="an end on"):
            grant_waiver(connection, letter, RULE, **{**terms, "expires_on": date(2027, 9, 1)}, cap_rows=3)
        grant_waiver(connection, letter, RULE, **terms, cap_rows=3)
    validate(make_run, engine, RUNS[1], 4)
    result = f"SELECT status, failing_rows, waived_rows FROM control.dq_result WHERE rule_id = '{RULE}' AND run_id = "
    assert execute(f"{result} '{RUNS[1]}'") == [("FAIL", 4, 3)]
    assert sorted(read_issues(execute).values()) == ["OPEN", "WAIVED", "WAIVED", "WAIVED"]
    validate(make_run, engine, RUNS[2], 2)
    assert execute(f"{result} '{RUNS[2]}'") == [("FAIL", 2, 2)]
    with engine.connect() as connection:
        assert read_waivers(connection, letter)[0].cap_rows == 2
        assert read_waivers(connection, letter, date(2027, 1, 1)) == ()


def test_rule_that_cannot_run_is_an_error_and_the_others_run(
    make_run: Callable[..., Any], engine: sa.Engine, execute: Callable[..., Any], few_rules: None
) -> None:
    run = make_run().write().stage(engine)
    execute(f'ALTER TABLE staging."crime_{run.context.division.lower()}" DROP COLUMN procedural_ref')
    result = validate_division(run.context, engine)
    errors = execute("SELECT rule_id, detail FROM control.dq_result WHERE status = 'ERROR'")
    assert errors == [("crime.procedural_reference_form", "UndefinedColumn (SQLSTATE 42703)")]
    assert result.counts["pass"] > 10
    execute(f'DROP TABLE staging."crime_{run.context.division.lower()}"')
    result = validate_division(run.context, engine)
    assert result.counts["pass"] == 0
    assert result.counts["error"] > 20


def test_rule_that_fails_on_the_data_is_an_error_without_its_message(
    make_run: Callable[..., Any], engine: sa.Engine, execute: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    def load(*arguments: Any) -> Catalogue:
        whole = load_catalogue(*arguments)
        kept = [i for i in whole.sql if i.rule.rule_id in (RULE, "crime.raw_code_kept")]
        broken = [replace(i, fails="crime_raw::int > 0") if i.rule.rule_id != RULE else i for i in kept]
        return Catalogue(whole.division, tuple(i.rule for i in broken), tuple(broken))

    monkeypatch.setattr("migration.quality.stage.load_catalogue", load)
    run = make_run().write().stage(engine)
    validate_division(run.context, engine)
    found = execute("SELECT rule_id, status, detail FROM control.dq_result ORDER BY 1")
    assert found == [
        ("crime.raw_code_kept", "ERROR", "the database could not run it on the data"),
        (RULE, "PASS", None),
    ]
    pages = (run.context.report_folder / "data_docs").rglob("*.html")
    assert not any("L01000" in p.read_text(encoding="utf-8") for p in pages)


def test_issues_are_exported_by_legacy_key_with_words_and_no_values(
    make_run: Callable[..., Any], engine: sa.Engine, tmp_path: Path, few_rules: None
) -> None:
    run = validate(make_run, engine, RUNS[0], 3)
    letter = run.context.division
    with engine.connect() as connection:
        count = write_issues(connection, letter, IssueFilter(rule_id=RULE), "OFFICIAL-SENSITIVE", tmp_path / "i.csv")
        none = write_issues(connection, letter, IssueFilter(year=1999), "OFFICIAL-SENSITIVE", tmp_path / "n.csv")
        summary = summarise_issues(connection, letter)
    rows = list(csv.DictReader((tmp_path / "i.csv").open(encoding="utf-8-sig")))
    assert (count, none) == (3, 0)
    assert tuple(rows[0]) == COLUMNS
    assert {r["legacy_key"] for r in rows} == {"1#1", "1#2", "2#1"}
    assert all(r["what_must_hold"] and r["why_it_matters"] and r["usual_fix"] for r in rows)
    assert "99999" not in (tmp_path / "i.csv").read_text(encoding="utf-8-sig")
    assert ("crime_registrar", RULE, "2019", "OPEN", 3) in summary
