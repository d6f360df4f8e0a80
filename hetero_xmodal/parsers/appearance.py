"""What a box looks like, measured on the pixels: colour, size and place as attributes, of the provenance ``measured``.

**Colour.** The eleven basic colour terms of Berlin and Kay (1969). A pixel of little chroma in CIELAB is black, gray or white by its
lightness; any other has the term of most of its five nearest examples from the XKCD colour survey (2010, 222,500 people, CC0): of its 949
names those that end in a basic term ("brick red", "sky blue") are examples of that term. A box has the term that is frequent in its middle
and rare around it; what people name first counts more (red more than brown, brown more than gray). A second term is given where it counts
half as much as the first. The thresholds were chosen on captions of photographs (``benchmarks/measured_attributes.py``).

**Size and place** are those of the box in the image: ``large`` above a quarter of its area, ``small`` below one hundredth; ``left``,
``right``, ``top``, ``bottom`` for a centre in the outer third; in the middle nothing is said.

>>> from PIL import Image
>>> image = Image.new("RGB", (100, 100), (250, 250, 250))
>>> image.paste((200, 30, 30), (5, 5, 65, 65))
>>> appearance(image, [(5, 5, 65, 65)], size=(100, 100))
[['red', 'large']]
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

COLOURS = ("black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white", "yellow")
#: images are looked at with this many pixels on the longer side at most
LONGEST_SIDE = 512
#: least weighted share of a box's first colour, and the least ratio of the second colour to it
FIRST, SECOND = 0.2, 0.5
#: how much a colour counts, and how much of its share around the box is taken off
WEIGHTS = np.array([1.0, 1.5, 1.05, 0.3, 1.5, 1.5, 1.5, 1.5, 1.5, 1.0, 1.5])
SURROUNDINGS = 0.6
#: chroma below which a pixel has no hue, and the lightness below which it is then black, above which white
_GRAY_CHROMA, _BLACK, _WHITE = 16.0, 35.0, 60.0
#: shares of the image's area
LARGE, SMALL = 0.25, 0.01
_NEAREST = 5
_STEPS = 32  # the table of all colours has so many steps a channel
_SAMPLES = 24  # points a side at which a box is looked at


def appearance(image: Any, boxes: Any, *, size: tuple[int, int]) -> list[list[str]]:
    """Colours, size and place of each box.

    Parameters
    ----------
    image : RGB ``PIL.Image``, upright, perhaps smaller than the original.
    boxes : (n, 4) xyxy in pixels of the original.
    size : (width, height) of the original in pixels.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    inside, around = colour_shares(image, boxes, size=size)
    weighed = (inside - SURROUNDINGS * around).clip(0) * WEIGHTS
    return [[*_colours(row), *_where(box, size)] for row, box in zip(weighed, boxes, strict=True)]


