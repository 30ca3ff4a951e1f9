"""A division's whole road as tests walk it: stages to the gate, waivers for what is accepted, two signatures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from migration.cutover.signoff import record_sign_off
from migration.cutover.stage import evaluate_gate
from migration.geocode.gazetteer.build import build_gazetteer
from migration.layers import find_manifest
from migration.load.publish import PublishResult, publish_run
from migration.quality.national import check_national
from migration.quality.waivers import grant_waiver
from migration.records import Layer, Phase, RunContext, Stage, StageResult
from migration.runner import run_stages
from migration.runs import start_run
from migration.schema.sql import table_of
from migration.settings import Settings
from migration.synthetic.build import build_estate
from migration.synthetic.gazetteer import DEFAULT_RELEASE

DATA_OWNER, ROLLOUT_LEAD = "Invented Owner", "Invented Lead"
GAZETTEER_ENTRIES = 60_000
LAYERS = (Layer.RAW, Layer.MAPPED, Layer.REJECTED, Layer.LOCATED, Layer.LINKED)


def start(settings: Settings, division: str, run_id: str, phase: Phase = Phase.CUTOVER) -> RunContext:
    """A run that nobody has started before."""
    return start_run(settings, division, phase=phase, reason="test of the whole road", started_by="test", run_id=run_id)


def run_to_gate(context: RunContext, until: Stage = Stage.GATE) -> list[StageResult]:
    """Every stage in order."""
    return list(run_stages(context, until))


def content_hashes(context: RunContext) -> dict[str, str]:
    """Content hash of every table of every layer of a run that is written."""
    manifests = {layer: find_manifest(context, layer) for layer in LAYERS}
    written = {layer: manifest for layer, manifest in manifests.items() if manifest is not None}
    return {f"{layer}/{t.name}": t.content_hash for layer, manifest in written.items() for t in manifest.tables}


def accept_failing_rules(engine: sa.Engine, context: RunContext) -> list[str]:
    """Waive each failing rule for exactly the rows that fail now, and evaluate the gate again; returns the rules."""
    result = table_of("dq_result")
    query = sa.select(result.c.rule_id, result.c.failing_rows).where(
        result.c.run_id == context.run_id, result.c.division_code == context.division, result.c.status == "FAIL"
    )
    now = datetime.now(UTC)
    gate = table_of("gate")
    amber = sa.select(
        sa.literal("gate.").concat(gate.c.criterion_id), sa.func.greatest(gate.c.evidence["rows"].as_integer(), 1)
    ).where(gate.c.run_id == context.run_id, gate.c.division_code == context.division, gate.c.verdict == "AMBER")
    with engine.begin() as connection:
        failing = [*connection.execute(query.order_by(result.c.rule_id)), *connection.execute(amber)]
        for rule_id, rows in failing:
            grant_waiver(
                connection,
                context.division,
                rule_id,
                reason="Planted in the synthetic estate; accepted for the test",
                granted_by=DATA_OWNER,
                granted_at=now,
                expires_on=now.date() + timedelta(days=30),
                cap_rows=rows,
            )
    evaluate_gate(context, engine)
    return [rule_id for rule_id, _ in failing]


def sign_and_publish(engine: sa.Engine, context: RunContext) -> PublishResult:
    """Both signatures, then publication."""
    for role, person in (("data_owner", DATA_OWNER), ("rollout_lead", ROLLOUT_LEAD)):
        record_sign_off(engine, context, role, person, "APPROVE", "read and accepted in the test")
    return publish_run(context, engine, ROLLOUT_LEAD, check_national)


def with_threads(context: RunContext, threads: int) -> RunContext:
    """The same run on another number of threads."""
    return replace(context, settings=context.settings.model_copy(update={"threads": threads}))


def build_inputs(
    settings: Settings, families: list[str], scale: float = 0.0003, seed: int = 7, entries: int = GAZETTEER_ENTRIES
) -> None:
    """The synthetic estates of some families, and the gazetteer they are written from, compiled."""
    build_estate(settings, families, scale, seed, gazetteer_entries=entries)
    folder = settings.estates / "gazetteer" / DEFAULT_RELEASE
    sources = [folder / name for name in ("gazetteer.csv", "junctions.csv", "beats.geojson")]
    build_gazetteer(settings, sources, folder / "columns.yml", DEFAULT_RELEASE)
