"""Which rows a sampled run takes: by a hash of the crime report's own key, so related rows stay together.

Enters: a share in percent and the values of the key. Leaves: the rows whose key's number (the first 15 hex digits
of its MD5, modulo 100) is below the share; the same in SQL and in Python. A table whose pack names no such key is
taken whole.
"""

import hashlib

import pyarrow as pa

from migration.extract.sources import TableSource
from migration.extract.totals import ColumnKind, TotalsDialect


def is_in_sample(value: object, percent: int) -> bool:
    """Whether the record with this key belongs to a sample of `percent`. NULL counts as the empty text."""
    text = "" if value is None else str(value)
    number = int(hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()[:15], 16)
    return number % 100 < percent


def keep_sampled(source: TableSource, rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a batch that belong to the run's sample: all of them when nothing is sampled."""
    if not source.is_sampled:
        return rows
    values = rows.column(source.table.sample_by).to_pylist()
    return rows.filter(pa.array([is_in_sample(v, source.sample_percent) for v in values], pa.bool_()))


def sample_sql(dialect: TotalsDialect, source: TableSource, column: str, kind: ColumnKind) -> str:
    """SQL condition of the sample, or an empty text when nothing is sampled. `column` is an SQL expression."""
    if not source.is_sampled:
        return ""
    text = f"coalesce({dialect.image[kind].format(c=column)}, '')"
    return f"{dialect.modulo.format(x=dialect.row_number.format(t=text), n=100)} < {source.sample_percent}"
