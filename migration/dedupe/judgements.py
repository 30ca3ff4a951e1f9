"""What people have judged about pairs of nominals.

Enters: the rows of control entity `match_judgement`. Leaves: `Guards` pairs for clustering, judgements checked before
they are recorded, and new or reversed rows. Must hold: a row never changes but for its stamp of reversal; only open
rows count; clusters are derived from them, so reversing one gives exactly the clusters without it. Where open
judgements contradict each other, NOT_SAME and SPLIT hold and a MERGE that would break them is passed over, in order of
time and id. Refuses: a judgement on one nominal with itself, an unknown code, no reason, and a MERGE that open
judgements forbid.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.compiled import LongArray
from migration.dedupe.matrix import Matrix
from migration.errors import ConfigError
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema


class Judgement(StrEnum):
    """What a person can say of two nominals."""

    MERGE = "MERGE"
    SPLIT = "SPLIT"
    NOT_SAME = "NOT_SAME"
    KEEP = "KEEP"


APART = (Judgement.NOT_SAME, Judgement.SPLIT)


@dataclass(frozen=True)
class JudgedPairs:
    """Open judgements as pairs of nominal ids, the smaller first, in order of time and id.

    `answered` are the pairs that need not be asked again: kept or judged apart, or judged apart by what merges say: of
    two nominals judged to be one person, whoever is not the one is not the other.
    """

    together: tuple[tuple[str, str], ...]
    apart: tuple[tuple[str, str], ...]
    answered: tuple[tuple[str, str], ...]


def judgement_schema() -> pa.Schema:
    """Arrow schema of the judgements table."""
    return arrow_schema(load_schema().entity("match_judgement"))


def empty_judgements() -> pa.Table:
    """A judgements table without rows."""
    return judgement_schema().empty_table()


def open_judgements(judgements: pa.Table) -> pa.Table:
    """The judgements that have not been reversed, in order of time and id."""
    kept = judgements.filter(pc.is_null(judgements.column("reversed_at_utc")))
    return kept.sort_by([("judged_at_utc", "ascending"), ("judgement_id", "ascending")])


def judged_pairs(judgements: pa.Table) -> JudgedPairs:
    """Open judgements as pairs. A MERGE that would put together what is judged apart is passed over."""
    rows = open_judgements(judgements).select(["judgement_code", "left_nominal_id", "right_nominal_id"]).to_pylist()
    pairs = [(r["judgement_code"], *sorted((r["left_nominal_id"], r["right_nominal_id"]))) for r in rows]
    apart = {(a, b) for code, a, b in pairs if code in APART}
    groups = _Groups(apart)
    together = [(a, b) for code, a, b in pairs if code == Judgement.MERGE and groups.join(a, b)]
    answered = {(a, b) for code, a, b in pairs if code == Judgement.KEEP}
    for a, b in apart:
        answered |= {(min(x, y), max(x, y)) for x in groups.of(a) for y in groups.of(b)}
    return JudgedPairs(tuple(dict.fromkeys(together)), tuple(sorted(apart)), tuple(sorted(answered)))


class _Groups:
    """Groups of nominals that open merges make, and the pairs that must stay apart."""

    def __init__(self, apart: Iterable[tuple[str, str]]) -> None:
        self.members: dict[str, set[str]] = {}
        self.apart = set(apart)

    def of(self, nominal: str) -> set[str]:
        """The nominals that merges say are the person this one is, itself among them."""
        return self.members.get(nominal, {nominal})

    def join(self, left: str, right: str) -> bool:
        """Join the groups of two nominals unless a pair between them is judged apart."""
        a, b = self.of(left), self.of(right)
        if any((min(x, y), max(x, y)) in self.apart for x in a for y in b):
            return False
        for member in (merged := a | b):
            self.members[member] = merged
        return True


def encode_pairs(matrix: Matrix, pairs: Sequence[tuple[str, str]]) -> LongArray:
    """Pairs of nominal ids as `left * records + right` of record numbers, sorted; pairs with an absent end left out."""
    if not pairs or not len(matrix):
        return np.zeros(0, dtype=np.int64)
    ends = [pc.index_in(pa.array([p[side] for p in pairs]), value_set=matrix.record_ids) for side in (0, 1)]
    left, right = (np.asarray(pc.fill_null(e, -1)).astype(np.int64) for e in ends)
    here = (left >= 0) & (right >= 0)
    low, high = np.minimum(left, right)[here], np.maximum(left, right)[here]
    return np.unique(low * len(matrix) + high)


def hash_judgements(judgements: pa.Table) -> str:
    """SHA-256 (hex) of the open judgements that change clusters, whatever the order of rows."""
    pairs = judged_pairs(judgements)
    return hashlib.sha256(repr((pairs.together, pairs.apart, pairs.answered)).encode()).hexdigest()


def make_judgement(
    code: Judgement, left: str, right: str, judged_by: str, reason: str, judged_at: datetime | None = None
) -> pa.Table:
    """A new judgement as one row of the table.

    Raises:
        ConfigError: the two are one nominal, or who or why is missing.
    """
    if left == right or not left or not right:
        raise ConfigError("judgement", "the same nominal twice", "two nominals", "Give two different nominal ids.")
    if not judged_by.strip() or not reason.strip():
        raise ConfigError(
            "judgement", "no judge or no reason", "both", "Say who judges and why, without personal values."
        )
    at = judged_at or datetime.now(UTC)
    low, high = sorted((left, right))
    key = hashlib.sha256("\x1f".join((code, low, high, judged_by, at.isoformat())).encode()).hexdigest()[:32]
    row = {
        "judgement_id": key,
        "judgement_code": code.value,
        "left_nominal_id": low,
        "right_nominal_id": high,
        "judged_by": judged_by,
        "judged_at_utc": at,
        "reason": reason,
        "reversed_at_utc": None,
        "reversed_by": None,
    }
    return pa.Table.from_pylist([row], schema=judgement_schema())


def add_judgement(judgements: pa.Table, new: pa.Table) -> pa.Table:
    """The judgements with a new one.

    Raises:
        ConfigError: a MERGE of what open judgements keep apart, or a NOT_SAME of what they have merged.
    """
    row = new.to_pylist()[0]
    pair = (row["left_nominal_id"], row["right_nominal_id"])
    pairs = judged_pairs(judgements)
    groups = _Groups(pairs.apart)
    for left, right in pairs.together:
        groups.join(left, right)
    fix = "Reverse the earlier judgement first."
    if row["judgement_code"] == Judgement.MERGE and not groups.join(*pair):
        raise ConfigError("judgement MERGE", "open judgements that keep the two apart", "none", fix)
    if row["judgement_code"] in APART and pair[1] in groups.of(pair[0]):
        raise ConfigError(f"judgement {row['judgement_code']}", "open merges that join the two", "none", fix)
    return pa.concat_tables([judgements, new])


def reverse_judgement(judgements: pa.Table, judgement_id: str, by: str, at: datetime | None = None) -> pa.Table:
    """The judgements with one stamped as reversed.

    Raises:
        ConfigError: no open judgement has that id.
    """
    rows = judgements.to_pylist()
    hits = [r for r in rows if r["judgement_id"] == judgement_id and r["reversed_at_utc"] is None]
    if not hits:
        raise ConfigError("judgement", "no open one with that id", "one", "List the open judgements of the nominal.")
    hits[0] |= {"reversed_at_utc": at or datetime.now(UTC), "reversed_by": by}
    return pa.Table.from_pylist(rows, schema=judgement_schema())
