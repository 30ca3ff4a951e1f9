"""Progress of a table being read, and politeness to the system it is read from.

Enters: rows as they pass. Leaves: reports to a listener (the command line's bars), lines in the log (Airflow's),
and pauses. Must hold: on average no more than `rows_per_second` are read, and nothing outside the system's
`window`. Refuses: reading outside the window; finished tables and partitions are kept, so a later run goes on where
this one stopped.

Options of a system or table: `rows_per_second` (0: no limit), `window` ("": always; "22:00-06:00" otherwise),
`window_zone` ("Europe/London").
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from datetime import time as clock_time
from zoneinfo import ZoneInfo

from migration.errors import ConfigError, SourceError
from migration.extract.sources import TableSource

LOG = logging.getLogger(__name__)
LOG_SECONDS = 15.0
WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")

Listener = Callable[[str, int, int | None], None]
"""Takes a table, the rows read so far, and how many are expected (None: unknown)."""


@dataclass(frozen=True)
class Window:
    """Times of day between which a system may be read; may pass midnight."""

    start: clock_time
    end: clock_time
    zone: str

    def is_open(self, moment: datetime) -> bool:
        """Whether the system may be read at this moment."""
        now = moment.astimezone(ZoneInfo(self.zone)).time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


def load_window(source: TableSource) -> Window | None:
    """The system's window, or None where it may always be read.

    Raises:
        ConfigError: the option is not two times of day.
    """
    text = source.text("window", "")
    if not text:
        return None
    match = WINDOW.fullmatch(text)
    if match is None:
        where = f"pack of division {source.division}, source {source.where}, option window"
        raise ConfigError(where, "something that is no window", "two times, such as 22:00-06:00", "Correct it.")
    start_hour, start_minute, end_hour, end_minute = (int(g) for g in match.groups())
    zone = source.text("window_zone", "Europe/London")
    return Window(clock_time(start_hour, start_minute), clock_time(end_hour, end_minute), zone)


@dataclass
class Watch:
    """Follows one table. `now` and `sleep` are those of the machine; tests bring their own.

    Attributes:
        is_local: the rows come from the lake and not from the legacy system: no pace, no hours.
    """

    source: TableSource
    expected: int | None = None
    listener: Listener | None = None
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    moment: Callable[[], datetime] = field(default=lambda: datetime.now().astimezone())
    rows: int = 0
    is_local: bool = False

    def __post_init__(self) -> None:
        """Read the options and start the clock."""
        self._window = None if self.is_local else load_window(self.source)
        self._limit = 0 if self.is_local else self.source.number("rows_per_second", 0)
        self._started = self._logged = self.now()
        self._check_window()

    def advance(self, rows: int) -> None:
        """Note rows that were read; pauses where the system asks for it.

        Raises:
            SourceError: the system's window has closed.
        """
        self.rows += rows
        if self.listener is not None:
            self.listener(self.source.where, self.rows, self.expected)
        if self.now() - self._logged >= LOG_SECONDS:
            self._logged = self.now()
            LOG.info("extract %s", self.describe())
        self._check_window()
        if self._limit:
            ahead = self.rows / self._limit - (self.now() - self._started)
            if ahead > 0:
                self.sleep(ahead)

    def finish(self) -> None:
        """Tell the listener and the log that the table has been read to its end."""
        if self.listener is not None:
            self.listener(self.source.where, self.rows, self.rows)
        self.expected = self.rows
        LOG.info("extract %s done", self.describe())

    def describe(self) -> str:
        """Table, rows, rate and time left, as the log shows them."""
        seconds = max(self.now() - self._started, 0.001)
        rate = self.rows / seconds
        parts = [f"table={self.source.where}", f"rows={self.rows}", f"rows_per_second={rate:.0f}"]
        if self.expected and rate:
            parts.append(f"seconds_left={max(self.expected - self.rows, 0) / rate:.0f}")
        return " ".join(parts)

    def _check_window(self) -> None:
        if self._window is None or self._window.is_open(self.moment()):
            return
        window = f"{self._window.start:%H:%M}-{self._window.end:%H:%M} {self._window.zone}"
        raise SourceError(
            self.source.where,
            "a time outside the system's window",
            f"a time within {window}",
            "Run again when it is open: what has been read is kept.",
        )
