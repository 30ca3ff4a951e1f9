"""The hard cases of cases.yml, each with its expected answer and why."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from geocode.town import Town

from migration.geocode.evidence import Match, Query
from migration.geocode.match import Matcher

CASES: list[dict[str, Any]] = [
    {"division": group.get("division", ""), **case, "about": group["about"]}
    for group in yaml.safe_load((Path(__file__).parent / "cases.yml").read_text(encoding="utf-8"))["groups"]
    for case in group["cases"]
]
EXPECTATIONS = ("uprn", "building", "either", "not_uprn", "not_wrong", "level", "class", "refusal")


def query_of(case: dict[str, Any]) -> Query:
    recorded = case.get("recorded_on")
    return Query(
        text=str(case["text"]),
        postcode=case.get("postcode", ""),
        division=case["division"],
        recorded_on=recorded if isinstance(recorded, date) else None,
        easting=case.get("easting"),
        northing=case.get("northing"),
        grid_ref=case.get("grid_ref", ""),
    )


def test_there_are_at_least_250_cases_each_with_an_expectation_and_a_reason() -> None:
    assert len(CASES) >= 250
    assert all(case.get("why") and any(e in case for e in EXPECTATIONS) for case in CASES)


def failures(case: dict[str, Any], match: Match, town: Town) -> list[str]:
    """What of a case's expectation the match does not meet."""
    found = match.uprn if match.level == "UPRN" else None
    wrong = []
    if "uprn" in case and found != town.keys[case["uprn"]]:
        wrong.append("uprn")
    if "building" in case and (match.level, match.uprn) != ("BUILDING", town.keys[case["building"]]):
        wrong.append("building")
    if "either" in case and found is not None and found not in [town.keys[k] for k in case["either"]]:
        wrong.append("either")
    if "not_wrong" in case and found not in (None, town.keys[case["not_wrong"]]):
        wrong.append("not_wrong")
    if "not_uprn" in case and found is not None:
        wrong.append("not_uprn")
    if "level" in case and match.level != case["level"]:
        wrong.append("level")
    if "class" in case and match.location_class != case["class"]:
        wrong.append("class")
    refusals = case.get("refusal", [])
    if refusals and match.refusal not in (refusals if isinstance(refusals, list) else [refusals]):
        wrong.append("refusal")
    return wrong


@pytest.mark.parametrize("case", CASES, ids=[f"{c['about']}: {c['text']}"[:90] for c in CASES])
def test_hard_case_gets_its_expected_answer(case: dict[str, Any], matcher: Matcher, town: Town) -> None:
    match = matcher.match(query_of(case))
    assert not failures(case, match, town), f"{case['why']}: got {match}"


@pytest.mark.parametrize("case", CASES, ids=[f"{c['about']}: {c['text']}"[:90] for c in CASES])
def test_every_answer_is_explained_and_shows_no_word_of_the_text(case: dict[str, Any], matcher: Matcher) -> None:
    match = matcher.match(query_of(case))
    evidence = json.loads(match.evidence)
    assert match.level == "UPRN" or match.refusal is not None
    words = {w for w in str(case["text"]).upper().replace(",", " ").split() if len(w) > 5 and w.isalpha()}
    shown = json.dumps({k: v for k, v in evidence.items() if k != "pattern"}).upper()
    assert not [w for w in words if w in shown]
