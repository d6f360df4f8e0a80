"""Boxes as masks, and images whose masked places are filled from their surroundings."""

from __future__ import annotations

import torch
from torch import Tensor


def box_mask(boxes: Tensor, size: int, *, margin: float = 0.03) -> Tensor:
    """1 inside boxes (b, 4), shares of the sides, grown by *margin*: (b, 1, size, size); an empty box stays empty.

    >>> int(box_mask(torch.tensor([[0.0, 0.0, 0.5, 1.0]]), 4, margin=0.0).sum())
    8
    """
    centre = (torch.arange(size) + 0.5) / size
    x1, y1, x2, y2 = (boxes + margin * torch.tensor([-1, -1, 1, 1])).unbind(1)
    rows = (centre >= y1[:, None]) & (centre <= y2[:, None])
    columns = (centre >= x1[:, None]) & (centre <= x2[:, None])
    real = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return (rows[:, :, None] & columns[:, None] & real[:, None, None])[:, None].float()


def grown(mask: Tensor) -> Tensor:
    """A mask (b, 1, S, S) with one more pixel all around."""
    return torch.nn.functional.max_pool2d(mask, 3, 1, 1)


def filled_from_around(images: Tensor, hidden: Tensor) -> Tensor:
    """Images (B, 3, S, S) in -1..1 whose places where *hidden* (B, 1, S, S) is 1 are filled from what lies around them (Telea, 2004).

    Nothing is left of what stood there, and where nothing is to stand little remains to be painted.

    >>> image = torch.zeros(1, 3, 8, 8)
    >>> image[..., 3:5, 3:5] = 1
    >>> bool((filled_from_around(image, box_mask(torch.tensor([[0.25, 0.25, 0.75, 0.75]]), 8)).abs() < 0.01).all())
    True
    """
    import cv2

    out = images.clone()
    for k in hidden.flatten(1).any(1).nonzero().flatten().tolist():
        pixels = ((images[k].permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
        found = cv2.inpaint(pixels, hidden[k, 0].byte().numpy(), 3, cv2.INPAINT_TELEA)
        out[k] = torch.where(hidden[k].bool(), torch.from_numpy(found).permute(2, 0, 1) / 127.5 - 1, images[k])
    return out
