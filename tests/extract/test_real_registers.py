"""Two real extracts of the same premises registers, three months apart."""

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from migration.extract.contract import FindingName
from migration.extract.contract_compare import compare_extracts
from migration.extract.delta import apply_delta, check_delta, content_hash, find_delta
from migration.extract.delta_stage import DeltaMethod, read_deltas
from migration.extract.stage import extract_division
from migration.layers import read_manifest
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable
from migration.records import Layer, RunContext

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
def test_real_delta_applied_is_the_latest_extract_row_by_row(registers, settings, tmp_path) -> None:
    """The hashes of both, and beside them a comparison that knows nothing of hashes."""
    first, latest = registers
    delta, applied = tmp_path / "delta.parquet", tmp_path / "applied.parquet"
    find_delta(settings, first, latest, KEY, delta)
    assert apply_delta(settings, first, delta, KEY, applied) == 13_534
    assert content_hash(settings, applied) == content_hash(settings, latest) != content_hash(settings, first)
    for left, right in ((applied, latest), (latest, applied)):
        assert duckdb.sql(f"SELECT * FROM '{left}' EXCEPT ALL SELECT * FROM '{right}'").fetchall() == []


@pytest.mark.real_data
def test_run_by_delta_over_the_real_registers_has_the_raw_layer_of_a_full_run(
    registers, settings, tmp_path, monkeypatch
) -> None:
    """The registers as files of a legacy system: the first delivery, then the latest in its place."""
    columns = [c for c, *_ in duckdb.sql(f"DESCRIBE '{registers[0]}'").fetchall()]
    options = {"delta_ignored": ["ExtractDate"]}
    table = SourceTable("premises", tuple(KEY), None, tuple(map(SourceColumn, columns)), {}, files="*.csv")
    folder = tmp_path / "delivered"
    folder.mkdir()
    system = SourceSystem("fhrs", SourceKind.DELIMITED, "", str(folder), options, "OFFICIAL", 1, "fhrs", (table,))
    pack = SimpleNamespace(division="X", systems=(system,))
    monkeypatch.setattr("migration.extract.sources.load_pack", lambda *_: pack)
    runs = [RunContext(settings, "X", f"2020112{n}T000000Z") for n in range(3)]
    deliver(registers[0], folder)
    extract_division(runs[0])
    deliver(registers[1], folder)
    extract_division(runs[1], base=runs[0])
    extract_division(runs[2])
    (found,) = read_deltas(runs[1])
    assert (found.method, found.rows) == (DeltaMethod.KEY_AND_HASH, 13_534)
    assert 0 < found.inserted + found.updated + found.deleted < 4_000
    by_delta, whole = (read_manifest(run, Layer.RAW) for run in runs[1:])
    assert by_delta.content_hash == whole.content_hash != read_manifest(runs[0], Layer.RAW).content_hash


def deliver(register: Path, folder: Path) -> None:
    """Write a register as a legacy system exports it."""
    duckdb.sql(f"COPY (SELECT * FROM '{register}') TO '{folder}/premises.csv' (HEADER, FORCE_QUOTE *)")


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
