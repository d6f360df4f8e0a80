"""The interface of every detector, and how a name such as ``"world"`` or ``"boxes.json"`` becomes one."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ...errors import InputError, nearest

if TYPE_CHECKING:
    from PIL import Image

    from ...scenes import SceneRelation

#: objects kept by default, best first: the K of bottom-up attention (Anderson et al. 2018)
DEFAULT_MAX_OBJECTS = 36


@dataclass(frozen=True)
class Picture:
    """A picture ready for detection.

    image : upright RGB, shrunk if the original was larger than the detector looks at
    size : width, height of the original; boxes are in its pixels
    name : file name if it came from a file
    id : name of the picture in its data set
    """

    image: Image.Image
    size: tuple[int, int]
    name: str | None = None
    id: str | None = None


@dataclass
class Detections:
    """What a detector says about one picture; row k of everything belongs to object k, best score first.

    boxes : float32 (n, 4), xyxy in pixels of the original picture
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
    """Anything with these four can be handed to ``hx.parse_image(picture, detector=...)``.

    longest_side : pictures are shrunk to this many pixels before ``detect``; ``None`` keeps them as they are
    score_threshold : objects below are dropped unless the caller asks otherwise
    source : plain JSON values that say where the boxes and features come from (detector, weights, feature, width, normalisation)
    """

    longest_side: int | None
    score_threshold: float
    source: dict[str, Any]

    def detect(self, pictures: list[Picture], *, score_threshold: float, max_objects: int) -> list[Detections]: ...


def load_detector(detector: str | Path | Detector = "world", *, weights: str | Path | None = None, features: str | None = None) -> Detector:
    """Make the detector that *detector* names; the last few are kept, so that a loop over pictures loads once.

    Parameters
    ----------
    detector : ``"world"``, ``"grid"`` (7 x 7 patches) or ``"grid:N"``, the path of a detections JSON, the path of a detectron2 config
        (``.yaml``), a name of detectron2's model zoo (``"COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml"``), or an object that is a
        :class:`Detector` already.
    weights : file of weights for a config or for ``"world"`` (``.safetensors``, or ``.pth`` and ``.pkl`` read without executing anything).
    features : name of an ImageNet network (``"efficientnet-lite0"``) that the region features are read from instead of the detector's own.
    """
    if isinstance(detector, str | Path):
        return _load(str(detector), None if weights is None else str(weights), features, _stamp(detector), _stamp(weights))
    if not isinstance(detector, Detector):
        raise InputError(
            f"detector is a {type(detector).__name__}; give 'world', 'grid', a .json of detections, a .yaml config, or a Detector"
        )
    return detector if features is None else _with_features(detector, features)


def _with_features(detector: Detector, network: str) -> Detector:
    from .regions import WithRegionFeatures

    return WithRegionFeatures(detector, network)


def _stamp(path: str | Path | None) -> tuple[int, int] | None:
    """Size and time of a file: a changed file is loaded again."""
    if path is None or not Path(path).is_file():
        return None
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=4)
def _load(name: str, weights: str | None, features: str | None, *stamps) -> Detector:
    if features is not None:
        return _with_features(_load(name, weights, None, *stamps), features)
    kind, _, option = name.partition(":")
    if weights is not None and (kind == "grid" or name.endswith(".json")):
        raise InputError(f"detector {name!r} takes no weights; leave them out")
    if name == "world":
        from .world import WorldDetector

        return WorldDetector(weights)
    if kind == "grid":
        from .grid import GridDetector

        if option and not option.isdigit():
            raise InputError(f"detector {name!r}: the number of patches a side is {option!r}; write for instance 'grid:7'")
        return GridDetector(int(option or 7))
    if name.endswith(".json"):
        from .detections import DetectionsFile

        return DetectionsFile(name)
    if name.endswith((".yaml", ".yml")):
        from .zoo import ZooDetector

        return ZooDetector(name, weights)
    from .zoo import zoo_names

    hint = nearest(name, ["world", "grid"]) or nearest(f"{name}.yaml", zoo_names())
    raise InputError(
        f"unknown detector {name!r}{hint}; give 'world', 'grid', a detections .json, a local .yaml config, or a name of detectron2's "
        "model zoo such as 'COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml'"
    )


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Rows scaled to length one (a zero row stays zero), the normalisation of all region features here."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def file_hash(path: str | Path) -> str:
    """First 16 hex digits of the SHA-256 of a file, to tell weights apart."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
