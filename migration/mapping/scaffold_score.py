"""How much a column seems to be a national field: what its name says, and what its values are.

Enters: a column's profile, the field, memory. Leaves: a score of 0 to 1 and what it rests on. Must hold: values can
raise or sink a name, and a name that says nothing is weighed by the table's. Refuses nothing.
"""

import re
from functools import lru_cache

from rapidfuzz import fuzz

from migration.mapping.scaffold_memory import Memory, Words, named_entities, shared_word, split_name, words_of
from migration.mapping.scaffold_profile import MOST_READ, ColumnProfile, TableProfile
from migration.schema.model import Entity, Field, FieldType

MOST_CODES = 200
LONG_TEXT = 30.0
"""Mean length from which on a text is more than a name."""
SHORTEST_BEGINNING = 3
ALIKE_WORD = 80.0
"""Likeness from which on two words are taken for one, written differently."""
WHEN_WORDS = frozenset({"date", "time"})
SHAPES = {
    "location.postcode": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "location.grid_ref_raw": r"[A-Z]{2} ?\d{3,5} ?\d{3,5}|\d{5,6} ?, ?\d{5,7}",
    "vehicle.registration_mark": r"[A-Z]{2}\d{2} ?[A-Z]{3}|[A-Z]\d{1,3} ?[A-Z]{3}|[A-Z]{3} ?\d{1,3}[A-Z]",
    "nominal.pnc_id": r"\d{2}(\d{2})?/\d{1,7}[A-Z]",
    "nominal.scro_no": r"S\d{5,6}/\d{2}[A-Z]",
    "nominal.cro_no": r"\d{1,6}/\d{2}[A-Z]",
    "crime.crime_code": r"\d{1,3}/\d{1,3}|\d{5,6}",
    "nominal.phone": r"[+0][\d ()-]{8,15}",
}
"""What values of fields with a fixed shape look like."""
LIKE_SHAPE, UNLIKE_SHAPE = 0.6, 0.2
WORDS_ONLY = re.compile(r"surname|forename|maiden|full_name|occupation|place_of_birth|street|locality|town|make|colour")
"""Fields of words: numbers are none of them."""


def score_field(
    table: TableProfile,
    column: ColumnProfile,
    lookup: TableProfile | None,
    entity: Entity,
    field: Field,
    memory: Memory,
) -> tuple[float, str]:
    """Score of a column for a field, 0 to 1, and why. `lookup`: the code table that the column holds keys of."""
    named, known = _score_name(table, column, lookup, entity, field, memory)
    fit, reason = _score_values(column, lookup, entity, field, memory)
    if lookup is None and field.codes is None and split_name(column.name)[-1:] == ["id"]:
        fit, reason = fit - 0.3, f"{reason}; called an id"
    if lookup is not None and set(named_entities(lookup.name)) - {entity.name, *named_entities(table.name)}:
        fit, reason = fit - 0.2, f"{reason}; that table speaks of something else"
    return max(0.0, min(0.99, named * 0.85 + fit)), f"name like {known} ({named:.2f}){reason}"


def _score_name(
    table: TableProfile,
    column: ColumnProfile,
    lookup: TableProfile | None,
    entity: Entity,
    field: Field,
    memory: Memory,
) -> tuple[float, str]:
    own = frozenset((*words_of(entity.name), *words_of(table.name), shared_word(_names(table))))
    is_when = column.date_like > MOST_READ and field.type in (FieldType.DATE, FieldType.TIMESTAMP)
    best, known = 0.0, field.name
    for our in [column.name, *([lookup.name] if lookup else ())]:
        ours, without = words_of(our), own
        if not ours:
            ours, without = (*words_of(table.name), *split_name(our)), frozenset()
        for name, theirs in memory.names[f"{entity.name}.{field.name}"]:
            ratio = _compare(ours, theirs, without, is_when)
            if ratio > best:
                best, known = ratio, name
    return best, known


def _names(table: TableProfile) -> tuple[str, ...]:
    return tuple(c.name for c in table.columns)


