"""What a data-quality rule is, and its verdict.

Enters: nothing but values. Leaves: `Rule`, `Outcome` and the function that turns two counts into a status. Must hold:
a rule that could not be run is ERROR, one without a row to test is NOT_APPLICABLE, and neither is PASS; a rule fails
when it breaks its percentage or its absolute threshold, so that a small share of many rows cannot hide.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class RuleStatus(StrEnum):
    """Result of a rule in one run (code list `dq_status`)."""

    PASS = "PASS"  # noqa: S105 - a status
    FAIL = "FAIL"
    ERROR = "ERROR"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class RuleKind(StrEnum):
    """How a rule finds the rows that break it.

    ROWS: a condition on one row (of the entity's table or of a view over it). QUERY: a query whose rows are the ones
    that break it, because one row alone does not tell. MEASURE: one number of the table against bounds; it breaks no
    rows.
    """

    ROWS = "rows"
    QUERY = "query"
    MEASURE = "measure"


@dataclass(frozen=True)
class Threshold:
    """How much may break a rule before it fails: both must hold. Percent is of the rows tested, 0 to 100."""

    percent: float = 0.0
    rows: int = 0


@dataclass(frozen=True)
class Rule:
    """One thing that must hold of an entity, and what a person needs to act when it does not.

    Attributes:
        field: the field it protects; empty where it is about whole records.
        view: name of the view (`views.yml`) its conditions read; empty means the entity's staging table.
        scope: SQL condition of the rows it applies to.
        fails: SQL condition of the rows that break it (kind ROWS).
        query: SQL of the rows that break it (kind QUERY), or of the number it measures (kind MEASURE).
        minimum, maximum: bounds of the measured number; None is open.
        why: which return, audit or officer a failure hurts.
        usual_fix: what usually repairs it, and where.
        source: standard, paper or measurement the rule rests on.
    """

    rule_id: str
    entity: str
    field: str
    kind: RuleKind
    dimension: str
    severity: str
    owner: str
    title: str
    why: str
    usual_fix: str
    source: str
    view: str = ""
    scope: str = "TRUE"
    fails: str = "FALSE"
    query: str = ""
    minimum: float | None = None
    maximum: float | None = None
    threshold: Threshold = Threshold()

    @property
    def version(self) -> str:
        """Hash of what the rule tests: a change of wording keeps it, a change of condition or threshold does not."""
        bounds = (self.minimum, self.maximum, self.threshold.percent, self.threshold.rows)
        conditions = (self.entity, self.field, self.kind.value, self.view, self.scope, self.fails, self.query)
        parts = (*conditions, *(repr(b) for b in bounds), self.severity)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What came of one rule in one run. `detail` says why it is an error, and never holds a value of the data."""

    rule: Rule
    status: RuleStatus
    tested_rows: int | None
    failing_rows: int | None
    detail: str = ""

    @property
    def failing_percent(self) -> float | None:
        """Failing rows as a share of tested rows, 0 to 100; None where there is none."""
        if not self.tested_rows or self.failing_rows is None:
            return None
        return 100.0 * self.failing_rows / self.tested_rows


def judge_counts(rule: Rule, tested: int, failing: int) -> Outcome:
    """Outcome of a rule from its counts: NOT_APPLICABLE without a tested row, else PASS or FAIL by both thresholds."""
    if tested == 0:
        return Outcome(rule, RuleStatus.NOT_APPLICABLE, 0, 0, "no row to test")
    is_over = failing > rule.threshold.rows or 100.0 * failing > rule.threshold.percent * tested
    return Outcome(rule, RuleStatus.FAIL if is_over and failing else RuleStatus.PASS, tested, failing)


def judge_measure(rule: Rule, measured: float | None) -> Outcome:
    """Outcome of a MEASURE rule: FAIL outside its bounds; NOT_APPLICABLE where there was nothing to measure."""
    if measured is None:
        return Outcome(rule, RuleStatus.NOT_APPLICABLE, 0, 0, "nothing to measure")
    is_low = rule.minimum is not None and measured < rule.minimum
    is_high = rule.maximum is not None and measured > rule.maximum
    detail = f"measured {measured:.6g}, expected {_bounds_text(rule)}"
    return Outcome(rule, RuleStatus.FAIL if is_low or is_high else RuleStatus.PASS, 1, int(is_low or is_high), detail)


def judge_error(rule: Rule, reason: str) -> Outcome:
    """Outcome of a rule that could not be run."""
    return Outcome(rule, RuleStatus.ERROR, None, None, reason[:400])


def _bounds_text(rule: Rule) -> str:
    low = "any" if rule.minimum is None else f"{rule.minimum:.6g}"
    high = "any" if rule.maximum is None else f"{rule.maximum:.6g}"
    return f"{low} to {high}"
