"""Control totals of a table, the same on a legacy system and on the lake's Parquet.

Enters: a relation, its columns with their kinds, and a dialect that says how an engine writes each kind as text and
which hash it computes fast. Leaves: `ControlTotals` (rows; per column non-null, smallest, largest, sum and a
fingerprint; a fingerprint of the rows). Must hold: the totals do not depend on row order; two engines holding equal
values give equal totals. A column's fingerprint is the sum of a hash of its values' canonical texts; that of the rows
binds the cells of each row together, so that values exchanged between rows change it. Refuses: letting a personal
value out: facts and messages carry hashes of texts and dates, never the values.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from functools import partial
from typing import Any

import pyarrow as pa

from migration.errors import ReconciliationError
from migration.fingerprint import quote


class ColumnKind(StrEnum):
    """Kinds of value, as far as control totals tell them apart."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TEXT = "text"
    BINARY = "binary"
    DATE = "date"
    TIMESTAMP = "timestamp"
    INSTANT = "instant"


class HashScheme(StrEnum):
    """The hash behind a fingerprint: the one that the measuring engine computes fastest.

    LOOKUP3: PostgreSQL's `hashtextextended`, of whole numbers `hashint8extended`, seeded by the column's place; rows by
    the exclusive or of their columns' hashes. LOOKUP3_HEX: the same, texts written as the hex digits of their UTF-8
    bytes. CRC32: MySQL's; rows by the CRC-32 of the decimal digits of that of their texts. MD5: 60 bits of it, for
    values and rows.
    """

    LOOKUP3 = "lookup3"
    LOOKUP3_HEX = "lookup3 of hex"
    CRC32 = "crc32"
    MD5 = "md5"


SUMMED = frozenset({ColumnKind.INTEGER, ColumnKind.DECIMAL})
ORDERED = frozenset(set(ColumnKind) - {ColumnKind.BOOLEAN})
TIMES = frozenset({ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.INSTANT})
HIDDEN = TIMES | {ColumnKind.TEXT, ColumnKind.BINARY}
EXACT_DIGITS = 100
"""More than any sum of a table's numbers has."""
HEX_OF_TEXT = "upper(encode(convert_to({t}, 'UTF8'), 'hex'))"
ROW_SEPARATOR, NULL_OF_ROW = "\x1f", "\x1e"
"""Between the values of a row under CRC32, and in the place of NULL: characters that texts do not hold."""
NULL_MARK = "~"
"""What stands for NULL in a row's text whose values have their lengths."""


@dataclass(frozen=True)
class TotalsDialect:
    """How one engine writes what control totals need, as SQL templates.

    Attributes:
        image: canonical text of a value by kind; `{c}` is the column.
        ordered: expression whose MIN and MAX follow the order of values (texts: of their bytes); default `{c}`.
        byte_length: length in UTF-8 bytes of the text `{t}`.
        concat: function that joins texts, none of them NULL.
        row_number: number from the first 15 hex digits of the MD5 of the text `{t}`.
        exact_sum: exact sum of `{x}`, as text.
        modulo: remainder of `{x}` by `{n}`.
        scheme: the hash of the fingerprints.
    """

    image: Mapping[ColumnKind, str]
    ordered: Mapping[ColumnKind, str]
    byte_length: str
    concat: Callable[[list[str]], str]
    row_number: str
    exact_sum: str
    modulo: str = "({x} % {n})"
    scheme: HashScheme = HashScheme.MD5
    quote: Callable[[str], str] = quote

    def image_of(self, column: str, kind: ColumnKind) -> str:
        """Canonical text of a column's values."""
        return self.image[kind].format(c=self.quote(column))


def join_with_bars(parts: list[str]) -> str:
    """Texts joined by the standard operator."""
    return " || ".join(parts)


DUCKDB = TotalsDialect(
    image={
        ColumnKind.INTEGER: "{c}::VARCHAR",
        ColumnKind.DECIMAL: "{c}::VARCHAR",
        ColumnKind.DOUBLE: "{c}::VARCHAR",
        ColumnKind.BOOLEAN: "CASE WHEN {c} THEN '1' ELSE '0' END",
        ColumnKind.TEXT: "{c}",
        ColumnKind.BINARY: "hex({c})",
        ColumnKind.DATE: "strftime({c}, '%Y-%m-%d')",
        ColumnKind.TIMESTAMP: "strftime({c}, '%Y-%m-%d %H:%M:%S.%f')",
        ColumnKind.INSTANT: "strftime({c} AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')",
    },
    ordered={ColumnKind.BINARY: "hex({c})"},
    byte_length="strlen({t})",
    concat=join_with_bars,
    row_number="('0x' || substr(md5({t}), 1, 15))::BIGINT",
    exact_sum="sum({x}::DECIMAL(38, {scale}))::VARCHAR",
)


@dataclass(frozen=True)
class ColumnTotals:
    """Totals of one column. Texts, bytes and dates keep a hash of their smallest and largest value."""

    name: str
    non_null: int
    minimum: str | None
    maximum: str | None
    sum: str | None
    fingerprint: str


