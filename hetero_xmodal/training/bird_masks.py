"""Masks of birds in photographs: GrabCut of the box to begin with, then GrabCut started from what the part head calls bird.

GrabCut of a box fails where the bird fills the photograph, for then no background is seen, and where perch and bird have one colour. These
errors differ between photographs, so a linear map over frozen features that is fitted to the masks of all photographs makes few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..networks.part_head import GRID, SIDE, FrozenMaps, PartHead
from .editing.segmentation import outline

if TYPE_CHECKING:
    from PIL import Image

#: probability of bird below which a pixel is background for certain, above which it may be bird, above which its inner part is for certain
_NEVER, _PERHAPS, _SURE = 0.08, 0.5, 0.9
#: pixels that are taken off the rim of what is bird for certain
_RIM = 12
_ROUNDS = 4
#: pieces of a mask smaller than this share of the largest are specks
_PIECE = 0.15


@dataclass(frozen=True)
class Square:
    """The square around a bird.

    pixels : (256, 256, 3) uint8
    left, top, side : where it lies, in pixels of the photograph
    box : x1, y1, x2, y2 of the bird in pixels of the square
    seen : (top, bottom, left, right) of the rows and columns that lie in the photograph; beyond is its mean colour
    """

    pixels: np.ndarray
    left: float
    top: float
    side: float
    box: tuple[float, float, float, float]
    seen: tuple[int, int, int, int]

    def inside(self) -> np.ndarray:
        """Mask (256, 256) bool of the bird's box."""
        out = np.zeros((SIDE, SIDE), bool)
        x1, y1, x2, y2 = (max(0, round(v)) for v in self.box)
        out[y1:y2, x1:x2] = True
        return out

    def photograph(self) -> np.ndarray:
        """Mask (256, 256) bool of what lies in the photograph."""
        out = np.zeros((SIDE, SIDE), bool)
        top, bottom, left, right = self.seen
        out[top:bottom, left:right] = True
        return out


