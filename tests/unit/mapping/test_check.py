"""Every pack on file passes the check; the schema that editors use is the one the loader's keys make."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from migration.cli import build_app
from migration.mapping.check import check_division
from migration.mapping.effective import diff_packs, list_effective, measure_reuse
from migration.mapping.explain import explain_field
from migration.mapping.load import load_pack
from migration.mapping.pack_schema import SCHEMA_PATH, render_text
from migration.schema.model import load_schema
from migration.settings import Settings

Packs = Callable[..., Settings]
OVERRIDE = "entity: crime_report\nrecords:\n  case:\n    fields:\n      status_code: {on_unmapped: 'null'}\n"
SECOND = 'division: Y\nfamily: small\ntitle: Other\nas_at: "2023-12-01"\n'


def test_the_schema_on_file_is_the_one_the_keys_make() -> None:
    assert SCHEMA_PATH.read_text(encoding="utf-8") == render_text(load_schema())


def test_a_sound_pack_is_compiled_and_run_over_no_rows(packs: Packs) -> None:
    result = check_division(packs(), "Z")
    assert result.is_sound, result.problem
    assert (result.records, result.fields, result.codes) == (1, 3, 1)


def test_a_code_that_is_proposed_and_not_agreed_is_named_with_its_line(packs: Packs) -> None:
    proposed = "legacy_value,national_code,rationale,status,agreed_by,agreed_on\nF,FILED,Guess,PROPOSED,,\n"
    assert check_division(packs(), "Z").proposed == ()
    result = check_division(packs(**{"divisions/Z/codes/state.csv": proposed}), "Z")
    assert (result.is_sound, result.proposed) == (True, ("divisions/Z/codes/state.csv:2",))


def test_a_faulty_pack_is_a_result_and_not_an_exception(packs: Packs) -> None:
    result = check_division(packs(**{"divisions/Z/division.yml": "family: small\ntitle: Test\n"}), "Z")
    assert not result.is_sound
    assert "as_at" in result.problem


def test_a_structure_that_breaks_the_schema_is_found_with_its_line(packs: Packs) -> None:
    override = "entity: crime_report\nrecords:\n  case:\n    fields:\n      status_code: {required: maybe}\n"
    result = check_division(packs(**{"divisions/Z/entities/crime_report.yml": override}), "Z")
    assert "divisions/Z/entities/crime_report.yml:5" in result.problem


def test_two_divisions_of_a_family_differ_in_what_one_of_them_overrides(packs: Packs) -> None:
    settings = packs(**{"divisions/Y/division.yml": SECOND, "divisions/Z/entities/crime_report.yml": OVERRIDE})
    (difference,) = diff_packs(settings, "Z", "Y")
    assert difference.path == "entities.crime_report.records.case.fields.status_code.on_unmapped"
    assert difference.right is None
    assert difference.left is not None
    assert (difference.left.level, str(difference.left.origin)) == ("Z", "divisions/Z/entities/crime_report.yml:5")


def test_reuse_is_the_share_of_values_that_the_division_did_not_write(packs: Packs) -> None:
    reuse = measure_reuse(packs(), "Z")
    own = [v for v in list_effective(packs(), "Z") if v.level == "Z"]
    assert reuse.by_level["Z"] == len(own) == 4
    assert reuse.share == 1 - 4 / sum(reuse.by_level.values())


def test_explaining_a_field_names_the_line_the_policies_and_the_sql(packs: Packs) -> None:
    settings = packs(**{"divisions/Z/entities/crime_report.yml": OVERRIDE})
    (found,) = explain_field(load_pack(settings, "Z"), "crime_report.status")
    assert str(found.origin) == "divisions/Z/entities/crime_report.yml:5"
    assert [str(o) for o in found.inherited] == ["families/small/entities/crime_report.yml:8"]
    assert found.policies["on_unmapped"] == "null"
    assert '"codes state > crime_report_status"' in found.sql


@pytest.mark.parametrize("command", [["check", "z"], ["run", "z"]])
def test_a_sound_pack_whose_letter_is_not_in_the_national_list_is_refused_before_anything_is_read(
    packs: Packs, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    settings = packs()
    monkeypatch.setattr(f"migration.commands.{command[0]}.get_settings", lambda: settings)
    result = CliRunner().invoke(build_app(), command)
    assert result.exit_code != 0
    assert "letter Z, which is not in the national list" in f"{result.output} {result.exception}"
    assert not settings.lake.exists()
