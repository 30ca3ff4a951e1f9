"""Compiled functions: plain Python loops over NumPy arrays, compiled to machine code and kept on disk.

Enters: a function of numbers and arrays. Leaves: the same function, compiled at first use; the result is cached beside
the source (or in `NUMBA_CACHE_DIR`, or in the user's cache folder where neither is writable), so a fresh clone compiles
once. Must hold: no fast-math, so results do not depend on the machine's vector width; no lock is held while one runs,
so blocks are scored on as many threads as `settings.threads` says. Refuses nothing.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Function = TypeVar("Function", bound=Callable[..., Any])
IntArray = npt.NDArray[np.int32]
LongArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]


def compiled(function: Function) -> Function:
    """The function, compiled without the interpreter lock and cached on disk."""
    return cast(Function, numba.njit(cache=True, nogil=True)(function))
