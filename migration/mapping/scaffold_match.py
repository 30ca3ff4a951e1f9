"""First guesses: which national field a column of an unknown system may be, how sure, and why.

Enters: table profiles, the national schema, the thesaurus, and every pack there is. Leaves: `Proposal`s. Must hold: a
guess says what it rests on; what earlier packs mapped counts for as much as the schema's own names; nothing is decided
here: a person confirms. Measured by `tests/real/test_scaffold.py` against a committed answer key.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import fuzz

from migration.mapping.expressions import Column, list_columns
from migration.mapping.model import Pack, TableRole
from migration.mapping.scaffold_profile import ColumnProfile, TableProfile
from migration.schema.model import Entity, Field, FieldType, NationalSchema

CONFIDENT = 0.7
"""From here on a proposal is written as a mapping; below, as a remark beside an undecided column."""
FLOOR = 0.45
LOOKUP_ROWS = 400
LINK_COLUMNS = 8
"""A table that links two entities has no more columns than this."""
PEOPLE_WORDS = frozenset({"surname", "forename", "name", "sex", "age", "born"})
COMPANIONS = {"nominal": ("crime_nominal",), "crime": ("crime_location",), "property_item": (), "crime_report": ()}
"""Entities that rows of a table often hold besides their own."""


@dataclass(frozen=True)
class Proposal:
    """One guess. `target` is entity.field, `key` of the entity's id, or empty where there is none."""

    table: str
    column: str
    target: str
    confidence: float
    why: str

    @property
    def is_confident(self) -> bool:
        """Whether it is written as a mapping."""
        return bool(self.target) and self.confidence >= CONFIDENT


@dataclass(frozen=True)
class TableGuess:
    """What a table's rows are: a national entity, or a lookup. `report_key` names the column with the report's key."""

    table: TableProfile
    entity: str
    role: TableRole
    why: str


@dataclass(frozen=True)
class Memory:
    """What earlier packs know: column names by national field, legacy codes by national list, tables by entity."""

    columns: Mapping[str, frozenset[str]]
    codes: Mapping[str, frozenset[str]]
    tables: Mapping[str, frozenset[str]]


@lru_cache(maxsize=1)
def load_thesaurus() -> Mapping[str, Any]:
    """Words of crime recording."""
    thesaurus: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("thesaurus.yml").read_text(encoding="utf-8"))
    return thesaurus


def words_of(text: str) -> list[str]:
    """A name as the words it is compared by."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    words = load_thesaurus()["words"]
    tokens = [t for t in re.split(r"[^a-z]+", split.lower()) if t]
    return [w for w in (words.get(t, t) for t in tokens) if w]


def remember(packs: tuple[Pack, ...], schema: NationalSchema) -> Memory:
    """What the packs there are have already agreed."""
    columns: dict[str, set[str]] = defaultdict(set)
    codes: dict[str, set[str]] = defaultdict(set)
    tables: dict[str, set[str]] = defaultdict(set)
    for pack in packs:
        for record in pack.records:
            tables[record.entity].add(record.table)
            for item in record.fields:
                used = [c for c in list_columns(item.expression) if isinstance(c, Column)]
                if len(used) == 1:
                    columns[f"{record.entity}.{item.name}"].add(used[0].name)
        for crosswalk in pack.crosswalks.values():
            if crosswalk.name in schema.codes:
                codes[crosswalk.name] |= {v.upper() for v in crosswalk.decisions}
    return Memory(*({k: frozenset(v) for k, v in part.items()} for part in (columns, codes, tables)))


def find_owners(tables: tuple[TableProfile, ...]) -> dict[str, str]:
    """Which table each key column belongs to: of several whose key it is, the one its name resembles most."""
    owners: dict[str, str] = {}
    for table in sorted(tables, key=lambda t: t.name):
        if len(table.key) == 1:
            column = table.key[0]
            others = [owners[column]] if column in owners else []
            owners[column] = max([*others, table.name], key=lambda t: fuzz.ratio(t.lower(), column.lower()))
    return owners


def guess_tables(tables: tuple[TableProfile, ...]) -> tuple[TableGuess, ...]:
    """What each table is. Small ones with a key and a name are lookups; the rest must look like what they are named."""
    owners = find_owners(tables)
    first = {t.name: _guess_by_name(t) for t in tables}
    return tuple(_confirm(first[t.name], owners, first) for t in tables)


def _guess_by_name(table: TableProfile) -> TableGuess:
    described = any(re.search(r"(?i)name|desc|label|title", c.name) for c in table.columns)
    if len(table.key) == 1 and described and table.rows <= LOOKUP_ROWS:
        return TableGuess(table, "", TableRole.LOOKUP, "few rows, a key and a name")
    named = named_entities(table.name)
    for one, other, link in load_thesaurus()["links"]:
        if one in named and other in named and len(table.columns) <= LINK_COLUMNS:
            return TableGuess(table, link, TableRole.RECORD, f"names {one} and {other}")
    if named:
        return TableGuess(table, named[0], TableRole.RECORD, f"its name speaks of {named[0]}")
    return TableGuess(table, "", TableRole.RECORD, "its name says nothing known")


def named_entities(text: str) -> list[str]:
    """The national entities a name speaks of, in order."""
    entities = load_thesaurus()["entities"]
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text).lower()
    tokens = [t if t in entities else t.rstrip("s") for t in re.split(r"[^a-z]+", split)]
    return list(dict.fromkeys(entities[t] for t in tokens if t in entities))


def _confirm(guess: TableGuess, owners: Mapping[str, str], first: Mapping[str, TableGuess]) -> TableGuess:
    """The guess, if the table holds what its entity cannot be without: people's marks, or keys of its parents."""
    pointed = {
        first[owners[c.name]].entity
        for c in guess.table.columns
        if owners.get(c.name, guess.table.name) != guess.table.name
    }
    words = {w for c in guess.table.columns for w in words_of(c.name)}
    needs = {"crime_mo": "crime", "crime_marker": "crime", "crime": "crime_report"}.get(guess.entity)
    if guess.entity == "nominal" and not words & PEOPLE_WORDS:
        why = "names people, but holds no name, sex, age or date of birth"
    elif needs is not None and needs not in pointed and guess.table.rows and pointed:
        why = f"a {guess.entity} without a key of a {needs}"
    else:
        return guess
    return TableGuess(guess.table, "", guess.role, why)


