"""Tables of legacy databases, by plain SQL through each engine's Python driver.

Enters: a `TableSource` of a database and an open `Session`. Leaves: batches of exact Arrow types, ordered by the
table's key, so that `_source_row` is the same however often the table is read. Must hold: text is text as stored,
decimals are decimals, a value that its column's type cannot hold exactly turns the column to text and never changes.
Refuses: a table or column that is not there, and an engine's error in the middle of reading.
"""

from collections.abc import Iterator
from contextlib import closing
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import inspect
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from migration.errors import SourceError
from migration.extract.connections import Session, driver_error
from migration.extract.engines import ColumnRead
from migration.extract.reader import BadLine, BadLineReason, RawBatch, add_source_row, check_columns
from migration.extract.sampling import sample_sql
from migration.extract.sources import TableSource
from migration.extract.totals import ControlTotals, column_kinds, read_totals, totals_sql

BATCH_ROWS = 20_000


@dataclass(frozen=True)
class ColumnPlan:
    """One column: its name in the pack, its Arrow type, the SQL that reads it, and how a key orders by it."""

    name: str
    type: pa.DataType
    expression: str
    order: str


@dataclass(frozen=True)
class TablePlan:
    """How a table is read: its name in SQL, its columns, the sample's condition and the order of rows."""

    relation: str
    columns: tuple[ColumnPlan, ...]
    condition: str
    order: str

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the columns."""
        return pa.schema([pa.field(c.name, c.type) for c in self.columns])


def plan_table(source: TableSource, session: Session) -> TablePlan:
    """How the table is read, from its description in the database and one look at values that may not fit.

    Raises:
        SourceError: the table is not there, or its columns are not the pack's.
    """
    found = _describe_columns(source, session)
    by_name = {name.casefold(): name for name in found}
    spelled = {c.casefold(): c for c in source.table.column_names}
    check_columns(source, [spelled.get(n.casefold(), n) for n in found], "table in the database")
    relation = _relation(source, session)
    names = [(c, by_name[c.casefold()]) for c in source.table.column_names]
    reads = {engine_name: session.engine.plan(found[engine_name]) for _, engine_name in names}
    misfits = _find_misfits(session, relation, reads)
    columns = tuple(_plan_column(session, name, column, reads[column], column in misfits) for name, column in names)
    by_pack_name = {c.name: c for c in columns}
    order = [by_pack_name[k].order for k in source.table.key]
    order += [c.order for c in columns if c.name not in source.table.key] if _may_repeat(source) else []
    return TablePlan(relation, columns, _sample_condition(source, session, columns), ", ".join(order))


def _may_repeat(source: TableSource) -> bool:
    return source.flag("allow_duplicate_keys", False)


def _describe_columns(source: TableSource, session: Session) -> dict[str, Any]:
    schema = source.text("schema", "") or None
    try:
        inspector = inspect(session.alchemy)
        names = {n.casefold(): n for n in (*inspector.get_table_names(schema), *inspector.get_view_names(schema))}
        table = names.get(source.table.name.casefold(), source.table.name)
        return {c["name"]: c["type"] for c in inspector.get_columns(table, schema)}
    except NoSuchTableError as failure:
        raise SourceError(
            f"legacy system {source.system.name}",
            f"no table {source.table.name}",
            "every table of the pack",
            "Check `schema` and the rights of the reading account, or take the table out of the pack.",
        ) from failure
    except SQLAlchemyError as failure:
        raise reading_failed(source, failure) from failure


def _relation(source: TableSource, session: Session) -> str:
    schema = source.text("schema", "") or None
    inspector = inspect(session.alchemy)
    names = {n.casefold(): n for n in (*inspector.get_table_names(schema), *inspector.get_view_names(schema))}
    table = session.engine.totals.quote(names.get(source.table.name.casefold(), source.table.name))
    return f"{session.engine.totals.quote(schema)}.{table}" if schema else table


def _find_misfits(session: Session, relation: str, reads: dict[str, ColumnRead]) -> set[str]:
    """Columns that hold at least one value their type cannot hold exactly."""
    tested = [c for c, read in reads.items() if read.misfit]
    if not tested:
        return set()
    quote = session.engine.totals.quote
    counts = ", ".join(f"sum(CASE WHEN {reads[c].misfit.format(c=quote(c))} THEN 1 ELSE 0 END)" for c in tested)
    row = session.fetch_one(f"SELECT {counts} FROM {relation}")
    return {column for column, count in zip(tested, row, strict=True) if count}


def _plan_column(session: Session, name: str, column: str, read: ColumnRead, is_misfit: bool) -> ColumnPlan:
    quoted = session.engine.totals.quote(column)
    kind = pa.string() if is_misfit else read.type
    expression = (read.text_expression if is_misfit else read.expression).format(c=quoted)
    order = session.engine.text_order.format(c=quoted) if pa.types.is_string(read.type) else quoted
    return ColumnPlan(name, kind, expression, order)


def _sample_condition(source: TableSource, session: Session, columns: tuple[ColumnPlan, ...]) -> str:
    if not source.is_sampled:
        return ""
    for column in columns:
        if column.name == source.table.sample_by:
            kind = column_kinds(pa.schema([pa.field(column.name, column.type)]))[column.name]
            return sample_sql(session.engine.totals, source, column.expression, kind)
    raise AssertionError("the pack's checks let only known columns through")


def select_sql(plan: TablePlan, session: Session, *, ordered: bool) -> str:
    """The SELECT of the table's rows, columns under their pack names."""
    quote = session.engine.totals.quote
    columns = ", ".join(f"{c.expression} AS {quote(c.name)}" for c in plan.columns)
    where = f" WHERE {plan.condition}" if plan.condition else ""
    order = f" ORDER BY {plan.order}" if ordered and plan.order else ""
    return f"SELECT {columns} FROM {plan.relation}{where}{order}"


