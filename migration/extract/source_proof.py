"""Control totals of a source taken while its rows are being read.

Enters: what measures a range of the source in a session, and the ranges. Leaves: the totals, when they are asked for.
Must hold: every range is measured once, in one session or the other: the one of the proof's own takes them from the
front, another that has nothing more to read may help from the back. The measuring ends with the reading: where that
is given up, queries are cancelled and the proof's session closed. Refuses nothing: what the measuring raises is
raised where its result is asked for.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from migration.extract.connections import Session, driver_error
from migration.extract.totals import ControlTotals

LOG = logging.getLogger(__name__)

Part = TypeVar("Part")


class SourceProof(Generic[Part]):
    """Owns two threads at most and the session that the first one measures in."""

    def __init__(
        self,
        open_own: Callable[[], AbstractContextManager[Session]],
        measure: Callable[[Session, str], Part],
        merge: Callable[[list[Part]], ControlTotals],
        ranges: Sequence[str] = ("",),
    ) -> None:
        self._open, self._measure, self._merge = open_own, measure, merge
        self._ranges = deque(ranges)
        self._parts: list[Part] = []
        self._sessions: list[Session] = []
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="proof")
        self._work: list[Future[None]] = [self._pool.submit(self._run)]

    def _run(self) -> None:
        with self._open() as session:
            self._measure_ranges(session, self._ranges.popleft)

    def _measure_ranges(self, session: Session, take: Callable[[], str]) -> None:
        self._sessions.append(session)
        while True:
            try:
                condition = take()
            except IndexError:
                return
            self._parts.append(self._measure(session, condition))

    def help(self, session: Session) -> None:
        """Measure in this session too, which reads nothing until the result is there."""
        if self._ranges:
            self._work.append(self._pool.submit(self._measure_ranges, session, self._ranges.pop))

    def result(self) -> ControlTotals:
        """The totals, waited for.

        Raises:
            SourceError: the source could not be measured.
        """
        try:
            for work in self._work:
                work.result()
            return self._merge(self._parts)
        finally:
            self.finish()

    def finish(self) -> None:
        """Begin no further range, and wait for those under way."""
        self._ranges.clear()
        self._pool.shutdown()

    def give_up(self) -> None:
        """End the measuring, whatever it has found."""
        self._ranges.clear()
        if not all(work.done() for work in self._work):
            for session in list(self._sessions):
                try:
                    session.cancel()
                except driver_error(session.alchemy):  # the server is gone, and the query with it
                    LOG.warning("extract %s: the measuring could not be cancelled", session.where)
        for work in self._work:
            work.cancel()
        self._pool.shutdown()
