"""Files of records by position: mainframe files with their copybook, and lines of fixed width.

Enters: a folder. Leaves: `FoundTable`s. Must hold: a mainframe file is taken for one only where its records, by length
or descriptor word, fill it to the byte; a fixed width is stated only where every line has it. Refuses nothing: what
does not fit is no table.
"""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from migration.errors import ConfigError
from migration.mapping.model import SourceColumn, SourceKind
from migration.mapping.scaffold_files import FoundTable, Options, list_files

COPYBOOKS = ("*.cpy", "*.cob", "*.cbl", "*.copybook")
FIXED_FILES = ("*.txt", "*.dat", "*.fix", "*.asc")
DELIMITERS = "|\t;,"
MOST_SEGMENTS = 40
SEGMENT_LENGTH = 6
LOOKED_AT = 500
"""Lines or records that are looked at."""
ENCODING = "cp037"


def find_mainframe(folder: Path) -> list[FoundTable]:
    """The tables of a copybook's files: one for each segment that a group of the copybook is named for, else one."""
    from migration.extract.copybook import parse_copybook, record_size

    copybooks = list_files(folder, COPYBOOKS)
    others = [p for p in sorted(folder.iterdir()) if p.is_file() and p not in copybooks]
    for copybook in copybooks:
        try:
            parsed = parse_copybook(copybook.read_text(encoding="latin-1"), copybook.name)
        except ConfigError:
            continue
        fields = [(f.path, f.offset, f.size) for f in parsed if "FILLER" not in f.path.upper()]
        for records in ("rdw", "fixed"):
            files = [p for p in others if _cut(p, records, record_size(parsed))]
            if files:
                pattern = files[0].name if len(files) == 1 else f"*{files[0].suffix}"
                sample = [r for p in files for r in islice(_cut(p, records, record_size(parsed)), LOOKED_AT)]
                return _tables(copybook.name, fields, records, pattern, sample)
    return []


def _cut(path: Path, records: str, size: int) -> list[bytes]:
    """The file's records; none where they do not fill it to the byte."""
    data = path.read_bytes()
    found, at = [], 0
    while at < len(data):
        head = 4 if records == "rdw" else 0
        if head and (len(data) < at + 4 or data[at + 2 : at + 4] != b"\0\0"):
            return []
        length = int.from_bytes(data[at : at + 2], "big") if head else size
        if length <= head or at + length > len(data):
            return []
        found.append(data[at + head : at + length])
        at += length
    is_text = b"\n" in data[: size + 2] and all(byte < 128 for byte in data[:1000])
    return [] if is_text else found


def _tables(
    copybook: str, fields: list[tuple[str, int, int]], records: str, files: str, sample: list[bytes]
) -> list[FoundTable]:
    system: dict[str, object] = {"encoding": ENCODING, "copybook": copybook, "records": records}
    groups = {path.split(".")[0] for path, _, _ in fields if "." in path}
    shared = [f for f in fields if f[0].split(".")[0] not in groups]
    for path, offset, size in shared:
        values = {r[offset : offset + size].decode(ENCODING).strip() for r in sample}
        named = {v: _group_of(v, groups) for v in sorted(values) if v}
        if size <= SEGMENT_LENGTH and len(values) <= MOST_SEGMENTS and len(set(named.values()) - {""}) > 1:
            system |= {"segment_field": path, "segments_ignored": [v for v, group in named.items() if not group]}
            return [
                FoundTable(
                    value,
                    SourceKind.EBCDIC,
                    files,
                    _columns(
                        [*(f for f in shared if f[0] != path), *(f for f in fields if f[0].split(".")[0] == group)]
                    ),
                    MappingProxyType({"segments": [value]}),
                    MappingProxyType(system),
                )
                for value, group in named.items()
                if group
            ]
    name = files.rpartition(".")[0].strip("*") or "RECORDS"
    return [FoundTable(name, SourceKind.EBCDIC, files, _columns(fields), system_options=MappingProxyType(system))]


def _group_of(value: str, groups: Iterable[str]) -> str:
    """The group of a copybook that is named for a segment's value."""
    return next((g for g in sorted(groups) if value and g.upper().replace("_", "-").split("-")[0] == value.upper()), "")


def _columns(fields: list[tuple[str, int, int]]) -> tuple[SourceColumn, ...]:
    """Columns by their own name; by path where two fields share one."""
    own = [_plain(path.rpartition(".")[2]) for path, _, _ in fields]
    columns = []
    for (path, _, _), name in zip(fields, own, strict=True):
        options: Options = MappingProxyType({"field": path})
        columns.append(SourceColumn(name) if own.count(name) == 1 else SourceColumn(_plain(path), options=options))
    return tuple(columns)


def _plain(text: str) -> str:
    return text.replace("-", "_").replace(".", "_").replace("[", "_").replace("]", "")


def find_fixed_width(folder: Path) -> list[FoundTable]:
    """Files whose lines all have one length and no delimiter; columns begin after a column of blanks."""
    found = []
    for path in list_files(folder, FIXED_FILES):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                lines = [line.rstrip("\r\n") for line in islice(file, LOOKED_AT)]
        except UnicodeDecodeError:
            continue
        if is_fixed_width(lines):
            found.append(_fixed_table(path, lines))
    return found


def is_fixed_width(lines: list[str]) -> bool:
    """Whether lines have one length, and no delimiter stands in all of them equally often."""
    widths = {len(line) for line in lines}
    if len(lines) < 2 or len(widths) != 1 or widths == {0}:
        return False
    return not any(lines[0].count(d) and len({line.count(d) for line in lines}) == 1 for d in DELIMITERS)


def _fixed_table(path: Path, lines: list[str]) -> FoundTable:
    header = lines[0] if not any(c.isdigit() for c in lines[0]) else ""
    body = lines[1:] if header else lines
    width = len(lines[0])
    blank = [all(line[i] == " " for line in lines) for i in range(width)]
    starts = [i for i in range(width) if not blank[i] and (i == 0 or blank[i - 1])]
    columns = []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], width], strict=True), start=1):
        label = "_".join(header[start:end].split()) or f"COLUMN_{number}"
        columns.append(SourceColumn(label, start + 1, end - start))
    options = MappingProxyType({"header_lines": 1} if header and body else {})
    return FoundTable(path.stem, SourceKind.FIXED_WIDTH, path.name, tuple(columns), options)
