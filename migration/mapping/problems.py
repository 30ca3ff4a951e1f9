"""Every problem of a pack, collected and raised at once.

Enters: problems as they are found. Leaves: one `ConfigError` that lists them all with file, line, what was found, what
was expected and the nearest valid name. Must hold: nothing of a pack with problems is used.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from migration.errors import ConfigError
from migration.mapping.model import Origin

MOST_LISTED = 200
NEAREST_SCORE = 60.0


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a pack."""

    file: str
    line: int
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: found {self.found}; expected {self.expected}"


@dataclass
class Problems:
    """The problems of one pack, in the making."""

    pack: str
    found: list[Problem] = field(default_factory=list)

    def add(self, origin: Origin, found: str, expected: str) -> None:
        """Note a problem; the same one from the same line counts once."""
        problem = Problem(origin.file, origin.line, found, expected)
        if problem not in self.found:
            self.found.append(problem)

    def add_name(self, origin: Origin, kind: str, name: str, valid: Iterable[str]) -> None:
        """Note a name that is not among the valid ones, with the nearest of them; `kind` may hold the name already."""
        said = name in re.split(r"[ .,;]+", kind)
        found = kind.rstrip(";").removesuffix(", not") if said else f"{kind} {name}"
        self.add(origin, found, describe_names(name, valid))

    def as_error(self) -> ConfigError:
        """All of them as one error."""
        listed = sorted(self.found)
        lines = "\n  ".join(str(p) for p in listed[:MOST_LISTED])
        more = f"\n  and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
        found = f"{len(listed)} problem{'s' if len(listed) > 1 else ''}\n  {lines}{more}\n"
        fix = "Correct each line named above; mappings/README.md lists every key."
        return ConfigError(f"pack {self.pack}", found, "none", fix)


def describe_names(name: str, valid: Iterable[str]) -> str:
    """What was expected in place of an unknown name: the nearest valid one, or all where they are few."""
    from rapidfuzz import fuzz, process, utils  # only a faulty pack pays for the import

    choices = sorted(set(valid))
    if not choices:
        return "no such key here"
    best = process.extractOne(name, choices, scorer=fuzz.ratio, processor=utils.default_process)
    if best is not None and best[1] >= NEAREST_SCORE:
        return f"a known name; the nearest is {best[0]}"
    return "one of " + ", ".join(choices[:12]) + (", ..." if len(choices) > 12 else "")
