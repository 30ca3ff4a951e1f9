"""SCRS samples: sizes and intervals against published tables, sheets that are refused when they were changed."""

import csv
from pathlib import Path

import pytest

from migration.errors import ConfigError
from migration.quality.scrs import Sample, ScrsTest, exact_interval, read_sheet, sample_size, write_sheet

SAMPLE = Sample(ScrsTest.NO_CRIME, "abc", 40, tuple(("s", "t", f"K{n}") for n in range(20)))


def fill(path: Path, answers: list[str], **changes: str) -> Path:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, answer in zip(rows, answers, strict=True):
        row["compliant"] = answer
    rows[0].update(changes)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(("population", "size"), [(0, 0), (1, 1), (100, 68), (10_000, 199), (1_000_000, 203)])
def test_sample_size_follows_cochran_with_finite_population(population: int, size: int) -> None:
    assert sample_size(population) == size


def test_smaller_margin_needs_more_records() -> None:
    assert sample_size(100_000, margin=0.01) > sample_size(100_000, margin=0.03)


@pytest.mark.parametrize(
    ("successes", "trials", "lower", "upper"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (9, 10, 0.5550, 0.9975), (95, 100, 0.8872, 0.9836)],
)
def test_interval_is_clopper_pearson(successes: int, trials: int, lower: float, upper: float) -> None:
    assert exact_interval(successes, trials) == pytest.approx((lower, upper), abs=5e-4)


def test_filled_sheet_gives_share_interval_and_an_honest_verdict(tmp_path: Path) -> None:
    path = fill(write_sheet(SAMPLE, tmp_path / "s.csv"), ["yes"] * 20)
    result = read_sheet(SAMPLE, path)
    assert (result.checked, result.compliant, result.share) == (20, 20, 1.0)
    assert result.verdict.startswith("cannot tell")
    assert read_sheet(SAMPLE, fill(path, ["no"] * 20)).verdict == "does not meet the standard"


@pytest.mark.parametrize("changes", [{"source_key": "K99"}, {"sample_id": "other"}])
def test_changed_sheet_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    path = fill(write_sheet(SAMPLE, tmp_path / "s.csv"), ["yes"] * 20, **changes)
    with pytest.raises(ConfigError, match="not those of the sample"):
        read_sheet(SAMPLE, path)


def test_incomplete_sheet_is_refused(tmp_path: Path) -> None:
    path = fill(write_sheet(SAMPLE, tmp_path / "s.csv"), ["yes"] * 19 + [""])
    with pytest.raises(ConfigError, match="1 rows without an answer"):
        read_sheet(SAMPLE, path)