@dataclass(frozen=True)
class ControlTotals:
    """Totals of one table. `fingerprint` binds the values of each row together; `scheme` is the hash of all."""

    rows: int
    fingerprint: str
    columns: tuple[ColumnTotals, ...]
    scheme: HashScheme

    def facts(self) -> dict[str, object]:
        """The totals as the manifest keeps them."""
        columns = {
            c.name: {
                "non_null": c.non_null,
                "min": c.minimum,
                "max": c.maximum,
                "sum": c.sum,
                "fingerprint": c.fingerprint,
            }
            for c in self.columns
        }
        return {
            "rows": self.rows,
            "fingerprint": self.fingerprint,
            "hash": self.scheme.value,
            "columns": columns,
        }


def column_kinds(schema: pa.Schema) -> dict[str, ColumnKind]:
    """Kind of each column of an Arrow schema, in its order."""
    return {field.name: _kind_of(field.type) for field in schema}


def _kind_of(kind: pa.DataType) -> ColumnKind:
    checks = (
        (pa.types.is_boolean, ColumnKind.BOOLEAN),
        (pa.types.is_integer, ColumnKind.INTEGER),
        (pa.types.is_decimal, ColumnKind.DECIMAL),
        (pa.types.is_floating, ColumnKind.DOUBLE),
        (pa.types.is_date, ColumnKind.DATE),
        (pa.types.is_binary, ColumnKind.BINARY),
        (pa.types.is_large_binary, ColumnKind.BINARY),
    )
    for is_kind, name in checks:
        if is_kind(kind):
            return name
    if pa.types.is_timestamp(kind):
        return ColumnKind.INSTANT if kind.tz else ColumnKind.TIMESTAMP
    return ColumnKind.TEXT


def totals_sql(dialect: TotalsDialect, relation: str, schema: pa.Schema) -> str:
    """One SELECT that measures a relation: rows, their fingerprint, then the totals of each column.

    Grain: one row. The columns are read back by `read_totals`.
    """
    kinds = column_kinds(schema)
    is_lookup3 = dialect.scheme in (HashScheme.LOOKUP3, HashScheme.LOOKUP3_HEX)
    hashes = [_value_hash(dialect, name, kinds[name], n) for n, name in enumerate(schema.names, 1)]
    if is_lookup3:
        named = ", ".join(f"{h} AS migration_{n}" for n, h in enumerate(hashes, 1))
        # OFFSET 0 keeps the hashes from being computed once for the column and once more for the row
        relation = f"(SELECT {', '.join(map(dialect.quote, schema.names))}, {named} FROM {relation} OFFSET 0) h"
        hashes = [f"migration_{n}" for n in range(1, len(hashes) + 1)]
    parts = ["count(*)", dialect.exact_sum.format(x=_row_hash(dialect, schema, hashes), scale=0)]
    for field, value_hash in zip(schema, hashes, strict=True):
        parts.extend(_column_parts(dialect, field, kinds[field.name], value_hash))
    return f"SELECT {', '.join(parts)} FROM {relation}"


def _value_hash(dialect: TotalsDialect, column: str, kind: ColumnKind, place: int) -> str:
    """SQL of the number that stands for a value; NULL for NULL."""
    image = dialect.image_of(column, kind)
    if dialect.scheme is HashScheme.CRC32:
        return f"CRC32({image})"
    if dialect.scheme is HashScheme.MD5:
        number = dialect.row_number.format(t=image)
        return f"CASE WHEN {dialect.quote(column)} IS NOT NULL THEN {number} END"
    if kind is ColumnKind.INTEGER:
        return f"hashint8extended({dialect.quote(column)}, {place})"
    if dialect.scheme is HashScheme.LOOKUP3_HEX and kind is ColumnKind.TEXT:
        image = HEX_OF_TEXT.format(t=image)
    return f'hashtextextended(({image}) COLLATE "C", {place})'


def _row_hash(dialect: TotalsDialect, schema: pa.Schema, hashes: list[str]) -> str:
    """SQL of the number that stands for a row."""
    if dialect.scheme is HashScheme.CRC32:
        kinds = column_kinds(schema)
        images = ", ".join(f"IFNULL({dialect.image_of(name, kinds[name])}, '{NULL_OF_ROW}')" for name in schema.names)
        return f"CRC32(CRC32(CONCAT_WS('{ROW_SEPARATOR}', {images})))"
    if dialect.scheme is HashScheme.MD5:
        return dialect.row_number.format(t=row_text_of(dialect, schema, with_doubles=True))
    return f"hashint8extended({' # '.join(f'coalesce({h}, 0)' for h in hashes)}, 0)"


def row_text_of(dialect: TotalsDialect, schema: pa.Schema, *, with_doubles: bool = False) -> str:
    """SQL of a row's canonical text: every value with its length, NULL as `~`.

    Args:
        with_doubles: whether floating point numbers count; not all engines write them alike.
    """
    kinds = column_kinds(schema)
    hashed = [name for name, kind in kinds.items() if with_doubles or kind is not ColumnKind.DOUBLE]
    return dialect.concat([_value_text(dialect, name, kinds[name]) for name in hashed] or ["''"])


