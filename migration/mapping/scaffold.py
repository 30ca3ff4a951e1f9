"""A first draft of a pack for a system nobody has mapped: the cold start.

Enters: a source and a division letter. Leaves: a family and a division folder with `draft: true`, whose pack passes the
check and runs: confident proposals as mappings, everything else `undecided` with the guess beside it, codes with
suggestions from what other divisions agreed. Refuses: a division that has a pack already. Writes no value of the source
but the distinct codes of coded columns.
"""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from migration.errors import ConfigError
from migration.mapping.code_memory import load_packs, remember_codes
from migration.mapping.codes import CODE_COLUMNS
from migration.mapping.load import load_pack
from migration.mapping.model import TableRole
from migration.mapping.scaffold_draft import Draft, DraftRecord
from migration.mapping.scaffold_match import Proposal, expand, propose
from migration.mapping.scaffold_memory import remember
from migration.mapping.scaffold_profile import TableProfile, profile_source
from migration.mapping.scaffold_tables import TableGuess, guess_tables
from migration.mapping.scaffold_yaml import flow, quote, quote_list, render_columns, slug
from migration.schema.model import load_schema
from migration.settings import Settings

UNDECIDED = "undecided"


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
    guesses = guess_tables(profile_source(source), schema, memory)
    proposals = propose(guesses, schema, memory)
    draft = Draft(schema, guesses, proposals, remember_codes(settings, packs, schema))
    _write(draft, source, division, family, folders)
    load_pack(settings, division)
    whole = [g for g in guesses if not g.part.group]
    understood = sum(bool(g.entity) for g in whole)
    return Scaffold(division, folders, expand(guesses, proposals), len(whole), understood, draft.coverage())


def _write(draft: Draft, source: str, division: str, family: str, folders: tuple[Path, ...]) -> None:
    """Write every file of the draft."""
    for folder in (folders[0] / "entities", folders[0] / "codes", folders[1]):
        folder.mkdir(parents=True, exist_ok=True)
    today = date.today().isoformat()
    (folders[1] / "division.yml").write_text(
        f'division: {division}\nfamily: {family}\ntitle: Draft\nas_at: "{today}"\ndraft: true\n', encoding="utf-8"
    )
    (folders[0] / "family.yml").write_text(f"# Draft of a cold start.\nfamily: {family}\n", encoding="utf-8")
    (folders[0] / "sources.yml").write_text(_sources(draft, source, family), encoding="utf-8")
    by_entity: dict[str, list[str]] = defaultdict(list)
    for record in draft.records.values():
        by_entity[record.entity] += _record(draft, record)
    for entity, lines in sorted(by_entity.items()):
        text = "\n".join([f"entity: {entity}", "records:", *lines]) + "\n"
        (folders[0] / "entities" / f"{entity}.yml").write_text(text, encoding="utf-8")
    for crosswalk, rows in sorted(draft.codes.items()):
        with (folders[0] / "codes" / f"{crosswalk}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([CODE_COLUMNS, *rows])


def _record(draft: Draft, record: DraftRecord) -> list[str]:
    part = record.guess.part
    lines = [f"  {slug(part.name)}:  # {record.guess.why}", f"    from: {quote(part.source.name)}"]
    lines += [f"    numbers: [{', '.join(map(str, part.numbers))}]"] if part.numbers else []
    lines += [f"    group: {quote(part.group)}"] if part.group else []
    present = draft.present(record)
    lines += [f"    present: {quote_list(present)}"] if present else []
    lines += ["    join:", *(f"      {alias}: {text}" for alias, text in record.joins.items())] if record.joins else []
    lines.append("    fields:" if record.fields else "    fields: {}")
    for field, (text, proposal) in record.fields.items():
        lines.append(f"      {field}: {text}  # {proposal.confidence:.2f}: {proposal.why}")
    if record.entity == "crime_nominal" and record.fields and "role_code" not in record.fields:
        lines.append("      dpa_category_code: null  # undecided: follows from the role")
    return lines


def _sources(draft: Draft, source: str, family: str) -> str:
    safe = re.sub(r"//[^@/]*@", "//", source)
    lines = ["systems:"]
    whole = list(draft.whole.values())
    kinds = sorted({g.table.kind for g in whole})
    for kind in kinds:
        guesses = [g for g in whole if g.table.kind is kind]
        kept = [g for g in guesses if _is_kept(draft, g)]
        if not kept:
            continue
        lines += [f"  {family if len(kinds) == 1 else f'{family}_{kind}'}:", f"    kind: {kind}"]
        lines += ["    location:", f"      default: {quote(safe)}", *_system_options(guesses, kept), "    tables:"]
        for guess in kept:
            lines += _table(draft, guess)
        left = [g for g in guesses if g not in kept]
        lines += ["    ignore_tables:"] if left else []
        lines += [f"      {quote(g.part.source.name)}: {quote(f'{UNDECIDED}: {g.why}')}" for g in left]
    return "\n".join(lines) + "\n"


def _is_kept(draft: Draft, guess: TableGuess) -> bool:
    return guess.part.source.name in draft.lookups or bool(guess.entity and guess.role is TableRole.RECORD)


def _table(draft: Draft, guess: TableGuess) -> list[str]:
    table = guess.part.source
    is_lookup = table.name in draft.lookups
    lines = [f"      {quote(table.name)}:  # {guess.why}", f"        key: {quote_list(table.key)}"]
    lines += ["        role: lookup" if is_lookup else f"        primary: {guess.entity}"]
    lines += [f"        columns: {render_columns(table)}"]
    if table.found is not None:
        lines.append(f"        files: {quote(table.found.files)}")
        lines += [f"        options: {flow(table.found.options)}"] if table.found.options else []
    return lines if is_lookup else [*lines, *_ignored(draft, table)]


def _ignored(draft: Draft, table: TableProfile) -> list[str]:
    """The columns nothing is made of, with what each is near."""
    used = draft.used_columns(table.name)
    guessed = {p.column: p for p in expand(draft.guesses, draft.proposals) if p.table == table.name}
    left = [c.name for c in table.columns if c.name not in used and c.name not in table.key]
    lines = ["        ignore:"] if left else []
    for column in left:
        proposal = guessed[column]
        near = f"  # near {proposal.target} {proposal.confidence:.2f}: {proposal.why}" if proposal.target else ""
        lines.append(f"          {quote(column)}: {UNDECIDED}{near}")
    return lines


def _system_options(guesses: list[TableGuess], kept: list[TableGuess]) -> list[str]:
    """The options of a system of files; segments of a mainframe file that become no table are ignored."""
    options = dict(next((g.table.found.system_options for g in kept if g.table.found), {}))
    if "segment_field" in options:
        left = [g.part.source.name for g in guesses if g not in kept]
        options["segments_ignored"] = sorted({*left, *(str(v) for v in _as_list(options["segments_ignored"]))})
    return [f"    options: {flow(options)}"] if options else []


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
