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

from migration.mapping.consistency import list_targets
from migration.mapping.expressions import Column, list_columns
from migration.mapping.model import Pack, TableRole
from migration.mapping.scaffold_profile import ColumnProfile, TableProfile
from migration.mapping.scaffold_references import Reference, find_references
from migration.schema.model import Entity, Field, FieldType, NationalSchema

CONFIDENT = 0.7
"""From here on a proposal is written as a mapping; below, as a remark beside an undecided column."""
FLOOR = 0.45
LOOKUP_ROWS = 400
LINK_COLUMNS = 8
"""A table that links two entities has no more columns than this."""
LEAST_ALIKE, SHARE_ALIKE = 4, 0.3
"""Columns named like those of an entity, and their share of the table's, from which a table is taken for it."""
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
    """What earlier packs know: column names by national field, codes by list, tables by entity.

    `words` are, by entity, the names of its fields and of their columns, as names are compared.
    """

    columns: Mapping[str, frozenset[str]]
    codes: Mapping[str, frozenset[str]]
    tables: Mapping[str, frozenset[str]]
    words: Mapping[str, frozenset[str]]


@lru_cache(maxsize=1)
def load_thesaurus() -> Mapping[str, Any]:
    """Words of crime recording."""
    thesaurus: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("thesaurus.yml").read_text(encoding="utf-8"))
    return thesaurus


def words_of(text: str) -> list[str]:
    """A name as the words it is compared by."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    words = load_thesaurus()["words"]
    tokens = re.findall(r"[a-z]+|\d+", split.lower())
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
        for crosswalk, lists in list_targets(pack, schema).items():
            for list_name in lists if crosswalk in pack.crosswalks else ():
                codes[list_name] |= {v.upper() for v in pack.crosswalks[crosswalk].decisions}
    words: dict[str, set[str]] = defaultdict(set)
    for entity in schema.mapped_entities():
        for field in entity.business_fields:
            path = f"{entity.name}.{field.name}"
            known = (field.name, *load_thesaurus()["fields"].get(path, ()), *columns.get(path, ()))
            words[entity.name] |= {" ".join(sorted(words_of(k))) for k in known} - {""}
    return Memory(*({k: frozenset(v) for k, v in part.items()} for part in (columns, codes, tables, words)))


def guess_tables(tables: tuple[TableProfile, ...], memory: Memory) -> tuple[TableGuess, ...]:
    """What each table is: what earlier packs or the nation call so; else lookups, and what its name speaks of."""
    references = find_references(tables)
    first = {t.name: _recall(t, memory) or _guess_by_name(t) for t in tables}
    confirmed = (_confirm(first[t.name], references, first) for t in tables)
    return tuple(g if g.entity or g.role is TableRole.LOOKUP else _guess_by_columns(g, memory) for g in confirmed)


def _recall(table: TableProfile, memory: Memory) -> TableGuess | None:
    """The entity that is named as the table is, or whose tables in earlier packs are."""
    name = _plain_name(table.name)
    for entity in sorted(memory.tables):
        if name == _plain_name(entity):
            return TableGuess(table, entity, TableRole.RECORD, f"named as {entity} is")
    known = sorted(e for e, names in memory.tables.items() if name in map(_plain_name, names))
    if len(known) == 1:
        return TableGuess(table, known[0], TableRole.RECORD, f"a table of {known[0]} in an earlier pack is named so")
    return None


def _plain_name(text: str) -> str:
    """A table's name without case, separators and plural."""
    return re.sub(r"[^a-z]", "", text.lower()).rstrip("s")


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


def _guess_by_columns(guess: TableGuess, memory: Memory) -> TableGuess:
    """The entity most of whose columns in earlier packs the table's columns are named like, where that is plain."""
    counted = {
        entity: sum(bool(_column_words(c.name, guess.table) & names) for c in guess.table.columns)
        for entity, names in sorted(memory.words.items())
    }
    best = max(counted, key=lambda e: counted[e], default="")
    if not best or counted[best] < max(LEAST_ALIKE, len(guess.table.columns) * SHARE_ALIKE):
        return guess
    why = f"{counted[best]} of its columns are named like those of {best}"
    return TableGuess(guess.table, best, guess.role, why)


