"""The disposition ledger against what was extracted and what was loaded.

Enters: the run's raw manifest, `mapped/disposition` and entity files, the pack's primary entities. Leaves:
`LedgerLine`s and `Break`s. Must hold: every source record has exactly one disposition; rows of a source table equal
the dispositions of its primary entity; the records said to be LOADED are exactly the rows of the entity, key by key.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migration.duck import read_parquet_sql, sql_text
from migration.fingerprint import quote
from migration.layers import LayerManifest
from migration.quality.breaks import SHOWN_KEYS, Break, LedgerLine
from migration.records import Disposition
from migration.row_hash import row_hashes
from migration.schema.model import Entity

OWNER = "crime_registrar"
QUARANTINE = "_quarantine"
HASHED_ROWS = 65_536


def count_ledger(
    session: duckdb.DuckDBPyConnection,
    disposition: Path,
    raw_rows: Mapping[tuple[str, str], int],
    primary: Mapping[tuple[str, str], str],
) -> tuple[LedgerLine, ...]:
    """The ledger by source system, source table and entity, with the rows extracted of each table's primary entity.

    A table that was extracted and has no disposition at all gets a line of its own.
    """
    columns = "source_system, source_table, entity, outcome"
    query = f"SELECT {columns}, count(*) FROM {read_parquet_sql(disposition)} GROUP BY ALL"
    outcomes: dict[tuple[str, str, str], dict[str, int]] = {}
    for system, table, entity, outcome, count in session.execute(query).fetchall():
        outcomes.setdefault((system, table, entity), {})[outcome] = count
    for (system, table), entity in primary.items():
        outcomes.setdefault((system, table, entity), {})
    lines = []
    for (system, table, entity), found in sorted(outcomes.items()):
        is_primary = primary.get((system, table)) == entity
        extracted = raw_rows.get((system, table), 0) if is_primary else None
        counts = {o.value: found.get(o.value, 0) for o in Disposition}
        lines.append(LedgerLine(system, table, entity, extracted, counts))
    return tuple(lines)


def count_raw_rows(manifest: LayerManifest) -> dict[tuple[str, str], int]:
    """Rows of each raw table by source system and table."""
    rows = {}
    for table in manifest.tables:
        system, found, name = table.name.partition("/")
        if found and system != QUARANTINE:
            rows[(system, name)] = table.rows
    return rows


def find_doubled(session: duckdb.DuckDBPyConnection, disposition: Path) -> list[Break]:
    """Source records with more than one disposition."""
    record = "hash(source_system, source_table, entity, source_key)"
    relation = read_parquet_sql(disposition)
    query = (
        "SELECT source_system || '/' || source_table || ' as ' || entity, source_key, count(*) OVER () "
        f"FROM {relation} WHERE {record} IN (SELECT {record} FROM {relation} GROUP BY 1 HAVING count(*) > 1) "
        "GROUP BY source_system, source_table, entity, source_key HAVING count(*) > 1 ORDER BY 1, 2 LIMIT ?"
    )
    rows = session.execute(query, [SHOWN_KEYS]).fetchall()
    if not rows:
        return []
    keys = tuple(str(r[1]) for r in rows)
    total = rows[0][2]
    left = f"{total} source records with several dispositions"
    return [Break("one disposition each", "ledger", str(rows[0][0]), "source_key", left, "0", OWNER, keys)]


def compare_loaded(
    session: duckdb.DuckDBPyConnection, disposition: Path, path: Path | None, entity: Entity
) -> list[Break]:
    """Records that are LOADED and are not rows of the entity, and rows of the entity that are not LOADED."""
    lineage = "source_system, source_table, source_key"
    key = next(c for c in entity.key if c != "division_code")
    rows = f"SELECT {lineage}, {quote(key)} AS target_id FROM {read_parquet_sql(path)}" if path else None
    loaded = (
        f"SELECT {lineage}, target_id FROM {read_parquet_sql(disposition)} "
        f"WHERE entity = {sql_text(entity.name)} AND outcome = '{Disposition.LOADED.value}'"
    )
    rows = rows or f"SELECT {lineage}, target_id FROM ({loaded}) WHERE FALSE"
    if _sum_keys(session, loaded) == _sum_keys(session, rows):
        return []
    breaks = []
    for check, left, right in (("LOADED and not a row", loaded, rows), ("row and not LOADED", rows, loaded)):
        query = (
            f"WITH missing AS ({left} EXCEPT ALL {right}) "
            "SELECT source_key, count(*) OVER () FROM missing ORDER BY source_key LIMIT ?"
        )
        found = session.execute(query, [SHOWN_KEYS]).fetchall()
        if found:
            keys = tuple(str(r[0]) for r in found)
            sides = (f"{found[0][1]} records", "0")
            breaks.append(Break(check, "ledger = mapped", entity.name, "source_key", *sides, entity.owner, keys))
    return breaks


def _sum_keys(session: duckdb.DuckDBPyConnection, rows: str) -> tuple[object, ...]:
    """Order-independent fingerprint of a set of keys, good within one session: rows, sum and xor of 64-bit hashes."""
    key = "hash(source_system, source_table, source_key, target_id)"
    query = f"SELECT count(*), sum({key}::HUGEINT), bit_xor({key}) FROM ({rows})"
    return session.execute(query).fetchone() or ()


def compare_rejects(session: duckdb.DuckDBPyConnection, disposition: Path, rejects: Path | None) -> list[Break]:
    """Records that are QUARANTINED without a reject that says why, and rejects of whole records that are LOADED."""
    if rejects is None:
        return []
    key = "source_system, source_table, entity, source_key"
    query = (
        f"SELECT source_key, count(*) OVER () FROM (SELECT {key} FROM {read_parquet_sql(disposition)} "
        f"WHERE outcome = '{Disposition.QUARANTINED.value}' EXCEPT SELECT {key} FROM {read_parquet_sql(rejects)}) "
        "ORDER BY source_key LIMIT ?"
    )
    found = session.execute(query, [SHOWN_KEYS]).fetchall()
    if not found:
        return []
    keys = tuple(str(r[0]) for r in found)
    return [Break("quarantined with a reason", "ledger = rejected", "rejects", "", f"{found[0][1]}", "0", OWNER, keys)]


def check_row_hashes(folder: Path, entity: Entity) -> list[Break]:
    """Mapped rows whose values are no longer those their row hash was taken of."""
    path = folder / f"{entity.name}.parquet"
    if not path.exists():
        return []
    hashed = [f.name for f in entity.business_fields if f.filled_by is None]
    keys: list[str] = []
    for batch in pq.ParquetFile(path).iter_batches(HASHED_ROWS, columns=[*hashed, "source_key", "row_hash"]):
        found = row_hashes({f: batch.column(f) for f in hashed}, batch.num_rows)
        differs = pc.fill_null(pc.not_equal(batch.column("row_hash"), found), True)
        keys += batch.column("source_key").filter(differs).to_pylist()
    if not keys:
        return []
    left = f"{len(keys)} rows with another hash"
    shown = tuple(sorted(map(str, keys))[:SHOWN_KEYS])
    return [Break("row hash", "mapped", entity.name, "row_hash", left, "0", entity.owner, shown)]
