"""VSE++: visual-semantic embeddings with hard negatives (Faghri et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from .neural import GRUEncoder, InputScale, MatchingConfig, MeanEncoder, NeuralVectors, TwoSides


@dataclass(frozen=True, kw_only=True)
class VSEPPConfig(MatchingConfig):
    """Settings of VSE++, those of :class:`MatchingConfig`."""


class VSEPP(NeuralVectors):
    """A linear map of the mean region and the last state of a GRU over the words, compared by cosine; hardest negatives.

    The released code uses a global image feature; here it is the mean of the regions, so that all methods have the same features.
    """

    name = "VSE++"
    Config = VSEPPConfig
    pool_regions = True

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return TwoSides(MeanEncoder(regions, self.config.width), GRUEncoder(words, self.config.width))
