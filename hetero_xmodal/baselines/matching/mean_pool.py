"""Mean-pool: the plainest thing that can be trained, so that a table shows what anything more is worth."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from .neural import InputScale, MatchingConfig, MeanEncoder, NeuralVectors, TwoSides


@dataclass(frozen=True, kw_only=True)
class MeanPoolConfig(MatchingConfig):
    """Settings of mean-pool: those of every matching baseline."""


class MeanPool(NeuralVectors):
    """One linear map of the mean region, one of the mean word vector, and the ranking loss with the hardest wrong answers."""

    name = "mean-pool"
    Config = MeanPoolConfig
    pool_regions = True

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return TwoSides(MeanEncoder(regions, self.config.width), MeanEncoder(words, self.config.width))
