"""The detector ``"auto"``: the world's detector for images of the generated world, a detector of photographs for all others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from .base import Detections, Detector, DetectorMissing, InputImage, file_hash
from .world_look import looks_like_world

#: the model of detectron2's zoo that is used where its weights were downloaded before
ZOO_MODEL = "COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml"
#: stands for the threshold of the detector that is chosen
OWN = -1.0


class AutoDetector:
    """Chooses for every image: ``"world"`` if it looks like the generated world, otherwise :func:`photograph_detector`.

    Raises
    ------
    DetectorMissing
        By :meth:`detect`, if an image does not look like the world and no detector of photographs is installed.
    """

    score_threshold = OWN
    longest_side = None

    def __init__(self) -> None:
        # what an interrupted run depends on; each image's own source names the detector that was chosen for it
        self.source: dict[str, Any] = {"detector": "auto", "photographs": _installed()}
        self._detectors: dict[str, Detector] = {}

    def detect(self, images: list[InputImage], *, score_threshold: float, max_objects: int) -> list[Detections]:
        """Detect objects; ``source`` of each result names the detector that was chosen.

        Raises
        ------
        DetectorMissing
            If an image does not look like the world and no detector of photographs is installed.
        """
        kinds = ["world" if looks_like_world(image.pixels) else "photograph" for image in images]
        answers: list[Any] = [None] * len(images)
        for kind in dict.fromkeys(kinds):
            rows = [row for row, found in enumerate(kinds) if found == kind]
            detector = self._of(kind, images[rows[0]])
            own = [_reduced(images[row], detector.longest_side) for row in rows]
            threshold = detector.score_threshold if score_threshold == OWN else score_threshold
            for row, answer in zip(rows, detector.detect(own, score_threshold=threshold, max_objects=max_objects), strict=True):
                answers[row] = replace(answer, source=detector.source | {"score_threshold": threshold})
        return answers

    def _of(self, kind: str, image: InputImage) -> Detector:
        if kind not in self._detectors:
            from .world import WorldDetector

            if kind == "world":
                self._detectors[kind] = WorldDetector()
            else:
                self._detectors[kind] = photograph_detector(image.name or image.id or "the image")
        return self._detectors[kind]


def _reduced(image: InputImage, longest_side: int | None) -> InputImage:
    from ...images import read_reduced

    return image if longest_side is None else replace(image, pixels=read_reduced(image.pixels, longest_side)[0])


def photograph_detector(image: str = "the image") -> Detector:
    """The best detector of photographs that is installed: detectron2's zoo model if it was downloaded, else NanoDet.

    Raises
    ------
    DetectorMissing
        If neither is installed; the sentence names *image* and the commands that install them.
    """
    from .nanodet import NanoDet, nanodet_file

    weights = zoo_file(ZOO_MODEL)
    if weights is not None:
        from .zoo import ZooDetector

        return ZooDetector(ZOO_MODEL, weights)
    if nanodet_file().exists():
        return NanoDet()
    raise DetectorMissing(
        f"'{image}' does not look like the generated world, and no detector of photographs is installed; install one with "
        f"'hetero-xmodal detector get nanodet' or 'hetero-xmodal detector get {ZOO_MODEL}', or choose 'grid' (patches), 'world', "
        "or a file of detections"
    )


def _installed() -> str:
    """The detector of photographs that would be used, by the hash of its weights."""
    from .nanodet import nanodet_file

    path = zoo_file(ZOO_MODEL) or nanodet_file()
    return file_hash(path) if path.exists() else "none"


def zoo_file(name: str) -> Path | None:
    """The weights of a model of detectron2's zoo, if they were downloaded before; nothing is downloaded here."""
    from .detectron2_quietly import require_detectron2

    require_detectron2()
    from detectron2 import model_zoo
    from iopath.common.file_io import get_cache_dir

    url = model_zoo.get_checkpoint_url(name)
    path = Path(get_cache_dir()) / url.partition("://")[2].partition("/")[2]
    return path if path.is_file() else None