def square_around(image: Image.Image, box: Sequence[float]) -> Square:
    """The square around a box of an RGB image, 1.3 times its longer side, at 256 pixels; beyond the border, the image's mean colour."""
    from PIL import Image as images

    side = 1.3 * max(box[2] - box[0], box[3] - box[1], 4.0)
    left, top = (box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2
    mean = tuple(int(v) for v in np.asarray(image).reshape(-1, 3).mean(0))
    there = (left, top, left + side, top + side)
    shown = image.transform((SIDE, SIDE), images.Transform.EXTENT, there, images.Resampling.BILINEAR, fillcolor=mean)
    k = SIDE / side
    x1, y1, x2, y2 = ((v - start) * k for v, start in zip(box, (left, top, left, top), strict=True))
    rows, columns = (_seen(-start * k, (end - start) * k) for start, end in ((top, image.height), (left, image.width)))
    return Square(np.asarray(shown), left, top, side, (x1, y1, x2, y2), (*rows, *columns))


def _seen(begin: float, end: float) -> tuple[int, int]:
    """The rows or columns of a square that lie in the photograph, at least one, however thin the photograph is."""
    first = min(max(0, round(begin)), SIDE - 1)
    return first, max(first + 1, min(SIDE, round(end)))


def first_mask(square: Square) -> np.ndarray:
    """Mask (256, 256) bool of the bird by GrabCut of its box; the box where nothing is found."""
    top, bottom, left, right = square.seen
    part = np.ascontiguousarray(square.pixels[top:bottom, left:right])  # what lies beyond the photograph is no background
    box = np.array(square.box).clip([left, top, left, top], [right, bottom, right, bottom]) - [left, top, left, top]
    found = np.zeros((SIDE, SIDE), bool)
    found[top:bottom, left:right] = outline(part, box / [right - left, bottom - top, right - left, bottom - top])
    return found & square.inside()


def better_mask(square: Square, birdness: np.ndarray) -> np.ndarray:
    """Mask (256, 256) bool of the bird by GrabCut, started from the probability *birdness* (32, 32) of each cell.

    Where that finds next to nothing, :func:`first_mask`.
    """
    import cv2

    chance = cv2.resize(np.ascontiguousarray(birdness, np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    marked = np.where(chance > _PERHAPS, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marked[chance < _NEVER] = cv2.GC_BGD
    marked[cv2.erode((chance > _SURE).astype(np.uint8), np.ones((3, 3)), iterations=_RIM) > 0] = cv2.GC_FGD
    marked[~square.inside()] = cv2.GC_BGD
    top, bottom, left, right = square.seen
    part = np.ascontiguousarray(marked[top:bottom, left:right])
    bird = (part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD)
    found = np.zeros((SIDE, SIDE), bool)
    if bird.any() and not bird.all():
        cv2.setRNGSeed(0)  # GrabCut's clusters are initialised at random
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(np.ascontiguousarray(square.pixels[top:bottom, left:right]), part, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
        found[top:bottom, left:right] = (part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
    if count > 2:
        areas = stats[1:, cv2.CC_STAT_AREA]
        found = np.isin(labels, 1 + np.flatnonzero(areas >= _PIECE * areas.max()))
    return found if found.sum() > 0.003 * found.size else first_mask(square)


def cells(mask: np.ndarray) -> np.ndarray:
    """Share of a mask (256, 256) in every cell (32, 32) float32."""
    n = SIDE // GRID
    return mask.reshape(GRID, n, GRID, n).mean((1, 3)).astype(np.float32)


def frozen_maps(frozen: FrozenMaps, square: Square) -> torch.Tensor:
    """Frozen maps (472, 32, 32) of a square."""
    pixels = torch.from_numpy(square.pixels.astype(np.float32) / 127.5 - 1)
    return frozen(pixels.permute(2, 0, 1)[None])[0]


@torch.no_grad()
def seen_parts(model: PartHead, frozen: FrozenMaps, square: Square) -> tuple[np.ndarray, np.ndarray]:
    """What a part head sees in a square, looked at as it is and mirrored, for a bird is a bird either way.

    Returns
    -------
    mask of the bird (256, 256) bool, and shares of the parts (parts, 32, 32) float32, 1 over all parts.
    """
    mirrored = replace(square, pixels=np.ascontiguousarray(square.pixels[:, ::-1]))
    maps = torch.stack([frozen_maps(frozen, one) for one in (square, mirrored)])
    one, other = model.birdness(maps)
    mask = better_mask(square, ((one + other.flip(1)) / 2).numpy())
    covered = torch.from_numpy(cells(mask))
    one, other = model(maps, torch.stack([covered, covered.flip(1)]))
    shares = (one * other.flip(2)).sqrt()
    return mask, (shares / shares.sum(0)).numpy()


def seen_pixels(model: PartHead, frozen: FrozenMaps, image: Image.Image, box: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """What a part head sees of the bird in *box*, x1, y1, x2, y2, at the pixels of an RGB *image*.

    Returns
    -------
    shares of the parts (parts, height, width) float32, 0 outside the square around the bird; and which pixels show the bird (height,
    width) bool, none outside the box.
    """
    from torch.nn.functional import interpolate

    square = square_around(image, box)
    mask, shares = seen_parts(model, frozen, square)
    size, x, y = max(8, round(square.side)), round(square.left), round(square.top)
    fine = interpolate(torch.from_numpy(shares)[None], size=(size, size), mode="bicubic", align_corners=False)[0].numpy()
    whole = torch.from_numpy(mask.astype(np.float32))[None, None]
    birds = interpolate(whole, size=(size, size), mode="bilinear", align_corners=False, antialias=True)[0, 0].numpy() > 0.5
    x1, y1, x2, y2 = max(0, x), max(0, y), min(image.width, x + size), min(image.height, y + size)
    here, bird = np.zeros((len(fine), image.height, image.width), np.float32), np.zeros((image.height, image.width), bool)
    here[:, y1:y2, x1:x2] = fine[:, y1 - y : y2 - y, x1 - x : x2 - x]
    bird[y1:y2, x1:x2] = birds[y1 - y : y2 - y, x1 - x : x2 - x]
    inside = np.zeros_like(bird)
    inside[max(0, int(box[1])) : int(np.ceil(box[3])), max(0, int(box[0])) : int(np.ceil(box[2]))] = True
    return here, bird & inside


def without_specks(mask: np.ndarray, *, least: float = 0.25) -> np.ndarray:
    """The mask (height, width) bool without holes and specks: closed, and only pieces of at least *least* of the largest."""
    import cv2

    side = max(3, round(0.12 * float(np.sqrt(mask.sum())))) | 1
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    return np.isin(labels, 1 + np.flatnonzero(areas >= least * areas.max()))