def _value_text(dialect: TotalsDialect, column: str, kind: ColumnKind) -> str:
    image = dialect.image_of(column, kind)
    length = dialect.byte_length.format(t=image)
    encoded = dialect.concat([length, "':'", image])
    return f"CASE WHEN {dialect.quote(column)} IS NULL THEN '{NULL_MARK}' ELSE {encoded} END"


def _column_parts(dialect: TotalsDialect, field: pa.Field, kind: ColumnKind, value_hash: str) -> list[str]:
    column = dialect.quote(field.name)
    parts = [f"count({column})", dialect.exact_sum.format(x=value_hash, scale=0)]
    if kind in ORDERED:
        ordered = dialect.ordered.get(kind, "{c}").format(c=column)
        ends = [f"min({ordered})", f"max({ordered})"]
        parts += [dialect.image[kind].format(c=end) for end in ends] if kind in TIMES else ends
    if kind in SUMMED:
        scale = field.type.scale if kind is ColumnKind.DECIMAL else 0
        parts.append(dialect.exact_sum.format(x=column, scale=scale))
    return parts


def merge_totals(schema: pa.Schema, parts: Sequence[tuple[Any, ...]]) -> tuple[object, ...]:
    """The row that `totals_sql` would give of a whole, from those that it gave of parts which share no row."""
    kinds = column_kinds(schema)
    ways: list[Callable[[list[Any]], object]] = [_add_up, _add_up]
    for kind in kinds.values():
        ways += [_add_up, _add_up]
        if kind in SUMMED:  # which a driver may give as text
            ways += [partial(min, key=_as_number), partial(max, key=_as_number), _add_up]
        elif kind in ORDERED:
            ways += [min, max]
    columns = ([v for v in values if v is not None] for values in zip(*parts, strict=True))
    return tuple(way(known) if known else None for way, known in zip(ways, columns, strict=True))


def _add_up(values: list[Any]) -> str:
    """The exact sum of numbers that may be written as text."""
    with localcontext(prec=EXACT_DIGITS):
        return f"{sum(map(_as_number, values)):f}"


def _as_number(value: Any) -> Decimal:
    return Decimal(value.decode("ascii") if isinstance(value, bytes) else str(value))


def read_totals(schema: pa.Schema, row: tuple[object, ...], scheme: HashScheme) -> ControlTotals:
    """Totals from the row that `totals_sql` gave."""
    values = iter(row)
    rows, fingerprint = _whole(next(values)), str(_whole(next(values) or 0))
    columns = []
    for name, kind in column_kinds(schema).items():
        non_null, column_print = _whole(next(values)), str(_whole(next(values) or 0))
        ends = [end_text(next(values), kind), end_text(next(values), kind)] if kind in ORDERED else [None, None]
        total = _sum_text(next(values)) if kind in SUMMED else None
        columns.append(ColumnTotals(name, non_null, ends[0], ends[1], total, column_print))
    return ControlTotals(rows, fingerprint, tuple(columns), scheme)


def _whole(value: object) -> int:
    text = value.decode("ascii") if isinstance(value, bytes) else str(value)
    return int(text.split(".")[0])


def _sum_text(value: object) -> str | None:
    if value is None:
        return None
    text = value.decode("ascii") if isinstance(value, bytes) else value
    text = f"{text:f}" if isinstance(text, Decimal) else str(text)
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def end_text(value: object, kind: ColumnKind) -> str | None:
    """A smallest or largest value as totals keep it: numbers as they are, everything else by its hash."""
    if value is None:
        return None
    if kind is ColumnKind.DOUBLE:
        return repr(float(str(value)) + 0.0)  # the two zeros are equal, and either may be met first
    if kind not in HIDDEN:
        return _sum_text(value)
    content = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
    return "sha256:" + hashlib.sha256(content).hexdigest()[:16]


def check_totals(where: str, source: ControlTotals, lake: ControlTotals) -> None:
    """Stop where the lake's copy of a table is not what the source holds.

    Raises:
        ReconciliationError: rows, a column's totals or the fingerprint differ; names the columns.
    """
    fix = "Do not use this extract. Extract the table again; if it repeats, compare the columns named here by hand."
    if source.rows != lake.rows:
        raise ReconciliationError(where, f"{lake.rows} rows in the lake", f"{source.rows} rows as in the source", fix)
    found = {c.name: c for c in lake.columns}
    differing = [c.name for c in source.columns if found.get(c.name) != c]
    if differing:
        raise ReconciliationError(
            where, f"other control totals in {', '.join(differing)}", "the totals taken on the source", fix
        )
    if source.fingerprint != lake.fingerprint:
        raise ReconciliationError(
            where,
            "another fingerprint of the rows: the columns agree, but values stand in other rows",
            "the one taken on the source",
            fix,
        )
