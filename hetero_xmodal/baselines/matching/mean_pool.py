"""Mean-pool: the simplest trainable baseline, to which more complex methods are compared."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from .neural import InputScale, MatchingConfig, MeanEncoder, NeuralVectors, TwoSides


@dataclass(frozen=True, kw_only=True)
class MeanPoolConfig(MatchingConfig):
    """Settings of mean-pool, those of :class:`MatchingConfig`."""


class MeanPool(NeuralVectors):
    """Linear maps of the mean region and of the mean word vector, trained with the ranking loss and the hardest negatives."""

    name = "mean-pool"
    Config = MeanPoolConfig
    pool_regions = True

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return TwoSides(MeanEncoder(regions, self.config.width), MeanEncoder(words, self.config.width))
