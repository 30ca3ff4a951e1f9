"""Small invented runs in a lake, and what a gate needs of them, without the stages before.

A run has one row of every entity per name. Nominals of one name, in whatever divisions, belong together: that is the
whole linkage here, so that tests know what must come out.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from migration.cutover.gate import GateResult
from migration.cutover.signoff import record_sign_off
from migration.cutover.stage import compute_gate
from migration.layers import layer_folder, read_manifest, write_json, write_layer
from migration.load.bulk import copy_table
from migration.load.publish import PublishResult, name_published, publish_run
from migration.load.rollback import RollbackResult, roll_back_division
from migration.load.stage import load_staging, staged_entities
from migration.records import Layer, Phase, PublishedRun, RunContext
from migration.schema.arrow import arrow_schema
from migration.schema.model import Entity, Field, FieldType, load_schema
from migration.schema.sql import table_of
from migration.settings import Settings

OWNER, LEAD = "Owner Invented", "Lead Invented"
FIRST_DAY = date(2019, 3, 1)
FIRST_MOMENT = datetime(2019, 3, 1, 12, 30, tzinfo=UTC)


def letters(count: int) -> list[str]:
    """The first divisions in use."""
    return [c.code for c in load_schema().codes["division"] if c.valid_to is None][:count]


def record_id(division: str, entity: str, number: int) -> str:
    return hashlib.sha256(f"{division}|{entity}|{number}".encode()).hexdigest()[:32]


def golden_id(nominal_id: str) -> str:
    return "GN" + base64.b32encode(hashlib.sha256(nominal_id.encode()).digest()).decode()[:13]


def make_row(entity: Entity, division: str, number: int, run_id: str) -> dict[str, object]:
    """An invented row of an entity; ids fit together across entities of the same number."""
    return {f.name: _value(entity, f, division, number, run_id) for f in entity.fields}


def _value(entity: Entity, field: Field, division: str, number: int, run_id: str) -> object:
    if field.codes == "division":
        return division
    if field.name == "run_id":
        return run_id
    if field.references is not None:
        return record_id(division, field.references[0], number)
    if field.name in entity.key:
        return record_id(division, entity.name, number)
    if field.codes is not None:
        return load_schema().codes[field.codes][0].code
    return _plain_value(field, number)


def _plain_value(field: Field, number: int) -> object:
    values: dict[FieldType, object] = {
        FieldType.TEXT: f"{field.name[:8]} {number}"[: field.length or 100],
        FieldType.INTEGER: number,
        FieldType.DECIMAL: Decimal(number) / 100,
        FieldType.DOUBLE: number / 4,
        FieldType.BOOLEAN: number % 2 == 0,
        FieldType.DATE: FIRST_DAY + timedelta(days=number),
        FieldType.TIMESTAMP: FIRST_MOMENT + timedelta(minutes=number),
        FieldType.JSON: json.dumps({"number": number}),
    }
    return values[field.type]


def write_rows(path: Path, entity: Entity, rows: list[dict[str, object]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(entity)), path)


@dataclass
class Lake:
    """Runs in one home folder. `names` of a run are those of its nominals."""

    settings: Settings

    def make_run(
        self,
        division: str,
        names: Sequence[str],
        *,
        run_id: str = "20260901T080000Z",
        published: Sequence[PublishedRun] = (),
        phase: Phase = Phase.CUTOVER,
        sample_percent: int = 100,
    ) -> RunContext:
        """A run with its mapped, located and linked layers."""
        context = RunContext(self.settings, division, run_id, phase, sample_percent, "A run made for a test")
        self.write_mapped(context, names)
        self.write_linked(context, published)
        return context

    def write_mapped(self, context: RunContext, names: Sequence[str]) -> None:
        ledger: list[dict[str, object]] = []
        with write_layer(context, Layer.MAPPED, "mapped") as writer:
            for entity in load_schema().mapped_entities():
                rows = [make_row(entity, context.division, n, context.run_id) for n in range(1, len(names) + 1)]
                for row, name in zip(rows, names, strict=True):
                    row.update(_person_values(entity.name, name))
                write_rows(writer.path(entity.name), entity, rows)
                ledger += [_disposition(context, entity.name, n) for n in range(1, len(names) + 1)]
            write_rows(writer.path("disposition"), load_schema().entity("disposition"), ledger)
        match = load_schema().entity("location_match")
        rows = [make_row(match, context.division, n, context.run_id) for n in range(1, len(names) + 1)]
        for row in rows:
            row["location_id"] = record_id(context.division, "location", rows.index(row) + 1)
        with write_layer(context, Layer.LOCATED, "located") as writer:
            write_rows(writer.path("location_match"), match, rows)
        self.write_codes(context, {})

    def write_codes(self, context: RunContext, proposed: dict[str, int]) -> None:
        """The rejected layer: legacy values of a proposed meaning, with their uses."""
        names = ("crosswalk", "list_name", "legacy_value", "national_code", "status", "level")
        rows = [
            ("crime_report_status", "crime_report_status", value, "OPEN", "PROPOSED", "family", uses)
            for value, uses in proposed.items()
        ]
        fields = [*(pa.field(n, pa.string()) for n in names), pa.field("uses", pa.int64())]
        table = pa.Table.from_pylist(
            [dict(zip((*names, "uses"), r, strict=True)) for r in rows], schema=pa.schema(fields)
        )
        with write_layer(context, Layer.REJECTED, "rejected") as writer:
            pq.write_table(table, writer.path("codes"))

    def write_linked(self, context: RunContext, published: Sequence[PublishedRun]) -> None:
        runs = sorted([*published, PublishedRun(context.division, context.run_id)], key=lambda r: r.division)
        with write_layer(context, Layer.LINKED, "linked") as writer:
            self.relink(runs, writer.folder)
            links = pq.read_table(writer.path("national_link")).to_pylist()
            own = [{**row, "linked_at_utc": FIRST_MOMENT} for row in links if row["division_code"] == context.division]
            write_rows(writer.path("nominal_link"), load_schema().entity("nominal_link"), own)
            writer.facts["published"] = name_published(published)

    def relink(self, runs: Sequence[PublishedRun], folder: Path) -> None:
        """Link nominals of one name, over all runs; the form `roll_back_division` takes."""
        found: dict[str, list[tuple[str, str]]] = {}
        for run in runs:
            path = self.settings.lake / run.division / run.run_id / "mapped" / "nominal.parquet"
            for row in pq.read_table(path, columns=["nominal_id", "full_name_raw"]).to_pylist():
                found.setdefault(row["full_name_raw"], []).append((row["nominal_id"], run.division))
        links, survivors = [], []
        for name, members in sorted(found.items()):
            golden = golden_id(min(members)[0])
            survivors.append(_survivor(golden, min(members)[0], name))
            rule = "MODEL" if len(members) > 1 else "SINGLE"
            links += [_link(division, nominal, golden, rule) for nominal, division in sorted(members)]
        entities = {e.name: e for e in staged_entities()}
        write_rows(folder / "national_link.parquet", entities["national_link"], links)
        write_rows(folder / "survivorship.parquet", entities["survivorship"], survivors)
        write_rows(folder / "match_candidate.parquet", entities["match_candidate"], _candidates(links))


def _person_values(entity: str, name: str) -> dict[str, object]:
    """Values by which a linkage knows the person of that name, whatever the division."""
    number = int(hashlib.sha256(name.encode()).hexdigest()[:6], 16)
    if entity == "nominal_identifier":
        return {"identifier_value": f"{number:08d}", "is_verified": False}
    if entity == "nominal_alias":
        return {"surname": f"{name}son".title(), "forename_1": name.title(), "full_name_raw": name}
    if entity == "nominal":
        unknown = ("scro_no", "pnc_id", "cro_no", "driver_no", "phone", "maiden_name", "forename_2")
        return {
            **dict.fromkeys(unknown),
            "nominal_type_code": "PERSON",
            "full_name_raw": name,
            "surname": f"{name}son".title(),
            "forename_1": name.title(),
            "born_on": date(1960 + number % 40, 1 + number % 12, 2 + number % 27),
            "born_on_precision_code": "DAY",
            "place_of_birth": f"Invented {number % 97}",
            "is_protected": False,
        }
    return {}


def _disposition(context: RunContext, entity: str, number: int) -> dict[str, object]:
    return {
        "run_id": context.run_id,
        "division_code": context.division,
        "source_system": "invented",
        "source_table": entity,
        "entity": entity,
        "source_key": str(number),
        "outcome": "LOADED",
        "target_id": record_id(context.division, entity, number),
        "rule_id": None,
        "reason_code": None,
    }


def _link(division: str, nominal: str, golden: str, rule: str) -> dict[str, object]:
    return {
        "division_code": division,
        "nominal_id": nominal,
        "golden_id": golden,
        "link_rule": rule,
        "model_version": "by-name",
    }


def _survivor(golden: str, nominal: str, name: str) -> dict[str, object]:
    return {
        "golden_id": golden,
        "attribute": "full_name_raw",
        "value": name,
        "from_nominal_id": nominal,
        "survivorship_rule": "smallest id",
        "variants": 1,
    }


def _candidates(links: list[dict[str, object]]) -> list[dict[str, object]]:
    by_golden: dict[object, list[dict[str, object]]] = {}
    for link in links:
        by_golden.setdefault(link["golden_id"], []).append(link)
    pairs = []
    for members in by_golden.values():
        first, *others = sorted(members, key=lambda m: str(m["nominal_id"]))
        for other in others:
            pairs.append(
                {
                    "left_nominal_id": first["nominal_id"],
                    "right_nominal_id": other["nominal_id"],
                    "left_division_code": first["division_code"],
                    "right_division_code": other["division_code"],
                    "score": 12.5,
                    "band_code": load_schema().codes["match_band"][0].code,
                    "blocking_rules": "name",
                    "evidence": "{}",
                    "model_version": "by-name",
                }
            )
    return pairs


def record_quality(context: RunContext, engine: sa.Engine, *, failing: dict[str, int] | None = None) -> None:
    """Results and control totals as the stages before the gate leave them; `failing` names rules and their rows."""
    breaking = failing or {}
    severities = {"invented.critical": "critical", "invented.warning": "warning"}
    run = {"run_id": context.run_id, "division_code": context.division}
    rules, results = [], []
    for entity in load_schema().partitioned_entities():
        for name, severity in severities.items():
            rule_id = f"{name}.{entity.name}"
            rules.append(_rule(rule_id, entity.name, severity))
            rows = breaking.get(rule_id, 0)
            status = "FAIL" if rows else "PASS"
            counts = {"failing_rows": rows, "tested_rows": max(rows, 3), "waived_rows": 0}
            results.append({**run, "rule_id": rule_id, "rule_version": "1", "status": status, **counts})
    totals = [
        {**run, "layer": layer, "table_name": "all", "measure": "rows", "column_name": "-", "value": "1"}
        for layer in ("raw", "mapped", "staging")
    ]
    with engine.begin() as connection:
        from sqlalchemy.dialects.postgresql import insert

        connection.execute(insert(table_of("dq_rule")).on_conflict_do_nothing(), rules)
        for name, rows_of in (("dq_result", results), ("control_total", totals)):
            table = table_of(name)
            mine = (table.c.run_id == context.run_id, table.c.division_code == context.division)
            connection.execute(sa.delete(table).where(*mine))
            connection.execute(sa.insert(table), rows_of)
    path = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
    copy_table(engine, "control", "disposition", path, run)


def _rule(rule_id: str, entity: str, severity: str) -> dict[str, object]:
    return {
        "rule_id": rule_id,
        "rule_version": "1",
        "entity": entity,
        "dimension": "conformance",
        "severity": severity,
        "owner_role": "crime_registrar",
        "title": "An invented rule",
    }


def bring_to_gate(context: RunContext, engine: sa.Engine, *, failing: dict[str, int] | None = None) -> GateResult:
    """Stage, quality results and gate of a run."""
    load_staging(context, engine)
    record_quality(context, engine, failing=failing)
    return compute_gate(context, engine)


def sign(context: RunContext, engine: sa.Engine) -> None:
    """Both approvals."""
    record_sign_off(engine, context, "data_owner", OWNER, "APPROVE", "Figures agree with our own counts")
    record_sign_off(engine, context, "rollout_lead", LEAD, "APPROVE", "Evidence is complete")


def publish(context: RunContext, engine: sa.Engine) -> PublishResult:
    """Everything from staging to national."""
    bring_to_gate(context, engine)
    sign(context, engine)
    return publish_run(context, engine, LEAD)


def roll_back(lake: Lake, engine: sa.Engine, division: str) -> RollbackResult:
    return roll_back_division(lake.settings, engine, division, LEAD, "Taken out again by a test", relink=lake.relink)


def touch_linked_facts(context: RunContext, published: list[str]) -> None:
    """Say that a run was linked against other runs."""
    path = layer_folder(context, Layer.LINKED) / "manifest.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["facts"]["published"] = published
    write_json(path, raw)
    read_manifest(context, Layer.LINKED)
