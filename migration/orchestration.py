"""A division's run as an orchestrator drives it: one function per task, no orchestrator needed.

Enters: a run's key (division and run id) and what a task was told. Leaves: small dictionaries of names, counts and
hashes, fit to hand from task to task and to show on a screen. Must hold: each function can be called again after a
failure; the evidence a person was shown is the evidence that a decision is recorded for. Refuses: a pinned pack that
is no longer the pack; going past a red gate; asking for a signature where nobody may sign; a decision on evidence that
has changed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

from migration.errors import ConfigError, CutoverError
from migration.records import Phase, RunContext, Stage, StageResult, new_run_id
from migration.settings import get_settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

RunKey = dict[str, str]
"""What tasks call a run by: `division` and `run_id`."""
FULL, DELTA = "full", "delta"
"""What a run's extract can be: everything read, or the last extract and what changed since."""
APPROVE, REFUSE = "Approve", "Refuse"
"""What a signer can answer; `DECISIONS` says how the sign-off table calls it."""
DECISIONS = {APPROVE: "APPROVE", REFUSE: "REFUSE"}
REASON_NOT_KEPT = "The reason given was not kept: none, too short, or with what looks like a personal value."


@dataclass(frozen=True)
class SignOffRequest:
    """What a signer is shown, and who may answer: `signers` maps user ids to names.

    `is_approved`: the role has approved this evidence already, so that nobody need be asked again.
    """

    subject: str
    body: str
    evidence_hash: str
    signers: Mapping[str, str]
    is_approved: bool


def name_run(trigger_id: str, triggered_at: datetime) -> str:
    """Run id of a triggered run: sorts by time, differs for triggers of one second, stays the same on a retry."""
    suffix = hashlib.sha256(trigger_id.encode()).hexdigest()[:6]
    return f"{new_run_id(triggered_at.astimezone(UTC))}-{suffix}"


def begin_run(run: RunKey, params: Mapping[str, object], triggered_by: str) -> RunKey:
    """Start the run that a trigger asked for, or find it again on a retry; it is on record before anything is read.

    Args:
        params: the trigger form: `phase`, `extract` (full or delta), `sample_percent`, `pack_version` (empty: any),
            `reason`.

    Raises:
        ConfigError: the request is refused (`runs.start_run`), the pack has problems or is not the pinned one, or there
            is no earlier extract that a delta can start from.
        SourceError: the national database is out of reach.
    """
    from migration.load.run_record import record_run
    from migration.mapping.load import load_pack
    from migration.runner import national_engine
    from migration.runs import start_run

    settings = get_settings()
    version = load_pack(settings, run["division"]).version
    _check_pin(run["division"], version, str(params.get("pack_version") or ""))
    context = start_run(
        settings,
        run["division"],
        phase=Phase(str(params["phase"])),
        reason=str(params["reason"]),
        started_by=triggered_by,
        sample_percent=int(str(params["sample_percent"])),
        run_id=run["run_id"],
        base_run=_find_base(run, params),
    )
    with national_engine(context) as engine, engine.begin() as connection:
        record_run(connection, context, version)
    return run


def _find_base(run: RunKey, params: Mapping[str, object]) -> str:
    """The run a delta starts from, now and for every task and retry of this run; empty where all is to be read."""
    from migration.extract.delta_stage import find_base

    wanted = str(params.get("extract", FULL))
    if wanted == FULL:
        return ""
    if wanted != DELTA:
        raise ConfigError("trigger form", f"extract {wanted!r}", f"{FULL} or {DELTA}", "Trigger again.")
    sample = int(str(params["sample_percent"]))
    return find_base(RunContext(get_settings(), run["division"], run["run_id"], sample_percent=sample)).run_id


def _check_pin(division: str, version: str, pinned: str) -> None:
    if not version.startswith(pinned):
        fix = "Trigger again without the pin, or check out the mappings of that version."
        where = f"pack of division {division}"
        raise ConfigError(where, f"version {version[:12]}", f"the pinned version {pinned[:12]}", fix)


def check_pack(division: str) -> str:
    """Version of a division's pack.

    Raises:
        ConfigError: the division is not in the national list; the pack has problems, or may open more connections than
            a shared legacy system is allowed.
    """
    from migration.mapping.load import load_pack
    from migration.pools import check_connections, list_pools
    from migration.runs import check_listed

    settings = get_settings()
    check_listed(division)
    pack = load_pack(settings, division)
    check_connections(pack, list_pools(settings))
    return pack.version


def open_run(run: RunKey) -> RunContext:
    """Context of a run that `begin_run` started."""
    from migration.runs import read_run

    return read_run(get_settings(), run["division"], run["run_id"])


def extract_source_table(run: RunKey, system: str, table: str) -> dict[str, object]:
    """Extract one legacy table, whole or by delta as the run was started; returns its counts."""
    from migration.extract.stage import extract_table
    from migration.runs import find_base_run

    context = open_run(run)
    return summarise(extract_table(context, system, table, find_base_run(context)))


