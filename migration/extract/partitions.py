"""Large tables read in partitions of their key: in parallel where the engine shares a snapshot, resumed after a break.

Enters: a database reader and the folder its table will be staged in. Leaves: a reader that gives the same rows in
the same order. Must hold: each partition is spooled whole or not at all beside the staging folder, under the
table's key; after a broken connection the next run reads only those that are missing. The control totals of the
whole table prove that partitions of two snapshots fit together; where they do not, the spool is dropped and the
table read afresh. Refuses nothing of its own.

Options: `partition_rows` (1000000; tables of less than twice as many are read in one piece).
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from migration.errors import SourceError
from migration.extract.connections import is_connection_lost, open_session
from migration.extract.database import DatabaseReader, naming_failure, sql_literal
from migration.extract.reader import RawBatch, TableReader
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals
from migration.extract.watch import Watch
from migration.layers import write_json

LOG = logging.getLogger(__name__)
PARTITION_ROWS = 1_000_000
RETRY_SECONDS = (1.0, 5.0, 20.0)
"""How long to wait before a partition whose connection broke is read again."""
PLAN = "plan.json"


@dataclass(frozen=True)
class Partition:
    """One range of a table's key as an SQL condition, and the file its rows are spooled in."""

    condition: str
    path: Path


def parts_folder(folder: Path) -> Path:
    """Where the partitions of a table staged in `folder` are spooled."""
    return folder.with_name(f".{folder.name}.parts")


def drop_parts(folder: Path) -> None:
    """Remove the spool of a table."""
    shutil.rmtree(parts_folder(folder), ignore_errors=True)


def split_reader(reader: TableReader, source: TableSource, folder: Path, key: str) -> TableReader:
    """The reader itself, or for a large table of a database one that reads it in partitions.

    Args:
        key: the table's key (`stage.table_key`): partitions of another key are dropped.
    """
    if not isinstance(reader, DatabaseReader) or not source.table.key:
        return reader
    partitions = _plan_partitions(reader, source, parts_folder(folder), key)
    return PartitionedReader(reader, source, partitions, parts_folder(folder)) if len(partitions) > 1 else reader


def _plan_partitions(reader: DatabaseReader, source: TableSource, folder: Path, key: str) -> list[Partition]:
    """The partitions of an earlier, broken attempt, or new ones."""
    path = folder / PLAN
    if path.exists():
        plan = json.loads(path.read_text(encoding="utf-8"))
        if plan["key"] == key:
            return [Partition(c, folder / f"{i:06}.arrow") for i, c in enumerate(plan["conditions"])]
    shutil.rmtree(folder, ignore_errors=True)
    with naming_failure(source, reader.session):
        conditions = _find_conditions(reader, source.number("partition_rows", PARTITION_ROWS))
    if len(conditions) > 1:
        folder.mkdir(parents=True)
        write_json(path, {"key": key, "conditions": conditions})
    return [Partition(c, folder / f"{i:06}.arrow") for i, c in enumerate(conditions)]


def _find_conditions(reader: DatabaseReader, rows: int) -> list[str]:
    """Conditions on the first key column that cut the table into ranges of about `rows` rows; one where it is small.

    A key that is not a whole number or text, or is NULL somewhere, is not cut.
    """
    first = next(c for c in reader.plan.columns if c.name == reader.source.table.key[0])
    if pa.types.is_integer(first.type) and len(reader.source.table.key) == 1:
        ends = f"SELECT min({first.expression}), max({first.expression}) FROM {reader.plan.relation}"
        least, most = reader.session.fetch_one(ends)  # an index knows; counting reads the whole table
        if least is None or most - least + 1 < 2 * rows:
            return [""]
    counted = reader.session.fetch_one(f"SELECT count(*), count({first.expression}) FROM {reader.plan.relation}")
    is_cuttable = pa.types.is_integer(first.type) or pa.types.is_string(first.type)
    if counted[0] != counted[1] or counted[0] < 2 * rows or not is_cuttable:
        return [""]
    order = first.order
    numbered = f"SELECT {first.expression} AS k, row_number() OVER (ORDER BY {order}) AS n FROM {reader.plan.relation}"
    query = f"SELECT DISTINCT k FROM ({numbered}) t WHERE n % {rows} = 0 AND n < {counted[0]}"
    if reader.session.engine.name in ("oracle",):
        query = query.replace(f"n % {rows}", f"MOD(n, {rows})")
    found = [row[0] for row in reader.session.fetch_all(query)]
    bounds = sorted(found, key=lambda v: v if isinstance(v, int) else str(v).encode())
    texts = [sql_literal(v, reader.session) for v in bounds]
    pairs = zip(["", *texts], [*texts, ""], strict=True)
    return [
        " AND ".join(p for p in (low and f"{order} > {low}", high and f"{order} <= {high}") if p) for low, high in pairs
    ]


