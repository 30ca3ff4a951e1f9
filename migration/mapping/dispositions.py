"""One disposition for each source record.

Enters: the entities' files and what is known of the records that were not loaded. Leaves: `disposition.parquet`. Must
hold: a record that lies in an entity's file is LOADED, every other one has its outcome and its reason.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from migration.layers import LayerWriter, parquet_metadata
from migration.mapping.entity_file import GROUP_ROWS, TEXT
from migration.mapping.fates import Decided
from migration.mapping.literals import literal, name
from migration.mapping.model import Pack
from migration.records import Disposition, RunContext
from migration.schema.model import Entity, NationalSchema

QUARANTINED_LINES = "quarantined lines"
"""View of the raw lines that extraction could not read."""
COLUMNS = (
    "run_id", "division_code", "source_system", "source_table", "entity", "source_key", "outcome", "target_id",
    "rule_id", "reason_code",
)  # fmt: skip
OWN = frozenset({"source_key", "target_id"})
"""Columns whose values differ from record to record; the others repeat a few."""


def write_dispositions(
    connection: duckdb.DuckDBPyConnection,
    context: RunContext,
    pack: Pack,
    schema: NationalSchema,
    decided: list[Decided],
    writer: LayerWriter,
) -> int:
    """Write one disposition for each source record, the loaded ones from the entity files; returns how many."""
    kind = pa.schema([pa.field(c, pa.string() if c in OWN else TEXT) for c in COLUMNS])
    packed = {c: "NONE" if c == "target_id" else "ZSTD" for c in COLUMNS}
    rows = 0
    with pq.ParquetWriter(
        writer.path("disposition"),
        kind,
        compression=packed,
        compression_level={c: 1 for c, how in packed.items() if how == "ZSTD"},
        use_dictionary=[c for c in COLUMNS if c not in OWN],
        write_statistics=False,
        store_schema=False,
    ) as file:
        file.add_key_value_metadata(parquet_metadata(context))
        entities = {d.record.entity: schema.entity(d.record.entity) for d in decided if d.loads}
        for entity in entities.values():
            for batch in _read_loaded(context, pack, entity, writer.path(entity.name), kind):
                file.write_batch(batch)
                rows += batch.num_rows
        for batch in connection.execute(_rest_sql(context, pack, decided)).to_arrow_reader(GROUP_ROWS):
            if batch.num_rows:
                columns = [
                    c if f.name in OWN else c.dictionary_encode() for f, c in zip(kind, batch.columns, strict=True)
                ]
                file.write_batch(pa.RecordBatch.from_arrays(columns, schema=kind))
                rows += batch.num_rows
    return rows


def _read_loaded(
    context: RunContext, pack: Pack, entity: Entity, path: Path, kind: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The dispositions of the records in an entity's file."""
    few = ["source_system", "source_table"]
    key = entity.key[-1]
    file = pq.ParquetFile(path, read_dictionary=few)
    same = {
        "run_id": context.run_id,
        "division_code": pack.division,
        "entity": entity.name,
        "outcome": Disposition.LOADED.value,
    }
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=[*few, "source_key", key], use_threads=False)
        rows = table.num_rows
        zeros, absent = pa.array(np.zeros(rows, np.int32)), pa.nulls(rows, pa.int32())
        columns = {c: pa.DictionaryArray.from_arrays(zeros, [text]) for c, text in same.items()}
        columns |= {
            c: pa.DictionaryArray.from_arrays(absent, pa.array([], pa.string())) for c in ("rule_id", "reason_code")
        }
        columns |= {c: table.column(c) for c in (*few, "source_key")} | {"target_id": table.column(key)}
        yield from pa.table([columns[c] for c in COLUMNS], schema=kind).combine_chunks().to_batches()


def _rest_sql(context: RunContext, pack: Pack, decided: list[Decided]) -> str:
    parts = [
        f"SELECT {where_from(pack, d)}, {literal(d.record.entity)} AS entity, _key AS source_key, "
        "_outcome AS outcome, _target AS target_id, _rule AS rule_id, _reason AS reason_code "
        f"FROM {d.rest} WHERE _outcome <> 'LOADED'"
        for d in decided
    ]
    parts.append(
        f"SELECT {literal(pack.division)} AS division_code, source_system, source_table, entity, source_key, "
        f"'QUARANTINED' AS outcome, NULL AS target_id, rule_id, reason_code FROM {name(QUARANTINED_LINES)}"
    )
    union = "\nUNION ALL BY NAME\n".join(parts)
    columns = ", ".join(f"{c}::VARCHAR AS {c}" for c in COLUMNS)
    return f"SELECT {columns} FROM (SELECT {literal(context.run_id)} AS run_id, * FROM ({union}))"


def where_from(pack: Pack, decided: Decided) -> str:
    """SQL columns of the division, system and table of a record map."""
    return (
        f"{literal(pack.division)} AS division_code, {literal(decided.record.system)} AS source_system, "
        f"{literal(decided.record.table)} AS source_table"
    )
