"""A pack is inherited level by level; a pack with problems lists them all at once, each with its line."""

from collections.abc import Callable

import pytest

from migration.errors import ConfigError
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import Policy, SourceKind
from migration.settings import Settings

Packs = Callable[..., Settings]
ENTITY = "families__small__entities__crime_report.yml"


def load_problem(settings: Settings) -> str:
    with pytest.raises(ConfigError) as caught:
        load_pack(settings, "Z")
    return caught.value.found


def write(packs: Packs, **files: str) -> Settings:
    return packs(**{k.replace("__yml", ".yml").replace("__csv", ".csv"): v for k, v in files.items()})


def test_a_sound_pack_gives_its_systems_records_and_codes(packs: Packs) -> None:
    pack = load_pack(packs(), "Z")
    (system,) = pack.systems
    assert (system.name, system.kind, system.pool) == ("legacy", SourceKind.DATABASE, "legacy_legacy")
    assert system.location_setting == "MIGRATION_SOURCE_LEGACY"
    assert pack.crosswalks["state"].decisions["O"].national_code == "OPEN"
    (record,) = pack.records
    field = record.field("status_code")
    assert field is not None
    assert field.on_unmapped is Policy.QUARANTINE
    assert str(field.origin) == "families/small/entities/crime_report.yml:8"


def test_every_division_with_a_file_is_listed(packs: Packs) -> None:
    settings = packs(**{"divisions/Y/division.yml": 'division: Y\nfamily: small\nas_at: "2023-12-01"\n'})
    assert list_divisions(settings) == ("Y", "Z")


def test_a_division_overrides_one_key_of_its_family_and_keeps_the_rest(packs: Packs) -> None:
    override = "entity: crime_report\nrecords:\n  case:\n    fields:\n      status_code: {on_unmapped: 'null'}\n"
    pack = load_pack(packs(**{"divisions/Z/entities/crime_report.yml": override}), "Z")
    field = pack.records[0].field("status_code")
    assert field is not None
    assert field.on_unmapped is Policy.NULL
    assert field.origin.file == "divisions/Z/entities/crime_report.yml"
    assert [o.file for o in field.inherited] == ["families/small/entities/crime_report.yml"]


def test_another_source_of_a_value_replaces_the_inherited_expression(packs: Packs) -> None:
    override = "entity: crime_report\nrecords:\n  case:\n    fields:\n      status_code: {constant: OPEN}\n"
    settings = packs(**{"divisions/Z/entities/crime_report.yml": override})
    assert "column CASES.STATE neither mapped nor ignored" in load_problem(settings)


def test_a_null_removes_an_inherited_key(packs: Packs) -> None:
    override = "entity: crime_report\nrecords:\n  case:\n    fields:\n      status_code: null\n"
    found = load_problem(packs(**{"divisions/Z/entities/crime_report.yml": override}))
    assert "without crime_report.status_code" in found


def test_a_division_adds_and_changes_code_decisions(packs: Packs) -> None:
    header = "legacy_value,national_code,rationale,status,agreed_by,agreed_on\n"
    line = "F,FILED,Own value,AGREED,crime_registrar,2026-09-02\n"
    pack = load_pack(packs(**{"divisions/Z/codes/state.csv": header + line}), "Z")
    decisions = pack.crosswalks["state"].decisions
    assert {v: d.level for v, d in decisions.items()} == {"O": "small", "F": "Z"}


def test_the_version_changes_with_content_and_not_with_comments(packs: Packs) -> None:
    before = load_pack(packs(), "Z").version
    commented = '# a remark\ndivision: Z\nfamily: small\ntitle: Test\n\nas_at: "2023-12-01"\n'
    assert load_pack(packs(**{"divisions/Z/division.yml": commented}), "Z").version == before
    later = commented.replace("12-01", "12-02")
    assert load_pack(packs(**{"divisions/Z/division.yml": later}), "Z").version != before


