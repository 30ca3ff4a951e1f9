"""Records of XML documents, flattened: one dictionary a record, elements and attributes by their path.

Enters: a stream. Leaves: records as they pass, in bounded memory. Must hold: an empty element is the empty text, an
absent one is absent. Entities are not resolved beyond the five of XML itself: a file cannot pull in another.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from lxml import etree

REPEAT = "\x1f"
"""Between the values of an element that a record holds several times; no XML document can contain it."""


def flatten_records(stream: BinaryIO, record: str = "") -> Iterator[dict[str, str]]:
    """The records of a document.

    Args:
        record: tag of a record; empty means the first tag that stands twice in a row among its siblings.
    """
    found = record
    context = etree.iterparse(stream, events=("end",), resolve_entities=False, no_network=True, huge_tree=False)
    for _, element in context:
        parent = element.getparent()
        if not found:
            found = _repeated_tag(element)
            if found:
                yield from (flatten(e) for e in element.getparent() if e.tag == found)
                _forget(element)
        elif element.tag == found:
            yield flatten(element)
            _forget(element)
        if parent is not None and parent.getparent() is None:
            _forget(element)


def _repeated_tag(element: Any) -> str:
    previous = element.getprevious()
    is_repeated = previous is not None and previous.tag == element.tag and len(element) > 0
    return str(element.tag) if is_repeated else ""


def _forget(element: Any) -> None:
    """Free an element that has been read, and those before it."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def flatten(element: Any, prefix: str = "") -> dict[str, str]:
    """The texts of a record's leaves by path: `Geocode/Longitude`, attributes as `Geocode/@unit`."""
    row: dict[str, str] = {f"{prefix}@{name}": str(value) for name, value in element.attrib.items()}
    for child in element:
        if not isinstance(child.tag, str):
            continue
        path = f"{prefix}{child.tag}"
        if len(child):
            found = flatten(child, f"{path}/")
        else:
            found = {path: child.text or "", **{f"{path}/@{n}": str(v) for n, v in child.attrib.items()}}
        for name, value in found.items():
            row[name] = f"{row[name]}{REPEAT}{value}" if name in row else value
    return row
