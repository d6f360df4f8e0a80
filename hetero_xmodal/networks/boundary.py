"""Boundary images: the edges of an image without its colours (Canny 1986, by OpenCV)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def boundary_images(images: Tensor, size: int | None = None, *, low: int = 100, high: int = 200) -> Tensor:
    """Edge maps of images (B, 3, S, S) in -1..1, in the same format: 1 on an edge, -1 elsewhere, three equal channels.

    Edges are detected at full resolution; with *size* they are then averaged down to (B, 3, size, size). *low* and *high* are Canny's
    two gradient thresholds, for pixel values in 0..255. An image without edges gives -1 everywhere.

    >>> image = torch.full((1, 3, 16, 16), -1.0)
    >>> image[:, :, 4:12, 4:12] = 1
    >>> edges = boundary_images(image)
    >>> edges.shape, sorted(set(edges.flatten().tolist())), bool((edges[0, 0, 6:10, 6:10] == -1).all())
    (torch.Size([1, 3, 16, 16]), [-1.0, 1.0], True)
    """
    import cv2

    values = ((images.detach().float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    found = np.stack([cv2.Canny(np.ascontiguousarray(one), low, high) for one in values])
    edges = torch.from_numpy(found).to(images.device)[:, None].to(images.dtype) / 127.5 - 1
    if size is not None and size != edges.shape[-1]:
        edges = F.interpolate(edges, (size, size), mode="area")
    return edges.expand(-1, 3, -1, -1)
