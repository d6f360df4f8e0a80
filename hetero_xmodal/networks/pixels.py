"""Images as float tensors, and their resizing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ..errors import InputError


def to_pictures(images: Any) -> torch.Tensor:
    """Pictures as float32 (B, 3, H, W) in 0..1, on the processor.

    Parameters
    ----------
    images : a list of PIL images of one size, or a tensor (B, 3, H, W): uint8 in 0..255 or floating point in 0..1.

    Raises
    ------
    InputError : no picture, sizes that differ, values outside the range or not finite.

    >>> to_pictures(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)).max()
    tensor(1.)
    """
    if isinstance(images, torch.Tensor):
        pictures = images.detach().cpu()
        if pictures.ndim != 4 or pictures.shape[1] != 3 or 0 in pictures.shape:
            raise InputError(f"pictures have shape {tuple(pictures.shape)}, expected (pictures, 3, height, width), at least one")
        if pictures.dtype == torch.uint8:
            return pictures.float() / 255
        if not pictures.is_floating_point():
            raise InputError(f"pictures are {pictures.dtype}; give uint8 in 0..255 or floating point in 0..1")
        pictures = pictures.float()
        low, high = (v.item() for v in pictures.aminmax())
        if not (low >= -1e-4 and high <= 1 + 1e-4):  # also false for NaN
            raise InputError(f"pictures hold values from {low:.3g} to {high:.3g}; floating-point pictures are in 0..1")
        return pictures.clamp(0, 1)

    from ..images import read_picture

    arrays = [np.asarray(read_picture(image)) for image in images]
    if not arrays:
        raise InputError("there is no picture to look at; give at least one")
    sizes = {a.shape for a in arrays}
    if len(sizes) > 1:
        shown = sorted(f"{w} x {h}" for h, w, _ in sizes)[:2]
        raise InputError(f"pictures differ in size ({shown[0]} and {shown[1]} pixels); bring them to one size first")
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255


def resized(pictures: torch.Tensor, side: int = 128) -> torch.Tensor:
    """(B, 3, H, W) -> (B, 3, side, side), bilinear with antialiasing; a whole multiple is averaged."""
    height, width = pictures.shape[-2:]
    if (height, width) == (side, side):
        return pictures
    if height == width and height % side == 0:
        return F.avg_pool2d(pictures, height // side)
    return F.interpolate(pictures, (side, side), mode="bilinear", align_corners=False, antialias=max(height, width) > side)
