"""Compiling, checking and comparing releases; geocoding files; the stage on a mapped layer."""

import csv
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from geocode.town import Town

from migration.errors import ConfigError, SourceError
from migration.geocode.evidence import Query
from migration.geocode.explain import explain_location
from migration.geocode.file import geocode_file, read_roles
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.columns import default_columns, read_columns
from migration.geocode.gazetteer.diff import diff_releases, located_changes
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.gazetteer.reference import reference_beats, reference_entries
from migration.geocode.gazetteer.release import read_release
from migration.geocode.match import Matcher
from migration.geocode.report import write_file_report, write_run_report
from migration.geocode.stage import geocode_division
from migration.layers import find_entity, layer_folder, read_manifest, write_layer
from migration.records import Layer, RunContext, StageStatus
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema
from migration.settings import Settings


def settings_in(home: Path, release: str = "town") -> Settings:
    return Settings(home=home, gazetteer_release=release, threads=1, memory_limit="1GB")


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_the_same_rows_in_another_order_compile_to_the_same_hashes(tmp_path: Path, town: Town) -> None:
    one = build_gazetteer(settings_in(tmp_path / "a"), [write_rows(tmp_path / "a.csv", town.rows)], None, "r")
    two = build_gazetteer(settings_in(tmp_path / "b"), [write_rows(tmp_path / "b.csv", town.rows[::-1])], None, "r")
    assert one.hashes == two.hashes


def test_an_uncompiled_release_says_how_to_compile_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="migrate gazetteer build"):
        read_release(settings_in(tmp_path), "nowhere")


def test_a_map_with_an_unknown_column_suggests_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "columns.yml"
    path.write_text("columns: {uprn: U, post_code: P}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="postcode"):
        read_columns(path)
    assert default_columns().entries["uprn"] == "uprn"


def test_a_file_without_a_mapped_column_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    source = write_rows(tmp_path / "g.csv", [{"uprn": 1, "street_description": "A Street"}])
    with pytest.raises(SourceError, match="no column"):
        build_gazetteer(settings, [source], None, "r")
    assert not (settings.gazetteers / "r").exists()


def test_dirty_entries_are_found_by_rule(tmp_path: Path, town: Town) -> None:
    rows = [dict(r) for r in town.rows]
    rows[0]["easting"] = 9
    rows[1] |= {"parent_uprn": 42}
    rows.append(dict(rows[2]))
    rows[3]["postcode"] = "NONSENSE"
    manifest = build_gazetteer(settings_in(tmp_path), [write_rows(tmp_path / "g.csv", rows)], None, "r")
    assert {"parent_missing": 1, "duplicate_key": 1, "postcode_invalid": 1}.items() <= manifest.issues.items()


def test_two_releases_differ_by_what_changed(tmp_path: Path, town: Town) -> None:
    settings = settings_in(tmp_path, "old")
    rows = [dict(r) for r in town.rows]
    build_gazetteer(settings, [write_rows(tmp_path / "old.csv", rows)], None, "old")
    rows[0]["easting"] = int(str(rows[0]["easting"])) + 500
    rows[1]["beat_code"] = "A09"
    del rows[2]
    build_gazetteer(settings, [write_rows(tmp_path / "new.csv", rows)], None, "new")
    found = diff_releases(settings, "old", "new")
    assert (found["moved"], found["beat changed"], found["removed"]) == (1, 1, 1)
    assert located_changes(settings, "old", "new") == []


def test_one_building_teaches_what_its_doors_mean(tmp_path: Path, town: Town) -> None:
    rows = [dict(r) for r in town.rows]
    key = town.keys["cg:34:2/1"]
    other = next(r for r in rows if r["uprn"] == key)
    rows.append(other | {"sao_text": "2nd Floor Left", "address_status": "ALTERNATIVE"})
    settings = settings_in(tmp_path)
    build_gazetteer(settings, [write_rows(tmp_path / "g.csv", rows)], None, "town")
    matcher = Matcher(load_gazetteer(settings))
    learnt = matcher.match(Query("3rd floor left, 34 Cathkin Street, Glenbrae", division="G"))
    elsewhere = matcher.match(Query("1st floor left, 56 Cathkin Street, Glenbrae", division="G"))
    assert learnt.uprn == town.keys["cg:34:3/1"]
    assert elsewhere.level != "UPRN"


def test_polygons_check_beats_and_place_points(tmp_path: Path, town: Town) -> None:
    square = [[399000, 799000], [401000, 799000], [401000, 801000], [399000, 801000], [399000, 799000]]
    feature = {
        "type": "Feature",
        "properties": {"beat_code": "A77", "division_code": "A", "name": "x"},
        "geometry": {"type": "Polygon", "coordinates": [square]},
    }
    beats = tmp_path / "beats.geojson"
    beats.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    settings = settings_in(tmp_path)
    source = write_rows(tmp_path / "g.csv", town.rows)
    manifest = build_gazetteer(settings, [source, beats], None, "town")
    matcher = Matcher(load_gazetteer(settings))
    house = matcher.match(Query("3 North Road, Abermore", division="A"))
    point = matcher.match(Query("", grid_ref="400000 800000"))
    assert manifest.issues["beat_differs_from_polygon"] > 0
    assert json.loads(house.evidence)["beat_by_polygon"] == "A77" and house.beat == "A01"
    assert (point.level, point.beat, point.division) == ("GRID", "A77", "A")


def test_a_postcode_gazetteer_ends_at_the_postcode(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"pc": f"AB40 1A{x}", "e": 400000 + i, "n": 800000, "div": "A", "beat": "A01"} for i, x in enumerate("ABDEF")
    ]
    columns = tmp_path / "columns.yml"
    names = "columns: {postcode: pc, easting: e, northing: n, division_code: div, beat_code: beat}\n"
    columns.write_text(names, encoding="utf-8")
    settings = settings_in(tmp_path)
    build_gazetteer(settings, [write_rows(tmp_path / "p.csv", rows)], columns, "town")
    match = Matcher(load_gazetteer(settings)).match(Query("3 Larch Road, Abermore, AB40 1AB", division="A"))
    assert (match.level, match.postcode, match.beat, match.uprn) == ("POSTCODE", "AB40 1AB", "A01", None)
    assert match.refusal == "NO_PREMISES_IN_GAZETTEER"


