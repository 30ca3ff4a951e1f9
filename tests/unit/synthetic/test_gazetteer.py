"""The gazetteer release keeps its own rules."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pytest

from migration.geocode.gazetteer.columns import ENTRY_COLUMNS, read_columns
from migration.settings import Settings
from migration.synthetic.gazetteer import build_gazetteer, gazetteer_folder


@pytest.fixture(scope="module")
def release(estate: Settings) -> Path:
    return gazetteer_folder(estate)


@pytest.fixture(scope="module")
def entries(release: Path) -> pa.Table:
    return pacsv.read_csv(release / "gazetteer.csv")


@pytest.fixture(scope="module")
def sound(release: Path, entries: pa.Table) -> pa.Table:
    """Entries without a planted fault."""
    faulty = pacsv.read_csv(release / "faults.csv")["uprn"]
    return entries.filter(pc.invert(pc.is_in(entries["uprn"], faulty.combine_chunks())))


def test_gazetteer_has_the_columns_the_compiler_expects(release: Path, entries: pa.Table) -> None:
    assert entries.column_names == list(ENTRY_COLUMNS)
    assert dict(read_columns(release / "columns.yml").entries) == {c: c for c in ENTRY_COLUMNS}


def test_gazetteer_size_is_near_what_was_asked(entries: pa.Table) -> None:
    assert 27_000 < entries.num_rows < 36_000


def test_sound_entries_are_unique_by_uprn_and_status(sound: pa.Table) -> None:
    assert (
        sound.select(["uprn", "address_status"]).group_by(["uprn", "address_status"]).aggregate([]).num_rows
        == sound.num_rows
    )


def test_planted_faults_are_there(release: Path, entries: pa.Table) -> None:
    faults = pacsv.read_csv(release / "faults.csv").to_pylist()
    kinds = {f["kind"] for f in faults}
    assert kinds == {"duplicate_key", "missing_parent", "outside_division", "zero_coordinates"}
    uprns = entries["uprn"].to_pylist()
    rows = {(u, s): i for i, (u, s) in enumerate(zip(uprns, entries["address_status"].to_pylist(), strict=True))}
    known = set(uprns)
    for fault in faults:
        row = entries.slice(rows[fault["uprn"], fault["address_status"]], 1).to_pylist()[0]
        if fault["kind"] == "missing_parent":
            assert row["parent_uprn"] not in known
        if fault["kind"] == "zero_coordinates":
            assert row["easting"] == row["northing"] == 0


def test_parents_of_sound_flats_are_stairs(sound: pa.Table, entries: pa.Table) -> None:
    classes = dict(zip(entries["uprn"].to_pylist(), entries["class_code"].to_pylist(), strict=True))
    parents = pc.drop_null(sound["parent_uprn"]).to_pylist()
    assert parents
    assert {classes[p] for p in parents} == {"PP"}


def test_sound_coordinates_lie_in_their_beat(release: Path, sound: pa.Table) -> None:
    features = json.loads((release / "beats.geojson").read_text(encoding="utf-8"))["features"]
    squares = {f["properties"]["beat_code"]: f["geometry"]["coordinates"][0] for f in features}
    outside = 0
    for beat, e, n in zip(*(sound[c].to_pylist() for c in ("beat_code", "easting", "northing")), strict=True):
        (west, south), _, (east, north), *_ = squares[beat]
        outside += not (west - 60 <= e <= east + 60 and south - 60 <= n <= north + 60)
    assert outside == 0


def test_every_flat_custom_is_present(sound: pa.Table) -> None:
    texts = set(pc.drop_null(sound["sao_text"]).to_pylist())
    assert {"2/1", "2F1", "GF", "1/L", "FLAT 3", "FIRST FLOOR LEFT"} <= texts
    assert pc.count(sound["sao_start_number"]).as_py() > 0


def test_a_post_town_has_several_high_streets(sound: pa.Table) -> None:
    high = sound.filter(pc.equal(sound["street_description"], "HIGH STREET"))
    by_town = high.group_by("town").aggregate([("usrn", "count_distinct")])
    assert max(by_town["usrn_count_distinct"].to_pylist()) >= 4


def test_current_postcodes_lie_in_one_street(sound: pa.Table) -> None:
    current = sound.filter(pc.equal(sound["address_status"], "APPROVED"))
    streets = current.group_by("postcode").aggregate([("usrn", "count_distinct")])
    assert max(streets["usrn_count_distinct"].to_pylist()) == 1


def test_deleted_postcodes_are_not_in_use(sound: pa.Table) -> None:
    status = sound["address_status"]
    current = sound.filter(pc.equal(status, "APPROVED"))
    living = pc.is_in(sound["uprn"], current["uprn"].combine_chunks())
    old = sound.filter(pc.and_(pc.equal(status, "HISTORIC"), living))
    assert old.num_rows
    assert not set(old["postcode"].to_pylist()) & set(current["postcode"].to_pylist())


def test_junctions_join_streets_of_the_release(release: Path, entries: pa.Table) -> None:
    junctions = pacsv.read_csv(release / "junctions.csv")
    assert junctions.num_rows > 100
    assert set(junctions["usrn_a"].to_pylist()) | set(junctions["usrn_b"].to_pylist()) <= set(
        entries["usrn"].to_pylist()
    )


def test_gazetteer_built_twice_is_the_same_bytes(estate: Settings, release: Path, tmp_path: Path) -> None:
    again = build_gazetteer(Settings(home=tmp_path), 5, entries=30_000)
    for name in ("gazetteer.csv", "junctions.csv", "beats.geojson", "faults.csv"):
        assert (again / name).read_bytes() == (release / name).read_bytes()


def test_gazetteer_already_built_is_left_alone(estate: Settings, release: Path) -> None:
    before = (release / "gazetteer.csv").stat().st_mtime_ns
    build_gazetteer(estate, 5, entries=30_000)
    assert (release / "gazetteer.csv").stat().st_mtime_ns == before
