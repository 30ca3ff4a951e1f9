"""The dedupe stage: this division's nominals linked into the national set.

Enters: this run's mapped and located layers, the same of every published run, the judgements. Leaves: layer `linked`:
`nominal_link` (this division's links), `national_link` (the links of the whole set after this division joins),
`golden_nominal`, `survivorship` (whole set), `match_candidate` (pairs with a nominal of this division). Must hold:
every nominal has exactly one link; the order in which divisions join does not show in links, golden nominals in force
or survivorship. Refuses: a published run whose layers are gone.

`linked_at_utc` is the time in the run id, the same however often the stage runs; like `run_id` it says which run made a
row and is left out of content hashes.
"""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime

import pyarrow as pa

from migration.dedupe import outputs
from migration.dedupe.golden_values import values_key, write_golden
from migration.dedupe.judgements import hash_judgements
from migration.dedupe.model import Model, read_model
from migration.dedupe.national import Linked, link_national
from migration.dedupe.survivorship import read_survivorship, survivorship_file
from migration.errors import ConfigError
from migration.fingerprint import combine_hashes
from migration.layers import (
    LayerManifest,
    LayerWriter,
    code_version,
    current_manifest,
    find_manifest,
    hash_file,
    read_manifest,
    stage_key,
    write_layer,
)
from migration.records import Layer, PublishedRun, RunContext, Stage, StageResult, StageStatus
from migration.settings import Settings

MODEL_FILE = "linkage-model.json"


def national_model(settings: Settings) -> Model:
    """The model of the national set: the programme's own in `mappings/national` if it trained one, else the shipped."""
    own = settings.mappings / "national" / MODEL_FILE
    return read_model(own) if own.exists() else read_model()


def link_nominals(context: RunContext, published: Sequence[PublishedRun], judgements: pa.Table) -> StageResult:
    """Link this division's nominals and write layer `linked`.

    Args:
        published: the runs in force; one of this very division is left out, since this run would replace it.
        judgements: rows of control entity `match_judgement`; only open ones count.

    Raises:
        SourceError: a layer of this run or of a published one is missing or damaged.
        ConfigError: the model or the survivorship declaration is wrong.
    """
    started = time.monotonic()
    runs = _contexts(context.settings, published, context.division)
    model = national_model(context.settings)
    as_of = run_time(context.run_id).date()
    key = _key(context, runs, judgements, model, as_of)
    manifest = current_manifest(context, Layer.LINKED, key)
    if manifest is not None:
        return _result(manifest, StageStatus.SKIPPED, started)
    linked = link_national(runs, context, judgements, model, as_of)
    survivorship = read_survivorship(context.settings.mappings)
    with write_layer(context, Layer.LINKED, key) as writer:
        outputs.write_links(context, writer, linked, model, run_time(context.run_id))
        outputs.write_candidates(context, writer, linked, model)
        worked_out = write_golden(context, runs, writer, linked, survivorship)
        _record_facts(writer, linked, model, runs)
        writer.facts |= {"values": values_key((context, *runs)), "golden_worked_out": worked_out}
    return _result(read_manifest(context, Layer.LINKED), StageStatus.DONE, started)


def relink(settings: Settings, published: Sequence[PublishedRun], judgements: pa.Table) -> pa.Table:
    """The national links over the published runs alone: what holds after one was taken out.

    Grain: one row per nominal. Columns: `division_code`, `nominal_id`, `golden_id`, `link_rule`, `model_version`.
    Ages are judged on the day of the latest run.

    Raises:
        SourceError: a layer of a published run is missing or damaged.
    """
    runs = _contexts(settings, published, "")
    model = national_model(settings)
    if not runs:
        return outputs.national_link_schema().empty_table()
    as_of = max(run_time(r.run_id) for r in runs).date()
    return outputs.national_link_table(link_national(runs, None, judgements, model, as_of), model)


def run_time(run_id: str) -> datetime:
    """The time in a run id.

    Raises:
        ConfigError: the run id holds none.
    """
    try:
        return datetime.strptime(run_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise ConfigError("run id", "one without a time", "20260921T081500Z", "Use records.new_run_id.") from error


def _contexts(settings: Settings, published: Sequence[PublishedRun], without: str) -> list[RunContext]:
    chosen = sorted((p for p in published if p.division != without), key=lambda p: p.division)
    return [RunContext(settings, p.division, p.run_id) for p in chosen]


def _key(context: RunContext, runs: Sequence[RunContext], judgements: pa.Table, model: Model, as_of: date) -> str:
    inputs = []
    for run in (context, *runs):
        layers = [read_manifest(run, layer).content_hash for layer in (Layer.MAPPED, Layer.LOCATED)]
        inputs += [run.division, *layers]
    inputs += [_given_ids_hash(run) for run in runs]
    return stage_key(
        inputs,
        division=context.division,
        published=[(r.division, r.run_id) for r in runs],
        judgements=hash_judgements(judgements),
        model=model.version,
        survivorship=hash_file(survivorship_file(context.settings.mappings)),
        as_of=as_of.isoformat(),
    )


def _given_ids_hash(run: RunContext) -> str:
    """Hash of the golden ids that a published run knew, and of whom: this run's redirects depend on them."""
    manifest = find_manifest(run, Layer.LINKED)
    tables = manifest.tables if manifest else ()
    return combine_hashes(t.content_hash for t in tables if t.name in {"golden_nominal", "national_link"})


def _record_facts(writer: LayerWriter, linked: Linked, model: Model, runs: Sequence[RunContext]) -> None:
    writer.facts |= {
        "model": model.name,
        "model_version": model.version,
        "code_version": code_version(),
        "published": [f"{r.division}/{r.run_id}" for r in runs],
        "rules": [vars(r) for r in linked.reports],
        "placeholders": [vars(p) for p in linked.placeholders],
        "reused_pairs": linked.reused_pairs,
        "normalised_nominals": linked.normalised,
        "size_alarms": len(linked.clusters.alarms),
    }


def _result(manifest: LayerManifest, status: StageStatus, started: float) -> StageResult:
    tables = manifest.table_results()
    counts = {t.name: t.rows for t in tables}
    return StageResult(Stage.DEDUPE, status, time.monotonic() - started, tables, counts)
