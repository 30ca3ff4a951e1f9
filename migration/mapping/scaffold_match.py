"""First guesses: which national field a column of an unknown system may be, how sure, and why.

Enters: what each table and each group of columns is, the national schema, memory. Leaves: `Proposal`s. Must hold: a
guess says what it rests on; nothing is decided here: a person confirms. Measured by `tests/real/test_scaffold.py`
against a committed answer key and by `tests/synthetic/test_scaffold_unseen.py` against the packs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from migration.mapping.model import TableRole
from migration.mapping.scaffold_memory import Memory, split_name, words_of
from migration.mapping.scaffold_profile import MOST_READ, ColumnProfile, TableProfile
from migration.mapping.scaffold_references import Reference, find_references
from migration.mapping.scaffold_score import score_field
from migration.mapping.scaffold_tables import TableGuess
from migration.schema.model import Entity, Field, FieldType, NationalSchema

CONFIDENT = 0.7
"""From here on a proposal is written as a mapping; below, as a remark beside an undecided column."""
FLOOR = 0.45
COMPANION_LESS = 0.05
"""How much less a column of a companion counts: a table's own entity comes first."""
COMPANIONS = {
    "nominal": ("crime_nominal", "location", "nominal_alias"),
    "crime": ("crime_location", "location"),
    "crime_report": ("crime", "location"),
    "vehicle": ("crime_object",),
}
"""Entities that rows of a table often hold besides their own."""
REPORT_NUMBER = "crime_report.legacy_crime_no"


@dataclass(frozen=True)
class Proposal:
    """One guess. `target` is entity.field, `key` of the entity's id, or empty where there is none.

    `part` names the part of the table the column stands in; `own` is the column's name there.
    """

    table: str
    column: str
    target: str
    confidence: float
    why: str
    part: str = ""
    own: str = ""

    @property
    def is_confident(self) -> bool:
        """Whether it is written as a mapping."""
        return bool(self.target) and self.confidence >= CONFIDENT


@dataclass(frozen=True)
class _Frame:
    """What every proposal of a system rests on."""

    schema: NationalSchema
    memory: Memory
    references: Mapping[tuple[str, str], Reference]
    guesses: Mapping[str, TableGuess]


def propose(guesses: tuple[TableGuess, ...], schema: NationalSchema, memory: Memory) -> tuple[Proposal, ...]:
    """A proposal for each column of each part of a table that is not a lookup."""
    whole = {g.part.source.name: g for g in guesses if not g.part.group}
    frame = _Frame(schema, memory, find_references(tuple(g.part.source for g in whole.values())), whole)
    found: list[Proposal] = []
    for guess in guesses:
        if guess.role is not TableRole.LOOKUP:
            found += _propose_part(guess, frame)
    return tuple(found)


