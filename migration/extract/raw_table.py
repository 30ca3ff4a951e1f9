"""One source table written to Parquet, with its quarantine, checked against its source.

Enters: a `TableReader`. Leaves: a folder with `rows.parquet`, `bad_lines.parquet` where there are any, and
`table.json` (rows, control totals, facts), put in place whole. Must hold: the Parquet's control totals are the
source's. Refuses: totals that differ, a key that stands for two different rows, and a table without rows where the
pack does not allow it.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from migration.duck import open_session, read_parquet_sql
from migration.errors import SourceError
from migration.extract.measure import DICTIONARY_BYTES, Measurement, may_repeat_keys, measure_parquet
from migration.extract.reader import SOURCE_ROW, BadLine, HoldsBack, RawBatch, TableReader
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals, HashScheme, check_totals
from migration.extract.watch import Watch
from migration.fingerprint import combine_hashes, quote, row_hash_sql
from migration.layers import write_json
from migration.records import RunContext

ROWS, BAD_LINES, FACTS = "rows.parquet", "bad_lines.parquet", "table.json"
BAD_LINE_SCHEMA = pa.schema(
    [
        ("source_system", pa.string()),
        ("source_table", pa.string()),
        ("source_file", pa.string()),
        ("source_row", pa.int64()),
        ("line", pa.int64()),
        ("byte_offset", pa.int64()),
        ("reason_code", pa.string()),
        ("line_sha256", pa.string()),
        ("content", pa.binary()),
    ]
)
GROUP_ROWS = 32_768
MOST_HASHED_KEYS = 10_000_000
"""Keys whose hashes are compared in memory (80 MB); larger tables are left to DuckDB, which spills."""


@dataclass(frozen=True)
class TableFacts:
    """What extracting one table found. `key` says what it was made from; `facts` go to the layer's manifest."""

    key: str
    rows: int
    quarantined: int
    facts: dict[str, Any]


