"""The small vocabulary in which a pack says how a national field is made.

Enters: nothing. Leaves: frozen expression and condition trees that `build` makes from YAML and `compile` turns into
SQL. Must hold: there is no way to write SQL in a pack; every column an expression reads can be listed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Comparison(StrEnum):
    """What a condition can ask of a value."""

    EQUALS = "equals"
    IN = "in"
    IS_NULL = "is_null"
    MATCHES = "matches"
    BEFORE = "before"
    AFTER = "after"
    SAME_AS = "same_as"


@dataclass(frozen=True)
class Column:
    """A source column; `join` names the joined table it comes from, empty for the record's own."""

    name: str
    join: str = ""


@dataclass(frozen=True)
class Constant:
    """The same value for every record."""

    value: str


@dataclass(frozen=True)
class FieldValue:
    """Another national field of the same record, as it is mapped."""

    name: str


@dataclass(frozen=True)
class Coalesce:
    """The first of several values that is there."""

    items: tuple["Expression", ...]


@dataclass(frozen=True)
class Concat:
    """The values that are there, in order, with a separator between them."""

    items: tuple["Expression", ...]
    separator: str


@dataclass(frozen=True)
class When:
    """The value of the first case whose condition holds."""

    cases: tuple[tuple["Condition", "Expression"], ...]
    otherwise: "Expression | None"


@dataclass(frozen=True)
class RecordId:
    """The record id of another source record: its table and the values of its key, and group where it has one."""

    system: str
    table: str
    key: tuple["Expression", ...]
    group: str = ""
    only_if: tuple["Expression", ...] = ()


@dataclass(frozen=True)
class Clean:
    """Text put in order before it is read: values that mean nothing, replaced values, a part taken, repairs."""

    inner: "Expression"
    nulls: tuple[str, ...] = ()
    replace: tuple[tuple[str, str], ...] = ()
    take: str = ""
    upper: bool = False
    repair: str = ""
    truncate: int = 0


@dataclass(frozen=True)
class Parse:
    """Text read as a type; `options` belong to the parser."""

    inner: "Expression"
    parser: str
    options: Mapping[str, object]


@dataclass(frozen=True)
class Lookup:
    """A legacy code turned into its national code by a crosswalk.

    Attributes:
        identity: a value that is itself a national code needs no line in the crosswalk.
        partial: a value that is not in the crosswalk is simply absent, and no error.
    """

    inner: "Expression"
    crosswalk: str
    identity: bool = False
    partial: bool = False


Expression = Column | Constant | FieldValue | Coalesce | Concat | When | RecordId | Clean | Parse | Lookup


@dataclass(frozen=True)
class Test:
    """One question about one value. `values` are text; `as_at` stands for the pack's date; `other` is for SAME_AS."""

    value: Expression
    comparison: Comparison
    values: tuple[str, ...]
    other: Expression | None = None


@dataclass(frozen=True)
class All:
    """Holds where every part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Any:
    """Holds where at least one part holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Not:
    """Holds where its part does not."""

    part: "Condition"


Condition = Test | All | Any | Not


def list_columns(expression: Expression | Condition) -> Iterator[Column]:
    """Every source column an expression or condition reads."""
    for part in walk(expression):
        if isinstance(part, Column):
            yield part


def walk(expression: Expression | Condition) -> Iterator[Expression | Condition]:
    """An expression or condition and all its parts, outermost first."""
    yield expression
    for part in _parts(expression):
        yield from walk(part)


def _parts(node: Expression | Condition) -> tuple[Expression | Condition, ...]:
    match node:
        case Coalesce(items=items) | Concat(items=items):
            parts: tuple[Expression | Condition, ...] = items
        case All(parts=inner) | Any(parts=inner):
            parts = inner
        case Clean(inner=value) | Parse(inner=value) | Lookup(inner=value):
            parts = (value,)
        case Test(value=value, other=other):
            parts = (value,) if other is None else (value, other)
        case RecordId(key=key, only_if=only_if):
            parts = (*key, *only_if)
        case Not(part=part):
            parts = (part,)
        case When(cases=cases, otherwise=otherwise):
            parts = (*(p for case in cases for p in case), *(() if otherwise is None else (otherwise,)))
        case _:
            parts = ()
    return parts
