"""`migrate gate` as a person reads it: what is not green first, waivers, what changed since the last run, exit code."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from invented_lake import Lake, bring_to_gate, letters, record_quality
from typer.testing import CliRunner

from migration import cli
from migration.commands import gate as command
from migration.cutover.changes import compare_criteria
from migration.quality.waivers import grant_waiver

DIVISION = letters(1)[0]
FIRST_RUN, SECOND_RUN = "20260901T080000Z", "20260902T080000Z"
RULE = "invented.warning.crime"


@pytest.fixture
def evaluate(lake: Lake, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch):
    """Function that runs `migrate gate` on the second of two runs, of which the first had four failing rows."""
    runs = {name: lake.make_run(DIVISION, ["ann"], run_id=name) for name in (FIRST_RUN, SECOND_RUN)}
    for name, failing in ((FIRST_RUN, 4), (SECOND_RUN, 3)):
        bring_to_gate(runs[name], engine, failing={RULE: failing})
    other = {"open_engine": lambda _: engine, "upgrade_schema": lambda _: None}
    for name, function in other.items():
        monkeypatch.setattr(f"migration.load.engine.{name}", function)
    monkeypatch.setattr(command, "read_run", lambda *_: runs[SECOND_RUN])
    monkeypatch.setattr(command, "record_timing", lambda *_: None)
    monkeypatch.setattr(command, "get_settings", SimpleNamespace)

    def run(*options: str) -> tuple[int, str]:
        done = CliRunner(env={"COLUMNS": "240"}).invoke(cli.build_app(), ["gate", DIVISION, *options])
        return done.exit_code, done.output

    return run


def grant(engine: sa.Engine, rule_id: str, cap: int) -> None:
    now = datetime.now(UTC)
    with engine.begin() as connection:
        grant_waiver(
            connection, DIVISION, rule_id, reason="Agreed with the records manager", granted_by="crime registrar",
            granted_at=now, expires_on=(now + timedelta(days=30)).date(), cap_rows=cap,
        )  # fmt: skip


def test_gate_that_does_not_permit_publishing_says_what_changes_it_first(evaluate) -> None:
    code, text = evaluate()
    assert code == 1
    order = ["Verdict: AMBER", "What is not green", "Waivers in force", "Changes since run", "What is green"]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)
    assert "what would make it green" in text and "3 now, at most 0" in text


def test_changes_since_the_last_run_are_printed_for_criteria_and_rules(evaluate) -> None:
    _, text = evaluate()
    lines = [line for line in text.splitlines() if "better" in line]
    assert [("warning_rules" in line, "FAIL 4" in line) for line in lines] == [(True, False), (False, True)]
    assert f"Changes since run {FIRST_RUN}" in text


def test_gate_under_a_waiver_exits_with_0_and_shows_whose_it_is(evaluate, engine: sa.Engine) -> None:
    grant(engine, RULE, 3)
    code, text = evaluate()
    assert code == 0
    assert "AMBER (waived)" in text and "crime registrar" in text and "3 rows" in text


def test_waiver_that_covers_less_than_what_fails_does_not_permit_publishing(evaluate, engine: sa.Engine) -> None:
    grant(engine, RULE, 2)
    assert evaluate()[0] == 1


def test_json_holds_criteria_waivers_and_changes(evaluate, engine: sa.Engine) -> None:
    grant(engine, RULE, 3)
    code, text = evaluate("--json")
    content = json.loads(text)
    assert (code, content["verdict"], content["previous_run"]) == (0, "AMBER", FIRST_RUN)
    assert content["waivers"][0]["cap_rows"] == 3
    assert [c["kind"] for c in content["rules_changed"]] == ["better"]


def test_first_run_has_nothing_to_compare_with(lake: Lake, engine: sa.Engine) -> None:
    from migration.cutover.changes import read_gate_changes

    context = lake.make_run(DIVISION, ["ann"])
    bring_to_gate(context, engine)
    with engine.connect() as connection:
        changes = read_gate_changes(connection, context, datetime.now(UTC).date())
    assert (changes.previous, changes.criteria, changes.rules) == ("", (), ())
    record_quality(context, engine)


def test_criteria_are_compared_by_verdict_then_rows() -> None:
    before = {"a": ("GREEN", 0), "b": ("AMBER", 5), "c": ("RED", 1), "gone": ("GREEN", None), "same": ("RED", 2)}
    after = {"a": ("RED", 2), "b": ("AMBER", 6), "c": ("GREEN", 0), "new": ("GREEN", None), "same": ("RED", 2)}
    found = [(c.kind, c.criterion_id) for c in compare_criteria(before, after)]
    assert found == [("worse", "a"), ("worse", "b"), ("new", "new"), ("gone", "gone"), ("better", "c")]
