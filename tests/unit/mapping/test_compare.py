"""The preview of a pack edit says which rows, fields and dispositions it would change, and changes nothing."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from migration.cli import build_app
from migration.layers import layer_folder, read_manifest, write_layer
from migration.mapping.compare import DispositionChange, MappingChange, compare_mapping
from migration.mapping.stage import map_division
from migration.records import Layer, Phase, RunContext
from migration.runs import start_run
from migration.settings import Settings

Packs = Callable[..., Settings]
ROWS = {"CASE_NO": ["1", "2", "3"], "WHEN_RECORDED": ["2019-06-01"] * 3, "STATE": ["O", "O", "F"]}
HEADER = "legacy_value,national_code,rationale,status,agreed_by,agreed_on\n"


def mapped_run(settings: Settings) -> RunContext:
    context = RunContext(settings, "Z", "20260101T000000Z")
    with write_layer(context, Layer.RAW, "raw") as writer:
        columns = {c: pa.array(v, pa.string()) for c, v in ROWS.items()}
        pq.write_table(pa.table({"_source_row": pa.array([1, 2, 3]), **columns}), writer.path("legacy/CASES"))
    map_division(context)
    return context


def test_a_code_that_is_settled_shows_as_rows_added_and_records_that_end_otherwise(packs: Packs) -> None:
    context = mapped_run(packs())
    packs(**{"divisions/Z/codes/state.csv": HEADER + "F,FILED,Settled,AGREED,crime_registrar,2026-09-02\n"})
    change = compare_mapping(context)
    (entity,) = change.entities
    assert (entity.entity, entity.added, entity.removed, entity.changed) == ("crime_report", 1, 0, 0)
    quarantined = "QUARANTINED UNMAPPED_CODE crime_report.status_code"
    assert change.dispositions == (DispositionChange("crime_report", quarantined, "LOADED", 1, "3"),)
    assert change.version_before != change.version_after


def test_another_meaning_of_a_code_shows_as_changed_values_of_its_field(packs: Packs) -> None:
    context = mapped_run(packs())
    packs(**{"divisions/Z/codes/state.csv": HEADER + "O,UNDER_ENQUIRY,Own,AGREED,crime_registrar,2026-09-02\n"})
    (entity,) = compare_mapping(context).entities
    assert (entity.added, entity.removed, entity.changed, entity.fields) == (0, 0, 2, {"status_code": 2})
    assert entity.keys == ("1", "2")


CASE = "entity: crime_report\nrecords:\n  case:\n"
WEED = (
    CASE
    + """\
    weed:
      old: {if: {from: WHEN_RECORDED, before: "2020-01-01"}, reason: Past its time}
"""
)
SCOPE = (
    CASE
    + """\
    out_of_scope:
      other: {if: {from: CASE_NO, equals: "2"}, reason: Of another force}
"""
)
PARSER = (
    CASE
    + """\
    fields:
      recorded_at_utc: {from: WHEN_RECORDED, parse: timestamp, formats: ["%d/%m/%Y"]}
"""
)


def edited(packs: Packs, text: str) -> MappingChange:
    """What an edit of the division's own records would change in a run."""
    context = mapped_run(packs())
    packs(**{"divisions/Z/entities/crime_report.yml": text})
    return compare_mapping(context)


def test_a_weeding_rule_shows_as_changed_retention_and_no_record_lost(packs: Packs) -> None:
    change = edited(packs, WEED)
    (entity,) = change.entities
    assert (entity.added, entity.removed, entity.changed) == (0, 0, 2)
    assert entity.fields == {"retention_class": 2}
    assert not change.dispositions


def test_an_out_of_scope_rule_shows_the_record_removed_and_the_rule_that_took_it(packs: Packs) -> None:
    change = edited(packs, SCOPE)
    (entity,) = change.entities
    assert (entity.added, entity.removed, entity.changed, entity.keys) == (0, 1, 0, ("2",))
    (fate,) = change.dispositions
    assert (fate.before, fate.records, fate.example_key) == ("LOADED", 1, "2")
    assert fate.after.startswith("OUT_OF_SCOPE") and "other" in fate.after


def test_a_parser_that_no_longer_reads_shows_every_record_it_would_quarantine(packs: Packs) -> None:
    change = edited(packs, PARSER)
    (entity,) = change.entities
    assert (entity.added, entity.removed, entity.changed) == (0, 2, 0)
    quarantined = {f.after: f.records for f in change.dispositions if f.before == "LOADED"}
    assert quarantined == {"QUARANTINED UNREADABLE crime_report.recorded_at_utc": 2}


def test_a_preview_leaves_the_run_as_it_was_and_no_trace(packs: Packs) -> None:
    context = mapped_run(packs())
    before = read_manifest(context, Layer.MAPPED)
    assert compare_mapping(context).is_empty
    assert read_manifest(context, Layer.MAPPED) == before
    assert [p.name for p in context.folder.parent.iterdir()] == [context.run_id]
    assert (layer_folder(context, Layer.RAW) / "legacy" / "CASES.parquet").exists()


def test_map_compare_prints_the_change_and_maps_nothing(packs: Packs, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = packs()
    mapped_run(settings)
    context = start_run(
        settings, "Z", phase=Phase.REHEARSAL, reason="test of the command", started_by="test", run_id="20260101T000000Z"
    )
    before = read_manifest(context, Layer.MAPPED)
    packs(**{"divisions/Z/codes/state.csv": HEADER + "F,FILED,Settled,AGREED,crime_registrar,2026-09-02\n"})
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("migration.commands.map.get_settings", lambda: settings)
    result = CliRunner().invoke(build_app(), ["map", "z", "--compare", context.run_id])
    assert result.exit_code == 0, result.output
    assert "UNMAPPED_CODE" in result.output and "LOADED" in result.output and "crime_report" in result.output
    assert read_manifest(context, Layer.MAPPED) == before
