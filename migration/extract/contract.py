"""What is found when two extracts of one source table are compared: shape, volume and the stability of keys.

Enters: nothing; `contract_compare` finds them. Leaves: findings, each with a name, figures and a severity. Must
hold: a finding says how many keys, never which. Refuses nothing itself: `Severity.STOP` says that mapping such an
extract would write wrong records, and `contract_check` stops there.

How keys are judged. Columns that differ in almost every known key (times of export) say nothing and are set aside.
Columns that tell records apart (many distinct values) are *identifying*. A row shares its identifying values with
the old row it is most like: where that row stood under another known key, the payload has *moved*; where it stood
under a key that is gone and the new key is new, the record is *rekeyed*. A known key most of whose identifying
columns changed, and whose row is like no old one, is *reused*.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding means for the run."""

    STOP = "STOP"
    WARN = "WARN"
    INFO = "INFO"


class FindingName(StrEnum):
    """Every finding there is."""

    COLUMN_GONE = "COLUMN_GONE"
    COLUMN_ADDED = "COLUMN_ADDED"
    COLUMN_RETYPED = "COLUMN_RETYPED"
    COLUMN_EMPTIED = "COLUMN_EMPTIED"
    COLUMN_LESS_FILLED = "COLUMN_LESS_FILLED"
    COLUMN_VOLATILE = "COLUMN_VOLATILE"
    VOLUME_OUTSIDE_BOUNDS = "VOLUME_OUTSIDE_BOUNDS"
    KEYS_MISSING = "KEYS_MISSING"
    KEYS_REPEATED = "KEYS_REPEATED"
    RECORDS_GONE = "RECORDS_GONE"
    FILES_GONE = "FILES_GONE"
    KEYS_WITH_CHANGED_CONTENT = "KEYS_WITH_CHANGED_CONTENT"
    PAYLOADS_MOVED = "PAYLOADS_MOVED"
    KEYS_REUSED = "KEYS_REUSED"
    RECORDS_REKEYED = "RECORDS_REKEYED"


@dataclass(frozen=True)
class Bounds:
    """Shares beyond which a change warns or stops. Of known keys, or of the old extract's rows for volume."""

    volume_warn: float = 0.10
    volume_stop: float = 0.50
    gone_warn: float = 0.05
    gone_stop: float = 0.25
    changed_warn: float = 0.25
    moved_warn: float = 0.0
    moved_stop: float = 0.01
    reused_stop: float = 0.01
    rekeyed_stop: float = 0.05
    fill_warn: float = 0.10
    volatile: float = 0.95
    identifying: float = 0.50


@dataclass(frozen=True)
class Finding:
    """One difference: `count` of `base`, in `column` where it is about one."""

    name: FindingName
    severity: Severity
    count: int
    base: int
    column: str = ""

    @property
    def share(self) -> float:
        """Count as a share of its base."""
        return self.count / self.base if self.base else 0.0

    def __str__(self) -> str:
        place = f" in {self.column}" if self.column else ""
        return f"{self.severity} {self.name}{place}: {self.count:,} of {self.base:,} ({self.share:.1%})"


@dataclass(frozen=True)
class ContractReport:
    """How one extract differs from another: rows of both, keys in common, new and gone, and the findings."""

    old_rows: int
    new_rows: int
    known_keys: int
    added_keys: int
    gone_keys: int
    changed_keys: int
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings that forbid mapping the new extract."""
        return tuple(f for f in self.findings if f.severity is Severity.STOP)

    def facts(self) -> dict[str, object]:
        """The report as JSON takes it."""
        return asdict(self)


def grade(name: FindingName, count: int, base: int, warn: float, stop: float) -> list[Finding]:
    """The finding that a count deserves: none up to `warn` of its base, a warning up to `stop`, then a stop."""
    share = count / base if base else float(count > 0)
    if share <= warn:
        return []
    return [Finding(name, Severity.STOP if share > stop else Severity.WARN, count, base)]
