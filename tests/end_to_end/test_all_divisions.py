"""Every division from its legacy system to the gate, in one database: green, or explained by what was planted."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
import yaml
from conftest import make_settings
from journey import build_inputs, run_to_gate, start

from migration.dedupe.judgements import empty_judgements
from migration.dedupe.stage import link_nominals
from migration.layers import layer_folder
from migration.load.engine import open_engine
from migration.mapping.load import list_divisions, load_pack
from migration.records import Layer, Phase, PublishedRun, RunContext, Stage
from migration.settings import PROJECT_ROOT, Settings
from migration.synthetic.families import list_families

pytestmark = [pytest.mark.wide, pytest.mark.xdist_group("all_divisions")]

EXPLAINED = yaml.safe_load((Path(__file__).parent / "explained.yml").read_text(encoding="utf-8"))
SCALE, SEED = 0.0001, 7
FOLLOWS = ("PARENT_QUARANTINED", "ORPHAN", "SAME_ROW")
"""Reasons of records that hang on a planted one."""
PLANTED_CODES = {"unknown_status", "unknown_crime_code"}
DIVISIONS = list_divisions(Settings(mappings=PROJECT_ROOT / "mappings"))


@dataclass
class Walked:
    """All divisions at their gates."""

    engine: sa.Engine
    contexts: dict[str, RunContext]

    def rows(self, query: str, division: str) -> list[tuple]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), {"division": division})]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, create_national_database: Callable[[], str]) -> Iterator[Walked]:
    """Each division's run, one after the other, against one national database."""
    settings = make_settings(tmp_path_factory.mktemp("all"), database_url=create_national_database())
    build_inputs(settings, list(list_families()), SCALE, SEED)
    contexts = {}
    for number, letter in enumerate(DIVISIONS, start=1):
        contexts[letter] = start(settings, letter, f"202601{number:02d}T000000Z", Phase.REHEARSAL)
        run_to_gate(contexts[letter])
    engine = open_engine(settings)
    yield Walked(engine, contexts)
    engine.dispose()


def planted(context: RunContext) -> dict[str, int]:
    """Records of each planted kind in a division."""
    family = load_pack(context.settings, context.division).family
    path = context.settings.estates / family / "truth" / "dirt.parquet"
    query = f"SELECT kind, count(*) FROM '{path}' WHERE division_code = ? GROUP BY 1"
    return dict(duckdb.execute(query, [context.division]).fetchall())


def why_not(rule: str, rows: int, kinds: dict[str, int]) -> str:
    """What is missing in the explanation of a failing rule; empty where nothing is."""
    reason = EXPLAINED["rules"].get(rule)
    if reason is None:
        return f"{rule}: {rows} rows, unexplained"
    if "never_held" in reason:
        return ""
    if "few" in reason:
        return "" if rows <= reason["rows"] else f"{rule}: {rows} rows, more than a few"
    count = sum(kinds.get(kind, 0) for kind in reason["planted"])
    return "" if 0 < rows <= count * reason.get("each", 1) else f"{rule}: {rows} rows, {count} planted"


def test_every_division_has_a_pack_and_a_legacy_system_of_its_family():
    assert len(DIVISIONS) == 13
    settings = Settings(mappings=PROJECT_ROOT / "mappings")
    assert {load_pack(settings, letter).family for letter in DIVISIONS} == set(list_families())
    assert len(list_families()) == 8


@pytest.mark.parametrize("division", DIVISIONS)
def test_gate_is_green_or_every_reason_is_planted(walked, division):
    verdicts = walked.rows(
        "SELECT criterion_id, verdict, evidence ->> 'error' FROM control.gate WHERE division_code = :division", division
    )
    assert len(verdicts) > 10
    open_points = [(name, error) for name, verdict, error in verdicts if verdict != "GREEN"]
    assert [p for p in open_points if p[0] not in EXPLAINED["criteria"] or p[1]] == []
    failing = walked.rows(
        "SELECT rule_id, coalesce(failing_rows, 0) FROM control.dq_result "
        "WHERE division_code = :division AND status IN ('FAIL', 'ERROR') ORDER BY 1",
        division,
    )
    kinds = planted(walked.contexts[division])
    assert [found for rule, rows in failing if (found := why_not(rule, int(rows), kinds))] == [], json.dumps(kinds)


