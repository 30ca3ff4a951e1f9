"""Many locations at once: equal ones matched once, on several processes, in any order, with one result.

Enters: queries. Leaves: one `Match` per query, in their order. Must hold: the answers do not depend on the number of
processes, the order of the queries or what else is in the batch, except that coordinates shared by very many
different texts are taken for a default and said to be so. Refuses nothing.
"""

import multiprocessing
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from migration.geocode.evidence import Match, Query
from migration.geocode.match import Matcher

CHUNK = 2_000
LEAST_PARALLEL = 4_000
"""Fewer distinct queries than this are matched in one process: starting others costs more."""
DEFAULT_TEXTS = 25
"""Different texts at one point, to the metre, from which the point is a default and not a place."""

_shared: list[Matcher] = []


def match_all(matcher: Matcher, queries: Sequence[Query], processes: int = 1) -> list[Match]:
    """Matches of queries, in their order."""
    cleaned = drop_default_points(queries)
    distinct = sorted(set(cleaned), key=_order)
    answers = dict(zip(distinct, _match_distinct(matcher, distinct, processes), strict=True))
    return [answers[q] for q in cleaned]


def _order(query: Query) -> tuple[str, ...]:
    return (
        query.text,
        query.postcode,
        query.division,
        str(query.recorded_on),
        str(query.easting),
        str(query.northing),
        query.grid_ref,
    )


def _match_distinct(matcher: Matcher, queries: list[Query], processes: int) -> Iterable[Match]:
    can_fork = "fork" in multiprocessing.get_all_start_methods() and not multiprocessing.current_process().daemon
    if processes < 2 or len(queries) < LEAST_PARALLEL or not can_fork:
        return [matcher.match(q) for q in queries]
    chunks = [queries[i : i + CHUNK] for i in range(0, len(queries), CHUNK)]
    _shared.append(matcher)
    try:
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            return [m for part in pool.imap(_match_chunk, chunks) for m in part]
    finally:
        _shared.clear()


def _match_chunk(queries: list[Query]) -> list[Match]:
    matcher = _shared[0]
    return [matcher.match(q) for q in queries]


def drop_default_points(queries: Sequence[Query]) -> list[Query]:
    """Queries, with a point that `DEFAULT_TEXTS` different texts share marked as a default: no place of theirs."""
    texts: dict[tuple[float, float], set[str]] = defaultdict(set)
    for q in queries:
        if q.easting is not None and q.northing is not None:
            seen = texts[(q.easting, q.northing)]
            if len(seen) < DEFAULT_TEXTS:
                seen.add(q.text)
    defaults = {point for point, seen in texts.items() if len(seen) >= DEFAULT_TEXTS}
    if not defaults:
        return list(queries)
    return [replace(q, is_default_point=True) if (q.easting, q.northing) in defaults else q for q in queries]
