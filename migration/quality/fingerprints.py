"""Fingerprints of tables by PostgreSQL's own hash functions, and what a table's totals are.

Enters: fields of an entity. Leaves: SQL that gives a PostgreSQL table's rows and, per column, how many values are
there, their fingerprint and (numbers) their sum; optionally by group. A fingerprint is the sum over rows of the 64-bit
hash of the value, seeded by the hash of the row's key. Must hold: row order does not count; a value that moved to
another row changes the sum; `lake_fingerprints` computes the same for a file. Refuses nothing: every type has its hash
(JSON by the text of its `jsonb`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migration.fingerprint import quote
from migration.schema.model import Entity, Field, FieldType

SUMMED = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_HASHES = {
    FieldType.TEXT: "hashtextextended({c}, {seed})",
    FieldType.INTEGER: "hashint8extended({c}, {seed})",
    FieldType.DOUBLE: "hashfloat8extended({c}, {seed})",
    FieldType.BOOLEAN: "hashint4extended({c}::int, {seed})",
    FieldType.DATE: "hashint4extended({c} - DATE '2000-01-01', {seed})",
    FieldType.TIMESTAMP: "timestamp_hash_extended({c} AT TIME ZONE 'UTC', {seed})",
}
"""Hash of a type's value; of decimals and JSON it is that of their text."""


@dataclass(frozen=True)
class ColumnTotals:
    """Values that are there in a column, their fingerprint, and their sum where they are numbers."""

    non_null: int
    fingerprint: str
    total: str | None = None


@dataclass(frozen=True)
class TableTotals:
    """Totals of one table, or of one group of its rows. `keys` is the fingerprint of its keys."""

    rows: int
    keys: str
    columns: Mapping[str, ColumnTotals] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """One hash of everything the totals say (hex)."""
        columns = (f"{n}={c.non_null},{c.fingerprint},{c.total or ''}" for n, c in sorted(self.columns.items()))
        return hashlib.sha256("\n".join((str(self.rows), self.keys, *columns)).encode()).hexdigest()


def key_columns(entity: Entity) -> tuple[str, ...]:
    """Columns that tell the rows of one division apart."""
    return tuple(c for c in entity.key if c != "division_code")


def hash_sql(field: Field, seed: str) -> str:
    """SQL hash of a field's value in PostgreSQL; NULL where the value is."""
    return _HASHES.get(field.type, "hashtextextended({c}::text, {seed})").format(c=quote(field.name), seed=seed)


def key_hash_sql(entity: Entity) -> str:
    """SQL hash of a row's key: each column's hash is the seed of the next."""
    seed = "0::bigint"
    for name in key_columns(entity):
        seed = f"coalesce({hash_sql(entity.field(name), seed)}, {seed})"
    return seed


def totals_sql(entity: Entity, relation: str, group: str = "''") -> str:
    """SELECT of a row per group: its text, rows, key fingerprint; per field non-null, fingerprint, sum of numbers."""
    parts = ["g", "count(*)", "coalesce(sum(k), 0)::text"]
    for item in entity.fields:
        parts += [f"count({quote(item.name)})", f"coalesce(sum({hash_sql(item, 'k')}), 0)::text"]
        parts += [f"sum({quote(item.name)})::text"] if item.type in SUMMED else []
    rows = f"SELECT t.*, {key_hash_sql(entity)} AS k, {group} AS g FROM {relation} t OFFSET 0"
    return f"SELECT {', '.join(parts)} FROM ({rows}) AS hashed GROUP BY g"


def read_totals(entity: Entity, row: Sequence[object]) -> tuple[str, TableTotals]:
    """Group and totals from a row `totals_sql` gave."""
    values = iter(row)
    group, rows, keys = str(next(values)), int(str(next(values))), str(next(values))
    columns = {}
    for item in entity.fields:
        non_null, fingerprint = int(str(next(values))), str(next(values))
        total = next(values) if item.type in SUMMED else None
        columns[item.name] = ColumnTotals(non_null, fingerprint, None if total is None else str(total))
    return group, TableTotals(rows, keys, columns)


def empty_totals(entity: Entity) -> TableTotals:
    """Totals of a table without a row."""
    return TableTotals(0, "0", {f.name: ColumnTotals(0, "0") for f in entity.fields})


def row_hashes_sql(entity: Entity, relation: str, fields: Sequence[Field]) -> str:
    """SELECT of each row's name, the hash of its key, and the hashes of some fields: what names differing rows."""
    hashes = "".join(f", {hash_sql(f, 'k')} AS h{n}" for n, f in enumerate(fields))
    rows = f"SELECT t.*, {key_hash_sql(entity)} AS k FROM {relation} t OFFSET 0"
    return f"SELECT {name_sql(entity)} AS n, k{hashes} FROM ({rows}) AS hashed"


def name_sql(entity: Entity) -> str:
    """SQL text that names a row in a message: its legacy key; where the entity has none, its own."""
    if entity.has_lineage:
        return "source_key"
    return " || '|' || ".join(f"{quote(c)}::text" for c in key_columns(entity))