BAD = {
    "unknown key in a field": ("status_code: {form: STATE, lookup: state}", "8: found key form", "nearest is from"),
    "unknown column": ("status_code: {from: STAET, lookup: state}", "column CASES.STAET", "nearest is STATE"),
    "unknown field": ("status_codes: {from: STATE, lookup: state}", "crime_report.status_codes", "is status_code"),
    "unknown crosswalk": ("status_code: {from: STATE, lookup: sate}", "crosswalk sate", "nearest is state"),
    "unknown parser": ("status_code: {from: STATE, lookup: state, parse: dat}", "parser dat", "nearest is date"),
    "coded field without lookup": ("status_code: STATE", "status_code without a lookup", "crime_report_status"),
    "two sources": ("status_code: {from: STATE, constant: OPEN}", "2 sources of one value", "exactly one of"),
    "no source": ("status_code: {lookup: state}", "0 sources of one value", "exactly one of"),
    "unknown policy": ("status_code: {from: STATE, lookup: state, on_error: skip}", "policy skip", "quarantine"),
    "unknown constant": ("status_code: {constant: OPENED}", "code of list crime_report_status OPENED", "is OPEN"),
    "bad expression": ("status_code: {from: STATE, take: '(', lookup: state}", "regular expression", "valid"),
    "unknown table of a reference": (
        "locus_location_id: {record_id: {table: CASE, key: STATE}}",
        "table CASE",
        "nearest is CASES",
    ),
    "reference to another entity": (
        "locus_location_id: {record_id: {table: CASES, key: STATE}}",
        "a reference to CASES",
        "a location record",
    ),
    "reading an unmapped field": ("status_code: {field: beat_code_legacy}", "field beat_code_legacy", "record case"),
    "unknown condition": (
        "status_code: {when: [{if: {from: STATE, equal: O}, then: {constant: OPEN}}]}",
        "key equal",
        "equals",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_problem_is_named_with_its_line_and_the_nearest_name(packs: Packs, case: str) -> None:
    line, found, expected = BAD[case]
    text = (
        "entity: crime_report\nrecords:\n  case:\n    from: CASES\n    fields:\n      legacy_crime_no: CASE_NO\n"
        f"      recorded_at_utc: {{from: WHEN_RECORDED, parse: timestamp}}\n      {line}\n"
    )
    problems = load_problem(packs(**{"families/small/entities/crime_report.yml": text}))
    assert found in problems
    assert expected in problems
    assert "families/small/entities/crime_report.yml" in problems


def test_all_problems_are_reported_at_once(packs: Packs) -> None:
    text = (
        "entity: crime_report\nrecords:\n  case:\n    from: CASES\n    fields:\n      legacy_crime_no: CASE\n"
        "      recorded_at_utc: {from: WHEN_RECORDED, parse: time}\n      status_code: STATE\n"
    )
    codes = "legacy_value,national_code,rationale,status,agreed_by,agreed_on\nO,OPNE,x,AGREED,,\nO,OPEN,x,MAYBE,a,b\n"
    division = "division: Z\nfamily: small\nas_at: soon\nbogus: 1\n"
    problems = load_problem(
        packs(
            **{
                "families/small/entities/crime_report.yml": text,
                "families/small/codes/state.csv": codes,
                "divisions/Z/division.yml": division,
            }
        )
    )
    for part in (
        "column CASES.CASE",
        "parser time",
        "without a lookup",
        "agreed_by or agreed_on",
        "a second time",
        "status MAYBE",
        "as_at that is not a day",
        "key bogus",
    ):
        assert part in problems, part


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("kind: database", "kind: databse", "nearest is database"),
        ("primary: crime_report", "primary: crime_reports", "nearest is crime_report"),
        ("key: CASE_NO", "key: CASE_NR", "column of table CASES CASE_NR"),
        ("STATE]", "STATE, EXTRA]", "column CASES.EXTRA neither mapped nor ignored"),
        ("STATE]", "STATE, EXTRA]\n        ignore: {EXTRA: ''}", "ignored column CASES.EXTRA without a reason"),
        ("STATE]", "STATE]\n        ignore: {STATE: unused}", "column CASES.STATE both mapped and ignored"),
        ("key: CASE_NO", "key: CASE_NO\n        key: STATE", "key key a second time"),
        ("      CASES:", "      CASES: [", "YAML that does not parse"),
    ],
)
def test_a_problem_of_the_sources_is_named(packs: Packs, old: str, new: str, found: str) -> None:
    sources = (packs().mappings / "families/small/sources.yml").read_text(encoding="utf-8")
    assert found in load_problem(packs(**{"families/small/sources.yml": sources.replace(old, new, 1)}))


def test_a_division_of_an_unknown_family_is_refused(packs: Packs) -> None:
    division = 'division: Z\nfamily: smal\nas_at: "2023-12-01"\n'
    assert "nearest is small" in load_problem(packs(**{"divisions/Z/division.yml": division}))


def test_a_weeding_rule_needs_two_people_and_a_cap(packs: Packs) -> None:
    rule = (
        "entity: crime_report\nrecords:\n  case:\n    weed:\n      old:\n        if: {from: STATE, equals: O}\n"
        "        reason: old\n        confirmed_by: [one]\n"
    )
    assert "confirmed alone or uncapped" in load_problem(packs(**{"divisions/Z/entities/crime_report.yml": rule}))
