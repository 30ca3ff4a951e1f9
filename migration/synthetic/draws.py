"""Random numbers that depend on a seed, a stream's name and a key, and on nothing else.

Enters: seed, stream, integer keys. Leaves: one number per key. Must hold: the same key gives the same number whatever
was drawn before, in what order, on how many threads, or how large the estate is; that is what lets two divisions
agree on a person neither knows the other has.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bits = NDArray[np.uint64]
Texts = NDArray[np.object_]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Draws:
    """Source of all randomness of one build. `scope` keeps apart what shares keys (divisions, for one)."""

    seed: int
    scope: str = ""

    def scoped(self, scope: str) -> "Draws":
        """The same seed for another scope."""
        return Draws(self.seed, f"{self.scope}/{scope}")

    def bits(self, stream: str, keys: Ints) -> Bits:
        """64 random bits per key (SplitMix64 over the hashed stream and the key)."""
        digest = hashlib.sha256(f"{self.seed}|{self.scope}|{stream}".encode()).digest()
        start = np.uint64(int.from_bytes(digest[:8], "little"))
        with np.errstate(over="ignore"):
            state = start + (keys.astype(np.uint64) + np.uint64(1)) * _STEP
            state = (state ^ (state >> np.uint64(30))) * _MIX_1
            state = (state ^ (state >> np.uint64(27))) * _MIX_2
            return state ^ (state >> np.uint64(31))

    def uniform(self, stream: str, keys: Ints) -> Floats:
        """A number in [0, 1) per key."""
        return (self.bits(stream, keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def chance(self, stream: str, keys: Ints, probability: float) -> Bools:
        """True for about `probability` of the keys."""
        return self.uniform(stream, keys) < probability

    def some(self, stream: str, keys: Ints, probability: float, among: Bools) -> Bools:
        """True for about `probability` of the keys `among`, and for one at least while there are any."""
        luck = self.uniform(stream, keys)
        chosen: Bools = among & (luck < probability)
        if among.any() and not chosen.any():
            chosen[int(np.argmin(np.where(among, luck, 2.0)))] = True
        return chosen

    def integers(self, stream: str, keys: Ints, low: int, high: int) -> Ints:
        """A whole number per key, `low` to `high` inclusive."""
        return low + np.floor(self.uniform(stream, keys) * (high - low + 1)).astype(np.int64)

    def below(self, stream: str, keys: Ints, limit: Ints) -> Ints:
        """A whole number per key, from 0 up to but not including that key's limit (which must be 1 or more)."""
        return np.minimum(np.floor(self.uniform(stream, keys) * limit).astype(np.int64), limit - 1)

    def choose(self, stream: str, keys: Ints, weights: Sequence[float] | Floats) -> Ints:
        """An index into `weights` per key, in proportion to the weights."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(edges / edges[-1], self.uniform(stream, keys), side="right").clip(0, len(edges) - 1)

    def normal(self, stream: str, keys: Ints) -> Floats:
        """A standard normal number per key (sum of twelve uniforms; tails end at six)."""
        total = np.zeros(len(keys))
        for part in range(12):
            total += self.uniform(f"{stream}/{part}", keys)
        return total - 6.0


def take(values: Sequence[str], indices: Ints) -> Texts:
    """The texts at `indices`."""
    return np.array(values, dtype=object)[indices]
