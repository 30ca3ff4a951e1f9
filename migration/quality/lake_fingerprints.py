"""The same totals as `fingerprints` computes in PostgreSQL, of files of the lake.

Enters: a DuckDB relation that holds an entity. Leaves: `TableTotals` by group, or a hash per row. Must hold: equal
rows give the totals that PostgreSQL gives; memory is bounded by a batch. Source: PostgreSQL, `hashfunc.c`.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.fingerprint import quote
from migration.lookup3 import Bytes
from migration.quality import hash_kernel as kernel
from migration.quality.fingerprints import SUMMED, ColumnTotals, TableTotals, empty_totals, key_columns, name_sql
from migration.quality.json_text import canonical_json
from migration.schema.model import Entity, Field, FieldType

BATCH_ROWS = 122_880
MICROSECONDS_TO_2000 = 946_684_800_000_000
_READ = {
    FieldType.BOOLEAN: "{c}::BIGINT",
    FieldType.DATE: "({c} - DATE '2000-01-01')::BIGINT",
    FieldType.TIMESTAMP: f"epoch_us({{c}}) - {MICROSECONDS_TO_2000}",
    FieldType.DECIMAL: "{c}::VARCHAR",
    FieldType.INTEGER: "{c}::BIGINT",
    FieldType.DOUBLE: "{c}::DOUBLE",
    FieldType.TEXT: "{c}",
    FieldType.JSON: "{c}::VARCHAR",
}
"""How DuckDB hands a type to the hash functions."""
_SHORT = frozenset({FieldType.BOOLEAN, FieldType.DATE})
_LONG = frozenset({FieldType.INTEGER, FieldType.TIMESTAMP})


def measure_relation(
    session: duckdb.DuckDBPyConnection, relation: str, entity: Entity, threads: int, group: str = "''"
) -> dict[str, TableTotals]:
    """Totals of an entity's rows by group; nothing where there is no row.

    Args:
        relation: a DuckDB relation with the entity's columns.
        group: SQL text of a row's group; one group where left out.
    """
    fields = entity.fields
    groups: dict[str, int] = {}
    sums = np.zeros((len(fields) + 1, 0, 3), np.int64)
    with ThreadPoolExecutor(threads) as pool:
        for batch in _read_batches(session, relation, fields, f"{group} AS g"):
            codes = _number_groups(batch.column("g"), groups)
            if sums.shape[1] < len(groups):
                sums = np.pad(sums, ((0, 0), (0, len(groups) - sums.shape[1]), (0, 0)))
            seeds = _key_hashes(batch, entity)
            kernel.add_by_group(seeds, np.ones(len(seeds), np.bool_), codes, sums[-1])
            list(pool.map(lambda n: _add_column(batch, fields[n], seeds, codes, sums[n]), range(len(fields))))  # noqa: B023
    numbers = _sum_numbers(session, relation, entity, group)
    return {name: _read_sums(entity, sums[:, n], numbers[name]) for name, n in groups.items()}


def measure_file(session: duckdb.DuckDBPyConnection, relation: str | None, entity: Entity, threads: int) -> TableTotals:
    """Totals of a whole relation; of an empty table where there is none."""
    found = measure_relation(session, relation, entity, threads) if relation else {}
    return found.get("", empty_totals(entity))


def read_row_hashes(
    session: duckdb.DuckDBPyConnection, relation: str, entity: Entity, fields: Sequence[Field]
) -> Iterator[pa.RecordBatch]:
    """Each row's name `n`, the hash `k` of its key and the hashes `h0`... of some fields, as signed numbers."""
    kept = [f for f in entity.fields if f in fields or f.name in key_columns(entity)]
    for batch in _read_batches(session, relation, kept, f"{name_sql(entity)} AS n"):
        seeds = _key_hashes(batch, entity)
        arrays = [batch.column("n"), pa.array(seeds.view(np.int64))]
        for item in fields:
            hashes, valid = _hash_column(batch.column(item.name), item.type, seeds)
            arrays.append(pa.array(hashes.view(np.int64), mask=~valid))
        yield pa.record_batch(arrays, names=["n", "k", *(f"h{i}" for i in range(len(fields)))])