def propose(guesses: tuple[TableGuess, ...], schema: NationalSchema, memory: Memory) -> tuple[Proposal, ...]:
    """A proposal for each column of each table that is not a lookup."""
    by_name = {g.table.name: g for g in guesses}
    owners = find_owners(tuple(g.table for g in guesses))
    keys = {column: by_name[table] for column, table in owners.items()}
    found: list[Proposal] = []
    for guess in guesses:
        if guess.role is TableRole.LOOKUP:
            continue
        scored = [_propose_column(guess, c, keys, schema, memory) for c in guess.table.columns]
        found.extend(_one_column_a_field(scored))
    return tuple(found)


def _one_column_a_field(proposals: list[Proposal]) -> list[Proposal]:
    """The surest column of each field keeps it; the others fall below confidence."""
    best: dict[str, Proposal] = {}
    for proposal in proposals:
        if proposal.target and proposal.confidence > best.get(proposal.target, proposal).confidence - 1e-9:
            best[proposal.target] = proposal
    return [
        p
        if not p.target or best[p.target] is p
        else Proposal(p.table, p.column, p.target, min(p.confidence, FLOOR), f"{p.why}; another column fits better")
        for p in proposals
    ]


def _propose_column(
    guess: TableGuess, column: ColumnProfile, keys: Mapping[str, TableGuess], schema: NationalSchema, memory: Memory
) -> Proposal:
    table = guess.table
    if not guess.entity:
        return Proposal(table.name, column.name, "", 0.0, "table not understood")
    entity = schema.entity(guess.entity)
    owner = keys.get(column.name)
    if (column.name,) == table.key and (owner is None or owner.table.name == table.name):
        return Proposal(table.name, column.name, f"{entity.name}.{entity.key[-1]}", 0.95, "unique in the table")
    other = owner
    if other is not None and other.role is TableRole.RECORD and other.table.name != table.name:
        reference = _reference(entity, other.entity, schema)
        if reference:
            return Proposal(table.name, column.name, reference, 0.9, f"key of table {other.table.name}")
    lookup = other.table if other is not None and other.role is TableRole.LOOKUP else None
    candidates = _candidates(entity, schema)
    scored = [(_score(guess, column, lookup, e, f, memory), e, f) for e, f in candidates]
    (score, why), best_entity, best_field = max(scored, key=lambda s: s[0][0])
    if score < FLOOR:
        return Proposal(table.name, column.name, "", score, "nothing near")
    return Proposal(table.name, column.name, f"{best_entity.name}.{best_field.name}", round(score, 2), why)


