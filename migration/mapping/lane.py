"""The plain rows of one record map, loaded together: no problem, no rule, no lost parent.

Enters: a raw Parquet file and a `Plan`. Leaves: row groups of the entity's file, and a table with the raw rows that are
left for `decide_record`, which decides them by the record's whole SQL. Must hold: what is loaded here is what
`decide_record` would have loaded; at no time are more than a few batches held. Refuses: records that are split, picked
or merged into others (`fits`), which are decided row by row.

One streaming query asks every row what depends on the row: points in time, keys, parents. What depends on a column of
few values was asked once a value (`distinct`); each row takes it by the place of its value.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from migration.mapping.distinct import Places, place_values, take_rows
from migration.mapping.entity_file import GROUP_ROWS, EntityFile
from migration.mapping.fates import Lane
from migration.mapping.id_kernel import record_ids
from migration.mapping.lane_plan import RETENTION, Plan, make_plan
from migration.mapping.literals import literal, name
from migration.mapping.model import Pack, Record
from migration.mapping.record_sql import RecordSql, code_column
from migration.row_hash import row_sums
from migration.schema.model import Entity

LEAST_ROWS = 50_000
"""Of a smaller table the plan costs more than it saves."""
Hashes = NDArray[np.uint64]


def fits(record: Record, others: Sequence[Record], path: Path) -> bool:
    """Whether the rows of a record map can be loaded together, and are enough to be worth it.

    Args:
        others: the record maps of its entity. Of two that may give the same id, neither fits.
    """
    where = (record.system, record.table, record.group)
    alone = sum((o.system, o.table, o.group) == where for o in others) == 1
    plain = record.split is None and not record.pick and record.merged_into is None
    return alone and plain and path.exists() and pq.read_metadata(path).num_rows >= LEAST_ROWS


@dataclass
class _Window:
    """The places of the values of the row groups that are being read.

    Attributes:
        starts: number of the first row of each row group.
        waiting: by row group, the places by column and how many of its rows have not been asked for yet.
    """

    plan: Plan
    file: pq.ParquetFile
    starts: Places
    waiting: dict[int, tuple[dict[str, NDArray[np.int32]], int]] = field(default_factory=dict)

    def take(self, at: Places) -> dict[str, Places]:
        """The places of some rows by column; each row is asked for once."""
        groups = np.searchsorted(self.starts, at, side="right") - 1
        found: dict[str, list[NDArray[np.int32]]] = {c: [] for c in self.plan.placed}
        borders = np.flatnonzero(np.diff(groups)) + 1  # rows come in runs of one row group
        for first, last in zip([0, *borders], [*borders, len(at)], strict=True):
            number = int(groups[first])
            inside = at[first:last] - self.starts[number]
            places, left = self.waiting.pop(number) if number in self.waiting else self._read(number)
            for column, values in places.items():
                found[column].append(values[inside])
            if left > len(inside):
                self.waiting[number] = (places, left - len(inside))
        return {c: np.concatenate(parts).astype(np.int64) for c, parts in found.items()}

    def _read(self, number: int) -> tuple[dict[str, NDArray[np.int32]], int]:
        spelled = self.plan.spelled
        table = self.file.read_row_group(number, columns=[spelled[c] for c in self.plan.placed], use_threads=False)
        known = self.plan.dictionaries
        return {c: place_values(table.column(spelled[c]), known[c]) for c in self.plan.placed}, self._size(number)

    def _size(self, number: int) -> int:
        return int(self.file.metadata.row_group(number).num_rows)


def _open_window(plan: Plan) -> _Window:
    file = pq.ParquetFile(plan.path, read_dictionary=[plan.spelled[c] for c in plan.placed])
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    return _Window(plan, file, np.cumsum([0, *sizes[:-1]]))


@dataclass
class _Loaded:
    """What was loaded so far, and `_source_row` of the rows that were left."""

    rows: int = 0
    left: list[pa.Array] = field(default_factory=list)
    uses: dict[str, Counter[str]] = field(default_factory=dict)
    uniques: list[list[Hashes]] = field(default_factory=list)


def load_plain_rows(
    connection: duckdb.DuckDBPyConnection,
    pack: Pack,
    record: Record,
    file: EntityFile,
    path: Path,
    has_state: bool,
    number: int,
    clashing: Sequence[Hashes],
) -> Lane:
    """Load the plain rows of a record map into its entity's file.

    Args:
        path: raw file of the record's table.
        has_state: whether rows of it repeat a key or another row: those are left.
        number: number of the record map, which tells its tables apart.
        clashing: for each unique constraint, hashes of values that several records have: those are left too.
    """
    compiled = RecordSql(pack, record, file.entity, has_state=False)
    plan = make_plan(connection, pack, compiled, path)
    repeating = _read_state(connection, record) if has_state else np.zeros(0, np.int64)
    window, loaded, first = _open_window(plan), _Loaded(uniques=[[] for _ in file.entity.unique]), file.row_groups
    for batch in connection.execute(plan.select()).to_arrow_reader(GROUP_ROWS):
        if batch.num_rows:
            _load_batch(plan, record, file, window, loaded, batch, repeating, clashing)
    rest = name(f"left {number}")
    _keep_left(connection, record, loaded.left, rest)
    uniques = tuple(np.concatenate(u) if u else np.zeros(0, np.uint64) for u in loaded.uniques)
    return Lane(rest, loaded.rows, range(first, file.row_groups), loaded.uses, uniques)


def _load_batch(
    plan: Plan,
    record: Record,
    file: EntityFile,
    window: _Window,
    loaded: _Loaded,
    batch: pa.RecordBatch,
    repeating: NDArray[np.int64],
    clashing: Sequence[Hashes],
) -> None:
    places = _find_places(plan, batch, window)
    there, speaks = np.asarray(batch.column("_there")), np.asarray(batch.column("_word"))
    for group, at in zip(plan.groups, places, strict=True):
        speaks = speaks if group.speaks is None else speaks | group.speaks[at]
        there = there if group.is_there is None else there & group.is_there[at]
    if len(repeating):
        speaks = speaks | np.isin(np.asarray(batch.column("_source_row")), repeating)
    columns = _make_columns(plan, batch, places)
    hashes = [_hash_unique(columns, u, batch.num_rows) for u in file.entity.unique]
    for own, (values, known) in zip(clashing, hashes, strict=False):
        speaks = speaks | (known & np.isin(values, own))
    plain = there & ~speaks
    rows = int(plain.sum())
    if rows < batch.num_rows:
        loaded.left.append(batch.column("_source_row").filter(pa.array(there & speaks)))
        mask = pa.array(plain)
        columns = {k: v.filter(mask) for k, v in columns.items()}
        places = [p[plain] for p in places]
    if not rows:
        return
    for kept, (values, known) in zip(loaded.uniques, hashes, strict=True):
        kept.append(values[plain & known])
    _count_codes(plan, loaded, columns, places)
    file.write(record, columns, rows)
    loaded.rows += rows


def _find_places(plan: Plan, batch: pa.RecordBatch, window: _Window) -> list[Places]:
    own = window.take(np.asarray(batch.column("_at")))
    days = plan.days.place(batch.column("_day")) if plan.has_day and plan.days is not None else None
    return [g.place(own, plan.sizes, days, batch.num_rows) for g in plan.groups]


def _make_columns(plan: Plan, batch: pa.RecordBatch, places: Sequence[Places]) -> dict[str, pa.Array]:
    """Fields and lineage of every row of a batch, and its codes where they were asked row by row."""
    counted = code_column("")
    columns = {n: batch.column(n) for n in plan.rows.values if n != RETENTION}
    record, division = plan.compiled.record, plan.compiled.pack.division
    keys = batch.column("_key")
    columns[plan.compiled.entity.key[-1]] = record_ids(division, record.system, record.table, keys)
    columns["source_key"], columns["source_row"] = keys, batch.column("_source_row")
    retention = batch.column(RETENTION) if RETENTION in plan.rows.values else None
    for group, at in zip(plan.groups, places, strict=True):
        for key, results in group.results.items():
            if key == RETENTION:
                retention = None if results.null_count == len(results) else take_rows(results, at)
            elif not key.startswith(counted):
                columns[key] = take_rows(results, at)
    columns["retention_class"] = _decide_retention(batch, retention)
    return columns


def _decide_retention(batch: pa.RecordBatch, own: pa.Array | None) -> pa.Array:
    parents = batch.column("_parent_retention") if "_parent_retention" in batch.schema.names else None
    if own is None:
        return parents.dictionary_encode() if parents is not None else _same("STANDARD", batch.num_rows)
    others = parents if parents is not None else pa.scalar("STANDARD")
    return pc.coalesce(own.cast(pa.string()), others).dictionary_encode()


def _same(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [text])


def _hash_unique(columns: Mapping[str, pa.Array], unique: Sequence[str], rows: int) -> tuple[Hashes, NDArray[np.bool_]]:
    """Hashes of the values of a unique constraint, and which rows have all of them."""
    asked = {c: columns[c] for c in unique if c != "division_code"}
    known = np.ones(rows, np.bool_)
    for values in asked.values():
        if values.null_count:
            known &= np.asarray(values.is_valid())
    return row_sums(asked, rows)[0], known


def _count_codes(plan: Plan, loaded: _Loaded, columns: Mapping[str, pa.Array], places: Sequence[Places]) -> None:
    for group, at in zip(plan.groups, places, strict=True):
        counted = [k for k in group.values if k.startswith(code_column(""))]
        if counted:
            uses = np.bincount(at, minlength=1)
            met = np.flatnonzero(uses)
            for key in counted:
                for value, count in zip(group.results[key].take(pa.array(met)).to_pylist(), uses[met], strict=True):
                    _add_use(loaded, key, value, int(count))
    for key in (k for k in plan.rows.values if k.startswith(code_column(""))):
        for item in pc.value_counts(columns[key]).to_pylist():
            _add_use(loaded, key, item["values"], item["counts"])


def _add_use(loaded: _Loaded, key: str, value: str | None, count: int) -> None:
    if value is not None:
        loaded.uses.setdefault(key.removeprefix(code_column("")), Counter())[value] += count


def _read_state(connection: duckdb.DuckDBPyConnection, record: Record) -> NDArray[np.int64]:
    state = name(f"state {record.system}.{record.table}")
    rows = connection.execute(f"SELECT _source_row FROM {state}").to_arrow_table().column(0)
    return np.asarray(rows.combine_chunks().cast(pa.int64()), np.int64)


def _keep_left(connection: duckdb.DuckDBPyConnection, record: Record, left: Sequence[pa.Array], rest: str) -> None:
    """The raw rows that were left, with all their columns."""
    numbers = pa.chunked_array(left, pa.int64()) if left else pa.chunked_array([[]], pa.int64())
    view = name(f"{record.system}.{record.table}")
    connection.register("left rows", pa.table({"_source_row": numbers}))
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {rest} AS SELECT r.* FROM {view} AS r "
            f"SEMI JOIN {name('left rows')} AS n ON n._source_row = r._source_row"
        )
    finally:
        connection.unregister("left rows")


def keep_fates(
    connection: duckdb.DuckDBPyConnection, entity: Entity, file: Path, lane: Lane, source: int, table: str
) -> None:
    """Keep the outcome of the records a lane loaded, from the entity's file."""
    if not lane.row_groups:
        return
    sizes = [pq.read_metadata(file).row_group(i).num_rows for i in range(lane.row_groups.stop)]
    first, end = sum(sizes[: lane.row_groups.start]), sum(sizes)
    connection.execute(
        f"INSERT INTO {table} SELECT {source}, source_key, {name(entity.key[-1])}, 'LOADED', true, NULL, "
        f"retention_class FROM read_parquet({literal(file)}, file_row_number = true) "
        f"WHERE file_row_number BETWEEN {first} AND {end - 1}"
    )
