"""Comparing totals of layers: equal is silent, any difference is named."""

import pytest

from migration.errors import ReconciliationError
from migration.quality.breaks import Break, LedgerLine, close_ledger, compare_counts, raise_breaks, reconcile_layers
from migration.quality.fingerprints import ColumnTotals, TableTotals

OWNERS = {"": "crime_registrar", "b": "gazetteer_manager"}


def totals(rows: int = 3, keys: str = "11", b: str = "5", b_rows: int = 3, b_sum: str | None = "9") -> TableTotals:
    return TableTotals(rows, keys, {"a": ColumnTotals(3, "4"), "b": ColumnTotals(b_rows, b, b_sum)})


def test_equal_totals_have_no_break() -> None:
    assert reconcile_layers("mapped = staging", "crime", totals(), totals(), OWNERS) == []


@pytest.mark.parametrize(
    ("right", "check", "column"),
    [
        (totals(rows=2), "rows", ""),
        (totals(keys="12"), "key set", ""),
        (totals(b="6"), "fingerprint", "b"),
        (totals(b_rows=2), "values", "b"),
        (totals(b_sum="8"), "sum", "b"),
    ],
)
def test_difference_is_named(right: TableTotals, check: str, column: str) -> None:
    found = reconcile_layers("mapped = staging", "crime", totals(), right, OWNERS)
    assert [(f.check, f.column) for f in found] == [(check, column)]


def test_break_names_the_owner_of_its_column() -> None:
    found = reconcile_layers("mapped = staging", "crime", totals(), totals(b="6"), OWNERS)
    assert found[0].owner == "gazetteer_manager"


def test_column_that_one_side_lacks_is_a_break() -> None:
    right = TableTotals(3, "11", {"a": ColumnTotals(3, "4")})
    assert reconcile_layers("mapped = staging", "crime", totals(), right, OWNERS)[0].column == "b"


def test_ledger_closes_when_rows_equal_dispositions() -> None:
    line = LedgerLine("one", "t", "crime", 5, {"LOADED": 3, "QUARANTINED": 2})
    assert close_ledger([line]) == []
    assert close_ledger([LedgerLine("one", "t", "crime", 6, line.outcomes)])[0].left == "6 rows extracted"
    assert close_ledger([LedgerLine("one", "t", "crime_nominal", None, {"LOADED": 9})]) == []


def test_counts_by_cell_name_the_cells_that_differ() -> None:
    found = compare_counts("recorded crime", "a = b", "crime", {"x": 1, "y": 2}, {"x": 1, "z": 2})
    assert found[0].keys == ("y", "z")
    assert compare_counts("recorded crime", "a = b", "crime", {"x": 0}, {}) == []


def test_error_describes_first_breaks_and_counts_the_rest() -> None:
    breaks = [Break("rows", "mapped = staging", f"t{n}", "", "1", "2", "o", ("K1",)) for n in range(7)]
    with pytest.raises(ReconciliationError, match=r"7 breaks.*and 2 more"):
        raise_breaks("X", "r", breaks)
    raise_breaks("X", "r", [])
