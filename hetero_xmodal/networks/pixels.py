"""Conversion of images to float tensors, and resizing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from ..errors import InputError


def image_tensor(images: Any) -> torch.Tensor:
    """Convert images to a float32 tensor (B, 3, H, W) in 0..1 on the CPU.

    Parameters
    ----------
    images : a list of PIL images of one size, or a tensor (B, 3, H, W): uint8 in 0..255 or floating point in 0..1.

    Raises
    ------
    InputError
        If there is no image, sizes differ, or values are out of range or not finite.

    >>> image_tensor(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)).max()
    tensor(1.)
    """
    if isinstance(images, torch.Tensor):
        tensor = images.detach().cpu()
        if tensor.ndim != 4 or tensor.shape[1] != 3 or 0 in tensor.shape:
            raise InputError(f"images have shape {tuple(tensor.shape)}, expected (images, 3, height, width), at least one")
        if tensor.dtype == torch.uint8:
            return tensor.float() / 255
        if not tensor.is_floating_point():
            raise InputError(f"images are {tensor.dtype}; give uint8 in 0..255 or floating point in 0..1")
        tensor = tensor.float()
        low, high = (v.item() for v in tensor.aminmax())
        if not (low >= -1e-4 and high <= 1 + 1e-4):  # also false for NaN
            raise InputError(f"images hold values from {low:.3g} to {high:.3g}; floating-point images are in 0..1")
        return tensor.clamp(0, 1)

    from ..images import read_image

    arrays = [np.asarray(read_image(image)) for image in images]
    if not arrays:
        raise InputError("there is no image; give at least one")
    sizes = {a.shape for a in arrays}
    if len(sizes) > 1:
        shown = sorted(f"{w} x {h}" for h, w, _ in sizes)[:2]
        raise InputError(f"images differ in size ({shown[0]} and {shown[1]} pixels); bring them to one size first")
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255


def resized(images: torch.Tensor, side: int = 128) -> torch.Tensor:
    """Resize (B, 3, H, W) to (B, 3, side, side): bilinear with antialiasing, average pooling for integer factors."""
    height, width = images.shape[-2:]
    if (height, width) == (side, side):
        return images
    if height == width and height % side == 0:
        return F.avg_pool2d(images, height // side)
    return F.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=max(height, width) > side)
