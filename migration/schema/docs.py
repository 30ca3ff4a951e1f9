"""The data dictionary: `migration/schema/README.md`, computed from the national schema.

Enters: a `NationalSchema`. Leaves: Markdown with every entity, field and code list. Must hold: rendering again gives
the same text; a test compares it with the file. Refuses nothing: a schema that loads can be described.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from migration.schema.expectations import entity_rules
from migration.schema.model import Code, Entity, Field, FieldType, NationalSchema, Personal
from migration.schema.sql import NATIONAL_AREAS, PARTITION_COLUMN, database_schema

DICTIONARY = Path(__file__).resolve().parent / "README.md"
AREAS = {
    "reference": "Reference",
    "event": "Events",
    "person": "Persons",
    "location": "Locations",
    "object": "Objects",
    "control": "Control",
}
LONGEST_LIST = 60
"""Code lists up to this length are printed whole; longer ones are counted."""
_INTRODUCTION = """# National schema: data dictionary

Computed from `national.yml` and `codes/*.csv` by `migrate schema docs`; do not edit. Everything else that needs a field
is computed from there too: Arrow schemas (`arrow.py`), PostgreSQL tables (`sql.py`), basic expectations
(`expectations.py`).

**Columns below.** *type*: text(N) has at most N characters; timestamps are UTC. *req*: never empty. *personal*: class
of personal data (DPA 2018); such values never reach a log, an error or a report. *owner*: role that answers for its
quality.

**Partitions.** Tables marked so are partitioned by `division_code`: publishing a division attaches its partition,
rolling back detaches it. References between tables are checked on staging, not by foreign keys
(`migration/decisions/0060`).
"""


def render_dictionary(schema: NationalSchema) -> str:
    """The whole dictionary as Markdown."""
    lines = [_INTRODUCTION, *_render_contents(schema), *_render_lineage(schema)]
    for area, title in AREAS.items():
        lines += [f"## {title}", ""]
        for entity in schema.entities.values():
            if entity.area == area:
                lines += _render_entity(schema, entity)
    lines += ["## Code lists", ""]
    for name, codes in sorted(schema.codes.items()):
        lines += _render_codes(name, codes)
    return "\n".join(lines).rstrip() + "\n"


def _render_contents(schema: NationalSchema) -> Iterator[str]:
    yield "| entity | table | one row is | fields | written by |"
    yield "|---|---|---|---:|---|"
    for entity in schema.entities.values():
        table = f"`{database_schema(entity)}.{entity.name}`"
        facts = (f"[{entity.title}](#{entity.name})", table, _escape(entity.grain), len(entity.fields), entity.made_by)
        yield _table_row(facts)
    yield ""


def _render_lineage(schema: NationalSchema) -> Iterator[str]:
    entity = next(e for e in schema.entities.values() if e.has_lineage)
    yield "## Lineage"
    yield ""
    yield "Every migrated row carries these, beside its own fields:"
    yield ""
    yield from _render_fields([f for f in entity.fields if f.is_lineage])


def _render_entity(schema: NationalSchema, entity: Entity) -> Iterator[str]:
    yield f"### {entity.name}"
    yield ""
    yield f"{entity.title}: {entity.grain}."
    yield ""
    facts = [f"Key: {_names(entity.key)}"]
    facts += [f"unique: {_names(unique)}" for unique in entity.unique]
    if entity.is_partitioned:
        facts.append(f"partitioned by `{PARTITION_COLUMN}`")
    if entity.has_lineage:
        facts.append("with lineage")
    if entity.dated_by:
        facts.append(f"codes valid on `{'.'.join(entity.dated_by)}`")
    if entity.area in NATIONAL_AREAS:
        facts.append(f"{len(entity_rules(schema, entity))} basic rules")
    yield f"{'; '.join(facts)}. Owner: {entity.owner}."
    yield ""
    yield from _render_fields(list(entity.business_fields))


def _render_fields(fields: list[Field]) -> Iterator[str]:
    yield "| field | what | type | req | values | personal | owner |"
    yield "|---|---|---|---|---|---|---|"
    for field in fields:
        personal = "" if field.personal is Personal.NONE else field.personal.value
        required = "yes" if field.is_required else ""
        facts = (f"`{field.name}`", _escape(field.title), _describe_type(field), required)
        yield _table_row((*facts, _describe_values(field), personal, field.owner))
    yield ""


def _describe_type(field: Field) -> str:
    if field.type is FieldType.TEXT and field.length is not None:
        return f"text({field.length})"
    if field.type is FieldType.DECIMAL:
        return f"decimal({field.length},{field.scale})"
    return field.type.value


def _describe_values(field: Field) -> str:
    parts = []
    if field.codes is not None:
        parts.append(f"list [{field.codes}](#list-{field.codes})")
    if field.references is not None:
        parts.append(f"→ `{field.references[0]}.{field.references[1]}`")
    if field.pattern is not None:
        parts.append(f"`{_escape(field.pattern)}`")
    if field.filled_by is not None:
        parts.append(f"filled by {field.filled_by}")
    return ", ".join(parts)


def _render_codes(name: str, codes: tuple[Code, ...]) -> Iterator[str]:
    yield f"### List {name}"
    yield ""
    sources = sorted({code.source for code in codes if code.source})
    yield f"{len(codes)} values. Source: {'; '.join(sources) or 'none'}."
    yield ""
    if len(codes) > LONGEST_LIST:
        yield f"The values are in `codes/{name}.csv`."
        yield ""
        return
    yield "| code | label | valid |"
    yield "|---|---|---|"
    for code in codes:
        yield f"| `{code.code}` | {_escape(code.label)} | {_describe_validity(code)} |"
    yield ""


def _describe_validity(code: Code) -> str:
    if code.valid_to is None and code.valid_from.year <= 1900:
        return "always"
    end = f" to {code.valid_to.isoformat()}" if code.valid_to else ""
    return f"from {code.valid_from.isoformat()}{end}"


def _table_row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
