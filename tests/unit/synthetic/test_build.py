"""Estates are what their truth says, whoever builds them, however often."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from migration.errors import ConfigError
from migration.schema.model import load_schema
from migration.settings import Settings
from migration.synthetic.build import build_estate
from migration.synthetic.dirt import REASONS
from migration.synthetic.families import list_families, load_family, load_volumes

SCALE = 0.0006


def read_truth(folders: dict[str, Path], family: str, name: str) -> pa.Table:
    return pq.read_table(folders[family] / "truth" / f"{name}.parquet")


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.parametrize("family", list_families())
def test_same_seed_gives_the_same_bytes_also_alone(family: str, estate: Settings, tmp_path: Path) -> None:
    again = Settings(home=tmp_path)
    shutil.copytree(estate.estates / "gazetteer", again.estates / "gazetteer")
    build_estate(again, [family], SCALE, 5, gazetteer_entries=30_000)
    assert digests(again.estates / family) == digests(estate.estates / family)


def test_a_division_without_towns_is_refused_with_what_to_add(
    estate: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = load_family(list_families()[0])
    nowhere = replace(known, divisions=(replace(known.divisions[0], division="Z"),))
    monkeypatch.setattr("migration.synthetic.build.load_family", lambda _name: nowhere)
    other = Settings(home=tmp_path)
    shutil.copytree(estate.estates / "gazetteer", other.estates / "gazetteer")
    with pytest.raises(ConfigError, match=r"no places for division Z.*towns\.csv"):
        build_estate(other, [known.name], SCALE, 5, gazetteer_entries=30_000)
    assert not (other.estates / known.name).exists()


def test_another_seed_gives_another_estate(estate: Settings, tmp_path: Path) -> None:
    other = Settings(home=tmp_path)
    family = list_families()[0]
    build_estate(other, [family], SCALE, 6, gazetteer_entries=5_000)
    truth = ("truth", "nominal_person.parquet")
    assert (other.estates.joinpath(family, *truth)).read_bytes() != (
        estate.estates.joinpath(family, *truth)
    ).read_bytes()


def test_scale_sets_the_number_of_reports() -> None:
    for volume in load_volumes():
        assert volume.count(1.0) == volume.reports
        assert volume.count(0.01) == pytest.approx(volume.reports / 100, rel=0.01)
        assert volume.count(None) == volume.demo_reports


def test_west_holds_53_percent_of_all_reports() -> None:
    area = {c.code: c.attributes.get("command_area") for c in load_schema().codes["division"]}
    total = sum(v.reports for v in load_volumes())
    west = sum(v.reports for v in load_volumes() if v.family in {"strathclyde", "dumfries_galloway"})
    assert area
    assert west / total == pytest.approx(0.53, abs=0.005)


@pytest.mark.parametrize("family", list_families())
def test_truth_keys_are_unique(family: str, folders: dict[str, Path]) -> None:
    for name in ("nominal_person", "location_uprn"):
        truth = read_truth(folders, family, name)
        keys = ["division_code", "source_system", "source_table", "source_key"]
        assert truth.group_by(keys).aggregate([]).num_rows == truth.num_rows > 0


@pytest.mark.parametrize("family", list_families())
def test_every_artefact_says_synthetic(family: str, folders: dict[str, Path]) -> None:
    assert "SYNTHETIC" in (folders[family] / "SYNTHETIC.txt").read_text(encoding="utf-8")
    for path in (folders[family] / "truth").glob("*.parquet"):
        assert b"SYNTHETIC" in pq.read_schema(path).metadata[b"notice"]


@pytest.mark.parametrize("family", list_families())
def test_what_stops_a_record_is_rare_and_explained(family: str, folders: dict[str, Path]) -> None:
    dirt = read_truth(folders, family, "dirt")
    rows = sum(c["rows"] for c in read_truth(folders, family, "source_counts").to_pylist())
    stopped = dirt.filter(pc.equal(dirt["expected_outcome"], "QUARANTINED"))
    assert 0 < stopped.num_rows < 0.004 * rows + 8 * len(load_family(family).divisions)
    assert set(dirt["kind"].to_pylist()) <= set(REASONS)


@pytest.mark.parametrize("family", list_families())
def test_true_uprns_are_in_the_gazetteer(family: str, estate: Settings, folders: dict[str, Path]) -> None:
    import pyarrow.csv as pacsv

    known = set(pacsv.read_csv(estate.estates / "gazetteer" / "synthetic-1" / "gazetteer.csv")["uprn"].to_pylist())
    truth = read_truth(folders, family, "location_uprn")
    assert set(pc.drop_null(truth["uprn"]).to_pylist()) <= known
    exact = pc.is_in(truth["match_level"], pa.array(["UPRN", "BUILDING"]))
    assert pc.all(pc.equal(exact, pc.is_valid(truth["uprn"]))).as_py()


def test_codes_of_families_stand_for_national_codes() -> None:
    lists = {"STATUS": "crime_report_status", "DISPOSAL": "disposal", "MARKER": "crime_marker", "SEX": "sex"}
    for family in list_families():
        codes = load_family(family).codes
        for local, national in lists.items():
            assert set(codes[local]) <= {c.code for c in load_schema().codes[national]}
            values = [v for v in codes[local].values() if v]
            assert len(values) == len(set(values))


def test_people_are_recorded_in_several_families(folders: dict[str, Path]) -> None:
    seen: dict[str, set[str]] = {}
    for family in folders:
        ids = pc.drop_null(read_truth(folders, family, "nominal_person")["person_id"]).to_pylist()
        for person in set(ids):
            seen.setdefault(person, set()).add(family)
    assert sum(len(f) > 1 for f in seen.values()) > 10


def test_unknown_family_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="synthetic family atlantis"):
        build_estate(Settings(home=tmp_path), ["atlantis"])


@pytest.mark.parametrize("scale", [0, -1, 1.5])
def test_impossible_scale_is_refused(scale: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scale"):
        build_estate(Settings(home=tmp_path), ["tayside"], scale)
