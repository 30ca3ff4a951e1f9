"""Linking any table of people: `migrate dedupe file`.

Enters: a table in the role vocabulary, optionally a model. Leaves: `clusters.parquet(record_id, golden_id)`,
`pairs.parquet(left, right, score, band, evidence)`, `model.json`, `report.json`, `report.md`. Must hold: nobody has to
label or train anything: without a model one is learned from the table; the same records give the same files in any row
order. Refuses: what `roles.py` refuses.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migration.dedupe.blocking import Rule, build_blocks, content_ranks
from migration.dedupe.candidates import RANK_COLUMNS, Candidates, Pairs, find_candidates
from migration.dedupe.clustering import Clusters, Guards, cluster_records
from migration.dedupe.compiled import BoolArray, LongArray
from migration.dedupe.evaluation import Evaluation, evaluate_clusters
from migration.dedupe.golden import golden_ids
from migration.dedupe.levels import LINKAGE_COLUMNS, people_rules, untrained_model
from migration.dedupe.linked_set import LinkedSet, join_records
from migration.dedupe.matrix import RECORD_ID, Matrix, build_matrix
from migration.dedupe.model import Model, write_model
from migration.dedupe.outputs import bands, level_evidence
from migration.dedupe.people import normalise_people
from migration.dedupe.placeholders import Placeholder, remove_placeholders
from migration.dedupe.training import train_model
from migration.layers import write_json

LOOSE_PAIRS_PER_RECORD = 40
"""A loose rule is used where it proposes no more pairs than this per record."""
LOOSE_RECORDS = 300_000
"""Tables up to this size use loose rules: they reach 84 % of the historical set's true pairs where the others reach 64
%."""

PAIRS_AT_ONCE = 200_000
PAIRS_SCHEMA = pa.schema(
    [
        ("left", pa.string()),
        ("right", pa.string()),
        ("score", pa.float64()),
        ("band", pa.string()),
        ("evidence", pa.dictionary(pa.int32(), pa.string())),
    ]
)


@dataclass(frozen=True)
class FileResult:
    """A table, linked. Arrays are in order of record id."""

    matrix: Matrix
    model: Model
    candidates: Candidates
    clusters: Clusters
    placeholders: tuple[Placeholder, ...]
    evaluation: Evaluation | None
    seconds: float
    rules: tuple[Rule, ...] = ()
    is_person: BoolArray | None = None
    known_golden: pa.Array | None = None

    @cached_property
    def golden(self) -> pa.Array:
        """Golden id of every record. Worked out when first asked for, which is while the pairs are written."""
        if self.known_golden is not None:
            return self.known_golden
        return golden_ids(self.matrix.record_ids, self.clusters.of)


def link_records(
    records: pa.Table, threads: int, model: Model | None = None, truth: pa.Array | None = None
) -> FileResult:
    """Link records in the role vocabulary.

    Args:
        model: weights to use; learned from the records where left out. truth: true person of every row.

    Raises:
        SourceError: a record has no key, or two have the same.
    """
    started = time.monotonic()
    people, placeholders = remove_placeholders(normalise_people(records, threads))
    free = [c for c in people.column_names if c.startswith(("id_", "extra_"))]
    matrix = build_matrix(people, (*LINKAGE_COLUMNS, *free), threads)
    present = frozenset(people.column_names) & frozenset(matrix.columns)
    rules = choose_rules(matrix, present)
    used = (model or train_model(matrix, untrained_model(present), people_rules(present), threads)).restrict(present)
    candidates = find_candidates(matrix, used, rules, threads)
    pseudo = _in_matrix_order(pc.invert(people.column("is_person").combine_chunks()), records)
    clusters = cluster_records(
        matrix, used, candidates.pairs, Guards(pseudo=np.asarray(pseudo).astype(np.bool_)), threads
    )
    evaluation = None
    if truth is not None:
        evaluation = evaluate_clusters(clusters.of, np.asarray(_in_matrix_order(truth, records).to_pylist()))
    seconds = time.monotonic() - started
    person = ~np.asarray(pseudo).astype(np.bool_)
    return FileResult(matrix, used, candidates, clusters, placeholders, evaluation, seconds, rules, person)


def kept_set(result: FileResult) -> LinkedSet:
    """What is kept of a linked table for the records that will join it."""
    is_person = np.ones(len(result.matrix), dtype=np.bool_) if result.is_person is None else result.is_person
    return LinkedSet(
        result.matrix, result.model, result.rules, result.candidates, result.clusters, result.golden, is_person
    )


def join_table(linked: LinkedSet, records: pa.Table, threads: int) -> tuple[FileResult, LinkedSet]:
    """Records in the role vocabulary linked into a set: the clusters of all, the pairs of the new ones; and the set.

    Raises:
        SourceError: a record has no key, or one that another has, or a role that the set does not have.
    """
    started = time.monotonic()
    joined, placeholders = join_records(linked, records, threads)
    fresh = replace(joined.candidates, pairs=joined.new_pairs())
    seconds = time.monotonic() - started
    result = FileResult(joined.matrix, joined.model, fresh, joined.clusters, placeholders, None, seconds)
    return replace(result, known_golden=joined.golden), joined


def _in_matrix_order(values: pa.Array, records: pa.Table) -> pa.Array:
    return values.take(pc.sort_indices(records.column(RECORD_ID).combine_chunks().cast(pa.string())))


def choose_rules(matrix: Matrix, present: frozenset[str]) -> tuple[Rule, ...]:
    """The firm rules, and in tables small enough the loose ones that cost no more than their limit."""
    firm = people_rules(present)
    if len(matrix) > LOOSE_RECORDS:
        return firm
    rank = content_ranks(matrix, RANK_COLUMNS)
    limit = LOOSE_PAIRS_PER_RECORD * len(matrix)
    loose = [r for r in people_rules(present, loose=True) if r not in firm]
    return (*firm, *(r for r in loose if build_blocks(matrix, r, rank).pairs <= limit))


def write_result(result: FileResult, out: Path) -> None:
    """Write the files of a linked table into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        pairs = pool.submit(
            write_pairs, result.matrix, result.model, result.candidates.pairs, result.clusters, out / "pairs.parquet"
        )
        clusters = pool.submit(_write_clusters, result, out / "clusters.parquet")
        write_model(result.model, out / "model.json")
        facts = _facts(result)
        write_json(out / "report.json", facts)
        (out / "report.md").write_text(_report(result, facts), encoding="utf-8")
        clusters.result()
        pairs.result()


