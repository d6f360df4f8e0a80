"""Masks of boxes, and inpainting of masked pixels from their surroundings."""

from __future__ import annotations

import torch
from torch import Tensor


def box_mask(boxes: Tensor, size: int, *, margin: float = 0.03) -> Tensor:
    """Masks (b, 1, size, size) of boxes (b, 4) relative to the image's sides, enlarged by *margin*; an empty box gives an empty mask.

    >>> int(box_mask(torch.tensor([[0.0, 0.0, 0.5, 1.0]]), 4, margin=0.0).sum())
    8
    """
    centre = (torch.arange(size, device=boxes.device) + 0.5) / size
    x1, y1, x2, y2 = (boxes + margin * boxes.new_tensor([-1, -1, 1, 1])).unbind(1)
    rows = (centre >= y1[:, None]) & (centre <= y2[:, None])
    columns = (centre >= x1[:, None]) & (centre <= x2[:, None])
    real = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return (rows[:, :, None] & columns[:, None] & real[:, None, None])[:, None].float()


def dilated(mask: Tensor) -> Tensor:
    """A mask (b, 1, S, S) dilated by one pixel."""
    return torch.nn.functional.max_pool2d(mask, 3, 1, 1)


def filled_from_around(images: Tensor, hidden: Tensor) -> Tensor:
    """Inpaint images (B, 3, S, S) in -1..1 from the surroundings where *hidden* (B, 1, S, S) is 1 (Telea 2004, by OpenCV).

    No trace of a removed object is left, and the decoder has little to repaint where the background is to show.

    >>> image = torch.zeros(1, 3, 8, 8)
    >>> image[..., 3:5, 3:5] = 1
    >>> bool((filled_from_around(image, box_mask(torch.tensor([[0.25, 0.25, 0.75, 0.75]]), 8)).abs() < 0.01).all())
    True
    """
    import cv2

    out = images.clone()
    for k in hidden.flatten(1).any(1).nonzero().flatten().tolist():
        pixels = ((images[k].permute(1, 2, 0) + 1) * 127.5).round().byte().cpu().numpy()
        found = cv2.inpaint(pixels, hidden[k, 0].byte().cpu().numpy(), 3, cv2.INPAINT_TELEA)
        out[k] = torch.where(hidden[k].bool(), torch.from_numpy(found).to(images.device).permute(2, 0, 1) / 127.5 - 1, images[k])
    return out
