"""Random choices that are the same on every machine and with every numpy: raw PCG64 bits, nothing else.

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
    """A stream of choices from ``SeedSequence(key)``; words in the key count through their CRC-32."""

    def __init__(self, *key: str | int):
        words = [zlib.crc32(k.encode()) if isinstance(k, str) else k for k in key]
        self._bits = np.random.PCG64(np.random.SeedSequence(words))
        self._raw: list[int] = []

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        if not self._raw:
            self._raw = self._bits.random_raw(64).tolist()
        return (self._raw.pop() >> 11) * n >> 53

    def between(self, low: int, high: int) -> int:
        """A whole number from *low* to *high*, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in *percent* of 100 cases."""
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
