"""What compiled mappings read: raw tables as text, crosswalks, joined tables, and rows that repeat.

Enters: the raw layer and a pack. Leaves: views and temporary tables of a DuckDB session. Must hold: a joined table has
one row to a key. Refuses: a raw table whose columns are not those of the pack, by name and table; a code table that
has several rows to a code where the pack does not say which.
"""

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from migration.duck import read_parquet_sql, sql_text
from migration.errors import ConfigError, SourceError
from migration.fingerprint import row_text_sql
from migration.mapping.compile import crosswalk_relation, join_relation
from migration.mapping.expressions import Lookup, walk
from migration.mapping.keys import source_key_sql
from migration.mapping.literals import literal, name
from migration.mapping.model import Crosswalk, Join, Pack, SourceSystem, SourceTable, TableRole
from migration.mapping.old_clocks import register_clocks
from migration.mapping.record_sql import order_sql
from migration.mapping.text_repair import register_repairs
from migration.row_hash import row_sums
from migration.schema.model import Code, NationalSchema

ROW_COLUMN = "_source_row"
PARSERS_SQL = Path(__file__).with_name("parsers.sql")
FIRST_DAY, LAST_DAY = date(1, 1, 1), date(9999, 12, 31)
REJECTED = "REJECTED"


def prepare_session(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the parsers known to a session."""
    register_clocks(connection)
    connection.execute(PARSERS_SQL.read_text(encoding="utf-8"))
    register_repairs(connection)


def view_raw(connection: duckdb.DuckDBPyConnection, system: SourceSystem, table: SourceTable, path: Path) -> None:
    """A view of one raw table with every column as text, spelled as the pack spells it.

    Raises:
        SourceError: the raw table lacks a column of the pack, or has one that the pack does not know.
    """
    where = f"raw table {system.name}/{table.name}"
    if not path.exists():
        raise SourceError(where, "no file", "the table the pack names", "Extract again, or correct the pack.")
    found = [str(r[0]) for r in connection.execute(f"DESCRIBE SELECT * FROM {read_parquet_sql(path)}").fetchall()]
    spelled = {c.lower(): c for c in found if not c.startswith("_")}
    wanted = {c.lower(): c for c in table.column_names}
    missing = [wanted[c] for c in wanted if c not in spelled]
    new = [spelled[c] for c in spelled if c not in wanted]
    if missing or new:
        parts = [f"without {', '.join(missing)}"] if missing else []
        parts += [f"with unknown {', '.join(new)}"] if new else []
        raise SourceError(
            where,
            f"columns {' and '.join(parts)}",
            "the columns of the pack",
            "Map each new column or give a reason under `ignore`; take a column that is gone out of the pack.",
        )
    columns = ", ".join(f"{name(spelled[c])}::VARCHAR AS {name(wanted[c])}" for c in wanted)
    view = name(f"{system.name}.{table.name}")
    connection.execute(f"CREATE VIEW {view} AS SELECT {ROW_COLUMN}, {columns} FROM {read_parquet_sql(path)}")


def mark_repeats(
    connection: duckdb.DuckDBPyConnection, system: SourceSystem, table: SourceTable, path: Path | None = None
) -> bool:
    """Find rows that repeat a key or, but for a meaningless key, another row; whether there are any.

    Args:
        path: the raw file of the table, of which a first look may show that there are none.

    Leaves the table `state <system>.<table>`: `_source_row`, `kind` (DUPLICATE of another row; CONFLICT: same key,
    other content; NO_KEY), `suffix` of its source key, `kept_key` of the row that stays.
    Which one stays rests on content only.
    """
    if path is not None and not table.surrogate and len(table.key) == 1 and has_own_keys(path, table.key[0]):
        return False
    view = name(f"{system.name}.{table.name}")
    state = name(f"state {system.name}.{table.name}")
    key = source_key_sql([name(c) for c in table.key])
    content = f"md5({row_text_sql(sorted(table.column_names))})"
    connection.execute(f"""
        CREATE TEMP TABLE {state} AS
        WITH repeated AS (SELECT {key} AS k FROM {view} GROUP BY 1 HAVING count(*) > 1 AND k IS NOT NULL),
        hashed AS (SELECT {ROW_COLUMN}, k, {content} AS h FROM {view} JOIN repeated ON k = {key}),
        ranked AS (
            SELECT {ROW_COLUMN}, k, row_number() OVER (PARTITION BY k ORDER BY h, {ROW_COLUMN}) AS n,
                   min(h) OVER (PARTITION BY k) = max(h) OVER (PARTITION BY k) AS is_same
            FROM hashed
        )
        SELECT {ROW_COLUMN}, CASE WHEN is_same THEN 'DUPLICATE' ELSE 'CONFLICT' END AS kind,
               CASE WHEN n > 1 THEN '~' || n ELSE '' END AS suffix, k AS kept_key
        FROM ranked WHERE n > 1 OR NOT is_same
    """)
    connection.execute(f"""
        INSERT INTO {state}
        WITH keyless AS (SELECT {ROW_COLUMN}, {content} AS h FROM {view} WHERE {key} IS NULL),
        ranked AS (SELECT *, row_number() OVER (PARTITION BY h ORDER BY {ROW_COLUMN}) AS n FROM keyless)
        SELECT {ROW_COLUMN}, 'NO_KEY', 'no key ' || left(h, 16) || CASE WHEN n > 1 THEN '~' || n ELSE '' END, NULL
        FROM ranked
    """)
    if table.surrogate:
        _mark_same_content(connection, view, state, key, table)
    row = connection.execute(f"SELECT count(*) FROM {state}").fetchone()
    return bool(row and row[0])


def has_own_keys(path: Path, column: str) -> bool:
    """Whether every row of a raw file has a key of its own; where it says no, it may be mistaken.

    Equal keys have equal hashes, so as many hashes as rows are as many keys.
    """
    file = pq.ParquetFile(path)
    spelled = next((c for c in file.schema_arrow.names if c.lower() == column.lower()), None)
    if spelled is None or file.schema_arrow.field(spelled).type not in (pa.string(), pa.int64()):
        return False
    hashes = []
    for group in range(file.num_row_groups):
        for chunk in file.read_row_group(group, columns=[spelled], use_threads=False).column(0).chunks:
            if chunk.null_count:
                return False
            hashes.append(row_sums({column: chunk}, len(chunk))[0])
    found = np.sort(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)
    return not bool((found[1:] == found[:-1]).any())


def _mark_same_content(
    connection: duckdb.DuckDBPyConnection, view: str, state: str, key: str, table: SourceTable
) -> None:
    others = sorted(set(table.column_names) - set(table.surrogate))
    content = f"md5_number_lower({row_text_sql(others)})"
    connection.execute(f"""
        INSERT INTO {state}
        WITH hashed AS (SELECT {ROW_COLUMN}, {key} AS k, {content} AS h FROM {view}),
        repeated AS (SELECT h FROM hashed GROUP BY h HAVING count(*) > 1),
        ranked AS (
            SELECT {ROW_COLUMN}, k, first_value(k) OVER same AS kept, row_number() OVER same AS n
            FROM hashed SEMI JOIN repeated USING (h)
            WHERE k IS NOT NULL AND {ROW_COLUMN} NOT IN (SELECT {ROW_COLUMN} FROM {state})
            WINDOW same AS (PARTITION BY h ORDER BY length(k), k)
        )
        SELECT {ROW_COLUMN}, 'DUPLICATE', '', kept FROM ranked WHERE n > 1
    """)


def make_crosswalks(connection: duckdb.DuckDBPyConnection, pack: Pack, schema: NationalSchema) -> None:
    """One temporary table for each crosswalk and national list a pack pairs: value, code, validity, successor."""
    for crosswalk, codes, is_identity in sorted(_pairs(pack, schema)):
        rows = _crosswalk_rows(pack.crosswalks.get(crosswalk), schema.codes[codes], is_identity=is_identity)
        table = name(crosswalk_relation(crosswalk, codes, is_identity=is_identity))
        connection.execute(
            f"CREATE TEMP TABLE {table} (legacy_value VARCHAR, national_code VARCHAR, valid_from DATE, valid_to DATE, "
            "successor_code VARCHAR)"
        )
        insert_rows(connection, table, rows)


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows of text and days in one statement; many small ones are slow."""
    if rows:
        values = ", ".join(f"({', '.join('NULL' if v is None else literal(v) for v in row)})" for row in rows)
        connection.execute(f"INSERT INTO {table} VALUES {values}")


def _pairs(pack: Pack, schema: NationalSchema) -> set[tuple[str, str, bool]]:
    found = set()
    for record in pack.records:
        for item in record.fields:
            codes = schema.entity(record.entity).field(item.name).codes
            for part in walk(item.expression):
                if isinstance(part, Lookup) and codes is not None:
                    found.add((part.crosswalk, codes, part.identity))
    return found


def _crosswalk_rows(
    crosswalk: Crosswalk | None, codes: tuple[Code, ...], *, is_identity: bool
) -> list[tuple[str, str, date, date, str | None]]:
    periods: dict[str, tuple[date, date, str | None]] = {}
    for code in codes:  # a code with several periods is valid from the first to the last
        first, last, successor = periods.get(code.code, (LAST_DAY, FIRST_DAY, None))
        ends = code.valid_to or LAST_DAY
        successor = code.attributes.get("successor_code") or successor
        periods[code.code] = (min(first, code.valid_from), max(last, ends), successor)
    meanings = {code: code for code in periods} if is_identity else {}
    for decision in crosswalk.decisions.values() if crosswalk else ():
        meanings.pop(decision.legacy_value, None)
        if decision.national_code and decision.status != REJECTED:
            meanings[decision.legacy_value] = decision.national_code
    return [(value, code, *periods[code]) for value, code in sorted(meanings.items())]


def make_joins(
    connection: duckdb.DuckDBPyConnection, pack: Pack, unique: Collection[tuple[str, str]] = frozenset()
) -> None:
    """One view for each table a record joins, with one row to a key and trimmed columns.

    Args:
        unique: system and table of those in which no key repeats (`mark_repeats`).
    """
    made: set[str] = set()
    for record in pack.records:
        for join in record.joins:
            relation = join_relation(join)
            if relation not in made:
                made.add(relation)
                key = pack.system(join.system).table(join.table).key
                by_key = tuple(c for c, _ in join.on) == tuple(key) and (join.system, join.table) in unique
                _make_join(connection, pack, join, name(relation), is_unique=by_key)


def _make_join(
    connection: duckdb.DuckDBPyConnection, pack: Pack, join: Join, relation: str, *, is_unique: bool
) -> None:
    table = pack.system(join.system).table(join.table)
    view = name(f"{join.system}.{join.table}")
    keys = [name(column) for column, _ in join.on]
    trimmed = ", ".join(f"tidy({name(c)}) AS {name(c)}" for c in table.column_names)
    source = f"(SELECT {ROW_COLUMN}, {trimmed} FROM {view})"
    order = ", ".join(order_sql(name(o.column), is_descending=o.is_descending) for o in join.pick)
    whole = f"md5({row_text_sql(sorted(table.column_names))})"
    if join.collect:
        listed = ", ".join(
            f"string_agg({name(c)}, {literal(join.separator)} ORDER BY {order or whole}) AS {name(c)}"
            for c in join.collect
        )
        sql = f"SELECT {', '.join(keys)}, {listed} FROM {source} GROUP BY {', '.join(keys)}"
    else:
        if not join.pick and not is_unique and not _is_unique(connection, source, keys):
            _refuse_ambiguous(join, table)
            order = whole
        by = f"PARTITION BY {', '.join(keys)} ORDER BY {order + ', ' if order and order != whole else ''}{whole}"
        sql = f"SELECT * FROM {source}" + (f" QUALIFY row_number() OVER ({by}) = 1" if order else "")
    connection.execute(f"CREATE VIEW {relation} AS {sql}")


def _is_unique(connection: duckdb.DuckDBPyConnection, source: str, keys: list[str]) -> bool:
    listed = ", ".join(keys)
    query = f"SELECT 1 FROM {source} WHERE {keys[0]} IS NOT NULL GROUP BY {listed} HAVING count(*) > 1 LIMIT 1"
    return connection.execute(query).fetchone() is None


def _refuse_ambiguous(join: Join, table: SourceTable) -> None:
    """Rows of a record table that repeat a key are dealt with as records; a code table has to be told apart."""
    if table.role is TableRole.LOOKUP:
        columns = ", ".join(c for c, _ in join.on)
        raise ConfigError(
            f"join {join.alias} with {join.system}.{join.table}",
            f"several rows to one value of {columns}",
            "one row to a value",
            "Say which under `pick`, for instance the newest by its first day of validity.",
        )


def raw_path(folder: Path, system: SourceSystem, table: SourceTable) -> Path:
    """Where the raw layer holds a source table."""
    return folder / system.name / f"{table.name}.parquet"


def count_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Rows of a relation."""
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


def parquet(path: Path) -> str:
    """SQL relation of a Parquet file or list of them."""
    return f"read_parquet({sql_text(path)})"
