"""Random choices that are identical on every machine and with every version of numpy: based on raw PCG64 bits alone.

>>> StableRandom("doc", 0, "train", 3).below(100) == StableRandom("doc", 0, "train", 3).below(100)
True
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class StableRandom:
    """A random number generator seeded with ``SeedSequence(key)``; strings in the key are hashed by CRC-32."""

    def __init__(self, *key: str | int):
        words = [zlib.crc32(k.encode()) if isinstance(k, str) else k for k in key]
        self._bits = np.random.PCG64(np.random.SeedSequence(words))
        self._raw: list[int] = []

    def below(self, n: int) -> int:
        """A uniform integer in 0 .. n - 1."""
        if not self._raw:
            self._raw = self._bits.random_raw(64).tolist()
        return (self._raw.pop() >> 11) * n >> 53

    def between(self, low: int, high: int) -> int:
        """A uniform integer from *low* to *high*, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True with a probability of *percent*."""
        return self.below(100) < percent

    def pick(self, options: Sequence[T]) -> T:
        """One of *options*, all equally likely."""
        return options[self.below(len(options))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All *items* in a random order."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]

    def sample(self, items: Sequence[T], n: int) -> list[T]:
        """*n* different *items* in a random order."""
        return self.shuffled(items)[:n]
