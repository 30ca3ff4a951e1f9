"""The national set of nominals, linked.

Enters: the runs to link together (published ones and at most one new), open judgements, a model. Leaves: `Linked`:
every nominal with its golden id and rule, and the candidate pairs. Must hold: the same nominals, judgements, model and
day give the same result whether a division joined last or all came at once: pairs of two published divisions are taken
from the runs that compared them, where those used this model and this code, and checked against the blocks as they are
now. Refuses nothing: where earlier pairs cannot be used, everything is compared again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migration.dedupe.candidates import Candidates, Pairs, RuleReport, find_candidates
from migration.dedupe.clustering import Clusters, Guards, cluster_records
from migration.dedupe.compiled import BoolArray, IntArray, LongArray
from migration.dedupe.golden import golden_ids
from migration.dedupe.judgements import JudgedPairs, encode_pairs, judged_pairs
from migration.dedupe.levels import LINKAGE_COLUMNS, people_rules
from migration.dedupe.matrix import Matrix, build_matrix
from migration.dedupe.model import Model
from migration.dedupe.nominals import IDENTIFIER_TYPES, load_nominals
from migration.dedupe.people import normalise_people
from migration.dedupe.placeholders import Placeholder, remove_placeholders
from migration.layers import code_version, find_manifest, layer_folder
from migration.records import Layer, RunContext

NATIONAL_COLUMNS = (*LINKAGE_COLUMNS, *(f"id_{kind}" for kind in IDENTIFIER_TYPES))
NATIONAL_RULES = people_rules(set(NATIONAL_COLUMNS) - {"address", "locality"})
"""Nominals have no address text of their own: homes are compared by UPRN and postcode."""


@dataclass(frozen=True)
class Linked:
    """The national set, linked. Arrays are in order of nominal id."""

    matrix: Matrix
    sources: pa.Array
    golden: pa.Array
    rules: pa.Array
    clusters: Clusters
    pairs: Pairs
    judged: JudgedPairs
    kept: LongArray
    reports: tuple[RuleReport, ...]
    placeholders: tuple[Placeholder, ...]
    reused_pairs: int


def link_national(
    runs: Sequence[RunContext], joining: RunContext | None, judgements: pa.Table, model: Model, as_of: date
) -> Linked:
    """Link all nominals of several runs.

    Args:
        runs: the published runs, in any order. joining: the run that joins them, if any.
        as_of: the day on which ages are judged.
    """
    everyone = [*runs, *([joining] if joining else [])]
    nominals = load_nominals(everyone, as_of)
    people, placeholders = remove_placeholders(normalise_people(nominals))
    matrix = build_matrix(people, NATIONAL_COLUMNS)
    judged = judged_pairs(judgements)
    guards = _make_guards(matrix, nominals, people, judged)
    candidates = _find_pairs(matrix, model, runs, joining, nominals.column("source"))
    threads = everyone[0].settings.threads
    clusters = cluster_records(matrix, model, candidates.pairs, guards, threads)
    return Linked(
        matrix=matrix,
        sources=nominals.column("source").combine_chunks(),
        golden=golden_ids(matrix.record_ids, clusters.of),
        rules=_link_rules(matrix, clusters, guards),
        clusters=clusters,
        pairs=candidates.pairs,
        judged=judged,
        kept=encode_pairs(matrix, judged.kept),
        reports=candidates.reports,
        placeholders=placeholders,
        reused_pairs=candidates.reused,
    )


def _make_guards(matrix: Matrix, nominals: pa.Table, people: pa.Table, judged: JudgedPairs) -> Guards:
    verified = np.zeros((len(matrix), len(IDENTIFIER_TYPES)), dtype=np.int32)
    for place, kind in enumerate(IDENTIFIER_TYPES):
        encoded = nominals.column(f"verified_{kind}").combine_chunks().dictionary_encode()
        verified[:, place] = np.asarray(pc.fill_null(encoded.indices, -1)) + 1
    return Guards(
        together=encode_pairs(matrix, judged.together),
        apart=encode_pairs(matrix, judged.apart),
        careful=np.asarray(nominals.column("is_careful")).astype(np.bool_),
        pseudo=~np.asarray(people.column("is_person")).astype(np.bool_),
        verified=verified,
    )


def _find_pairs(
    matrix: Matrix, model: Model, runs: Sequence[RunContext], joining: RunContext | None, sources: pa.ChunkedArray
) -> Candidates:
    threads = (joining or runs[0]).settings.threads
    rules = NATIONAL_RULES
    earlier = _earlier_pairs(matrix, model, runs)
    if earlier is None:
        return find_candidates(matrix, model, rules, threads)
    is_new = np.asarray(pc.equal(sources, joining.division)) if joining else np.zeros(len(matrix), np.bool_)
    return find_candidates(matrix, model, rules, threads, is_new.astype(np.bool_), earlier)


def _earlier_pairs(matrix: Matrix, model: Model, runs: Sequence[RunContext]) -> Pairs | None:
    """Pairs of the published runs among themselves, or None where one was linked with another model or code."""
    if not runs:
        return None
    tables = []
    for run in runs:
        manifest = find_manifest(run, Layer.LINKED)
        if manifest is None or manifest.facts.get("model_version") != model.version:
            return None
        if manifest.facts.get("code_version") != code_version():
            return None
        path = layer_folder(run, Layer.LINKED) / "match_candidate.parquet"
        tables.append(pq.read_table(path, columns=["left_nominal_id", "right_nominal_id", "score"]))
    pairs = pa.concat_tables(tables)
    left, right = (
        np.asarray(pc.fill_null(pc.index_in(pairs.column(c), value_set=matrix.record_ids), -1)).astype(np.int32)
        for c in ("left_nominal_id", "right_nominal_id")
    )
    scores = np.asarray(pairs.column("score"), dtype=np.float64)
    here = (left >= 0) & (right >= 0)
    nothing = np.zeros(int(here.sum()), dtype=np.int64)
    return Pairs(left[here], right[here], scores[here], nothing, nothing.astype(np.int32))


def _link_rules(matrix: Matrix, clusters: Clusters, guards: Guards) -> pa.Array:
    """What every nominal's link rests on (code list `link_rule`)."""
    rules = np.full(len(matrix), "MODEL", dtype=object)
    sizes = np.bincount(clusters.of, minlength=len(matrix))[clusters.of]
    rules[sizes == 1] = "SINGLE"
    rules[_share_identifier(clusters.of, guards.verified)] = "IDENTIFIER"
    for side in (guards.together // max(len(matrix), 1), guards.together % max(len(matrix), 1)):
        rules[side[sizes[side] > 1]] = "JUDGEMENT"
    if guards.pseudo is not None:
        rules[guards.pseudo] = "PSEUDO"
    return pa.array(rules, pa.string())


def _share_identifier(cluster: IntArray, verified: IntArray | None) -> BoolArray:
    """Records with a verified identifier equal to that of another record of their cluster."""
    shared = np.zeros(len(cluster), dtype=np.bool_)
    if verified is None:
        return shared
    for kind in range(verified.shape[1]):
        known = np.flatnonzero(verified[:, kind])
        key = cluster[known].astype(np.int64) * (int(verified[:, kind].max(initial=0)) + 1) + verified[known, kind]
        _, place, counts = np.unique(key, return_inverse=True, return_counts=True)
        shared[known[counts[place] > 1]] = True
    return shared
