"""Which parts of a record's SQL are asked once a distinct value, and what they give.

Enters: the SQL parts of a record (`record_sql.Parts`) and a raw Parquet file. Leaves: groups of parts that rest on the
same few columns, each evaluated over the distinct values of these columns (or their pairs), and the parts that have to
be asked of every row. Must hold: a group is evaluated by the same layers of SQL that a whole row is; what a group gives
for a row's values is what the row itself would give. Nothing here knows what a part means.
Several codes looked up as of a day rest on that day only by the periods of the codes, so a day stands for all days
between the same two borders of periods (`Days`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from migration.mapping.layers_sql import Query
from migration.mapping.literals import name

SAMPLE_ROWS = 4_096
MOST_VALUES = 20_000
"""A column with more distinct values is asked row by row: texts, keys, points in time."""
MOST_TUPLES = 65_536
"""Combinations of values of several columns that are evaluated at most."""
MOST_BORDERS = 200

Places = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Days:
    """Borders of periods, in days since 1970, ascending: days between two of them are all alike.

    Attributes:
        column: plain name of the column of the layers that holds the day.
    """

    column: str
    borders: NDArray[np.int64]

    def place(self, days: pa.Array) -> Places:
        """The class of each day; 0 where there is none."""
        numbers = days.cast(pa.int32())
        found = np.searchsorted(self.borders, np.asarray(numbers.fill_null(0)), side="right") + 1
        return np.where(np.asarray(days.is_valid()), found, 0) if days.null_count else found

    def samples(self) -> pa.Array:
        """One day of each class, NULL for the class 0."""
        first = int(self.borders[0]) - 1 if len(self.borders) else 0
        return pa.array([None, first, *(int(b) for b in self.borders)], pa.int32()).cast(pa.date32())


def find_days(connection: duckdb.DuckDBPyConnection, relations: Collection[str], column: str) -> Days | None:
    """The borders of the periods in tables of crosswalks; None where they are too many."""
    parts = [
        f"SELECT unnest([valid_from - DATE '1970-01-01', valid_to - DATE '1970-01-01' + 1]) AS b FROM {r}"
        for r in sorted(relations)
    ]
    union = " UNION ".join(parts) or "SELECT NULL AS b WHERE false"
    rows = connection.execute(f"SELECT DISTINCT b FROM ({union}) WHERE b IS NOT NULL ORDER BY 1").fetchall()
    # the first and the last day there can be are no borders, and their neighbours no days of Arrow's
    kept = [int(r[0]) for r in rows if -700_000 < int(r[0]) < 2_900_000]
    return Days(column, np.array(kept, np.int64)) if len(kept) <= MOST_BORDERS else None


@dataclass
class Group:
    """Parts of a record that rest on the same columns, and what they give for each combination of values.

    Attributes:
        columns: the raw columns, in the order of their places.
        values: SQL by name.
        words: conditions of which none holds where the record needs no word.
        where: conditions that all hold where there is such a record.
        results: by name what each combination gives: texts as a dictionary column.
        speaks: which combinations need a word; None where none does. Likewise `is_there`.
    """

    columns: tuple[str, ...]
    has_day: bool
    values: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    results: dict[str, pa.Array] = field(default_factory=dict)
    speaks: Bools | None = None
    is_there: Bools | None = None

    def selected(self) -> dict[str, str]:
        """SQL of everything the group is asked, by name."""
        word = " OR ".join(f"coalesce({w}, false)" for w in self.words) or "false"
        there = " AND ".join(f"coalesce({w}, false)" for w in self.where) or "true"
        return self.values | {"_word": word, "_there": there}

    def place(self, places: Mapping[str, Places], sizes: Mapping[str, int], days: Places | None, rows: int) -> Places:
        """The combination of each row, from the place of its value of each column."""
        found: Places | None = None
        for column in self.columns:
            found = places[column] if found is None else found * sizes[column] + places[column]
        if self.has_day and days is not None:
            size = int(sizes["_day"])
            found = days if found is None else found * size + days
        return np.zeros(rows, np.int64) if found is None else found


def find_dictionaries(path: Path, columns: Sequence[str]) -> dict[str, pa.Array]:
    """The distinct values of those columns of a file that have few.

    A sample of the first rows says which are worth asking; one that turns out to have many is left out.
    """
    sample = pq.ParquetFile(path)
    few = [c for c in columns if _has_few(sample, c)]
    found: dict[str, pa.Array] = {}
    reader = pq.ParquetFile(path, read_dictionary=few)
    for group in range(reader.num_row_groups):
        table = reader.read_row_group(group, columns=few, use_threads=False)
        for column in list(few):
            found[column] = _extend(found.get(column), table.column(column))
            if len(found[column]) > MOST_VALUES:
                few.remove(column)
                del found[column]
    return found


def _has_few(file: pq.ParquetFile, column: str) -> bool:
    batch = next(file.iter_batches(SAMPLE_ROWS, row_groups=[0], columns=[column]), None)
    if batch is None or not batch.num_rows:
        return False
    distinct = int(pc.count_distinct(batch.column(0)).as_py())
    return 2 * distinct <= int(batch.num_rows)


def _extend(known: pa.Array | None, column: pa.ChunkedArray) -> pa.Array:
    for chunk in encode(column).chunks:
        values = chunk.dictionary
        if known is None:
            known = values.unique()
            continue
        new = values.filter(pc.invert(pc.is_in(values, value_set=known)))
        known = pa.concat_arrays([known, new.unique()]) if len(new) else known
    return known if known is not None else pa.array([], column.type)


def encode(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as dictionaries."""
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def place_values(column: pa.ChunkedArray, known: pa.Array) -> NDArray[np.int32]:
    """The place of each value among the known ones, from 1; 0 where there is none."""
    parts = []
    for chunk in encode(column).chunks:
        found = pc.index_in(chunk.dictionary, value_set=known)
        places = np.append(np.asarray(found, np.int32) + 1, np.int32(0))
        indices = chunk.indices.fill_null(len(chunk.dictionary)) if chunk.null_count else chunk.indices
        parts.append(places[np.asarray(indices)])
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def evaluate_group(
    connection: duckdb.DuckDBPyConnection,
    query: Query,
    group: Group,
    dictionaries: Mapping[str, pa.Array],
    days: Days | None,
) -> None:
    """Ask the parts of a group over every combination of values, and keep what they give.

    Args:
        dictionaries: values of the columns by their names in the pack; the place 0 is NULL.
    """
    table = _combinations(group, dictionaries, days)
    selected = group.selected()
    given = {name(days.column)} if group.has_day and days is not None else set()
    needs = query.needs(selected.values(), given)
    listed = [f"{name(c)}::VARCHAR AS {name(c)}" for c in group.columns]
    listed += [f"_day AS {name(days.column)}"] if group.has_day and days is not None else []
    base = f"(SELECT {', '.join(['_at', *listed])} FROM combinations)"
    columns = ", ".join(f"{sql} AS {name(key)}" for key, sql in selected.items())
    connection.register("combinations", table)
    try:
        found = connection.execute(
            f"SELECT {columns} FROM {query.relation(base, needs)} AS p ORDER BY _at"
        ).to_arrow_table()
    finally:
        connection.unregister("combinations")
    speaks, there = (np.asarray(found.column(c).combine_chunks(), np.bool_) for c in ("_word", "_there"))
    group.speaks = speaks if speaks.any() else None
    group.is_there = None if there.all() else there
    for key in group.values:
        column = found.column(key)
        group.results[key] = (
            column.combine_chunks().dictionary_encode() if pa.types.is_string(column.type) else column.combine_chunks()
        )


def _combinations(group: Group, dictionaries: Mapping[str, pa.Array], days: Days | None) -> pa.Table:
    lists = {c: pa.concat_arrays([pa.nulls(1, dictionaries[c].type), dictionaries[c]]) for c in group.columns}
    if group.has_day and days is not None:
        lists["_day"] = days.samples()
    sizes = [len(v) for v in lists.values()]
    total = int(np.prod(sizes)) if sizes else 1
    at = np.arange(total)
    columns = {"_at": pa.array(at)}
    behind = total
    for (key, values), size in zip(lists.items(), sizes, strict=True):
        behind //= size
        columns[key] = values.take(pa.array(at // behind % size))
    return pa.table(columns)


def take_rows(results: pa.Array, places: Places) -> pa.Array:
    """What each row gets of a group's results."""
    if not pa.types.is_dictionary(results.type):
        return results.take(pa.array(places))
    if not results.null_count:
        codes = np.asarray(results.indices)[places]
        return pa.DictionaryArray.from_arrays(pa.array(codes), results.dictionary)
    codes = np.asarray(results.indices.fill_null(-1))[places]
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), results.dictionary)
