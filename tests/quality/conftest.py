"""A small finished run of an invented legacy system, in the lake and in staging: what quality is tested on."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from migration.layers import write_layer
from migration.mapping.expressions import Column, Lookup, Parse
from migration.mapping.model import (
    CodeDecision,
    Crosswalk,
    FieldMap,
    Origin,
    Pack,
    Policy,
    Record,
    SourceColumn,
    SourceKind,
    SourceSystem,
    SourceTable,
)
from migration.records import Layer, RunContext
from migration.row_hash import hash_table
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema
from migration.settings import Settings

Rows = dict[str, list[dict[str, Any]]]
SYSTEM = "ledger_one"
REPORTS = 60
START = datetime(2019, 3, 1, 9, 30, tzinfo=UTC)
RUN_IDS = ("20260901T080000Z", "20260902T080000Z", "20260903T080000Z")
CODES = ("19004", "01000", "40001", "06000")
RAW_COLUMNS: dict[str, dict[str, str]] = {
    "crime_report": dict.fromkeys(
        ("legacy_crime_no", "recorded_at_local", "occurred_from_local", "status_legacy_code", "mo_summary_text"), ""
    ),
    "crime": dict.fromkeys(("crime_legacy_code", "disposal_legacy_code"), ""),
    "nominal": dict.fromkeys(("full_name_raw", "surname", "forename_1", "born_on_raw"), ""),
    "location": dict.fromkeys(("location_raw_text", "street", "town"), ""),
    "crime_nominal": dict.fromkeys(("role_raw",), ""),
}
GIVEN = ("Isla", "Callum", "Morag", "Ewan", "Ailsa", "Rory")
FAMILY = ("Testcase", "Invented", "Fictional", "Madeup")


def pick_division(number: int = 0) -> str:
    """The letter of a division in use."""
    return [c.code for c in load_schema().codes["division"] if c.valid_to is None][number]


def make_id(*parts: object) -> str:
    import hashlib

    return hashlib.sha256("|".join(str(p) for p in parts).encode()).hexdigest()[:32]


class RunFactory:
    """Rows of every entity of one run, and the layers and staging tables made of them."""

    def __init__(self, settings: Settings, division: str, run_id: str) -> None:
        self.context = RunContext(settings, division, run_id, reason="test")
        self.rows: Rows = {e.name: [] for e in load_schema().entities.values() if e.area != "control"}
        self.dispositions: list[dict[str, Any]] = []
        self.rejects: list[dict[str, Any]] = []
        self.raw_extra: dict[str, int] = {}
        self.counter: Counter[str] = Counter()
        for number in range(1, REPORTS + 1):
            self._add_report(number)
        for entity, columns in RAW_COLUMNS.items():
            for column in (c for c in columns if c.endswith("_legacy_code")):
                name = column.removesuffix("_legacy_code")
                for row in self.rows[entity]:
                    row[f"{name}_raw"] = "L" + row[f"{name}_code"]
        self.raw_rows = {e.name: [dict(r) for r in self.rows[e.name]] for e in load_schema().mapped_entities()}

    def _lineage(self, entity: str, key: str, number: int) -> dict[str, Any]:
        return {
            "division_code": self.context.division,
            "source_system": SYSTEM,
            "source_table": f"t_{entity}",
            "source_key": key,
            "source_row": number,
            "run_id": self.context.run_id,
            "mapping_version": "0" * 64,
            "row_hash": make_id("row", entity, key),
            "security_marking": "OFFICIAL-SENSITIVE",
            "retention_class": "STANDARD",
        }

    def _add(self, entity: str, key: str, number: int, **values: Any) -> dict[str, Any]:
        definition = load_schema().entity(entity)
        row = {name: None for name in definition.field_names}
        if definition.has_lineage:
            self.counter[entity] += 1
            row |= self._lineage(entity, key, self.counter[entity])
        row |= {"division_code": self.context.division} if "division_code" in row else {}
        row |= values
        self.rows[entity].append(row)
        if definition.made_by == "map":
            id_field = next(c for c in definition.key if c != "division_code")
            self.dispose(entity, key, "LOADED", target_id=row[id_field])
        return row

    def dispose(self, entity: str, key: str, outcome: str, **values: Any) -> None:
        self.dispositions.append(
            {
                "run_id": self.context.run_id,
                "division_code": self.context.division,
                "source_system": SYSTEM,
                "source_table": f"t_{entity}",
                "entity": entity,
                "source_key": key,
                "outcome": outcome,
                "target_id": None,
                "rule_id": None,
                "reason_code": None,
                **values,
            }
        )

    def _add_report(self, n: int) -> None:
        recorded = START + timedelta(days=31 * n, hours=n % 7, minutes=n)
        report_id, key = make_id("report", n), f"CR{n:05d}/19"
        location_id = make_id("location", n)
        detected = n % 3 == 0
        status = "DETECTED" if detected else "UNDETECTED"
        self._add_location(n, location_id, recorded)
        self._add(
            "crime_report", key, n,
            crime_report_id=report_id, cr_number=f"CR/{n:07d}/19", legacy_crime_no=key,
            how_reported_code="101", how_reported_raw="TEL", reported_at_utc=recorded - timedelta(hours=1),
            recorded_at_utc=recorded, occurred_from_utc=recorded - timedelta(hours=5, minutes=7),
            occurred_to_utc=recorded - timedelta(hours=4), occurred_precision_code="MINUTE",
            storm_no=f"PS-20190301-{n:04d}", officer_ref=f"T{n:06d}", officer_station="Test Station",
            status_code=status, status_raw=status.title(), workflow_state_code="FINAL_FILED", workflow_state_raw="FF",
            mo_summary_text=f"Invented summary number {n}", locus_location_id=location_id,
            beat_code_legacy="B01", beat_code="TB01", review_on=date(2031, 1, 1),
        )  # fmt: skip
        for seq in range(1, 2 + n % 2):
            self._add_crime(n, seq, report_id, recorded, detected)
        self._add_people(n, report_id, recorded)

    def _add_crime(self, n: int, seq: int, report_id: str, recorded: datetime, detected: bool) -> None:
        crime_id = make_id("crime", n, seq)
        disposal = "DETECTED_REPORTED" if detected else "UNDETECTED"
        self._add(
            "crime", f"{n}#{seq}", n,
            crime_id=crime_id, crime_report_id=report_id, crime_seq=seq, crime_code=CODES[n % len(CODES)],
            crime_raw=CODES[n % len(CODES)], is_attempted=False, disposal_code=disposal, disposal_raw=disposal,
            detected_on=(recorded + timedelta(days=20)).date() if detected else None,
        )  # fmt: skip
        if n % 10 == 0:
            marker = {"crime_marker_id": make_id("marker", n, seq), "crime_id": crime_id, "marker_code": "CYBER"}
            self._add("crime_marker", f"{n}#{seq}#CY", n, **marker, marker_raw="CYBER CRIME")

    def _add_location(self, n: int, location_id: str, recorded: datetime) -> None:
        self._add(
            "location", f"L{n:05d}", n,
            location_id=location_id, location_raw_text=f"{n} Test Street, Inventedtown", premises=str(n),
            street="Test Street", town="Inventedtown", postcode=f"ZZ{n % 9 + 1} {n % 9}AA", postcode_raw="ZZ",
            easting=300000.0 + n + 0.25, northing=700000.0 + n, location_type_code="DWELLING",
            location_type_raw="HOUSE", recorded_on=recorded.date(),
        )  # fmt: skip
        self._add(
            "location_match", f"L{n:05d}", n,
            location_id=location_id, location_class_code="ADDRESS", match_level_code="UPRN", uprn=9_000_000_000 + n,
            usrn=90_000 + n, matched_postcode=f"ZZ{n % 9 + 1} {n % 9}AA", easting=300000 + n, northing=700000 + n,
            located_division_code=self.context.division, beat_code="TB01", confidence=0.995, margin=0.4,
            match_rule="EXACT", evidence="{}", gazetteer_release="test-1",
        )  # fmt: skip

    def _add_people(self, n: int, report_id: str, recorded: datetime) -> None:
        roles = (("COMPLAINER", "VICTIM"), ("ACCUSED", "SUSPECT"), ("WITNESS", "WITNESS"))
        for position, (role, category) in enumerate(roles):
            key = f"N{n:05d}-{position}"
            nominal_id = make_id("nominal", n, position)
            given, family = GIVEN[(n + position) % len(GIVEN)], FAMILY[(n * 3 + position) % len(FAMILY)]
            born = date(1960 + (n + position * 7) % 40, 1 + n % 12, 1 + n % 28)
            self._add(
                "nominal", key, n,
                nominal_id=nominal_id, nominal_type_code="PERSON", full_name_raw=f"{given} {family}",
                surname=family, forename_1=given, born_on=born, born_on_raw=born.strftime("%d/%m/%Y"),
                born_on_precision_code="DAY", sex_code="FEMALE" if n % 2 else "MALE", sex_raw="F" if n % 2 else "M",
                home_location_id=make_id("location", n), is_protected=False,
            )  # fmt: skip
            age = (recorded.date() - born).days // 366
            self._add(
                "crime_nominal", f"{key}@{n}", n,
                crime_nominal_id=make_id("link", n, position), crime_report_id=report_id,
                crime_id=make_id("crime", n, 1), nominal_id=nominal_id, role_code=role, role_raw=role.title(),
                dpa_category_code=category, age_at_time=age,
            )  # fmt: skip
            golden = "GN" + nominal_id[:13].upper()
            self._add(
                "nominal_link", key, n,
                nominal_id=nominal_id, golden_id=golden, link_rule="SINGLE", model_version="m1",
                linked_at_utc=START,
            )  # fmt: skip
            self.rows["golden_nominal"].append(
                {
                    "golden_id": golden, "golden_status_code": "LIVE", "redirect_to": None, "nominals": 1,
                    "divisions": self.context.division,
                }
            )  # fmt: skip

    def quarantine(self, entity: str, key: str, field: str = "crime_code") -> None:
        """Take one record out of the entity: its disposition is QUARANTINED and a reject says why."""
        id_rows = [r for r in self.rows[entity] if r["source_key"] == key]
        self.rows[entity] = [r for r in self.rows[entity] if r["source_key"] != key]
        for item in self.dispositions:
            if item["entity"] == entity and item["source_key"] == key:
                item |= {"outcome": "QUARANTINED", "target_id": None, "rule_id": f"map.{entity}.{field}"}
                item["reason_code"] = "UNMAPPED_CODE"
        self.rejects += [
            {
                "source_system": SYSTEM, "source_table": f"t_{entity}", "source_key": key,
                "source_row": row["source_row"], "entity": entity, "field": field,
                "rule_id": f"map.{entity}.{field}", "reason_code": "UNMAPPED_CODE",
            }
            for row in id_rows
        ]  # fmt: skip

    def write(self) -> "RunFactory":
        """Write the raw, mapped, rejected, located and linked layers."""
        schema = load_schema()
        mapped = [e for e in schema.entities.values() if e.made_by == "map" and e.area != "control"]
        raw: dict[str, list[dict[str, Any]]] = {}
        made = {(e, r["source_key"]): r for e in self.raw_rows for r in self.raw_rows[e]}
        for item in self.dispositions:
            rows = raw.setdefault(item["source_table"], [])
            row = made.get((item["entity"], item["source_key"]))
            rows.append(make_raw_row(item["entity"], row, item["source_key"], row["source_row"] if row else 0))
        with write_layer(self.context, Layer.RAW, "raw") as writer:
            for table, rows in sorted(raw.items()):
                pq.write_table(pa.Table.from_pylist(rows), writer.path(f"{SYSTEM}/{table}"))
            totals = {f"{SYSTEM}/{t}": {"rows": len(r) + self.raw_extra.get(t, 0)} for t, r in raw.items()}
            writer.facts["control_totals"] = totals
        with write_layer(self.context, Layer.MAPPED, "mapped") as writer:
            for entity in mapped:
                self._write_entity(writer.path(entity.name), entity.name)
            table = pa.Table.from_pylist(self.dispositions, schema=arrow_schema(schema.entity("disposition")))
            pq.write_table(table, writer.path("disposition"))
        names = ("source_system", "source_table", "source_key", "entity", "field", "rule_id", "reason_code")
        reject_schema = pa.schema([(n, pa.string()) for n in names] + [("source_row", pa.int64())])
        with write_layer(self.context, Layer.REJECTED, "rejected") as writer:
            pq.write_table(pa.Table.from_pylist(self.rejects, schema=reject_schema), writer.path("rejects"))
        with write_layer(self.context, Layer.LOCATED, "located") as writer:
            self._write_entity(writer.path("location_match"), "location_match")
            self._write_entity(writer.path("crime_report"), "crime_report")
        with write_layer(self.context, Layer.LINKED, "linked") as writer:
            for entity in ("nominal_link", "golden_nominal", "survivorship", "match_candidate"):
                self._write_entity(writer.path(entity), entity)
        return self

    def _write_entity(self, path: Path, entity: str) -> None:
        rows = self.rows[entity]
        if "mapped" in path.parent.name and entity == "crime_report":
            rows = [{**r, "beat_code": None} for r in rows]
        definition = load_schema().entity(entity)
        table = pa.Table.from_pylist(rows, schema=arrow_schema(definition))
        if definition.made_by == "map":
            hashed = [f.name for f in definition.business_fields if f.filled_by is None]
            if table.num_rows:
                place = table.schema.get_field_index("row_hash")
                table = table.set_column(place, table.schema.field(place), hash_table(table, hashed))
        pq.write_table(table, path)

    def stage(self, engine: sa.Engine) -> "RunFactory":
        """Load the run into staging."""
        from migration.load.stage import load_staging

        load_staging(self.context, engine)
        return self

    def next_run(self, run_id: str) -> "RunFactory":
        """The same rows as a later run of the division."""
        later = RunFactory(self.context.settings, self.context.division, run_id)
        later.context = replace(self.context, run_id=run_id)
        return later


def make_pack(run: RunFactory) -> Pack:
    """The pack of the invented legacy system: texts copied from columns, one time, two crosswalks."""
    origin = Origin("test.yml", 1)
    tables, records, crosswalks = [], [], {}
    for entity in load_schema().mapped_entities():
        if not run.rows[entity.name]:
            continue
        columns = tuple(SourceColumn(c) for c in ("legacy_key", *RAW_COLUMNS.get(entity.name, {})))
        tables.append(SourceTable(f"t_{entity.name}", ("legacy_key",), entity.name, columns, {}))
        fields = []
        for column in RAW_COLUMNS.get(entity.name, {}):
            expression: Any = Column(column)
            name = column
            if column.endswith("_local"):
                name, expression = column.removesuffix("_local") + "_utc", Parse(expression, "timestamp", {})
            if column.endswith("_legacy_code"):
                name = column.removesuffix("_legacy_code") + "_code"
                expression = Lookup(expression, column)
                crosswalks[column] = make_crosswalk(column, run, entity.name, name)
            fields.append(FieldMap(name, expression, origin, *[Policy.QUARANTINE] * 3, is_required=False))
        records.append(Record(entity.name, entity.name, SYSTEM, f"t_{entity.name}", origin, tuple(fields)))
    system = SourceSystem(SYSTEM, SourceKind.DELIMITED, "", "", {}, "OFFICIAL-SENSITIVE", 1, "", tuple(tables))
    letter = run.context.division
    day = date(2026, 9, 1)
    return Pack(letter, "test", "test", "0" * 64, day, (system,), tuple(records), crosswalks, ())


def make_crosswalk(name: str, run: RunFactory, entity: str, field: str) -> Crosswalk:
    codes = sorted({r[field] for r in run.rows[entity]})
    decide = {f"L{c}": CodeDecision(f"L{c}", c, "", "AGREED", "test", "2026-09-01", "", Origin("t", 1)) for c in codes}
    return Crosswalk(name, decide)


def make_raw_row(entity: str, row: dict[str, Any] | None, key: str, number: int) -> dict[str, Any]:
    """The legacy row a mapped row was made from."""
    from zoneinfo import ZoneInfo

    raw: dict[str, Any] = {"legacy_key": key, "_source_row": number}
    for column in RAW_COLUMNS.get(entity, {}):
        if row is None:
            raw[column] = "unreadable"
        elif column.endswith("_local"):
            moment = row[column.removesuffix("_local") + "_utc"]
            raw[column] = moment.astimezone(ZoneInfo("Europe/London")).strftime("%d/%m/%Y %H:%M:%S")
        elif column.endswith("_legacy_code"):
            raw[column] = "L" + row[column.removesuffix("_legacy_code") + "_code"]
        else:
            raw[column] = row[column]
    return raw


@pytest.fixture
def make_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunFactory]:
    """Function that makes the rows of a run, and the pack it was mapped by."""
    packs: list[Pack] = []

    def make(run_id: str = RUN_IDS[0], division: str | None = None) -> RunFactory:
        run = RunFactory(settings, division or pick_division(), run_id)
        packs.append(make_pack(run))
        return run

    monkeypatch.setattr("migration.quality.reconcile.load_pack", lambda *_: packs[-1])
    return make


@pytest.fixture
def execute(engine: sa.Engine) -> Callable[..., Any]:
    """Function that runs SQL on the national database and returns its rows, where it has some."""

    def run(statement: str) -> list[tuple[Any, ...]]:
        with engine.begin() as connection:
            result = connection.exec_driver_sql(statement.replace("%", "%%"))
            return [tuple(r) for r in result] if result.returns_rows else []

    return run
