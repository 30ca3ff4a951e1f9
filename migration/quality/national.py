"""The last step of reconciliation: the national partitions against what the same run's staging tables held.

Enters: a run whose reconciliation recorded its control totals, and its partitions in `national`. Leaves: breaks, or an
error that names table, column, owner and keys. Must hold: what is compared with is what was reconciled and signed, not
what happens to lie in staging now. Left out: which golden nominal a link leads to, because later publications of other
divisions rightly change it. Refuses: a run without control totals.
"""

from dataclasses import replace

import sqlalchemy as sa

from migration.duck import open_session
from migration.layers import find_entity
from migration.load.partitions import NATIONAL, STAGING, partition_name, qualified, table_exists
from migration.quality import measure
from migration.quality.breaks import SHOWN_KEYS, Break, raise_breaks, reconcile_layers
from migration.quality.control_totals import ALL_COLUMNS
from migration.quality.fingerprints import ColumnTotals, TableTotals
from migration.quality.reconcile import lake_entities, owners
from migration.records import RunContext
from migration.schema.model import Entity
from migration.schema.sql import table_of

LAYERS = "staging = national"
IN_FORCE = {"nominal_link": frozenset({"golden_id", "link_rule", "model_version", "linked_at_utc"})}
"""Fields that publishing and later publications rewrite."""


def check_national(connection: sa.Connection, context: RunContext) -> None:
    """Stop where a run's national partitions are not what was reconciled in staging.

    Raises:
        ReconciliationError: a row is lost, doubled or changed, a partition is not there, or nothing was reconciled.
    """
    raise_breaks(context.division, context.run_id, compare_national(connection, context))


def compare_national(connection: sa.Connection, context: RunContext) -> list[Break]:
    """Everything in which a run's national partitions differ from its staging tables as they were reconciled."""
    kept = read_staging_totals(connection, context)
    breaks = []
    for entity in lake_entities():
        table = partition_name(entity.name, context.division)
        if entity.name not in kept:
            breaks.append(Break("control totals", LAYERS, entity.name, "", "none recorded", "needed", entity.owner))
        elif not table_exists(connection, NATIONAL, table):
            sides = (f"{kept[entity.name].rows} rows", "no partition")
            breaks.append(Break("partition", LAYERS, entity.name, "", *sides, entity.owner))
        else:
            breaks += _compare_partition(connection, context, entity, kept[entity.name])
    return breaks


def _compare_partition(
    connection: sa.Connection, context: RunContext, entity: Entity, kept: TableTotals
) -> list[Break]:
    compared = replace(
        entity, fields=tuple(f for f in entity.fields if f.name not in IN_FORCE.get(entity.name, frozenset()))
    )
    table = qualified(NATIONAL, partition_name(entity.name, context.division))
    left = replace(kept, columns={f.name: kept.columns[f.name] for f in compared.fields if f.name in kept.columns})
    right = measure.measure_table(connection, table, compared)
    breaks = reconcile_layers(LAYERS, entity.name, left, right, owners(entity))
    path = find_entity(context, entity.name)
    if not breaks or path is None:
        return breaks
    columns = [b.column for b in breaks if b.column]
    with open_session(context.settings) as session:
        keys = measure.differing_keys(session, path, connection, table, compared, columns, SHOWN_KEYS)
    return [replace(b, keys=keys) for b in breaks]


def read_staging_totals(connection: sa.Connection, context: RunContext) -> dict[str, TableTotals]:
    """Totals of a run's staging tables by entity, as its reconciliation recorded them."""
    total = table_of("control_total")
    query = sa.select(total.c.table_name, total.c.column_name, total.c.measure, total.c.value).where(
        total.c.run_id == context.run_id,
        total.c.division_code == context.division,
        total.c.layer == STAGING,
    )
    found: dict[str, dict[tuple[str, str], str]] = {}
    for name, column, kind, value in connection.execute(query):
        found.setdefault(str(name), {})[(str(column), str(kind))] = str(value)
    return {name: _read_totals(values) for name, values in found.items() if (ALL_COLUMNS, "keys") in values}


def _read_totals(values: dict[tuple[str, str], str]) -> TableTotals:
    columns = {
        column: ColumnTotals(int(values[(column, "non_null")]), fingerprint, values.get((column, "sum")))
        for (column, kind), fingerprint in values.items()
        if kind == "fingerprint"
    }
    return TableTotals(int(values[(ALL_COLUMNS, "rows")]), values[(ALL_COLUMNS, "keys")], columns)
