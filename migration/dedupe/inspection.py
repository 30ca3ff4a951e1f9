"""Nominals and golden nominals explained from the lake.

Enters: linked runs and nominal or golden ids. Leaves: explanations with the decision that stands. Must hold: what is
said is computed with the model the national set is linked with now. Shows levels, weights and ids, no values. Refuses:
an id that is in none of the runs.
"""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migration.dedupe.explanation import Explanation, explain_pair
from migration.dedupe.matrix import Matrix, build_matrix
from migration.dedupe.national import NATIONAL_COLUMNS
from migration.dedupe.national_set import find_national_set, run_fingerprints
from migration.dedupe.nominals import load_nominals
from migration.dedupe.people import normalise_people
from migration.dedupe.placeholders import remove_placeholders
from migration.dedupe.stage import national_model
from migration.errors import ConfigError
from migration.layers import layer_folder
from migration.records import Layer, RunContext

MOST_PAIRS = 12


def load_matrix(runs: Sequence[RunContext]) -> Matrix:
    """The matrix of all nominals of several runs: that of their linked set where one is kept."""
    fingerprints, settings = run_fingerprints(runs), runs[0].settings
    kept = find_national_set(settings, fingerprints, national_model(settings))
    if kept is not None and kept.runs == fingerprints:
        return kept.linked.matrix
    return build_matrix(remove_placeholders(normalise_people(load_nominals(runs)))[0], NATIONAL_COLUMNS)


def read_table(run: RunContext, name: str, columns: Sequence[str]) -> pa.Table:
    """Some columns of a table of a run's linked layer."""
    return pq.read_table(layer_folder(run, Layer.LINKED) / f"{name}.parquet", columns=list(columns))


def read_links(run: RunContext) -> dict[str, str]:
    """Golden id of every nominal of the national set as a run linked it."""
    table = read_table(run, "national_link", ["nominal_id", "golden_id"])
    return dict(zip(table["nominal_id"].to_pylist(), table["golden_id"].to_pylist(), strict=True))


def explain_nominals(runs: Sequence[RunContext], left: str, right: str) -> Explanation:
    """Why two nominals are one person or not.

    Raises:
        ConfigError: a nominal is in none of the runs.
    """
    links = read_links(max(runs, key=lambda r: r.run_id))
    model = national_model(runs[0].settings)
    return explain_pair(load_matrix(runs), model, left, right, _decision(links, left, right))


def _decision(links: Mapping[str, str], left: str, right: str) -> str:
    if links.get(left) is not None and links.get(left) == links.get(right):
        return f"one golden nominal, {links[left]}"
    return f"two golden nominals, {links.get(left, 'not linked')} and {links.get(right, 'not linked')}"


def explain_golden(runs: Sequence[RunContext], golden_or_nominal: str) -> Iterator[str]:
    """What holds a golden nominal together, pair by pair, and the strongest pairs it refused; lines of text.

    Raises:
        ConfigError: the id is not in force in the latest run.
    """
    latest = max(runs, key=lambda r: r.run_id)
    links = read_links(latest)
    golden = links.get(golden_or_nominal, golden_or_nominal)
    members = sorted(n for n, g in links.items() if g == golden)
    if not members:
        raise ConfigError("explain nominal", "no golden nominal in force with that id", "one", "Check the id.")
    matrix, model = load_matrix(runs), national_model(latest.settings)
    yield f"{golden}: {len(members)} nominals, model {model.version}"
    yield from (f"  {n}" for n in members)
    pairs = [(a, b) for i, a in enumerate(members) for b in members[i + 1 :]][:MOST_PAIRS]
    yield from (explain_pair(matrix, model, a, b, "linked").to_text() for a, b in pairs)
    for left, right, band in _refused(runs, members):
        yield explain_pair(matrix, model, left, right, f"not linked ({band})").to_text()


def _refused(runs: Sequence[RunContext], members: Sequence[str]) -> list[tuple[str, str, str]]:
    """The strongest pairs between a member and a nominal outside that were not linked."""
    columns = ["left_nominal_id", "right_nominal_id", "score", "band_code"]
    mine = pa.array(members, pa.string())
    found = []
    for run in runs:
        table = read_table(run, "match_candidate", columns)
        inside = [pc.is_in(table[c], value_set=mine) for c in columns[:2]]
        found += table.filter(pc.xor(*inside)).to_pylist()
    ordered = sorted(found, key=lambda r: (-r["score"], r["left_nominal_id"], r["right_nominal_id"]))
    return [(r["left_nominal_id"], r["right_nominal_id"], r["band_code"]) for r in ordered[:3]]
