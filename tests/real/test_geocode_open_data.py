"""Real addresses: schools with their true UPRNs, damaged, among food premises; and premises against postcodes alone."""

import random
from collections import Counter
from pathlib import Path

import pytest
from conftest import make_settings
from real.geocode_sources import (
    damaged,
    premises_entries,
    read_divisions,
    read_schools,
    school_entry,
    write_entries,
)

from migration.geocode.evidence import Query
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.match import Matcher
from migration.settings import get_settings

pytestmark = pytest.mark.real_data


@pytest.fixture
def folder() -> Path:
    found = get_settings().real_data
    if not (found / "school_roll_2023_half.csv").exists():
        pytest.skip("the open data is not where MIGRATION_REAL_DATA points")
    return found


def test_damaged_school_addresses_get_their_uprn_or_a_refusal_and_never_another_schools(
    tmp_path: Path, folder: Path
) -> None:
    divisions, schools = read_divisions(folder), read_schools(folder)
    held = {s["UPRN"] for s in schools if int(s["UPRN"]) % 10 == 3}
    own = {int(s["UPRN"]) for s in schools}
    entries = [school_entry(s, divisions) for s in schools if s["UPRN"] not in held]
    settings = make_settings(tmp_path / "home", threads=1)
    source = write_entries(tmp_path / "entries.csv", [*entries, *premises_entries(folder)])
    build_gazetteer(settings, [source], None, "schools")
    matcher = Matcher(load_gazetteer(settings, "schools"))
    rng = random.Random(3)  # noqa: S311
    outcome: Counter[str] = Counter()
    for school in schools:
        text = damaged(school, divisions, rng)
        match = matcher.match(Query(text["text"], text["postcode"], text["division"]))
        if match.level != "UPRN":
            outcome["refused"] += 1
        elif match.uprn == int(school["UPRN"]):
            outcome["right"] += 1
        else:
            outcome["another school" if match.uprn in own else "premises there"] += 1
    present = len(schools) - len(held)
    assert outcome["another school"] <= 2, outcome
    assert outcome["right"] >= 0.5 * present, outcome
    assert sum(outcome.values()) == len(schools)


def test_food_premises_against_postcodes_alone_end_at_their_postcode(tmp_path: Path, folder: Path) -> None:
    columns = tmp_path / "columns.yml"
    columns.write_text(
        "columns: {postcode: postcode, easting: easting, northing: northing, beat_code: ward_code}\n",
        encoding="utf-8",
    )
    settings = make_settings(tmp_path / "home", threads=1)
    manifest = build_gazetteer(settings, [folder / "scottish_postcode_geography_2020.parquet"], columns, "postcodes")
    matcher = Matcher(load_gazetteer(settings, "postcodes"))
    levels: Counter[str] = Counter()
    for entry in list(premises_entries(folder))[:3000]:
        line = f"{entry['pao_start_number']} {entry['street_description']}, {entry['town']}"
        match = matcher.match(Query(line, str(entry["postcode"])))
        levels[match.level.value] += 1
        assert match.uprn is None and match.refusal is not None
    assert manifest.rows["postcode"] > 150_000
    assert levels["POSTCODE"] > 0.95 * levels.total(), levels
