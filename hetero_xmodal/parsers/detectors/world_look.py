"""Does an image look like one of the generated world? A cheap test, so that the world's detector is not used on photographs.

Eighty statistics of the image at 96 pixels a side (how large the differences of neighbouring pixels are at three scales, how sharp its
details are, its hues, saturation and brightness) are compared with their mean and covariance over world images. An image looks like the
world if its squared Mahalanobis distance is below a bound, far above that of any image of the world, and a logistic regression on the
whitened statistics tells it from photographs. :func:`hetero_xmodal.world_models.world_look.fit_world_look` fits both, and
``benchmarks/world_look.py`` measures the errors.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...files import check_single, read_safetensors
from ...images import read_image

if TYPE_CHECKING:
    from ...images import ImageLike

ASSET = "world_look"
SIDE = 96
LEAST_SIDE = 64
_SCALES = 3
#: bounds between the bins of differences of neighbouring pixels, of 255 grey levels
_BOUNDS = np.array([1, 2, 4, 8, 16, 32, 64], np.float32)
_HUES = 8
_FAR = 8.0  # standard deviations beyond which it no longer matters how far


def look_statistics(image: ImageLike) -> np.ndarray:
    """The statistics of one image, float64 (80,).

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    upright = read_image(image)
    scale = SIDE / max(upright.size)
    if scale != 1:
        width, height = (max(16, round(side * scale)) for side in upright.size)
        upright = upright.resize((width, height), 3)
    pixels = np.asarray(upright, np.float32)
    out: list[float] = []
    for _ in range(_SCALES):
        for axis in (0, 1):
            difference = np.abs(np.diff(pixels, axis=axis)).mean(-1).ravel()
            counts = np.bincount(np.searchsorted(_BOUNDS, difference), minlength=len(_BOUNDS) + 1)
            out += np.sqrt(counts / len(difference)).tolist()
        out += np.log1p(np.quantile(_laplacian(pixels), [0.1, 0.25, 0.5, 0.75, 0.9, 0.97])).tolist()
        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        pixels = pixels[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    return np.array(out + _colour_statistics(pixels.reshape(-1, 3)))


def _laplacian(pixels: np.ndarray) -> np.ndarray:
    """Mean over the channels of |4 centre - its four neighbours|, of an image (h, w, 3)."""
    around = pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:]
    return np.abs(4 * pixels[1:-1, 1:-1] - around).mean(-1)


def _colour_statistics(colours: np.ndarray) -> list[float]:
    """Hues weighted by chroma, quantiles of saturation and of brightness, of colours (n, 3)."""
    red, green, blue = colours.T
    most, least = colours.max(1), colours.min(1)
    hue = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    hues = np.histogram(hue, _HUES, (-np.pi, np.pi), weights=(most - least) / 255)[0] / len(colours)
    quantiles = [0.1, 0.5, 0.9]
    saturation = (most - least) / np.maximum(most, 1)
    return [*np.sqrt(hues).tolist(), *np.quantile(saturation, quantiles).tolist(), *(np.quantile(most, quantiles) / 255).tolist()]


def whitened_inputs(statistics: np.ndarray, mean: np.ndarray, whitening: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, 81) of the logistic regression, and squared Mahalanobis distances (n,), of *statistics* (n, 80)."""
    white = (statistics - mean) @ whitening
    distance = (white**2).sum(1)
    return np.column_stack([white.clip(-_FAR, _FAR), np.log(np.maximum(distance, 1e-9))]), distance


@functools.lru_cache(maxsize=1)
def _fitted() -> dict[str, np.ndarray]:
    """Mean (80,), whitening (80, 80), weights (81,), bias, margin, and the bound of the distance."""
    path = Path(__file__).parents[2] / "assets" / f"{ASSET}.safetensors"
    check_single(path)
    tensors, _ = read_safetensors(path, "statistics of the world's images")
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def world_evidence(image: ImageLike) -> float:
    """How surely an image is one of the world: above 0 it looks like one of them; minus infinity beyond the bound of the distance.

    An image of fewer than 64 pixels a side is too small to tell, and passes for one of the world (plus infinity).
    """
    fitted, upright = _fitted(), read_image(image)
    if max(upright.size) < LEAST_SIDE:
        return math.inf
    inputs, distance = whitened_inputs(look_statistics(upright)[None], fitted["mean"], fitted["whitening"])
    if distance[0] > fitted["bound"]:
        return -math.inf
    return float(inputs[0] @ fitted["weights"] + fitted["bias"] - fitted["margin"])


def looks_like_world(image: ImageLike) -> bool:
    """Whether *image* looks like one that the generated world drew, of any size, saved as PNG or JPEG.

    Raises
    ------
    InputError
        If the image cannot be read.

    >>> import hetero_xmodal as hx, numpy as np
    >>> looks_like_world(hx.load_dataset("world/scenes", split="test", size=1)[0].image)
    True
    >>> looks_like_world(np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8))
    False
    """
    return world_evidence(image) > 0
