"""What is known before an unknown system is looked at: the nation's names, police vocabulary, and every earlier pack.

Enters: the national schema, the thesaurus, packs. Leaves: `Memory`. Must hold: what earlier packs mapped counts for as
much as the schema's own names; of a column's name only the words that say something of the value are kept.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from migration.mapping.consistency import list_targets
from migration.mapping.expressions import Column, list_columns
from migration.mapping.model import Pack
from migration.schema.model import NationalSchema

Words = tuple[str, ...]


@dataclass(frozen=True)
class Memory:
    """What earlier packs know.

    Attributes:
        names: by national field (`entity.field`) every name it is known by, as it stands and as it is compared.
        codes: by national list the legacy values met so far, in upper case.
        tables: by entity the tables it was made from.
    """

    names: Mapping[str, tuple[tuple[str, Words], ...]]
    codes: Mapping[str, frozenset[str]]
    tables: Mapping[str, frozenset[str]]


@lru_cache(maxsize=1)
def load_thesaurus() -> Mapping[str, Any]:
    """Words of crime recording."""
    thesaurus: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("thesaurus.yml").read_text(encoding="utf-8"))
    return thesaurus


def split_name(text: str) -> list[str]:
    """A name's tokens in lower case: parted at separators, digits and capitals."""
    return re.findall(r"[a-z]+|\d+", re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text).lower())


@lru_cache(maxsize=100_000)
def words_of(text: str) -> Words:
    """A name as the words it is compared by."""
    words = load_thesaurus()["words"]
    return tuple(w for w in (words.get(t, t) for t in split_name(text)) if w)


@lru_cache(maxsize=10_000)
def named_entities(text: str) -> tuple[str, ...]:
    """The national entities a name speaks of, in order."""
    found = (_entity_of(token) for token in split_name(text))
    return tuple(dict.fromkeys(entity for entity in found if entity))


def _entity_of(token: str) -> str:
    """The entity a token names: as it is, in the singular, or as the beginning of words of one entity only."""
    entities: Mapping[str, str] = load_thesaurus()["entities"]
    for form in (token, token.removesuffix("s"), token.removesuffix("es")):
        if form in entities:
            return entities[form]
    begun = {entity for word, entity in entities.items() if len(token) >= 3 and word.startswith(token)}
    return begun.pop() if len(begun) == 1 else ""


@lru_cache(maxsize=10_000)
def shared_word(names: tuple[str, ...]) -> str:
    """The first word that more than half of a table's columns begin with; empty where there is none."""
    firsts = Counter(tokens[0] for name in names if len(tokens := split_name(name)) > 1)
    word, count = max(firsts.items(), key=lambda item: item[1], default=("", 0))
    return word if count * 2 > len(names) else ""


def remember(packs: tuple[Pack, ...], schema: NationalSchema) -> Memory:
    """What the packs there are have already agreed."""
    codes: dict[str, set[str]] = defaultdict(set)
    tables: dict[str, set[str]] = defaultdict(set)
    columns: dict[str, set[str]] = defaultdict(set)
    for pack in packs:
        _note_columns(pack, columns, tables)
        for crosswalk, lists in list_targets(pack, schema).items():
            for list_name in lists if crosswalk in pack.crosswalks else ():
                codes[list_name] |= {v.upper() for v in pack.crosswalks[crosswalk].decisions}
    names: dict[str, tuple[tuple[str, Words], ...]] = {}
    for entity in schema.mapped_entities():
        for field in entity.business_fields:
            path = f"{entity.name}.{field.name}"
            theirs = (field.name, field.title, *load_thesaurus()["fields"].get(path, ()), *sorted(columns[path]))
            names[path] = tuple({words: (name, words) for name in theirs if (words := words_of(name))}.values())
    return Memory(names, *({k: frozenset(v) for k, v in part.items()} for part in (codes, tables)))


def _note_columns(pack: Pack, columns: dict[str, set[str]], tables: dict[str, set[str]]) -> None:
    """Note the columns that alone make a field, without what only says which of several groups they stand in."""
    for record in pack.records:
        tables[record.entity].add(record.table)
        table = pack.system(record.system).table(record.table)
        shared = shared_word(table.column_names)
        for item in record.fields:
            used = {c.name for c in list_columns(item.expression) if isinstance(c, Column)}
            if len(used) == 1:
                tokens = [t for t in split_name(used.pop()) if not t.isdigit()]
                kept = [t for t in tokens if t != shared]
                columns[f"{record.entity}.{item.name}"].add(" ".join(kept or tokens))
