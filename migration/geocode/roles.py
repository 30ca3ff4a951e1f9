"""One letter per token: what each word of a text was used for.

Enters: tokens, the hypothesis that won and its reading. Leaves: a role string (S street, L place, P number or flat, N
name that agreed or was kept, F filler, U unused, - break). Must hold: as many letters as tokens; no letter tells a
word.
"""

from typing import TYPE_CHECKING

from migration.geocode.readings import Reading
from migration.geocode.text import BREAK, SLASH
from migration.geocode.vocabulary import vocabulary

if TYPE_CHECKING:
    from migration.geocode.evidence import Hypothesis


def _mark_spans(roles: list[str], hypothesis: "Hypothesis") -> None:
    if hypothesis.span is not None:
        roles[hypothesis.span.start : hypothesis.span.end] = "S" * (hypothesis.span.end - hypothesis.span.start)
    for span in hypothesis.places:
        roles[span.start : span.end] = "L" * (span.end - span.start)


def role_string(tokens: tuple[str, ...], hypothesis: "Hypothesis | None", reading: Reading | None) -> str:
    """Roles of the tokens under a hypothesis."""
    roles = ["-" if t in (BREAK, SLASH) else "?" for t in tokens]
    if hypothesis is not None:
        _mark_spans(roles, hypothesis)
    names = frozenset(reading.name.split(" ")) if reading is not None and reading.name else frozenset()
    tail = frozenset(reading.tail.split(" ")) if reading is not None and reading.tail else frozenset()
    blocked = reading is None or reading.has_unused_number
    fillers = vocabulary().fillers
    for i, role in enumerate(roles):
        if role == "?":
            token = tokens[i]
            if token in names:
                roles[i] = "N"
            elif token in tail:
                roles[i] = "U"
            elif token in fillers:
                roles[i] = "F"
            else:
                roles[i] = "U" if blocked else "P"
    return "".join(roles)
