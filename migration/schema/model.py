"""The national schema as frozen values, from `national.yml` and `codes/*.csv`.

Enters: the two. Leaves: `NationalSchema` with its entities, fields and code lists; every other rendering (Arrow, SQL,
expectations, dictionary) is computed from it. Must hold: names are unique, every code list and reference exists, every
coded field with `keep_raw` has its `_raw` sibling. Refuses: an unknown key or type, naming the entity and field.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from migration.errors import ConfigError

SCHEMA_FOLDER = Path(__file__).resolve().parent
PARTITIONED_AREAS = frozenset({"event", "person", "location", "object"})
TYPE_PATTERN = re.compile(r"(text|integer|decimal|double|boolean|date|timestamp|json)(?:\((\d+)(?:,(\d+))?\))?")
FIELD_KEYS = frozenset(
    {"type", "required", "codes", "keep_raw", "references", "pattern", "personal", "filled_by", "owner", "title"}
)
ENTITY_KEYS = frozenset(
    {
        "area",
        "made_by",
        "owner",
        "title",
        "grain",
        "key",
        "found_by",
        "unique",
        "partitioned",
        "lineage",
        "dated_by",
        "fields",
    }
)
RAW_LENGTH = 120


class FieldType(StrEnum):
    """Types a national field can have. `timestamp` is UTC with microseconds."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    JSON = "json"


class Personal(StrEnum):
    """Personal-data class of a field; anything but NONE never reaches a log, error or report."""

    NONE = "none"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


@dataclass(frozen=True)
class Field:
    """One column of a national entity. `length` is characters (text) or precision (decimal)."""

    name: str
    type: FieldType
    title: str
    owner: str
    length: int | None = None
    scale: int | None = None
    is_required: bool = False
    codes: str | None = None
    references: tuple[str, str] | None = None
    pattern: str | None = None
    personal: Personal = Personal.NONE
    filled_by: str | None = None
    is_lineage: bool = False


@dataclass(frozen=True)
class Entity:
    """One table of the national schema; `fields` in column order, lineage last.

    `dated_by` leads from a row to the date its codes must be valid on: field names, each but the last a reference.
    `found_by` names the columns of its only index, where the key is proved by its writer and not by the database.
    """

    name: str
    area: str
    made_by: str
    owner: str
    title: str
    grain: str
    key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    is_partitioned: bool
    has_lineage: bool
    fields: tuple[Field, ...]
    dated_by: tuple[str, ...] = ()
    found_by: tuple[str, ...] = ()

    def field(self, name: str) -> Field:
        """The field `name`. Raises KeyError where there is none."""
        for item in self.fields:
            if item.name == name:
                return item
        raise KeyError(f"{self.name}.{name}")

    @property
    def field_names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(f.name for f in self.fields)

    @property
    def business_fields(self) -> tuple[Field, ...]:
        """Fields that say something about the record itself: all but lineage."""
        return tuple(f for f in self.fields if not f.is_lineage)


@dataclass(frozen=True)
class Code:
    """One value of a code list in one period of validity. `attributes` holds the list's further columns."""

    code: str
    label: str
    valid_from: date
    valid_to: date | None
    source: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class NationalSchema:
    """The whole schema. `codes` maps a list's name to its values, ordered by code and first day."""

    version: str
    entities: Mapping[str, Entity]
    codes: Mapping[str, tuple[Code, ...]]

    def entity(self, name: str) -> Entity:
        """The entity `name`. Raises KeyError where there is none."""
        return self.entities[name]

    def mapped_entities(self) -> tuple[Entity, ...]:
        """Entities a mapping pack fills, in schema order."""
        return tuple(e for e in self.entities.values() if e.made_by == "map" and e.is_partitioned)

    def partitioned_entities(self) -> tuple[Entity, ...]:
        """Entities partitioned by division, in schema order: what a publish attaches."""
        return tuple(e for e in self.entities.values() if e.is_partitioned)


@lru_cache(maxsize=1)
def load_schema() -> NationalSchema:
    """The national schema of this code, read and checked once.

    Raises:
        ConfigError: `national.yml` or a code list is not as this module says; names the entity and field.
    """
    raw = yaml.safe_load((SCHEMA_FOLDER / "national.yml").read_text(encoding="utf-8"))
    codes = {path.stem: _read_codes(path) for path in sorted((SCHEMA_FOLDER / "codes").glob("*.csv"))}
    lineage = tuple(
        _build_field("lineage", name, value, "information_governance", is_lineage=True)
        for name, value in raw["lineage"].items()
    )
    entities = {name: _build_entity(name, value, lineage) for name, value in raw["entities"].items()}
    schema = NationalSchema(str(raw["version"]), MappingProxyType(entities), MappingProxyType(codes))
    _check_names(schema)
    return schema


