"""Whether a pack hangs together: every column accounted for, every code known.

Enters: a built pack and the national schema. Leaves: problems. Must hold after: each source column is read by a record
or ignored with a reason, never both; each table has one record that takes every row; each code a crosswalk decides is
in the list of the field it is for.
"""

from migration.mapping.codes import AGREED
from migration.mapping.expressions import Constant, Lookup, list_columns, walk
from migration.mapping.model import Crosswalk, Origin, Pack, Record, SourceTable, TableRole
from migration.mapping.problems import Problems
from migration.mapping.references import check_record, list_parts
from migration.schema.model import NationalSchema


def check_pack(pack: Pack, schema: NationalSchema, problems: Problems) -> None:
    """Note everything in a pack that does not hang together."""
    tables = {(s.name, t.name): t for s in pack.systems for t in s.tables}
    for record in pack.records:
        if (record.system, record.table) in tables:
            check_record(pack, record, tables, schema, problems)
    for system in pack.systems:
        for table in system.tables:
            if table.role is TableRole.RECORD:
                _check_primary(pack, system.name, table, schema, problems)
                _check_coverage(pack, system.name, table, problems)
    _check_codes(pack, schema, problems)


def _table_origin(pack: Pack, records: tuple[Record, ...]) -> Origin:
    return records[0].origin if records else Origin(f"divisions/{pack.division}/division.yml", 1)


def _check_primary(pack: Pack, system: str, table: SourceTable, schema: NationalSchema, problems: Problems) -> None:
    records = pack.records_of(system, table.name)
    where = _table_origin(pack, records)
    whole = [r for r in records if r.entity == table.primary and not (r.group or r.when or r.present or r.split)]
    if table.primary is None or table.primary not in schema.entities:
        problems.add_name(where, f"primary entity of table {table.name}, not", str(table.primary), schema.entities)
    elif len(whole) != 1:
        found = f"{len(whole)} records of {table.primary} that take every row of {table.name}"
        problems.add(where, found, "exactly one, without group, when, present or split")
    seen: set[tuple[str, str]] = set()
    for record in records:
        if (record.entity, record.group) in seen:
            found = f"two records of {record.entity} from {table.name} with group '{record.group}'"
            problems.add(record.origin, found, "a group of its own for each")
        seen.add((record.entity, record.group))


def _check_coverage(pack: Pack, system: str, table: SourceTable, problems: Problems) -> None:
    where = _table_origin(pack, pack.records_of(system, table.name))
    read: set[str] = set()
    for record in pack.records:
        read |= columns_read(record, system, table.name)
    frame = {*table.key, *table.surrogate, *table.identity, *(c for c in (table.sample_by, table.changed_by) if c)}
    for column in table.column_names:
        if column not in read | frame and column not in table.ignored:
            expected = "a field made from it, or a reason under ignore"
            problems.add(where, f"column {table.name}.{column} neither mapped nor ignored", expected)
        if column in read and column in table.ignored:
            problems.add(where, f"column {table.name}.{column} both mapped and ignored", "one of the two")


def columns_read(record: Record, system: str, table: str) -> set[str]:
    """Columns of a source table that a record reads, itself or through a join."""
    read: set[str] = set()
    is_own = (record.system, record.table) == (system, table)
    aliases = {j.alias for j in record.joins if (j.system, j.table) == (system, table)}
    for part in list_parts(record):
        read |= {c.name for c in list_columns(part) if (is_own and not c.join) or c.join in aliases}
    for join in record.joins:
        if join.alias in aliases:
            read |= {c for c, _ in join.on} | set(join.collect) | {o.column for o in join.pick}
    if is_own:
        read |= set(record.present) | {o.column for o in record.pick}
        read |= {record.split.column} if record.split else set()
    return read


def list_targets(pack: Pack, schema: NationalSchema) -> dict[str, tuple[str, ...]]:
    """The national lists each crosswalk of a pack is read for, sorted: one without a lookup is read for none."""
    targets: dict[str, set[str]] = {}
    for record in pack.records:
        for item in record.fields:
            codes = schema.entity(record.entity).field(item.name).codes
            for part in walk(item.expression) if codes is not None else ():
                if isinstance(part, Lookup) and codes is not None:
                    targets.setdefault(part.crosswalk, set()).add(codes)
    return {name: tuple(sorted(lists)) for name, lists in targets.items()}


def _check_codes(pack: Pack, schema: NationalSchema, problems: Problems) -> None:
    known = {name: {c.code for c in codes} for name, codes in schema.codes.items()}
    for record in pack.records:
        for item in record.fields:
            codes = schema.entity(record.entity).field(item.name).codes
            constant = item.expression
            if codes is not None and isinstance(constant, Constant) and constant.value not in known[codes]:
                problems.add_name(item.origin, f"code of list {codes}", constant.value, known[codes])
    targets = list_targets(pack, schema)
    for name, crosswalk in pack.crosswalks.items():
        if name in targets:
            _check_crosswalk(crosswalk, {n: known[n] for n in targets[name]}, problems)


def _check_crosswalk(crosswalk: Crosswalk, lists: dict[str, set[str]], problems: Problems) -> None:
    known = set.intersection(*lists.values())
    for decision in crosswalk.decisions.values():
        if decision.national_code not in known and (decision.national_code or decision.status == AGREED):
            problems.add_name(decision.origin, f"code of list {', '.join(lists)}", decision.national_code, known)
