from itertools import combinations

import pytest

from migration.geocode.split import Span, find_spans

KEYS = {"HIGH ST", "HIGH", "ST ANDREWS", "PARK RD N", "RD"}
LENGTHS = {"HIGH": 2, "ST": 2, "PARK": 3, "RD": 1}


def longest_by_trying_every_window(tokens: tuple[str, ...]) -> list[Span]:
    found, covered = [], 0
    for start in range(len(tokens)):
        ends = [e for s, e in combinations(range(len(tokens) + 1), 2) if s == start and e > covered]
        known = [e for e in ends if " ".join(tokens[start:e]) in KEYS]
        if known:
            covered = max(known)
            found.append(Span(start, covered, " ".join(tokens[start:covered])))
    return found


@pytest.mark.parametrize(
    "text",
    ["1 HIGH ST ANDREWS", "HIGH , ST ANDREWS", "PARK RD N", "PARK RD , N", "PARK RD HIGH HIGH ST", "ST", ""],
)
def test_the_longest_names_are_found_as_by_trying_every_window(text: str) -> None:
    tokens = tuple(text.split())
    assert find_spans(tokens, LENGTHS, KEYS) == longest_by_trying_every_window(tokens)
