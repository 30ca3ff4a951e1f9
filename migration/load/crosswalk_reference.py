"""The crosswalk beside the records it read: every code decision a division's pack holds, and how often a run used it.

Enters: the pack, and the codes the run met (`rejected/codes`). Leaves: `reference.cv_crosswalk` of the division,
replaced in one transaction. Must hold: one row for each decision of the effective pack, inherited ones included, and
`uses` is what the run says, 0 where no record had the value. Refuses: nothing; codes without a decision are not
decisions, they stay in `rejected/codes`.
"""

from datetime import date

import pyarrow.parquet as pq
import sqlalchemy as sa

from migration.layers import layer_folder, read_manifest
from migration.mapping.load import load_pack
from migration.mapping.model import CodeDecision, Pack
from migration.records import Layer, RunContext
from migration.schema.sql import table_of


def load_crosswalk(context: RunContext, engine: sa.Engine) -> int:
    """Replace a division's crosswalk by its pack's decisions with the uses of this run; returns the rows.

    Raises:
        SourceError: the run has no rejected layer.
        ConfigError: the pack has problems.
    """
    pack = load_pack(context.settings, context.division)
    uses = _read_uses(context)
    rows = [
        _row(pack, name, decision, uses.get((name, decision.legacy_value), 0))
        for name, crosswalk in pack.crosswalks.items()
        for decision in crosswalk.decisions.values()
    ]
    table = table_of("cv_crosswalk")
    with engine.begin() as connection:
        connection.execute(sa.delete(table).where(table.c.division_code == context.division))
        if rows:
            connection.execute(sa.insert(table), rows)
    return len(rows)


def _read_uses(context: RunContext) -> dict[tuple[str, str], int]:
    """Uses by crosswalk and legacy value, over every list the crosswalk is read for."""
    manifest = read_manifest(context, Layer.REJECTED)
    path = layer_folder(context, Layer.REJECTED) / next(t.path for t in manifest.tables if t.name == "codes")
    counted: dict[tuple[str, str], int] = {}
    for row in pq.read_table(path, columns=["crosswalk", "legacy_value", "uses"]).to_pylist():
        key = (str(row["crosswalk"]), str(row["legacy_value"]))
        counted[key] = counted.get(key, 0) + int(row["uses"])
    return counted


def _row(pack: Pack, crosswalk: str, decision: CodeDecision, uses: int) -> dict[str, object]:
    return {
        "family": pack.family,
        "division_code": pack.division,
        "list_name": crosswalk,
        "legacy_value": decision.legacy_value,
        "national_code": decision.national_code or None,
        "rationale": decision.rationale or None,
        "status": decision.status,
        "agreed_by": decision.agreed_by or None,
        "agreed_on": date.fromisoformat(decision.agreed_on) if decision.agreed_on else None,
        "uses": uses,
    }
