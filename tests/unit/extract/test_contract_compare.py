"""An extract that would write wrong records is stopped by name."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migration.errors import ConfigError, SourceError
from migration.extract.contract import FindingName, Severity
from migration.extract.contract_compare import compare_extracts

ROWS = [
    {"ID": f"{i}", "NAME": f"name {i}", "STREET": f"{i} High Street", "TYPE": f"{i % 3}", "EXPORTED": "monday"}
    for i in range(200)
]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def compare(tmp_path, settings):
    """Compare two lists of rows by ID; findings by name."""

    def run(new, old=ROWS):
        paths = write(tmp_path / "old.parquet", old), write(tmp_path / "new.parquet", new)
        report = compare_extracts(settings, *paths, ["ID"])
        return {f.name: f for f in report.findings}, report

    return run


def test_equal_extracts_give_no_finding(compare) -> None:
    findings, report = compare(list(reversed(ROWS)))
    assert findings == {}
    assert (report.known_keys, report.changed_keys) == (200, 0)


def test_payloads_under_other_keys_stop_the_run_though_the_count_is_right(compare) -> None:
    shifted = [{**ROWS[(i + 1) % 200], "ID": r["ID"]} if 20 <= i < 190 else r for i, r in enumerate(ROWS)]
    edited = [{**r, "TYPE": "9"} if i % 5 == 0 else r for i, r in enumerate(shifted)]
    findings, report = compare(edited)
    assert report.old_rows == report.new_rows
    assert findings[FindingName.PAYLOADS_MOVED].severity is Severity.STOP
    assert findings[FindingName.PAYLOADS_MOVED].count == 170
    assert FindingName.KEYS_REUSED not in findings


def test_keys_given_to_new_records_stop_the_run(compare) -> None:
    findings, _ = compare(
        [{**r, "NAME": f"new {i}", "STREET": f"new {i}"} if i < 10 else r for i, r in enumerate(ROWS)]
    )
    assert findings[FindingName.KEYS_REUSED].count == 10
    assert findings[FindingName.KEYS_REUSED].severity is Severity.STOP


def test_text_corrected_in_a_small_code_table_warns_and_does_not_stop(compare) -> None:
    """One identifying column: nothing tells a corrected name from another record's."""
    codes = [{"ID": str(i), "NAME": f"code {i}"} for i in range(40)]
    findings, report = compare([{**codes[0], "NAME": "corrected"}, *codes[1:]], old=codes)
    assert findings[FindingName.KEYS_REUSED].severity is Severity.WARN
    assert report.stops == ()
    assert FindingName.PAYLOADS_MOVED not in findings


def test_records_under_new_keys_are_named(compare) -> None:
    findings, _ = compare([{**r, "ID": f"N{i}"} if i < 40 else r for i, r in enumerate(ROWS)])
    assert findings[FindingName.RECORDS_REKEYED].count == 40
    assert findings[FindingName.RECORDS_GONE].count == 40


def test_column_that_always_changes_says_nothing_about_keys(compare) -> None:
    findings, report = compare([{**r, "EXPORTED": "tuesday"} for r in ROWS])
    assert list(findings) == [FindingName.COLUMN_VOLATILE]
    assert report.changed_keys == 0


def test_late_edits_pass_when_they_are_few(compare) -> None:
    findings, report = compare([{**r, "NAME": r["NAME"] + "x"} if i < 20 else r for i, r in enumerate(ROWS)])
    assert findings == {}
    assert report.changed_keys == 20


def test_changes_of_shape_stop_the_run(compare) -> None:
    new = [{"ID": r["ID"], "NAME": r["NAME"], "STREET": i, "TYPE": "", "ADDED": "x"} for i, r in enumerate(ROWS)]
    findings, _ = compare(new)
    stopped = {n for n, f in findings.items() if f.severity is Severity.STOP}
    assert {
        FindingName.COLUMN_GONE,
        FindingName.COLUMN_ADDED,
        FindingName.COLUMN_RETYPED,
        FindingName.COLUMN_EMPTIED,
    } <= stopped


@pytest.mark.parametrize(("rows", "severity"), [(175, Severity.WARN), (90, Severity.STOP), (0, Severity.STOP)])
def test_volume_is_graded_by_its_change(tmp_path, settings, rows, severity) -> None:
    old = write(tmp_path / "old.parquet", ROWS)
    pq.write_table(pa.Table.from_pylist(ROWS).slice(0, rows), tmp_path / "new.parquet")
    report = compare_extracts(settings, old, tmp_path / "new.parquet", ["ID"])
    found = {f.name: f.severity for f in report.findings}
    assert found[FindingName.VOLUME_OUTSIDE_BOUNDS] is severity


def test_key_that_stands_for_two_rows_stops_the_run(compare) -> None:
    findings, _ = compare([*ROWS, {**ROWS[0], "NAME": "other"}])
    assert findings[FindingName.KEYS_REPEATED].severity is Severity.STOP


def test_no_finding_shows_a_value_of_a_record(compare) -> None:
    _, report = compare([{**ROWS[(i + 1) % 200], "ID": r["ID"]} for i, r in enumerate(ROWS)])
    text = " ".join(str(f) for f in report.findings)
    assert "name" not in text
    assert "High Street" not in text


def test_csv_is_compared_with_parquet(tmp_path, settings) -> None:
    old = write(tmp_path / "old.parquet", [{"ID": "1", "V": "a"}])
    (tmp_path / "new.csv").write_text("ID,V\n1,a\n")
    assert compare_extracts(settings, old, tmp_path / "new.csv", ["ID"]).findings == ()


def test_unusable_input_gives_one_error(tmp_path, settings) -> None:
    old = write(tmp_path / "old.parquet", ROWS)
    with pytest.raises(ConfigError, match="WRONG"):
        compare_extracts(settings, old, old, ["WRONG"])
    with pytest.raises(SourceError, match="no file"):
        compare_extracts(settings, old, tmp_path / "gone.parquet", ["ID"])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="cannot be read"):
        compare_extracts(settings, old, tmp_path / "broken.parquet", ["ID"])


def test_one_kind_of_record_of_an_xml_document_is_compared_by_an_attribute(tmp_path, settings) -> None:
    """Documents with records of several kinds, nested."""
    log = "<Log><At>1</At></Log><Log><At>2</At></Log>"
    crimes = [f'<Crime no="{i}"><Street>{i} High Street</Street>{log}</Crime>' for i in range(50)]
    old, new = tmp_path / "old.xml", tmp_path / "new.xml"
    old.write_text(f"<all>{''.join(crimes)}</all>")
    new.write_text(f"<all>{''.join(crimes[1:])}</all>".replace("<Street>7 High Street</Street>", ""))
    report = compare_extracts(settings, old, new, ["no"], record="Crime")
    assert (report.old_rows, report.known_keys, report.gone_keys, report.changed_keys) == (50, 49, 1, 1)
