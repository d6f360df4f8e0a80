"""Segmentation of objects in their boxes, so that objects can be exchanged without the background.

The box of a bird's wing contains little else, but that of a boat contains sea and sky too, and a model trained on exchanged boxes would
learn to paint the background of other images. As only boxes are annotated, objects are segmented by GrabCut (Rother, Kolmogorov and Blake,
2004).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...data.store import progress_bar

ROUNDS = 3
#: if the segmentation covers a smaller share of its box, the whole box is used
LEAST = 0.1


def cut_out(images: Tensor, boxes: Tensor, names: Tensor, *, progress: bool | None = None) -> Tensor:
    """Segment all objects: index plus one of the region that every pixel shows, 0 for none, (n, S, S) int16.

    Objects with smaller boxes are in front.

    Parameters
    ----------
    images : (n, 3, S, S) uint8
    boxes, names : (n, m, 4) relative to the image's sides, and (n, m), -1 if there is no region
    progress : show a progress bar; by default only in a terminal

    >>> image = torch.full((1, 3, 32, 32), 200, dtype=torch.uint8)
    >>> image[0, :, 10:20, 8:18] = torch.tensor([200, 30, 30], dtype=torch.uint8)[:, None, None]
    >>> owner = cut_out(image, torch.tensor([[[0.2, 0.25, 0.65, 0.75]]]), torch.tensor([[0]]))
    >>> int(owner.sum()), int(owner[0, 10:20, 8:18].sum())
    (100, 100)
    """
    owner = torch.zeros(len(images), *images.shape[2:], dtype=torch.int16)
    sides = boxes[..., 2:] - boxes[..., :2]
    order = torch.where(names >= 0, sides.prod(2), -1.0).argsort(1, descending=True)
    with progress_bar("segmenting objects", len(images), progress) as advance:
        for row in range(len(images)):
            image = np.ascontiguousarray(images[row].permute(1, 2, 0).numpy())
            for node in order[row].tolist():
                if names[row, node] >= 0:
                    owner[row][torch.from_numpy(outline(image, boxes[row, node].numpy()))] = node + 1
            advance(1)
    return owner


def outline(image: np.ndarray, box: np.ndarray, *, largest_hole: float = float("inf")) -> np.ndarray:
    """Mask (S, S) of the object in a *box* (4,), relative to the image's sides, of *image* (S, S, 3) uint8; if none is found, the box.

    Holes in it are filled if they are no larger than *largest_hole*, relative to its area.
    """
    import cv2

    height, width = image.shape[:2]
    x1, y1, x2, y2 = (box * [width, height, width, height]).round().astype(int).tolist()
    x1, y1 = min(x1, width - 1), min(y1, height - 1)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    # the surroundings show the background
    around_x, around_y = 4 + (x2 - x1) // 3, 4 + (y2 - y1) // 3
    left, top = max(0, x1 - around_x), max(0, y1 - around_y)
    part = np.ascontiguousarray(image[top : y2 + around_y, left : x2 + around_x])
    found = np.zeros(part.shape[:2], np.uint8)
    out = np.zeros(image.shape[:2], bool)
    inside = (slice(y1, y2), slice(x1, x2))
    background = part.shape[0] * part.shape[1] > (y2 - y1) * (x2 - x1)  # a box that is the whole image leaves none to learn from
    if background and min(part.shape[:2]) > 2 and np.ptp(part.reshape(-1, 3), axis=0).any():
        cv2.setRNGSeed(0)  # GrabCut's clusters are initialised at random
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(part, found, (x1 - left, y1 - top, x2 - x1, y2 - y1), *models, ROUNDS, cv2.GC_INIT_WITH_RECT)
        out[top : y2 + around_y, left : x2 + around_x] = (found == cv2.GC_FGD) | (found == cv2.GC_PR_FGD)
        out = _filled(out, largest_hole * max(1, int(out.sum())))
    if out[inside].mean() < LEAST:
        out[inside] = True
    return out


def _filled(mask: np.ndarray, largest: float) -> np.ndarray:
    """The mask with its holes of at most *largest* pixels filled."""
    import cv2

    outer, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = cv2.drawContours(np.zeros(mask.shape, np.uint8), outer, -1, 1, cv2.FILLED).astype(bool)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((whole & ~mask).astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] <= largest
    return mask | (whole & ~mask & small[labels])
