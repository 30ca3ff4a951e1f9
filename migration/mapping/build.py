"""Expressions and conditions of a pack, from its tree.

Enters: nodes of YAML. Leaves: expression trees. Refuses, as problems: unknown keys, two sources of one value, a
template that names no number. `{n}` in a text stands for the number of a repeated column group.
"""

import re
from dataclasses import dataclass
from datetime import date

from migration.mapping.expressions import (
    All,
    Any,
    Clean,
    Coalesce,
    Column,
    Comparison,
    Concat,
    Condition,
    Constant,
    Expression,
    FieldValue,
    Lookup,
    Not,
    Parse,
    RecordId,
    Test,
    When,
)
from migration.mapping.model import Origin
from migration.mapping.parsers import PARSERS, REPAIRS, Target
from migration.mapping.problems import Problems
from migration.mapping.sources import check_keys, read_names, read_text
from migration.mapping.tree import SOURCE_KEYS, Node

CLEAN_KEYS = frozenset({"nulls", "replace", "take", "upper", "repair", "truncate"})
LOOKUP_KEYS = frozenset({"lookup", "identity", "partial"})
POLICY_KEYS = frozenset({"on_error", "on_unmapped", "on_not_valid", "required"})
WITH_KEYS = frozenset({"separator", "otherwise", "parse"})
PARSER_KEYS = frozenset(option for parser in PARSERS.values() for option in parser.options)
EXPRESSION_KEYS = SOURCE_KEYS | CLEAN_KEYS | LOOKUP_KEYS | POLICY_KEYS | WITH_KEYS | PARSER_KEYS
RECORD_ID_KEYS = frozenset({"table", "key", "group", "only_if"})
TEST_KEYS = frozenset(c.value for c in Comparison)
CONDITION_KEYS = EXPRESSION_KEYS | TEST_KEYS | {"all", "any", "not"}


