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
WordArray = npt.NDArray[np.uint64]


def compiled(function: Function) -> Function:
    """The function, compiled without the interpreter lock and cached on disk."""
    return _compile(function, _nrt=True)


def compiled_plain(function: Function) -> Function:
    """The function, compiled as `compiled` does but without counting references to its arrays.

    For what runs once a pair: counting costs more than the comparison, and two threads wait for each other's counts.
    Such a function makes no array and returns none.
    """
    return _compile(function, _nrt=False)


def compiled_inline(function: Function) -> Function:
    """The function, compiled as `compiled_plain` does and put into its callers: a call would pass every array anew."""
    return _compile(function, _nrt=False, forceinline=True)


def _compile(function: Function, **options: bool) -> Function:
    # `_nrt` (numba's run time, which counts references) passes from caller to callee unless a function says otherwise.
    compile_with: Callable[..., Any] = numba.njit(cache=True, nogil=True, **cast(dict[str, Any], options))
    return cast(Function, compile_with(function))