def _column_words(name: str, table: TableProfile) -> set[str]:
    """A column's name as compared, and without a first word that most columns of the table share."""
    words = words_of(name)
    firsts = [w[0] for c in table.columns if (w := re.findall(r"[a-z]+", c.name.lower()))]
    shared = max(firsts, key=firsts.count) if firsts else ""
    found = {" ".join(sorted(words))}
    if firsts.count(shared) * 2 > len(firsts) and name.lower().startswith(shared):
        found.add(" ".join(sorted(words_of(name[len(shared) :]))))
    return found - {""}


def named_entities(text: str) -> list[str]:
    """The national entities a name speaks of, in order."""
    entities = load_thesaurus()["entities"]
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text).lower()
    tokens = [t if t in entities else t.rstrip("s") for t in re.split(r"[^a-z]+", split)]
    return list(dict.fromkeys(entities[t] for t in tokens if t in entities))


def _confirm(
    guess: TableGuess, references: Mapping[tuple[str, str], Reference], first: Mapping[str, TableGuess]
) -> TableGuess:
    """The guess, if the table holds what its entity cannot be without: people's marks, or keys of its parents."""
    pointed = {
        first[references[guess.table.name, c.name].table].entity
        for c in guess.table.columns
        if (guess.table.name, c.name) in references
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
    references = find_references(tuple(g.table for g in guesses))
    keys = {place: by_name[reference.table] for place, reference in references.items()}
    whys = {place: reference.why for place, reference in references.items()}
    found: list[Proposal] = []
    for guess in guesses:
        if guess.role is TableRole.LOOKUP:
            continue
        scored = [_propose_column(guess, c, keys, whys, schema, memory) for c in guess.table.columns]
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
    guess: TableGuess,
    column: ColumnProfile,
    keys: Mapping[tuple[str, str], TableGuess],
    whys: Mapping[tuple[str, str], str],
    schema: NationalSchema,
    memory: Memory,
) -> Proposal:
    table = guess.table
    if not guess.entity:
        return Proposal(table.name, column.name, "", 0.0, "table not understood")
    entity = schema.entity(guess.entity)
    other = keys.get((table.name, column.name))
    if (column.name,) == table.key and other is None:
        return Proposal(table.name, column.name, f"{entity.name}.{entity.key[-1]}", 0.95, "unique in the table")
    if other is not None and other.role is TableRole.RECORD:
        reference = _reference(entity, other.entity, column.name, schema)
        if reference:
            return Proposal(table.name, column.name, reference, 0.9, whys[table.name, column.name])
    lookup = other.table if other is not None and other.role is TableRole.LOOKUP else None
    candidates = _candidates(entity, schema)
    scored = [(_score(guess, column, lookup, e, f, memory), e, f) for e, f in candidates]
    (score, why), best_entity, best_field = max(scored, key=lambda s: s[0][0])
    if score < FLOOR:
        return Proposal(table.name, column.name, "", score, "nothing near")
    return Proposal(table.name, column.name, f"{best_entity.name}.{best_field.name}", round(score, 2), why)


def _reference(entity: Entity, target: str, column: str, schema: NationalSchema) -> str:
    """The field of the entity, or of a companion, that points to the target: of several, the one named most alike."""
    for name in (entity.name, *COMPANIONS.get(entity.name, ())):
        fields = [f.name for f in schema.entity(name).business_fields if f.references and f.references[0] == target]
        if fields:
            ours = " ".join(words_of(column))
            return f"{name}.{max(fields, key=lambda f: fuzz.token_set_ratio(ours, ' '.join(words_of(f))))}"
    return ""


def _candidates(entity: Entity, schema: NationalSchema) -> list[tuple[Entity, Field]]:
    names = [entity.name, *COMPANIONS.get(entity.name, ())]
    if entity.name == "crime":
        names.append("location")
    return [
        (schema.entity(n), f)
        for n in names
        for f in schema.entity(n).business_fields
        if not f.references
        and f.filled_by is None
        and f.name != schema.entity(n).key[-1]
        and not _is_raw_sibling(schema.entity(n), f)
    ]


def _is_raw_sibling(entity: Entity, field: Field) -> bool:
    """Whether a field only keeps another one as recorded."""
    name = field.name.removesuffix("_raw")
    return name != field.name and bool({name, f"{name}_code"} & set(entity.field_names))


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