def _schema_error(where: str, found: str, expected: str) -> ConfigError:
    return ConfigError(f"national.yml, {where}", found, expected, "Correct migration/schema/national.yml.")


def _build_entity(name: str, raw: dict[str, Any], lineage: tuple[Field, ...]) -> Entity:
    unknown = set(raw) - ENTITY_KEYS
    if unknown:
        raise _schema_error(f"entity {name}", f"keys {sorted(unknown)}", f"only {sorted(ENTITY_KEYS)}")
    fields: list[Field] = []
    for field_name, value in raw["fields"].items():
        fields.append(_build_field(name, field_name, value, raw["owner"]))
        if value.get("keep_raw"):
            fields.append(_build_raw_sibling(fields[-1]))
    is_partitioned = raw.get("partitioned", raw["area"] in PARTITIONED_AREAS)
    has_lineage = is_partitioned and raw.get("lineage", True)
    return Entity(
        name=name,
        area=raw["area"],
        made_by=raw.get("made_by", "map"),
        owner=raw["owner"],
        title=raw["title"],
        grain=raw["grain"],
        key=tuple(raw["key"]),
        unique=tuple(tuple(u) for u in raw.get("unique", ())),
        is_partitioned=is_partitioned,
        has_lineage=has_lineage,
        fields=(*fields, *lineage) if has_lineage else tuple(fields),
        dated_by=tuple(raw["dated_by"].split(".")) if "dated_by" in raw else (),
        found_by=tuple(raw.get("found_by", ())),
    )


def _build_field(entity: str, name: str, raw: dict[str, Any], owner: str, *, is_lineage: bool = False) -> Field:
    unknown = set(raw) - FIELD_KEYS
    if unknown:
        raise _schema_error(f"{entity}.{name}", f"keys {sorted(unknown)}", f"only {sorted(FIELD_KEYS)}")
    match = TYPE_PATTERN.fullmatch(raw["type"])
    if match is None:
        raise _schema_error(f"{entity}.{name}", f"type {raw['type']}", "text(N), integer, decimal(P,S), date, ...")
    kind, length, scale = match.groups()
    target = raw.get("references")
    return Field(
        name=name,
        type=FieldType(kind),
        title=raw["title"],
        owner=raw.get("owner", owner),
        length=int(length) if length else None,
        scale=int(scale) if scale else None,
        is_required=bool(raw.get("required", False)),
        codes=raw.get("codes"),
        references=(target.split(".")[0], target.split(".")[1]) if target else None,
        pattern=raw.get("pattern"),
        personal=Personal(raw.get("personal", "none")),
        filled_by=raw.get("filled_by"),
        is_lineage=is_lineage,
    )


def _build_raw_sibling(coded: Field) -> Field:
    return Field(
        name=f"{coded.name.removesuffix('_code')}_raw",
        type=FieldType.TEXT,
        title=f"{coded.title}, as recorded",
        owner=coded.owner,
        length=RAW_LENGTH,
        personal=coded.personal,
    )


def _read_codes(path: Path) -> tuple[Code, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(_build_code(row) for row in rows)


def _build_code(row: dict[str, str]) -> Code:
    fixed = {"code", "label", "valid_from", "valid_to", "source"}
    return Code(
        code=row["code"],
        label=row["label"],
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        source=row["source"],
        attributes=MappingProxyType({k: v for k, v in row.items() if k not in fixed}),
    )


def _check_date_path(schema: NationalSchema, entity: Entity) -> None:
    """Every step of `dated_by` but the last must be a reference, the last a date or timestamp."""
    current = entity
    for step, name in enumerate(entity.dated_by, start=1):
        where = f"entity {entity.name}, dated_by"
        if name not in current.field_names:
            raise _schema_error(where, f"{current.name}.{name}", "a field")
        field = current.field(name)
        if step == len(entity.dated_by):
            if field.type not in {FieldType.DATE, FieldType.TIMESTAMP}:
                raise _schema_error(where, f"{current.name}.{name} of type {field.type}", "a date or timestamp")
        elif field.references is None:
            raise _schema_error(where, f"{current.name}.{name}", "a field that references an entity")
        else:
            current = schema.entities[field.references[0]]


def _check_names(schema: NationalSchema) -> None:
    for entity in schema.entities.values():
        _check_date_path(schema, entity)
        names = entity.field_names
        for column in (*entity.key, *(c for u in entity.unique for c in u)):
            if column not in names:
                raise _schema_error(f"entity {entity.name}", f"key column {column}", "a field of the entity")
        for item in entity.fields:
            where = f"{entity.name}.{item.name}"
            if item.codes is not None and item.codes not in schema.codes:
                raise _schema_error(where, f"code list {item.codes}", "a file in migration/schema/codes")
            if item.references is not None:
                target, column = item.references
                if target not in schema.entities or column not in schema.entities[target].field_names:
                    raise _schema_error(where, f"reference {target}.{column}", "an entity and field of the schema")