def colour_terms(pixels: np.ndarray) -> np.ndarray:
    """Row of :data:`COLOURS` of every pixel of (h, w, 3) uint8, int8 (h, w)."""
    return _table()[tuple(np.moveaxis(pixels.astype(np.int64) * _STEPS // 256, -1, 0))]


def colour_shares(image: Any, boxes: Any, *, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Share of each colour of :data:`COLOURS` in the middle of each box and around it, float64 (n, 11) twice; see :func:`appearance`.

    The middle is the ellipse about the centre with .7 of the box's width and height; around is the box twice as wide and high without the
    box itself, as far as the image reaches.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    pixels = colour_terms(np.asarray(image.convert("RGB")))
    steps = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    middle = ((steps[:, None] - 0.5) ** 2 + (steps[None] - 0.5) ** 2) <= 0.12
    wide = 2 * steps - 0.5
    beyond = (wide < 0) | (wide > 1)
    inside, _ = _looked_at(pixels, boxes, steps, size)
    around, there = _looked_at(pixels, boxes, wide, size)
    return _shares(inside, np.broadcast_to(middle, inside.shape)), _shares(around, there & (beyond[:, None] | beyond))


def _looked_at(pixels: np.ndarray, boxes: np.ndarray, steps: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Colour rows (n, samples, samples) at *steps* of each box's height and width, 0 to 1 in the box, and which lie in the image."""
    height, width = pixels.shape
    x = (boxes[:, :1] + steps * (boxes[:, 2:3] - boxes[:, :1])) * width / size[0]
    y = (boxes[:, 1:2] + steps * (boxes[:, 3:] - boxes[:, 1:2])) * height / size[1]
    column, row = x.astype(np.int64).clip(0, width - 1), y.astype(np.int64).clip(0, height - 1)
    there = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
    return pixels[row[:, :, None], column[:, None]], there


def _shares(colours: np.ndarray, counted: np.ndarray) -> np.ndarray:
    found = (colours[..., None] == np.arange(len(COLOURS))) & counted[..., None]
    return found.sum((1, 2)) / counted.sum((1, 2)).clip(1)[:, None]


def _colours(weighed: np.ndarray) -> list[str]:
    first, second = np.argsort(-weighed, kind="stable")[:2]
    if weighed[first] < FIRST:
        return []
    return [COLOURS[first], *([COLOURS[second]] if weighed[second] >= SECOND * weighed[first] else [])]


def _where(box: np.ndarray, size: tuple[int, int]) -> list[str]:
    width, height = size
    share = (box[2] - box[0]) * (box[3] - box[1]) / (width * height)
    x, y = (box[0] + box[2]) / 2 / width, (box[1] + box[3]) / 2 / height
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    down = "top" if y < 1 / 3 else "bottom" if y > 2 / 3 else ""
    extent = "large" if share > LARGE else "small" if share < SMALL else ""
    return [word for word in (extent, across, down) if word]


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    """The row of :data:`COLOURS` of every colour, int8 (steps, steps, steps), red first."""
    names, examples = _examples()
    side = (np.arange(_STEPS) + 0.5) / _STEPS
    every = np.stack(np.meshgrid(side, side, side, indexing="ij"), -1).reshape(-1, 3)
    lab, known = _lab(every), _lab(examples)
    out = np.empty(len(lab), np.int8)
    for start in range(0, len(lab), 4096):
        distance = ((lab[start : start + 4096, None] - known[None]) ** 2).sum(-1)
        nearest = np.argpartition(distance, _NEAREST, axis=1)[:, :_NEAREST]
        votes = np.zeros((len(nearest), len(COLOURS)))
        np.add.at(votes, (np.arange(len(nearest))[:, None], names[nearest]), 1)
        out[start : start + 4096] = votes.argmax(1)
    lightness, chroma = lab[:, 0], np.linalg.norm(lab[:, 1:], axis=1)
    black, gray, white = (COLOURS.index(name) for name in ("black", "gray", "white"))
    out = np.where(chroma < _GRAY_CHROMA, np.select([lightness < _BLACK, lightness > _WHITE], [black, white], gray), out)
    out = np.where(lightness < 0.6 * _BLACK, black, out).astype(np.int8)  # hues that dark are not seen
    return out.reshape(_STEPS, _STEPS, _STEPS)


def _examples() -> tuple[np.ndarray, np.ndarray]:
    """Row of :data:`COLOURS` (m,) and RGB in 0..1 (m, 3) of the survey's names that end in a basic term with a hue."""
    from matplotlib.colors import XKCD_COLORS, to_rgb

    row = {name: k for k, name in enumerate(COLOURS) if name not in ("black", "gray", "white")}
    last = [(name.removeprefix("xkcd:").split()[-1], code) for name, code in XKCD_COLORS.items()]
    kept: Sequence[tuple[int, tuple[float, float, float]]] = [(row[word], to_rgb(code)) for word, code in last if word in row]
    return np.array([name for name, _ in kept]), np.array([code for _, code in kept])


def _lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (m, 3) of sRGB in 0..1."""
    import cv2

    return cv2.cvtColor(rgb[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
