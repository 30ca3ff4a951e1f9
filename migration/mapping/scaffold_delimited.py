"""Delimited files of a folder, as a pack would state them: separator, encoding, trailer, and which files are one table.

Enters: a folder. Leaves: `FoundTable`s. Must hold: files with one header line are one table; what is stated is read by
the extractor's own reader. Refuses nothing: a file whose first line has no separator is not delimited.
"""

import csv
import re
from pathlib import Path
from types import MappingProxyType

from migration.mapping.model import SourceColumn, SourceKind
from migration.mapping.scaffold_files import FoundTable, list_files

FILE_PATTERNS = ("*.csv", "*.txt", "*.psv", "*.tsv", "*.dat")
SEPARATORS = "|\t;,"
FALLBACK_ENCODING = "cp1252"
BYTES = 1 << 20
"""Bytes of a file that its encoding is judged by."""


def find_delimited(folder: Path) -> list[FoundTable]:
    """A table for each header line among a folder's files."""
    groups: dict[str, list[Path]] = {}
    for path in list_files(folder, FILE_PATTERNS):
        with path.open("rb") as file:
            head = file.readline().removeprefix(b"\xef\xbb\xbf")
        if b"\0" not in head and _separator(_decode(head)):
            groups.setdefault(_decode(head).strip("\r\n"), []).append(path)
    taken = {path for paths in groups.values() for path in paths}
    return [_table(header, paths, taken - set(paths)) for header, paths in groups.items()]


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(FALLBACK_ENCODING, "replace")


def _separator(header: str) -> str:
    """The separator that stands most often in a header line; empty where none does."""
    best = max(SEPARATORS, key=header.count)
    return best if header.count(best) else ""


def _table(header: str, paths: list[Path], others: set[Path]) -> FoundTable:
    separator = _separator(header)
    names = [n.strip() for n in next(csv.reader([header], delimiter=separator))]
    options: dict[str, object] = {"separator": separator}
    if not all(_is_utf8(path) for path in paths):
        options["encoding"] = FALLBACK_ENCODING
    trailer = _find_trailer(paths[0], separator, len(names))
    if trailer:
        options |= {"trailer": trailer[0], "trailer_rows_field": trailer[1]}
    pattern = _pattern(paths, others)
    name = re.sub(r"[^A-Za-z0-9]+$|[_-]*\*.*$|\.[^.]*$", "", pattern) or paths[0].stem
    columns = tuple(SourceColumn(n) for n in names)
    return FoundTable(name, SourceKind.DELIMITED, pattern, columns, MappingProxyType(options))


def _is_utf8(path: Path) -> bool:
    with path.open("rb") as file:
        data = file.read(BYTES)
    try:
        data[: data.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _find_trailer(path: Path, separator: str, columns: int) -> tuple[str, int] | None:
    """What a last line that is no row begins with, and its field with a count of rows (0: none)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        fields = _decode(file.read().rstrip(b"\r\n").rpartition(b"\n")[2]).rstrip("\r").split(separator)
    if len(fields) >= columns or not re.match(r"[^\w\s\"]|[A-Z]{2,}$", fields[0]):
        return None
    count = next((i for i, text in enumerate(fields[1:], start=2) if text.strip().isdigit()), 0)
    return fields[0], count


def _pattern(paths: list[Path], others: set[Path]) -> str:
    """The narrowest simple glob of the files that takes no other file."""
    if len(paths) == 1:
        return paths[0].name
    first, last = paths[0].name, paths[-1].name
    common = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    pattern = f"{first[:common]}*{paths[0].suffix}"
    return first if any(other.match(pattern) for other in others) else pattern
