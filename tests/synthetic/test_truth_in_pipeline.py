"""What is planted in an estate ends in the pipeline as its truth says, for every division that has a pack."""

from pathlib import Path

import duckdb
import pytest

from migration.extract.stage import extract_division
from migration.mapping.stage import map_division
from migration.records import RunContext
from migration.settings import PROJECT_ROOT, Settings
from migration.synthetic.build import build_estate
from migration.synthetic.families import load_volumes

pytestmark = pytest.mark.wide

SCALE, ENTRIES = 0.0004, 12_000
FAMILY = {v.division: v.family for v in load_volumes()}
PACKS = sorted(p.name for p in (PROJECT_ROOT / "mappings" / "divisions").iterdir() if p.is_dir())
DIVISIONS = sorted({FAMILY[letter]: letter for letter in PACKS}.values())
"""One division of each family that has a pack."""
FOLLOWS = ("PARENT_QUARANTINED", "ORPHAN", "SAME_ROW")
"""Reasons of records that hang on a planted one."""


@pytest.fixture(scope="module", params=DIVISIONS)
def mapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Disposition file of a division's run, its truth folder and its letter."""
    division = str(request.param)
    settings = Settings(home=tmp_path_factory.mktemp(f"pipeline_{division}"))
    build_estate(settings, [FAMILY[division]], SCALE, 4, gazetteer_entries=ENTRIES)
    context = RunContext(settings, division, "20260101T000000Z")
    extract_division(context)
    map_division(context)
    return context.folder / "mapped" / "disposition.parquet", settings.estates / FAMILY[division] / "truth", division


def test_planted_faults_end_as_the_truth_expects(mapped: tuple[Path, Path, str]) -> None:
    dispositions, truth, division = mapped
    differing = duckdb.sql(
        f"""SELECT t.kind, t.entity, t.expected_outcome, d.outcome, count(*)
            FROM '{truth}/dirt.parquet' t
            LEFT JOIN '{dispositions}' d USING (source_table, source_key, entity)
            WHERE t.division_code = '{division}' AND t.expected_outcome IS DISTINCT FROM d.outcome
            GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    assert differing == []


def test_nothing_is_stopped_but_what_was_planted_and_what_hangs_on_it(mapped: tuple[Path, Path, str]) -> None:
    dispositions, truth, _ = mapped
    unexplained = duckdb.sql(
        f"""SELECT d.entity, d.outcome, d.reason_code, count(*)
            FROM '{dispositions}' d
            ANTI JOIN (FROM '{truth}/dirt.parquet' WHERE expected_outcome <> 'LOADED') t
            USING (source_table, source_key, entity)
            WHERE d.outcome IN ('QUARANTINED', 'DUPLICATE_OF') AND d.reason_code NOT IN {FOLLOWS}
            GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    assert unexplained == []


@pytest.mark.parametrize(("name", "entity"), [("nominal_person", "nominal"), ("location_uprn", "location")])
def test_truth_knows_the_keys_of_the_pipeline(mapped: tuple[Path, Path, str], name: str, entity: str) -> None:
    dispositions, truth, division = mapped
    missing = duckdb.sql(
        f"""SELECT count(*) FROM '{truth}/{name}.parquet' t
            ANTI JOIN (FROM '{dispositions}' WHERE entity = '{entity}') d USING (source_table, source_key)
            WHERE t.division_code = '{division}'"""
    ).fetchall()
    unknown = duckdb.sql(
        f"""SELECT count(*) FROM '{dispositions}' d
            ANTI JOIN '{truth}/{name}.parquet' t USING (source_table, source_key)
            WHERE d.entity = '{entity}' AND d.outcome = 'LOADED'"""
    ).fetchall()
    assert (missing, unknown) == ([(0,)], [(0,)])
