"""A first draft of a pack for a system nobody has mapped: the cold start.

Enters: a source and a division letter. Leaves: a family and a division folder with `draft: true`, whose pack passes the
check and runs: confident proposals as mappings, everything else `undecided` with the guess beside it, codes with
suggestions from what other divisions agreed. Refuses: a division that has a pack already. Writes no value of the source
but the distinct codes of coded columns.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from rapidfuzz import fuzz, process, utils

from migration.errors import ConfigError
from migration.mapping.code_memory import CodeMemory, load_packs, remember_codes
from migration.mapping.codes import CODE_COLUMNS
from migration.mapping.load import load_pack
from migration.mapping.model import TableRole
from migration.mapping.scaffold_match import Proposal, TableGuess, guess_tables, propose, remember
from migration.mapping.scaffold_profile import ColumnProfile, TableProfile, profile_source
from migration.mapping.scaffold_references import find_references
from migration.schema.model import Field, FieldType, NationalSchema, load_schema
from migration.settings import Settings

TRIED_FORMATS = ("%d/%m/%Y %H:%M", "%d/%m/%Y", "%d/%m/%y %H:%M", "%d/%m/%y", "%d-%b-%Y %H:%M", "%d-%b-%Y", "%Y%m%d")
PARSERS = {
    FieldType.DATE: "date",
    FieldType.TIMESTAMP: "timestamp",
    FieldType.INTEGER: "integer",
    FieldType.DECIMAL: "decimal",
    FieldType.DOUBLE: "double",
}
MOST_CODES = 200
SUGGESTED = 75.0
COMPANION = "crime_nominal"
UNDECIDED = "undecided"
ROLES = {
    "victim": "VICTIM",
    "complain": "COMPLAINER",
    "offender": "SUSPECT",
    "suspect": "SUSPECT",
    "arrest": "ACCUSED",
    "accused": "ACCUSED",
    "defendant": "ACCUSED",
    "witness": "WITNESS",
}
"""Words in a table's name that say which part its people play."""


@dataclass(frozen=True)
class Scaffold:
    """What a cold start wrote. `coverage`: share of the fields of the entities found that have a mapping, 0 to 1."""

    division: str
    folders: tuple[Path, ...]
    proposals: tuple[Proposal, ...]
    tables: int
    tables_understood: int
    coverage: float


def scaffold_pack(settings: Settings, source: str, division: str, family: str = "") -> Scaffold:
    """Profile a system, write a draft pack of it, and check that it loads.

    Args:
        source: SQLAlchemy URL, or folder of files.
        family: name of the family's folder; `draft_<division>` where empty.

    Raises:
        ConfigError: the division or family has a pack already.
        SourceError: there is nothing at `source`.
    """
    family = family or f"draft_{division.lower()}"
    folders = (settings.mappings / "families" / family, settings.mappings / "divisions" / division)
    for folder in folders:
        if folder.exists():
            raise ConfigError(f"scaffold, {folder.name}", "a pack", "a letter and family without one", "Choose others.")
    schema = load_schema()
    packs = load_packs(settings)
    memory = remember(packs, schema)
    guesses = guess_tables(profile_source(source), memory)
    proposals = propose(guesses, schema, memory)
    draft = _Draft(schema, guesses, proposals, remember_codes(settings, packs, schema))
    draft.write(source, division, family, folders)
    load_pack(settings, division)
    understood = [g for g in guesses if g.entity]
    return Scaffold(division, folders, proposals, len(guesses), len(understood), draft.coverage())


