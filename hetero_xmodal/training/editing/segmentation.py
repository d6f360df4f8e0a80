"""Cutting things out of their boxes, so that one thing can take another's place without the ground around it.

A box of a bird's wing holds little but the wing. One of a boat holds sea and sky too, and whoever learns from exchanged boxes learns to
paint strange sea and sky. Nothing beside the boxes is annotated, so GrabCut (Rother, Kolmogorov and Blake, 2004) finds the outlines.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...data.featurise import progress_bar

ROUNDS = 3
#: of a box; with less of it found, the whole box is taken for the thing
LEAST = 0.1


def cut_out(images: Tensor, boxes: Tensor, names: Tensor) -> Tensor:
    """Which thing every pixel shows: one more than the number of its region, 0 where none is seen, (n, S, S) int16.

    Things with smaller boxes stand before others.

    images : (n, 3, S, S) uint8
    boxes, names : (n, m, 4), shares of the sides, and (n, m), -1 where there is no region

    >>> image = torch.full((1, 3, 32, 32), 200, dtype=torch.uint8)
    >>> image[0, :, 10:20, 8:18] = torch.tensor([200, 30, 30], dtype=torch.uint8)[:, None, None]
    >>> owner = cut_out(image, torch.tensor([[[0.2, 0.25, 0.65, 0.75]]]), torch.tensor([[0]]))
    >>> int(owner.sum()), int(owner[0, 10:20, 8:18].sum())
    (100, 100)
    """
    owner = torch.zeros(len(images), *images.shape[2:], dtype=torch.int16)
    sides = boxes[..., 2:] - boxes[..., :2]
    order = torch.where(names >= 0, sides.prod(2), -1.0).argsort(1, descending=True)
    for row in progress_bar(range(len(images)), "cutting things out"):
        image = np.ascontiguousarray(images[row].permute(1, 2, 0).numpy())
        for node in order[row].tolist():
            if names[row, node] >= 0:
                owner[row][torch.from_numpy(outline(image, boxes[row, node].numpy()))] = node + 1
    return owner


def outline(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The thing in a *box* (4,), shares of the sides, of a *image* (S, S, 3) uint8: (S, S) bool; the whole box if none is found in it."""
    import cv2

    height, width = image.shape[:2]
    x1, y1, x2, y2 = (box * [width, height, width, height]).round().astype(int).tolist()
    x1, y1 = min(x1, width - 1), min(y1, height - 1)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    # what is around it says how the ground looks
    around_x, around_y = 4 + (x2 - x1) // 3, 4 + (y2 - y1) // 3
    left, top = max(0, x1 - around_x), max(0, y1 - around_y)
    part = np.ascontiguousarray(image[top : y2 + around_y, left : x2 + around_x])
    found = np.zeros(part.shape[:2], np.uint8)
    out = np.zeros(image.shape[:2], bool)
    inside = (slice(y1, y2), slice(x1, x2))
    if min(part.shape[:2]) > 2 and np.ptp(part.reshape(-1, 3), axis=0).any():
        cv2.setRNGSeed(0)  # its clusters begin by chance
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(part, found, (x1 - left, y1 - top, x2 - x1, y2 - y1), *models, ROUNDS, cv2.GC_INIT_WITH_RECT)
        out[top : y2 + around_y, left : x2 + around_x] = (found == cv2.GC_FGD) | (found == cv2.GC_PR_FGD)
        closed, _ = cv2.findContours(out.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        out = cv2.drawContours(np.zeros(image.shape[:2], np.uint8), closed, -1, 1, cv2.FILLED).astype(bool)  # no holes
    if out[inside].mean() < LEAST:
        out[inside] = True
    return out
