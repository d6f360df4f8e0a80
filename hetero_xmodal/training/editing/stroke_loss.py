"""A loss that compares the patterns of two images independently of their phase."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def stroke_error(painted: Tensor, answer: Tensor, *, window: int | None = None) -> Tensor:
    """Difference between the patterns of two images (b, 3, S, S): mean absolute difference of their local stroke strength, (b, 1, S, S).

    A stroke is the absolute difference of neighbouring pixels along rows, columns and both diagonals, averaged over *window* x *window*
    pixels (odd; by default a twelfth of the side and at least 5, slightly more than one stripe of the world). It depends on frequency and
    direction of stripes, but not on their phase.

    >>> stripes = torch.tensor([1.0, 0.0]).repeat(8).expand(1, 3, 16, 16)
    >>> float(stroke_error(stripes, 1 - stripes).max()), bool(stroke_error(stripes, stripes * 0 + 0.5).mean() > 0.1)
    (0.0, True)
    """

    size = painted.shape[-1]
    window = max(5, size // 12 | 1) if window is None else window

    def strokes(x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        here = x[..., 1 : size + 1, 1 : size + 1]
        around = ((1, 2), (2, 1), (2, 2), (2, 0))
        apart = torch.cat([(here - x[..., i : i + size, j : j + size]).abs() for i, j in around], 1)
        return F.avg_pool2d(apart, window, 1, window // 2, count_include_pad=False)

    return (strokes(painted) - strokes(answer)).abs().mean(1, keepdim=True)
