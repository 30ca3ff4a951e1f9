"""A lake of invented nominals: mapped and located layers of divisions, as `map` and `geocode` leave them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migration.layers import write_layer
from migration.records import Layer, RunContext
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema
from migration.settings import Settings

Rows = Sequence[Mapping[str, Any]]
WriteRun = Callable[..., RunContext]


def lineage(division: str, run_id: str, key: str) -> dict[str, Any]:
    return {
        "division_code": division,
        "source_system": "LEGACY",
        "source_table": "PERSON",
        "source_key": key,
        "source_row": 1,
        "run_id": run_id,
        "mapping_version": "v1",
        "row_hash": key[:32],
        "security_marking": "OFFICIAL-SENSITIVE",
        "retention_class": "STANDARD",
    }


def entity_table(entity: str, rows: Rows, division: str, run_id: str) -> pa.Table:
    """Rows with the entity's columns; lineage and required fields that a test does not care about are filled."""
    schema = arrow_schema(load_schema().entity(entity))
    key = load_schema().entity(entity).key[-1]
    filled = []
    for row in rows:
        base = {"nominal_type_code": "PERSON", "born_on_precision_code": "NONE" if not row.get("born_on") else "DAY"}
        base["full_name_raw"] = (
            " ".join(str(row[c]) for c in ("forename_1", "forename_2", "surname") if row.get(c)) or "-"
        )
        if entity == "location":
            base["location_raw_text"] = "-"
        whole = {**base, **lineage(division, run_id, str(row[key])), **row}
        filled.append({name: whole.get(name) for name in schema.names})
    return pa.Table.from_pylist(filled, schema=schema)


@pytest.fixture
def write_run(settings: Settings) -> WriteRun:
    """Writes a division's mapped and located layers and returns the run's context."""

    def write(division: str, nominals: Rows, day: int = 1, **entities: Rows) -> RunContext:
        run_id = f"202611{day:02d}T080000Z"
        context = RunContext(settings, division, run_id)
        with write_layer(context, Layer.MAPPED, f"mapped-{division}-{day}") as writer:
            for entity, rows in {"nominal": nominals, **entities}.items():
                if entity != "location_match":
                    pq.write_table(entity_table(entity, rows, division, run_id), writer.path(entity))
        with write_layer(context, Layer.LOCATED, f"located-{division}-{day}") as writer:
            matches = entity_table("location_match", entities.get("location_match", ()), division, run_id)
            pq.write_table(matches, writer.path("location_match"))
        return context

    return write


@pytest.fixture
def judged_at() -> datetime:
    return datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def person(identifier: str, **values: Any) -> dict[str, Any]:
    """One invented nominal; `born` as ISO text."""
    born = values.pop("born", None)
    row: dict[str, Any] = {"nominal_id": identifier.ljust(32, "0"), **values}
    if born:
        row["born_on"] = date.fromisoformat(born)
        row["born_on_raw"] = born
    return row


@pytest.fixture
def people() -> Callable[..., dict[str, Any]]:
    return person