def finish_extraction(run: RunKey) -> dict[str, object]:
    """Close the raw layer over every extracted table."""
    from migration.extract.stage import finish_extract
    from migration.runs import record_timing

    context = open_run(run)
    result = finish_extract(context)
    record_timing(context, result)
    return summarise(result)


def perform_stage(run: RunKey, stage: str) -> dict[str, object]:
    """Run one stage, or skip it where nothing it depends on changed."""
    from migration.runner import run_stage

    return summarise(run_stage(open_run(run), Stage(stage)))


def summarise(result: StageResult) -> dict[str, object]:
    """What a stage did, small enough to hand on: status, rows, counts and the content hash of each table."""
    return {
        "stage": result.stage.value,
        "status": result.status.value,
        "seconds": round(result.seconds, 3),
        "rows": {t.name: t.rows for t in result.tables},
        "content_hashes": {t.name: t.content_hash for t in result.tables},
        "counts": dict(result.counts),
        "outputs": [str(path) for path in result.outputs],
    }


def require_passing_gate(run: RunKey) -> dict[str, object]:
    """The verdicts of the gate's criteria.

    Raises:
        CutoverError: a criterion is red, or the gate was not evaluated.
    """
    from migration.load.permission import read_gate
    from migration.runner import national_engine

    context = open_run(run)
    with national_engine(context) as engine, engine.connect() as connection:
        verdicts = {c.criterion_id: c.verdict for c in read_gate(connection, context)}
    reds = [name for name, verdict in verdicts.items() if verdict not in ("GREEN", "AMBER")]
    if reds or not verdicts:
        found = f"red: {', '.join(reds)}" if verdicts else "not evaluated"
        fix = f"Read the report in {context.report_folder}, repair and run again."
        raise CutoverError(f"gate of run {context.division}/{context.run_id}", found, "no red criterion", fix)
    return {"verdicts": verdicts, "report": str(context.report_folder)}


def is_cutover(run: RunKey) -> bool:
    """Whether the run can be signed and published: a rehearsal ends at its gate."""
    return open_run(run).phase is Phase.CUTOVER


def find_signers(role: str) -> dict[str, str]:
    """User ids and names of the people that may sign in a role.

    Raises:
        ConfigError: nobody may: a question that anybody could answer is not asked.
    """
    signers = get_settings().signers.get(role, {})
    if not signers:
        fix = 'Set MIGRATION_SIGNERS to {"data_owner": {"<user id>": "<user name>"}, "rollout_lead": {...}}.'
        raise ConfigError("MIGRATION_SIGNERS", f"nobody in the role {role}", "at least one user", fix)
    return signers


def describe_sign_off(run: RunKey, role: str) -> SignOffRequest:
    """What the signer of a role is asked: verdict, dispositions, report and evidence hash; no personal values.

    Raises:
        ConfigError: nobody may sign in that role.
        CutoverError: the gate does not permit any signature, or a signer refused this evidence.
    """
    from migration.load.evidence import evidence_hash
    from migration.load.permission import gate_problems, read_gate, read_sign_offs
    from migration.runner import national_engine

    signers = find_signers(role)
    context = open_run(run)
    with national_engine(context) as engine, engine.connect() as connection:
        evidence = evidence_hash(connection, context)
        criteria = read_gate(connection, context)
        totals = _read_dispositions(connection, context)
        decided = [s for s in read_sign_offs(connection, context) if s.evidence_hash == evidence]
    problems = gate_problems(criteria, evidence)
    problems += ["a signer refused this evidence" for s in decided if s.decision == DECISIONS[REFUSE]]
    if problems:
        fix = f"Read the report in {context.report_folder}, repair or waive, and start a new cutover."
        where = f"sign-off of run {context.division}/{context.run_id} as {role}"
        raise CutoverError(where, "; ".join(problems), "evidence that may be signed", fix)
    waived = [c.criterion_id for c in criteria if c.verdict == "AMBER"]
    body = _write_body(context, waived, totals, evidence)
    verdict = "AMBER, under waivers" if waived else "GREEN"
    subject = f"Division {context.division}: the {role.replace('_', ' ')} decides on the cutover (gate: {verdict})"
    is_approved = any(s.role == role for s in decided)
    return SignOffRequest(subject, body, evidence, signers, is_approved)


def _write_body(context: RunContext, waived: list[str], totals: Mapping[str, int], evidence: str) -> str:
    """The question in Markdown: waivers first."""
    waivers = "\n".join(f"- {name}: AMBER, under a waiver" for name in waived)
    rows = "\n".join(f"| {name} | {count:,} |" for name, count in totals.items())
    parts = [
        f"**{context.settings.security_marking}**",
        f"Division {context.division}, run `{context.run_id}`. Gate: **{'AMBER' if waived else 'GREEN'}**",
        waivers,
        f"| disposition | source records |\n|---|---:|\n{rows}",
        f"Report: `{context.report_folder / 'report.html'}`",
        f"Evidence: `{evidence}`",
        "Your decision is recorded with your name, for exactly this evidence. A refusal ends the run; say why.",
    ]
    return "\n\n".join(part for part in parts if part)


