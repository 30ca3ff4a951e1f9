"""Forty-odd kinds of damage, each caught by the check that is meant to catch it; clean runs are flagged by none.

`faults.yml` says what is damaged and which check must name it; `fault_results.md` is the table of what came of it.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from migration.quality.breaks import Break
from migration.quality.catalogue import load_catalogue
from migration.quality.reconcile import reconcile_run
from migration.quality.rules import RuleStatus
from migration.quality.suite import open_quiet_context, open_source, run_entity
from migration.schema.model import load_schema

HERE = Path(__file__).resolve().parent
FAULTS = yaml.safe_load((HERE / "faults.yml").read_text(encoding="utf-8"))["faults"]
RESULTS = HERE / "fault_results.md"
LAYERS = {"rules": "staging", "reconcile": "staging", "lake": "lake"}


@pytest.fixture
def run(make_run: Callable[..., Any], engine: sa.Engine) -> Any:
    return make_run().write().stage(engine)


class Inspector:
    """Applies one fault to a clean run, asks the checks, and puts the run right again."""

    def __init__(self, run: Any, engine: sa.Engine, source: Any) -> None:
        self.run, self.engine, self.source = run, engine, source
        self.letter = run.context.division.lower()
        self.catalogue = load_catalogue(run.context.settings, run.context.division, run.context.run_id)

    def _tables(self) -> dict[str, str]:
        return {e.name: f'staging."{e.name}_{self.letter}"' for e in load_schema().partitioned_entities()}

    def damage_staging(self, statements: list[str]) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.format(**self._tables()).replace("%", "%%"))

    def keep(self, entity: str) -> None:
        """Copy a staging table without its constraints, so that any damage can be done to it."""
        with self.engine.begin() as connection:
            table = self._tables()[entity]
            connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS kept_{entity} AS TABLE {table}")
            connection.exec_driver_sql(f"DROP TABLE {table}")
            connection.exec_driver_sql(f"CREATE TABLE {table} AS TABLE kept_{entity}")

    def failing_rules(self, entity: str) -> set[str]:
        rules = [i for i in self.catalogue.sql if i.rule.entity == entity]
        outcomes, _ = run_entity(self.source, entity, self.run.context.division, rules)
        bad = (RuleStatus.FAIL, RuleStatus.ERROR)
        return {o.rule.rule_id for o in outcomes if o.status in bad}

    def breaks(self) -> list[Break]:
        return reconcile_run(self.run.context, self.engine).breaks


@pytest.fixture
def inspector(run: Any, engine: sa.Engine) -> Iterator[Inspector]:
    with open_source(open_quiet_context(), engine) as source:
        yield Inspector(run, engine, source)


def describe(found: list[Break]) -> set[str]:
    return {f"{b.check}: {b.table}" + (f".{b.column}" if b.column else "") for b in found}


def damage_lake(run: Any, fault: dict[str, Any]) -> None:
    """Change rows of the run before its layers are written."""
    chosen = [r for r in run.rows[fault["entity"]] if fault.get("key") in (None, r["source_key"])]
    DAMAGES[fault["change"]](run, fault, chosen)


def _named(fault: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    return lambda d: (d["entity"], d["source_key"]) == (fault["entity"], fault["key"])


def drop_row(run: Any, fault: dict[str, Any], chosen: list[dict[str, Any]]) -> None:
    run.rows[fault["entity"]] = [r for r in run.rows[fault["entity"]] if r not in chosen]


def drop_disposition(run: Any, fault: dict[str, Any], _: list[dict[str, Any]]) -> None:
    run.dispositions = [d for d in run.dispositions if not _named(fault)(d)]


def double_disposition(run: Any, fault: dict[str, Any], _: list[dict[str, Any]]) -> None:
    run.dispositions += [dict(d) for d in run.dispositions if _named(fault)(d)]


def lose_source_row(run: Any, fault: dict[str, Any], _: list[dict[str, Any]]) -> None:
    run.raw_extra[f"t_{fault['entity']}"] = 1


def quarantine_silently(run: Any, fault: dict[str, Any], _: list[dict[str, Any]]) -> None:
    run.quarantine(fault["entity"], fault["key"])
    run.rejects.clear()


def cut_text(_: Any, fault: dict[str, Any], chosen: list[dict[str, Any]]) -> None:
    for row in chosen:
        row[fault["field"]] = row[fault["field"]][: fault["value"]]


def shift_hours(_: Any, fault: dict[str, Any], chosen: list[dict[str, Any]]) -> None:
    for row in chosen:
        row[fault["field"]] += timedelta(hours=fault["value"])


def shift_against_keys(_: Any, fault: dict[str, Any], chosen: list[dict[str, Any]]) -> None:
    values = [r[fault["field"]] for r in chosen]
    for row, value in zip(chosen, values[1:] + values[:1], strict=True):
        row[fault["field"]] = value


def swap_fields(_: Any, fault: dict[str, Any], chosen: list[dict[str, Any]]) -> None:
    left, right = fault["field"], fault["value"]
    for row in chosen:
        row[left], row[right] = row[right], row[left]


def recode(_: Any, fault: dict[str, Any], chosen: list[dict[str, Any]]) -> None:
    for row in chosen:
        row[fault["field"]] = fault["value"].get(row[fault["field"]], row[fault["field"]])


DAMAGES: dict[str, Callable[[Any, dict[str, Any], list[dict[str, Any]]], None]] = {
    "drop row": drop_row,
    "drop disposition": drop_disposition,
    "double disposition": double_disposition,
    "lose source row": lose_source_row,
    "quarantine without reason": quarantine_silently,
    "cut": cut_text,
    "shift hours": shift_hours,
    "shift against keys": shift_against_keys,
    "swap fields": swap_fields,
    "recode": recode,
}


@pytest.mark.wide
def test_every_kind_of_damage_is_caught_and_clean_runs_are_not(
    inspector: Inspector, make_run: Callable[..., Any], engine: sa.Engine, update_golden: bool
) -> None:
    clean = describe(inspector.breaks())
    for entity in sorted({f["entity"] for f in FAULTS}):
        clean |= inspector.failing_rules(entity)
    assert clean == set(), "a clean run is flagged"
    lines, missed = [], []
    staged = [f for f in FAULTS if f["where"] != "lake"]
    for fault in staged:
        inspector.keep(fault["entity"])
        inspector.damage_staging(fault["sql"])
        if fault["where"] == "rules":
            found = inspector.failing_rules(fault["checked"] if "checked" in fault else fault["entity"])
        else:
            found = describe(inspector.breaks())
        inspector.keep(fault["entity"])
        lines.append((fault, found))
    for fault in (f for f in FAULTS if f["where"] == "lake"):
        run = make_run()
        damage_lake(run, fault)
        inspector.run = run.write().stage(engine)
        lines.append((fault, describe(inspector.breaks())))
    missed = [fault["id"] for fault, found in lines if fault["caught_by"] not in found]
    assert missed == [], {f["id"]: sorted(found) for f, found in lines if f["id"] in missed}
    table = render_table(lines)
    if update_golden:
        RESULTS.write_text(table, encoding="utf-8")
    assert RESULTS.read_text(encoding="utf-8") == table


def render_table(lines: list[tuple[dict[str, Any], set[str]]]) -> str:
    """The result table: what was done, where, the check that had to catch it, and how many other checks did."""
    head = (
        "# Seeded faults and the checks that caught them\n\nMade by `pytest tests/quality/test_faults.py "
        "--update-golden`; the test fails when a line changes.\n\n| fault | done to | caught by | further checks |\n"
        "|---|---|---|---|\n"
    )
    rows = [
        f"| {f['title']} | {LAYERS[f['where']]}: {f['entity']} | `{f['caught_by']}` | {len(found) - 1} |"
        for f, found in lines
    ]
    return head + "\n".join(rows) + "\n"


def test_fault_list_is_long_enough_and_names_are_unique() -> None:
    assert len(FAULTS) >= 40
    assert len({f["id"] for f in FAULTS}) == len(FAULTS)
