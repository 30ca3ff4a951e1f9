"""Fingerprints of rows and columns that DuckDB and PostgreSQL compute alike.

Enters: fields of an entity. Leaves: SQL in either dialect that gives a table's rows, the fingerprint of its rows, and
per column how many values are there and their fingerprint. A fingerprint is the sum, over all rows, of 60 bits of an
MD5. Must hold: row order does not count; equal values give equal sums in both engines; every value is hashed together
with its row's key, so a value that moved to another row changes the sum. Refuses: JSON, which PostgreSQL stores
re-written (its values are counted only), and floating point beyond six decimals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from migration.fingerprint import quote
from migration.schema.model import Entity, Field, FieldType

SEPARATOR = "chr(31)"
NULL_TEXT = "chr(30)"
DOUBLE_SCALE = 1_000_000
LARGEST_DOUBLE = 9.0e12
"""Doubles up to this are compared to the sixth decimal as whole numbers; the schema holds coordinates and shares."""


class Dialect(StrEnum):
    """The engines that compute fingerprints."""

    DUCKDB = "duckdb"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class ColumnTotals:
    """Values that are there in a column, and the fingerprint of values with their keys (None: not fingerprinted)."""

    non_null: int
    fingerprint: str | None


@dataclass(frozen=True)
class TableTotals:
    """Totals of one table. `content` is the fingerprint of whole rows, `keys` of their keys (empty: not taken)."""

    rows: int
    keys: str
    content: str
    columns: dict[str, ColumnTotals]


def compared_fields(entity: Entity) -> tuple[Field, ...]:
    """Fields whose values are fingerprinted: all but JSON."""
    return tuple(f for f in entity.fields if f.type is not FieldType.JSON)


def key_text(entity: Entity) -> str:
    """SQL text of a row's key; the division is the same for all rows of a table."""
    parts = [quote(c) for c in entity.key if c != "division_code"]
    return f" || {SEPARATOR} || ".join(f"{p}::text" for p in parts)


def value_text(field: Field, dialect: Dialect) -> str:
    """SQL text of a field's value, the same in both engines; NULL where the value is."""
    column = quote(field.name)
    if field.type is FieldType.DATE:
        days = f"({column} - DATE '1970-01-01')"
        return f"{days}::text"
    if field.type is FieldType.TIMESTAMP:
        if dialect is Dialect.DUCKDB:
            return f"epoch_us({column})::text"
        return f"(extract(epoch FROM {column}) * 1000000)::bigint::text"
    if field.type is FieldType.DOUBLE:
        scaled = f"floor({column} * {DOUBLE_SCALE} + 0.5)::bigint::text"
        return (
            f"CASE WHEN abs({column}) < {LARGEST_DOUBLE:.0f} THEN {scaled} WHEN {column} IS NOT NULL THEN 'large' END"
        )
    return f"{column}::text"


def row_text(fields: Sequence[Field], dialect: Dialect) -> str:
    """SQL text of a row: texts with their length, so that no two different rows read alike."""
    parts = []
    for field in fields:
        text = value_text(field, dialect)
        if field.type is FieldType.TEXT:
            text = f"length({text}) || ':' || {text}"
        parts.append(f"coalesce({text}, {NULL_TEXT})")
    return f" || {SEPARATOR} || ".join(parts)


def hash_number(text: str, dialect: Dialect) -> str:
    """SQL number of the first 60 bits of the MD5 of a text."""
    if dialect is Dialect.DUCKDB:
        return f"('0x' || left(md5({text}), 15))::bigint"
    return f"('x0' || left(md5({text}), 15))::bit(64)::bigint"


def totals_sql(entity: Entity, relation: str, dialect: Dialect, *, with_columns: bool) -> str:
    """SELECT of one row: rows, key and row fingerprint, then per field non-null and (with columns) fingerprint."""
    key = key_text(entity)
    row = _sum(hash_number(row_text(compared_fields(entity), dialect), dialect))
    parts = ["count(*)", _sum(hash_number(key, dialect)) if with_columns else "''", row]
    for field in entity.fields:
        parts.append(f"count({quote(field.name)})")
        if with_columns and field.type is not FieldType.JSON:
            text = f"{key} || {SEPARATOR} || {value_text(field, dialect)}"
            parts.append(_sum(hash_number(text, dialect)))
    return f"SELECT {', '.join(parts)} FROM {relation}"


def read_totals(entity: Entity, row: Sequence[object], *, with_columns: bool) -> TableTotals:
    """Totals from the row `totals_sql` gave."""
    values = iter(row)
    rows, keys, content = int(str(next(values))), str(next(values)), str(next(values))
    columns = {}
    for field in entity.fields:
        non_null = int(str(next(values)))
        has_hash = with_columns and field.type is not FieldType.JSON
        columns[field.name] = ColumnTotals(non_null, str(next(values)) if has_hash else None)
    return TableTotals(rows, keys, content, columns)


def row_hashes_sql(entity: Entity, relation: str, dialect: Dialect) -> str:
    """SELECT of each row's name `k` and the MD5 `h` of its values: what names the rows two tables do not share.

    A row is named by its legacy key; where the entity has none, by its own key.
    """
    name = "source_key" if entity.has_lineage else key_text(entity)
    text = row_text(compared_fields(entity), dialect)
    return f"SELECT {name} AS k, md5({text}) AS h FROM {relation}"


def _sum(number: str) -> str:
    return f"coalesce(sum({number}), 0)::text"
