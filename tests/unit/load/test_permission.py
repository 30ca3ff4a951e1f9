"""What stands against publishing, from gate rows and sign-offs alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from migration.load.permission import Criterion, SignOff, fold_person, gate_problems, sign_off_problems

NOW = datetime(2026, 9, 1, tzinfo=UTC)
OWNER = SignOff("data_owner", "Owner", "APPROVE", None, "h", NOW)
LEAD = SignOff("rollout_lead", "Lead", "APPROVE", None, "h", NOW + timedelta(minutes=1))
GREEN = Criterion("a", "GREEN", False, "h")


def test_both_approvals_of_the_current_evidence_leave_no_problem() -> None:
    assert sign_off_problems([OWNER, LEAD], "h") == []


@pytest.mark.parametrize(
    ("sign_offs", "problem"),
    [
        ([], "no data_owner"),
        ([OWNER], "no rollout_lead"),
        ([replace(OWNER, evidence_hash="old"), LEAD], "approval of the data_owner is void"),
        ([OWNER, replace(LEAD, evidence_hash="old")], "approval of the rollout_lead is void"),
        ([OWNER, replace(LEAD, person=" owner ")], "one person signed in two roles"),
        ([OWNER, replace(LEAD, decided_at_utc=NOW - timedelta(days=1))], "signed before"),
        ([OWNER, replace(LEAD, decision="REFUSE")], "refused this evidence"),
        ([OWNER, LEAD, replace(OWNER, decision="REFUSE", person="Third")], "refused this evidence"),
        ([replace(OWNER, role="chief"), LEAD], "no data_owner"),
        ([replace(OWNER, decision="approve"), LEAD], "no data_owner"),
    ],
)
def test_anything_less_is_a_problem(sign_offs: list[SignOff], problem: str) -> None:
    assert any(problem in found for found in sign_off_problems(sign_offs, "h"))


def test_a_refusal_of_evidence_that_changed_since_does_not_block() -> None:
    refused = replace(OWNER, decision="REFUSE", evidence_hash="old", person="Third")
    assert sign_off_problems([refused, OWNER, LEAD], "h") == []


@pytest.mark.parametrize(
    ("criteria", "problem"),
    [
        ([], "not evaluated"),
        ([GREEN, Criterion("b", "RED", True, "h")], "red: b"),
        ([GREEN, Criterion("b", "", False, "h")], "red: b"),
        ([GREEN, Criterion("b", "ERROR", False, "h")], "red: b"),
        ([Criterion("b", "AMBER", False, "h")], "amber without a waiver: b"),
        ([GREEN, replace(GREEN, evidence_hash="old")], "evidence changed"),
    ],
)
def test_gate_that_does_not_pass_is_a_problem(criteria: list[Criterion], problem: str) -> None:
    assert any(problem in found for found in gate_problems(criteria, "h"))


def test_gate_that_is_green_or_amber_under_a_waiver_passes() -> None:
    assert gate_problems([GREEN, Criterion("b", "AMBER", True, "h")], "h") == []


def test_fold_person_makes_one_of_case_and_spacing() -> None:
    assert fold_person("  Anna   INVENTED ") == fold_person("anna invented")
    assert fold_person("Anna") != fold_person("Anne")
