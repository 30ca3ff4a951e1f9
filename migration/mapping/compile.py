"""Expressions of a pack as SQL over the raw rows of one source table.

Enters: expressions and conditions. Leaves: `Value`s of a `Query`. Must hold: the only SQL in a compiled mapping is
written here and in `parsers.sql`; what a pack says appears in it as quoted names and text literals. Every source column
is text, trimmed, and null where nothing is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from migration.mapping import dates
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
from migration.mapping.keys import record_id_sql, source_key_sql
from migration.mapping.layers_sql import Query, Value
from migration.mapping.literals import literal, name
from migration.mapping.model import FieldMap, Join, Policy
from migration.mapping.parsers import PARSERS, REPAIRS, Target
from migration.schema.model import Field


@dataclass
class Compiler:
    """Compiles the expressions of one record into one query.

    Attributes:
        as_of: settled column with the day codes are looked up by; None where the record gives none.
        periods: tables of crosswalks whose periods that day is compared with.
        fields: national fields of the record by name, for `field:` references.
        current: the field being compiled: its type and policies.
    """

    query: Query
    division: str
    as_at: str
    fields: Mapping[str, FieldMap]
    types: Mapping[str, tuple[Field, str]]
    as_of: Value | None = None
    current: FieldMap | None = None
    joins: Mapping[str, Join] = field(default_factory=dict)
    done: dict[str, Value] = field(default_factory=dict)
    periods: set[str] = field(default_factory=set)

    def field_value(self, field_name: str) -> Value:
        """The settled value of a national field, compiled once."""
        if field_name not in self.done:
            before, self.current = self.current, self.fields[field_name]
            self.done[field_name] = self.query.settle(self.value(self.fields[field_name].expression))
            self.current = before
        return self.done[field_name]

    def value(self, node: Expression) -> Value:
        """The value of an expression."""
        match node:
            case Column(name=column, join=join):
                found = self._column(column, join)
            case Constant(value=text):
                found = Value(literal(text), 0)
            case FieldValue(name=other):
                found = self._text_of_field(other)
            case RecordId():
                found = self._record_id(node)
            case Coalesce() | Concat() | When():
                found = self._choice(node)
            case Clean() | Parse() | Lookup():
                found = self._reading(node)
        return found

    def _choice(self, node: Coalesce | Concat | When) -> Value:
        if isinstance(node, When):
            return self._when(node)
        values = [self.value(item) for item in node.items]
        return self._coalesce(values) if isinstance(node, Coalesce) else self._concat(values, node.separator)

    def _reading(self, node: Clean | Parse | Lookup) -> Value:
        if isinstance(node, Clean):
            return self._clean(node)
        return self._parse(node) if isinstance(node, Parse) else self._lookup(node)

    def _column(self, column: str, join: str) -> Value:
        if join in self.joins:
            return self._joined_column(self.joins[join], column)
        raw = f"p.{name(f'{join}.{column}' if join else column)}"
        return self.query.column(f"tidy({raw})", 0)

    def _joined_column(self, join: Join, column: str) -> Value:
        keys = [self.query.settle(self.value(value)) for _, value in join.on]
        level = self._level(keys)
        alias = name(f"j_{join.alias}")
        pairs = zip(join.on, keys, strict=True)
        test = " AND ".join(f"{alias}.{name(theirs)} = p.{key.sql}" for (theirs, _), key in pairs)
        self.query.join(name(join_relation(join)), alias, test, level)
        return self.query.column(f"{alias}.{name(column)}", level)

    def _text_of_field(self, other: str) -> Value:
        value = self.field_value(other)
        usable = value.sql if value.error is None else f"CASE WHEN {value.error} IS NULL THEN {value.sql} END"
        return Value(usable, value.level)

    def _level(self, values: list[Value]) -> int:
        return max((v.level for v in values), default=0)

    def _coalesce(self, values: list[Value]) -> Value:
        """The first value that is there. One before it that is there and cannot be used is an error, not a gap."""
        sql = f"coalesce({', '.join(v.sql for v in values)})"
        level, repaired = self._level(values), _any_of(values)
        if all(v.error is None for v in values):
            return Value(sql, level, None, repaired)
        cases = []
        for value in values:
            if value.error is not None:
                cases.append(f"WHEN {value.error} IS NOT NULL THEN {value.error}")
            cases.append(f"WHEN {value.sql} IS NOT NULL THEN NULL")
        return Value(sql, level, f"CASE {' '.join(cases)} END", repaired)

    def _concat(self, values: list[Value], separator: str) -> Value:
        parts = ", ".join(f"{v.sql}::VARCHAR" for v in values)
        errors = [v.error for v in values if v.error is not None]
        error = f"coalesce({', '.join(errors)}, NULL)" if errors else None
        return Value(
            f"nullif(concat_ws({literal(separator)}, {parts}), '')", self._level(values), error, _any_of(values)
        )

    def _when(self, node: When) -> Value:
        conditions = [self.condition(c) for c, _ in node.cases]
        values = [self.value(e) for _, e in node.cases]
        last = None if node.otherwise is None else self.value(node.otherwise)
        everything = [*conditions, *values, *([last] if last else [])]
        error = None
        if any(v.error for v in everything):
            error = _case(conditions, [v.error or "NULL" for v in values], (last.error if last else None) or "NULL")
        sql = _case(conditions, [v.sql for v in values], last.sql if last else "NULL")
        return Value(sql, self._level(everything), error, _any_of(values))

    def _record_id(self, node: RecordId) -> Value:
        key = self.record_key(node)
        return Value(record_id_sql(self.division, node.system, node.table, key.sql), key.level)

    def record_key(self, node: RecordId) -> Value:
        """The key text of another record, of which its id is made; null where the reference does not hold."""
        parts = [self.value(k) for k in node.key]
        needed = [self.value(k) for k in node.only_if]
        sql = source_key_sql([p.sql for p in parts], literal(node.group) if node.group else "")
        if needed:
            there = " OR ".join(f"{n.sql} IS NOT NULL" for n in needed)
            sql = f"CASE WHEN {there} THEN {sql} END"
        return Value(sql, self._level([*parts, *needed]))

    def _clean(self, node: Clean) -> Value:
        inner = self.query.settle(self.value(node.inner))
        sql, repaired = inner.sql, inner.repaired
        if node.repair:
            test, repair = (part.format(x=sql) for part in REPAIRS[node.repair])
            sql = f"CASE WHEN {test} THEN {repair} ELSE {sql} END"
            held = self.query.column(sql, inner.level)
            repaired = f"{held.sql} <> {inner.sql}"
            sql, inner = held.sql, Value(held.sql, held.level, inner.error)
        if node.take:
            sql = f"nullif(regexp_extract({sql}, {literal(node.take)}, {1 if '(' in node.take else 0}), '')"
        if node.upper:
            sql = f"upper({sql})"
        if node.replace:
            cases = " ".join(f"WHEN {literal(a)} THEN {literal(b)}" for a, b in node.replace)
            sql = f"nullif(CASE {sql} {cases} ELSE {sql} END, '')"
        if node.nulls:
            sql = f"CASE WHEN {sql} IN ({', '.join(literal(n) for n in node.nulls)}) THEN NULL ELSE {sql} END"
        if node.truncate:
            sql = f"cut({sql}, {node.truncate})"
        return Value(sql, inner.level, inner.error, repaired)

    def _parse(self, node: Parse) -> Value:
        inner = self.query.settle(self.value(node.inner))
        parser = PARSERS[node.parser]
        target, level = Target(self._target_type(), self.as_at), inner.level
        formats = (
            dates.read_formats(node.options.get("formats"), parser.default_formats) if parser.default_formats else ()
        )
        if any(f.pattern in dates.ISO_READERS for f in formats):
            held = self.query.column(dates.cast_sql(inner.sql), level)
            target, level = replace(target, held=held.sql), held.level
        built = parser.build(inner.sql, node.options, target)
        value = self.query.column(built.value, level)
        error = None
        if not parser.is_total:
            error = f"CASE WHEN {inner.sql} IS NOT NULL AND {value.sql} IS NULL THEN 'UNREADABLE'"
            if built.error is not None:
                error += f" WHEN {value.sql} IS NOT NULL THEN {built.error.replace('{value}', value.sql)}"
            error += " END"
        if inner.error is not None:
            error = inner.error if error is None else f"coalesce({inner.error}, {error})"
        sql = value.sql
        if node.parser == "timestamp":
            zone = str(node.options.get("zone", dates.LONDON))
            sql = dates.utc_sql(sql, zone, str(node.options.get("ambiguous", "earlier")))
        return Value(sql, value.level, error, inner.repaired)

    def _target_type(self) -> str:
        return self.types[self.current.name][1] if self.current else "VARCHAR"

    def day(self, node: Expression) -> Value:
        """The day of a date or point in time, settled."""
        value = self.query.settle(self.value(node))
        is_timestamp = isinstance(node, Parse) and node.parser == "timestamp"
        return self.query.column(f"utc_day({value.sql})" if is_timestamp else f"{value.sql}::DATE", value.level)

    def _lookup(self, node: Lookup) -> Value:
        inner = self.query.settle(self.value(node.inner))
        level = inner.level if self.as_of is None else max(inner.level, self.as_of.level)
        codes = self.types[self.current.name][0].codes if self.current else None
        relation = name(crosswalk_relation(node.crosswalk, codes or "", is_identity=node.identity))
        alias = f"x{len(self.query.layer(level).joins)}"
        self.query.join(relation, alias, f"{alias}.legacy_value = p.{inner.sql}", level)
        sql = f"{alias}.national_code"
        missing = f"{inner.sql} IS NOT NULL AND {sql} IS NULL"
        error = f"CASE WHEN {missing} THEN {'NULL' if node.partial else literal('UNMAPPED_CODE')}"
        if self.as_of is not None:
            self.periods.add(relation)
            outside = f"({self.as_of.sql} NOT BETWEEN {alias}.valid_from AND {alias}.valid_to)"
            error += f" WHEN {outside} THEN 'CODE_NOT_VALID'"
            if self.current is not None and self.current.on_not_valid is Policy.SUCCESSOR:
                sql = f"CASE WHEN {outside} THEN coalesce({alias}.successor_code, {sql}) ELSE {sql} END"
        error += " END"
        if inner.error is not None:
            error = f"coalesce({inner.error}, {error})"
        return self.query.settle(Value(sql, level, error))

    def condition(self, node: Condition) -> Value:
        """SQL of whether a condition holds: true or false, never null."""
        match node:
            case All(parts=parts):
                found = self._combine([self.condition(p) for p in parts], " AND ", "true")
            case Any(parts=parts):
                found = self._combine([self.condition(p) for p in parts], " OR ", "false")
            case Not(part=part):
                inner = self.condition(part)
                found = Value(f"(NOT {inner.sql})", inner.level)
            case Test():
                found = self._test(node)
        return found

    def _combine(self, parts: list[Value], word: str, empty: str) -> Value:
        return Value(f"({word.join(p.sql for p in parts) or empty})", self._level(parts))

    def _test(self, node: Test) -> Value:
        value = self.query.settle(self.value(node.value))
        if node.other is not None:
            other = self.query.settle(self.value(node.other))
            same = f"coalesce({value.sql}::VARCHAR = {other.sql}::VARCHAR, false)"
            return Value(same, self._level([value, other]))
        listed = ", ".join(literal(v) for v in node.values)
        first = literal(node.values[0]) if node.values else "NULL"
        day = literal(self.as_at) if node.values[:1] == ("as_at",) else first
        match node.comparison:
            case Comparison.IS_NULL:
                test = f"{value.sql} IS {'' if node.values[:1] != ('False',) else 'NOT '}NULL"
            case Comparison.MATCHES:
                test = f"regexp_matches({value.sql}::VARCHAR, {first})"
            case Comparison.BEFORE:
                test = f"{value.sql}::DATE < DATE {day}"
            case Comparison.AFTER:
                test = f"{value.sql}::DATE > DATE {day}"
            case _:
                test = f"{value.sql}::VARCHAR IN ({listed})"
        return Value(f"coalesce({test}, false)", value.level)


def join_relation(join: Join) -> str:
    """Name of the relation a join reads: one row to a key, columns trimmed, absent ones null."""
    pick = " ".join(f"{o.column}{'-' if o.is_descending else '+'}" for o in join.pick)
    parts = [join.system, join.table, *(c for c, _ in join.on), pick, *join.collect, join.separator]
    return "join " + " ".join(p for p in parts if p)


def crosswalk_relation(crosswalk: str, codes: str, *, is_identity: bool) -> str:
    """Name of the relation that holds a crosswalk into a national list."""
    return f"codes {crosswalk} > {codes}{' or itself' if is_identity else ''}"


def _case(conditions: list[Value], results: list[str], otherwise: str) -> str:
    cases = " ".join(f"WHEN {c.sql} THEN {r}" for c, r in zip(conditions, results, strict=True))
    return f"CASE {cases} ELSE {otherwise} END" if cases else otherwise


def _any_of(values: list[Value]) -> str | None:
    repaired = [f"coalesce({v.repaired}, false)" for v in values if v.repaired is not None]
    return f"({' OR '.join(repaired)})" if repaired else None


def strip_reading(node: Expression) -> Expression | None:
    """The expression without parsing, cleaning and lookups: the text as recorded. None where nothing is recorded."""
    match node:
        case Lookup(inner=inner) | Parse(inner=inner) | Clean(inner=inner):
            return strip_reading(inner)
        case Constant() | FieldValue() | RecordId():
            return None
        case Coalesce(items=items):
            kept = tuple(k for k in map(strip_reading, items) if k is not None)
            return Coalesce(kept) if kept else None
        case Concat(items=items, separator=separator):
            kept = tuple(k for k in map(strip_reading, items) if k is not None)
            return Concat(kept, separator) if kept else None
        case When(cases=cases, otherwise=otherwise):
            texts = tuple((c, e) for c, e in ((c, strip_reading(e)) for c, e in cases) if e is not None)
            last = None if otherwise is None else strip_reading(otherwise)
            return When(texts, last) if texts else last
    return node