def _reference(entity: Entity, target: str, schema: NationalSchema) -> str:
    for name in (entity.name, *COMPANIONS.get(entity.name, ())):
        for field in schema.entity(name).business_fields:
            if field.references and field.references[0] == target and field.name != "locus_location_id":
                return f"{name}.{field.name}"
    return ""


def _candidates(entity: Entity, schema: NationalSchema) -> list[tuple[Entity, Field]]:
    names = [entity.name, *COMPANIONS.get(entity.name, ())]
    if entity.name == "crime":
        names.append("location")
    return [
        (schema.entity(n), f)
        for n in names
        for f in schema.entity(n).business_fields
        if (
            not f.references
            and f.filled_by is None
            and f.name != schema.entity(n).key[-1]
            and not f.name.endswith("_raw")
        )
        or (f.name.endswith("category_raw") and n in ("crime_mo", "property_item"))
    ]


def _score(
    guess: TableGuess, column: ColumnProfile, lookup: TableProfile | None, entity: Entity, field: Field, memory: Memory
) -> tuple[float, str]:
    named, known = _name_score(guess, column, lookup, entity, field, memory)
    fit, reason = _value_score(column, lookup, field, memory)
    if lookup is not None and set(named_entities(lookup.name)) - {entity.name, guess.entity}:
        fit, reason = fit - 0.2, f"{reason}; that table speaks of something else"
    score = max(0.0, min(0.99, named * 0.85 + fit))
    return score, f"name like {known} ({named:.2f}){reason}"


def _name_score(
    guess: TableGuess, column: ColumnProfile, lookup: TableProfile | None, entity: Entity, field: Field, memory: Memory
) -> tuple[float, str]:
    path = f"{entity.name}.{field.name}"
    own = set(words_of(entity.name)) | set(words_of(guess.table.name))
    theirs = [field.name, field.title, *load_thesaurus()["fields"].get(path, ()), *memory.columns.get(path, ())]
    ours = [column.name, *([lookup.name] if lookup else ())]
    best, known = 0.0, field.name
    for our in ours:
        for their in theirs:
            for left, right in _variants(words_of(our), words_of(their), own):
                ratio = (fuzz.token_sort_ratio(left, right) * 0.7 + fuzz.token_set_ratio(left, right) * 0.3) / 100
                if left and right and ratio > best:
                    best, known = ratio, their
    return best, known


def _variants(ours: list[str], theirs: list[str], own: set[str]) -> list[tuple[str, str]]:
    """Names as they are, and without the words that only repeat the table or entity."""
    short = [[w for w in words if w not in own] for words in (ours, theirs)]
    if short[0] and short[1]:
        return [(" ".join(short[0]), " ".join(short[1]))]
    return [(" ".join(ours), " ".join(theirs))]


def _value_score(column: ColumnProfile, lookup: TableProfile | None, field: Field, memory: Memory) -> tuple[float, str]:
    """How the values fit the field's type: added to, or taken from, what the name says."""
    is_date = column.date_like > 0.8
    if column.filled == 0:
        found = (-0.2, "; never filled")
    elif field.type in (FieldType.DATE, FieldType.TIMESTAMP):
        found = (0.15, "; values are dates") if is_date else (-0.35, "; values are no dates")
    elif is_date:
        found = (-0.4, "; values are dates")
    elif field.type in (FieldType.INTEGER, FieldType.DECIMAL, FieldType.DOUBLE):
        found = (0.12, "; values are numbers") if column.numeric > 0.9 else (-0.3, "; values are no numbers")
    elif field.type is FieldType.BOOLEAN:
        found = (0.12, "; few values") if len(column.values) <= 3 else (-0.3, "; too many values for a flag")
    elif field.codes is not None:
        found = _code_score(column, lookup, field.codes, memory)
    else:
        found = (0.05, "")
    return found


def _code_score(column: ColumnProfile, lookup: TableProfile | None, codes: str, memory: Memory) -> tuple[float, str]:
    values = {v.upper() for v in column.values}
    if lookup is not None:
        values = {v.upper() for c in lookup.columns for v in c.values}
        return 0.1, f"; codes explained by table {lookup.name}"
    known = memory.codes.get(codes, frozenset())
    share = len(values & known) / max(len(values), 1)
    if share > 0.5:
        return 0.15, f"; {share:.0%} of its values are codes of earlier packs"
    return (-0.1, "; many values for a code") if len(values) > 200 else (0.0, "")
