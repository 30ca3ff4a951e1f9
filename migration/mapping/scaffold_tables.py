"""What each table, and each group of columns of a wide one, is: a national entity, a code table, or not known.

Enters: table profiles, memory. Leaves: `TableGuess`es that say what they rest on. Must hold: a name alone is outvoted
where the columns plainly speak of another entity. Refuses nothing: a guess is for a person to confirm.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from migration.mapping.model import TableRole
from migration.mapping.scaffold_memory import Memory, load_thesaurus, named_entities, split_name, words_of
from migration.mapping.scaffold_parts import Part, join_parts, take_apart
from migration.mapping.scaffold_profile import TableProfile
from migration.mapping.scaffold_references import Reference, find_references
from migration.mapping.scaffold_score import score_field
from migration.schema.model import Entity, NationalSchema

LOOKUP_ROWS = 400
LINK_COLUMNS = 8
"""A table that links two entities has no more columns than this."""
SURE = 0.62
"""From this score on a column speaks for an entity."""
LEAST_TABLE, LEAST_FIT, LEAST_SHARE = 2.8, 2.0, 0.3
"""What the columns of a table, and of a group of columns, without a telling name must add up to, and per column."""
OUTVOTED, AHEAD = 1.6, 1.5
"""How many times, and by how much more, columns must speak for another entity than the table's name does."""
ROUNDS = 2
"""What a table is depends on what the tables are that it points to: each is weighed again when those are known."""
POINTER = 1.0
"""What a key of another entity's table counts."""
LEAST_SPOKEN = 1.2
"""What the columns of a group must add up to where the group's first word names the entity."""
LOOKUP_COLUMNS = 8
PARTS_OF = {
    "crime_report": frozenset({"crime", "nominal", "location", "vehicle", "property_item", "crime_marker", "crime_mo"}),
    "crime": frozenset({"location", "crime_marker", "crime_mo"}),
    "nominal": frozenset({"location", "nominal_alias"}),
    "crime_nominal": frozenset({"nominal", "location"}),
}
"""Things that a row of an entity may hold in columns of their own."""
NEEDED = {
    "crime_mo": ("crime",),
    "crime_marker": ("crime",),
    "crime": ("crime_report",),
    "crime_nominal": ("crime", "crime_report"),
}
"""What rows of an entity must point to one of, where they point to anything."""
RECALLED = ("named as", "a table of", "names ")
PEOPLE_WORDS = frozenset({"surname", "forename", "name", "sex", "age", "born"})


@dataclass(frozen=True)
class TableGuess:
    """What the rows of a table, or of a part of one, are: a national entity, or a lookup."""

    part: Part
    entity: str
    role: TableRole
    why: str

    @property
    def table(self) -> TableProfile:
        """Profile of the part."""
        return self.part.table


@dataclass(frozen=True)
class Known:
    """What guesses rest on: the nation, the packs, which columns are keys of which table, and what tables are.

    `named` is what their names alone say, `entities` what is known of them so far.
    """

    schema: NationalSchema
    memory: Memory
    references: Mapping[tuple[str, str], Reference]
    entities: Mapping[str, str]
    named: Mapping[str, str]


def guess_tables(tables: tuple[TableProfile, ...], schema: NationalSchema, memory: Memory) -> tuple[TableGuess, ...]:
    """What each table is, and each group of columns of it that is another entity: those after their table."""
    references = find_references(tables)
    whole = {t.name: Part(t.name, t, t, {c.name: c.name for c in t.columns}) for t in tables}
    first = {name: _recall(part, memory) or _guess_by_name(part) for name, part in whole.items()}
    named = {name: g.entity for name, g in first.items()}
    known = Known(schema, memory, references, named, named)
    weighed = first
    for _ in range(ROUNDS):
        weighed = {name: _weigh(guess, known) for name, guess in first.items()}
        known = Known(schema, memory, references, {name: g.entity for name, g in weighed.items()}, named)
    found: list[TableGuess] = []
    for guess in weighed.values():
        found += _take_apart(_confirm(guess, known), known)
    return tuple(found)


