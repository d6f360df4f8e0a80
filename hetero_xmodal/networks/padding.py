"""Sequences of different lengths as one padded tensor, and codes of word positions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def wave(position: Tensor, width: int) -> Tensor:
    """Sines and cosines of word positions (n,) -> (n, width), so that the words' order is known."""
    rate = torch.exp(torch.arange(0, width, 2, device=position.device) * (-np.log(1000.0) / width))
    angle = position[:, None].float() * rate
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)[:, :width]


def padded(rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of all members (N, ...) as (B, longest, ...), zeros where there is none, and the mask (B, longest) of the real ones.

    *longest* is at least 1, so that a batch of empty members can still be attended over.

    >>> padded(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 2]))[1].tolist()
    [[True, False], [True, True]]
    """
    longest = max(int(counts.max()), 1) if len(counts) else 1
    mask = torch.arange(longest, device=counts.device) < counts[:, None]
    out = rows.new_zeros(len(counts), longest, *rows.shape[1:])
    out[mask] = rows
    return out, mask
