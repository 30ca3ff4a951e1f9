"""What a reconciliation measured, as rows of `control.control_total` and `control.disposition`.

Enters: a `Reconciliation`. Leaves: its totals and the run's disposition ledger in PostgreSQL.
Must hold: the rows of a run are replaced whole; breaks are kept too, so that a report can show why a run stopped.
"""

from collections.abc import Iterator

import sqlalchemy as sa

from migration.layers import layer_folder
from migration.load.bulk import copy_table
from migration.quality.breaks import Break
from migration.quality.control import replace_run_rows
from migration.quality.reconcile import Reconciliation
from migration.quality.statistics import CELL, count_cells
from migration.records import Disposition, Layer, RunContext

ALL_COLUMNS = "-"
RETURN = "recorded crime"
"""Table name under which the statement from the legacy count to recorded crime is kept, by year and line."""


def save_reconciliation(context: RunContext, engine: sa.Engine, found: Reconciliation) -> None:
    """Write the control totals of a run, in the place of what was there."""
    rows = []
    for layer, table, measure, column, value in _totals(found):
        rows.append(
            {
                "run_id": context.run_id,
                "division_code": context.division,
                "layer": layer,
                "table_name": table,
                "measure": measure,
                "column_name": column,
                "value": value[:80],
            }
        )
    with engine.begin() as connection:
        replace_run_rows(connection, "control_total", context.division, context.run_id, rows)


def save_ledger(context: RunContext, engine: sa.Engine) -> None:
    """Write the disposition of every source record, in the place of what was there."""
    path = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
    run = {"run_id": context.run_id, "division_code": context.division}
    copy_table(engine, "control", "disposition", path, replace=run)


def ledger_counts(found: Reconciliation) -> dict[str, int]:
    """Source records in total, by outcome, and breaks."""
    counts = {o.value.lower(): sum(line.outcomes[o.value] for line in found.lines) for o in Disposition}
    return {"source_records": sum(counts.values()), **counts, "breaks": len(found.breaks)}


def _totals(found: Reconciliation) -> Iterator[tuple[str, str, str, str, str]]:
    for table, rows in found.raw_rows.items():
        yield "raw", table, "rows", ALL_COLUMNS, str(rows)
    for (layer, table), totals in sorted(found.totals.items()):
        yield layer, table, "rows", ALL_COLUMNS, str(totals.rows)
        yield layer, table, "keys", ALL_COLUMNS, totals.keys
        yield layer, table, "content", ALL_COLUMNS, totals.content
        for name, column in totals.columns.items():
            yield layer, table, "non_null", name, str(column.non_null)
            yield layer, table, "fingerprint", name, column.fingerprint
            if column.total is not None:
                yield layer, table, "sum", name, column.total
    yield from _crime_totals(found)
    for number, item in enumerate(found.breaks, start=1):
        yield "break", _break_place(item), f"break {number}"[:20], item.column or ALL_COLUMNS, _say_break(item)


def _crime_totals(found: Reconciliation) -> Iterator[tuple[str, str, str, str, str]]:
    """Recorded and detected crime, its cells, and the statement from the legacy count."""
    for measure, counts in count_cells(found.cells).items():
        for cell, count in counts.items():
            yield "staging", "crime", measure, cell, str(count)
    for cell, totals in sorted(found.cells.items()):
        yield "staging", "crime", CELL, cell, totals.content
    for year, lines in found.statement.lines().items():
        for line, count in lines.items():
            yield "source", RETURN, year, line, str(count)
    for codes, count in found.statement.recoded().items():
        yield "source", RETURN, "recoded", codes[:80], str(count)


def _say_break(item: Break) -> str:
    """What was checked, who answers for it and the first keys, as far as the value's length goes."""
    parts = (item.check, item.owner.replace("_", " "), ", ".join(item.keys))
    return "; ".join(part for part in parts if part)


def _break_place(item: Break) -> str:
    return f"{item.table} ({item.layers})"[:120]
