"""A COPY stream taken from the driver's own libpq in compiled code, without a Python object for each row.

Enters: psycopg's connection while a COPY to the client is under way. Leaves: the stream in pieces. Must hold: the same
bytes as the driver's `get_copy_data` gives, and its errors. Where libpq cannot be reached by the file of the driver
(psycopg without its compiled part), the driver is asked row by row. A server that is silent is waited for a second at
a time, so that signals are heard. Source: libpq, "Functions Associated with the COPY Command".
"""

import ctypes
import select
import sys
from collections.abc import Generator, Iterator
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba import njit, types
from numpy.typing import NDArray
from psycopg import pq
from psycopg.errors import OperationalError, error_from_result
from psycopg.generators import fetch_many
from psycopg.waiting import Ready, Wait

from migration.extract.copy_kernel import Bytes

PIECE_BYTES = 1 << 20
WAIT_MILLISECONDS = 1_000
FULL, SILENT, LARGE, ENDED, FAILED = 0, 1, 2, 3, 4
NEEDED = {
    "PQgetCopyData": types.int32(types.intp, types.intp, types.int32),
    "PQfreemem": types.void(types.intp),
    "PQconsumeInput": types.int32(types.intp),
}
PREFIX = "migration_"
_get: Any
_free: Any
_consume: Any
_get, _free, _consume = (  # typed by their signatures, called by compiled code only
    types.ExternalFunction(f"{PREFIX}{name}", signature) for name, signature in NEEDED.items()
)
_copy: Any = types.ExternalFunction("memcpy", types.intp(types.intp, types.intp, types.intp))
_poll: Any = types.ExternalFunction("poll", types.int32(types.intp, types.intp, types.int32))


@cache
def bind_libpq() -> bool:
    """Let the compiled code find the functions of the libpq that psycopg itself uses; whether it can be reached."""
    path = getattr(sys.modules.get(pq.PGconn.__module__), "__file__", None) or ""
    if path.endswith(".py"):
        return False
    try:
        library = ctypes.CDLL(path)  # its functions are looked for in what it is linked to as well
        found = {name: ctypes.cast(library[name], ctypes.c_void_p).value for name in NEEDED}
    except (OSError, AttributeError):
        return False
    for name, address in found.items():
        llvm.add_symbol(f"{PREFIX}{name}", address)
    return hasattr(pq.PGconn, "pgconn_ptr")


@njit(cache=True, nogil=True)
def _fill(connection: int, room: Bytes, found: NDArray[np.intp], watched: NDArray[np.int32], wait: int) -> Any:
    """Copy messages into `room` until it holds a piece; bytes there and why it stopped.

    `found` is where libpq puts the address of a message, `watched` a `pollfd`. `LARGE` leaves a message behind `found`
    that has no room: its size is the third number, and whoever takes it frees it.
    """
    used = 0
    while used < PIECE_BYTES:
        size = _get(connection, found.ctypes.data, 1)
        if size == -1:
            return used, ENDED, 0
        if size < -1:
            return used, FAILED, 0
        if size > len(room) - used:
            return used, LARGE, size
        if size > 0:
            _copy(room.ctypes.data + used, found[0], size)
            _free(found[0])
            used += size
            continue
        ready = _poll(watched.ctypes.data, 1, wait)
        if _consume(connection) == 0:
            return used, FAILED, 0
        if ready == 0:
            return used, SILENT, 0
    return used, FULL, 0


def read_pieces(driver: Any) -> Iterator[Bytes]:
    """The stream's bytes in pieces, cut between messages; a piece may be overwritten when the next is asked for.

    Raises:
        psycopg.Error: the server ended the stream with an error, or is gone.
    """
    return _read_compiled(driver) if bind_libpq() else _read_plain(driver)


def _read_compiled(driver: Any) -> Iterator[Bytes]:
    connection = driver.pgconn
    room, found = np.empty(2 * PIECE_BYTES, np.uint8), np.zeros(1, np.intp)
    watched = np.array([connection.socket, select.POLLIN], np.int32)  # a `pollfd`: its second half is the answer
    state = FULL
    while state not in (ENDED, FAILED):
        used, state, size = _fill(connection.pgconn_ptr, room, found, watched, WAIT_MILLISECONDS)
        if used:
            yield room[:used]
        if state == LARGE:
            yield np.frombuffer(_take(int(found[0]), size), np.uint8)
    if state == FAILED and connection.status == pq.ConnStatus.BAD:
        raise OperationalError("the connection is lost")
    driver.wait(_finish(connection))


def _take(address: int, size: int) -> bytes:
    """A message as bytes, its memory given back."""
    library = ctypes.CDLL(sys.modules[pq.PGconn.__module__].__file__)
    content = ctypes.string_at(address, size)
    library.PQfreemem(ctypes.c_void_p(address))
    return content


def _finish(connection: pq.abc.PGconn) -> Generator[Wait, Ready, None]:
    """The end of the stream, as the server sees it."""
    results = yield from fetch_many(connection)
    if results[0].status != pq.ExecStatus.COMMAND_OK:
        raise error_from_result(results[0])


def _read_plain(driver: Any) -> Iterator[Bytes]:
    is_open = True
    while is_open:
        piece = bytearray()
        is_open = driver.wait(_gather(driver.pgconn, piece))
        if piece:
            yield np.frombuffer(piece, np.uint8)


def _gather(connection: pq.abc.PGconn, piece: bytearray) -> Generator[Wait, Ready, bool]:
    """Fill `piece` from the stream, without psycopg's work for each row; whether more is to come."""
    while len(piece) < PIECE_BYTES:
        size, data = connection.get_copy_data(1)
        if size > 0:
            piece += data
        elif size == 0:
            while not (yield Wait.R):
                continue
            connection.consume_input()
        else:
            yield from _finish(connection)
            return False
    return True
