"""One record of a pack as one SELECT: fields, problems, outcome.

Enters: a `Record`, the national entity, and what is known of the raw rows (duplicates, conflicts). Leaves: SQL whose
rows are the record's source records. Must hold: each raw row gives exactly one row for a record without group; a value
that cannot be used is null and is named in `_problems`; `_outcome` is null for what may still be loaded.
Columns beside the entity's: `_source_row, _key, _id, _outcome, _reason, _rule, _target, _retention, _problems`, and
`_code <field>` with the legacy value of each looked-up field; `_identity` where the id is not made of `_key`. The
columns of `keyed` fields hold the key of the record they refer to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migration.mapping.compile import Compiler, strip_reading
from migration.mapping.expressions import Expression, FieldValue, Lookup, RecordId, walk
from migration.mapping.keys import record_id_sql, source_key_sql
from migration.mapping.layers_sql import Query, Value
from migration.mapping.literals import literal, name
from migration.mapping.model import FieldMap, Pack, Policy, Record, SourceTable
from migration.mapping.references import list_parts
from migration.records import Disposition
from migration.schema.arrow import duckdb_type
from migration.schema.model import Entity, Field, FieldType

RAW_LENGTH = 120
KEPT = {"AMBIGUOUS_TIME", "NONEXISTENT_TIME"}
"""Errors that leave the value as it is whatever the policy: they are reported."""
CODE_ERRORS = {"UNMAPPED_CODE": "on_unmapped", "CODE_NOT_VALID": "on_not_valid"}


@dataclass(frozen=True)
class Made:
    """A field of the query as SQL.

    Attributes:
        value: its usable value.
        problem: its problem, `Q|field|CODE` or `I|field|CODE`; None where it cannot have one.
        quarantine: the reason that quarantines its record; None where nothing can.
        has_problem: whether `problem` is there, cheap to ask of every row.
    """

    field: Field
    value: str
    problem: str | None = None
    quarantine: str | None = None
    has_problem: str = "false"


@dataclass(frozen=True)
class Parts:
    """What is asked of each raw row, as SQL over the layers of the record's query.

    Attributes:
        rules: outcome, condition, reason and name of the rules on whole records.
        where: conditions that all hold for a row that has such a record.
        codes: by field, the legacy code it was looked up by.
        target: id of the record that the row is part of, for records that are merged into others.
    """

    made: list[Made]
    rules: list[tuple[str, Value, str, str]]
    where: list[str]
    retention: str
    codes: dict[str, str]
    target: Value | None

    def words(self) -> list[str]:
        """Conditions of which none holds for a row that is simply loaded: it needs no word."""
        signs = [f"({m.has_problem})" for m in self.made if m.problem is not None]
        signs += [f"({m.quarantine}) IS NOT NULL" for m in self.made if m.quarantine is not None]
        return [*signs, *(held.sql for _, held, _, _ in self.rules)]


class RecordSql:
    """The SQL of one record.

    Args:
        has_state: the table has rows that repeat a key or another row.
        only: table with those of its raw rows that are asked, instead of all.

    Attributes:
        identity: column with the key text that `_id` is made of.
        keyed: fields whose column holds the key text of the record they refer to, by system and table of that record;
            `fates` knows its id, so that it is worked out once a record and not once a reference.
    """

    def __init__(self, pack: Pack, record: Record, entity: Entity, *, has_state: bool, only: str | None = None) -> None:
        self.pack = pack
        self.record = record
        self.entity = entity
        self.table: SourceTable = pack.system(record.system).table(record.table)
        self.has_state = has_state
        self.source = only or name(f"{record.system}.{record.table}")
        self.identity = "_identity" if has_state or record.pick else "_key"
        self.query = Query(self._base())
        self.maps = {f.name: f for f in record.fields}
        self.keyed = {} if record.merged_into else dict(self._keyed_references())
        self.compiler = Compiler(
            query=self.query,
            division=pack.division,
            as_at=pack.as_at.isoformat(),
            fields=self.maps,
            types={f.name: (f, duckdb_type(f)) for f in entity.fields},
            joins={j.alias: j for j in record.joins},
        )
        if record.as_of is not None:
            day = self.compiler.day(record.as_of)
            # a column of its own, which no field shares: only the periods of codes are compared with it
            self.compiler.as_of = self.query.column(f"{day.sql} /* day of codes */", day.level)

    def parts(self) -> Parts:
        """What is asked of each raw row."""
        merged = self.record.merged_into
        target = self.query.settle(self.compiler.value(merged)) if merged else None
        made = [] if merged else [m for f in self.entity.business_fields for m in self._make(f, self.keyed)]
        rules = self._rules()
        where = [] if self.record.when is None else [self.compiler.condition(self.record.when).sql]
        if self.record.present:
            there = (f"tidy(p.{name(c)}) IS NOT NULL" for c in self.record.present)
            where.append(f"({' OR '.join(there)})")
        return Parts(made, rules, where, self._retention(), {} if merged else self._codes(), target)

    def select(self) -> str:
        """The record's source records."""
        parts = self.parts()
        columns = [
            "_source_row",
            "_full_key AS _key",
            "_id",
            *([self.identity] if self.identity != "_key" else []),
            f"{self._outcome(parts.made, parts.rules, parts.target)} AS _decision",
            *(f"{m.value} AS {name(m.field.name)}" for m in parts.made),
            f"{parts.retention} AS _retention",
            f"{_problem_list(parts.made)} AS _problems",
            *(f"{text} AS {name(code_column(field))}" for field, text in parts.codes.items()),
        ]
        tail = f"\nWHERE {' AND '.join(parts.where)}" if parts.where else ""
        inner = f"SELECT {', '.join(columns)}\nFROM {self.query.relation()} AS p{tail}"
        decided = "_decision.outcome AS _outcome, _decision.reason AS _reason, _decision.rule AS _rule"
        return f"SELECT * EXCLUDE (_decision), {decided}, _decision.target AS _target\nFROM ({inner})"

    def select_field(self, field: Field) -> str:
        """One field of the record alone: the key, its value and its problem."""
        (made,) = self._make(field, {})
        problem = made.problem or "NULL"
        columns = f"_full_key AS _key, {made.value} AS {name(field.name)}, {problem} AS _problem"
        return f"SELECT {columns}\nFROM {self.query.relation()} AS p"

    def _base(self) -> str:
        raw = self.source
        own = [f"r.{name(c)}" for c in self.table.key]
        identity = [f"r.{name(c)}" for c in (self.table.identity if self.record.pick else self.table.key)]
        group = literal(self.record.group) if self.record.group else ""
        extra, source = "", f"{raw} AS r"
        if self.record.split is not None:
            column, separator = name(self.record.split.column), literal(self.record.split.separator)
            source = (
                f"(SELECT *, unnest(string_split({column}, {separator})) AS {name('split.value')}, "
                f"generate_subscripts(string_split({column}, {separator}), 1) AS _part FROM {raw}) AS r"
            )
            group = f"{literal(self.record.group)} || r._part"
        if self.record.pick:
            order = ", ".join(order_sql(f"r.{name(o.column)}", is_descending=o.is_descending) for o in self.record.pick)
            extra += (
                f", row_number() OVER (PARTITION BY {', '.join(identity)} ORDER BY {order}, {', '.join(own)}) AS _pick"
            )
        key = source_key_sql(own)
        identity_key = source_key_sql(identity, group)
        suffix = f" || '#' || {group}" if group else ""
        if self.has_state:
            state = name(f"state {self.record.system}.{self.record.table}")
            source += f" LEFT JOIN {state} AS s ON s._source_row = r._source_row"
            extra += ", s.kind AS _kind, s.kept_key AS _kept_key"
            key = f"coalesce({key}, '') || coalesce(s.suffix, '')"
        identifier = record_id_sql(self.pack.division, self.record.system, self.record.table, identity_key)
        missing = source_key_sql(own)
        return (
            f"(SELECT r.*, {key}{suffix} AS _full_key, {identity_key} AS _identity, {identifier} AS _id, "
            f"({missing}) IS NULL AS _no_key{extra}\n"
            f"FROM {source})"
        )

    def _keyed_references(self) -> Iterator[tuple[str, tuple[str, str]]]:
        read = {p.name for part in list_parts(self.record) for p in walk(part) if isinstance(p, FieldValue)}
        for item in self.record.fields:
            node, field = item.expression, self.entity.field(item.name)
            if isinstance(node, RecordId) and field.references is not None and item.name not in read:
                yield item.name, (node.system, node.table)

    def _make(self, field: Field, keyed: Mapping[str, tuple[str, str]]) -> list[Made]:
        if field.name == self.entity.key[-1]:
            return [Made(field, "_id")]
        item = self.maps.get(field.name)
        if item is None:
            undecided = field.is_required and field.filled_by is None and self.pack.is_draft
            value = self._raw_text(field) or f"NULL::{duckdb_type(field)}"
            if undecided:
                return [Made(field, value, f"'Q|{field.name}|UNDECIDED'", "'UNDECIDED'", "true")]
            return [Made(field, value)]
        if field.name in keyed and isinstance(item.expression, RecordId):
            return [self._judge(field, item, self.query.settle(self.compiler.record_key(item.expression)))]
        return [self._judge(field, item, self.compiler.field_value(field.name))]

    def _raw_text(self, field: Field) -> str | None:
        coded = self.maps.get(field.name.removesuffix("_raw") + "_code") if field.name.endswith("_raw") else None
        plain = self.maps.get(field.name.removesuffix("_raw")) if field.name.endswith("_raw") else None
        item = coded or plain
        text = strip_reading(item.expression) if item else None
        if text is None:
            return None
        value = self.query.settle(self.compiler.value(text))
        return f"cut({value.sql}, {RAW_LENGTH})"

    def _judge(self, field: Field, item: FieldMap, value: Value) -> Made:
        """The usable value of a field and its problem, by the field's policies."""
        typed = f"{value.sql}::{duckdb_type(field)}"
        error = _check_value(field, value)
        if error is None:
            held_error, usable = None, typed
        else:
            held_error = self.query.column(error, value.level).sql
            kept = sorted(_kept_errors(item))
            usable = (
                f"CASE WHEN {held_error} IS NULL THEN {typed} "
                f"WHEN {held_error} IN ({', '.join(map(literal, kept))}) THEN {typed} END"
            )
            if item.on_error is Policy.KEEP and field.type is FieldType.TEXT and field.length:
                usable = f"cut({usable}, {field.length})"
        held = self.query.column(usable, value.level + (1 if held_error else 0))
        stop = self._stop(item, held, held_error)
        issue = held_error or "NULL"
        signs = [f"{held_error} IS NOT NULL"] if held_error is not None else []
        if value.repaired is not None:
            issue = f"coalesce({issue}, CASE WHEN {value.repaired} THEN 'REPAIRED' END)"
            signs.append(value.repaired)
        has_issue = held_error is not None or value.repaired is not None
        problem = f"'I|{field.name}|' || {issue}" if has_issue else None
        if stop is not None:
            stopped = f"'Q|{field.name}|' || {stop}"
            problem = stopped if problem is None else f"coalesce({stopped}, {problem})"
            signs += [f"{held.sql} IS NULL"] if item.is_required else []
        return Made(field, held.sql, problem, stop, " OR ".join(signs))

    def _stop(self, item: FieldMap, held: Value, error: str | None) -> str | None:
        """SQL of the reason that quarantines the record for this field; None where nothing can."""
        stopping = sorted(_stopping_errors(item))
        cases = []
        if error is not None and stopping:
            others = sorted({*ON_ERROR, *CODE_ERRORS, *KEPT} - {*stopping})
            listed = ("NOT IN", others) if len(others) < len(stopping) else ("IN", stopping)  # DuckDB joins long lists
            cases.append(f"WHEN {error} {listed[0]} ({', '.join(map(literal, listed[1]))}) THEN {error}")
        if item.is_required:
            cases.append(
                f"WHEN {held.sql} IS NULL THEN {f'coalesce({error}, ' if error else ''}'MISSING'{')' if error else ''}"
            )
        if not cases:
            return None
        fine = [f"{error} IS NULL"] if error is not None else []
        fine += [f"{held.sql} IS NOT NULL"] if item.is_required else []
        return f"CASE WHEN {' AND '.join(fine)} THEN NULL {' '.join(cases)} END"

    def _rules(self) -> list[tuple[str, Value, str, str]]:
        found = []
        for kind, rules in (
            (Disposition.OUT_OF_SCOPE, self.record.out_of_scope),
            (Disposition.WEEDED, self.record.weed),
        ):
            for rule in rules:
                if kind is Disposition.OUT_OF_SCOPE or rule.confirmed_by:
                    held = self.query.settle(self.compiler.condition(rule.condition))
                    found.append((kind.value, held, rule.name.upper()[:60], f"{self.entity.name}.{rule.name}"))
        return found

    def _retention(self) -> str:
        due = [
            self.query.settle(self.compiler.condition(r.condition)).sql for r in self.record.weed if not r.confirmed_by
        ]
        own = "NULL::VARCHAR"
        if self.record.retention_class is not None:
            own = self.query.settle(self.compiler.value(self.record.retention_class)).sql
        return f"CASE WHEN {' OR '.join(due)} THEN 'DUE' ELSE {own} END" if due else own

    def _codes(self) -> dict[str, str]:
        found = {}
        for item in self.record.fields:
            lookup = find_lookup(item.expression)
            if lookup is not None:
                self.compiler.current = item
                text = self.query.settle(self.compiler.value(lookup.inner))
                found[item.name] = f"{text.sql}::VARCHAR"
        return found

    def _outcome(self, made: list[Made], rules: list[tuple[str, Value, str, str]], target: Value | None) -> str:
        entity, cases = self.entity.name, []
        cases.append(f"WHEN _no_key THEN {_decision('QUARANTINED', 'KEY_MISSING', f'{entity}.key')}")
        if self.has_state:
            prefix = record_id_sql(self.pack.division, self.record.system, self.record.table, self._kept_key())
            cases.append(
                f"WHEN _kind = 'DUPLICATE' THEN {_decision('DUPLICATE_OF', 'SAME_ROW', f'{entity}.duplicate', prefix)}"
            )
            cases.append(f"WHEN _kind = 'CONFLICT' THEN {_decision('QUARANTINED', 'KEY_CONFLICT', f'{entity}.key')}")
        if self.record.pick:
            cases.append(f"WHEN _pick > 1 THEN {_decision('MERGED_INTO', 'OLDER_ROW', f'{entity}.pick', '_id')}")
        for outcome, held, reason, rule in rules:
            cases.append(f"WHEN {held.sql} THEN {_decision(outcome, reason, rule)}")
        for item in made:
            if item.quarantine is not None:
                rule = f"{entity}.{item.field.name}"
                stop = item.quarantine
                cases.append(f"WHEN ({stop}) IS NOT NULL THEN {_decision('QUARANTINED', None, rule, reason_sql=stop)}")
        if target is not None:
            cases.append(f"ELSE {_decision('MERGED_INTO', 'PART_OF_RECORD', f'{entity}.merged_into', target.sql)}")
        return f"CASE {' '.join(cases)} END"

    def _kept_key(self) -> str:
        return f"_kept_key || {literal('#' + self.record.group)}" if self.record.group else "_kept_key"


