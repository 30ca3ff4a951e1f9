"""What people should look at next, and what their judgement would change.

Enters: a linked run's candidates; judgements as they are and as they would be. Leaves: pairs in order of value, without
score or band (a reviewer who sees the score stops judging); lineage events. Must hold: the order is the same for
everyone and on every rerun; a pair judged already is not asked again. Refuses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from migration.dedupe.golden import LineageEvent, golden_id, trace_lineage
from migration.dedupe.inspection import read_table
from migration.dedupe.judgements import JudgedPairs
from migration.dedupe.stage import national_model, relink
from migration.records import PublishedRun, RunContext
from migration.settings import Settings

EVERY_NTH_IS_RANDOM = 5


@dataclass(frozen=True)
class ReviewItem:
    """One pair to judge. `why` says what a judgement would settle, not how likely it is."""

    left_nominal_id: str
    right_nominal_id: str
    why: str


def review_queue(run: RunContext, limit: int, judged: JudgedPairs | None = None) -> tuple[ReviewItem, ...]:
    """The pairs of a run to judge, the most valuable first.

    Args:
        judged: judgements that stand now; what they answer is left out, though the run was linked before them.

    Ambiguous pairs come first (several golden nominals wait for one answer), then pairs nearest to the threshold, where
    an answer is least certain. Every fifth is drawn from all the pairs by a hash of its ids, so that the answers also
    estimate precision and recall without bias.
    """
    columns = ["left_nominal_id", "right_nominal_id", "score", "band_code"]
    known = frozenset((*judged.answered, *judged.together)) if judged else frozenset()
    rows = [
        r
        for r in read_table(run, "match_candidate", columns).to_pylist()
        if r["band_code"] in {"REVIEW", "AMBIGUOUS"} and _key(r) not in known
    ]
    middle = national_model(run.settings).thresholds.cohesion
    by_value = sorted(rows, key=lambda r: (r["band_code"] != "AMBIGUOUS", abs(r["score"] - middle), *_key(r)))
    by_chance = sorted(rows, key=lambda r: (golden_id("|".join(_key(r))), *_key(r)))
    chosen: dict[tuple[str, str], ReviewItem] = {}
    value, chance = iter(by_value), iter(by_chance)
    while len(chosen) < min(limit, len(rows)):
        is_random = len(chosen) % EVERY_NTH_IS_RANDOM == EVERY_NTH_IS_RANDOM - 1
        row = next(r for r in (chance if is_random else value) if _key(r) not in chosen)
        chosen[_key(row)] = ReviewItem(*_key(row), _why(row["band_code"], is_random=is_random))
    return tuple(chosen.values())


def _key(row: dict[str, object]) -> tuple[str, str]:
    return str(row["left_nominal_id"]), str(row["right_nominal_id"])


def _why(band: str, *, is_random: bool) -> str:
    if is_random:
        return "drawn by chance, to measure how good the links are"
    return "fits several people" if band == "AMBIGUOUS" else "evidence is not enough either way"


def preview_judgements(
    settings: Settings, published: Sequence[PublishedRun], before: pa.Table, after: pa.Table
) -> tuple[LineageEvent, ...]:
    """What happens to golden ids of the national set if the judgements change from `before` to `after`."""
    states = [relink(settings, published, judgements) for judgements in (before, after)]
    links = [dict(zip(s["nominal_id"].to_pylist(), s["golden_id"].to_pylist(), strict=True)) for s in states]
    return trace_lineage(*links)
