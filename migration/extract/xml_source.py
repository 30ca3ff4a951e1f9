"""XML documents: one element a record.

Enters: a file and the tag of a record (option `record`, default the table's name). Leaves: records; an element's
text, empty where it is empty, NULL where it is absent. Must hold: an element that a record holds twice is a bad
record. Refuses: an element that the pack does not name, and a document that does not parse to its end.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from lxml import etree

from migration.errors import SourceError
from migration.extract.files import open_checked, open_stream
from migration.extract.record_files import Record, RecordFormat, Values, column_path
from migration.extract.sources import TableSource
from migration.extract.xml_records import REPEAT, flatten_records


def read_xml(source: TableSource, path: Path) -> Iterator[Record]:
    """The document's records; `line` counts records, there is no byte offset.

    Raises:
        SourceError: an element is unknown, or the document does not parse.
    """
    paths = [column_path(source, i) for i in range(len(source.table.columns))]
    known = {*paths, *(f"@{p}" for p in paths)}
    number = 0
    try:
        with open_checked(source, path) as stream:
            for number, whole in enumerate(flatten_records(stream, record_tag(source)), 1):
                found = {p: whole.get(p, whole.get(f"@{p}")) for p in paths}
                _check_known(source, path, {p for p in whole if _belongs(p, known)} - known)
                if any(REPEAT in (value or "") for value in found.values()):
                    content = "\n".join(f"{k}={v}" for k, v in whole.items()).encode()
                    yield Record(number, -1, None, content=content)
                else:
                    yield Record(number, -1, [found[p] for p in paths])
    except etree.XMLSyntaxError as failure:
        where = f"{source.where}, file {path.name}"
        found_text = f"a document that does not parse at line {failure.lineno}" if failure.lineno else "an empty file"
        raise SourceError(where, found_text, "a complete XML document", "Copy or export it again.") from failure


def record_tag(source: TableSource) -> str:
    """Tag of the table's records."""
    return source.text("record", source.table.name)


def _belongs(path: str, known: set[str]) -> bool:
    """Whether a leaf is the record's own: beside it, or in a group that the pack reads from."""
    group = path.rpartition("/")[0]
    return not group or any(p.startswith(f"{group}/") for p in known)


def _check_known(source: TableSource, path: Path, unknown: set[str]) -> None:
    if unknown:
        where = f"{source.where}, file {path.name}"
        fix = "Map or ignore each new element in the pack."
        raise SourceError(where, f"elements unknown: {', '.join(sorted(unknown))}", "only those of the pack", fix)


def reread_xml(source: TableSource, path: Path) -> Iterator[Values | None]:
    """The same records by Python's own XML parser."""
    paths = [column_path(source, i) for i in range(len(source.table.columns))]
    with open_stream(source, path) as stream:
        for _, element in ElementTree.iterparse(stream):  # noqa: S314 (see the import)
            if element.tag == record_tag(source):
                yield [_value(element, p) for p in paths]
                element.clear()


def _value(element: ElementTree.Element, path: str) -> str | None:
    steps, _, attribute = path.partition("@")
    found = element.find(steps.rstrip("/")) if steps else element
    if found is None:
        return element.get(path)
    return found.get(attribute) if attribute else (found.text or "")


XML = RecordFormat(read_xml, reread_xml)
