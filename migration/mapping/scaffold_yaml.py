"""Values of a draft pack as YAML on one line.

Enters: profiles and proposals. Leaves: text. Must hold: every text is quoted, so that no column is read as a number
or a truth value. Refuses nothing.
"""

import json
import re
from collections.abc import Mapping, Sequence

from migration.mapping.scaffold_profile import ColumnProfile, TableProfile
from migration.schema.model import FieldType

PARSERS = {
    FieldType.DATE: "date",
    FieldType.TIMESTAMP: "timestamp",
    FieldType.INTEGER: "integer",
    FieldType.DECIMAL: "decimal",
    FieldType.DOUBLE: "double",
}
TRUTH_VALUES = {"Y", "N", "YES", "NO", "TRUE", "FALSE", "0", "1", "T", "F"}


def quote(text: str) -> str:
    """A text in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quote_list(names: Sequence[str]) -> str:
    """Texts as a list."""
    return f"[{', '.join(quote(n) for n in names)}]"


def flow(value: object) -> str:
    """A plain value: JSON is YAML."""
    return json.dumps(dict(value) if isinstance(value, Mapping) else value, ensure_ascii=False)


def slug(text: str) -> str:
    """A name that can be a key or a file."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "record"


def render_columns(table: TableProfile) -> str:
    """A table's columns as a list; as a mapping where one has a place or options."""
    columns = table.found.columns if table.found else ()
    if not any(c.start or c.options for c in columns):
        return quote_list([c.name for c in table.columns])
    parts = []
    for column in columns:
        place = {"start": column.start, "length": column.length} if column.start else {}
        options = {"options": dict(column.options)} if column.options else {}
        parts.append(f"{quote(column.name)}: {flow({**place, **options})}")
    return f"{{{', '.join(parts)}}}"


def render_value(name: str, columns: Sequence[ColumnProfile], type_: FieldType) -> str:
    """The expression that reads a column as a type; with a second column, of times, or of lines of one text, both.

    Args:
        name: the column in the source.
        columns: its profile, and that of a column that goes with it (whose name is the source's).

    Returns:
        The expression; empty where the values cannot be read so.
    """
    first = columns[0]
    source = f"from: {quote(name)}" if len(columns) == 1 else f"concat: {quote_list([name, columns[1].name])}"
    if type_ is FieldType.BOOLEAN:
        return f"{{{source}, parse: boolean}}" if {v.upper() for v in first.values} <= TRUTH_VALUES else ""
    if type_ in (FieldType.DATE, FieldType.TIMESTAMP):
        formats = list(first.formats)
        if len(columns) > 1:
            formats = [f"{day} {time}" for day in formats for time in columns[1].formats] + formats
        is_iso = len(columns) == 1 and all(re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", v) for v in first.values)
        listed = "" if is_iso or not formats else f", formats: {quote_list(formats)}"
        return f"{{{source}, parse: {PARSERS[type_]}{listed}}}"
    parser = PARSERS.get(type_)
    return f"{{{source}, parse: {parser}}}" if parser else f"{{{source}}}"
