"""A delta applied to the last full extract is the new full extract."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from migration.errors import ReconciliationError, SourceError
from migration.extract.delta import DeltaCounts, apply_delta, check_delta, content_hash, find_delta

SCHEMA = pa.schema([("ID", pa.string()), ("V", pa.string())])


def write(path: Path, rows: list[tuple[str | None, str | None]]) -> Path:
    pq.write_table(pa.Table.from_pylist([{"ID": i, "V": v} for i, v in rows], SCHEMA), path)
    return path


def test_inserts_late_edits_and_deletes_are_told_apart(tmp_path, settings) -> None:
    old = write(tmp_path / "old.parquet", [("1", "a"), ("2", "b"), ("3", None)])
    new = write(tmp_path / "new.parquet", [("4", "d"), ("3", ""), ("1", "a")])
    counts = find_delta(settings, old, new, ["ID"], tmp_path / "delta.parquet")
    assert counts == DeltaCounts(inserted=1, updated=1, deleted=1)
    delta = {r["ID"]: r["_change"] for r in pq.read_table(tmp_path / "delta.parquet").to_pylist()}
    assert delta == {"2": "DELETE", "3": "UPDATE", "4": "INSERT"}
    assert check_delta(settings, old, tmp_path / "delta.parquet", new, ["ID"]) == 3


ROWS = st.lists(st.tuples(st.sampled_from(["1", "2", "3", None, ""]), st.sampled_from(["a", "", None])), max_size=12)


@given_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=ROWS, new=ROWS)
def test_any_extract_is_reached_when_its_delta_is_applied(tmp_path, settings, old, new) -> None:
    """Also with keys that are NULL, empty, or stand for several equal rows."""
    before, after = write(tmp_path / "old.parquet", old), write(tmp_path / "new.parquet", new)
    delta = tmp_path / "delta.parquet"
    find_delta(settings, before, after, ["ID"], delta)
    apply_delta(settings, before, delta, ["ID"], tmp_path / "result.parquet")
    assert content_hash(settings, tmp_path / "result.parquet") == content_hash(settings, after)


def test_delta_is_refused_when_it_does_not_make_the_new_extract(tmp_path, settings) -> None:
    old, new = write(tmp_path / "old.parquet", [("1", "a")]), write(tmp_path / "new.parquet", [("1", "b")])
    find_delta(settings, old, old, ["ID"], tmp_path / "delta.parquet")
    with pytest.raises(ReconciliationError, match="another content hash"):
        check_delta(settings, old, tmp_path / "delta.parquet", new, ["ID"])


def test_delta_is_refused_when_columns_differ(tmp_path, settings) -> None:
    old = write(tmp_path / "old.parquet", [("1", "a")])
    pq.write_table(pa.table({"ID": ["1"], "W": ["a"]}), tmp_path / "new.parquet")
    with pytest.raises(SourceError, match="V, W"):
        find_delta(settings, old, tmp_path / "new.parquet", ["ID"], tmp_path / "delta.parquet")
