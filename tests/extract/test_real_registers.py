"""Two real extracts of the same premises registers, three months apart."""

from pathlib import Path

import duckdb
import pytest

from migration.extract.contract import FindingName
from migration.extract.contract_compare import compare_extracts
from migration.extract.delta import check_delta, find_delta

KEY = ["FHRSID"]


@pytest.fixture
def registers(find_real_data, tmp_path) -> tuple[Path, Path]:
    """The first and the latest extract of the same authorities."""
    folder = find_real_data("fhrs_scotland_2020")
    latest = folder / "2020-11-latest_divisions_ADE.parquet"
    first = tmp_path / "first.parquet"
    duckdb.sql(
        f"COPY (SELECT * FROM '{folder}/2020-08-first.parquet' "
        f"WHERE division IN (SELECT division FROM '{latest}')) TO '{first}'"
    )
    return first, latest


@pytest.mark.real_data
def test_real_delta_makes_the_latest_extract_of_the_first(registers, settings, tmp_path) -> None:
    first, latest = registers
    counts = find_delta(settings, first, latest, KEY, tmp_path / "delta.parquet")
    expected = duckdb.sql(
        f"SELECT count(*) FILTER (o.FHRSID IS NULL), count(*) FILTER (n.FHRSID IS NULL) "
        f"FROM '{first}' o FULL JOIN '{latest}' n USING (FHRSID)"
    ).fetchone()
    assert (counts.inserted, counts.deleted) == expected
    assert check_delta(settings, first, tmp_path / "delta.parquet", latest, KEY) == 13_534


@pytest.mark.real_data
def test_real_delta_is_small_when_the_day_of_export_is_ignored(registers, settings, tmp_path) -> None:
    first, latest = registers
    counts = find_delta(settings, first, latest, KEY, tmp_path / "delta.parquet", ignored=["ExtractDate"])
    assert counts.updated < 3_000
    assert check_delta(settings, first, tmp_path / "delta.parquet", latest, KEY, ignored=["ExtractDate"]) == 13_534


@pytest.mark.real_data
def test_real_extract_passes_and_one_whose_payloads_slid_is_stopped(registers, settings, tmp_path) -> None:
    """One authority's rows slide by one key: what happened to a real register, with a normal count of rows."""
    first, latest = registers
    assert compare_extracts(settings, first, latest, KEY).stops == ()
    fault = tmp_path / "fault.parquet"
    duckdb.sql(
        f"COPY (WITH m AS (SELECT *, row_number() OVER (ORDER BY FHRSID) AS r, count(*) OVER () AS n FROM '{latest}' "
        f"WHERE LocalAuthorityName = 'Moray') SELECT k.FHRSID, p.* EXCLUDE (FHRSID, r, n) FROM m k "
        f"JOIN m p ON p.r = k.r % k.n + 1 UNION ALL BY NAME "
        f"SELECT * FROM '{latest}' WHERE LocalAuthorityName <> 'Moray') TO '{fault}'"
    )
    report = compare_extracts(settings, first, fault, KEY)
    assert [f.name for f in report.stops] == [FindingName.PAYLOADS_MOVED]
    assert report.stops[0].count > 900
