"""SQLite's own C interface, as far as reading needs it, of the very library that Python's driver uses.

Enters: the file of a database. Leaves: read-only connections and their statements, for compiled code. Must hold: it is
the driver's library and no second one: two in one process would drop each other's locks on a file. Refuses: nothing;
where the library cannot be reached, or has no threads, `load_library` gives none and the driver reads.
"""

import _sqlite3
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from migration.extract import sqlite_kernel

READ_ONLY, URI, NO_MUTEX = 0x1, 0x40, 0x8000
OK = 0
SIGNATURES = {
    "threadsafe": (),
    "open_v2": (ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_char_p),
    "exec": (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    "prepare_v2": (
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.c_void_p,
    ),
    "finalize": (ctypes.c_void_p,),
    "close_v2": (ctypes.c_void_p,),
}


class SqliteError(Exception):
    """SQLite's number of what went wrong."""


@cache
def load_library() -> ctypes.CDLL | None:
    """The library behind Python's driver; None where it shows no functions or cannot be used by two threads."""
    path = getattr(_sqlite3, "__file__", None)
    if path is None:
        return None
    library = ctypes.CDLL(path)  # its functions are looked for in what it is linked to as well
    try:
        for name, arguments in SIGNATURES.items():
            getattr(library, f"sqlite3_{name}").argtypes = arguments
    except AttributeError:
        return None
    return library if library.sqlite3_threadsafe() and sqlite_kernel.bind_functions(library) else None


class SqliteConnection:
    """Owns one read-only connection in a read transaction that has begun."""

    def __init__(self, library: ctypes.CDLL, path: Path) -> None:
        self._library, self._handle = library, ctypes.c_void_p()
        uri = f"{path.resolve().as_uri()}?mode=ro".encode()
        try:
            self._check(library.sqlite3_open_v2(uri, ctypes.byref(self._handle), READ_ONLY | URI | NO_MUTEX, None))
            for statement in (b"PRAGMA query_only = ON", b"BEGIN", b"SELECT count(*) FROM sqlite_master"):
                self._check(library.sqlite3_exec(self._handle, statement, None, None, None))
        except SqliteError:
            self.close()
            raise

    def _check(self, state: int) -> None:
        if state != OK:
            raise SqliteError(state)

    @contextmanager
    def prepare(self, sql: str) -> Iterator[int]:
        """The address of a statement.

        Raises:
            SqliteError: SQLite does not take it.
        """
        statement = ctypes.c_void_p()
        text = sql.encode()
        try:
            self._check(self._library.sqlite3_prepare_v2(self._handle, text, len(text), ctypes.byref(statement), None))
            yield statement.value or 0
        finally:
            self._library.sqlite3_finalize(statement)

    def close(self) -> None:
        """End the transaction and the connection."""
        self._library.sqlite3_close_v2(self._handle)
        self._handle = ctypes.c_void_p()
