"""Padding of variable-length sequences, and the position encoding of words."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def position_encoding(position: Tensor, width: int) -> Tensor:
    """Sinusoidal encoding of word positions (n,) -> (n, width).

    >>> position_encoding(torch.tensor([0, 1]), 4)[0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    rate = torch.exp(torch.arange(0, width, 2, device=position.device) * (-np.log(1000.0) / width))
    angle = position[:, None].float() * rate
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)[:, :width]


def padded(rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Pad the rows (N, ...) of B sequences, *counts* (B,) rows each, with zeros to (B, longest, ...); also the mask (B, longest).

    *longest* is at least 1, so that attention over a batch of empty sequences is defined.

    >>> padded(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 2]))[1].tolist()
    [[True, False], [True, True]]
    """
    counts = counts.to(rows.device)
    longest = max(int(counts.max()), 1) if len(counts) else 1
    mask = torch.arange(longest, device=counts.device) < counts[:, None]
    out = rows.new_zeros(len(counts), longest, *rows.shape[1:])
    out[mask] = rows
    return out, mask
