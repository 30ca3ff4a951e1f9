"""A wide export taken apart: which of a table's columns stand for one record after another, or for a thing of its own.

Enters: a table's profile. Leaves: `Part`s: the table itself, and each group of columns that may be a record of another
entity. Must hold: every column is in exactly one part. Refuses nothing: a group that turns out to be no entity goes
back to the table (`join_parts`).
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from migration.mapping.scaffold_memory import shared_word, split_name
from migration.mapping.scaffold_profile import ColumnProfile, TableProfile

FEWEST_IN_GROUP = 2
"""Columns with a first word of their own from which they are looked at as a group."""
NUMBER = re.compile(r"(?<=[A-Za-z_ .-])\d{1,2}(?!\d)")


@dataclass(frozen=True)
class Part:
    """Columns of a table that make one record, or one for each number.

    Attributes:
        name: the table's, and the group's where it is not the table itself.
        table: profile of the part, its columns by their own names; of several numbers those of all together.
        columns: the columns' names in the source, `{n}` for the number.
        group: suffix of the source key, `{n}` for the number; empty for the table itself.
    """

    name: str
    source: TableProfile
    table: TableProfile
    columns: Mapping[str, str]
    group: str = ""
    numbers: tuple[int, ...] = ()

    def expand(self, column: str) -> tuple[str, ...]:
        """The columns of the source that a column of the part stands for."""
        template = self.columns[column]
        return tuple(template.replace("{n}", str(n)) for n in self.numbers) if "{n}" in template else (template,)


@dataclass
class _Group:
    """Columns with one first word and one row of numbers, in the making: own name → template."""

    word: str
    numbers: tuple[int, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)


def take_apart(table: TableProfile, keys: Set[str] = frozenset()) -> tuple[Part, ...]:
    """The table itself first, then its groups of columns in order; `keys` are columns that stay with the table."""
    shared = shared_word(tuple(c.name for c in table.columns))
    templates = _find_templates([c.name for c in table.columns])
    groups: dict[tuple[str, tuple[int, ...]], _Group] = {}
    for template, numbers in templates.items():
        word, own = ("", template) if template in keys else _split_word(template, shared)
        group = groups.setdefault((word, numbers), _Group(word, numbers))
        group.columns[template if own in group.columns else own] = template
    taken = [g for g in groups.values() if _is_group(g, table, len(groups))]
    left = {t: n for t, n in templates.items() if not any(t in g.columns.values() for g in taken)}
    plain = {c: c for t, numbers in left.items() for c in _expand(t, numbers)}
    base = Part(table.name, table, _profile(table, table.name, plain, ()), plain)
    return (base, *(_as_part(table, g) for g in taken))


def _find_templates(names: list[str]) -> dict[str, tuple[int, ...]]:
    """Names with `{n}` for a number that runs from 1 (or 0) on, and the numbers; other names as they are."""
    numbered: dict[str, list[int]] = defaultdict(list)
    for name in names:
        for match in NUMBER.finditer(name):
            numbered[f"{name[: match.start()]}{{n}}{name[match.end() :]}"].append(int(match.group()))
    found: dict[str, tuple[int, ...]] = {}
    for name in names:
        templates = (f"{name[: m.start()]}{{n}}{name[m.end() :]}" for m in NUMBER.finditer(name))
        best = max(templates, key=lambda t: len(numbered[t]), default=name)
        numbers = tuple(sorted(numbered.get(best, ())))
        is_row = len(numbers) > 1 and numbers in (tuple(range(1, len(numbers) + 1)), tuple(range(len(numbers))))
        found[best if is_row else name] = numbers if is_row else ()
    return found


def _expand(template: str, numbers: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(template.replace("{n}", str(n)) for n in numbers) if numbers else (template,)


def _split_word(template: str, shared: str) -> tuple[str, str]:
    """The word a name begins with, behind one that most columns share, and the rest; all of it where no rest is."""
    plain = template.replace("{n}", "")
    tokens = split_name(plain)
    skipped = 1 if shared and len(tokens) > 1 and tokens[0] == shared else 0
    if len(tokens) <= skipped:
        return "", plain
    word = tokens[skipped]
    rest = re.sub(rf"(?i)^.*?{word}[^A-Za-z0-9]*", "", plain, count=1)
    return word, rest or plain.strip("_ .-")


def _is_group(group: _Group, table: TableProfile, groups: int) -> bool:
    """Whether the columns may be a thing of their own beside others of the table; lines of one text are not."""
    if groups < FEWEST_IN_GROUP or not group.word or any("line" in split_name(c) for c in group.columns.values()):
        return False
    return bool(group.numbers) or FEWEST_IN_GROUP <= len(group.columns) < len(table.columns) - 1


def _as_part(table: TableProfile, group: _Group) -> Part:
    suffix = group.word.upper() + ("{n}" if group.numbers else "")
    name = f"{table.name} {group.word.upper()}"
    return Part(name, table, _profile(table, name, group.columns, group.numbers), group.columns, suffix, group.numbers)


def _profile(table: TableProfile, name: str, columns: Mapping[str, str], numbers: tuple[int, ...]) -> TableProfile:
    """The table's profile with these columns only, by their own names."""
    known = {c.name: c for c in table.columns}
    merged = tuple(_merge(own, [known[c] for c in _expand(t, numbers)]) for own, t in columns.items())
    key = table.key if all(k in columns for k in table.key) else ()
    return replace(table, name=name, columns=merged, key=key, labels=(), key_values=frozenset())


def _merge(own: str, columns: list[ColumnProfile]) -> ColumnProfile:
    """The columns of all numbers as one: of shares the fullest column's, of values all."""
    fullest = max(columns, key=lambda c: c.filled)
    return replace(fullest, name=own, values=frozenset().union(*(c.values for c in columns)))


def join_parts(base: Part, parts: tuple[Part, ...]) -> Part:
    """The table with the columns of parts that are no entity of their own."""
    names = {c: c for part in (base, *parts) for own in part.columns for c in part.expand(own)}
    ordered = {c.name: c.name for c in base.source.columns if c.name in names}
    table = _profile(base.source, base.source.name, ordered, ())
    return replace(base, table=table, columns=MappingProxyType(ordered))
