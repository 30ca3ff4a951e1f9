"""Runs in the lake: started once, found again, told apart.

Enters: settings and what a person asked for. Leaves: `run.json` in the run's folder and the `RunContext` every stage
takes; `timings.json`, one entry per stage that ran. Must hold: a run id is never reused for another phase or sample.
Refuses: a division without a pack folder, a sample outside 1 to 100, a cutover of a sample, an empty reason.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from migration.errors import ConfigError
from migration.layers import write_json
from migration.mapping.load import list_divisions
from migration.records import Phase, RunContext, StageResult, new_run_id
from migration.schema.model import load_schema
from migration.settings import Settings

RUN_FILE = "run.json"
TIMINGS_FILE = "timings.json"
MIN_REASON = 5
DIVISION_LIST = "division"
"""Name of the national list of division letters."""
RUN_ID = re.compile(r"\d{8}T\d{6}Z(?:-[0-9a-z]{1,15})?")
"""Run ids sort by time and fit the 32 characters of `run_id`."""


@dataclass(frozen=True)
class RunRecord:
    """What `run.json` says of a run. `base_run`: whose extract its own is made of, by delta; empty: extracted whole."""

    division: str
    run_id: str
    phase: Phase
    sample_percent: int
    reason: str
    started_by: str
    started_at_utc: str
    base_run: str = ""

    def context(self, settings: Settings) -> RunContext:
        """The context its stages take."""
        return RunContext(settings, self.division, self.run_id, self.phase, self.sample_percent, self.reason)


def start_run(
    settings: Settings,
    division: str,
    *,
    phase: Phase,
    reason: str,
    started_by: str,
    sample_percent: int = 100,
    run_id: str | None = None,
    base_run: str = "",
) -> RunContext:
    """Start a run, or return the one of that id if it was started with the same phase and sample.

    Args:
        base_run: the run whose extract this one's is made of, by delta; one that was started keeps its own.

    Raises:
        ConfigError: no pack for the division, a sample out of range, a cutover of a sample, no reason, or an id in use.
    """
    _check_request(settings, division, phase, sample_percent, reason)
    now = datetime.now(UTC)
    wanted = run_id or new_run_id(now)
    _check_run_id(division, wanted)
    started_at = now.isoformat(timespec="seconds")
    record = RunRecord(division, wanted, phase, sample_percent, reason, started_by, started_at, base_run)
    context = record.context(settings)
    existing = find_run(settings, division, wanted)
    if existing is not None:
        _check_same_request(existing, record)
        return context
    context.folder.mkdir(parents=True, exist_ok=True)
    write_json(context.folder / RUN_FILE, {**record.__dict__, "phase": phase.value})
    return context


def _check_request(settings: Settings, division: str, phase: Phase, sample_percent: int, reason: str) -> None:
    check_division(settings, division)
    where = f"run of division {division}"
    if not 1 <= sample_percent <= 100:
        raise ConfigError(where, f"a sample of {sample_percent} %", "1 to 100", "Choose another --sample.")
    if phase is Phase.CUTOVER and sample_percent != 100:
        raise ConfigError(where, f"a cutover of {sample_percent} %", "all records", "Leave --sample out.")
    if len(reason.strip()) < MIN_REASON:
        raise ConfigError(where, "no reason", f"at least {MIN_REASON} characters", "Say why with --reason.")


def check_division(settings: Settings, division: str) -> None:
    """Refuse a division without a pack.

    Raises:
        ConfigError: there is none.
    """
    packs = list_divisions(settings)
    if division not in packs:
        fix = "Add a folder under mappings/divisions."
        raise ConfigError(f"run of division {division}", "no mapping pack", f"one of {', '.join(packs)}", fix)


def check_listed(division: str) -> None:
    """Refuse a division whose letter the national list of divisions does not have: no report could name it.

    Raises:
        ConfigError: the letter is not in the list.
    """
    letters = [code.code for code in load_schema().codes[DIVISION_LIST]]
    if division not in letters:
        fix = f"Add a line for {division} to migration/schema/codes/division.csv, then run `migrate schema docs`."
        found = f"letter {division}, which is not in the national list of divisions"
        raise ConfigError(f"division {division}", found, f"one of {', '.join(letters)}", fix)


def _check_run_id(division: str, run_id: str) -> None:
    if RUN_ID.fullmatch(run_id) is None:
        expected = "a time such as 20260921T081500Z, and after it - and letters or digits at most"
        raise ConfigError(f"run of division {division}", f"the id {run_id!r}", expected, "Leave --run-id out.")


def _check_same_request(existing: RunRecord, wanted: RunRecord) -> None:
    same = (existing.phase, existing.sample_percent) == (wanted.phase, wanted.sample_percent)
    if not same:
        raise ConfigError(
            f"run {wanted.division}/{wanted.run_id}",
            f"a {existing.phase} of {existing.sample_percent} %",
            f"a {wanted.phase} of {wanted.sample_percent} %",
            "Leave --run-id out to start a new run.",
        )
    if wanted.base_run and not existing.base_run:
        raise ConfigError(
            f"run {wanted.division}/{wanted.run_id}",
            "a run that was started to be extracted whole",
            "a run by delta",
            "Go on with `migrate run`, or leave --run-id out to start a new run.",
        )


def find_run(settings: Settings, division: str, run_id: str) -> RunRecord | None:
    """The run of that id, or None."""
    path = settings.lake / division / run_id / RUN_FILE
    return _read_run(path) if path.exists() else None


def read_run(settings: Settings, division: str, run_id: str | None = None) -> RunContext:
    """Context of a run, the division's latest where no id is given.

    Raises:
        ConfigError: there is no such run, or no such division.
    """
    records = list_runs(settings, division)
    chosen = [r for r in records if run_id in (None, r.run_id)]
    if not chosen:
        check_division(settings, division)
        found = f"runs {', '.join(r.run_id for r in records[-5:])}" if records else "no run"
        fix = f"Start one with `migrate run {division}`."
        raise ConfigError(f"division {division}", found, run_id or "at least one run", fix)
    return chosen[-1].context(settings)


def find_base_run(context: RunContext) -> RunContext | None:
    """The run whose extract this one's is made of, by delta, as its record says; None where it is extracted whole."""
    record = find_run(context.settings, context.division, context.run_id)
    if record is None or not record.base_run:
        return None
    return RunContext(context.settings, context.division, record.base_run, sample_percent=context.sample_percent)


