"""Breaks between two layers, found by comparing what each holds. Pure functions: they read nothing.

Enters: totals, key sets and counts of two layers. Leaves: `Break`s, or a `ReconciliationError` that names layer, table,
column, counts, who answers for it and up to ten keys. Must hold: equal inputs give no break; any difference gives one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from migration.errors import ReconciliationError
from migration.quality.fingerprints import TableTotals

SHOWN_KEYS = 10
SHOWN_BREAKS = 5


@dataclass(frozen=True)
class Break:
    """One thing two layers disagree on. `check` names the check; `keys` are keys of records, never values."""

    check: str
    layers: str
    table: str
    column: str
    left: str
    right: str
    owner: str = ""
    keys: tuple[str, ...] = ()

    def describe(self) -> str:
        """The break in one sentence."""
        column = f", column {self.column}" if self.column else ""
        keys = f"; keys {', '.join(self.keys[:SHOWN_KEYS])}" if self.keys else ""
        owner = f"; owner {self.owner}" if self.owner else ""
        return f"{self.check} of {self.table}{column} ({self.layers}): {self.left} against {self.right}{owner}{keys}"


def reconcile_layers(
    layers: str, table: str, left: TableTotals, right: TableTotals, owners: Mapping[str, str]
) -> list[Break]:
    """What two layers' totals of one table disagree on; nothing where they hold the same rows.

    Args:
        layers: the two, as `mapped = staging`.
        owners: owner of each column, and of the table under an empty name.
    """
    owner = owners.get("", "")
    if left.rows != right.rows:
        return [Break("rows", layers, table, "", str(left.rows), str(right.rows), owner)]
    found = []
    if left.keys != right.keys:
        found.append(Break("key set", layers, table, "", _short(left.keys), _short(right.keys), owner))
    for name, totals in left.columns.items():
        other = right.columns.get(name)
        if other is None:
            found.append(Break("column", layers, table, name, "there", "not there", owners.get(name, owner)))
        elif totals.non_null != other.non_null:
            found.append(
                Break("values", layers, table, name, str(totals.non_null), str(other.non_null), owners.get(name, owner))
            )
        elif totals.fingerprint != other.fingerprint:
            sides = (_short(totals.fingerprint), _short(other.fingerprint))
            found.append(Break("fingerprint", layers, table, name, *sides, owners.get(name, owner)))
        elif totals.total != other.total:
            sides = (totals.total or "none", other.total or "none")
            found.append(Break("sum", layers, table, name, *sides, owners.get(name, owner)))
    return found


@dataclass(frozen=True)
class LedgerLine:
    """Source records of one source table seen as one entity: how many, and where they ended."""

    source_system: str
    source_table: str
    entity: str
    extracted: int | None
    outcomes: Mapping[str, int]

    @property
    def disposed(self) -> int:
        """Source records with a disposition."""
        return sum(self.outcomes.values())


def close_ledger(lines: Iterable[LedgerLine]) -> list[Break]:
    """Lines whose extracted rows are not the sum of their dispositions.

    `extracted` is None for entities other than the table's primary one: rows do not say how many of those there are.
    """
    found = []
    for line in lines:
        if line.extracted is not None and line.extracted != line.disposed:
            table = f"{line.source_system}/{line.source_table} as {line.entity}"
            left, right = f"{line.extracted} rows extracted", f"{line.disposed} dispositions"
            found.append(Break("dispositions", "raw = ledger", table, "", left, right, "crime_registrar"))
    return found


def compare_counts(
    check: str, layers: str, table: str, left: Mapping[str, int], right: Mapping[str, int], owner: str = ""
) -> list[Break]:
    """Counts by cell (year, code, ...) that differ; the cells are named as keys."""
    cells = sorted(cell for cell in {*left, *right} if left.get(cell, 0) != right.get(cell, 0))
    if not cells:
        return []
    first = cells[0]
    sides = (f"{left.get(first, 0)} in {first}", f"{right.get(first, 0)}; {len(cells)} cells differ")
    return [Break(check, layers, table, "", *sides, owner, tuple(cells[:SHOWN_KEYS]))]


def raise_breaks(division: str, run_id: str, breaks: Sequence[Break]) -> None:
    """Stop where there is a break.

    Raises:
        ReconciliationError: at least one; the first few are described.
    """
    if not breaks:
        return
    found = "; ".join(b.describe() for b in breaks[:SHOWN_BREAKS])
    more = f"; and {len(breaks) - SHOWN_BREAKS} more" if len(breaks) > SHOWN_BREAKS else ""
    fix = (
        "Do not publish. Follow a named key with `migrate explain KEY`; run the division again from the earlier layer."
    )
    raise ReconciliationError(
        f"reconciliation of {division}/{run_id}", f"{len(breaks)} breaks: {found}{more}", "none", fix
    )


def _short(fingerprint: str) -> str:
    return f"..{fingerprint[-6:]}"
