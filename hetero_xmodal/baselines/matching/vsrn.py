"""VSRN: visual semantic reasoning (Li et al. 2019), without its branch that writes captions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import InputError
from ...networks.padding import padded
from .neural import GRUEncoder, InputScale, MatchingConfig, NeuralVectors, TwoSides


@dataclass(frozen=True, kw_only=True)
class VSRNConfig(MatchingConfig):
    """Settings of VSRN: those of every matching baseline, and

    layers : of reasoning over the regions
    """

    layers: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers < 0:
            raise InputError(f"VSRNConfig: layers is {self.layers}, expected 0 or more")


class VSRN(NeuralVectors):
    """Regions reason with each other by a graph network, then a GRU reads them one after the other; a GRU reads the words.

    The original also learns to write the caption from the regions, a second loss which is left out here.
    """

    name = "VSRN"
    Config = VSRNConfig

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return TwoSides(RegionReasoning(regions, self.config.width, self.config.layers), GRUEncoder(words, self.config.width))


class RegionReasoning(nn.Module):
    """Regions (flat) to a vector of each image: linear map, graph layers, GRU over the regions."""

    def __init__(self, inputs: InputScale, width: int, layers: int) -> None:
        super().__init__()
        self.inputs, self.linear = inputs, nn.Linear(inputs.width, width)
        self.layers = nn.ModuleList([ReasoningLayer(width) for _ in range(layers)])
        self.gru = nn.GRU(width, width, batch_first=True)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, flat: Tensor, counts: Tensor) -> Tensor:
        v, mask = padded(F.normalize(self.linear(self.inputs(flat)), dim=1), counts)
        for layer in self.layers:
            v = layer(v, mask)
        packed = nn.utils.rnn.pack_padded_sequence(F.normalize(v, dim=2), counts.cpu(), batch_first=True, enforce_sorted=False)
        return self.norm(self.gru(packed)[1][0])


class ReasoningLayer(nn.Module):
    """``V* = BatchNorm(R V W_g W_r) + V`` with ``R = (V W_theta)(V W_phi)' / n``; R is not put through a softmax, as in the released code.

    The batch norm starts at zero, so that a new layer passes its input on.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm = nn.BatchNorm1d(width)
        nn.init.zeros_(self.norm.weight)

    def forward(self, v: Tensor, mask: Tensor) -> Tensor:
        """Regions (images, longest, width) and which of them are real; those that are not stay zero."""
        heard = mask.to(v.dtype) / mask.sum(dim=1, keepdim=True)  # 1 / n for a real region, 0 for padding
        affinity = self.query(v) @ self.key(v).transpose(1, 2) * heard[:, None, :]
        said = self.out(affinity @ self.value(v))
        update = torch.zeros_like(v)
        update[mask] = self.norm(said[mask])  # statistics over real regions only
        return v + update
