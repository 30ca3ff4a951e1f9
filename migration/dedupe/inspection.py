"""Nominals and golden nominals explained from the lake.

Enters: linked runs and nominal or golden ids. Leaves: explanations with the decision that stands and what decided.
Must hold: a pair is explained as the latest run that holds both nominals linked them, in the set it was linked in, with
the model in force; where another model linked it, the explanation says so. Shows levels, weights and ids, no values; of
a nominal that is protected or under 18 it says only that one of the two is linked with care. Refuses: an id that is in
none of the runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migration.dedupe.clustering import Guards
from migration.dedupe.explanation import Explanation, explain_pair, find_record, readable
from migration.dedupe.judgements import empty_judgements, judged_pairs
from migration.dedupe.national import join_runs, make_guards
from migration.dedupe.national_set import NationalSet, find_national_set, run_fingerprints, save_national_set
from migration.dedupe.stage import national_model, run_time
from migration.errors import ConfigError
from migration.layers import find_manifest, layer_folder
from migration.records import Layer, RunContext

MOST_PAIRS = 12
MOST_AVERAGED = 400
"""Pairs between two golden nominals that are weighed to say why those are two."""
PSEUDO, JUDGED = "PSEUDO", "JUDGEMENT"


@dataclass(frozen=True)
class _Scene:
    """A linked set as a run left it: golden id and link rule per nominal; none where no run holds what was asked."""

    national: NationalSet
    guards: Guards
    golden: Mapping[str, str]
    rules: Mapping[str, str]
    model_version: str


def read_table(run: RunContext, name: str, columns: Sequence[str]) -> pa.Table:
    """Some columns of a table of a run's linked layer."""
    return pq.read_table(layer_folder(run, Layer.LINKED) / f"{name}.parquet", columns=list(columns))


def read_links(run: RunContext) -> dict[str, str]:
    """Golden id of every nominal of the national set as a run linked it."""
    return _read_column(run, "golden_id")


def _read_column(run: RunContext, column: str) -> dict[str, str]:
    table = read_table(run, "national_link", ["nominal_id", column])
    return dict(zip(table["nominal_id"].to_pylist(), table[column].to_pylist(), strict=True))


def linked_with(run: RunContext) -> list[RunContext]:
    """A linked run and the published runs it was linked with."""
    manifest = find_manifest(run, Layer.LINKED)
    published = manifest.facts.get("published", []) if manifest else []
    names = [str(p).split("/", maxsplit=1) for p in published] if isinstance(published, list) else []
    return [run, *(RunContext(run.settings, division, run_id) for division, run_id in names)]


def explain_nominals(runs: Sequence[RunContext], left: str, right: str) -> Explanation:
    """Why two nominals are one person or not.

    Raises:
        ConfigError: a nominal is in none of the runs.
    """
    for run in sorted(runs, key=lambda r: r.run_id, reverse=True):
        golden = read_links(run)
        if left in golden and right in golden:
            return _explain(_set_scene(linked_with(run), golden, run), left, right)
    return _explain(_set_scene(runs, {}, None), left, right)


def _set_scene(runs: Sequence[RunContext], golden: Mapping[str, str], run: RunContext | None) -> _Scene:
    settings = runs[0].settings
    model, fingerprints = national_model(settings), run_fingerprints(runs)
    as_of = run_time(run.run_id if run else max(r.run_id for r in runs)).date()
    judged = judged_pairs(empty_judgements())
    national = find_national_set(settings, fingerprints, model)
    if national is None or national.runs != fingerprints:
        held = national.runs if national else {}
        national = join_runs(national, [r for r in runs if r.division not in held], judged, model, as_of)
        save_national_set(settings, national)
    manifest = find_manifest(run, Layer.LINKED) if run else None
    used = str(manifest.facts["model_version"]) if manifest else model.version
    rules = _read_column(run, "link_rule") if run else {}
    return _Scene(national, make_guards(national, judged, as_of), golden, rules, used)


def _explain(scene: _Scene, left: str, right: str) -> Explanation:
    linked = scene.national.linked
    explanation = explain_pair(linked.matrix, linked.model, left, right)
    golden = [scene.golden.get(i) for i in (left, right)]
    if not all(golden):
        return replace(explanation, decision="not linked with each other yet", reasons=("no run holds both of them",))
    is_one = golden[0] == golden[1]
    decision = f"one golden nominal, {golden[0]}" if is_one else f"two golden nominals, {golden[0]} and {golden[1]}"
    reasons = _why_one(scene, explanation) if is_one else _why_two(scene, explanation)
    if scene.model_version != linked.model.version:
        reasons = [*reasons, f"model {scene.model_version} said so; the weights below are those of the model in force"]
    return replace(explanation, decision=decision, reasons=tuple(reasons))


def _why_one(scene: _Scene, pair: Explanation) -> list[str]:
    """What holds two nominals of one golden nominal together."""
    reasons = []
    if _verified(scene, pair) > 0:
        reasons.append("an identifier that a force verified is the same")
    if {scene.rules.get(pair.left), scene.rules.get(pair.right)} == {JUDGED}:
        reasons.append("a person judged nominals of this golden nominal to be one (migrate judge list)")
    if pair.counted is not None and pair.counted >= pair.needed:
        reasons.append(f"their own evidence is enough: {pair.counted:+.2f} counts, {pair.needed:g} is needed")
    if not reasons:
        members = sum(g == scene.golden[pair.left] for g in scene.golden.values())
        reasons.append(
            f"others join them: the golden nominal has {members} nominals, and the mean of all pairs is enough"
        )
    return reasons


