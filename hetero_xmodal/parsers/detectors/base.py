"""The interface of every detector, and how a name such as ``"world"`` or ``"boxes.json"`` becomes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

    from ...scenes import SceneRelation

#: objects kept by default, best first: the K of bottom-up attention (Anderson et al. 2018)
DEFAULT_MAX_OBJECTS = 36


@dataclass(frozen=True)
class InputImage:
    """An image ready for detection.

    image : upright RGB, shrunk if the original was larger than the detector looks at
    size : width, height of the original; boxes are in its pixels
    name : file name if it came from a file
    id : name of the image in its data set
    """

    pixels: Image.Image
    size: tuple[int, int]
    name: str | None = None
    id: str | None = None


@dataclass
class Detections:
    """What a detector says about one image; row k of everything belongs to object k, best score first.

    boxes : float32 (n, 4), xyxy in pixels of the original image
    scores : float32 (n,), in 0..1
    features : float32 (n, d) rows of length one, or ``None``
    relations : what the detector itself knows about pairs of its objects; ``None`` leaves it to the geometry of the boxes
    """

    names: list[str]
    boxes: np.ndarray
    scores: np.ndarray
    attributes: list[list[str]] = field(default_factory=list)
    features: np.ndarray | None = None
    relations: list[SceneRelation] | None = None


@runtime_checkable
class Detector(Protocol):
    """Anything with these four can be handed to ``hx.parse_image(image, detector=...)``.

    longest_side : images are shrunk to this many pixels before ``detect``; ``None`` keeps them as they are
    score_threshold : objects below are dropped unless the caller asks otherwise
    source : plain JSON values that say where the boxes and features come from (detector, weights, feature, width, normalisation)
    """

    longest_side: int | None
    score_threshold: float
    source: dict[str, Any]

    def detect(self, images: list[InputImage], *, score_threshold: float, max_objects: int) -> list[Detections]: ...


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Rows scaled to length one (a zero row stays zero), the normalisation of all region features here."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def file_hash(path: str | Path) -> str:
    """First 16 hex digits of the SHA-256 of a file, to tell weights apart."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
