"""``load_detector``: from a name or a file to a detector."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import InputError, nearest
from ...files import existing_file, path_exists
from .base import MAX_PATCHES, Detector
from .box_folder import check_box_folder
from .nanodet import check_installed

#: detectors that are called by a name; all others are files or names of detectron2's zoo
NAMED = ("auto", "world", "nanodet", "grid")


def load_detector(detector: str | Path | Detector = "world", *, weights: str | Path | None = None, features: str | None = None) -> Detector:
    """Return a detector by name or file; the last four are cached, so that a loop over images loads it once.

    Parameters
    ----------
    detector : ``"auto"`` (the world's detector for images of the world, else a detector of photographs), ``"world"``, ``"nanodet"``
        (COCO's 80 classes, once ``hetero-xmodal detector get nanodet`` was run), ``"grid"`` (7 x 7 patches) or ``"grid:N"``, the path
        of a detections JSON, ``"boxes:FOLDER"`` (YOLO, Pascal VOC or LabelMe files), ``"scenes:FILE.json"`` (scene graphs of other tools,
        in the format of Visual Genome or GQA), the path of a detectron2 config (``.yaml``), a
        name of detectron2's model zoo (``"COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml"``), or an object that is a :class:`Detector`.
    weights : file of weights for a config or for ``"world"`` (``.safetensors``, or ``.pth`` and ``.pkl``, of which no code is executed).
    features : ImageNet network (``"efficientnet-lite0"``) whose region features replace the detector's own.

    Raises
    ------
    InputError
        If the name is unknown, a file cannot be used, or the options do not fit the detector.
    MissingPackageError
        If the detector needs a package that is not installed.
    """
    if str(detector).startswith("boxes:"):  # not kept: its files may change
        return _load.__wrapped__(str(detector), None if weights is None else str(weights), features)
    if isinstance(detector, str | Path):
        file = str(detector).removeprefix("scenes:")
        return _load(str(detector), None if weights is None else str(weights), features, _stamp(file), _stamp(weights))
    if not isinstance(detector, Detector):
        raise InputError(
            f"detector is a {type(detector).__name__}; give {', '.join(map(repr, NAMED))}, a .json of detections, a .yaml config, "
            "or a Detector"
        )
    return detector if features is None else _with_features(detector, features)


def check_detector(detector: str | Path | Detector, *, weights: str | Path | None = None) -> None:
    """Refuse a detector that cannot be, by its name or file alone; torch and detectron2 are not imported.

    Raises
    ------
    InputError
        As :func:`load_detector`, for an unknown name, a missing file, or weights that the detector does not take.
    """
    if not isinstance(detector, str | Path):
        return
    name = str(detector)
    kind, _, option = name.partition(":")
    if weights is not None and (kind in ("grid", "scenes", "boxes") or name.endswith(".json")):
        raise InputError(f"detector {name!r} takes no weights; leave them out")
    if weights is not None:
        existing_file(weights, "weights of the detector")
    if kind == "grid":
        patches = option or "7"
        if not patches.isdecimal() or not 1 <= int(patches) <= MAX_PATCHES:
            raise InputError(f"detector {name!r}: the number of patches a side is {option!r}; give 1..{MAX_PATCHES}, such as 'grid:7'")
    elif kind == "boxes":
        check_box_folder(option)
    elif kind == "scenes":
        existing_file(option, "scene graphs")
    elif name == "nanodet" and weights is None:
        check_installed()
    elif name.endswith(".json"):
        existing_file(name, "detections")
    elif name.endswith((".yaml", ".yml")):
        if "/" not in name and not path_exists(name):  # the names of the model zoo have a slash
            raise InputError(f"detector config '{name}' does not exist; check the path, or give a name of detectron2's model zoo")
    elif name not in NAMED:
        raise InputError(
            f"unknown detector {name!r}{_zoo_hint(name) if '/' in name else nearest(name, NAMED)}; give {', '.join(map(repr, NAMED))}, "
            "a detections .json, 'boxes:FOLDER', 'scenes:FILE.json', a local .yaml config, or a name of detectron2's model zoo such as "
            "'COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml'"
        )


def beside_data(detector: Any, folders: Iterable[str | Path]) -> Any:
    """*detector*; of a file or folder of boxes that is not where its name leads, the one of that name in a data folder.

    Parameters
    ----------
    detector : as :func:`load_detector` takes it; everything but the name of a file is returned as it is.
    folders : data folders, in which it is looked for in this order.

    >>> beside_data("grid:5", ["photos"]), beside_data("no_such_file.json", ["photos"])
    ('grid:5', 'no_such_file.json')
    """
    if not isinstance(detector, str | Path):
        return detector
    name = str(detector)
    prefix = next((prefix for prefix in ("boxes:", "scenes:") if name.startswith(prefix)), "")
    path = Path(name.removeprefix(prefix))
    if not (prefix or path.suffix in (".json", ".yaml", ".yml")) or path.is_absolute() or ".." in path.parts or path_exists(path):
        return detector
    return next((f"{prefix}{folder / path}" for folder in map(Path, folders) if path_exists(folder / path)), detector)


def _zoo_hint(name: str) -> str:
    from .zoo import zoo_names

    return nearest(f"{name}.yaml", zoo_names())


def _with_features(detector: Detector, network: str) -> Detector:
    from .regions import WithRegionFeatures

    return WithRegionFeatures(detector, network)


def _stamp(path: str | Path | None) -> tuple[int, int] | None:
    """Size and modification time of a file, so that a changed file is loaded again."""
    if path is None or not path_exists(path) or not Path(path).is_file():
        return None
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=4)
def _load(name: str, weights: str | None, features: str | None, *stamps) -> Detector:
    if features is not None:
        return _with_features(_load(name, weights, None, *stamps), features)
    check_detector(name, weights=weights)
    kind, _, option = name.partition(":")
    if name == "auto" and weights is not None:
        name = "world"  # weights without a detector's name are those of `hetero-xmodal train detector`
    if name == "world":
        from .world import WorldDetector

        return WorldDetector(weights)
    if name == "auto":
        from .auto import AutoDetector

        return AutoDetector()
    if name == "nanodet":
        from .nanodet import NanoDet

        return NanoDet(weights)
    if kind == "grid":
        from .grid import GridDetector

        return GridDetector(int(option or 7))
    if kind == "boxes":
        from .box_folder import BoxFolder

        return BoxFolder(option)
    if kind == "scenes":
        from .scene_file import SceneFile

        return SceneFile(option)
    if name.endswith(".json"):
        from .detections import DetectionsFile

        return DetectionsFile(name)
    from .zoo import ZooDetector

    return ZooDetector(name, weights)
