"""The interface that all detectors implement, and its input and output."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ...errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from ...scenes import SceneRelation

#: objects kept by default, best first: the K of bottom-up attention (Anderson et al. 2018)
DEFAULT_MAX_OBJECTS = 36
#: most patches to a side of the detector ``grid``
MAX_PATCHES = 32


class DetectorMissing(InputError):
    """No detector for images of this kind is installed: no fault of one image, so a run over many stops here."""


@dataclass(frozen=True)
class InputImage:
    """Input of a detector.

    pixels : upright RGB image, downscaled if the original was larger than the detector's ``longest_side``
    size : (width, height) of the original; boxes are in its pixels
    name : file name, if the image was read from a file
    id : identifier of the image in its data set
    """

    pixels: Image.Image
    size: tuple[int, int]
    name: str | None = None
    id: str | None = None


@dataclass
class Detections:
    """Detected objects of one image, best score first; row k of each field belongs to object k.

    names : class of each object
    boxes : float32 (n, 4), xyxy in pixels of the original image
    scores : float32 (n,), in 0..1
    attributes : of each object, empty if the detector predicts none
    features : float32 (n, d), L2-normalised rows, or ``None``
    relations : relations predicted by the detector; ``None`` if they are to be derived from the boxes
    source : provenance of this image's objects where it differs from that of the detector
    provenance : where objects and attributes come from, one of :data:`hetero_xmodal.schema.PROVENANCE`
    left_out : number of objects that reached the threshold and were left out because there were more than ``max_objects``
    """

    names: list[str]
    boxes: np.ndarray
    scores: np.ndarray
    attributes: list[list[str]] = field(default_factory=list)
    features: np.ndarray | None = None
    relations: list[SceneRelation] | None = None
    source: dict[str, Any] = field(default_factory=dict)
    provenance: str = "detected"
    left_out: int = 0


@runtime_checkable
class Detector(Protocol):
    """Interface of detectors; any object with these members can be passed to ``hx.parse_image(image, detector=...)``.

    longest_side : images are downscaled to this many pixels before ``detect``; ``None`` keeps their size
    score_threshold : default threshold below which objects are dropped
    source : provenance of boxes and features as plain JSON values (detector, weights, feature, width, normalisation)

    A detector may also have ``max_objects``, the number of objects it keeps where none is asked for, ``None`` for all; without it the
    number is :data:`DEFAULT_MAX_OBJECTS`.
    """

    @property
    def longest_side(self) -> int | None:
        """Longest side in pixels of the images given to :meth:`detect`."""
        ...

    @property
    def score_threshold(self) -> float:
        """Default score threshold."""
        ...

    @property
    def source(self) -> dict[str, Any]:
        """Provenance of boxes and features."""
        ...

    def detect(self, images: list[InputImage], *, score_threshold: float, max_objects: int) -> list[Detections]:
        """Detect at most *max_objects* objects with at least *score_threshold* in each image."""
        ...


def unit_rows(features: np.ndarray) -> np.ndarray:
    """L2-normalise the rows of (n, d); a zero row stays zero."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def file_hash(path: str | Path) -> str:
    """First 16 hex digits of the SHA-256 of a file, which identify weights."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
