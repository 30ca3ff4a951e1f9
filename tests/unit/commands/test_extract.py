"""What the extract commands show: bars with rate and time left, the plan, and what changed."""

import io

from rich.console import Console

from migration.commands.delta import delta_table
from migration.commands.extract import extract_with_bars, plan_table, print_outcome
from migration.extract.delta_stage import DeltaMethod, TableDelta
from migration.extract.plan import PlannedTable
from migration.records import RunContext, Stage, StageResult, StageStatus


def shown(print_to) -> str:
    page = io.StringIO()
    print_to(Console(file=page, width=160, force_terminal=True, color_system=None))
    return page.getvalue()


def test_bar_of_a_table_tells_rows_rate_and_time_left() -> None:
    done = StageResult(Stage.EXTRACT, StageStatus.DONE, 1.0)

    def extract(listener) -> StageResult:
        listener("db.CRIME", 1_000, 4_000)
        for rows in (2_000, 3_000):
            listener("db.CRIME", rows, 4_000)
        return done

    def run(console: Console) -> None:
        assert extract_with_bars(console, extract) is done

    page = shown(run)
    assert "db.CRIME" in page
    assert "3,000 rows" in page
    assert "rows/s" in page
    assert "0:00:00" in page


def test_plan_says_what_is_read_for_how_long_and_on_which_terms() -> None:
    tables = [
        PlannedTable("db", "CRIME", "database", 1_600_000, None, 0, 32.0, "assumed rate", 0, "22:00-06:00"),
        PlannedTable("files", "people", "delimited", 2_000, 5_000_000, 3, 0.5, "last extract", 10_000, ""),
    ]
    page = shown(lambda console: console.print(plan_table(tables)))
    for text in ("1,600,000", "~2,000", "22:00-06:00", "5.0", "10,000 rows/s", "last extract", "32.5"):
        assert text in page


def test_outcome_says_where_unreadable_records_are_and_how_to_see_findings(settings) -> None:
    context = RunContext(settings, "X", "20260101T000000Z")
    done = StageResult(Stage.EXTRACT, StageStatus.DONE, 1.0, counts={"quarantined": 1_234, "findings": 2})
    page = shown(lambda console: print_outcome(console, context, done))
    for text in ("could not be read: 1,234;", "raw/_quarantine.parquet", "extract: 2;", "migrate contract X"):
        assert text in page
    nothing = StageResult(Stage.EXTRACT, StageStatus.DONE, 1.0, counts={"quarantined": 0, "findings": 0})
    assert shown(lambda console: print_outcome(console, context, nothing)) == ""


def test_delta_says_what_changed_and_why_a_table_was_read_whole() -> None:
    deltas = (
        TableDelta("db/CRIME", "r", DeltaMethod.WATERMARK, "", 1_200, 3, 2, 9_000, "x", 1.5),
        TableDelta("db/LOG", "r", DeltaMethod.WHOLE, "the pack names no key", 0, 0, 0, 7, "", 0.1),
    )
    page = shown(lambda console: console.print(delta_table(deltas)))
    for text in ("watermark", "1,200", "9,000", "whole", "the pack names no key"):
        assert text in page
