"""Everything a run report shows, read from the control tables and the lake.

Enters: a run and the national database. Leaves: `ReportEvidence`: counts, names, keys and dates, no value of any
record. Must hold: the same database and lake give the same evidence. Refuses nothing: a stage that has not run leaves
its part empty, and the report says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from migration.layers import find_manifest
from migration.mapping.load import list_divisions
from migration.quality.catalogue import load_catalogue
from migration.quality.control_totals import RETURN
from migration.quality.lake_evidence import Shares, count_bands, count_levels, count_rejects
from migration.quality.matrix import MatrixRow, build_matrix
from migration.quality.rules import Outcome, Rule, RuleStatus
from migration.quality.trends import Change, RunPoint, read_changes, read_trend
from migration.quality.waivers import Waiver, read_waivers
from migration.records import Disposition, Layer, RunContext
from migration.runs import read_timings
from migration.schema.model import load_schema

SHOWN_KEYS = 12


@dataclass(frozen=True)
class RuleLine:
    """One rule's result, its issues by year, and the first keys. `is_waived`: a waiver covers every failing row."""

    outcome: Outcome
    waived_rows: int
    years: tuple[tuple[str, int], ...]
    keys: tuple[str, ...]

    @property
    def is_waived(self) -> bool:
        """Whether every failing row is covered by a waiver."""
        return bool(self.outcome.failing_rows) and self.waived_rows >= (self.outcome.failing_rows or 0)


@dataclass(frozen=True)
class ReportEvidence:
    """What the report of one run rests on."""

    context: RunContext
    division_name: str
    marking: str
    is_synthetic: bool
    run: Mapping[str, Any]
    criteria: tuple[Mapping[str, Any], ...]
    ledger: tuple[Mapping[str, Any], ...]
    totals: tuple[Mapping[str, Any], ...]
    breaks: tuple[Mapping[str, Any], ...]
    returns: tuple[Mapping[str, Any], ...]
    recoded: tuple[Mapping[str, Any], ...]
    rules: tuple[RuleLine, ...]
    matrix: tuple[MatrixRow, ...]
    waivers: tuple[Waiver, ...]
    issues: Mapping[str, int]
    rejects: Shares
    levels: Shares
    bands: Shares
    timings: Mapping[str, Mapping[str, Any]]
    changes: tuple[Change, ...]
    previous_run: str
    trend: tuple[RunPoint, ...]

    @property
    def verdict(self) -> str:
        """The worst verdict of the gate; `NOT EVALUATED` before the gate."""
        verdicts = {str(c["verdict"]) for c in self.criteria}
        return next((v for v in ("RED", "AMBER", "GREEN") if v in verdicts), "NOT EVALUATED")


def collect_evidence(context: RunContext, engine: sa.Engine) -> ReportEvidence:
    """Read what the report of a run shows."""
    schema = load_schema()
    with engine.connect() as connection:
        read = _Reader(connection, context)
        lines = _read_rules(read, context)
        changes, previous = read_changes(connection, context)
        waivers = read_waivers(connection, context.division)
        trend = read_trend(connection, context)
        run = next(iter(read.rows(_RUN)), {})
        criteria = tuple(_read_criterion(row) for row in read.rows(_CRITERIA))
        ledger, totals, breaks = read.rows(_LEDGER), read.rows(_TOTALS), read.rows(_BREAKS)
        returns, recoded = read.rows(_RETURNS), read.rows(_RECODED)
        issues = {r["state"]: r["n"] for r in read.rows(_ISSUES)}
    return ReportEvidence(
        context=context,
        division_name=next(c.label for c in schema.codes["division"] if c.code == context.division),
        marking=context.settings.security_marking,
        is_synthetic=find_synthetic(context),
        run=run,
        criteria=criteria,
        ledger=tuple(ledger),
        totals=tuple(totals),
        breaks=tuple(breaks),
        returns=tuple(returns),
        recoded=tuple(recoded),
        rules=lines,
        matrix=build_matrix(schema, [line.outcome for line in lines]),
        waivers=waivers,
        issues=issues,
        rejects=count_rejects(context),
        levels=count_levels(context),
        bands=count_bands(context),
        timings=read_timings(context),
        changes=changes,
        previous_run=previous,
        trend=trend,
    )


def find_synthetic(context: RunContext) -> bool:
    """Whether the run's sources say they are synthetic."""
    manifest = find_manifest(context, Layer.RAW)
    return manifest is not None and "SYNTHETIC" in json.dumps(dict(manifest.facts), default=str).upper()