class PartitionedReader:
    """A database reader that spools the partitions of its table, then gives them in order."""

    def __init__(self, reader: DatabaseReader, source: TableSource, partitions: list[Partition], folder: Path) -> None:
        self.reader, self.source, self.partitions, self.folder = reader, source, partitions, folder
        self.schema = reader.schema
        self.null_text = reader.null_text
        self.held_back = reader.held_back
        self.retries = 0
        self._resumed = any(p.path.exists() for p in partitions)

    def read_batches(self) -> Iterator[RawBatch]:
        """The table's rows in the order of its key, numbered through."""
        with naming_failure(self.source, self.reader.session):
            snapshot = self.reader.session.export_snapshot()
        is_slowed = self.source.number("rows_per_second", 0) > 0
        workers = self.source.system.max_connections - 1 if snapshot and not is_slowed else 0
        before = 0
        with self.reader.ending_proof():
            self.reader.start_proof(is_idle=workers > 0)
            for waiting, partition in self._spool_ahead(snapshot, workers):
                waiting.result()
                with pa.OSFile(str(partition.path)) as file, pa.ipc.open_stream(file) as stream:
                    for batch in stream:
                        yield self.reader.keep_readable(batch, before)
                        before += batch.num_rows

    def _spool_ahead(self, snapshot: str, workers: int) -> Iterator[tuple["Future[None]", Partition]]:
        """Each partition with its work under way: as many at once as the system allows and the engine can share."""
        missing = [p for p in self.partitions if not p.path.exists()]
        done: Future[None] = Future()
        done.set_result(None)
        if workers < 1:
            for partition in self.partitions:
                if partition in missing:
                    _spool(self.reader, partition)
                yield done, partition
            return
        with ThreadPoolExecutor(workers, thread_name_prefix="extract") as pool:
            work = {p.path: pool.submit(self._spool_elsewhere, p, snapshot) for p in missing}
            try:
                for partition in self.partitions:
                    yield work.get(partition.path, done), partition
            finally:
                for future in work.values():
                    future.cancel()

    def _spool_elsewhere(self, partition: Partition, snapshot: str) -> None:
        """Spool a partition in a session of its own; where its connection breaks, again in another.

        Every session sees the snapshot of the reader's own, which must live; where that one breaks the run ends, and
        the next one reads what is missing.
        """
        for wait in (*RETRY_SECONDS, None):
            try:
                with open_session(self.source.system, self.source.location, snapshot) as session:
                    _spool(self.reader.narrow("", session), partition)
            except SourceError as failure:
                if wait is None or not is_connection_lost(failure):
                    raise
                self.retries += 1
                LOG.warning("extract %s: connection lost, partition read again", self.source.where)
                time.sleep(wait)
            else:
                return

    def measure_source(self, quarantined: frozenset[int]) -> ControlTotals:
        """Totals of the whole table in the session's snapshot."""
        return self.reader.measure_source(quarantined)

    def measure_in_snapshot(self) -> ControlTotals:
        """The same, surely in the session's snapshot."""
        return self.reader.measure_in_snapshot()

    def ending_proof(self) -> AbstractContextManager[None]:
        """A block that ends the measuring under way where it fails."""
        return self.reader.ending_proof()

    def describe(self) -> dict[str, object]:
        """Snapshot, server time and partitions; whether some were kept from an earlier attempt."""
        return {
            **self.reader.describe(),
            "partitions": len(self.partitions),
            "resumed": self._resumed,
            "retries": self.retries,
        }


def _spool(reader: DatabaseReader, partition: Partition) -> None:
    """Write a partition's rows to its file, whole or not at all, at the pace and in the hours of the system."""
    temporary = partition.path.with_suffix(".writing")
    watch = Watch(reader.source)
    part = reader.narrow(partition.condition, reader.session)
    with pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_stream(file, part.stored_schema) as stream:
        for batch in part.read_stored():
            stream.write_batch(batch)
            watch.advance(batch.num_rows)
    temporary.replace(partition.path)
