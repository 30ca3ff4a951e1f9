import pytest

from migration.geocode.evidence import write_decision, write_evidence


@pytest.mark.parametrize(
    ("roles", "pattern", "score", "alternatives"),
    [
        ("PSS-L", "UPRN|EXACT|UNIT", 23, [[906700012345, 4], [12, 11]]),
        ("PSS", "BUILDING|FUZZY1|NONE", 0, []),
        ("PSS", "UPRN|EXACT|NONE", -3, [[0, 0]]),
    ],
)
def test_evidence_of_a_decision_is_that_of_the_general_writer(
    roles: str, pattern: str, score: int, alternatives: list[list[int]]
) -> None:
    general = write_evidence(roles=roles, pattern=pattern, score=score, alternatives=alternatives)
    assert write_decision(roles, pattern, score, alternatives) == general
