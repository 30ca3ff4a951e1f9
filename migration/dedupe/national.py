"""The national set of nominals, linked.

Enters: the runs to link together (published ones and at most one new), open judgements, a model. Leaves: `Linked`:
every nominal with its golden id and rule, and the candidate pairs. Must hold: the same nominals, judgements, model and
day give the same result whether a division joined last or all came at once. The set of the published runs is kept
(`national_set`): only the nominals of runs that it does not hold are normalised, coded and compared, and only the
components that they, a judgement or a birthday touch are clustered again. Refuses nothing: where no set is kept, one is
made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.candidates import Candidates, Pairs, RuleReport
from migration.dedupe.clustering import Clusters, Guards
from migration.dedupe.compiled import BoolArray, IntArray, LongArray
from migration.dedupe.judgements import JudgedPairs, encode_pairs, judged_pairs
from migration.dedupe.levels import LINKAGE_COLUMNS, people_rules
from migration.dedupe.linked_set import Grown, LinkedSet, add_people, cluster_grown
from migration.dedupe.matrix import Matrix, build_matrix
from migration.dedupe.model import Model
from migration.dedupe.national_set import NationalSet, find_national_set, run_fingerprints, save_national_set
from migration.dedupe.nominals import CAREFUL_COLUMNS, IDENTIFIER_TYPES, careful_nominals, load_nominals
from migration.dedupe.people import normalise_people
from migration.dedupe.placeholders import Placeholder, remove_placeholders
from migration.records import RunContext

NATIONAL_COLUMNS = (*LINKAGE_COLUMNS, *(f"id_{kind}" for kind in IDENTIFIER_TYPES))
NATIONAL_RULES = people_rules(set(NATIONAL_COLUMNS) - {"address", "locality"})
"""Nominals have no address text of their own: homes are compared by UPRN and postcode."""


@dataclass(frozen=True)
class Linked:
    """The national set, linked. Arrays are in order of nominal id.

    `answered` are the pairs that nobody need look at again; `reused_pairs` and `normalised` say how many
    pairs were taken from the set that was kept, and how many nominals were normalised, coded and compared.
    """

    matrix: Matrix
    sources: pa.Array
    golden: pa.Array
    rules: pa.Array
    clusters: Clusters
    pairs: Pairs
    answered: LongArray
    reports: tuple[RuleReport, ...]
    placeholders: tuple[Placeholder, ...]
    reused_pairs: int
    normalised: int


def link_national(
    runs: Sequence[RunContext], joining: RunContext | None, judgements: pa.Table, model: Model, as_of: date
) -> Linked:
    """Link all nominals of several runs; the set of the published ones and that of all together are kept.

    Args:
        runs: the published runs, in any order. joining: the run that joins them, if any.
        as_of: the day on which ages are judged.

    Raises:
        SourceError: a layer of a run is missing or damaged.
    """
    everyone = [*runs, *([joining] if joining else [])]
    settings, judged = everyone[0].settings, judged_pairs(judgements)
    national = find_national_set(settings, run_fingerprints(everyone), model)
    # In two steps, so that the next division to join the same runs finds their set.
    for wanted in (runs, everyone):
        missing = [r for r in wanted if national is None or r.division not in national.runs]
        if missing:
            national = join_runs(national, missing, judged, model, as_of)
            save_national_set(settings, national)
    if national is None:
        raise RuntimeError("no run to link")
    return describe_links(renew_clusters(national, judged, as_of, settings.threads), judged, as_of)


def join_runs(
    national: NationalSet | None, runs: Sequence[RunContext], judged: JudgedPairs, model: Model, as_of: date
) -> NationalSet:
    """A set with the nominals of more runs linked into it; None is the set of no runs.

    Raises:
        SourceError: a layer of a run is missing or damaged.
    """
    threads = runs[0].settings.threads
    nominals = load_nominals(runs)
    people, placeholders = remove_placeholders(normalise_people(nominals, threads))
    facts = nominals.select(["source", *(f"verified_{kind}" for kind in IDENTIFIER_TYPES), *CAREFUL_COLUMNS])
    if national is None:
        national = _no_nominals(people, facts, model)
    grown = add_people(national.linked, people, threads)
    order = np.empty(len(grown.matrix), dtype=np.int64)
    order[grown.old] = np.arange(len(grown.old))
    order[grown.new] = len(grown.old) + np.arange(len(grown.new))
    joined = replace(
        national,
        runs={**national.runs, **run_fingerprints(runs)},
        nominals=pa.concat_tables([national.nominals, facts]).take(pa.array(order)),
        placeholders=tuple(sorted((*national.placeholders, *placeholders), key=lambda p: (p.source, p.column))),
        arrived=national.arrived + len(grown.new),
        reused=min(national.reused, grown.candidates.reused),
    )
    return _cluster(joined, grown, judged, as_of, threads)


def renew_clusters(national: NationalSet, judged: JudgedPairs, as_of: date, threads: int) -> NationalSet:
    """The set under the judgements in force and on the day: only components that a change touches are clustered."""
    linked, nobody = national.linked, np.zeros(0, dtype=np.int32)
    same = np.arange(len(linked.matrix), dtype=np.int32)
    grown = Grown(linked.matrix, linked.candidates, same, nobody, linked.is_person)
    return _cluster(national, grown, judged, as_of, threads)


def make_guards(national: NationalSet, judged: JudgedPairs, as_of: date) -> Guards:
    """What outranks scores in a set, under judgements and on a day.

    Who stands for nobody stays alone unless a person merged it; then nothing but judgements links it.
    """
    matrix = national.linked.matrix
    verified = np.zeros((len(matrix), len(IDENTIFIER_TYPES)), dtype=np.int32)
    for place, kind in enumerate(IDENTIFIER_TYPES):
        encoded = national.nominals.column(f"verified_{kind}").combine_chunks().dictionary_encode()
        verified[:, place] = np.asarray(pc.fill_null(encoded.indices, -1)) + 1
    together = encode_pairs(matrix, judged.together)
    pseudo, careful = ~national.linked.is_person, careful_nominals(national.nominals, as_of)
    merged = np.zeros(len(matrix), dtype=np.bool_)
    for side in (together // max(len(matrix), 1), together % max(len(matrix), 1)):
        merged[side] = pseudo[side]
    verified[merged] = 0
    return Guards(
        together=together,
        apart=encode_pairs(matrix, judged.apart),
        careful=careful | merged,
        pseudo=pseudo & ~merged,
        verified=verified,
    )


def _no_nominals(people: pa.Table, facts: pa.Table, model: Model) -> NationalSet:
    """The set of no runs, with the columns of the first that will join."""
    matrix = build_matrix(people.slice(0, 0), NATIONAL_COLUMNS)
    numbers, keys = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
    pairs = Pairs(numbers, numbers, np.zeros(0), keys, numbers)
    clusters = Clusters(numbers, keys, numbers, numbers)
    nobody = np.zeros(0, dtype=np.bool_)
    ids = pa.array([], pa.string())
    linked = LinkedSet(matrix, model, NATIONAL_RULES, Candidates(pairs, ()), clusters, ids, nobody)
    return NationalSet(linked, {}, facts.slice(0, 0), (), keys, keys, nobody)


def _cluster(national: NationalSet, grown: Grown, judged: JudgedPairs, as_of: date, threads: int) -> NationalSet:
    """A set clustered; components as they were keep their clusters. `nominals` are those of `grown` already."""
    moved = replace(national, linked=replace(national.linked, matrix=grown.matrix, is_person=grown.is_person))
    guards = make_guards(moved, judged, as_of)
    before = _still_holding(national, grown, guards)
    linked = cluster_grown(national.linked, grown, before, guards, threads)
    careful = np.zeros(0, dtype=np.bool_) if guards.careful is None else guards.careful
    return replace(national, linked=linked, together=guards.together, apart=guards.apart, careful=careful)


def _still_holding(national: NationalSet, grown: Grown, guards: Guards) -> Clusters:
    """The set's clusters, renumbered; components with a nominal whose judgements or age changed hold no more."""
    size, old = len(grown.matrix), grown.old
    before = national.linked.clusters.renumber(old, size)
    changed = np.zeros(size, dtype=np.bool_)
    if guards.careful is not None:
        changed[old] = guards.careful[old] != national.careful
    for earlier, now in ((national.together, guards.together), (national.apart, guards.apart)):
        moved = _renumber_pairs(earlier, old, size)
        for keys in (np.setdiff1d(moved, now), np.setdiff1d(now, moved)):
            changed[keys // max(size, 1)] = True
            changed[keys % max(size, 1)] = True
    lost = np.isin(before.component, np.unique(before.component[changed]))
    return replace(before, component=np.where(lost, np.int32(-1), before.component))


def _renumber_pairs(keys: LongArray, places: IntArray, records: int) -> LongArray:
    """Pairs `left * records + right` with record numbers as they are in a larger set."""
    if not len(keys):
        return keys
    left, right = places[keys // len(places)].astype(np.int64), places[keys % len(places)]
    return left * records + right


def describe_links(national: NationalSet, judged: JudgedPairs, as_of: date) -> Linked:
    """A set as the tables of layer `linked` need it."""
    linked, matrix = national.linked, national.linked.matrix
    return Linked(
        matrix=matrix,
        sources=national.nominals.column("source").combine_chunks(),
        golden=linked.golden,
        rules=_link_rules(matrix, linked.clusters, make_guards(national, judged, as_of)),
        clusters=linked.clusters,
        pairs=linked.candidates.pairs,
        answered=encode_pairs(matrix, judged.answered),
        reports=linked.candidates.reports,
        placeholders=national.placeholders,
        reused_pairs=national.reused,
        normalised=national.arrived,
    )


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