def _why_two(scene: _Scene, pair: Explanation) -> list[str]:
    """What keeps two nominals apart, the firmest first."""
    ends, firm = [find_record(scene.national.linked.matrix, i) for i in (pair.left, pair.right)], _verified(scene, pair)
    reasons = []
    if PSEUDO in {scene.rules.get(pair.left), scene.rules.get(pair.right)}:
        reasons.append("one of them is no person or stands for nobody, and such a nominal stays alone")
    if firm < 0:
        reasons.append("identifiers that forces verified are not the same")
    reasons += [f"a veto holds: {readable(v)}" for v in pair.vetoes]
    if firm <= 0 and _is_careful(scene, pair):
        reasons.append("one of them is linked with care: only a verified identifier or a person's judgement links it")
    reasons += [f"a caution holds: {readable(c)}" for c in pair.cautions]
    if pair.counted is not None and pair.counted < pair.needed:
        reasons.append(f"their evidence is not enough: {pair.counted:+.2f} counts, {pair.needed:g} is needed")
    low, high = sorted(ends)
    if low * len(scene.national.linked.matrix) + high in scene.national.linked.clusters.ambiguous:
        reasons.append("a third nominal fits one of them as well and not the other, so neither is joined")
    return reasons or [_between_groups(scene, pair)]


def _between_groups(scene: _Scene, pair: Explanation) -> str:
    """What keeps the golden nominals of two nominals apart that would be joined if they were alone."""
    linked = scene.national.linked
    groups = [[n for n, g in scene.golden.items() if g == scene.golden[end]] for end in (pair.left, pair.right)]
    most, size = linked.model.thresholds.largest_cluster, sum(len(g) for g in groups)
    if size > most:
        return (
            f"their golden nominals would have {size} nominals together, and no more than {most} are joined by evidence"
        )
    pairs = [(a, b) for a in groups[0] for b in groups[1]]
    if len(pairs) <= MOST_AVERAGED:
        found = [explain_pair(linked.matrix, linked.model, a, b) for a, b in pairs]
        counted = [e.counted for e in found if e.counted is not None and not _is_barred(scene, e)]
        between = f"the {len(pairs)} pairs between their golden nominals"
        if len(counted) < len(pairs):
            return f"of {between}, {len(pairs) - len(counted)} may not be one person"
        mean = sum(counted) / len(counted)
        if mean < pair.needed:
            return f"{between} have a mean of {mean:+.2f}, {pair.needed:g} is needed"
    return "other nominals of their golden nominals do not fit, or a person judged so (migrate judge list)"


def _is_barred(scene: _Scene, pair: Explanation) -> bool:
    """Whether verified identifiers conflict, or one is linked with care and none is equal."""
    firm = _verified(scene, pair)
    return firm < 0 or (firm == 0 and _is_careful(scene, pair))


def _is_careful(scene: _Scene, pair: Explanation) -> bool:
    ends = [find_record(scene.national.linked.matrix, i) for i in (pair.left, pair.right)]
    return scene.guards.careful is not None and bool(scene.guards.careful[ends].any())


def _verified(scene: _Scene, pair: Explanation) -> int:
    """1 where a verified identifier is equal, -1 where one conflicts, 0 otherwise; a conflict outranks."""
    if scene.guards.verified is None:
        return 0
    left, right = (scene.guards.verified[find_record(scene.national.linked.matrix, i)] for i in (pair.left, pair.right))
    both = (left != 0) & (right != 0)
    if (left[both] != right[both]).any():
        return -1
    return int(both.any())


def explain_golden(runs: Sequence[RunContext], golden_or_nominal: str) -> Iterator[str]:
    """What holds a golden nominal together, pair by pair, and the strongest pairs it refused; lines of text.

    Raises:
        ConfigError: the id is not in force in the latest run of any division.
    """
    for run in sorted(runs, key=lambda r: r.run_id, reverse=True):
        links = read_links(run)
        golden = links.get(golden_or_nominal, golden_or_nominal)
        members = sorted(n for n, g in links.items() if g == golden)
        if members:
            break
    else:
        raise ConfigError("explain nominal", "no golden nominal in force with that id", "one", "Check the id.")
    scene = _set_scene(linked_with(run), links, run)
    yield f"{golden}: {len(members)} nominals, model {scene.model_version}"
    yield from (f"  {n}  {scene.rules[n].lower()}" for n in members)
    pairs = [(a, b) for i, a in enumerate(members) for b in members[i + 1 :]]
    for left, right in pairs[:MOST_PAIRS]:
        yield _explain(scene, left, right).to_text()
    if len(pairs) > MOST_PAIRS:
        yield f"and {len(pairs) - MOST_PAIRS:,} more pairs: migrate explain nominal LEFT RIGHT"
    for left, right in _refused(linked_with(run), members):
        yield _explain(scene, left, right).to_text()


def _refused(runs: Sequence[RunContext], members: Sequence[str]) -> list[tuple[str, str]]:
    """The strongest pairs between a member and a nominal outside."""
    columns = ["left_nominal_id", "right_nominal_id", "score"]
    mine = pa.array(members, pa.string())
    found = []
    for run in runs:
        if (layer_folder(run, Layer.LINKED) / "match_candidate.parquet").exists():
            table = read_table(run, "match_candidate", columns)
            inside = [pc.is_in(table[c], value_set=mine) for c in columns[:2]]
            found += table.filter(pc.xor(*inside)).to_pylist()
    ordered = sorted(found, key=lambda r: (-r["score"], r["left_nominal_id"], r["right_nominal_id"]))
    return [(r["left_nominal_id"], r["right_nominal_id"]) for r in ordered[:3]]