def _write_clusters(result: FileResult, path: Path) -> None:
    clusters = pa.table({"record_id": result.matrix.record_ids, "golden_id": result.golden})
    pq.write_table(clusters, path, compression="zstd", use_dictionary=["golden_id"])


def write_pairs(matrix: Matrix, model: Model, pairs: Pairs, clusters: Clusters, path: Path) -> None:
    """Write scored pairs, some at a time. Their evidence is the levels; what the score has beyond them is rarity."""
    none: LongArray = np.zeros(0, dtype=np.int64)
    texts, _ = level_evidence(model, pairs.levels)
    with pq.ParquetWriter(path, PAIRS_SCHEMA, compression="zstd", use_dictionary=["band", "evidence"]) as writer:
        for start in range(0, max(len(pairs), 1), PAIRS_AT_ONCE):
            part = pairs.take(slice(start, start + PAIRS_AT_ONCE))
            columns = [
                matrix.record_ids.take(pa.array(part.left)),
                matrix.record_ids.take(pa.array(part.right)),
                pa.array(part.scores),
                bands(clusters, none, part, model),
                texts[start : start + PAIRS_AT_ONCE],
            ]
            writer.write_table(pa.table(columns, schema=PAIRS_SCHEMA))


def _facts(result: FileResult) -> dict[str, object]:
    return {
        "records": len(result.matrix),
        "golden_nominals": int(np.count_nonzero(result.clusters.of == np.arange(len(result.matrix)))),
        "largest": int(np.bincount(result.clusters.of).max(initial=0)),
        "pairs_compared": result.candidates.compared,
        "pairs_kept": len(result.candidates.pairs),
        "model_version": result.model.version,
        "thresholds": asdict(result.model.thresholds),
        "rules": [asdict(r) for r in result.candidates.reports],
        "placeholders": [asdict(p) for p in result.placeholders],
        "size_alarms": len(result.clusters.alarms),
        "evaluation": asdict(result.evaluation) if result.evaluation else None,
    }


def _report(result: FileResult, facts: Mapping[str, object]) -> str:
    lines = [
        "# Linked records",
        "",
        f"{facts['records']:,} records, {facts['golden_nominals']:,} people.",
        f"The largest has {facts['largest']:,} records.",
        f"{facts['pairs_compared']:,} pairs compared, {facts['pairs_kept']:,} kept. Model {facts['model_version']}.",
        "",
        "| blocking rule | records reached | largest block | pairs compared first | kept |",
        "|---|---|---|---|---|",
        *(
            f"| {r.rule} | {r.records:,} | {r.largest:,} | {r.compared:,} | {r.kept:,} |"
            for r in result.candidates.reports
        ),
        "",
        *_placeholder_lines(result.placeholders),
        *_evaluation_lines(result.evaluation),
        *_weight_lines(result.model),
    ]
    return "\n".join(lines) + "\n"


def _placeholder_lines(placeholders: Sequence[Placeholder]) -> list[str]:
    found = [f"- {p.column} ({p.rule}): {p.values:,} values, {p.records:,} records" for p in placeholders]
    return ["Values that say nothing, left out:", "", *found, ""] if found else []


def _evaluation_lines(evaluation: Evaluation | None) -> list[str]:
    if evaluation is None:
        return []
    rows = ["| figure | value | 95 % interval |", "|---|---|---|"]
    for name, figure in asdict(evaluation).items():
        if isinstance(figure, dict):
            rows.append(f"| {name} | {figure['value']:.4f} | {figure['low']:.4f} to {figure['high']:.4f} |")
    return [*rows, ""]


def _weight_lines(model: Model) -> list[str]:
    rows = ["| comparison | level | m | u | weight |", "|---|---|---|---|---|"]
    for comparison in model.comparisons:
        for level in comparison.levels:
            if not level.is_missing:
                rows.append(
                    f"| {comparison.name} | {level.name} | {level.m:.5f} | {level.u:.7f} | {level.weight:+.2f} |"
                )
    return rows
