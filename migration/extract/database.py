"""Tables of legacy databases, by plain SQL through each engine's Python driver.

Enters: a `TableSource` of a database and an open `Session`. Leaves: batches of exact Arrow types, ordered by the
table's key, so that `_source_row` is the same however often the table is read. Must hold: text is text as stored,
decimals are decimals, a value that its column's type cannot hold exactly turns the column to text and never changes.
Refuses: a table or column that is not there, and an engine's error in the middle of reading.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
from sqlalchemy import inspect
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from migration.errors import SourceError
from migration.extract.connections import Session, as_text, driver_error, open_session
from migration.extract.engines import ColumnRead
from migration.extract.measure import Measurement
from migration.extract.reader import BadLine, BadLineReason, RawBatch, add_source_row, check_columns
from migration.extract.sampling import sample_sql
from migration.extract.source_proof import SourceProof
from migration.extract.sources import TableSource
from migration.extract.stored_values import build_array, find_decodable, row_bytes
from migration.extract.totals import ControlTotals, column_kinds, merge_totals, read_totals, totals_sql

BATCH_ROWS = 20_000
UTF8_CHARSETS = frozenset({"utf8", "utf8mb3", "utf8mb4", "ascii"})


@dataclass(frozen=True)
class ColumnPlan:
    """One column: its name in the pack, its Arrow type, the SQL that reads it, how a key orders by it, its SQL name."""

    name: str
    type: pa.DataType
    expression: str
    order: str
    quoted: str


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

    def narrow(self, condition: str) -> "TablePlan":
        """The same of the rows that meet a further condition, where there is one."""
        return replace(self, condition=" AND ".join(c for c in (self.condition, condition) if c))


Suspects = Callable[[str, dict[str, ColumnRead]], set[str]]
"""Columns of a relation, among those that can have misfits, that may have one."""


def name_all(_: str, reads: dict[str, ColumnRead]) -> set[str]:
    """Every column: an engine's own SQL looks at all of them."""
    return set(reads)


def plan_table(source: TableSource, session: Session, find_suspects: Suspects = name_all) -> TablePlan:
    """How the table is read, from its description in the database and one look at values that may not fit.

    Args:
        find_suspects: a quicker look, which may name too many columns but none too few.

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
    if session.engine.name == "mysql":
        reads = _convert_charsets(source, session, reads)
    tested = {column: read for column, read in reads.items() if read.misfit}
    suspects = find_suspects(relation, tested)
    misfits = _find_misfits(source, session, relation, {c: read for c, read in tested.items() if c in suspects})
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


def _convert_charsets(source: TableSource, session: Session, reads: dict[str, ColumnRead]) -> dict[str, ColumnRead]:
    """The reads, texts of MySQL that are not stored in UTF-8 converted to it by the server.

    Those that are come byte for byte: the server would put `?` in the place of what is not valid.
    """
    schema = sql_literal(source.text("schema", ""), session) if source.text("schema", "") else "DATABASE()"
    table = sql_literal(source.table.name, session)
    query = (
        "SELECT column_name, character_set_name FROM information_schema.columns "
        f"WHERE table_schema = {schema} AND lower(table_name) = lower({table}) AND character_set_name IS NOT NULL"
    )
    with naming_failure(source, session):
        foreign = {as_text(n) for n, charset in session.fetch_all(query) if as_text(charset) not in UTF8_CHARSETS}
    return {
        name: replace(read, expression="CONVERT({c} USING utf8mb4)")
        if name in foreign and pa.types.is_string(read.type) and read.expression == "{c}"
        else read
        for name, read in reads.items()
    }


def sql_literal(value: object, session: Session) -> str:
    """A whole number or text as an SQL literal of the session's engine."""
    if isinstance(value, int):
        return str(value)
    text = as_text(value).replace("'", "''")
    if session.engine.name == "mysql":
        text = text.replace("\\", "\\\\")
    return f"'{text}'"


def _find_misfits(source: TableSource, session: Session, relation: str, reads: dict[str, ColumnRead]) -> set[str]:
    """Columns that hold at least one value their type cannot hold exactly; all can have misfits."""
    if not reads:
        return set()
    quote = session.engine.totals.quote
    misfits = [read.misfit.format(c=quote(column)) for column, read in reads.items()]
    counts = ", ".join(f"sum(CASE WHEN {misfit} THEN 1 ELSE 0 END)" for misfit in misfits)
    with naming_failure(source, session):
        row = session.fetch_one(f"SELECT {counts} FROM {relation}")
    return {column for column, count in zip(reads, row, strict=True) if count}


