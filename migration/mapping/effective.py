"""What a division's pack comes to: which level decides each value, and how two divisions differ.

Enters: the merged tree of a pack. Leaves: one line for each value with its file and line; the difference of two packs;
the share of a pack that its division did not have to write.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from migration.mapping.inherit import EffectiveTree, read_effective
from migration.mapping.load import load_pack
from migration.mapping.model import Origin
from migration.mapping.problems import Problems
from migration.mapping.tree import Node
from migration.settings import Settings


@dataclass(frozen=True)
class EffectiveValue:
    """One value of an effective pack.

    Attributes:
        path: keys from the top, joined by dots; code decisions are `codes.<crosswalk>.<legacy value>`.
        level: `national`, the family or the division that decides it.
        overrides: the inherited lines it replaces.
    """

    path: str
    value: str
    level: str
    origin: Origin
    overrides: tuple[Origin, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One value that two packs do not share; None where a pack does not have it."""

    path: str
    left: EffectiveValue | None
    right: EffectiveValue | None


@dataclass(frozen=True)
class Reuse:
    """How many values of a pack each level decides, and the share its division inherits."""

    division: str
    by_level: Mapping[str, int]

    @property
    def share(self) -> float:
        """Share of values that the division did not write, 0 to 1."""
        total = sum(self.by_level.values())
        return 1 - self.by_level.get(self.division, 0) / total if total else 0.0


def list_effective(settings: Settings, division: str) -> tuple[EffectiveValue, ...]:
    """Every value of a division's effective pack, sorted by path.

    Raises:
        ConfigError: the pack has problems.
    """
    pack = load_pack(settings, division)
    problems = Problems(f"of division {division}")
    effective = read_effective(settings, division, problems)
    if effective is None:
        raise problems.as_error()
    values = list(_walk(effective, effective.tree, ""))
    for crosswalk in pack.crosswalks.values():
        for decision in crosswalk.decisions.values():
            path = f"codes.{crosswalk.name}.{decision.legacy_value}"
            text = f"{decision.national_code or '(none)'} {decision.status}"
            values.append(EffectiveValue(path, text, decision.level, decision.origin))
    return tuple(sorted(values, key=lambda v: v.path))


def _walk(effective: EffectiveTree, node: Node, path: str) -> list[EffectiveValue]:
    if node.is_mapping:
        found = []
        for key, child in node.children().items():
            found += _walk(effective, child, f"{path}.{key}" if path else key)
        return found
    plain = node.plain()
    text = ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)
    return [EffectiveValue(path, text, find_level(effective, node.origin), node.origin, node.inherited)]


def find_level(effective: EffectiveTree, origin: Origin) -> str:
    """The level whose folder holds an origin's file."""
    for level in reversed(effective.levels):
        folder = "/".join(level.folder.parts[-2:]) if level.name != "national" else "national"
        if f"{folder}/" in origin.file or origin.file.startswith(f"{folder}/"):
            return level.name
    return "national"


def diff_packs(settings: Settings, left: str, right: str) -> tuple[Difference, ...]:
    """The values two divisions' packs do not share, sorted by path; what only names the division is left out."""
    sides = [{v.path: v for v in list_effective(settings, division)} for division in (left, right)]
    paths = sorted(set(sides[0]) | set(sides[1]))
    found = []
    for path in paths:
        ours, theirs = sides[0].get(path), sides[1].get(path)
        if path not in {"division", "title"} and (ours and ours.value) != (theirs and theirs.value):
            found.append(Difference(path, ours, theirs))
    return tuple(found)


def measure_reuse(settings: Settings, division: str) -> Reuse:
    """How many values of a division's pack each level decides."""
    counted = Counter(v.level for v in list_effective(settings, division))
    return Reuse(division, dict(sorted(counted.items())))