@pytest.mark.parametrize("division", DIVISIONS)
def test_records_not_loaded_and_codes_not_resolved_are_the_planted_ones(walked, division):
    context = walked.contexts[division]
    dispositions = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
    truth = context.settings.estates / load_pack(context.settings, division).family / "truth" / "dirt.parquet"
    unplanted = duckdb.sql(
        f"""SELECT d.entity, d.outcome, d.reason_code, count(*)
            FROM '{dispositions}' d
            ANTI JOIN (FROM '{truth}' WHERE expected_outcome <> 'LOADED') t USING (source_table, source_key, entity)
            WHERE d.outcome IN ('QUARANTINED', 'DUPLICATE_OF') AND d.reason_code NOT IN {FOLLOWS} GROUP BY ALL"""
    ).fetchall()
    differing = duckdb.sql(
        f"""SELECT t.kind, t.entity, t.expected_outcome, d.outcome
            FROM '{truth}' t LEFT JOIN '{dispositions}' d USING (source_table, source_key, entity)
            WHERE t.division_code = '{division}' AND t.expected_outcome IS DISTINCT FROM d.outcome"""
    ).fetchall()
    assert (unplanted, differing) == ([], [])
    codes = layer_folder(context, Layer.REJECTED) / "codes.parquet"
    unresolved = duckdb.sql(f"SELECT count(*) FROM '{codes}' WHERE status IN ('UNRESOLVED', 'PROPOSED')").fetchone()
    assert unresolved == (len(PLANTED_CODES & set(planted(context))),)


@pytest.mark.parametrize(("name", "entity"), [("nominal_person", "nominal"), ("location_uprn", "location")])
@pytest.mark.parametrize("division", DIVISIONS)
def test_truth_and_pipeline_name_records_by_the_same_keys(walked, division, name, entity):
    context = walked.contexts[division]
    dispositions = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
    truth = context.settings.estates / load_pack(context.settings, division).family / "truth" / f"{name}.parquet"
    missing, unknown = duckdb.sql(
        f"""SELECT count(*) FILTER (d.source_key IS NULL), count(*) FILTER (t.source_key IS NULL AND outcome = 'LOADED')
            FROM (FROM '{truth}' WHERE division_code = '{division}') t
            FULL JOIN (FROM '{dispositions}' WHERE entity = '{entity}') d USING (source_table, source_key)"""
    ).fetchone()
    assert (missing, unknown) == (0, 0)


@pytest.mark.parametrize("division", DIVISIONS)
def test_reports_due_for_review_are_the_planted_ones(walked, division):
    context = walked.contexts[division]
    truth = context.settings.estates / load_pack(context.settings, division).family / "truth" / "dirt.parquet"
    reports = layer_folder(context, Layer.MAPPED) / "crime_report.parquet"
    due = duckdb.sql(f"SELECT source_key FROM '{reports}' WHERE retention_class = 'DUE' ORDER BY 1").fetchall()
    expected = duckdb.sql(
        f"""SELECT source_key FROM '{truth}' JOIN '{reports}' r USING (source_table, source_key)
            WHERE kind = 'due_for_weeding' AND r.division_code = '{division}' ORDER BY 1"""
    ).fetchall()
    assert due == expected


def test_people_recorded_in_several_divisions_get_one_golden_nominal(walked):
    last = walked.contexts[DIVISIONS[-1]]
    others = [PublishedRun(letter, walked.contexts[letter].run_id) for letter in DIVISIONS[:-1]]
    again = start(last.settings, last.division, "20260201T000000Z", Phase.REHEARSAL)
    run_to_gate(again, until=Stage.GEOCODE)
    link_nominals(again, others, empty_judgements())
    links = layer_folder(again, Layer.LINKED) / "national_link.parquet"
    (crossing,) = duckdb.sql(
        f"SELECT count(*) FROM (SELECT golden_id FROM '{links}' GROUP BY 1 HAVING count(DISTINCT division_code) > 1)"
    ).fetchone()
    assert crossing >= 1