class _Reader:
    """Queries about one run."""

    def __init__(self, connection: sa.Connection, context: RunContext) -> None:
        self.connection = connection
        self.values = {"run_id": context.run_id, "division": context.division}

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query that may name `:run_id` and `:division`."""
        return [dict(r) for r in self.connection.execute(sa.text(query), self.values).mappings()]


def _read_rules(read: _Reader, context: RunContext) -> tuple[RuleLine, ...]:
    """Results of the run, each with the rule as it is written now, or as `dq_rule` keeps it."""
    known: dict[str, Rule] = {}
    if context.division in list_divisions(context.settings) or context.settings.expectations.exists():
        known = {r.rule_id: r for r in load_catalogue(context.settings, context.division, context.run_id).rules}
    years: dict[str, list[tuple[str, int]]] = {}
    for row in read.rows(_YEARS):
        years.setdefault(row["rule_id"], []).append((row["year"], row["n"]))
    keys: dict[str, list[str]] = {}
    for row in read.rows(_KEYS):
        keys.setdefault(row["rule_id"], []).append(row["source_key"])
    lines = []
    for row in read.rows(_RESULTS):
        rule = known.get(row["rule_id"])
        if rule is None:
            continue
        status = RuleStatus(row["status"])
        outcome = Outcome(rule, status, row["tested_rows"], row["failing_rows"], row["detail"] or "")
        rule_id = row["rule_id"]
        lines.append(
            RuleLine(outcome, row["waived_rows"] or 0, tuple(years.get(rule_id, ())), tuple(keys.get(rule_id, ())))
        )
    return tuple(lines)


def _read_criterion(row: Mapping[str, Any]) -> Mapping[str, Any]:
    evidence = row["evidence"]
    return {**row, "evidence": json.loads(evidence) if isinstance(evidence, str) else evidence}


def outcome_columns() -> Sequence[str]:
    """Dispositions in the order of the report's columns."""
    return [o.value for o in Disposition]


_WHERE = "run_id = :run_id AND division_code = :division"
_RUN = f"SELECT * FROM control.migration_run WHERE {_WHERE}"
_CRITERIA = f"SELECT criterion_id, verdict, evidence, evidence_hash FROM control.gate WHERE {_WHERE} ORDER BY 1"
_LEDGER = (
    "SELECT source_system, source_table, entity, outcome, count(*) AS n FROM control.disposition "
    f"WHERE {_WHERE} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
)
_TOTALS = (
    "SELECT layer, table_name, measure, value FROM control.control_total "
    f"WHERE {_WHERE} AND column_name = '-' AND layer <> 'break' AND measure IN ('rows', 'content') ORDER BY 2, 1, 3"
)
_BREAKS = (
    "SELECT table_name, column_name, value FROM control.control_total "
    f"WHERE {_WHERE} AND layer = 'break' ORDER BY table_name, measure, column_name"
)
_STATEMENT = f"FROM control.control_total WHERE {_WHERE} AND layer = 'source' AND table_name = '{RETURN}'"
_RETURNS = f"SELECT measure AS year, column_name AS line, value::bigint AS n {_STATEMENT} AND measure <> 'recoded'"
_RECODED = (
    f"SELECT column_name AS codes, value::bigint AS n {_STATEMENT} AND measure = 'recoded' "
    f"ORDER BY n DESC, codes LIMIT {SHOWN_KEYS}"
)
_RESULTS = (
    "SELECT rule_id, status, failing_rows, tested_rows, waived_rows, detail FROM control.dq_result "
    f"WHERE {_WHERE} ORDER BY rule_id"
)
_OPEN = "division_code = :division AND state <> 'FIXED'"
_YEARS = (
    "SELECT rule_id, coalesce(record_year::text, 'no year') AS year, count(*) AS n FROM control.dq_issue "
    f"WHERE {_OPEN} GROUP BY 1, 2 ORDER BY 1, 2"
)
_KEYS = (
    "SELECT rule_id, source_key FROM (SELECT rule_id, source_key, "
    "row_number() OVER (PARTITION BY rule_id ORDER BY source_key) AS n "
    f"FROM control.dq_issue WHERE {_OPEN}) AS numbered WHERE n <= {SHOWN_KEYS} ORDER BY rule_id, source_key"
)
_ISSUES = "SELECT state, count(*) AS n FROM control.dq_issue WHERE division_code = :division GROUP BY 1 ORDER BY 1"
