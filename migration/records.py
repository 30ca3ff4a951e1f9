"""The small values every stage takes and returns.

Enters: nothing. Leaves: closed lists as `Enum`s and frozen dataclasses. No behaviour beyond formatting.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from migration.settings import Settings


class Layer(StrEnum):
    """Layers of the lake, in the order they are written."""

    RAW = "raw"
    MAPPED = "mapped"
    REJECTED = "rejected"
    LOCATED = "located"
    LINKED = "linked"


class Stage(StrEnum):
    """Stages of a run, in order. Each is a CLI verb and an Airflow task group."""

    EXTRACT = "extract"
    MAP = "map"
    GEOCODE = "geocode"
    DEDUPE = "dedupe"
    STAGE = "stage"
    VALIDATE = "validate"
    RECONCILE = "reconcile"
    GATE = "gate"


class Phase(StrEnum):
    """What a run is for. A rehearsal ends at the gate; only a cutover can be published."""

    REHEARSAL = "rehearsal"
    CUTOVER = "cutover"


class Disposition(StrEnum):
    """Where a source record ended. Every one ends in exactly one of these (promise 1)."""

    LOADED = "LOADED"
    MERGED_INTO = "MERGED_INTO"
    WEEDED = "WEEDED"
    QUARANTINED = "QUARANTINED"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    DUPLICATE_OF = "DUPLICATE_OF"


class StageStatus(StrEnum):
    """What a stage did."""

    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class PublishedRun:
    """A run whose records are national now: one per division at most."""

    division: str
    run_id: str


@dataclass(frozen=True)
class RunContext:
    """One division's run: what a stage needs besides its inputs.

    Attributes:
        division: police division letter, upper case.
        run_id: names the run's folder in the lake; sortable by time (`new_run_id`).
        phase: rehearsal or cutover.
        sample_percent: share of source crime reports to take, 1 to 100; under 100 the run can never be published.
        reason: why the run was started, in its starter's words; recorded, never interpreted.
    """

    settings: Settings
    division: str
    run_id: str
    phase: Phase = Phase.REHEARSAL
    sample_percent: int = 100
    reason: str = ""

    @property
    def folder(self) -> Path:
        """Folder of the run in the lake."""
        return self.settings.lake / self.division / self.run_id

    @property
    def report_folder(self) -> Path:
        """Folder of the run's reports and evidence."""
        return self.settings.reports / self.division / self.run_id


@dataclass(frozen=True)
class TableResult:
    """One table a stage wrote: rows, bytes and the content hash that does not depend on row order or run."""

    name: str
    rows: int
    bytes: int
    content_hash: str


@dataclass(frozen=True)
class StageResult:
    """What a stage did, small enough for an XCom: names, counts and paths, never rows."""

    stage: Stage
    status: StageStatus
    seconds: float
    tables: tuple[TableResult, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    outputs: tuple[Path, ...] = ()


def new_run_id(started_at: datetime | None = None) -> str:
    """Run id from the time of starting, UTC: `20260921T081500Z`. Sorts by time."""
    return (started_at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