def code_column(field: str) -> str:
    """Name of the column with the legacy code of a field."""
    return f"_code {field}"


def find_lookup(expression: Expression) -> Lookup | None:
    """The lookup a field rests on: the first that has to know every value."""
    return next((p for p in walk(expression) if isinstance(p, Lookup) and not p.partial), None)


def _decision(outcome: str, reason: str | None, rule: str, target: str = "NULL::VARCHAR", reason_sql: str = "") -> str:
    reason_text = reason_sql or literal(reason or "")
    return (
        f"struct_pack(outcome := {literal(outcome)}, reason := ({reason_text})::VARCHAR, "
        f"rule := {literal(rule)}, target := {target})"
    )


def order_sql(text: str, *, is_descending: bool) -> str:
    """SQL that orders by a text column as numbers where it holds numbers, else as text."""
    direction = "DESC" if is_descending else "ASC"
    return f"TRY_CAST({text} AS DOUBLE) {direction} NULLS LAST, {text} {direction} NULLS LAST"


def _problem_list(made: list[Made]) -> str:
    listed = [m.problem for m in made if m.problem is not None]
    if not listed:
        return "NULL::VARCHAR[]"
    found = " OR ".join(f"({m.has_problem})" for m in made if m.problem is not None)
    return f"CASE WHEN {found} THEN list_filter([{', '.join(listed)}], lambda x: x IS NOT NULL) END"


