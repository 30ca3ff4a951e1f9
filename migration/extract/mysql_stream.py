"""The bytes of a result's rows as MySQL and MariaDB send them, from under pymysql, which shows them by no public name.

Enters: a connection of pymysql. Leaves: the row packets in pieces. Must hold: all that is not public is named in this
module; where pymysql is of a version that was not looked at, or lacks one of the names, `can_stream` says so and rows
are read through the driver. A connection whose result was not read to its end is closed: what is left of the result
would be taken for the next answer. Refuses nothing.
"""

import logging
import select
from typing import Any

import pymysql
from pymysql.constants import CR
from pymysql.err import OperationalError

LOG = logging.getLogger(__name__)
KNOWN_VERSION = "1.2."
"""What the version of a pymysql begins with whose inner names are those used here (1.2 was looked at)."""
CONNECTION_NAMES = ("_rfile", "_sock", "_result", "_force_close")
PIECE_BYTES = 1 << 20
IDLE_SECONDS = 0.02


def can_stream(driver: Any) -> bool:
    """Whether the rows of a connection's results can be taken from its stream."""
    missing = [name for name in CONNECTION_NAMES if not hasattr(driver, name)]
    if not pymysql.VERSION_STRING.startswith(KNOWN_VERSION) or missing or not hasattr(driver._rfile, "read1"):
        LOG.warning("extract: pymysql %s is not known, rows are read through it one by one", pymysql.VERSION_STRING)
        return False
    return True


def read_piece(driver: Any) -> bytes:
    """What the server has sent, at most a piece.

    Raises:
        OperationalError: the connection is gone.
    """
    piece = bytearray()
    while len(piece) < PIECE_BYTES and not (piece and _is_idle(driver)):
        try:
            data = driver._rfile.read1(PIECE_BYTES - len(piece))
        except OSError as failure:
            raise OperationalError(CR.CR_SERVER_LOST, "lost connection") from failure
        if not data:
            raise OperationalError(CR.CR_SERVER_LOST, "lost connection")
        piece += data
    return bytes(piece)


def _is_idle(driver: Any) -> bool:
    """Whether the server has sent nothing for a moment: the result may have ended, so what is there is looked at."""
    return not select.select([driver._sock], [], [], IDLE_SECONDS)[0]


def end_result(driver: Any, *, is_whole: bool) -> None:
    """Tell the driver that the rows of its unbuffered result were read by others: to their end, or not."""
    if not is_whole:
        driver._force_close()
    if driver._result is not None:
        result = driver._result
        result.unbuffered_active, result.connection, result.has_next = False, None, False
