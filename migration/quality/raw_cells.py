"""Mapped rows against the raw rows they were made from, cell by cell, by rules written apart from the mapping.

Enters: the pack, a run's raw and mapped layers. Leaves: `Break`s that name entity, field, source table and keys.
Must hold: a text copied from one column is that column's text of the same source row; a time read from one column is
that column's local time; a coded value is what the crosswalk says of the recorded one; the key of a mapped row is the
key of its raw row. So a payload that moved against its key, swapped columns, cut texts, a wrong hour and a code turned
into another are found whatever the mapping's own code does. Refuses nothing: a field made in another way is not judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from migration.duck import read_parquet_sql, sql_text
from migration.fingerprint import quote
from migration.layers import layer_folder
from migration.mapping.expressions import Clean, Column, Expression, Lookup, Parse
from migration.mapping.model import FieldMap, Pack, Policy, Record
from migration.quality.breaks import SHOWN_KEYS, Break
from migration.records import Layer, RunContext
from migration.schema.model import RAW_LENGTH, Entity, FieldType, NationalSchema

LAYERS = "raw = mapped"
LONDON = "Europe/London"
TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d/%m/%Y %H:%M:%S",
                "%d/%m/%Y %H:%M", "%d/%m/%Y")  # fmt: skip
"""Ways of writing a time that can be read in one way only. Others (two-digit years) are not judged."""


@dataclass(frozen=True)
class CellCheck:
    """One field of one record map: SQL that holds where the mapped value is not what the raw row says."""

    name: str
    field: str
    differs: str


def compare_raw_cells(
    context: RunContext, session: duckdb.DuckDBPyConnection, pack: Pack, schema: NationalSchema
) -> list[Break]:
    """Everything in which the mapped layer is not what the raw layer says."""
    breaks: list[Break] = []
    for record in pack.records:
        entity = schema.entity(record.entity)
        paths = _find_paths(context, record)
        if paths is None:
            continue
        breaks += _compare_record(session, pack, record, entity, paths)
        breaks += _compare_codes(session, pack, record, entity, paths, schema)
    return breaks


def _find_paths(context: RunContext, record: Record) -> tuple[Path, Path] | None:
    """Files of the raw table and the mapped entity; None for records whose rows are not one raw row each."""
    if record.merged_into is not None or record.split is not None:
        return None
    raw = layer_folder(context, Layer.RAW) / record.system / f"{record.table}.parquet"
    mapped = layer_folder(context, Layer.MAPPED) / f"{record.entity}.parquet"
    return (raw, mapped) if raw.exists() and mapped.exists() else None


def _compare_record(
    session: duckdb.DuckDBPyConnection, pack: Pack, record: Record, entity: Entity, paths: tuple[Path, Path]
) -> list[Break]:
    checks = [_key_check(pack, record), *_cell_checks(record, entity)]
    sums = ", ".join(f"count(*) FILTER (WHERE {c.differs})" for c in checks)
    relation = _joined(record, paths)
    counts = session.execute(f"SELECT {sums} FROM {relation}").fetchone() or ()
    breaks = []
    for check, count in zip(checks, counts, strict=True):
        if not count:
            continue
        query = f"SELECT m.source_key FROM {relation} WHERE {check.differs} ORDER BY 1 LIMIT {SHOWN_KEYS}"
        keys = tuple(str(r[0]) for r in session.execute(query).fetchall())
        owner = entity.field(check.field).owner
        sides = (f"{count} rows differ from {record.system}/{record.table}", "0")
        breaks.append(Break(check.name, LAYERS, entity.name, check.field, *sides, owner, keys))
    return breaks


def _joined(record: Record, paths: tuple[Path, Path]) -> str:
    """Mapped rows of a record map beside their raw rows (null where there is none)."""
    raw, mapped = paths
    group = f"ends_with(m.source_key, {sql_text('#' + record.group)})" if record.group else "TRUE"
    return (
        f"(SELECT * FROM {read_parquet_sql(mapped)} m WHERE m.source_system = {sql_text(record.system)} "
        f"AND m.source_table = {sql_text(record.table)} AND {group}) AS m "
        f"LEFT JOIN {read_parquet_sql(raw)} AS r ON r._source_row = m.source_row"
    )


def _key_check(pack: Pack, record: Record) -> CellCheck:
    """The row's key is the key its raw row has; repeated keys and groups add a suffix to it."""
    columns = pack.system(record.system).table(record.table).key
    key = " || '|' || ".join(f"trim(r.{quote(c)}::VARCHAR)" for c in columns)
    differs = f"r._source_row IS NULL OR ({key} IS NOT NULL AND NOT starts_with(m.source_key, {key}))"
    return CellCheck("key of the row", "source_key", differs)


def _cell_checks(record: Record, entity: Entity) -> Iterator[CellCheck]:
    for item in record.fields:
        field = entity.field(item.name)
        if isinstance(item.expression, Column) and not item.expression.join and field.type is FieldType.TEXT:
            yield CellCheck("text as recorded", item.name, _text_differs(item, item.expression, field.length))
        column = read_column(item.expression)
        if column is not None and _is_plain_time(item.expression) and field.type is FieldType.TIMESTAMP:
            yield CellCheck("time as recorded", item.name, _time_differs(item, column, item.expression))
        raw_name = f"{item.name.removesuffix('_code')}_raw"
        if column is not None and raw_name in entity.field_names and record.field(raw_name) is None:
            differs = f"m.{quote(raw_name)} IS DISTINCT FROM left({_raw_text(column)}, {RAW_LENGTH})"
            yield CellCheck("value as recorded", raw_name, differs)


