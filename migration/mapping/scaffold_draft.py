"""The records of a draft pack: which fields of which entities the parts of each table make, and how they hang together.

Enters: guesses, proposals, what was agreed of codes. Leaves: a `DraftRecord` for each entity of each part, and the
crosswalks they look up. Must hold: only confident proposals are mapped; a reference is written only to a record the
draft makes. Refuses nothing: what cannot be read becomes no field.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from rapidfuzz import fuzz, process, utils

from migration.mapping.code_memory import CodeMemory
from migration.mapping.model import TableRole
from migration.mapping.scaffold_match import COMPANIONS, Proposal
from migration.mapping.scaffold_memory import split_name
from migration.mapping.scaffold_profile import ColumnProfile
from migration.mapping.scaffold_references import find_references
from migration.mapping.scaffold_tables import TableGuess
from migration.mapping.scaffold_yaml import quote, quote_list, render_value, slug
from migration.schema.model import Field, FieldType, NationalSchema

MOST_CODES = 200
SUGGESTED = 75.0
LINKS = {"nominal": "crime_nominal", "vehicle": "crime_object"}
"""What says that a thing in a report's row has to do with the report."""
ROLES = {
    "victim": "VICTIM",
    "complain": "COMPLAINER",
    "comp": "COMPLAINER",
    "offender": "SUSPECT",
    "suspect": "SUSPECT",
    "arrest": "ACCUSED",
    "accused": "ACCUSED",
    "defendant": "ACCUSED",
    "witness": "WITNESS",
}
"""Words in a table's or a group's name that say which part its people play."""
WHOLES = {
    "location": ("location_raw_text", ("premises", "street", "locality", "town", "postcode"), ", "),
    "nominal": ("full_name_raw", ("forename_1", "forename_2", "surname"), " "),
}
"""Required texts that the columns of other fields make together."""