def expand(guesses: tuple[TableGuess, ...], proposals: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """The proposals for each column of the source: one of a numbered group stands for as many."""
    parts = {g.part.name: g.part for g in guesses}
    return tuple(replace(p, column=c) for p in proposals for c in parts[p.part].expand(p.own))


def _propose_part(guess: TableGuess, frame: _Frame) -> list[Proposal]:
    columns = guess.table.columns
    scored = [_propose_column(guess, c, frame) for c in columns]
    scored = _number_reports(guess, scored)
    scored = _one_column_a_field(scored)
    return _join_times(scored, {c.name: c for c in columns}, frame.schema)


def _number_reports(guess: TableGuess, proposals: list[Proposal]) -> list[Proposal]:
    """Of a report's table without a column for its number, the key is the number."""
    if guess.entity != "crime_report" or any(p.target == REPORT_NUMBER and p.is_confident for p in proposals):
        return proposals
    own = f"{guess.entity}.{guess.entity}_id"
    return [
        replace(p, target=REPORT_NUMBER, confidence=0.9, why=f"{p.why}, and no other column is the report's number")
        if p.target == own
        else p
        for p in proposals
    ]


def _one_column_a_field(proposals: list[Proposal]) -> list[Proposal]:
    """The surest column of each field keeps it, and the lines of one text do; others fall below confidence."""
    best: dict[str, Proposal] = {}
    for proposal in proposals:
        if proposal.target and proposal.confidence > best.get(proposal.target, proposal).confidence - 1e-9:
            best[proposal.target] = proposal
    return [
        p
        if not p.target or best[p.target] is p or _is_line_of(p.own, best[p.target].own) or p.confidence == KEY_PART
        else replace(p, confidence=min(p.confidence, FLOOR), why=f"{p.why}; another column fits better")
        for p in proposals
    ]


KEY_PART = 0.88
"""Confidence of columns that together are a key of another table: all of them keep their field."""


def _is_line_of(column: str, other: str) -> bool:
    """Whether two columns are lines of one text: named alike but for a number, and called lines."""
    ours, theirs = ([t for t in split_name(name) if not t.isdigit()] for name in (column, other))
    return ours == theirs and "line" in " ".join(ours)


def _join_times(
    proposals: list[Proposal], columns: Mapping[str, ColumnProfile], schema: NationalSchema
) -> list[Proposal]:
    """A column of times of day goes with the column of days that is named like it."""
    days = {_stem(p.own): p for p in proposals if p.target and columns[p.own].date_like > MOST_READ}
    found = []
    for proposal in proposals:
        day = days.get(_stem(proposal.own)) if columns[proposal.own].time_like > MOST_READ else None
        if day is not None and day.own != proposal.own and _field_of(day, schema).type is FieldType.TIMESTAMP:
            why = f"times of day beside {day.column}"
            found.append(replace(proposal, target=day.target, confidence=day.confidence, why=why))
        else:
            found.append(proposal)
    return found


def _stem(column: str) -> str:
    """A column's name without its last word, where that may say `date` or `time`."""
    tokens = split_name(column)
    return " ".join(tokens[:-1] if tokens[-1:] and tokens[-1][:1] in "dt" else tokens)


def _field_of(proposal: Proposal, schema: NationalSchema) -> Field:
    entity, _, field = proposal.target.partition(".")
    return schema.entity(entity).field(field)


def _propose_column(guess: TableGuess, column: ColumnProfile, frame: _Frame) -> Proposal:
    part = guess.part
    source = part.columns[column.name]
    blank = Proposal(part.source.name, source, "", 0.0, "table not understood", part.name, column.name)
    if not guess.entity:
        return blank
    entity = frame.schema.entity(guess.entity)
    reference = frame.references.get((part.source.name, source))
    if (source,) == part.source.key and reference is None and not part.group:
        return replace(blank, target=f"{entity.name}.{entity.key[-1]}", confidence=0.95, why="unique in the table")
    other = frame.guesses[reference.table] if reference is not None else None
    is_other = other is not None and other.role is TableRole.RECORD and other.entity != guess.entity
    if reference is not None and other is not None and is_other:
        pointer = _find_pointer(entity, other.entity, column.name, frame.schema)
        if pointer:
            confidence = KEY_PART if len(reference.own) > 1 else 0.9
            return replace(blank, target=pointer, confidence=confidence, why=reference.why)
    lookup = other.table if other is not None and other.role is TableRole.LOOKUP else None
    score, why, target = _best_field(guess, column, lookup, frame)
    if score < FLOOR:
        return replace(blank, confidence=score, why="nothing near")
    return replace(blank, target=target, confidence=round(score, 2), why=why)


def _best_field(
    guess: TableGuess, column: ColumnProfile, lookup: TableProfile | None, frame: _Frame
) -> tuple[float, str, str]:
    best = (0.0, "", "")
    for entity, field in _candidates(frame.schema.entity(guess.entity), frame.schema):
        score, why = score_field(guess.table, column, lookup, entity, field, frame.memory)
        score -= 0.0 if entity.name == guess.entity else COMPANION_LESS
        if score > best[0]:
            best = (score, why, f"{entity.name}.{field.name}")
    return best


def _find_pointer(entity: Entity, target: str, column: str, schema: NationalSchema) -> str:
    """The field of the entity, or of a companion, that points to the target: of several, the one named most alike."""
    for name in (entity.name, *COMPANIONS.get(entity.name, ())):
        fields = [f.name for f in schema.entity(name).business_fields if f.references and f.references[0] == target]
        if fields:
            ours = " ".join(words_of(column))
            return f"{name}.{max(fields, key=lambda f: fuzz.token_set_ratio(ours, ' '.join(words_of(f))))}"
    return ""


def _candidates(entity: Entity, schema: NationalSchema) -> Iterator[tuple[Entity, Field]]:
    """Fields of the entity, and of its companions those that the entity has none of the same name of."""
    own = set(entity.field_names)
    for name in (entity.name, *COMPANIONS.get(entity.name, ())):
        other = schema.entity(name)
        for field in other.business_fields:
            is_own = name == entity.name or field.name not in own or field.name == "full_name_raw"
            if is_own and not (
                field.references or field.filled_by or field.name == other.key[-1] or _is_raw_sibling(other, field)
            ):
                yield other, field


def _is_raw_sibling(entity: Entity, field: Field) -> bool:
    """Whether a field only keeps another one as recorded."""
    name = field.name.removesuffix("_raw")
    return name != field.name and bool({name, f"{name}_code"} & set(entity.field_names))
