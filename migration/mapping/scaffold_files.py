"""What lies in a folder of files: tables as a pack would state them, and a sample of their rows.

Enters: a folder. Leaves: `FoundTable`s of XML, JSON Lines, Excel, mainframe, fixed-width and delimited files. Must
hold: what is found is read with the extractor's own readers, so the draft pack that states it can be extracted.
Refuses nothing: a file of no known kind is not a table.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from migration.errors import MigrationError
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable

Options = Mapping[str, object]
LOOKED_AT = 2_000
"""Records of a file that its columns are taken from."""
MOST_ELEMENTS = 200_000
XML_FILES, JSON_FILES = ("*.xml",), ("*.jsonl", "*.ndjson", "*.json")
EXCEL_FILES = ("*.xlsx", "*.xlsm", "*.xls", "*.ods")
NOTHING: Options = MappingProxyType({})


@dataclass(frozen=True)
class FoundTable:
    """One table among the files. `system_options` are those its system must have."""

    name: str
    kind: SourceKind
    files: str
    columns: tuple[SourceColumn, ...]
    options: Options = field(default_factory=lambda: NOTHING)
    system_options: Options = field(default_factory=lambda: NOTHING)


def find_tables(folder: Path) -> tuple[FoundTable, ...]:
    """Every table in a folder, by its files' kind; a file is of the first kind that fits it."""
    from migration.mapping.scaffold_delimited import find_delimited
    from migration.mapping.scaffold_records import find_fixed_width, find_mainframe

    found = [*_find_xml(folder), *_find_json(folder), *_find_excel(folder), *find_mainframe(folder)]
    found += [t for t in find_fixed_width(folder) if not _is_taken(t, found)]
    found += [t for t in find_delimited(folder) if not _is_taken(t, found)]
    return tuple(found)


def _is_taken(table: FoundTable, found: list[FoundTable]) -> bool:
    return any(Path(table.files).match(other.files) for other in found)


def list_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Files of the patterns in a folder, sorted."""
    return sorted({p for pattern in patterns for p in folder.glob(pattern) if p.is_file()})


def read_rows(folder: Path, tables: tuple[FoundTable, ...], table: FoundTable, most: int) -> list[list[str]]:
    """Up to `most` rows of a table as text, read as an extract would read them.

    Args:
        tables: all that is found: tables of one kind share a system.
    """
    from migration.extract.readers import open_reader
    from migration.extract.sources import TableSource

    alike = tuple(_as_source(t) for t in tables if t.kind is table.kind)
    system = SourceSystem("found", table.kind, "", "", table.system_options, "OFFICIAL", 1, "found", alike)
    rows: list[list[str]] = []
    with open_reader(TableSource("-", system, system.table(table.name), str(folder))) as reader:
        for batch in reader.read_batches():
            columns = [batch.rows.column(c.name).to_pylist() for c in table.columns]
            rows += [["" if v is None else str(v) for v in row] for row in zip(*columns, strict=True)]
            if len(rows) >= most:
                break
    return rows[:most]


def _as_source(table: FoundTable) -> SourceTable:
    names = tuple(c.name for c in table.columns)
    return SourceTable(
        table.name, names[:1], None, table.columns, MappingProxyType({}), files=table.files, options=table.options
    )


def _plan_columns(paths: Sequence[str], separator: str) -> tuple[SourceColumn, ...]:
    """Columns named after the paths of their values; a path that is no name is kept as an option."""
    columns = []
    for path in paths:
        name = path.replace("@", "").replace(separator, "_")
        options: Options = NOTHING if name == path.lstrip("@") else MappingProxyType({"path": path})
        columns.append(SourceColumn(name, options=options))
    return tuple({c.name: c for c in columns}.values())


def _find_xml(folder: Path) -> list[FoundTable]:
    """A table for each tag whose elements stand several times and hold leaves of their own."""
    from lxml import etree

    paths: dict[str, dict[str, None]] = {}
    counts: dict[str, int] = {}
    files = list_files(folder, XML_FILES)
    for path in dict.fromkeys((*files[:3], *files[-3:])):
        try:
            _look_at_xml(path, paths, counts)
        except etree.XMLSyntaxError:
            continue
    records = {tag for tag, leaves in paths.items() if counts[tag] > 1 and leaves}
    return [
        FoundTable(
            tag,
            SourceKind.XML,
            "*.xml",
            _plan_columns([p for p in leaves if not records & set(p.split("/")[:-1]) and p not in records], "/"),
            MappingProxyType({"record": tag}),
        )
        for tag, leaves in paths.items()
        if tag in records
    ]


def _look_at_xml(path: Path, paths: dict[str, dict[str, None]], counts: dict[str, int]) -> None:
    """Note the leaves that each element with children or several attributes holds, by tag."""
    from lxml import etree

    from migration.extract.xml_records import flatten

    context = etree.iterparse(str(path), events=("end",), resolve_entities=False, no_network=True)
    for _, element in islice(context, MOST_ELEMENTS):
        parent = element.getparent()
        if parent is None or not isinstance(element.tag, str):
            continue
        if any(not len(child) for child in element) or len(element.attrib) > 1:
            counts[element.tag] = counts.get(element.tag, 0) + 1
            paths.setdefault(element.tag, {}).update(dict.fromkeys(flatten(element)))
        if parent.getparent() is None:
            element.clear()


def _find_json(folder: Path) -> list[FoundTable]:
    found = []
    for path in list_files(folder, JSON_FILES):
        keys: dict[str, None] = {}
        try:
            with path.open(encoding="utf-8") as lines:
                for line in islice((text for text in lines if text.strip()), LOOKED_AT):
                    keys.update(dict.fromkeys(_json_paths(json.loads(line))))
        except (json.JSONDecodeError, UnicodeDecodeError):
            continue
        if keys:
            found.append(FoundTable(path.stem, SourceKind.JSON_LINES, path.name, _plan_columns(list(keys), ".")))
    return found


def _json_paths(value: Any, prefix: str = "") -> Iterator[str]:
    """Paths of an object's values; lists are values."""
    if not isinstance(value, dict):
        return
    for key, child in value.items():
        if isinstance(child, dict) and child:
            yield from _json_paths(child, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _find_excel(folder: Path) -> list[FoundTable]:
    """A table for each sheet with a header: the first row all of whose cells are filled with text."""
    from python_calamine import CalamineError, CalamineWorkbook

    found = []
    files = list_files(folder, EXCEL_FILES)
    for path in files:
        try:
            workbook = CalamineWorkbook.from_path(str(path))
            sheets = [(s, workbook.get_sheet_by_name(s).to_python(skip_empty_area=False)) for s in workbook.sheet_names]
        except (CalamineError, OSError):
            continue
        for sheet, rows in sheets:
            header = next(
                (i for i, row in enumerate(rows[:10]) if row and all(isinstance(v, str) and v.strip() for v in row)),
                None,
            )
            if header is not None:
                name = sheet if len(files) == 1 else f"{path.stem} {sheet}"
                columns = tuple(SourceColumn(str(v).strip()) for v in rows[header])
                options = MappingProxyType({"sheet": sheet, "header_row": header + 1})
                found.append(FoundTable(name, SourceKind.EXCEL, path.name, columns, options))
    return found


def is_readable(folder: Path, tables: tuple[FoundTable, ...], table: FoundTable) -> bool:
    """Whether the extractor's reader gets through a table's first rows."""
    try:
        return bool(read_rows(folder, tables, table, 1))
    except MigrationError:
        return False
