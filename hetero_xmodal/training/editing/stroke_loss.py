"""How an image is drawn, whatever the place where each stripe begins."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def stroke_error(painted: Tensor, answer: Tensor, *, window: int | None = None) -> Tensor:
    """How differently two images (b, 3, S, S) are drawn: mean absolute difference of local mean strokes, (b, 1, S, S).

    A stroke is a difference of neighbouring pixels, along rows, columns and both diagonals; its size is averaged over *window* x *window*
    pixels (an odd number; a twelfth of the side if left out, and at least 5, which is a little more than one stripe of the world). So it
    says how many stripes there are and which way they go, but not where each begins.

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
