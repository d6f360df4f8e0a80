"""VSRN: visual semantic reasoning (Li et al. 2019), without its caption generation."""

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
    """Settings of VSRN: those of :class:`MatchingConfig`, and

    layers : number of reasoning layers over the regions

    Raises
    ------
    InputError
        If a value is out of range.
    """

    layers: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers < 0:
            raise InputError(f"VSRNConfig: layers is {self.layers}, expected 0 or more")


class VSRN(NeuralVectors):
    """A graph network over the regions followed by a GRU, and a GRU over the words.

    The original's second loss, the generation of the caption from the regions, is omitted.
    """

    name = "VSRN"
    Config = VSRNConfig

    def _build(self, regions: InputScale, words: nn.Module) -> nn.Module:
        return TwoSides(RegionReasoning(regions, self.config.width, self.config.layers), GRUEncoder(words, self.config.width))


class RegionReasoning(nn.Module):
    """Regions (n, d), *counts* (b,) per image, to image vectors (b, width): linear map, graph layers, GRU over the regions."""

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
    """``V* = BatchNorm(R V W_g W_r) + V`` with ``R = (V W_theta)(V W_phi)' / n``, without a softmax, as in the released code.

    The scale of the batch normalisation is initialised to zero, so that a new layer is the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm = nn.BatchNorm1d(width)
        nn.init.zeros_(self.norm.weight)

    def forward(self, v: Tensor, mask: Tensor) -> Tensor:
        """Regions *v* (images, longest, width) with their *mask* (images, longest), to the same shape; padding stays zero."""
        weight = mask.to(v.dtype) / mask.sum(dim=1, keepdim=True)  # 1 / n for a region, 0 for padding
        affinity = self.query(v) @ self.key(v).transpose(1, 2) * weight[:, None, :]
        message = self.out(affinity @ self.value(v))
        update = torch.zeros_like(v)
        update[mask] = self.norm(message[mask])  # statistics without padding
        return v + update