def test_a_file_has_one_row_out_for_each_row_in(tmp_path: Path, town_settings: Settings) -> None:
    rows: list[dict[str, object]] = [
        {"key": i, "address": text, "pc": ""}
        for i, text in enumerate(["3 Larch Road, Abermore", "", "NFA", "3 Larch Road, Abermore"])
    ]
    source = write_rows(tmp_path / "in.csv", rows)
    roles = tmp_path / "roles.yml"
    roles.write_text("roles: {id: key, text: address, postcode: pc}\nconstants: {division: A}\n", encoding="utf-8")
    result = geocode_file(town_settings, source, read_roles(roles), tmp_path / "out.parquet", "town")
    out = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert result.rows == 4 and [r["id"] for r in out] == ["0", "1", "2", "3"]
    assert out[0]["uprn"] == out[3]["uprn"] is not None
    write_file_report(town_settings, tmp_path / "out.parquet", tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert town_settings.security_marking in html and "<svg" in html and "Larch" not in html


def test_roles_without_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "roles.yml"
    path.write_text("roles: {id: key}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="text"):
        read_roles(path)


def test_reference_data_has_the_columns_of_the_schema(town_settings: Settings) -> None:
    schema = load_schema()
    assert reference_entries(town_settings, "town").schema.names == list(schema.entity("gazetteer_entry").field_names)
    assert reference_beats(town_settings, "town").schema.names == list(schema.entity("beat").field_names)


def lineage(context: RunContext, key: str) -> dict[str, object]:
    return {
        "division_code": context.division,
        "source_system": "legacy",
        "source_table": "LOCATION",
        "source_key": key,
        "source_row": 1,
        "run_id": context.run_id,
        "mapping_version": "v",
        "row_hash": f"hash{key}",
        "security_marking": "OFFICIAL",
        "retention_class": "STANDARD",
    }


def write_mapped(context: RunContext) -> None:
    schema = load_schema()
    location, report = (arrow_schema(schema.entity(n)) for n in ("location", "crime_report"))
    places = [("1", "3 Larch Road, Abermore"), ("2", "NFA"), ("3", "3 Larch Road, Abermore")]
    locations = [
        lineage(context, key) | {"location_id": f"L{key}", "location_raw_text": text, "recorded_on": date(2020, 1, 1)}
        for key, text in places
    ]
    reports = [
        lineage(context, "R1")
        | {
            "crime_report_id": "C1",
            "legacy_crime_no": "1/20",
            "recorded_at_utc": 0,
            "status_code": "OPEN",
            "locus_location_id": "L1",
        },
        lineage(context, "R2")
        | {
            "crime_report_id": "C2",
            "legacy_crime_no": "2/20",
            "recorded_at_utc": 0,
            "status_code": "OPEN",
            "locus_location_id": None,
        },
    ]
    with write_layer(context, Layer.MAPPED, "key") as writer:
        pq.write_table(pa.Table.from_pylist(locations, schema=location), writer.path("location"))
        pq.write_table(pa.Table.from_pylist(reports, schema=report), writer.path("crime_report"))


def test_the_stage_writes_one_match_a_location_and_the_beat_of_each_locus(town_settings: Settings) -> None:
    context = RunContext(town_settings, "A", "20260101T000000Z")
    write_mapped(context)
    first = geocode_division(context)
    matches = pq.read_table(layer_folder(context, Layer.LOCATED) / "location_match.parquet")
    reports = {r["crime_report_id"]: r for r in pq.read_table(find_entity(context, "crime_report")).to_pylist()}
    assert first.status is StageStatus.DONE and first.counts["locations"] == 3
    assert matches.schema.names == arrow_schema(load_schema().entity("location_match")).names
    assert matches.num_rows == 3 and matches["uprn"].null_count == 1
    assert (reports["C1"]["beat_code"], reports["C2"]["beat_code"]) == ("A01", None)
    assert reports["C1"]["row_hash"] == "hashR1"
    before = read_manifest(context, Layer.LOCATED).content_hash
    assert geocode_division(context).status is StageStatus.SKIPPED
    assert read_manifest(context, Layer.LOCATED).content_hash == before
    lines = explain_location(context, "1")
    assert any("UPRN" in line for line in lines) and not any("Larch" in line for line in lines)
    assert "Larch" not in write_run_report(context).read_text(encoding="utf-8")


def test_a_run_without_locations_is_refused(tmp_path: Path, town: Town) -> None:
    settings = settings_in(tmp_path)
    build_gazetteer(settings, [write_rows(tmp_path / "g.csv", town.rows)], None, "town")
    with pytest.raises(SourceError):
        geocode_division(RunContext(settings, "A", "20260101T000000Z"))
