"""Processes that match end by the signal of their pool, whatever handler the calling task has."""

import signal

from migration.geocode import batch
from migration.geocode.evidence import Match


class Reporting:
    """A matcher whose answers hold whether its process ends when told."""

    def prepare(self) -> None:
        """Nothing to prepare."""

    def match(self, _: object) -> tuple[bool, ...]:
        """Whether the default handler is in place, in every field."""
        return (signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,) * len(Match._fields)


def test_a_handler_of_the_caller_is_not_taken_over() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        answers = batch._match_distinct(Reporting(), [None] * batch.LEAST_PARALLEL, 2)  # type: ignore[arg-type, list-item]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(answers) == batch.LEAST_PARALLEL
    assert all(answer[0] is True for answer in answers)
