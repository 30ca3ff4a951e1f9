"""The shapes of a column's values: letters as `A`, digits as `9`, all else as it is, twenty characters at most.

Enters: the session's table `cells` (`v` a value, `n` how often it occurs). Leaves: the most frequent shapes with
counts. Must hold: values pass in batches, so memory does not grow with them. The bytes of a batch are folded by one
table look-up; only values beyond ASCII need a pattern. Refuses nothing.
"""

import string
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

SHAPE_LENGTH = 20
BATCH_ROWS = 200_000
LETTERS = r"[\x{C0}-\x{24F}]"
"""Letters of European languages beyond ASCII."""


def _fold_table() -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    table = np.arange(256, dtype=np.uint8)
    table[list(string.ascii_letters.encode())] = ord("A")
    table[list(string.digits.encode())] = ord("9")
    return table


FOLDED = _fold_table()


def count_shapes(connection: duckdb.DuckDBPyConnection, smallest: int, most: int) -> tuple[tuple[str, int], ...]:
    """The `most` most frequent shapes of the values in `cells`, of at least `smallest` records each."""
    values = connection.execute(f"SELECT v[:{SHAPE_LENGTH}] AS v, n::BIGINT AS n FROM cells").to_arrow_reader(
        BATCH_ROWS
    )
    schema = pa.schema([("v", pa.string()), ("n", pa.int64())])
    cursor = connection.cursor()
    cursor.register("folded", pa.RecordBatchReader.from_batches(schema, _fold(values, schema)))
    shape = f"CASE WHEN strlen(v) = length(v) THEN v ELSE regexp_replace(v, '{LETTERS}', 'A', 'g') END"
    rows = cursor.execute(
        f"SELECT {shape}, sum(n) FROM folded GROUP BY 1 HAVING sum(n) >= {smallest} ORDER BY 2 DESC, 1 LIMIT {most}"
    ).fetchall()
    cursor.close()
    return tuple((str(v), int(n)) for v, n in rows)


def _fold(batches: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches with every ASCII letter and digit folded, byte for byte."""
    for batch in batches:
        _, offsets, data = batch.column(0).cast(pa.string()).buffers()
        folded = pa.py_buffer(FOLDED[np.frombuffer(data or b"", np.uint8)])
        values = pa.StringArray.from_buffers(batch.num_rows, offsets, folded)
        yield pa.RecordBatch.from_arrays([values, batch.column(1)], schema=schema)


def may_be_date(shapes: tuple[tuple[str, int], ...]) -> bool:
    """Whether the most frequent shape could be a day's: digits enough, and no more letters than a month's name."""
    if not shapes:
        return False
    shape = shapes[0][0]
    return set(shape) <= set("9A/-:. ") and shape.count("9") >= 3 and shape.count("A") <= 4