@dataclass
class DraftRecord:
    """One record of the draft: its fields as text with the proposal each rests on, and its joins to code tables."""

    guess: TableGuess
    entity: str
    fields: dict[str, tuple[str, Proposal]] = field(default_factory=dict)
    joins: dict[str, str] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether it is what the rows of a table are, and not a thing beside or in them."""
        return not self.guess.part.group and self.entity == self.guess.entity


class Draft:
    """The records and crosswalks of one draft."""

    def __init__(
        self,
        schema: NationalSchema,
        guesses: tuple[TableGuess, ...],
        proposals: tuple[Proposal, ...],
        agreed: CodeMemory,
    ) -> None:
        self.schema, self.agreed, self.guesses, self.proposals = schema, agreed, guesses, proposals
        self.whole = {g.part.source.name: g for g in guesses if not g.part.group}
        self.references = find_references(tuple(g.part.source for g in self.whole.values()))
        self.records: dict[tuple[str, str], DraftRecord] = {}
        self.codes: dict[str, list[list[str]]] = {}
        self.lookups: set[str] = set()
        for guess in guesses:
            if guess.entity and guess.role is TableRole.RECORD:
                self.records[guess.part.name, guess.entity] = DraftRecord(guess, guess.entity)
                self._map_part(guess)
        for record in list(self.records.values()):
            self._link_report(record)
        for record in self.records.values():
            self._add_wholes(record)
            self._add_references(record)

    def coverage(self) -> float:
        """Share of the business fields of the entities found that have a mapping."""
        found = {r.entity for r in self.records.values() if r.fields}
        wanted = {
            (e, f.name)
            for e in found
            for f in self.schema.entity(e).business_fields
            if not f.name.endswith("_raw") and f.filled_by is None and f.name != self.schema.entity(e).key[-1]
        }
        covered = {(r.entity, name) for r in self.records.values() for name in r.fields}
        return len(covered & wanted) / max(len(wanted), 1)

    def used_columns(self, table: str) -> set[str]:
        """Columns of a source table that its records read."""
        records = [r for r in self.records.values() if r.guess.part.source.name == table]
        own = {(r.guess.part.name, p.own): r.guess.part for r in records for _, p in r.fields.values()}
        partners = [(p, r.guess.part) for r in records for p in self._partners(r)]
        found = {c for (_, name), part in own.items() if name in part.columns for c in part.expand(name)}
        return found | {c for p, part in partners for c in part.expand(p.own)}

    def _partners(self, record: DraftRecord) -> Iterator[Proposal]:
        """Confident proposals that go into a field together with another column."""
        for proposal in self.proposals:
            entity, _, name = proposal.target.partition(".")
            is_its = (proposal.part, entity) == (record.guess.part.name, record.entity)
            if is_its and proposal.is_confident and name in record.fields:
                yield proposal

    def _map_part(self, guess: TableGuess) -> None:
        allowed = (guess.entity, *COMPANIONS.get(guess.entity, ()))
        targets: dict[str, list[Proposal]] = defaultdict(list)
        for proposal in self.proposals:
            if proposal.part == guess.part.name and proposal.is_confident:
                targets[proposal.target].append(proposal)
        for target, found in targets.items():
            entity, _, name = target.partition(".")
            if entity not in allowed or name == self.schema.entity(entity).key[-1]:
                continue
            record = self.records.get((guess.part.name, entity)) or DraftRecord(guess, entity)
            text = self._expression(record, found, self.schema.entity(entity).field(name))
            if text:
                record.fields[name] = (text, found[0])
                self.records[guess.part.name, entity] = record

    def _expression(self, record: DraftRecord, found: list[Proposal], national: Field) -> str:
        part = record.guess.part
        columns = {c.name: c for c in record.guess.table.columns}
        found.sort(key=lambda p: -columns[p.own].date_like)
        first = columns[found[0].own]
        source = part.columns[first.name]
        if national.references is not None:
            return self._reference(part.source.name, source, national.references[0])
        if national.codes is not None and national.codes != "crime_code":
            return self._lookup(record, first, national.codes)
        if national.type is FieldType.TEXT and (joined := self._join(record, source)):
            return joined
        others = [part.columns[p.own] for p in found[1:]]
        if national.type is FieldType.TEXT and others:
            return f'{{concat: {quote_list([source, *others])}, separator: ", "}}'
        partner = [_renamed(columns[p.own], part.columns[p.own]) for p in found[1:2]]
        return render_value(source, [first, *partner], national.type)

    def _reference(self, table: str, column: str, target: str) -> str:
        reference = self.references.get((table, column))
        if reference is None or self.whole[reference.table].entity != target:
            return ""
        return f"{{record_id: {{table: {quote(reference.table)}, key: {quote_list(reference.own)}}}}}"

    def _join(self, record: DraftRecord, source: str) -> str:
        """What a code table says of a column's codes, read through a join to it."""
        reference = self.references.get((record.guess.part.source.name, source))
        if reference is None or self.whole[reference.table].role is not TableRole.LOOKUP:
            return ""
        lookup = self.whole[reference.table].part.source
        others = [c for c in lookup.columns if c.name != reference.column]
        if not others:
            return ""
        told = max(others, key=lambda c: (bool({"name", "desc", "description"} & set(split_name(c.name))), c.length))
        alias = slug(f"{source}_{lookup.name}")
        match = f"{{{quote(reference.column)}: {quote(source)}}}"
        record.joins[alias] = f"{{table: {quote(lookup.name)}, match: {match}}}"
        self.lookups.add(lookup.name)
        return f"{{from: {quote(f'{alias}.{told.name}')}}}"

    def _lookup(self, record: DraftRecord, column: ColumnProfile, codes: str) -> str:
        if len(column.values) > MOST_CODES:
            return ""
        part = record.guess.part
        source = part.columns[column.name]
        crosswalk = slug(f"{part.name}_{column.name}")
        reference = self.references.get((part.source.name, source))
        labels = dict(self.whole[reference.table].part.source.labels) if reference else {}
        self.codes[crosswalk] = [self._suggest(codes, v, labels.get(v, "")) for v in sorted(column.values)]
        return f"{{from: {quote(source)}, lookup: {crosswalk}}}"

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

    def _link_report(self, record: DraftRecord) -> None:
        """What a thing has to do with the report: that it stands in its row, and the role its name tells."""
        guess = record.guess
        base = self.whole[guess.part.source.name]
        link = LINKS.get(record.entity, "")
        if not link or record.entity != guess.entity:
            return
        if guess.part.group and base.entity == "crime_report":
            self.records.setdefault((guess.part.name, link), DraftRecord(guess, link))
        linked = self.records.get((guess.part.name, link))
        role = next((r for word, r in ROLES.items() if word in guess.part.name.lower()), "")
        if linked is not None and link == "crime_nominal" and role:
            why = Proposal(guess.part.source.name, "", f"{link}.role_code", 0.8, "the name of its columns or table")
            linked.fields.setdefault("role_code", (f"{{constant: {role}}}", why))

    def _add_wholes(self, record: DraftRecord) -> None:
        """Required texts, numbers and precisions that follow from the other fields of the record."""
        table, part = record.guess.part.source.name, record.guess.part
        whole, pieces, separator = WHOLES.get(record.entity, ("", (), ""))
        made = [part.columns[record.fields[p][1].own] for p in pieces if p in record.fields]
        why = Proposal(table, "", f"{record.entity}.{whole}", 0.8, "made of the fields beside it")
        if made and whole not in record.fields:
            text = f"{{concat: {quote_list(list(dict.fromkeys(made)))}, separator: {quote(separator)}}}"
            record.fields[whole] = (text, why)
        if record.entity == "crime" and "crime_seq" not in record.fields and not record.is_own:
            number = "{n}" if part.numbers else "1"
            record.fields["crime_seq"] = (f"{{constant: {quote(number)}, parse: integer}}", why)
        if record.entity == "nominal" and "born_on" in record.fields:
            text = record.fields["born_on"][0].replace("parse: date", "parse: precision")
            record.fields.setdefault("born_on_precision_code", (text, record.fields["born_on"][1]))

    def _add_references(self, record: DraftRecord) -> None:
        """References between the records of one row."""
        source = record.guess.part.source
        for national in self.schema.entity(record.entity).business_fields:
            if national.references is None or national.name in record.fields or national.filled_by is not None:
                continue
            target = national.references[0]
            group = self._group_of(record, target)
            if group is None or (target == record.entity and group == record.guess.part.group) or not source.key:
                continue
            parts = [f"table: {quote(source.name)}", f"key: {quote_list(source.key)}"]
            parts += [f"group: {quote(group)}"] if group else []
            own = self.records[self._part_of(source.name, group), target]
            parts += [] if own.is_own else [f"only_if: {quote_list(self.present(own))}"]
            text = f"{{record_id: {{{', '.join(parts)}}}}}"
            record.fields[national.name] = (text, Proposal(source.name, "", "", 0.95, "in the same row"))

    def _group_of(self, record: DraftRecord, target: str) -> str | None:
        """The group of the record of an entity in the same row; None where there is none, or several."""
        part = record.guess.part
        if (part.name, target) in self.records:
            return part.group
        base = self.whole[part.source.name]
        if (base.part.name, target) in self.records:
            return ""
        others = [
            g.part.group.replace("{n}", str(min(g.part.numbers, default=0)))
            for g in self.guesses
            if g.part.source.name == part.source.name and g.part.group and g.entity == target
        ]
        is_single = len(others) == 1 and (part.group or record.is_own)
        return others[0] if is_single and target in {"location", "crime"} else None

    def _part_of(self, table: str, group: str) -> str:
        names = {
            g.part.name
            for g in self.guesses
            if g.part.source.name == table
            and group in {g.part.group, *(g.part.group.replace("{n}", str(n)) for n in g.part.numbers)}
        }
        return min(names)

    def present(self, record: DraftRecord) -> list[str]:
        """Columns of which one is filled where a record beside its table's own is there; none where it always is."""
        part = record.guess.part
        if record.is_own or (not part.group and record.entity in LINKS.values()):
            return []
        is_link = part.group and record.entity in LINKS.values()
        owner = self.records[part.name, record.guess.entity] if is_link else record
        named = [p.own for _, p in owner.fields.values() if p.own in part.columns]
        return list(dict.fromkeys(part.columns[own] for own in named))


def _renamed(column: ColumnProfile, name: str) -> ColumnProfile:
    """The profile under the name its column has in the source."""
    return replace(column, name=name)
