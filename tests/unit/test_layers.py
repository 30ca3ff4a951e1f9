"""Layers are written whole or not at all, and known by what they were made from."""

from pathlib import Path

import pytest

from migration import layers
from migration.duck import copy_to_parquet, open_session
from migration.errors import SourceError
from migration.records import Layer, RunContext
from migration.settings import Settings


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    return RunContext(Settings(home=tmp_path), "X", "20260101T000000Z")


def write_numbers(context: RunContext, query: str, key: str = "k1") -> None:
    with layers.write_layer(context, Layer.RAW, key) as writer, open_session(context.settings) as connection:
        copy_to_parquet(connection, query, writer.path("system/numbers"), layers.parquet_metadata(context))


def test_layer_when_written_has_rows_and_hashes_in_its_manifest(context):
    write_numbers(context, "SELECT range AS n FROM range(5)")
    table = layers.read_manifest(context, Layer.RAW).tables[0]
    path = layers.layer_folder(context, Layer.RAW) / table.path
    assert (table.name, table.rows, table.bytes) == ("system/numbers", 5, path.stat().st_size)
    assert table.sha256 == layers.hash_file(path)


def test_layer_when_rows_come_in_another_order_has_the_same_content_hash(context):
    write_numbers(context, "SELECT range AS n FROM range(5)")
    before = layers.read_manifest(context, Layer.RAW).content_hash
    write_numbers(context, "SELECT range AS n FROM range(5) ORDER BY n DESC")
    assert layers.read_manifest(context, Layer.RAW).content_hash == before


def test_layer_when_writing_fails_is_as_it_was_before(context):
    write_numbers(context, "SELECT 1 AS n")
    before = layers.read_manifest(context, Layer.RAW)
    with pytest.raises(RuntimeError), layers.write_layer(context, Layer.RAW, "k2") as writer:
        writer.path("half").write_bytes(b"PAR1")
        raise RuntimeError
    assert layers.read_manifest(context, Layer.RAW) == before
    assert [p.name for p in context.folder.iterdir()] == ["raw"]


def test_layer_when_a_killed_writer_left_its_folder_is_written_again(context):
    (context.folder / ".raw.writing").mkdir(parents=True)
    (context.folder / ".raw.writing" / "left.parquet").write_bytes(b"half")
    assert layers.find_manifest(context, Layer.RAW) is None
    write_numbers(context, "SELECT 1 AS n")
    assert [t.name for t in layers.read_manifest(context, Layer.RAW).tables] == ["system/numbers"]


def test_current_manifest_when_the_key_differs_is_none(context):
    write_numbers(context, "SELECT 1 AS n", key="k1")
    assert layers.current_manifest(context, Layer.RAW, "k1") is not None
    assert layers.current_manifest(context, Layer.RAW, "k2") is None


def test_read_manifest_when_a_file_was_cut_short_says_which(context):
    write_numbers(context, "SELECT 1 AS n")
    path = layers.layer_folder(context, Layer.RAW) / "system/numbers.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SourceError, match=r"system/numbers\.parquet: found \d+ bytes; expected \d+ bytes"):
        layers.read_manifest(context, Layer.RAW)


def test_read_manifest_when_the_layer_is_missing_says_what_to_do(context):
    with pytest.raises(SourceError, match="Run `migrate run X` again"):
        layers.read_manifest(context, Layer.MAPPED)


def test_find_entity_takes_the_newest_layer(context):
    for layer in (Layer.MAPPED, Layer.LOCATED):
        with layers.write_layer(context, layer, "k") as writer, open_session(context.settings) as connection:
            copy_to_parquet(connection, "SELECT 1 AS n", writer.path("crime_report"), {})
    found = layers.find_entity(context, "crime_report")
    assert found is not None
    assert found.parent.name == "located"
    assert layers.find_entity(context, "nominal") is None


def test_stage_key_changes_with_inputs_and_parameters_only():
    assert layers.stage_key(["a"], pack="1") == layers.stage_key(["a"], pack="1")
    assert layers.stage_key(["a"], pack="1") != layers.stage_key(["a"], pack="2")
    assert layers.stage_key(["a"], pack="1") != layers.stage_key(["b"], pack="1")


def test_parquet_carries_its_protective_marking(context):
    write_numbers(context, "SELECT 1 AS n")
    import pyarrow.parquet as pq

    path = layers.layer_folder(context, Layer.RAW) / "system/numbers.parquet"
    assert pq.read_metadata(path).metadata[b"security_marking"] == b"OFFICIAL-SENSITIVE"