class DatabaseReader:
    """Reads one table of a legacy database in a session's snapshot."""

    def __init__(self, source: TableSource, session: Session) -> None:
        self.source, self.session = source, session
        self.plan = plan_table(source, session)
        self.schema = self.plan.schema
        self.null_text: str | None = None

    def narrow(self, condition: str, session: Session) -> "DatabaseReader":
        """The same reader for the rows that meet a further SQL condition, in another session."""
        narrowed = copy(self)
        narrowed.session = session
        narrowed.plan = replace(self.plan, condition=" AND ".join(c for c in (self.plan.condition, condition) if c))
        return narrowed

    def read_batches(self) -> Iterator[RawBatch]:
        """Batches of the table's rows, in the order of its key."""
        before = 0
        for rows in self.fetch_rows(select_sql(self.plan, self.session, ordered=True), BATCH_ROWS):
            yield self._build_batch(rows, before)
            before += len(rows)

    def select_all(self) -> str:
        """The SELECT of the table's rows, in no order."""
        return select_sql(self.plan, self.session, ordered=False)

    def fetch_rows(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, `size` at a time.

        Raises:
            SourceError: the database fails on the way.
        """
        try:
            with closing(_stream_cursor(self.session)) as cursor:
                cursor.execute(sql)
                rows = cursor.fetchmany(size)
                while rows:
                    yield rows
                    rows = cursor.fetchmany(size)
        except driver_error(self.session.alchemy) as failure:
            raise reading_failed(self.source, failure) from failure

    def _build_batch(self, rows: list[tuple[Any, ...]], before: int) -> RawBatch:
        source_rows = before + 1 + np.arange(len(rows))
        columns = list(zip(*rows, strict=True))
        try:
            arrays = [build_array(c, f.type) for c, f in zip(columns, self.schema, strict=True)]
        except pa.ArrowInvalid:
            return self._separate_bad(rows, source_rows)
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return RawBatch(add_source_row(batch, source_rows))

    def _separate_bad(self, rows: list[tuple[Any, ...]], source_rows: "np.ndarray[Any, Any]") -> RawBatch:
        """The batch without the rows whose text is not valid in the database's own encoding."""
        is_good = [self._can_build(row) for row in rows]
        if all(is_good):
            raise AssertionError("a batch that cannot be built has a row that cannot")
        kept = [r for r, good in zip(rows, is_good, strict=True) if good]
        columns = list(zip(*kept, strict=True)) if kept else [()] * len(self.schema)
        arrays = [build_array(c, f.type) for c, f in zip(columns, self.schema, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        numbers = [int(n) for n in source_rows]
        bad = tuple(
            BadLine(self.source.table.name, n, -1, n, BadLineReason.UNDECODABLE, _row_bytes(row))
            for row, n, good in zip(rows, numbers, is_good, strict=True)
            if not good
        )
        kept_numbers = np.array([n for n, good in zip(numbers, is_good, strict=True) if good], np.int64)
        return RawBatch(add_source_row(batch, kept_numbers), bad)

    def _can_build(self, row: tuple[Any, ...]) -> bool:
        try:
            for value, field in zip(row, self.schema, strict=True):
                build_array((value,), field.type)
        except pa.ArrowInvalid:
            return False
        return True

    def measure_source(self, quarantined: frozenset[int]) -> ControlTotals:
        """Totals by one aggregate query of the database itself, in the same snapshot.

        Raises:
            SourceError: rows are in quarantine, so the database's totals would count what the lake does not hold.
        """
        if quarantined:
            raise SourceError(
                self.source.where,
                f"{len(quarantined)} rows with text that is not valid in the database's encoding",
                "decodable text",
                "Give `text_encoding` in the system's options, or correct the rows in the legacy system.",
            )
        sql = totals_sql(
            self.session.engine.totals, f"({select_sql(self.plan, self.session, ordered=False)}) t", self.schema
        )
        try:
            return read_totals(self.schema, self.session.fetch_one(sql))
        except driver_error(self.session.alchemy) as failure:
            raise reading_failed(self.source, failure) from failure

    def describe(self) -> dict[str, object]:
        """Snapshot and the server's time."""
        return {"snapshot": self.session.snapshot, "source_time": self.session.clock}


def build_array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    """Values of one column as an Arrow array of exactly `kind`."""
    if pa.types.is_decimal(kind) and any(isinstance(v, str | bytes) for v in values):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array([None if v is None else bool(v) for v in values], kind)
    return pa.array(values, kind)


def _row_bytes(row: tuple[Any, ...]) -> bytes:
    """The row's values as bytes, one a line, for the quarantine."""
    return b"\n".join(v if isinstance(v, bytes) else str(v).encode("utf-8", "replace") for v in row)


def _stream_cursor(session: Session) -> Any:
    """A cursor that does not hold the whole result in memory."""
    if session.engine.name == "postgresql":
        return session.driver.cursor(name="migration_rows")
    if session.engine.name == "mysql":
        from pymysql.cursors import SSCursor

        return session.driver.cursor(SSCursor)
    if session.engine.name == "sqlite":
        session.driver.text_factory = bytes
    return session.driver.cursor()


def reading_failed(source: TableSource, failure: BaseException) -> SourceError:
    """The error for a database that failed while a table was read; keeps the driver's values out of it."""
    return SourceError(
        source.where,
        f"the database stopped answering or refused the query ({type(failure).__name__})",
        "the whole table",
        "Check the database and its log, then run again: finished tables are kept.",
    )