def _read_dispositions(connection: "Connection", context: RunContext) -> dict[str, int]:
    """Source records by outcome, and their total."""
    import sqlalchemy as sa

    from migration.schema.sql import table_of

    ledger = table_of("disposition")
    query = (
        sa.select(ledger.c.outcome, sa.func.count())
        .where(ledger.c.run_id == context.run_id, ledger.c.division_code == context.division)
        .group_by(ledger.c.outcome)
        .order_by(ledger.c.outcome)
    )
    totals = {str(outcome): int(rows) for outcome, rows in connection.execute(query)}
    return {**totals, "extracted": sum(totals.values())}


def record_decision(run: RunKey, role: str, person: str, answer: str, reason: str, shown_evidence: str) -> None:
    """Record a signer's answer for the evidence it was given on. A reason that may not be kept is replaced by a note.

    Raises:
        CutoverError: the evidence changed since the signer was asked, the rules refuse the signature, or the answer is
            a refusal; a refusal is recorded before it is raised.
    """
    from migration.cutover.signoff import record_sign_off
    from migration.load.evidence import evidence_hash
    from migration.runner import national_engine

    context = open_run(run)
    where = f"sign-off of run {context.division}/{context.run_id} as {role}"
    with national_engine(context) as engine:
        with engine.connect() as connection:
            current = evidence_hash(connection, context)
        if current != shown_evidence:
            fix = "Start the cutover again: what was signed is not what would be published."
            raise CutoverError(where, "evidence that changed after it was shown", "the evidence shown", fix)
        try:
            record_sign_off(engine, context, role, person, DECISIONS[answer], reason)
        except ConfigError:
            record_sign_off(engine, context, role, person, DECISIONS[answer], REASON_NOT_KEPT)
    if answer != APPROVE:
        fix = "Repair what control.sign_off gives as the reason, then start a new cutover."
        raise CutoverError(where, "a refusal", "an approval", fix)


def publish(run: RunKey) -> dict[str, object]:
    """Publish a run that both roles have approved, in the name of who started it; the sign-off table decides.

    Raises:
        CutoverError: the table does not permit it, whatever the tasks before this one say.
        ReconciliationError: the national partitions would not be what was reconciled in staging. Nothing changed.
    """
    from migration.load.publish import publish_run
    from migration.quality.national import check_national
    from migration.runner import national_engine
    from migration.runs import find_run

    context = open_run(run)
    record = find_run(context.settings, context.division, context.run_id)
    with national_engine(context) as engine:
        result = publish_run(context, engine, record.started_by if record else "", check_national)
    return {"run_id": context.run_id, "rows": result.rows, "content_hash": result.hash_after}


def note_failure(run: RunKey) -> None:
    """Put a run that a task's error ended on record as failed, and fail: called only where a task has failed.

    A run that a red gate or a refusal ended keeps that outcome.

    Raises:
        CutoverError: always: whatever ran after a failure must not make it look like success.
    """
    from migration.load.run_record import fail_run
    from migration.runner import national_engine

    context = open_run(run)
    with national_engine(context) as engine, engine.begin() as connection:
        fail_run(connection, context)
    fix = "Read the failed task's error, repair, and clear that task: finished stages are not run again."
    raise CutoverError(f"run {context.division}/{context.run_id}", "a task that failed", "none", fix)


def compile_gazetteer(release: str, folder: str) -> dict[str, object]:
    """Compile a new gazetteer release from the files of a folder; returns its rows, findings and content hash.

    Raises:
        ConfigError: there is a release of that name: runs were located against it, so it is never replaced here.
        SourceError: the folder or a file of it is missing or damaged.
    """
    from migration.geocode.gazetteer.build import build_gazetteer
    from migration.geocode.gazetteer.release import release_folder

    settings = get_settings()
    if release_folder(settings, release).exists():
        fix = "Choose a new name; `migrate gazetteer build --release` replaces one on purpose."
        raise ConfigError(f"gazetteer release {release}", "a compiled release of that name", "a new name", fix)
    manifest = build_gazetteer(settings, [Path(folder)], None, release)
    return {"rows": dict(manifest.rows), "findings": dict(manifest.issues), "content_hash": manifest.content_hash}


def describe_bug(error: BaseException) -> str:
    """An unexpected error without its message, which may hold values of records: its type and where it was raised."""
    frames = extract_tb(error.__traceback__)[-12:]
    lines = [f"  {f.filename.rsplit('site-packages/', 1)[-1]}:{f.lineno} {f.name}" for f in frames]
    title = f"unexpected {type(error).__name__}; its message is withheld, as it may hold values of records. Raised in"
    return "\n".join([title, *lines])