@lru_cache(maxsize=200_000)
def _compare(ours: Words, theirs: Words, own: frozenset[str], is_when: bool) -> float:
    """Likeness of two names, 0 to 1, without the words that only repeat table, entity or type."""
    left, right = (tuple(w for w in words if w not in own) for words in (ours, theirs))
    if not (left and right):
        left, right = ours, theirs
    if is_when:
        left, right = _without_when(left), _without_when(right)
    begun = tuple(next((w for w in right if w not in left and _begins(t, w)), t) for t in left)
    ratio = max(_ratio(left, right), _ratio(begun, right) - 0.03 if begun != left else 0.0)
    return ratio


def _without_when(words: Words) -> Words:
    """A name without what its values show anyway: that they are dates."""
    kept = tuple(w for w in words if w not in WHEN_WORDS and len(w) > 1)
    return kept or words


def _begins(token: str, word: str) -> bool:
    return SHORTEST_BEGINNING <= len(token) < len(word) and word.startswith(token)


def _ratio(left: Words, right: Words) -> float:
    ours, theirs = " ".join(left), " ".join(right)
    whole = (fuzz.token_sort_ratio(ours, theirs) * 0.7 + fuzz.token_set_ratio(ours, theirs) * 0.3) / 100
    return whole if whole == 1.0 else (whole + _share_alike(left, right)) / 2


def _share_alike(left: Words, right: Words) -> float:
    """Share of two names' letters that stand in words alike: `cro` and `crime` share letters and are two words."""
    alike = sum(len(t) for a, b in ((left, right), (right, left)) for t in a if any(_is_alike(t, w) for w in b))
    return alike / max(sum(map(len, left)) + sum(map(len, right)), 1)


def _is_alike(token: str, word: str) -> bool:
    return token == word or fuzz.ratio(token, word) >= ALIKE_WORD or _begins(token, word) or _begins(word, token)


def _score_values(
    column: ColumnProfile, lookup: TableProfile | None, entity: Entity, field: Field, memory: Memory
) -> tuple[float, str]:
    """How the values fit the field's type: added to, or taken from, what the name says."""
    is_date = column.date_like > MOST_READ
    if column.filled == 0:
        found = (-0.2, "; never filled")
    elif field.type in (FieldType.DATE, FieldType.TIMESTAMP):
        found = (0.15, "; values are dates") if is_date else (-0.35, "; values are no dates")
    elif is_date or (column.time_like > MOST_READ and ":" in next(iter(sorted(column.values)), "")):
        found = (-0.4, "; values are dates or times")
    elif field.type in (FieldType.INTEGER, FieldType.DECIMAL, FieldType.DOUBLE):
        found = (0.12, "; values are numbers") if column.numeric > 0.9 else (-0.3, "; values are no numbers")
    elif field.type is FieldType.BOOLEAN:
        found = (0.12, "; few values") if len(column.values) <= 3 else (-0.3, "; too many values for a flag")
    elif field.codes is not None and field.codes != "crime_code":
        found = _score_codes(column, lookup, field.codes, memory)
    elif lookup is not None:
        found = (0.05, f"; codes explained by table {lookup.name}")
    else:
        found = _score_shape(column, f"{entity.name}.{field.name}", field)
    return found


def _score_codes(column: ColumnProfile, lookup: TableProfile | None, codes: str, memory: Memory) -> tuple[float, str]:
    values = {v.upper() for v in column.values}
    if lookup is not None:
        return 0.1, f"; codes explained by table {lookup.name}"
    share = len(values & memory.codes.get(codes, frozenset())) / max(len(values), 1)
    if share > 0.5:
        return 0.15, f"; {share:.0%} of its values are codes of earlier packs"
    return (-0.1, "; many values for a code") if len(values) > MOST_CODES else (0.0, "")


def _score_shape(column: ColumnProfile, path: str, field: Field) -> tuple[float, str]:
    shape = SHAPES.get(path)
    if shape is not None:
        values = [v.upper() for v in column.values]
        share = sum(bool(re.fullmatch(shape, v)) for v in values) / max(len(values), 1)
        if share >= LIKE_SHAPE:
            return 0.25, f"; {share:.0%} of its values have the shape of one"
        return (-0.25, "; values have another shape") if share < UNLIKE_SHAPE else (0.0, "")
    if column.numeric > 0.9 and WORDS_ONLY.search(field.name):
        return -0.3, "; values are numbers"
    is_long = column.length > LONG_TEXT
    if field.name.endswith("_text") and is_long:
        return 0.2, "; long texts"
    return (-0.2, "; long texts") if is_long else (0.05, "")
