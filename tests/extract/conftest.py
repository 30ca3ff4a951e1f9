"""Sources of real databases, and what reading them gives."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from migration.extract.raw_table import ROWS, TableFacts, write_table
from migration.extract.readers import open_reader
from migration.extract.sources import TableSource
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable
from migration.records import RunContext
from migration.settings import Settings


@pytest.fixture
def make_table() -> Callable[..., TableSource]:
    """Build a database `TableSource` without a pack."""

    def make(url: str, table: str, columns: Sequence[str], key: Sequence[str], **options: object) -> TableSource:
        system = SourceSystem("legacy", SourceKind.DATABASE, "SETTING", "", options, "OFFICIAL", 2, "legacy", ())
        described = SourceTable(table, tuple(key), None, tuple(SourceColumn(c) for c in columns), {})
        return TableSource("X", system, described, url)

    return make


@pytest.fixture
def extract(settings: Settings, tmp_path: Path) -> Callable[[TableSource, str], tuple[TableFacts, Path]]:
    """Extract one table into a folder of the given name; its facts and its Parquet."""

    def run(source: TableSource, name: str) -> tuple[TableFacts, Path]:
        folder = tmp_path / name
        with open_reader(source) as reader:
            facts = write_table(RunContext(settings, "X", "r"), source, reader, folder, "key")
        return facts, folder / ROWS

    return run


def column_types(path: Path) -> dict[str, pa.DataType]:
    """Arrow type of each column of a Parquet file."""
    schema = pa.parquet.read_schema(path)
    return {f.name: f.type for f in schema}
