"""Recolouring at the image's own size: inside a mask, hue and lightness move to another colour and the texture stays.

In CIELAB, lightness follows a curve that takes black to black, the mask's middle lightness to that of the new colour and white to white, so
that dark outlines, shadows and highlights stay what they are; the two axes of colour are set to those of the new colour, fading to grey
at both ends of lightness, plus a part of how far each pixel was from the mask's mean.

>>> pixels = np.full((8, 8, 3), (40, 60, 200), np.uint8)
>>> pixels[:, 7:] = (20, 20, 24)  # a dark outline
>>> red = recoloured(pixels, np.ones((8, 8)), "red")
>>> bool(red[0, 0, 0] > 150 > 80 > red[0, 0, 2]), bool((red[0, 7] < 60).all())
(True, True)
"""

from __future__ import annotations

import numpy as np

from ...parsers.colour_names import rgb_of

#: basic colour term -> CIELAB of a typical example
LAB: dict[str, tuple[float, float, float]] = {
    "red": (47.0, 67.0, 45.0), "orange": (69.0, 39.0, 67.0), "yellow": (86.0, 3.0, 78.0), "green": (54.0, -48.0, 33.0),
    "blue": (42.0, 22.0, -64.0), "purple": (40.0, 48.0, -47.0), "pink": (74.0, 36.0, 4.0), "brown": (41.0, 17.0, 29.0),
    "white": (95.0, 0.0, 1.0), "black": (18.0, 1.0, -4.0), "gray": (57.0, 0.0, -4.0),
}  # fmt: skip
#: how much of a pixel's own deviation from the mean colour of the mask stays
_OWN = 0.25


def lab(pixels: np.ndarray) -> np.ndarray:
    """CIELAB (h, w, 3) float32, lightness in 0..100, of RGB (h, w, 3) uint8."""
    import cv2

    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def lab_of(name: str) -> tuple[float, float, float]:
    """CIELAB of a colour: of a basic term the example in :data:`LAB`, of another name ("turquoise", "dark red") what people mean by it.

    Raises
    ------
    KeyError
        If it is the name of no colour.

    >>> lab_of("red"), tuple(round(value) for value in lab_of("turquoise"))
    ((47.0, 67.0, 45.0), (71, -45, 0))
    """
    if name in LAB:
        return LAB[name]
    rgb = rgb_of(name)
    if rgb is None:
        raise KeyError(name)
    lightness, a, b = lab(np.array([[rgb]], np.uint8))[0, 0].tolist()
    return lightness, a, b


def distance_to(pixels: np.ndarray, mask: np.ndarray, colour: str) -> float:
    """Distance in CIELAB (CIE 1976) of what the mask (h, w) in 0..1 covers, its middle colour, from the colour called *colour*.

    >>> distance_to(np.full((4, 4, 3), (6, 194, 172), np.uint8), np.ones((4, 4)), "turquoise") < 1
    True
    """
    inside = _inside(mask)
    return float(np.linalg.norm(_middle(lab(pixels)[inside]) - np.array(lab_of(colour)))) if inside.any() else float("inf")


def recoloured(pixels: np.ndarray, mask: np.ndarray, colour: str, *, was: str = "", darkest: float = 0.0) -> np.ndarray:
    """The image with what is in the mask in another colour.

    Parameters
    ----------
    pixels : (h, w, 3) uint8.
    mask : (h, w) in 0..1, how much of each pixel is recoloured.
    colour : a basic colour term, a key of :data:`LAB`, or another name of a colour, see :func:`lab_of`.
    was : the basic colour term of what is to be recoloured; pixels of other hues, outlines and faces, then stay as they are.
    darkest : lightness that black becomes, relative to that of the new colour. With 0, outlines stay black, as drawings need it; black
        feathers or lacquer in photographs, whose pixels are all near black, would hardly show a new colour.

    Returns
    -------
    (h, w, 3) uint8, equal to *pixels* where the mask is 0.

    Raises
    ------
    KeyError
        If *colour* is the name of no colour.
    """
    import cv2

    target = np.array(lab_of(colour), np.float32)
    values, weights = lab(pixels), mask.astype(np.float32)
    if was in LAB and np.hypot(*LAB[was][1:]) > 15:
        weights = weights * _of_hue(values, LAB[was])
    inside = _inside(weights)
    if not inside.any():
        return pixels.copy()
    middle = _middle(values[inside])
    new = values.copy()
    new[..., 0] = np.interp(values[..., 0], [0, middle[0], 100], [darkest * target[0], target[0], max(100.0, target[0])])
    if target[0] > 80:  # a white thing keeps its shadows light, a white outline would be lost otherwise
        new[..., 0] = np.interp(values[..., 0], [0, 0.4 * middle[0], middle[0], 100], [0, 0.35 * target[0], target[0], 100])
    ends = np.minimum(new[..., 0] / max(target[0], 1), (100 - new[..., 0]) / max(100 - target[0], 1)).clip(0, 1) ** 0.5
    for axis in (1, 2):
        own = _OWN * (values[..., axis] - middle[axis]) * (np.abs(target[1:]).sum() > 10)
        new[..., axis] = target[axis] * ends + own
    rgb = (cv2.cvtColor(new, cv2.COLOR_LAB2RGB) * 255).round().clip(0, 255)
    mixed = pixels + (rgb - pixels) * weights[..., None]
    return np.where(weights[..., None] > 0, mixed.round(), pixels).astype(np.uint8)


def _inside(weights: np.ndarray) -> np.ndarray:
    """What is covered for the most part, or at all if nothing is: (h, w) bool."""
    inside = weights > 0.5
    return inside if inside.any() else weights > 0


def _of_hue(values: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """How much each pixel (h, w, 3) has the hue of a colour, tints of it included: (h, w) in 0..1."""
    along, length = np.array(colour[1:], np.float32), float(np.hypot(*colour[1:]))
    chroma = np.linalg.norm(values[..., 1:], axis=-1)
    alike = (values[..., 1:] @ along) / (length * np.maximum(chroma, 1e-3))
    return ((alike - 0.6) / 0.25).clip(0, 1) * ((chroma - 5) / 8).clip(0, 1)


def _middle(values: np.ndarray) -> np.ndarray:
    """Colour (3,) of the middle of the pixels (n, 3): the median of those between the darkest and the lightest fifth, outlines left out."""
    low, high = np.percentile(values[:, 0], [20, 95])
    chosen = values[(values[:, 0] >= low) & (values[:, 0] <= high)]
    middle = np.median(chosen if len(chosen) else values, axis=0)
    middle[0] = np.clip(middle[0], 8, 96)
    return middle
