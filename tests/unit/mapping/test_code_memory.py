"""A legacy value that two packs agreed to mean different things is named; the same meaning is not."""

from collections.abc import Callable

from migration.mapping.code_memory import find_disagreements
from migration.settings import Settings

Packs = Callable[..., Settings]
HEADER = "legacy_value,national_code,rationale,status,agreed_by,agreed_on\n"
LOOKUP = "entity: crime_report\nrecords:\n  case:\n    fields:\n      status_code: {lookup: crime_report_status}\n"
SECOND = 'division: Y\nfamily: small\ntitle: Other\nas_at: "2023-12-01"\n'


def decided(code: str, status: str = "AGREED") -> str:
    return f"{HEADER}U,{code},Test,{status},crime_registrar,2026-09-01\n"


def write(packs: Packs, other: str) -> Settings:
    return packs(
        **{
            "divisions/Y/division.yml": SECOND,
            "divisions/Z/entities/crime_report.yml": LOOKUP,
            "divisions/Y/entities/crime_report.yml": LOOKUP,
            "divisions/Z/codes/crime_report_status.csv": decided("UNDETECTED"),
            "divisions/Y/codes/crime_report_status.csv": other,
        }
    )


def test_two_agreed_meanings_of_one_value_are_named_with_their_lines(packs: Packs) -> None:
    (found,) = find_disagreements(write(packs, decided("UNDER_ENQUIRY")))
    assert (found.list_name, found.legacy_value) == ("crime_report_status", "U")
    assert found.meanings == (
        ("UNDER_ENQUIRY", "divisions/Y/codes/crime_report_status.csv:2"),
        ("UNDETECTED", "divisions/Z/codes/crime_report_status.csv:2"),
    )


def test_the_same_meaning_and_a_mere_proposal_are_no_disagreement(packs: Packs) -> None:
    assert not find_disagreements(write(packs, decided("UNDETECTED")))
    assert not find_disagreements(write(packs, decided("UNDER_ENQUIRY", "PROPOSED")))
