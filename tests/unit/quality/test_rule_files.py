"""Expectation files: complete and known, or refused whole."""

from pathlib import Path

import pytest
import yaml

from migration.errors import ConfigError
from migration.quality.catalogue import load_catalogue, read_run_time, staged_entities
from migration.quality.matrix import build_matrix, list_findings
from migration.quality.rule_files import read_rule_files
from migration.quality.rules import judge_counts
from migration.schema.model import load_schema
from migration.settings import Settings

RULE = {
    "id": "crime.one", "entity": "crime", "field": "crime_code", "dimension": "conformance", "severity": "critical",
    "owner": "crime_registrar", "fails": "crime_code = ''", "threshold": {"percent": 0, "rows": 0}, "title": "t",
    "why": "w", "fix": "f", "source": "s",
}  # fmt: skip


def write_rules(folder: Path, *rules: dict[str, object]) -> Path:
    (folder / "some.yml").write_text(yaml.safe_dump({"rules": list(rules)}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"owner": ""}, "missing ['owner']"),
        ({"severity": "bad"}, "severity bad"),
        ({"dimension": "bad"}, "dimension bad"),
        ({"entity": "nowhere"}, "no entity nowhere"),
        ({"field": "nothing"}, "no field nothing"),
        ({"threshold": {"percent": 1}}, "percent and rows"),
        ({"extra": 1}, "unknown keys ['extra']"),
        ({"query": "SELECT 1"}, "one of fails, query or measure"),
    ],
)
def test_wrong_rule_is_refused_by_name(tmp_path: Path, change: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rule_files(write_rules(tmp_path, {**RULE, **change}), "X", load_schema())
    assert "crime.one" in caught.value.found
    assert named in caught.value.found


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 mistakes"):
        read_rule_files(write_rules(tmp_path, {**RULE, "why": ""}, {**RULE, "id": "b", "fix": ""}), "X", load_schema())


def test_id_used_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more than once"):
        read_rule_files(write_rules(tmp_path, RULE, RULE), "X", load_schema())


def test_division_file_applies_to_its_division_only(tmp_path: Path) -> None:
    (tmp_path / "divisions").mkdir()
    write_rules(tmp_path / "divisions", RULE)
    (tmp_path / "divisions" / "some.yml").rename(tmp_path / "divisions" / "X.yml")
    assert len(read_rule_files(tmp_path, "X", load_schema())) == 1
    assert read_rule_files(tmp_path, "Y", load_schema()) == ()


def test_catalogue_has_hundreds_of_rules_each_with_words_for_a_person() -> None:
    division = load_schema().codes["division"][0].code
    catalogue = load_catalogue(Settings(), division, "20260901T080000Z")
    written = [r for r in catalogue.rules if not r.rule_id.startswith("schema.")]
    assert len(written) >= 200
    assert len(catalogue.rules) >= 1000
    assert len({r.rule_id for r in catalogue.rules}) == len(catalogue.rules)
    for rule in catalogue.rules:
        assert rule.owner and rule.title and rule.why and rule.usual_fix and rule.source, rule.rule_id
        assert max(len(rule.why), len(rule.usual_fix)) <= 400 and len(rule.title) <= 200, rule.rule_id
        assert rule.threshold.percent < 100, f"{rule.rule_id} cannot fail"


def test_every_rule_says_what_it_is_about_whom_it_hurts_and_how_bad_it_is() -> None:
    schema = load_schema()
    catalogue = load_catalogue(Settings(), schema.codes["division"][0].code, "20260901T080000Z")
    owners = {e.owner for e in schema.entities.values()} | {f.owner for e in schema.entities.values() for f in e.fields}
    known = {name: {c.code for c in schema.codes[name]} for name in ("dq_dimension", "dq_severity")}
    for rule in catalogue.rules:
        assert rule.owner in owners, rule.rule_id
        assert rule.dimension in known["dq_dimension"] and rule.severity in known["dq_severity"], rule.rule_id
        assert rule.threshold.percent >= 0 and rule.threshold.rows >= 0, rule.rule_id
        assert len(rule.why) >= 45 and len(rule.usual_fix) >= 10, f"{rule.rule_id}: {rule.why}"
        assert "_" not in rule.title + rule.why, f"{rule.rule_id} speaks of columns, not of fields"
        assert rule.why != rule.title, rule.rule_id


def test_every_staged_field_has_an_owner_and_a_rule_on_what_it_says() -> None:
    schema = load_schema()
    catalogue = load_catalogue(Settings(), schema.codes["division"][0].code, "20260901T080000Z")
    matrix = build_matrix(schema, [judge_counts(r, 1, 0) for r in catalogue.rules])
    assert {row.entity for row in matrix} == staged_entities(schema)
    assert [f"{r.entity}.{r.field}: {r.finding}" for r in list_findings(matrix)] == []


def test_field_without_a_rule_is_a_finding() -> None:
    schema = load_schema()
    matrix = build_matrix(schema, [])
    assert all(row.finding == "no rule" for row in matrix)


def test_run_time_is_the_time_in_the_run_id() -> None:
    assert read_run_time("20260901T080000Z").isoformat() == "2026-09-01T08:00:00+00:00"
