"""Values as a database's Python driver gives them: as Arrow arrays, and judged as texts.

Enters: values of one column, or a batch whose texts came as bytes. Leaves: arrays of exactly a type, which rows can be
decoded, and a row as the quarantine keeps it. Must hold: no value changes. Refuses: a value that its type cannot hold.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def build_array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    """Values of one column as an Arrow array of exactly `kind`."""
    if pa.types.is_decimal(kind) and any(isinstance(v, str | bytes) for v in values):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array([None if v is None else bool(v) for v in values], kind)
    return pa.array(values, kind)


def find_decodable(batch: pa.RecordBatch, schema: pa.Schema) -> NDArray[np.bool_]:
    """Which rows of a batch have valid UTF-8 in every column that `schema` calls text."""
    is_good = np.ones(batch.num_rows, np.bool_)
    for array, field in zip(batch.columns, schema, strict=True):
        if pa.types.is_string(field.type) and pa.types.is_binary(array.type):
            is_good &= np.fromiter((v is None or _is_utf8(v) for v in array.to_pylist()), np.bool_, batch.num_rows)
    return is_good


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def row_bytes(row: tuple[Any, ...]) -> bytes:
    """The row's values as bytes, one a line, for the quarantine."""
    return b"\n".join(v if isinstance(v, bytes) else str(v).encode("utf-8", "replace") for v in row)