def read_table_facts(folder: Path) -> TableFacts | None:
    """The facts of an extracted table, or None where the folder is not there."""
    path = folder / FACTS
    return TableFacts(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def write_table(
    context: RunContext, source: TableSource, reader: TableReader, folder: Path, key: str, watch: Watch | None = None
) -> TableFacts:
    """Extract one table into `folder`, which appears only when all checks hold.

    Raises:
        SourceError: the source cannot be read, holds a key twice, or is empty where it may not be.
        ReconciliationError: what was written is not what the source holds.
    """
    started = time.monotonic()
    proof = reader.ending_proof() if isinstance(reader, HoldsBack) else nullcontext()
    with _replacing(folder) as temporary, proof:
        rows, bad_rows = _write_rows(context, source, reader, temporary, watch or Watch(source))
        if rows + len(bad_rows) == 0 and not source.allows_empty:
            fix = "Ask the system's owner; where it is right, set `allow_empty: true` in the table's options."
            raise SourceError(source.where, "no rows", "at least one", fix)
        check_keys(context, source, temporary / ROWS)
        totals = _prove_totals(context, source, reader, temporary / ROWS, bad_rows)
        facts: dict[str, Any] = {
            "control_totals": totals,
            "schema_fingerprint": combine_hashes(f"{f.name}:{f.type}" for f in reader.schema),
            "source": reader.describe(),
            "seconds": round(time.monotonic() - started, 3),
        }
        written = TableFacts(key, rows, len(bad_rows), facts)
        write_json(temporary / FACTS, written.__dict__)
    return written


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A temporary folder that takes `folder`'s place when the block ends without an error."""
    temporary = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def table_metadata(context: RunContext, source: TableSource) -> dict[str, str]:
    """Footer metadata of the table's Parquet: division, system and the system's own marking."""
    return {
        "division": context.division,
        "source_system": source.system.name,
        "security_marking": source.system.marking,
    }


def _write_rows(
    context: RunContext, source: TableSource, reader: TableReader, folder: Path, watch: Watch
) -> tuple[int, frozenset[int]]:
    """Write all batches; returns the rows written and the ordinals of those in quarantine."""
    schema = reader.schema.append(pa.field(SOURCE_ROW, pa.int64(), nullable=False))
    schema = schema.with_metadata(table_metadata(context, source))
    bad_rows: set[int] = set()

    def kept(batches: Iterator[RawBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            bad.write(batch.bad_lines)
            bad_rows.update(line.source_row for line in batch.bad_lines)
            watch.advance(batch.rows.num_rows)
            yield batch.rows

    with open_rows(folder / ROWS, schema) as writer, _BadLineFile(source, folder) as bad:
        rows = write_groups(writer, gather_groups(kept(reader.read_batches())))
    return rows, frozenset(bad_rows)


def write_groups(writer: pq.ParquetWriter, groups: Iterator[list[pa.RecordBatch]]) -> int:
    """Write each of `gather_groups`, which is emptied, as the next is read; returns the rows written."""
    rows = 0
    done: Future[None] = Future()
    done.set_result(None)
    with ThreadPoolExecutor(1, thread_name_prefix="write") as pool:
        for group in groups:
            done.result()  # before the next is joined: of three groups, one would be in memory twice
            rows += sum(batch.num_rows for batch in group)
            done = pool.submit(writer.write_table, _join(group).cast(writer.schema), GROUP_ROWS)
        done.result()
    pa.default_memory_pool().release_unused()
    return rows


def open_rows(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A Parquet writer for raw rows: small dictionaries only, which is faster and smaller where texts seldom repeat."""
    return pq.ParquetWriter(path, schema, compression="zstd", dictionary_pagesize_limit=DICTIONARY_BYTES)


def gather_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches in groups of exactly `GROUP_ROWS` rows but the last: one row group each, however they were cut."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        at = 0
        while rows + batch.num_rows - at >= GROUP_ROWS:
            waiting.append(batch.slice(at, GROUP_ROWS - rows))
            at, rows = at + GROUP_ROWS - rows, 0
            yield waiting
            waiting = []
        if at < batch.num_rows:
            waiting.append(batch.slice(at))
            rows += batch.num_rows - at
        del batch
    if rows:
        yield waiting


def _join(batches: list[pa.RecordBatch]) -> pa.Table:
    """Batches as a table of one chunk; the list is emptied, and only one column is in memory twice."""
    schema = batches[0].schema
    columns = [[batch.column(n) for batch in batches] for n in range(len(schema))]
    batches.clear()
    joined = []
    for chunks in columns:
        joined.append(pa.concat_arrays(chunks))
        chunks.clear()
    return pa.Table.from_arrays(joined, schema=schema)


class _BadLineFile:
    """The table's quarantine, made only when there is something to put in it."""

    def __init__(self, source: TableSource, folder: Path) -> None:
        self._source, self._path = source, folder / BAD_LINES
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "_BadLineFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, lines: tuple[BadLine, ...]) -> None:
        """Add lines, byte for byte."""
        if not lines:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, BAD_LINE_SCHEMA, compression="zstd")
        rows = [
            {
                "source_system": self._source.system.name,
                "source_table": self._source.table.name,
                "source_file": line.file,
                "source_row": line.source_row,
                "line": line.line,
                "byte_offset": line.byte_offset,
                "reason_code": line.reason.value,
                "line_sha256": hashlib.sha256(line.content).hexdigest(),
                "content": line.content,
            }
            for line in lines
        ]
        self._writer.write_table(pa.Table.from_pylist(rows, BAD_LINE_SCHEMA))


def _prove_totals(
    context: RunContext, source: TableSource, reader: TableReader, rows: Path, bad_rows: frozenset[int]
) -> dict[str, object]:
    """The totals of what was written, proved; those of a database are being taken while the lake's are."""

    def measure(scheme: HashScheme, besides: Measurement | None = None) -> ControlTotals:
        return measure_parquet(context.settings, rows, reader.schema, reader.null_text, scheme, besides)

    if not isinstance(reader, HoldsBack):
        on_source = reader.measure_source(bad_rows)
        check_totals(source.where, on_source, measure(on_source.scheme))
        return on_source.facts()
    held_back = reader.held_back
    in_lake = measure(held_back.scheme, held_back if held_back.rows else None)
    on_source = reader.measure_source(bad_rows)
    if on_source != in_lake:
        on_source = reader.measure_in_snapshot()
    check_totals(source.where, on_source, in_lake)
    return measure(held_back.scheme).facts() if held_back.rows else on_source.facts()


def check_keys(context: RunContext, source: TableSource, rows: Path) -> None:
    """Stop where one key stands for rows that differ. Equal rows pass: the mapping disposes of them as duplicates.

    Raises:
        SourceError: with the number of such keys.
    """
    if not source.table.key or source.flag("allow_duplicate_keys", False):
        return
    if pq.read_metadata(rows).num_rows <= MOST_HASHED_KEYS and not may_repeat_keys(rows, source.table.key):
        return
    key = ", ".join(quote(k) for k in source.table.key)
    known = " AND ".join(f"{quote(k)} IS NOT NULL" for k in source.table.key)
    relation = f"{read_parquet_sql(rows)} WHERE {known}"
    with open_session(context.settings) as connection:
        repeated = f"SELECT {key} FROM {relation} GROUP BY ALL HAVING count(*) > 1"
        content = row_hash_sql(source.table.column_names)
        query = (
            f"SELECT count(*) FROM (SELECT {key} FROM {read_parquet_sql(rows)} SEMI JOIN ({repeated}) USING ({key}) "
            f"GROUP BY ALL HAVING count(DISTINCT {content}) > 1)"
        )
        row = connection.execute(query).fetchone()
    if row and row[0]:
        raise SourceError(
            f"{source.where}, key {', '.join(source.table.key)}",
            f"{row[0]} keys that stand for more than one different row",
            "one row a key",
            "Correct `key` in the pack, or ask the system's owner; `allow_duplicate_keys: true` lets them through.",
        )
