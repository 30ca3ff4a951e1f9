"""A cold start on a real crime database proposes what a person would, and its draft passes the check and runs."""

import csv
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from migration.extract.stage import extract_division
from migration.layers import layer_folder
from migration.mapping.check import check_division
from migration.mapping.scaffold import Scaffold, scaffold_pack
from migration.mapping.stage import map_division
from migration.records import Layer, RunContext
from migration.settings import PROJECT_ROOT, Settings

HERE = Path(__file__).parent
DIVISION = "B"
sys.path.insert(0, str(HERE))

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def cold_start(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Scaffold]:
    home = tmp_path_factory.mktemp("home")
    mappings = tmp_path_factory.mktemp("packs") / "mappings"
    shutil.copytree(PROJECT_ROOT / "mappings", mappings)
    settings = Settings(home=home, mappings=mappings)
    if not (settings.real_data / "nibrs_az2016").is_dir():
        pytest.skip("needs nibrs_az2016 in MIGRATION_REAL_DATA")
    from sources import build_nibrs

    return settings, scaffold_pack(settings, f"sqlite:///{build_nibrs(settings)}", DIVISION)


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], list[str]]:
    """What a person who read the data would map each column to; several answers are right where there are several."""
    with (HERE / "scaffold_nibrs_az2016.csv").open(encoding="utf-8", newline="") as file:
        return {(r["table"], r["column"]): r["targets"].split("|") for r in csv.DictReader(file)}


def test_most_columns_a_person_would_map_are_proposed_right(
    cold_start: tuple[Settings, Scaffold], answers: dict[tuple[str, str], list[str]]
) -> None:
    proposed = {(p.table, p.column): p.target for p in cold_start[1].proposals}
    right = [key for key, targets in answers.items() if proposed.get(key) in targets]
    assert len(right) / len(answers) >= 0.60, f"{len(right)} of {len(answers)}"


def test_confident_proposals_are_right(
    cold_start: tuple[Settings, Scaffold], answers: dict[tuple[str, str], list[str]]
) -> None:
    confident = [p for p in cold_start[1].proposals if p.is_confident]
    right = [p for p in confident if p.target in answers.get((p.table, p.column), ())]
    assert len(right) / len(confident) >= 0.85, f"{len(right)} of {len(confident)}"


def test_the_draft_passes_the_check_and_maps_every_row_to_a_disposition(cold_start: tuple[Settings, Scaffold]) -> None:
    settings, result = cold_start
    checked = check_division(settings, DIVISION)
    assert checked.is_sound, checked.problem
    assert checked.is_draft
    assert result.coverage > 0.2
    context = RunContext(settings, DIVISION, "20260101T000000Z")
    extract_division(context)
    counts = map_division(context).counts
    assert counts["QUARANTINED"] > 0
    dispositions = pq.read_table(layer_folder(context, Layer.MAPPED) / "disposition.parquet")
    assert dispositions.num_rows == sum(v for k, v in counts.items() if k.isupper())
