"""One letter per token: what each word of a text was used for.

Enters: tokens, the hypothesis that won and its reading. Leaves: a role string (S street, L place, P number or flat, N
name that agreed or was kept, F filler, U unused, - break). Must hold: as many letters as tokens; no letter tells a
word.
"""

from functools import lru_cache
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
    rest = "U" if reading is None or reading.has_unused_number else "P"
    plain = _plain_roles().get
    if reading is not None and (reading.name or reading.tail):
        tail, names = dict.fromkeys(reading.tail.split(" "), "U"), dict.fromkeys(reading.name.split(" "), "N")
        own = {**tail, **names, BREAK: "-", SLASH: "-"}
        roles = [own[token] if token in own else plain(token, rest) for token in tokens]
    else:
        roles = [plain(token, rest) for token in tokens]
    if hypothesis is not None:
        _mark_spans(roles, hypothesis)
    return "".join(roles)


@lru_cache(maxsize=1)
def _plain_roles() -> dict[str, str]:
    """Role of the tokens that have one of their own."""
    return {**dict.fromkeys(vocabulary().fillers, "F"), BREAK: "-", SLASH: "-"}
