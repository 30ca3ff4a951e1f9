"""Crosswalks: what each legacy code means nationally, who agreed and why.

Enters: `codes/*.csv` of a pack's levels. Leaves: `Crosswalk`s in which a division's line outranks its family's, and
that one the nation's. Must hold: a decision has a status; an agreed one names who agreed and when. Refuses, as
problems: unknown columns or statuses, a legacy value twice in one file.
"""

import csv
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from migration.mapping.inherit import EffectiveTree, Level, display_name
from migration.mapping.model import CodeDecision, Crosswalk, Origin
from migration.mapping.problems import Problems
from migration.schema.model import NationalSchema
from migration.settings import Settings

CODE_COLUMNS = ("legacy_value", "national_code", "rationale", "status", "agreed_by", "agreed_on")
AGREED, PROPOSED, REJECTED = "AGREED", "PROPOSED", "REJECTED"


def read_crosswalks(
    settings: Settings, effective: EffectiveTree, schema: NationalSchema, problems: Problems
) -> Mapping[str, Crosswalk]:
    """The crosswalks of a pack by name."""
    statuses = [c.code for c in schema.codes["crosswalk_status"]]
    found: dict[str, dict[str, CodeDecision]] = {}
    for level, path in effective.code_files():
        name = display_name(settings, path)
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != CODE_COLUMNS:
                problems.add(Origin(name, 1), f"columns {', '.join(reader.fieldnames or ())}", ", ".join(CODE_COLUMNS))
                continue
            decisions = _read_decisions(reader, level, name, problems)
        for decision in decisions.values():
            if decision.status not in statuses:
                problems.add_name(decision.origin, "status", decision.status, statuses)
        found.setdefault(path.stem, {}).update(decisions)
    return MappingProxyType({k: Crosswalk(k, MappingProxyType(v)) for k, v in sorted(found.items())})


def _read_decisions(
    reader: "csv.DictReader[str]", level: Level, name: str, problems: Problems
) -> dict[str, CodeDecision]:
    decisions: dict[str, CodeDecision] = {}
    for row in reader:
        origin = Origin(name, reader.line_num)
        if None in row or None in row.values():
            problems.add(origin, "a line of another length", f"{len(CODE_COLUMNS)} values")
            continue
        value = row["legacy_value"]
        if value in decisions:
            problems.add(origin, f"legacy value {value} a second time", "each value once in a file")
        if row["status"] == AGREED and not (row["agreed_by"] and row["agreed_on"]):
            problems.add(origin, f"agreed value {value} without agreed_by or agreed_on", "who agreed, and the day")
        if row["status"] == AGREED and not row["national_code"]:
            problems.add(origin, f"agreed value {value} without a national code", "the code that was agreed")
        if row["agreed_on"] and not _is_day(row["agreed_on"]):
            problems.add(origin, f"agreed_on of value {value} that is no day", "YYYY-MM-DD")
        decisions[value] = CodeDecision(level=level.name, origin=origin, **row)
    return decisions


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