def read_column(node: Expression) -> Column | None:
    """The one column a value is read from, through parsing, cleaning and lookups; None where it is made otherwise."""
    match node:
        case Lookup(inner=inner) | Parse(inner=inner) | Clean(inner=inner):
            return read_column(inner)
        case Column(join=""):
            return node
    return None


def _raw_text(column: Column) -> str:
    return f"nullif(trim(r.{quote(column.name)}::VARCHAR), '')"


def _text_differs(item: FieldMap, column: Column, length: int | None) -> str:
    differs = f"m.{quote(item.name)} IS DISTINCT FROM {_raw_text(column)}"
    if item.on_error is Policy.NULL:
        return f"m.{quote(item.name)} IS NOT NULL AND {differs}"
    if length is not None and item.on_error is Policy.KEEP:
        return f"coalesce(length({_raw_text(column)}), 0) <= {length} AND {differs}"
    return differs


def _is_plain_time(node: Expression) -> bool:
    """A time without further options: read as written, in local time."""
    return (
        isinstance(node, Parse)
        and node.parser == "timestamp"
        and isinstance(node.inner, Column)
        and str(node.options.get("zone", LONDON)) == LONDON
    )


def _time_differs(item: FieldMap, column: Column, node: Expression) -> str:
    """The recorded local time and the mapped one differ.

    In the hour that comes twice a year either UTC time reads as the same local time; a time in the hour that does not
    exist cannot be judged.
    """
    options = node.options if isinstance(node, Parse) else {}
    given = options.get("formats")
    patterns = [str(f) for f in given if isinstance(f, str)] if isinstance(given, list | tuple) else list(TIME_FORMATS)
    is_short = any("%y" in p for p in patterns)
    if not patterns or (is_short and not isinstance(options.get("century"), int)):
        return "FALSE"
    formats = ", ".join(sql_text(f) for f in patterns)
    text = f"regexp_replace({_raw_text(column)}, '\\.[0-9]+$', '')"
    recorded = f"try_strptime({text}, [{formats}])"
    if options.get("century") is not None:
        recorded = in_century(recorded, int(str(options["century"])))
    exists = f"({recorded} AT TIME ZONE '{LONDON}') AT TIME ZONE '{LONDON}' = {recorded}"
    mapped = f"date_trunc('second', m.{quote(item.name)} AT TIME ZONE '{LONDON}')"
    return f"m.{quote(item.name)} IS NOT NULL AND {recorded} IS NOT NULL AND {exists} AND {mapped} <> {recorded}"


def in_century(recorded: str, pivot: int) -> str:
    """A two-digit year is of the 2000s up to the pivot and of the 1900s above it, whatever the parser made of it."""
    year = f"(year({recorded}) % 100)"
    wanted = f"({year} + CASE WHEN {year} > {pivot} THEN 1900 ELSE 2000 END)"
    return f"({recorded} + to_years(CAST({wanted} - year({recorded}) AS INTEGER)))"


def _compare_codes(
    session: duckdb.DuckDBPyConnection,
    pack: Pack,
    record: Record,
    entity: Entity,
    paths: tuple[Path, Path],
    schema: NationalSchema,
) -> list[Break]:
    """Pairs of recorded value and national code that the crosswalk does not hold."""
    breaks = []
    for item in record.fields:
        lookup = item.expression
        if not isinstance(lookup, Lookup) or not isinstance(lookup.inner, Column) or lookup.inner.join:
            continue
        text = _raw_text(lookup.inner)
        query = (
            f"SELECT {text}, m.{quote(item.name)}, count(*), min(m.source_key) FROM {_joined(record, paths)} "
            f"WHERE {text} IS NOT NULL AND m.{quote(item.name)} IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
        )
        wrong = [
            (int(count), str(key))
            for value, code, count, key in session.execute(query).fetchall()
            if code not in allowed_codes(pack, lookup, entity.field(item.name).codes or "", value, schema)
        ]
        if wrong:
            rows, keys = sum(n for n, _ in wrong), tuple(sorted(k for _, k in wrong))[:SHOWN_KEYS]
            owner = entity.field(item.name).owner
            sides = (f"{rows} rows with another code", f"the crosswalk {lookup.crosswalk}")
            breaks.append(Break("code of the crosswalk", LAYERS, entity.name, item.name, *sides, owner, keys))
    return breaks


def allowed_codes(pack: Pack, lookup: Lookup, code_list: str, value: str, schema: NationalSchema) -> frozenset[str]:
    """National codes a recorded value may have become: its line in the crosswalk, itself, and their successors."""
    crosswalk = pack.crosswalks.get(lookup.crosswalk)
    decision = crosswalk.decisions.get(value) if crosswalk else None
    found = {decision.national_code} if decision is not None else set()
    if lookup.identity and decision is None:
        found.add(value)
    codes = schema.codes.get(code_list, ())
    for _ in range(len(codes)):
        successors = {c.attributes.get("successor_code", "") for c in codes if c.code in found}
        if successors <= found | {""}:
            break
        found |= successors - {""}
    return frozenset(found)
