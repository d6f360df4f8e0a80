"""Sets of rows, one for every member of a batch: padding them, the distance of two such clouds, and the order of words."""

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
    """Rows of all members (N, d) -> (B, longest, d), zeros where there is none, and a mask (B, longest)."""
    longest = max(int(counts.max()), 1)
    mask = torch.arange(longest, device=counts.device) < counts[:, None]
    return rows.new_zeros(len(counts), longest, rows.shape[1]).masked_scatter(mask.unsqueeze(2), rows), mask


def transport(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor], *, blur: float = 0.01, scaling: float = 0.9) -> Tensor:
    """WS (B,): Sinkhorn divergence (p = 1) of two point clouds, each rows (B, n, d) and mask (B, n), all real rows equally heavy.

    With geomloss's usual blur of 0.05 the distance of {0, 1, 2} and {1, 2, 3} comes out as 0.954, with 0.01 as 0.99; the truth is 1.
    """
    from geomloss import SamplesLoss

    distance = SamplesLoss("sinkhorn", p=1, blur=blur, scaling=scaling, debias=True, backend="tensorized")
    (x, a), (y, b) = first, second
    a, b = (m / m.sum(1, keepdim=True).clamp_min(1) for m in (a.to(x), b.to(y)))
    root = x.shape[2] ** 0.5
    return distance(a, x / root, b, y / root)
