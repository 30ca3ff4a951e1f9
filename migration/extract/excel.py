"""Excel workbooks: one sheet, one row a record.

Enters: a workbook. Leaves: records; texts as stored, whole numbers without a point, other numbers with their
shortest digits, dates and times in ISO form (a workbook stores numbers, not digits), empty cells NULL. Must hold:
the header row has the pack's columns. Refuses: a missing sheet, other columns, a file that is no workbook.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
from python_calamine import CalamineError, CalamineWorkbook

from migration.errors import SourceError
from migration.extract.reader import check_columns
from migration.extract.record_files import Record, RecordFormat, Values
from migration.extract.sources import TableSource


def read_excel(source: TableSource, path: Path) -> Iterator[Record]:
    """The sheet's rows below its header; `line` is the sheet's row, there is no byte offset.

    Raises:
        SourceError: the workbook or its sheet cannot be read, or has other columns.
    """
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        sheet = source.text("sheet", "") or workbook.sheet_names[0]
        rows = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except (CalamineError, OSError, IndexError) as failure:
        where = f"{source.where}, file {path.name}"
        found = f"a workbook or sheet that cannot be read ({type(failure).__name__})"
        raise SourceError(where, found, "a workbook with the sheet", "Correct `sheet`, or copy it again.") from failure
    header = source.number("header_row", 1)
    names = [str(n).strip() for n in rows[header - 1]] if len(rows) >= header else []
    check_columns(source, names, f"header of file {path.name}")
    order = [names.index(n) for n in source.table.column_names]
    for number, row in enumerate(rows[header:], header + 1):
        values = [_to_text(row[i]) for i in order]
        if any(v is not None for v in values):
            yield Record(number, -1, values)


def _to_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def reread_excel(source: TableSource, path: Path) -> Iterator[Values | None]:
    """The same rows by openpyxl."""
    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    sheet = workbook[source.text("sheet", "") or workbook.sheetnames[0]]
    header = source.number("header_row", 1)
    order: list[int] = []
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if number == header:
            names = [str(n).strip() for n in row]
            order = [names.index(n) for n in source.table.column_names]
        elif number > header:
            values = [_to_text(row[i]) if i < len(row) else None for i in order]
            if any(v is not None for v in values):
                yield values
    workbook.close()


EXCEL = RecordFormat(read_excel, reread_excel)