def _plan_column(session: Session, name: str, column: str, read: ColumnRead, is_misfit: bool) -> ColumnPlan:
    quoted = session.engine.totals.quote(column)
    kind = pa.string() if is_misfit else read.type
    expression = (read.text_expression if is_misfit else read.expression).format(c=quoted)
    order = session.engine.text_order.format(c=quoted) if pa.types.is_string(read.type) else quoted
    return ColumnPlan(name, kind, expression, order, quoted)


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
        self.plan = plan_table(source, session, self._find_suspects)
        self.schema = self.plan.schema
        self.null_text: str | None = None
        self._proof: SourceProof[Any] | None = None
        self._is_part = False
        self.held_back = Measurement(self.schema, session.engine.totals.scheme)

    def _find_suspects(self, relation: str, reads: dict[str, ColumnRead]) -> set[str]:
        """Columns that may have misfits, among those that can."""
        return name_all(relation, reads)

    def narrow(self, condition: str, session: Session) -> Self:
        """The same reader for the rows that meet a further SQL condition, in another session."""
        narrowed = copy(self)
        narrowed.session, narrowed._is_part = session, True
        narrowed.held_back = Measurement(self.schema, session.engine.totals.scheme)
        narrowed.plan = self.plan.narrow(condition)
        return narrowed

    def read_batches(self) -> Iterator[RawBatch]:
        """Batches of the table's rows, in the order of its key; the source is measured meanwhile where it may be."""
        self.start_proof()
        before = 0
        with self.ending_proof():
            for batch in self.read_stored():
                yield self.keep_readable(batch, before)
                before += batch.num_rows
            if self._proof is not None:
                self._proof.help(self.session)

    def start_proof(self, *, is_idle: bool = False) -> None:
        """Begin to measure the source in a connection of its own, where the system allows a second and sets no pace.

        An engine that shares snapshots measures in the same one. Others may see a later edit: then the totals differ
        from the lake's, and `measure_in_snapshot` decides.

        Args:
            is_idle: the session itself reads nothing meanwhile, and is the connection that measures.
        """
        is_slowed = self.source.number("rows_per_second", 0) > 0
        if self._is_part or is_slowed or self.source.system.max_connections < 2 or self.session.engine.is_embedded:
            return
        if is_idle:
            self._proof = SourceProof(lambda: nullcontext(self.session), self._measure_range, self._read_parts)
            return
        with naming_failure(self.source, self.session):
            ranges, snapshot = self.find_ranges(), self.session.export_snapshot()
        system, location = self.source.system, self.source.location
        self._proof = SourceProof(
            lambda: open_session(system, location, snapshot), self._measure_range, self._read_parts, ranges
        )

    def find_ranges(self) -> list[str]:
        """Conditions that cut the table into ranges which are measured one by one: one, which is all of it."""
        return [""]

    @contextmanager
    def ending_proof(self) -> Iterator[None]:
        """Give the measuring up where the reading fails."""
        try:
            yield
        except BaseException:
            if self._proof is not None:
                self._proof.give_up()
            raise

    @property
    def stored_schema(self) -> pa.Schema:
        """The types of `read_stored`."""
        kinds = [pa.binary() if pa.types.is_string(f.type) else f.type for f in self.schema]
        return pa.schema(list(zip(self.schema.names, kinds, strict=True)))

    def read_stored(self) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the key, before their texts are judged: a text column may come as bytes."""
        for rows in self.fetch_rows(select_sql(self.plan, self.session, ordered=True), BATCH_ROWS):
            yield self._build_batch(rows)

    def select_all(self) -> str:
        """The SELECT of the table's rows, in no order."""
        return select_sql(self.plan, self.session, ordered=False)

    def fetch_rows(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, `size` at a time.

        Raises:
            SourceError: the database fails on the way.
        """
        with naming_failure(self.source, self.session), closing(self.session.open_stream()) as cursor:
            cursor.execute(sql)
            rows = cursor.fetchmany(size)
            while rows:
                yield rows
                rows = cursor.fetchmany(size)

    def _build_batch(self, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
        """Rows of the driver as a batch, texts as bytes."""
        stored = self.stored_schema
        arrays = [build_array(c, f.type) for c, f in zip(zip(*rows, strict=True), stored, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=stored)

    def keep_readable(self, batch: pa.RecordBatch, before: int) -> RawBatch:
        """The batch without rows whose text is not valid in the encoding it claims: those are bad lines.

        They are measured, because the totals taken on the source count them.

        Args:
            before: rows of the table that came before the batch.
        """
        source_rows = before + 1 + np.arange(batch.num_rows)
        try:
            return RawBatch(add_source_row(self._decode(batch), source_rows))
        except pa.ArrowInvalid:
            is_good = find_decodable(batch, self.schema)
        bad = batch.filter(pa.array(~is_good))
        self.held_back.add(bad)
        numbered = zip(bad.to_pylist(), source_rows[~is_good].tolist(), strict=True)
        name, reason = self.source.table.name, BadLineReason.UNDECODABLE
        lines = tuple(BadLine(name, n, -1, n, reason, row_bytes(tuple(row.values()))) for row, n in numbered)
        return RawBatch(add_source_row(self._decode(batch.filter(pa.array(is_good))), source_rows[is_good]), lines)

    def _decode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch in the table's types.

        Raises:
            ArrowInvalid: bytes of a text are not UTF-8.
        """
        arrays = [a if a.type == f.type else a.cast(f.type) for a, f in zip(batch.columns, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def measure_source(self, quarantined: frozenset[int]) -> ControlTotals:
        """Totals of all the table's rows by the database itself, in the same snapshot; `held_back` are among them.

        Raises:
            SourceError: the database cannot be read.
        """
        return self.measure_in_snapshot() if self._proof is None else self._proof.result()

    def measure_in_snapshot(self) -> ControlTotals:
        """The same, surely in the snapshot that the rows were read in.

        Raises:
            SourceError: the database cannot be read.
        """
        if self._proof is not None:
            self._proof.finish()  # which may be measuring in this session
        return self.measure_in(self.session)

    def measure_in(self, session: Session) -> ControlTotals:
        """Totals of the table by one aggregate query in a session that sees the same snapshot.

        Raises:
            SourceError: the database cannot be read.
        """
        if session.engine.is_embedded:
            return self._measure_by_reading(session)
        return self._read_parts([self._measure_range(session, "")])

    def _measure_range(self, session: Session, condition: str) -> tuple[Any, ...]:
        """What `totals_sql` gives of the rows that meet a further condition."""
        relation = f"({select_sql(self.plan.narrow(condition), session, ordered=False)}) t"
        with naming_failure(self.source, session):
            return session.fetch_one(totals_sql(session.engine.totals, relation, self.schema))

    def _read_parts(self, parts: list[tuple[Any, ...]]) -> ControlTotals:
        return read_totals(self.schema, merge_totals(self.schema, parts), self.session.engine.totals.scheme)

    def _measure_by_reading(self, session: Session) -> ControlTotals:
        """Totals of a second reading, in no order: an engine in this process has no hash of its own."""
        found = Measurement(self.schema, session.engine.totals.scheme)
        for rows in self.fetch_rows(select_sql(self.plan, session, ordered=False), BATCH_ROWS):
            found.add(self._build_batch(rows))
        return found.totals()

    def describe(self) -> dict[str, object]:
        """Snapshot and the server's time."""
        return {"snapshot": self.session.snapshot, "source_time": self.session.clock}


@contextmanager
def naming_failure(source: TableSource, session: Session) -> Iterator[None]:
    """A block in which an error of the session's driver becomes a `SourceError` that names the table."""
    try:
        yield
    except driver_error(session.alchemy) as failure:
        raise reading_failed(source, failure) from failure


def reading_failed(source: TableSource, failure: BaseException) -> SourceError:
    """The error for a database that failed while a table was read; keeps the driver's values out of it."""
    found = f"the database stopped answering or refused the query ({type(failure).__name__})"
    fix = "Check the database and its log, then run again: finished tables are kept."
    return SourceError(source.where, found, "the whole table", fix)
