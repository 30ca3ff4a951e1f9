"""The reader for each kind of legacy source.

Enters: a `TableSource`. Leaves: an open `TableReader`. Must hold: what reads other kinds is not imported: a workbook's
or a server's driver costs memory that a table does not need. Refuses nothing itself: a reader says what is wrong on
opening.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from migration.extract.connections import Session, open_session
from migration.extract.database import DatabaseReader
from migration.extract.reader import TableReader
from migration.extract.record_files import RecordFileReader, RecordFormat
from migration.extract.sources import TableSource
from migration.mapping.model import SourceKind


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
    if source.system.kind is SourceKind.DELIMITED:
        from migration.extract.delimited import DelimitedReader

        return DelimitedReader(source)
    if source.system.kind is SourceKind.EBCDIC:
        from migration.extract.ebcdic import EbcdicReader

        return EbcdicReader(source)
    return RecordFileReader(source, _record_format(source.system.kind))


def _record_format(kind: SourceKind) -> RecordFormat:
    if kind is SourceKind.FIXED_WIDTH:
        from migration.extract.fixed_width import FIXED_WIDTH

        return FIXED_WIDTH
    if kind is SourceKind.JSON_LINES:
        from migration.extract.json_lines import JSON_LINES

        return JSON_LINES
    if kind is SourceKind.XML:
        from migration.extract.xml_source import XML

        return XML
    from migration.extract.excel import EXCEL

    return EXCEL


def _database_reader(source: TableSource, session: Session) -> DatabaseReader:
    """The fastest reader of the session's engine; `plain: true` takes the one that serves every engine."""
    name = "" if source.flag("plain", False) else session.engine.name
    if name == "postgresql":
        from migration.extract.postgresql import PostgresqlReader

        return PostgresqlReader(source, session)
    if name == "mysql":
        from migration.extract.mysql import MysqlReader

        return MysqlReader(source, session)
    if name == "sqlite":
        from migration.extract.sqlite import SqliteReader

        return SqliteReader(source, session)
    return DatabaseReader(source, session)
