"""The tables of layer `linked`.

Enters: the linked national set. Leaves: Parquet files with exactly the columns of the national schema. Must hold: every
nominal of the division has one row of `nominal_link`; every golden id ever given has one row of `golden_nominal`;
`match_candidate` says no value, only levels and weights. Refuses nothing.
"""

import json
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migration.dedupe.candidates import Pairs
from migration.dedupe.clustering import Clusters
from migration.dedupe.compiled import BoolArray, FloatArray, LongArray
from migration.dedupe.kernel import LEVEL_BITS
from migration.dedupe.model import Comparison, Model
from migration.dedupe.national import NATIONAL_RULES, Linked
from migration.layers import LayerWriter, parquet_metadata
from migration.records import RunContext
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema

BANDS = pa.array(["REJECT", "REVIEW", "AMBIGUOUS", "AUTO"])


def national_link_schema() -> pa.Schema:
    """Columns of `national_link`."""
    names = ("division_code", "nominal_id", "golden_id", "link_rule", "model_version")
    return pa.schema([pa.field(n, pa.string(), nullable=False) for n in names])


def national_link_table(linked: Linked, model: Model) -> pa.Table:
    """Links of the whole national set, in order of nominal id."""
    version = pa.array([model.version] * len(linked.matrix), pa.string())
    arrays = [linked.sources, linked.matrix.record_ids, linked.golden, linked.rules, version]
    return pa.table([a.cast(pa.string()) for a in arrays], schema=national_link_schema())


def _write(context: RunContext, writer: LayerWriter, name: str, table: pa.Table) -> None:
    table = table.replace_schema_metadata(parquet_metadata(context))
    pq.write_table(table, writer.path(name), compression="zstd")


def write_links(context: RunContext, writer: LayerWriter, linked: Linked, model: Model, linked_at: datetime) -> None:
    """Write `national_link` and this division's `nominal_link`."""
    national = national_link_table(linked, model)
    _write(context, writer, "national_link", national)
    own = national.filter(pc.equal(national.column("division_code"), context.division))
    schema = arrow_schema(load_schema().entity("nominal_link"))
    stamp = pa.array([linked_at] * own.num_rows, schema.field("linked_at_utc").type)
    own = own.append_column("linked_at_utc", stamp)
    _write(context, writer, "nominal_link", own.select(schema.names).cast(schema))


def bands(clusters: Clusters, kept: LongArray, pairs: Pairs, model: Model) -> pa.Array:
    """Band of every pair.

    AUTO where one golden nominal holds both, AMBIGUOUS where linking refused a tie, REVIEW where a person should look,
    REJECT otherwise and where a person has looked already (KEEP, NOT_SAME, SPLIT).
    """
    key = pairs.left.astype(np.int64) * len(clusters.of) + pairs.right
    same = clusters.of[pairs.left] == clusters.of[pairs.right]
    number = np.where(pairs.scores >= model.thresholds.review, 1, 0)
    number[_is_listed(key, clusters.ambiguous) & (number == 1)] = 2
    number[_is_listed(key, kept)] = 0
    number[same] = 3
    return pa.DictionaryArray.from_arrays(pa.array(number.astype(np.int8)), BANDS).cast(pa.string())


def _is_listed(keys: LongArray, listed: LongArray) -> BoolArray:
    """Which keys are in a sorted list."""
    if not len(listed):
        return np.zeros(len(keys), dtype=np.bool_)
    place = np.minimum(np.searchsorted(listed, keys), len(listed) - 1)
    return np.asarray(listed[place] == keys, dtype=np.bool_)


def write_candidates(context: RunContext, writer: LayerWriter, linked: Linked, model: Model) -> None:
    """Write `match_candidate`: the pairs with a nominal of this division."""
    mine = np.asarray(pc.equal(linked.sources, context.division)).astype(np.bool_)
    pairs = linked.pairs.take(mine[linked.pairs.left] | mine[linked.pairs.right])
    left, right = pa.array(pairs.left), pa.array(pairs.right)
    schema = arrow_schema(load_schema().entity("match_candidate"))
    columns = {
        "left_nominal_id": linked.matrix.record_ids.take(left),
        "right_nominal_id": linked.matrix.record_ids.take(right),
        "left_division_code": linked.sources.take(left),
        "right_division_code": linked.sources.take(right),
        "score": pa.array(pairs.scores),
        "band_code": bands(linked.clusters, linked.answered, pairs, model),
        "blocking_rules": rule_names(pairs),
        "evidence": evidence(model, pairs.levels, pairs.scores),
        "model_version": pa.array([model.version] * len(pairs), pa.string()),
    }
    table = pa.table([columns[n].cast(schema.field(n).type) for n in schema.names], schema=schema)
    _write(context, writer, "match_candidate", table)


def rule_names(pairs: Pairs) -> pa.Array:
    """Names of the blocking rules of every pair, joined by commas."""
    names = [r.name for r in NATIONAL_RULES]
    marks, place = np.unique(pairs.rules, return_inverse=True)
    texts = [",".join(n for bit, n in enumerate(names) if int(mark) >> bit & 1)[:200] for mark in marks]
    return pa.array(texts, pa.string()).take(pa.array(place))


def evidence(model: Model, packed: LongArray, scores: FloatArray) -> pa.Array:
    """Evidence of every pair as JSON: level and weight per comparison, and what term frequencies added in all."""
    levels, totals = level_evidence(model, packed)
    added, place = np.unique(np.round(scores - totals, 3) + 0.0, return_inverse=True)
    frequency = pa.array([f'"frequency":{v}}}' for v in added.tolist()], pa.string()).take(pa.array(place))
    texts = pa.array([t[:-1] for t in levels.dictionary.to_pylist()], pa.string()).take(levels.indices)
    return pc.binary_join_element_wise(texts, frequency, ",")


def level_evidence(model: Model, packed: LongArray) -> tuple[pa.DictionaryArray, FloatArray]:
    """Level and weight per comparison of every pair as JSON, each outcome once, and what they weigh with the prior.

    What is left of a pair's score is what the frequency of its values added.
    """
    coded = pa.array(packed).dictionary_encode()
    outcomes = [_level_texts(c) for c in model.comparisons]
    prior = f'}},"prior":{json.dumps(round(model.prior, 3))}}}'
    texts, totals = [], np.empty(len(coded.dictionary))
    for number, pattern in enumerate(coded.dictionary.to_pylist()):
        parts = []
        total = model.prior
        for bit, levels in enumerate(outcomes):
            text, weight = levels[(pattern >> (LEVEL_BITS * bit)) & 15]
            total += weight
            if text:
                parts.append(text)
        texts.append('{"levels":{' + ",".join(parts) + prior)
        totals[number] = total
    place = np.asarray(coded.indices)
    return pa.DictionaryArray.from_arrays(coded.indices, pa.array(texts, pa.string())), totals[place]


def _level_texts(comparison: Comparison) -> list[tuple[str, float]]:
    """Every level of a comparison as JSON, empty for "missing", and what it weighs."""
    name = json.dumps(comparison.name)
    return [
        ("", level.weight)
        if level.is_missing
        else (f"{name}:{json.dumps([level.name, round(level.weight, 3)], separators=(',', ':'))}", level.weight)
        for level in comparison.levels
    ]