def _check_value(field: Field, value: Value) -> str | None:
    """SQL of the error of a value: its own, or one that the schema finds."""
    errors = [value.error] if value.error is not None else []
    if field.type is FieldType.TEXT and field.length and not field.references and field.codes is None:
        errors.append(f"CASE WHEN length({value.sql}::VARCHAR) > {field.length} THEN 'TOO_LONG' END")
    if field.pattern is not None and field.codes is None:
        errors.append(f"CASE WHEN NOT regexp_full_match({value.sql}, {literal(field.pattern)}) THEN 'BAD_PATTERN' END")
    if not errors:
        return None
    return errors[0] if len(errors) == 1 else f"coalesce({', '.join(errors)})"


ON_ERROR = ("UNREADABLE", "OUT_OF_RANGE", "CHECK_FAILED", "TOO_LONG", "BAD_PATTERN")


def _policy(item: FieldMap, error: str) -> Policy:
    return {"UNMAPPED_CODE": item.on_unmapped, "CODE_NOT_VALID": item.on_not_valid}.get(error, item.on_error)


def _kept_errors(item: FieldMap) -> set[str]:
    kept = {e for e in (*ON_ERROR, *CODE_ERRORS) if _policy(item, e) in (Policy.KEEP, Policy.SUCCESSOR)}
    return kept | KEPT


def _stopping_errors(item: FieldMap) -> set[str]:
    return {e for e in (*ON_ERROR, *CODE_ERRORS) if _policy(item, e) is Policy.QUARANTINE}
