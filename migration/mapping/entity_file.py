"""The Parquet file of one entity, written batch by batch with its lineage and row hashes.

Enters: Arrow columns of loaded records. Leaves: a file whose columns are the entity's fields. Must hold: `row_hash`
covers the business fields that the mapping fills; texts that Arrow holds as dictionaries stay so. Refuses: nothing.
Ids and hashes are noise, which no compression makes smaller than half: they are written as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from migration.layers import LayerWriter, parquet_metadata
from migration.mapping.fates import Decided
from migration.mapping.literals import name
from migration.mapping.model import Pack, Record
from migration.records import RunContext
from migration.row_hash import row_hashes
from migration.schema.arrow import arrow_type, duckdb_type
from migration.schema.model import Entity, FieldType

GROUP_ROWS = 122_880
TEXT = pa.dictionary(pa.int32(), pa.string())
BESIDE = {"source_key": "_key", "source_row": "_source_row", "retention_class": "_retention"}
"""Lineage that differs from record to record, and the columns of a decided table that hold it."""


@dataclass
class EntityFile:
    """A file being written; it is there once the block ends.

    Attributes:
        rows: records written.
        row_groups: row groups written.
    """

    context: RunContext
    pack: Pack
    entity: Entity
    path: Path
    rows: int = 0
    row_groups: int = 0
    _writer: pq.ParquetWriter | None = field(default=None, repr=False)

    def __enter__(self) -> "EntityFile":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if self._writer is None:
            self._open({})
        if self._writer is not None:
            self._writer.close()

    @property
    def hashed(self) -> list[str]:
        """Names of the fields that the row hash covers."""
        return [f.name for f in self.entity.business_fields if f.filled_by is None]

    def write(self, record: Record, columns: Mapping[str, pa.Array], rows: int) -> None:
        """Write loaded records as one row group.

        Args:
            columns: business fields and `BESIDE`, by field; every one in one chunk.
        """
        same = self._same_in_all(record)
        origin = pa.array(np.zeros(rows, np.int32))
        columns = {
            **columns,
            **{k: pa.DictionaryArray.from_arrays(origin, [text]) for k, text in same.items()},
            "row_hash": row_hashes({f: columns[f] for f in self.hashed}, rows),
        }
        writer = self._writer or self._open(columns)
        arrays = [_as_type(columns[f.name], f.type) for f in writer.schema]
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=writer.schema), row_group_size=max(rows, 1))
        self.rows += rows
        self.row_groups += 1

    def _same_in_all(self, record: Record) -> dict[str, str]:
        return {
            "division_code": self.pack.division,
            "source_system": record.system,
            "source_table": record.table,
            "run_id": self.context.run_id,
            "mapping_version": self.pack.version,
            "security_marking": self.pack.system(record.system).marking,
        }

    def _open(self, columns: Mapping[str, pa.Array]) -> pq.ParquetWriter:
        fields = self.entity.fields
        listed = {n for n, values in columns.items() if pa.types.is_dictionary(values.type)}
        noise = {f.name for f in fields if f.references is not None and f.codes is None}
        noise = (noise | {self.entity.key[-1], "row_hash"}) - listed
        if not listed & {f.name for f in self.entity.business_fields}:  # nobody has said which texts are few
            listed_texts = {f.name for f in fields if f.type is FieldType.TEXT} - noise - {"source_key"}
        else:
            listed_texts = listed
        packed = {f.name: "NONE" if f.name in noise else "ZSTD" for f in fields}
        schema = pa.schema([pa.field(f.name, TEXT if f.name in listed else arrow_type(f)) for f in fields])
        self._writer = pq.ParquetWriter(
            self.path,
            schema,
            compression=packed,
            compression_level={k: 1 for k, how in packed.items() if how == "ZSTD"},
            use_dictionary=sorted(listed_texts),
            write_statistics=False,
            store_schema=False,
        )
        self._writer.add_key_value_metadata(parquet_metadata(self.context))
        return self._writer


def _as_type(values: pa.Array, kind: pa.DataType) -> pa.Array:
    if values.type == kind:
        return values
    if pa.types.is_dictionary(kind):
        return values.cast(pa.string()).dictionary_encode()
    return values.cast(kind)


@dataclass(frozen=True)
class EntityFiles:
    """Where the entities' files go, and the raw layer they are made from."""

    context: RunContext
    pack: Pack
    writer: LayerWriter
    raw: Path

    def open(self, entity: Entity) -> EntityFile:
        """The file of an entity, empty."""
        return EntityFile(self.context, self.pack, entity, self.writer.path(entity.name))


def write_decided(connection: duckdb.DuckDBPyConnection, file: EntityFile, decided: Decided) -> None:
    """Write the loaded records of a decided table."""
    fields = [f for f in file.entity.fields if not f.is_lineage]
    columns = [f"{name(f.name)}::{duckdb_type(f)} AS {name(f.name)}" for f in fields]
    columns += [f"{column} AS {name(field_name)}" for field_name, column in BESIDE.items()]
    query = f"SELECT {', '.join(columns)} FROM {decided.table} WHERE _outcome = 'LOADED'"
    for batch in connection.execute(query).to_arrow_reader(GROUP_ROWS):
        if batch.num_rows:
            names = batch.schema.names
            file.write(decided.record, dict(zip(names, batch.columns, strict=True)), batch.num_rows)
