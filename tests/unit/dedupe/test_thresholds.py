"""The threshold protocol: halves by person, the choice blind to the held-out half, the evidence written."""

import pyarrow as pa
import pytest
from benchmarks.labelled_families import FAMILIES_TITLE
from typer.testing import CliRunner

from migration.cli import build_app
from migration.dedupe.model import MODELS_FOLDER
from migration.dedupe.thresholds import (
    COHESIONS,
    PRECISION,
    choose_thresholds,
    evidence_section,
    is_tuning,
    put_evidence,
    report_lines,
)
from migration.errors import SourceError


@pytest.fixture(scope="module")
def labelled(families):
    return families(120, 2)


@pytest.fixture(scope="module")
def report(labelled):
    return choose_thresholds(*labelled, 1)


def test_every_person_is_in_one_half_and_the_halves_are_about_equal(labelled):
    people = set(labelled[1].to_pylist())
    tuning = sum(is_tuning(p) for p in people)
    assert 0.4 < tuning / len(people) < 0.6


def test_the_choice_is_the_lowest_cohesion_that_the_tuning_half_supports(report):
    assert [c for c, _ in report.tuning] == list(COHESIONS)
    good = [c for c, e in report.tuning if e.pair_precision.low >= PRECISION]
    assert report.chosen == min(good, default=None)
    assert {c for c, _ in report.held_out} == {report.default, report.chosen} - {None}


def test_the_choice_does_not_see_the_held_out_half(labelled, report):
    records, truth = labelled
    mixed = pa.array([t if is_tuning(t) else f"{t}~{n % 2}" for n, t in enumerate(truth.to_pylist())])
    kept = [is_tuning(a) == is_tuning(b) for a, b in zip(truth.to_pylist(), mixed.to_pylist(), strict=True)]
    changed = choose_thresholds(records.filter(pa.array(kept)), mixed.filter(pa.array(kept)), 1)
    assert changed.chosen == report.chosen
    assert changed.tuning == report.tuning
    assert changed.held_out != report.held_out


def test_the_committed_evidence_is_what_the_command_finds(report):
    committed = evidence_section(MODELS_FOLDER / "thresholds.md", FAMILIES_TITLE)
    fix = "run tests/benchmarks/bench_dedupe_accuracy.py --evidence and read what changed"
    assert "\n".join(committed).strip() == "\n".join(report_lines(report, FAMILIES_TITLE)).strip(), fix


def test_a_report_takes_the_place_of_the_section_with_its_title(report, tmp_path):
    path = tmp_path / "evidence.md"
    for title in ("one", "two", "one"):
        put_evidence(path, report_lines(report, title))
    text = path.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("#")][1:] == ["## one", "## two"]
    put_evidence(path, ["## two", "", "other"])
    assert "other" in evidence_section(path, "two")
    assert evidence_section(path, "one")[2].startswith("480 records")
    assert evidence_section(path, "three") == []


def test_too_few_people_are_refused(labelled):
    with pytest.raises(SourceError, match="two people"):
        choose_thresholds(labelled[0].slice(0, 2), labelled[1].slice(0, 2), 1)


def test_the_command_writes_the_evidence(labelled, report, tmp_path):
    import pyarrow.parquet as pq

    records, truth = labelled
    pq.write_table(records.append_column("person", truth), tmp_path / "people.parquet")
    roles = "\n".join(f"  {c}: {c}" for c in records.column_names)
    (tmp_path / "roles.yml").write_text(f"columns:\n{roles}\n  person: truth\n", encoding="utf-8")
    arguments = ["dedupe", "thresholds", str(tmp_path / "people.parquet"), "--columns", str(tmp_path / "roles.yml")]
    done = CliRunner().invoke(build_app(), [*arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "out" / "thresholds.md").read_text(encoding="utf-8")
    assert text.rstrip("\n").splitlines() == "\n".join(report_lines(report, "people")).rstrip("\n").splitlines()
    assert (tmp_path / "out" / "thresholds.json").exists()