def _read_batches(
    session: duckdb.DuckDBPyConnection, relation: str, fields: Sequence[Field], more: str
) -> Iterator[pa.RecordBatch]:
    columns = [f"{_READ[f.type].format(c=quote(f.name))} AS {quote(f.name)}" for f in fields]
    return iter(session.execute(f"SELECT {', '.join((*columns, more))} FROM {relation}").to_arrow_reader(BATCH_ROWS))


def _number_groups(column: pa.Array, groups: dict[str, int]) -> "kernel.Ints":
    encoded = column.dictionary_encode()
    known = np.array([groups.setdefault(name, len(groups)) for name in encoded.dictionary.to_pylist()], np.int64)
    codes: kernel.Ints = known[encoded.indices.to_numpy(zero_copy_only=False)]
    return codes


def _key_hashes(batch: pa.RecordBatch, entity: Entity) -> "kernel.Hashes":
    seeds = np.zeros(batch.num_rows, np.uint64)
    for name in key_columns(entity):
        seeds, _ = _hash_column(batch.column(name), entity.field(name).type, seeds, seeds.copy())
    return seeds


def _hash_column(
    column: pa.Array, kind: FieldType, seeds: "kernel.Hashes", out: "kernel.Hashes | None" = None
) -> tuple["kernel.Hashes", "kernel.Bools"]:
    """Hash per row and whether there is a value; rows without one keep what `out` holds."""
    valid = np.asarray(column.is_valid())
    out = np.zeros(len(column), np.uint64) if out is None else out
    if kind in _SHORT or kind in _LONG:
        numbers = np.asarray(column.fill_null(0)).astype(np.int64, copy=False)
        (kernel.hash_short_numbers if kind in _SHORT else kernel.hash_long_numbers)(numbers, valid, seeds, out)
    elif kind is FieldType.DOUBLE:
        doubles = np.asarray(column.fill_null(0.0))
        kernel.hash_doubles(doubles, doubles.view(np.uint64), valid, seeds, out)
    else:
        texts = _canonical(column) if kind is FieldType.JSON else column
        kernel.hash_texts(*_read_texts(texts), valid, seeds, out)
    return out, valid


def _canonical(column: pa.Array) -> pa.Array:
    encoded = column.dictionary_encode()
    texts = [canonical_json(text) for text in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(texts, pa.string()), encoded.indices)


def _read_texts(column: pa.Array) -> tuple[Bytes, "kernel.Ints"]:
    """Bytes and offsets of a text column; an empty column has no bytes at all."""
    _, places, data = column.cast(pa.string()).buffers()
    offsets = np.frombuffer(places, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    return (np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)), offsets


def _add_column(
    batch: pa.RecordBatch, item: Field, seeds: "kernel.Hashes", codes: "kernel.Ints", sums: "kernel.Ints"
) -> None:
    hashes, valid = _hash_column(batch.column(item.name), item.type, seeds)
    kernel.add_by_group(hashes, valid, codes, sums)


def _sum_numbers(
    session: duckdb.DuckDBPyConnection, relation: str, entity: Entity, group: str
) -> dict[str, dict[str, str | None]]:
    """Sums of number columns by group."""
    names = [f.name for f in entity.fields if f.type in SUMMED]
    sums = "".join(f", sum({quote(name)})::VARCHAR" for name in names)
    rows = session.execute(f"SELECT {group} AS g{sums} FROM {relation} GROUP BY g").fetchall()
    return {str(row[0]): dict(zip(names, row[1:], strict=True)) for row in rows}


def _read_sums(entity: Entity, sums: "kernel.Ints", numbers: dict[str, str | None]) -> TableTotals:
    """Totals from the sums of a group: the last line is the keys', the others are the fields'."""
    whole = [str((int(high) << 32) + int(low)) for _, high, low in sums]
    columns = {
        f.name: ColumnTotals(int(sums[n, 0]), whole[n], numbers.get(f.name)) for n, f in enumerate(entity.fields)
    }
    return TableTotals(int(sums[-1, 0]), whole[-1], columns)
