"""Golden ids, and how they change.

Enters: clusters as (nominal, cluster). Leaves: golden ids, redirects for ids given before, and the lineage of ids
between two states. Must hold: an id is a function of its cluster's smallest nominal id, so the same cluster has the
same id in whatever order divisions arrive, and an id is never given to another person. Refuses nothing.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.compiled import IntArray

PREFIX = "GN"
LENGTH = 13
HEAD_BYTES = 9
"""13 characters of five bits are 65 bits of the hash."""
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
IDS_AT_ONCE = 200_000


class Change(StrEnum):
    """What happened to a golden id between two states."""

    CREATED = "CREATED"
    MERGED = "MERGED"
    SPLIT = "SPLIT"
    CHANGED = "CHANGED"
    RETIRED = "RETIRED"


@dataclass(frozen=True)
class LineageEvent:
    """One line of the feed for downstream systems: an id, what happened to it, and the ids its nominals have now."""

    golden_id: str
    change: Change
    successors: tuple[str, ...]
    nominals_before: int
    nominals_after: int


def golden_id(smallest_nominal_id: str) -> str:
    """Golden id of the cluster whose smallest nominal id is given: `GN` and 13 base-32 characters of its SHA-256."""
    digest = hashlib.sha256(smallest_nominal_id.encode()).digest()
    return PREFIX + base64.b32encode(digest).decode("ascii")[:LENGTH]


def golden_ids(record_ids: pa.Array, first_records: IntArray) -> pa.Array:
    """Golden id of every record; `first_records` is the number of its cluster's first record, records in id order."""
    is_head = np.zeros(len(record_ids), dtype=np.bool_)
    is_head[first_records] = True
    place = (np.cumsum(is_head) - 1)[first_records]
    heads = np.flatnonzero(is_head)
    parts = [
        _encode_ids(record_ids.take(pa.array(p))) for p in np.split(heads, range(IDS_AT_ONCE, len(heads), IDS_AT_ONCE))
    ]
    return pa.chunked_array(parts, pa.string()).combine_chunks().take(pa.array(place))


def _encode_ids(smallest_nominal_ids: pa.Array) -> pa.Array:
    """`golden_id` of many clusters: base 32 writes five bits as one character."""
    count = len(smallest_nominal_ids)
    heads = b"".join(hashlib.sha256(i.encode()).digest()[:HEAD_BYTES] for i in smallest_nominal_ids.to_pylist())
    bits = np.unpackbits(np.frombuffer(heads, dtype=np.uint8).reshape(count, HEAD_BYTES), axis=1)
    digits = bits[:, : 5 * LENGTH].reshape(count, LENGTH, 5) @ np.asarray([16, 8, 4, 2, 1], dtype=np.uint8)
    text = np.empty((count, len(PREFIX) + LENGTH), dtype=np.uint8)
    text[:, : len(PREFIX)] = np.frombuffer(PREFIX.encode(), dtype=np.uint8)
    text[:, len(PREFIX) :] = np.frombuffer(ALPHABET, dtype=np.uint8)[digits]
    ends = np.arange(0, text.size + 1, text.shape[1], dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(text))


def redirect_ids(given: Iterable[str], nominal_ids: pa.Array, golden_now: pa.Array) -> pa.Table:
    """Where ids given before and not in force now lead.

    Columns: `golden_id`, `redirect_to` (the golden id that the id's own nominal has now; null where that nominal is not
    in the national set any more: the id is retired).
    """
    live = frozenset(golden_now.to_pylist())
    lost = sorted(set(given) - live)
    if not lost:
        return pa.table({"golden_id": pa.array([], pa.string()), "redirect_to": pa.array([], pa.string())})
    own = pa.array([golden_id(n) for n in nominal_ids.to_pylist()], pa.string())
    place = pc.index_in(pa.array(lost, pa.string()), value_set=own)
    return pa.table({"golden_id": pa.array(lost, pa.string()), "redirect_to": golden_now.take(place)})


def trace_lineage(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[LineageEvent, ...]:
    """What happened to every golden id between two states (nominal id to golden id), in order of id.

    CREATED: new. MERGED: all its nominals have one other id now. SPLIT: its nominals have several ids now. CHANGED: it
    kept its nominals and gained or lost others. RETIRED: none of its nominals is in the national set any more.
    Unchanged ids are left out.
    """
    old, new = _members(before), _members(after)
    events = []
    for identifier in sorted(old.keys() | new.keys()):
        was, now = old.get(identifier, frozenset()), new.get(identifier, frozenset())
        if was == now:
            continue
        successors = tuple(sorted({after[n] for n in was if n in after}))
        events.append(LineageEvent(identifier, _classify(identifier, was, successors), successors, len(was), len(now)))
    return tuple(events)


def _classify(identifier: str, was: frozenset[str], successors: tuple[str, ...]) -> Change:
    if not was:
        return Change.CREATED
    if not successors:
        return Change.RETIRED
    if len(successors) > 1:
        return Change.SPLIT
    return Change.CHANGED if successors[0] == identifier else Change.MERGED


def _members(links: Mapping[str, str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for nominal, identifier in links.items():
        found.setdefault(identifier, set()).add(nominal)
    return {k: frozenset(v) for k, v in found.items()}
