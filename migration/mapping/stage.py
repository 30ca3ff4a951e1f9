"""The stage `map`: raw rows become national records, each with its disposition.

Enters: the `raw` layer and the effective pack. Leaves: the layers `mapped` (entity tables and `disposition`) and
`rejected` (`rejects`, `issues`, `codes`, and the rejected raw rows). Must hold: for each source table the source
records of its primary entity are its rows, to the row, and each ends in exactly one disposition. Refuses: an extract
that broke its contract, a raw table with other columns than the pack's, a draft pack in a cutover, a weeding rule over
its cap.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np

from migration.duck import open_session
from migration.errors import ConfigError, QualityError
from migration.extract.contract_check import check_contract
from migration.layers import current_manifest, layer_folder, read_manifest, stage_key, write_layer
from migration.mapping import outputs, prepare
from migration.mapping.clashes import find_clashing
from migration.mapping.dispositions import QUARANTINED_LINES, write_dispositions
from migration.mapping.entity_file import EntityFiles, write_decided
from migration.mapping.fates import (
    Decided,
    decide_record,
    fate_table,
    keep_rest,
    order_entities,
    quarantine_clashes,
    record_fates,
    settle_merges,
    source_number,
)
from migration.mapping.lane import fits, keep_fates, load_plain_rows
from migration.mapping.literals import literal, name
from migration.mapping.load import load_pack
from migration.mapping.model import Pack, Record, SourceTable
from migration.records import Disposition, Layer, Phase, RunContext, Stage, StageResult, StageStatus
from migration.schema.model import Entity, NationalSchema, load_schema


def map_division(context: RunContext) -> StageResult:
    """Map a division's raw layer by its pack.

    Raises:
        ConfigError: the pack has problems, or is a draft in a cutover.
        SourceError: the raw layer is not there or not shaped as the pack says.
        QualityError: the extract broke its contract, or a confirmed weeding rule takes more records than its cap.
        ReconciliationError: a record is lost or doubled.
    """
    started = time.monotonic()
    raw = read_manifest(context, Layer.RAW)
    check_contract(context)
    pack = load_pack(context.settings, context.division)
    if pack.is_draft and context.phase is Phase.CUTOVER:
        fix = "Decide what is undecided and take `draft: true` out of division.yml."
        raise ConfigError(f"pack of division {pack.division}", "a draft pack", "a finished one for a cutover", fix)
    key = stage_key([raw.content_hash], pack_version=pack.version)
    layers = [current_manifest(context, layer, key) for layer in (Layer.MAPPED, Layer.REJECTED)]
    if all(layer is not None for layer in layers):
        status, counts = StageStatus.SKIPPED, _read_counts(context)
    else:
        status, counts = StageStatus.DONE, _write_layers(context, pack, key)
    tables = tuple(
        result for layer in (Layer.MAPPED, Layer.REJECTED) for result in read_manifest(context, layer).table_results()
    )
    folders = (layer_folder(context, Layer.MAPPED), layer_folder(context, Layer.REJECTED))
    return StageResult(Stage.MAP, status, time.monotonic() - started, tables, counts, folders)


def _read_counts(context: RunContext) -> dict[str, int]:
    facts = read_manifest(context, Layer.MAPPED).facts.get("counts", {})
    return {str(k): int(v) for k, v in facts.items()} if isinstance(facts, dict) else {}


def _write_layers(context: RunContext, pack: Pack, key: str) -> dict[str, int]:
    schema = load_schema()
    with (
        open_session(context.settings) as connection,
        write_layer(context, Layer.REJECTED, key) as rejected,
        write_layer(context, Layer.MAPPED, key) as mapped,
    ):
        rows: dict[str, int] = {}

        def write(entity: Entity, decided: Sequence[Decided]) -> None:
            rows[entity.name] = _count_loaded(connection, decided)
            outputs.note_code_uses(connection, entity, decided)

        raw = layer_folder(context, Layer.RAW)
        decided = decide_all(connection, pack, schema, raw, write, EntityFiles(context, pack, mapped, raw))
        write_dispositions(connection, context, pack, schema, decided, mapped)
        counts = outputs.check_balance(connection, pack, rows, mapped.path("disposition"))
        counts["rejects"] = outputs.write_rejects(connection, context, pack, decided, rejected)
        counts["issues"] = outputs.write_issues(connection, context, pack, decided, rejected)
        counts["unresolved_codes"] = outputs.write_code_uses(connection, context, pack, rejected)
        outputs.write_rejected_rows(connection, context, decided, rejected)
        mapped.facts |= {"counts": counts, "pack_version": pack.version}
    return counts


def decide_all(
    connection: duckdb.DuckDBPyConnection,
    pack: Pack,
    schema: NationalSchema,
    raw: Path,
    write: Callable[[Entity, Sequence[Decided]], None],
    files: EntityFiles | None = None,
) -> list[Decided]:
    """What became of every source record of a pack, record map by record map.

    Args:
        raw: folder of the raw layer.
        write: called with each entity once its records are decided; their fields are gone afterwards.
        files: where the loaded records are written; None where nobody wants them.
    """
    prepare.prepare_session(connection)
    has_state: dict[tuple[str, str], bool] = {}
    for system in pack.systems:
        for table in system.tables:
            path = prepare.raw_path(raw, system, table)
            prepare.view_raw(connection, system, table, path)
            if table.primary is not None:
                has_state[system.name, table.name] = prepare.mark_repeats(connection, system, table, path)
    _view_quarantined_lines(connection, pack, raw)
    prepare.make_crosswalks(connection, pack, schema)
    unique = {key for key, repeats in has_state.items() if not repeats}
    prepare.make_joins(connection, pack, unique)
    decided: list[Decided] = []
    for entity in order_entities(schema):
        records = [r for r in pack.records if r.entity == entity.name]
        decided += decide_entity(connection, pack, entity, records, has_state, len(decided), write, files)
    _check_caps(connection, decided)
    return decided


def decide_entity(
    connection: duckdb.DuckDBPyConnection,
    pack: Pack,
    entity: Entity,
    records: Sequence[Record],
    has_state: Mapping[tuple[str, str], bool],
    number: int,
    write: Callable[[Entity, Sequence[Decided]], None],
    files: EntityFiles | None = None,
) -> list[Decided]:
    """What became of the records of one entity; see `decide_all`. `number` is that of its first record map."""
    states = [has_state[r.system, r.table] for r in records]
    decided = _decide_records(connection, pack, entity, records, states, number, files)
    loading = [d for d in decided if d.loads]
    record_fates(connection, pack, entity, loading)
    for item in loading:
        if item.lane is not None and files is not None:
            source = source_number(pack, (item.record.system, item.record.table))
            path = files.writer.path(entity.name)
            keep_fates(connection, entity, path, item.lane, source, fate_table(entity.name))
    settle_merges(connection, entity, [d for d in decided if not d.loads or d.record.pick])
    if decided:
        write(entity, decided)
    for item in decided:
        keep_rest(connection, item)
    return decided


def _decide_records(
    connection: duckdb.DuckDBPyConnection,
    pack: Pack,
    entity: Entity,
    records: Sequence[Record],
    states: Sequence[bool],
    number: int,
    files: EntityFiles | None,
) -> list[Decided]:
    """Decide the records of an entity and write those that are loaded."""
    numbered = list(enumerate(zip(records, states, strict=True), number))
    if files is None or not any(r.merged_into is None for r in records):
        decided = [decide_record(connection, pack, r, entity, state, i) for i, (r, state) in numbered]
        if any(d.loads for d in decided):
            quarantine_clashes(connection, entity, [d for d in decided if d.loads])
        return decided
    clashing = [np.zeros(0, np.uint64) for _ in entity.unique]
    while True:
        with files.open(entity) as file:
            decided = []
            for index, (record, state) in numbered:
                path = prepare.raw_path(files.raw, pack.system(record.system), _table(pack, record))
                lane = None
                if fits(record, records, path):
                    lane = load_plain_rows(connection, pack, record, file, path, state, index, clashing)
                decided.append(decide_record(connection, pack, record, entity, state, index, lane))
            loading = [d for d in decided if d.loads]
            found = find_clashing(connection, entity, loading)
            if not any(len(f) for f in found):
                quarantine_clashes(connection, entity, loading)
                for item in loading:
                    write_decided(connection, file, item)
                return decided
        # records that were loaded share a value: a second time they are left, and decided together
        clashing = [np.union1d(a, b) for a, b in zip(clashing, found, strict=True)]


def _table(pack: Pack, record: Record) -> SourceTable:
    return pack.system(record.system).table(record.table)


def _count_loaded(connection: duckdb.DuckDBPyConnection, decided: Sequence[Decided]) -> int:
    loaded = 0
    for item in decided:
        loaded += item.lane.rows if item.lane is not None else 0
        if item.loads:
            loaded += prepare.count_rows(connection, f"(SELECT 1 FROM {item.table} WHERE _outcome = 'LOADED')")
    return loaded


def _view_quarantined_lines(connection: duckdb.DuckDBPyConnection, pack: Pack, raw: Path) -> None:
    """The lines extraction could not read, as source records of their table's primary entity."""
    path = raw / "_quarantine.parquet"
    view = name(QUARANTINED_LINES)
    columns = "source_system, source_table, entity, source_key, rule_id, reason_code"
    if not path.exists():
        empty = ", ".join(f"NULL::VARCHAR AS {c}" for c in columns.split(", "))
        connection.execute(f"CREATE VIEW {view} AS SELECT {empty} WHERE false")
        return
    cases = " ".join(
        f"WHEN source_system = {literal(s.name)} AND source_table = {literal(t.name)} THEN {literal(t.primary)}"
        for s in pack.systems
        for t in s.tables
        if t.primary is not None
    )
    connection.execute(
        f"CREATE VIEW {view} AS SELECT {columns} FROM (SELECT *, CASE {cases} END AS entity, "
        "'line ' || line || '@' || byte_offset AS source_key, 'extract.line' AS rule_id "
        f"FROM {prepare.parquet(path)}) WHERE entity IS NOT NULL"
    )


def _check_caps(connection: duckdb.DuckDBPyConnection, decided: list[Decided]) -> None:
    for item in decided:
        for rule in (r for r in item.record.weed if r.confirmed_by):
            rule_id = f"{item.record.entity}.{rule.name}"
            taken = prepare.count_rows(
                connection,
                f"(SELECT 1 FROM {item.rest} WHERE _outcome = {literal(Disposition.WEEDED.value)} "
                f"AND _rule = {literal(rule_id)})",
            )
            if taken > rule.cap:
                raise QualityError(
                    f"weeding rule {rule_id} ({rule.origin})",
                    f"{taken} records",
                    f"at most {rule.cap}, its cap",
                    "Have the same two people confirm a higher cap, or correct the rule.",
                )