@dataclass(frozen=True)
class Builder:
    """Builds expressions of one record: its problems go to one place, its templates take one number.

    Attributes:
        system: source system a table name without one belongs to.
        number: what `{n}` stands for; empty where the record has no numbers.
    """

    problems: Problems
    system: str
    number: str = ""

    def text(self, node: Node | None, default: str = "") -> str:
        """A scalar as text with `{n}` replaced."""
        return read_text(node, default).replace("{n}", self.number)

    def names(self, node: Node | None) -> tuple[str, ...]:
        """A list of names with `{n}` replaced."""
        return tuple(name.replace("{n}", self.number) for name in read_names(node))

    def column(self, node: Node) -> Column:
        """A source column: `COLUMN`, or `join.COLUMN`."""
        text = self.text(node)
        join, _, name = text.rpartition(".")
        return Column(name, join)

    def expression(self, node: Node) -> Expression:
        """The expression a node stands for; a scalar is a source column."""
        if not node.is_mapping:
            if isinstance(node.value, tuple) or node.value is None:
                self.problems.add(node.origin, "no expression", "a column name, or keys such as from, parse, lookup")
            return self.column(node)
        check_keys(node, EXPRESSION_KEYS, "an expression", self.problems)
        value = self._clean(self._source(node), node)
        value = self._parse(value, node)
        lookup = node.get("lookup")
        if lookup is None:
            return value
        identity, partial = (read_flag(node.get(key), self.problems) for key in ("identity", "partial"))
        return Lookup(value, self.text(lookup), identity, partial)

    def _source(self, node: Node) -> Expression:
        named = [key for key in node.children() if key in SOURCE_KEYS]
        if len(named) != 1:
            found = f"{len(named)} sources of one value"
            self.problems.add(node.origin, found, "exactly one of " + ", ".join(sorted(SOURCE_KEYS)))
            return Constant("")
        inner = node.children()[named[0]]
        value: Expression
        match named[0]:
            case "from":
                value = self.column(inner)
            case "constant":
                value = Constant(self.text(inner))
            case "field":
                value = FieldValue(self.text(inner))
            case "coalesce":
                value = Coalesce(tuple(self.expression(item) for item in inner.items()))
            case "concat":
                parts = tuple(self.expression(item) for item in inner.items())
                value = Concat(parts, self.text(node.get("separator"), " "))
            case "when":
                value = self._when(inner, node.get("otherwise"))
            case _:
                value = self.record_id(inner)
        return value

    def _when(self, cases: Node, otherwise: Node | None) -> When:
        built = []
        for case in cases.items():
            check_keys(case, frozenset({"if", "then"}), "a case", self.problems)
            condition, then = case.get("if"), case.get("then")
            if condition is None or then is None:
                self.problems.add(case.origin, "a case without if or then", "both")
                continue
            built.append((self.condition(condition), self.expression(then)))
        return When(tuple(built), None if otherwise is None else self.expression(otherwise))

    def record_id(self, node: Node) -> RecordId:
        """A reference to another source record by its table and key."""
        check_keys(node, RECORD_ID_KEYS, "record_id", self.problems)
        table, key = node.get("table"), node.get("key")
        if table is None or key is None:
            self.problems.add(node.origin, "record_id without table or key", "both")
        system, _, name = self.text(table).rpartition(".")
        keys = tuple(self.expression(item) for item in (key.items() if key else ()))
        only_if = node.get("only_if")
        needed = tuple(self.expression(item) for item in (only_if.items() if only_if else ()))
        return RecordId(system or self.system, name, keys, self.text(node.get("group")), needed)

    def _clean(self, value: Expression, node: Node) -> Expression:
        if not any(key in node.children() for key in CLEAN_KEYS):
            return value
        replace = node.get("replace")
        truncate = self.text(node.get("truncate"), "0")
        _check_pattern(node.get("take"), self.problems)
        if node.get("repair") is not None and self.text(node.get("repair")) not in REPAIRS:
            self.problems.add_name(node.origin, "repair", self.text(node.get("repair")), REPAIRS)
        return Clean(
            value,
            nulls=self.names(node.get("nulls")),
            replace=tuple((k, read_text(v)) for k, v in (replace.children() if replace else {}).items()),
            take=read_text(node.get("take")),
            upper=read_flag(node.get("upper"), self.problems),
            repair=self.text(node.get("repair")),
            truncate=int(truncate) if truncate.isdigit() else 0,
        )

    def _parse(self, value: Expression, node: Node) -> Expression:
        options = {key: item.plain() for key, item in node.children().items() if key in PARSER_KEYS}
        parse = node.get("parse")
        if parse is None:
            if options:
                self.problems.add(node.origin, f"parser options {', '.join(sorted(options))}", "key parse beside them")
            return value
        name = self.text(parse)
        parser = PARSERS.get(name)
        if parser is None:
            self.problems.add_name(parse.origin, "parser", name, PARSERS)
            return value
        for option in options:
            if option not in parser.options:
                self.problems.add_name(
                    node.children()[option].origin, f"option {option} of parser {name}, not", option, parser.options
                )
        try:
            parser.build("x", options, Target("VARCHAR", "2000-01-01"))
        except ValueError as error:
            self.problems.add(parse.origin, str(error), f"options as parser {name} takes them")
        return Parse(value, name, options)

    def condition(self, node: Node) -> Condition:
        """The condition a node stands for."""
        check_keys(node, CONDITION_KEYS, "a condition", self.problems)
        for key, kind in (("all", All), ("any", Any)):
            parts = node.get(key)
            if parts is not None:
                return kind(tuple(self.condition(item) for item in parts.items()))
        negated = node.get("not")
        if negated is not None:
            return Not(self.condition(negated))
        asked = [key for key in node.children() if key in TEST_KEYS]
        if len(asked) != 1:
            self.problems.add(
                node.origin, f"{len(asked)} questions in one condition", "one of " + ", ".join(sorted(TEST_KEYS))
            )
            return All(())
        if asked[0] == Comparison.MATCHES.value:
            _check_pattern(node.children()[asked[0]], self.problems)
        if asked[0] in (Comparison.BEFORE.value, Comparison.AFTER.value):
            _check_day(node.children()[asked[0]], self.problems)
        rest = {k: v for k, v in node.children().items() if k not in TEST_KEYS}
        value = self.expression(Node(rest, node.origin))
        answer = node.children()[asked[0]]
        if asked[0] == Comparison.SAME_AS.value:
            return Test(value, Comparison.SAME_AS, (), self.expression(answer))
        return Test(value, Comparison(asked[0]), self.names(answer))


def _check_pattern(node: Node | None, problems: Problems) -> None:
    try:
        re.compile(read_text(node))
    except re.error as error:
        problems.add(
            node.origin if node else Origin("", 0), f"a regular expression that fails ({error})", "a valid one"
        )


def _check_day(node: Node, problems: Problems) -> None:
    text = read_text(node)
    try:
        date.fromisoformat(text) if text != "as_at" else None
    except ValueError:
        problems.add(node.origin, f"day {text}", "as_at, or YYYY-MM-DD")


def read_flag(node: Node | None, problems: Problems, *, default: bool = False) -> bool:
    """A yes or no, or the default where it is absent."""
    if node is None:
        return default
    if not isinstance(node.value, bool):
        problems.add(node.origin, "a value that is neither true nor false", "true or false")
        return default
    return node.value
