"""Many locations at once: equal ones matched once, on several processes, in any order, with one result.

Enters: queries. Leaves: one `Match` per query, in their order. Must hold: the answers do not depend on the number of
processes, the order of the queries or what else is in the batch, except that coordinates shared by very many
different texts are taken for a default and said to be so. Refuses nothing.
"""

import multiprocessing
import signal
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from migration.geocode.collector import without_collector
from migration.geocode.evidence import Match, Query
from migration.geocode.match import Matcher

_order = attrgetter("division", "postcode", "text")
"""Neighbours share division, postcode and street, so that what is remembered of a place is used while it is."""
CHUNK = 2_000
LEAST_PARALLEL = 4_000
"""Fewer distinct queries than this are matched in one process: starting others costs more."""
DEFAULT_TEXTS = 25
"""Different texts at one point, to the metre, from which the point is a default and not a place."""

_shared: list[tuple[Matcher, list[Query]]] = []
"""What forked processes find in their memory: nothing but positions and answers is sent between them."""


def match_all(matcher: Matcher, queries: Sequence[Query], processes: int = 1) -> list[Match]:
    """Matches of queries, in their order."""
    with without_collector():
        cleaned = drop_default_points(queries)
        numbers: dict[Query, int] = {}
        at = [numbers.setdefault(q, len(numbers)) for q in cleaned]
        distinct = list(numbers)
        order = sorted(range(len(distinct)), key=[_order(q) for q in distinct].__getitem__)
        answers = dict(zip(order, _match_distinct(matcher, [distinct[i] for i in order], processes), strict=True))
        return [answers[i] for i in at]


def _match_distinct(matcher: Matcher, queries: list[Query], processes: int) -> list[Match]:
    can_fork = "fork" in multiprocessing.get_all_start_methods() and not multiprocessing.current_process().daemon
    if processes < 2 or len(queries) < LEAST_PARALLEL or not can_fork:
        return [matcher.match(q) for q in queries]
    matcher.prepare()
    _shared.append((matcher, queries))
    try:
        with multiprocessing.get_context("fork").Pool(processes, _end_when_told) as pool:
            parts = pool.imap(_match_chunk, range(0, len(queries), CHUNK))
            return [Match(*values) for part in parts for values in part]
    finally:
        _shared.clear()


def _end_when_told() -> None:
    """The signal of the pool ends a process; a handler taken over from an Airflow task would leave it waiting."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _match_chunk(start: int) -> list[tuple[Any, ...]]:
    """Answers of one chunk as plain tuples, which are sent at a fraction of the cost of objects."""
    matcher, queries = _shared[0]
    return [tuple(matcher.match(q)) for q in queries[start : start + CHUNK]]


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
    return [q._replace(is_default_point=True) if (q.easting, q.northing) in defaults else q for q in queries]