class _Draft:
    """The files of one draft, in the making."""

    def __init__(
        self,
        schema: NationalSchema,
        guesses: tuple[TableGuess, ...],
        proposals: tuple[Proposal, ...],
        agreed: CodeMemory,
    ) -> None:
        self.schema, self.agreed = schema, agreed
        self.guesses = {g.table.name: g for g in guesses}
        self.references = find_references(tuple(g.table for g in guesses))
        self.proposals = {(p.table, p.column): p for p in proposals}
        self.mapped: dict[tuple[str, str], dict[str, tuple[str, Proposal]]] = defaultdict(dict)
        self.codes: dict[str, list[list[str]]] = {}
        for guess in guesses:
            if guess.entity and guess.role is TableRole.RECORD:
                self._map_table(guess)

    def _map_table(self, guess: TableGuess) -> None:
        for column in guess.table.columns:
            proposal = self.proposals[guess.table.name, column.name]
            entity, _, field_name = proposal.target.partition(".")
            if not proposal.is_confident or entity not in (guess.entity, COMPANION):
                continue
            field = self.schema.entity(entity).field(field_name)
            text = self._expression(guess.table, column, field)
            if text and field.name != self.schema.entity(entity).key[-1]:
                self.mapped[guess.table.name, entity][field.name] = (text, proposal)
        if (guess.table.name, COMPANION) in self.mapped and guess.entity == "nominal":
            own = f"{{record_id: {{table: {_q(guess.table.name)}, key: {_list(guess.table.key)}}}}}"
            why = Proposal(
                guess.table.name, ",".join(guess.table.key), f"{COMPANION}.nominal_id", 0.95, "the row itself"
            )
            self.mapped[guess.table.name, COMPANION]["nominal_id"] = (own, why)
            role = next((r for word, r in ROLES.items() if word in guess.table.name.lower()), "")
            if role:
                why = Proposal(guess.table.name, "", f"{COMPANION}.role_code", 0.8, "the table's name")
                self.mapped[guess.table.name, COMPANION].setdefault("role_code", (f"{{constant: {role}}}", why))

    def _expression(self, table: TableProfile, column: ColumnProfile, field: Field) -> str:
        name = _q(column.name)
        if field.references is not None:
            return self._reference(table.name, column.name, field.references[0])
        if field.codes is not None:
            return self._lookup(table, column, field)
        if field.type is FieldType.BOOLEAN:
            known = {"Y", "N", "YES", "NO", "TRUE", "FALSE", "0", "1", "T", "F"}
            return f"{{from: {name}, parse: boolean}}" if {v.upper() for v in column.values} <= known else ""
        if field.type in (FieldType.DATE, FieldType.TIMESTAMP):
            return f"{{from: {name}, parse: {PARSERS[field.type]}{_formats(column)}}}"
        parser = PARSERS.get(field.type)
        return f"{{from: {name}, parse: {parser}}}" if parser else f"{{from: {name}}}"

    def _reference(self, table: str, column: str, target: str) -> str:
        reference = self.references.get((table, column))
        if reference is None or self.guesses[reference.table].entity != target:
            return ""
        return f"{{record_id: {{table: {_q(reference.table)}, key: {_q(column)}}}}}"

    def _lookup(self, table: TableProfile, column: ColumnProfile, field: Field) -> str:
        if len(column.values) > MOST_CODES or field.codes is None:
            return ""
        crosswalk = re.sub(r"[^a-z0-9]+", "_", f"{table.name}_{column.name}".lower())
        labels = self._labels(table.name, column.name)
        self.codes[crosswalk] = [self._suggest(field.codes, v, labels.get(v, "")) for v in sorted(column.values)]
        return f"{{from: {_q(column.name)}, lookup: {crosswalk}}}"

    def _labels(self, table: str, column: str) -> dict[str, str]:
        """What a code table says of each of its keys, where the column holds keys of one."""
        reference = self.references.get((table, column))
        return dict(self.guesses[reference.table].table.labels) if reference else {}

    def _suggest(self, codes: str, value: str, label: str) -> list[str]:
        known = self.agreed.get(codes, {}).get(value.upper(), ())
        if known:
            why = f"{known[0].decision.rationale}; elsewhere {'; but '.join(map(str, known))}"
            return [value, known[0].national_code, why, "PROPOSED", "", ""]
        named = {f"{c.code} {c.label}": c.code for c in self.schema.codes[codes]}
        best = process.extractOne(
            label or value, list(named), scorer=fuzz.token_set_ratio, processor=utils.default_process
        )
        if best is not None and best[1] >= SUGGESTED and len(label or value) > 2:
            return [value, named[best[0]], f"Resembles {named[best[0]]} ({best[1]:.0f} %)", "PROPOSED", "", ""]
        return [value, "", "Unresolved", "PROPOSED", "", ""]

    def coverage(self) -> float:
        """Share of the business fields of the entities found that have a mapping."""
        entities = {entity for _, entity in self.mapped}
        wanted = {
            (e, f.name)
            for e in entities
            for f in self.schema.entity(e).business_fields
            if not f.name.endswith("_raw") and f.filled_by is None and f.name != self.schema.entity(e).key[-1]
        }
        covered = {(entity, field) for (_, entity), fields in self.mapped.items() for field in fields}
        return len(covered & wanted) / max(len(wanted), 1)

    def write(self, source: str, division: str, family: str, folders: tuple[Path, ...]) -> None:
        """Write every file of the draft."""
        for folder in (folders[0] / "entities", folders[0] / "codes", folders[1]):
            folder.mkdir(parents=True, exist_ok=True)
        today = date.today().isoformat()
        (folders[1] / "division.yml").write_text(
            f'division: {division}\nfamily: {family}\ntitle: Draft\nas_at: "{today}"\ndraft: true\n', encoding="utf-8"
        )
        (folders[0] / "family.yml").write_text(f"# Draft of a cold start.\nfamily: {family}\n", encoding="utf-8")
        (folders[0] / "sources.yml").write_text(self._sources(source, family), encoding="utf-8")
        by_entity: dict[str, list[str]] = defaultdict(list)
        for (table, entity), fields in self.mapped.items():
            by_entity[entity] += self._record(table, fields)
            if entity == COMPANION and "role_code" not in fields:
                by_entity[entity].append("      dpa_category_code: null  # undecided: follows from the role")
        for guess in self._kept():
            if (guess.table.name, guess.entity) not in self.mapped:
                by_entity[guess.entity] += self._record(guess.table.name, {})
        for entity, lines in sorted(by_entity.items()):
            text = "\n".join([f"entity: {entity}", "records:", *lines]) + "\n"
            (folders[0] / "entities" / f"{entity}.yml").write_text(text, encoding="utf-8")
        for crosswalk, rows in sorted(self.codes.items()):
            with (folders[0] / "codes" / f"{crosswalk}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([CODE_COLUMNS, *rows])

    def _kept(self) -> list[TableGuess]:
        return [g for g in self.guesses.values() if g.entity and g.role is TableRole.RECORD]

    def _record(self, table: str, fields: dict[str, tuple[str, Proposal]]) -> list[str]:
        lines = [f"  {_slug(table)}:", f"    from: {_q(table)}", "    fields:" if fields else "    fields: {}"]
        for field, (text, proposal) in fields.items():
            lines.append(f"      {field}: {text}  # {proposal.confidence:.2f}: {proposal.why}")
        return lines

    def _sources(self, source: str, family: str) -> str:
        safe = re.sub(r"//[^@/]*@", "//", source)
        lines = ["systems:"]
        kinds = sorted({g.table.kind for g in self.guesses.values()})
        for kind in kinds:
            guesses = [g for g in self.guesses.values() if g.table.kind is kind]
            kept = [g for g in guesses if g in self._kept()]
            if not kept:
                continue
            lines += [f"  {family if len(kinds) == 1 else f'{family}_{kind}'}:", f"    kind: {kind}"]
            lines += ["    location:", f"      default: {_q(safe)}", *_system_options(guesses, kept), "    tables:"]
            for guess in kept:
                lines += self._table(guess)
            left = [g for g in guesses if g not in kept]
            lines += ["    ignore_tables:"] if left else []
            lines += [f"      {_q(g.table.name)}: {_q(f'{UNDECIDED}: {g.why}')}" for g in left]
        return "\n".join(lines) + "\n"

    def _table(self, guess: TableGuess) -> list[str]:
        table = guess.table
        lines = [f"      {_q(table.name)}:  # {guess.why}", f"        key: {_list(table.key)}"]
        lines += [f"        primary: {guess.entity}", f"        columns: {_columns(table)}"]
        if table.found is not None:
            lines.append(f"        files: {_q(table.found.files)}")
            lines += [f"        options: {_flow(table.found.options)}"] if table.found.options else []
        used = {p.column for fields in self._fields_of(table.name) for _, p in fields.values()}
        left = [c.name for c in table.columns if c.name not in used and c.name not in table.key]
        if left:
            lines.append("        ignore:")
        for column in left:
            guessed = self.proposals[table.name, column]
            near = f"  # near {guessed.target} {guessed.confidence:.2f}: {guessed.why}" if guessed.target else ""
            lines.append(f"          {_q(column)}: {UNDECIDED}{near}")
        return lines

    def _fields_of(self, table: str) -> list[dict[str, tuple[str, Proposal]]]:
        return [fields for (name, _), fields in self.mapped.items() if name == table]


def _system_options(guesses: list[TableGuess], kept: list[TableGuess]) -> list[str]:
    """The options of a system of files; segments of a mainframe file that become no table are ignored."""
    options = dict(next((g.table.found.system_options for g in kept if g.table.found), {}))
    if "segment_field" in options:
        left = [g.table.name for g in guesses if g not in kept]
        options["segments_ignored"] = sorted({*left, *(str(v) for v in _as_list(options["segments_ignored"]))})
    return [f"    options: {_flow(options)}"] if options else []


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _columns(table: TableProfile) -> str:
    """Columns as a list; as a mapping where one has a place or options."""
    columns = table.found.columns if table.found else ()
    if not any(c.start or c.options for c in columns):
        return _list(tuple(c.name for c in table.columns))
    parts = []
    for column in columns:
        place = {"start": column.start, "length": column.length} if column.start else {}
        options = {"options": dict(column.options)} if column.options else {}
        parts.append(f"{_q(column.name)}: {_flow({**place, **options})}")
    return f"{{{', '.join(parts)}}}"


def _flow(value: object) -> str:
    """A plain value as YAML on one line: JSON is YAML."""
    return json.dumps(dict(value) if isinstance(value, Mapping) else value, ensure_ascii=False)


def _formats(column: ColumnProfile) -> str:
    """The formats that read a column's values, as YAML; empty where ISO does."""
    if all(re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", v) for v in column.values):
        return ""
    found = [f for f in TRIED_FORMATS if any(_reads(f, v) for v in column.values)]
    return f", formats: [{', '.join(_q(f) for f in found)}]" if found else ""


def _reads(pattern: str, text: str) -> bool:
    try:
        datetime.strptime(text, pattern)
    except ValueError:
        return False
    return True


def _q(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list(names: tuple[str, ...]) -> str:
    return f"[{', '.join(_q(n) for n in names)}]"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "record"
