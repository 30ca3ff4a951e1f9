"""What the national database holds, as one hash that anyone can compute again.

Enters: an open connection. Leaves: SHA-256 digests over rows, independent of their order and of which run loaded them.
Covered is what readers see: the partitions of every division, the links in force, the live golden nominals and their
surviving attributes. Left out: run ids, the moment a link came in force, and golden ids that are only redirects.
Must hold: equal rows give equal hashes; a row lost, doubled or changed gives another; an attached empty table counts
as none.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from migration.fingerprint import VOLATILE_COLUMNS, combine_hashes, quote
from migration.load.partitions import NATIONAL, qualified
from migration.schema.model import Entity, load_schema
from migration.schema.sql import PARTITION_COLUMN

LIVE_ONLY = {"golden_nominal": "golden_status_code = 'LIVE'", "survivorship": "TRUE"}
"""Golden tables that readers see, and their rows that count."""


@dataclass(frozen=True)
class Digest:
    """Rows and order-independent hash sums of one table, or of one division's part of it."""

    entity: str
    division: str
    rows: int
    lower: int
    upper: int

    def __str__(self) -> str:
        """The digest as it enters the national hash."""
        return f"{self.entity}|{self.division}|{self.rows}|{self.lower}|{self.upper}"


def digest_columns(entity: Entity) -> tuple[str, ...]:
    """Columns of an entity that its content hash covers, sorted."""
    return tuple(sorted(set(entity.field_names) - VOLATILE_COLUMNS))


def digest_sql(columns: Iterable[str], rows: str, group: str = "") -> str:
    """SELECT of the rows, and the sums of both halves of each row's MD5, over columns of `rows` (FROM and WHERE).

    A row is hashed once, in a layer of its own. With `group`, one line per value of that column, which comes first.
    """
    names = ", ".join(quote(c) for c in columns)
    first = f"{quote(group)}, " if group else ""
    halves = [f"coalesce(sum(('x' || {part}(h, 16))::bit(64)::bigint), 0)" for part in ("left", "right")]
    hashed = f"SELECT {first}md5(ROW({names})::text) AS h FROM {rows} OFFSET 0"
    tail = " GROUP BY 1 ORDER BY 1" if group else ""
    return f"SELECT {first}count(*), {', '.join(halves)} FROM ({hashed}) AS hashed{tail}"


def prepare_session(connection: sa.Connection) -> None:
    """Fix how this transaction writes dates and numbers as text, whatever the server's defaults."""
    for setting in (
        "timezone = 'UTC'",
        "datestyle = 'ISO, YMD'",
        "extra_float_digits = 1",
        "intervalstyle = 'postgres'",
    ):
        connection.execute(sa.text(f"SET LOCAL {setting}"))


def digest_table(connection: sa.Connection, schema: str, table: str, entity: Entity) -> Digest:
    """Digest of one table with an entity's columns."""
    prepare_session(connection)
    query = digest_sql(digest_columns(entity), qualified(schema, table))
    rows, lower, upper = connection.execute(sa.text(query)).one()
    return Digest(entity.name, "", int(rows), int(lower), int(upper))


def national_digests(connection: sa.Connection) -> list[Digest]:
    """Digest of every division's part of every partitioned entity, and of the golden tables; empty ones left out."""
    prepare_session(connection)
    schema = load_schema()
    digests: list[Digest] = []
    for entity in schema.partitioned_entities():
        query = digest_sql(digest_columns(entity), qualified(NATIONAL, entity.name), PARTITION_COLUMN)
        for division, rows, lower, upper in connection.execute(sa.text(query)):
            digests.append(Digest(entity.name, division, int(rows), int(lower), int(upper)))
    for name, condition in LIVE_ONLY.items():
        entity = schema.entity(name)
        query = digest_sql(digest_columns(entity), f"{qualified(NATIONAL, name)} WHERE {condition}")
        rows, lower, upper = connection.execute(sa.text(query)).one()
        digests.append(Digest(name, "", int(rows), int(lower), int(upper)))
    return [d for d in digests if d.rows]


def hash_digests(digests: Iterable[Digest]) -> str:
    """One SHA-256 (hex) of digests, whatever their order."""
    return combine_hashes(sorted(str(d) for d in digests))


def read_content_hash(connection: sa.Connection) -> str:
    """The national content hash as the caller's transaction sees it."""
    return hash_digests(national_digests(connection))


def national_content_hash(engine: sa.Engine) -> str:
    """The national content hash now. Equal before a publish and after its rollback."""
    with engine.connect() as connection:
        return read_content_hash(connection)
