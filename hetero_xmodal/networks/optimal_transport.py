"""Optimal transport between sets of vectors: the Sinkhorn divergence."""

from __future__ import annotations

from torch import Tensor


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
