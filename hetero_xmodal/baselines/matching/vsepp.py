"""VSE++: visual-semantic embeddings with the hardest wrong answers (Faghri et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from .neural import GRUEncoder, InputScale, MatchingConfig, MeanEncoder, NeuralVectors, TwoSides


@dataclass(frozen=True, kw_only=True)
class VSEPPConfig(MatchingConfig):
    """Settings of VSE++: those of every matching baseline."""


class VSEPP(NeuralVectors):
    """One linear map of the mean region; a GRU over the words, whose last state is the caption's vector; cosine; hardest negatives.

    The released code has a global image vector where this has the mean of the regions, and the same features for all methods of a table.
    """

    name = "VSE++"
    Config = VSEPPConfig
    pool_regions = True

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return TwoSides(MeanEncoder(regions, self.config.width), GRUEncoder(words, self.config.width))
