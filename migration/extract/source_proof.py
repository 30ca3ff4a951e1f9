"""Control totals of a source taken while its rows are being read.

Enters: what measures the source in a session of its own. Leaves: the totals, when they are asked for. Must hold: the
measuring ends with the reading: where that is given up, the query is cancelled and its session closed. Refuses
nothing: what the measuring raises is raised where its result is asked for.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

from migration.extract.connections import Session, driver_error
from migration.extract.totals import ControlTotals

LOG = logging.getLogger(__name__)


class SourceProof:
    """Owns one thread and the session it measures in."""

    def __init__(
        self, open_own: Callable[[], AbstractContextManager[Session]], measure: Callable[[Session], ControlTotals]
    ) -> None:
        self._open, self._measure = open_own, measure
        self._session: Session | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="proof")
        self._found: Future[ControlTotals] = self._pool.submit(self._run)

    def _run(self) -> ControlTotals:
        with self._open() as session:
            self._session = session
            return self._measure(session)

    def result(self) -> ControlTotals:
        """The totals, waited for.

        Raises:
            SourceError: the source could not be measured.
        """
        try:
            return self._found.result()
        finally:
            self._pool.shutdown()

    def give_up(self) -> None:
        """End the measuring, whatever it has found."""
        if self._session is not None and not self._found.done():
            try:
                self._session.cancel()
            except driver_error(self._session.alchemy):  # the server is gone, and the query with it
                LOG.warning("extract %s: the measuring could not be cancelled", self._session.where)
        self._found.cancel()
        self._pool.shutdown()
