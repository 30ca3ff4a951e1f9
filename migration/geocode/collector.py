"""No search for cyclic garbage while a gazetteer is read or texts are matched.

Enters and leaves: nothing. Must hold: the collector is on afterwards if it was before. Neither reading nor matching
makes cycles, and a search would walk the whole gazetteer again and again.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """The collector is off; what there is by the end (gazetteer, memos, answers) is left out of later searches too."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
