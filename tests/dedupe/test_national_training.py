"""Training the national model from runs, and the evidence for its threshold."""

from datetime import date

import pytest

from migration.dedupe.model import read_model
from migration.dedupe.national_training import (
    NATIONAL_RECORDS,
    choose_national_threshold,
    national_report_lines,
    read_truth,
    train_national,
    training_notes,
)
from migration.errors import SourceError

AS_OF = date(2026, 11, 22)
SURNAMES = ("Abernethy", "Baxter", "Colquhoun", "Drummond", "Elphinstone", "Farquhar", "Galbraith", "Haldane")
FORENAMES = ("Ailsa", "Catriona", "Eilidh", "Fenella", "Iona", "Kirsty", "Lorna", "Mairi")


@pytest.fixture
def runs(write_run, people):
    """Two divisions that know the same sixty-four women."""
    found = []
    for division, letter in (("D", "d"), ("N", "n")):
        rows = []
        for number in range(64):
            born = f"19{50 + number % 40:02d}-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
            name = {"surname": SURNAMES[number % 8], "forename_1": FORENAMES[number // 8]}
            phone = f"01{382000000 + 7919 * number}"
            rows.append(people(f"{letter}{number:02d}", **name, born=born, sex_code="FEMALE", phone=phone))
        found.append(write_run(division, rows))
    return found


def full(identifier: str) -> str:
    return identifier.ljust(32, "0")


@pytest.fixture
def truth_file(tmp_path):
    path = tmp_path / "truth.csv"
    lines = [f"{full(letter + f'{n:02d}')},P{n}" for letter in "dn" for n in range(64)]
    path.write_text("\n".join(["nominal_id,person_id", *lines]), encoding="utf-8")
    return path


def test_training_keeps_what_was_decided_and_takes_the_prior_to_the_national_size(runs):
    start = read_model()
    model, records = train_national(runs, start)
    assert records == 128
    assert model.vetoes == start.vetoes
    assert {c.name for c in model.cautions} == {c.name for c in start.cautions}
    assert model.frequencies == start.frequencies
    assert [c.name for c in model.comparisons] == [c.name for c in start.comparisons]
    assert model.version != start.version
    assert 2.0**model.prior < 10 / NATIONAL_RECORDS


def test_the_threshold_is_chosen_with_truth_and_the_evidence_is_written(runs, truth_file):
    truth = read_truth(runs, [truth_file])
    assert len(truth) == 128
    report = choose_national_threshold(runs, read_model(), AS_OF, truth)
    assert report.is_supported
    assert report.chosen == min(c for c, _ in report.tuning)
    assert report.held_out[0][1].pair_precision.value == 1.0
    notes = training_notes(128, 2, "invented women", AS_OF, report)
    assert "invented women" in notes[0]
    assert any("Held-out half: pair precision 1.0000" in note for note in notes)
    assert any("cluster precision" in line for line in national_report_lines(read_model(), report))


def test_truth_by_source_key_tells_divisions_apart(runs, tmp_path):
    path = tmp_path / "truth.csv"
    keys = [("D", "LEGACY", "PERSON", full("d00"), "P1"), ("N", "LEGACY", "PERSON", full("n00"), "P2")]
    keys.append(("N", "LEGACY", "PERSON", full("d00"), "P3"))
    header = "division_code,source_system,source_table,source_key,person_id"
    path.write_text("\n".join([header, *(",".join(k) for k in keys)]), encoding="utf-8")
    assert read_truth(runs, [path]) == {full("d00"): "P1", full("n00"): "P2"}


def test_truth_that_names_no_nominal_is_refused(runs, tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("nominal_id,person_id\nnobody,P1\n", encoding="utf-8")
    with pytest.raises(SourceError, match="truth of nominals"):
        read_truth(runs, [path])
