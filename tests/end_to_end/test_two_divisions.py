"""Two divisions from their legacy systems to national records and back, on real components."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
import yaml
from conftest import make_settings
from journey import (
    accept_failing_rules,
    build_inputs,
    content_hashes,
    run_to_gate,
    sign_and_publish,
    start,
    with_threads,
)

from migration.layers import find_entity, layer_folder, read_manifest
from migration.load.content import national_content_hash
from migration.load.engine import open_engine
from migration.load.publications import published_runs
from migration.load.rollback import roll_back_division
from migration.mapping.load import load_pack
from migration.mapping.model import TableRole
from migration.records import Layer, PublishedRun, RunContext, Stage, StageStatus
from migration.settings import Settings
from migration.trace import trace_key

DIVISIONS = yaml.safe_load((Path(__file__).parent / "divisions.yml").read_text())
pytestmark = pytest.mark.xdist_group("two_divisions")


@dataclass
class Road:
    """Two divisions on their way, and the national content hash after each step of it."""

    settings: Settings
    engine: sa.Engine
    first: RunContext
    second: RunContext
    hashes: dict[str, str]


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory, create_national_database: Callable[[], str]) -> Iterator[Road]:
    """Both divisions published, one after the other."""
    settings = make_settings(tmp_path_factory.mktemp("road"), database_url=create_national_database())
    letters = [DIVISIONS["first"], DIVISIONS["second"]]
    build_inputs(settings, sorted({load_pack(settings, letter).family for letter in letters}))
    engine = open_engine(settings)
    first, second = (start(settings, letter, f"2026010{n}T000000Z") for n, letter in enumerate(letters, start=1))
    walked = Road(settings, engine, first, second, {"empty": national_content_hash(engine)})
    for name, context in (("first", first), ("both", second)):
        run_to_gate(context)
        accept_failing_rules(engine, context)
        sign_and_publish(engine, context)
        walked.hashes[name] = national_content_hash(engine)
    yield walked
    engine.dispose()


def national_count(engine: sa.Engine, entity: str, division: str) -> int:
    with engine.connect() as connection:
        query = sa.text(f"SELECT count(*) FROM national.{entity} WHERE division_code = :division")
        return int(connection.scalar(query, {"division": division}) or 0)


def test_published_divisions_hold_every_loaded_record(road):
    for context in (road.first, road.second):
        path = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
        loaded = duckdb.sql(
            f"SELECT entity, count(DISTINCT target_id) FROM read_parquet('{path}') WHERE outcome = 'LOADED' GROUP BY 1"
        ).fetchall()
        assert loaded
        for entity, count in loaded:
            assert national_count(road.engine, entity, context.division) == count, entity


def test_every_row_of_every_legacy_table_has_one_disposition(road):
    for context in (road.first, road.second):
        rows = {t.name: t.rows for t in read_manifest(context, Layer.RAW).tables}
        path = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
        pack = load_pack(road.settings, context.division)
        tables = [(s.name, t) for s in pack.systems for t in s.tables if t.role is TableRole.RECORD]
        assert tables
        for system, table in tables:
            count, keys = duckdb.execute(
                f"SELECT count(*), count(DISTINCT source_key) FROM read_parquet('{path}') "
                "WHERE source_system = ? AND source_table = ? AND entity = ? AND source_key NOT LIKE 'line %'",
                [system, table.name, table.primary],
            ).fetchone()
            assert count == rows[f"{system}/{table.name}"], table.name
            assert keys == count, table.name


def test_run_when_repeated_gives_the_same_content_hashes_whatever_the_threads(road):
    again = with_threads(start(road.settings, road.first.division, "20260103T000000Z"), 1)
    run_to_gate(again, until=Stage.GEOCODE)
    before, after = content_hashes(road.first), content_hashes(again)
    assert {name.partition("/")[0] for name in after} == {"raw", "mapped", "rejected", "located"}
    assert {name: before[name] for name in after} == after


def test_run_when_nothing_changed_skips_every_layer(road):
    results = run_to_gate(road.first, until=Stage.GEOCODE)
    assert {r.stage: r.status for r in results} == {
        Stage.EXTRACT: StageStatus.SKIPPED,
        Stage.MAP: StageStatus.SKIPPED,
        Stage.GEOCODE: StageStatus.SKIPPED,
    }


def test_record_when_traced_is_followed_from_its_table_to_its_disposition(road):
    path = layer_folder(road.first, Layer.MAPPED) / "disposition.parquet"
    key, target = duckdb.sql(
        f"SELECT source_key, target_id FROM read_parquet('{path}') "
        "WHERE entity = 'crime_report' AND outcome = 'LOADED' ORDER BY 1 LIMIT 1"
    ).fetchone()
    traces = [t for t in trace_key(road.first, key) if t.entity == "crime_report"]
    assert [(t.outcome, t.target_id) for t in traces] == [("LOADED", target)]
    assert [s.layer for s in traces[0].steps][:2] == ["raw", "mapped"]
    assert trace_key(road.first, target) == [t for t in trace_key(road.first, target) if t.target_id == target]
    assert trace_key(road.first, "no such key") == []


def test_quarantined_record_when_traced_names_field_and_rule(road):
    path = layer_folder(road.first, Layer.REJECTED) / "rejects.parquet"
    key, entity, field = duckdb.sql(
        f"SELECT source_key, entity, field FROM read_parquet('{path}') WHERE field <> '' ORDER BY ALL LIMIT 1"
    ).fetchone()
    steps = [s for t in trace_key(road.first, key) if t.entity == entity for s in t.steps if s.layer == "rejected"]
    assert any(f"field {field}:" in s.what for s in steps)


def test_located_reports_carry_the_beat_of_their_locus(road):
    reports = find_entity(road.first, "crime_report")
    matches = layer_folder(road.first, Layer.LOCATED) / "location_match.parquet"
    beats, wrong = duckdb.sql(
        f"SELECT count(r.beat_code), count(*) FILTER (r.beat_code IS DISTINCT FROM m.beat_code) "
        f"FROM read_parquet('{reports}') r JOIN read_parquet('{matches}') m ON m.location_id = r.locus_location_id"
    ).fetchone()
    assert beats > 0
    assert wrong == 0


def test_code_decisions_stand_in_the_database_with_the_records_that_used_them(road):
    for context in (road.first, road.second):
        pack = load_pack(road.settings, context.division)
        decisions = sum(len(c.decisions) for c in pack.crosswalks.values())
        path = layer_folder(context, Layer.REJECTED) / "codes.parquet"
        decided = "status IN ('AGREED', 'PROPOSED', 'REJECTED')"
        uses = duckdb.sql(f"SELECT sum(uses)::BIGINT FROM read_parquet('{path}') WHERE {decided}").fetchone()[0]
        with road.engine.connect() as connection:
            query = sa.text("SELECT count(*), sum(uses) FROM reference.cv_crosswalk WHERE division_code = :division")
            assert connection.execute(query, {"division": context.division}).one() == (decisions, uses)
        assert uses > decisions


def test_divisions_when_rolled_back_leave_the_national_database_as_before(road):
    roll_back_division(road.settings, road.engine, road.second.division, "Invented Lead", "test of the rollback")
    assert national_content_hash(road.engine) == road.hashes["first"]
    assert published_runs(road.engine) == [PublishedRun(road.first.division, road.first.run_id)]
    roll_back_division(road.settings, road.engine, road.first.division, "Invented Lead", "test of the rollback")
    assert national_content_hash(road.engine) == road.hashes["empty"]
    assert published_runs(road.engine) == []
    assert len(set(road.hashes.values())) == 3