def _recall(part: Part, memory: Memory) -> TableGuess | None:
    """The entity that is named as the table is, or whose tables in earlier packs are."""
    name = _plain_name(part.name)
    for entity in sorted(memory.tables):
        if name == _plain_name(entity):
            return TableGuess(part, entity, TableRole.RECORD, f"named as {entity} is")
    known = sorted(e for e, names in memory.tables.items() if name in map(_plain_name, names))
    if len(known) == 1:
        return TableGuess(part, known[0], TableRole.RECORD, f"a table of {known[0]} in an earlier pack is named so")
    return None


def _plain_name(text: str) -> str:
    """A table's name without case, separators and plural."""
    return re.sub(r"[^a-z]", "", text.lower()).rstrip("s")


def _guess_by_name(part: Part) -> TableGuess:
    table = part.table
    described = any({"name", "desc", "description", "label", "title"} & set(split_name(c.name)) for c in table.columns)
    if len(table.key) == 1 and described and table.rows <= LOOKUP_ROWS and len(table.columns) <= LOOKUP_COLUMNS:
        return TableGuess(part, "", TableRole.LOOKUP, "few rows, a key and a name")
    named = named_entities(table.name)
    for one, other, link in load_thesaurus()["links"]:
        if one in named and other in named and len(table.columns) <= LINK_COLUMNS:
            return TableGuess(part, link, TableRole.RECORD, f"names {one} and {other}")
    if named:
        return TableGuess(part, named[0], TableRole.RECORD, f"its name speaks of {named[0]}")
    return TableGuess(part, "", TableRole.RECORD, "its name says nothing known")


def _weigh(guess: TableGuess, known: Known) -> TableGuess:
    """The guess by name, unless the columns speak plainly for another entity."""
    if guess.role is TableRole.LOOKUP:
        return guess
    pointed = _pointed_entities(guess.part, known)
    fits = {e.name: measure_fit(guess.part, e, known) for e in known.schema.mapped_entities()}
    recalled = (guess.entity,) if guess.why.startswith(RECALLED) else named_entities(guess.table.name)
    named = [e for e in recalled if e in fits]
    free = {e: fit for e, fit in fits.items() if e not in pointed | _pointing_entities(guess.part, known)} or fits
    best = max(free, key=lambda e: free[e])
    why = f"its columns speak of {best}"
    if not named:
        is_plain = fits[best] >= max(LEAST_TABLE, LEAST_SHARE * len(guess.table.columns))
        return _with_parent(TableGuess(guess.part, best, guess.role, why), fits, pointed) if is_plain else guess
    spoken = max(named, key=lambda e: fits[e])
    if fits[best] > OUTVOTED * fits[spoken] + AHEAD:
        return _with_parent(TableGuess(guess.part, best, guess.role, why), fits, pointed)
    why = guess.why if spoken == guess.entity else f"its name speaks of {spoken}"
    return _with_parent(TableGuess(guess.part, spoken, guess.role, why), fits, pointed)


def _pointed_entities(part: Part, known: Known) -> set[str]:
    """The entities of the tables whose keys a part's columns hold."""
    name = part.source.name
    own = (known.references.get((name, c.name)) for c in part.table.columns)
    return {known.entities.get(r.table, "") for r in own if r is not None} - {""}


def _pointing_entities(part: Part, known: Known) -> set[str]:
    """What tables that hold keys of a part's table are by their names: no entity points to itself."""
    name = part.source.name
    return {known.named.get(t, "") for (t, _), r in known.references.items() if r.table == name} - {""}


def _with_parent(guess: TableGuess, fits: Mapping[str, float], pointed: set[str]) -> TableGuess:
    """The report instead of its crime where the row points to no report and its columns speak of one too."""
    if guess.entity != "crime" or "crime_report" in pointed:
        return guess
    if fits["crime_report"] < max(LEAST_FIT, fits["crime"] / 2):
        return guess
    return TableGuess(
        guess.part, "crime_report", guess.role, "speaks of crimes and of their report, and points to none"
    )


