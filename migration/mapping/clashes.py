"""Values that must be unique, across records that were loaded together and records that were decided one by one.

Enters: the hashes that lanes kept, and decided tables. Leaves: the hashes of values that several records have, at least
one of them loaded by a lane. Must hold: no two records with one value are missed (equal values have equal hashes).
That two values have one hash by chance costs time and changes nothing: `fates.quarantine_clashes` compares values.
"""

from collections.abc import Sequence

import duckdb
import numpy as np
from numpy.typing import NDArray

from migration.mapping.entity_file import GROUP_ROWS
from migration.mapping.fates import Decided
from migration.mapping.literals import name
from migration.row_hash import row_sums
from migration.schema.arrow import duckdb_type
from migration.schema.model import Entity

Hashes = NDArray[np.uint64]


def find_clashing(connection: duckdb.DuckDBPyConnection, entity: Entity, decided: Sequence[Decided]) -> list[Hashes]:
    """For each unique constraint, the hashes of values of records in lanes that another record has too."""
    found = []
    for number, unique in enumerate(entity.unique):
        lanes = [d.lane.uniques[number] for d in decided if d.lane is not None]
        if not sum(map(len, lanes)):
            found.append(np.zeros(0, np.uint64))
            continue
        own = np.sort(np.concatenate(lanes))
        twice = own[1:][own[1:] == own[:-1]]
        columns = [c for c in unique if c != "division_code"]
        others = [_hash_decided(connection, entity, d, columns) for d in decided]
        rest = np.concatenate(others)
        near = own[np.minimum(np.searchsorted(own, rest), len(own) - 1)]
        found.append(np.union1d(twice, rest[near == rest]))
    return found


def _hash_decided(
    connection: duckdb.DuckDBPyConnection, entity: Entity, decided: Decided, columns: Sequence[str]
) -> Hashes:
    listed = ", ".join(f"{name(c)}::{duckdb_type(entity.field(c))} AS {name(c)}" for c in columns)
    there = " AND ".join(f"{name(c)} IS NOT NULL" for c in columns)
    query = f"SELECT {listed} FROM {decided.table} WHERE _outcome = 'LOADED' AND {there}"
    parts = [
        row_sums(dict(zip(columns, batch.columns, strict=True)), batch.num_rows)[0]
        for batch in connection.execute(query).to_arrow_reader(GROUP_ROWS)
        if batch.num_rows
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