def list_runs(settings: Settings, division: str) -> list[RunRecord]:
    """All runs of a division, oldest first."""
    paths = sorted((settings.lake / division).glob(f"*/{RUN_FILE}"))
    return sorted((_read_run(p) for p in paths), key=lambda r: (r.started_at_utc, r.run_id))


def _read_run(path: Path) -> RunRecord:
    raw = json.loads(path.read_text(encoding="utf-8"))
    return RunRecord(**{**raw, "phase": Phase(raw["phase"])})


def record_timing(context: RunContext, result: StageResult) -> None:
    """Keep what a stage did in `timings.json`: the newest result per stage, and the seconds of its last real run."""
    timings = read_timings(context)
    previous = timings.get(result.stage.value, {})
    seconds = result.seconds if result.status.value == "done" else previous.get("seconds", result.seconds)
    timings[result.stage.value] = {
        "status": result.status.value,
        "seconds": round(float(str(seconds)), 3),
        "rows": sum(t.rows for t in result.tables),
        "counts": result.counts,
    }
    write_json(context.folder / TIMINGS_FILE, timings)


def read_timings(context: RunContext) -> dict[str, dict[str, object]]:
    """What each stage of a run did, by stage; empty before the first."""
    path = context.folder / TIMINGS_FILE
    if not path.exists():
        return {}
    timings: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return timings