def measure_fit(part: Part, entity: Entity, known: Known) -> float:
    """How much the columns of a part speak for an entity: the sum of the best scores, one column a field."""
    best: dict[str, float] = {}
    parents = {f.references[0]: f.name for f in entity.business_fields if f.references}
    for column in part.table.columns:
        reference = known.references.get((part.source.name, column.name))
        pointed = known.entities.get(reference.table, "") if reference else ""
        if pointed in parents:
            best[parents[pointed]] = POINTER
        for field in entity.business_fields if not pointed else ():
            if field.references or field.filled_by or field.name == entity.key[-1]:
                continue
            score, _ = score_field(part.table, column, None, entity, field, known.memory)
            if score >= SURE and score > best.get(field.name, 0.0):
                best[field.name] = score
    return sum(best.values())


def _take_apart(guess: TableGuess, known: Known) -> list[TableGuess]:
    """The table, and after it each group of its columns that is a thing of its own."""
    if guess.role is TableRole.LOOKUP:
        return [guess]
    source = guess.part.source
    keys = {*source.key, *(column for table, column in known.references if table == source.name)}
    base, *groups = take_apart(source, keys)
    taken = [g for group in groups if (g := _guess_group(guess, group, known))]
    left = tuple(g for g in groups if all(g is not t.part for t in taken))
    table = join_parts(base, left)
    entity, why = guess.entity, guess.why
    if taken and not entity:
        fits = {e.name: measure_fit(table, e, known) for e in known.schema.mapped_entities()}
        entity = max(fits, key=lambda e: fits[e])
        why = f"the columns beside its groups speak of {entity}"
        if fits[entity] < max(LEAST_TABLE, LEAST_SHARE * len(table.table.columns)):
            return [guess]
    return [TableGuess(table, entity, guess.role, why), *taken]


def _guess_group(guess: TableGuess, group: Part, known: Known) -> TableGuess | None:
    """What a group of columns is, where it is a thing that a row of the table may hold beside itself."""
    allowed = PARTS_OF.get(guess.entity or "crime_report", frozenset())
    fits = {e.name: measure_fit(group, e, known) for e in known.schema.mapped_entities() if e.name in allowed}
    named = [e for e in named_entities(group.group.replace("{n}", "")) if e in fits]
    best = max(fits, key=lambda e: fits[e], default="")
    spoken = max(named, key=lambda e: fits[e], default="")
    count = len(group.table.columns)
    if spoken and (fits[spoken] >= LEAST_SPOKEN or (group.numbers and count == 1)):
        entity, why = spoken, f"columns {group.group} speak of {spoken}"
    elif best and fits[best] >= max(LEAST_FIT, LEAST_SHARE * count):
        entity, why = best, f"columns {group.group} are named like those of {best}"
    else:
        return None
    as_own = join_parts(group, ())
    own = measure_fit(as_own, known.schema.entity(guess.entity), known) if guess.entity and not group.numbers else 0.0
    return None if own >= fits[entity] else TableGuess(group, entity, TableRole.RECORD, why)


def _confirm(guess: TableGuess, known: Known) -> TableGuess:
    """The guess, if the table holds what its entity cannot be without: people's marks, or keys of its parents."""
    name = guess.part.source.name
    pointed = {
        known.entities.get(known.references[name, c.name].table, "")
        for c in guess.table.columns
        if (name, c.name) in known.references
    }
    words = {w for c in guess.table.columns for w in words_of(c.name)}
    needs = NEEDED.get(guess.entity)
    if guess.entity == "nominal" and not words & PEOPLE_WORDS:
        why = "names people, but holds no name, sex, age or date of birth"
    elif needs is not None and not set(needs) & pointed and guess.table.rows and pointed:
        why = f"a {guess.entity} without a key of a {' or '.join(needs)}"
    else:
        return guess
    return TableGuess(guess.part, "", guess.role, why)
