"""The reader for each kind of legacy source.

Enters: a `TableSource`. Leaves: an open `TableReader`. Refuses nothing itself: a reader says what is wrong on
opening.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from migration.extract.connections import Session, open_session
from migration.extract.database import DatabaseReader
from migration.extract.delimited import DelimitedReader
from migration.extract.ebcdic import EbcdicReader
from migration.extract.excel import EXCEL
from migration.extract.fixed_width import FIXED_WIDTH
from migration.extract.json_lines import JSON_LINES
from migration.extract.mysql import MysqlReader
from migration.extract.postgresql import PostgresqlReader
from migration.extract.reader import TableReader
from migration.extract.record_files import RecordFileReader
from migration.extract.sources import TableSource
from migration.extract.sqlite import SqliteReader
from migration.extract.xml_source import XML
from migration.mapping.model import SourceKind

RECORD_FORMATS = {
    SourceKind.FIXED_WIDTH: FIXED_WIDTH,
    SourceKind.JSON_LINES: JSON_LINES,
    SourceKind.XML: XML,
    SourceKind.EXCEL: EXCEL,
}
FASTEST: dict[str, type[DatabaseReader]] = {
    "postgresql": PostgresqlReader,
    "mysql": MysqlReader,
    "sqlite": SqliteReader,
}


@contextmanager
def open_reader(source: TableSource, session: Session | None = None) -> Iterator[TableReader]:
    """A reader of the table; a database's is in `session`'s snapshot, or in one of its own.

    Raises:
        SourceError: the source is missing, unreachable or not shaped as its pack says.
    """
    if source.system.kind is not SourceKind.DATABASE:
        yield _file_reader(source)
    elif session is not None:
        yield _database_reader(source, session)
    else:
        with open_session(source.system, source.location) as own:
            yield _database_reader(source, own)


def _file_reader(source: TableSource) -> TableReader:
    """The reader of a kind of file."""
    kind = source.system.kind
    if kind is SourceKind.DELIMITED:
        return DelimitedReader(source)
    if kind is SourceKind.EBCDIC:
        return EbcdicReader(source)
    return RecordFileReader(source, RECORD_FORMATS[kind])


def _database_reader(source: TableSource, session: Session) -> DatabaseReader:
    """The fastest reader of the session's engine; `plain: true` takes the one that serves every engine."""
    fastest = {} if source.flag("plain", False) else FASTEST
    return fastest.get(session.engine.name, DatabaseReader)(source, session)
