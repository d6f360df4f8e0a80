"""The extractors of :mod:`.region_settings`: a grid of patches, a detector's objects, and both in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError
from ....files import path_exists
from ...regions import Regions
from .region_settings import region_provenance


class Extractor:
    """Images in, regions out.

    provenance : the complete record, with the identity of the weights, ``k`` and ``width``
    run : a list of images -> features (b, k, width), counts (b,), boxes (b, k, 4), sizes (b, 2) and, if the provenance lists ``classes``,
        the class of every region (b, k)
    stamp : what the regions depend on besides: the hash of a file that each data folder has its own of; ``""`` of most
    """

    def __init__(self, provenance: dict[str, Any], run: Callable[[list], tuple[np.ndarray, ...]], stamp: str = "") -> None:
        self.provenance, self.run, self.stamp = provenance, run, stamp


def load_extractor(images: str | dict[str, Any], *, folders: Sequence[str | Path] = ()) -> Extractor:
    """The extractor that *images* names (see :mod:`.region_settings`).

    Parameters
    ----------
    images : a short text, a dict of settings, or the ``vocab["images"]`` of a model.
    folders : data folders in which a file of detections is looked for.

    Raises
    ------
    InputError : an unknown name or setting, a file that is nowhere, or weights that are not those which the record names.
    """
    record = region_provenance(images)
    if record["extractor"] == "given":
        raise InputError("these regions were made elsewhere, so images cannot be turned into such; give regions of the same kind")
    extractor = {"grid": _grid, "detector": _detector, "grid+objects": _grid_and_objects}[record["extractor"]](record, folders)
    for key in ("weights", "feature_weights", "detector_weights"):
        if record.get(key) not in (None, extractor.provenance.get(key)):
            name = record["network"] if record["extractor"] != "detector" and key == "weights" else record["detector"]
            raise InputError(
                f"the {key.replace('_', ' ')} of '{name}' are {extractor.provenance.get(key)}, but the model's regions were made with "
                f"{record[key]}; install or give those again"
            )
    return extractor


def find_detector(record: dict[str, Any], folders: Sequence[str | Path] = ()) -> tuple[str, dict[str, Any]]:
    """What to load as the detector of *record*, and the record with what is kept of its name.

    A file of detections or scene graphs, or a folder of boxes, is taken from where its name leads or, if it is not there, from one of the
    data *folders*; of a file in a data folder the name below that folder is kept, with ``in_data_folder``, and by such a record it is
    looked for in data folders alone.

    Raises
    ------
    InputError : a file that is nowhere.
    """
    name = str(record["detector"])
    prefix = next((prefix for prefix in ("scenes:", "boxes:") if name.startswith(prefix)), "")
    if not prefix and not name.endswith(".json"):
        return name, record
    path = Path(name.removeprefix(prefix))
    if not record.get("in_data_folder") and path_exists(path):
        for folder in map(Path, folders):
            if path.resolve().is_relative_to(folder.resolve()):
                below = path.resolve().relative_to(folder.resolve()).as_posix()
                return name, {**record, "detector": f"{prefix}{below}", "in_data_folder": True}
        return name, record
    if not path.is_absolute() and ".." not in path.parts:
        for folder in map(Path, folders):
            if path_exists(folder / path):
                return f"{prefix}{folder / path}", {**record, "in_data_folder": True}
    where = " nor in the data folder " + " or ".join(f"'{folder}'" for folder in folders) if folders else ""
    raise InputError(
        f"detections '{name}' are not where you are{where}; give the path of the file, or put one of this name into the data folder"
    )


def _grid(record: dict[str, Any], folders: Sequence[str | Path] = ()) -> Extractor:
    from torch.nn import functional as F

    from ....parsers.detectors.grid import patch_boxes

    maps_of, width, weights = _network_maps(record)
    n = record["patches"]

    def run(images: list) -> tuple[np.ndarray, ...]:
        maps, sizes = maps_of(images)
        rows = F.adaptive_avg_pool2d(maps, n).flatten(2).transpose(1, 2)
        rows = F.normalize(rows, dim=2) if record["normalise"] == "l2" else rows
        boxes = np.stack([patch_boxes(n, size) for size in sizes])
        return rows.numpy(), np.full(len(images), n * n, np.int64), boxes, np.asarray(sizes, np.int64)

    return Extractor({**record, "weights": weights, "k": n * n, "width": width}, run)


def _network_maps(record: dict[str, Any]) -> tuple[Callable[[list], tuple[Any, list[tuple[int, int]]]], int, str]:
    """Function from images to the maps (b, width, h, w) of the frozen network and the images' sizes; the width; the weights' identity."""
    import torch

    from ....images import read_reduced
    from ....parsers.detectors.grid import load_network

    network, mean, deviation, weights = load_network(record["network"])
    side = record["side"]

    def maps_of(images: list) -> tuple[Any, list[tuple[int, int]]]:
        # twice the side is read, so that the shorter side of a wide image is not enlarged again when the image is stretched
        decoded, sizes = zip(*(read_reduced(image, 2 * side) for image in images), strict=True)
        pixels = np.stack([np.asarray(one.resize((side, side))) for one in decoded])
        x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - mean) / deviation
        with torch.inference_mode():
            maps = network(x)
            return (maps + network(x.flip(3)).flip(3)) / 2 if record["mirror"] == "mean" else maps, list(sizes)

    with torch.inference_mode():
        width = network(torch.zeros(1, 3, side, side)).shape[1]
    return maps_of, int(width), weights


def _input_image(image: Any, longest_side: int | None) -> Any:
    from ....images import read_reduced
    from ....parsers.detectors.base import InputImage

    name = str(image) if isinstance(image, str | Path) else None
    return InputImage(*read_reduced(image, longest_side), name, Path(name).stem if name else None)


def _grid_and_objects(record: dict[str, Any], folders: Sequence[str | Path] = ()) -> Extractor:
    import torch
    from torch.nn import functional as F
    from torchvision.ops import roi_align

    from ....parsers.detectors.grid import patch_boxes
    from ....parsers.detectors.regions import SAMPLES
    from ....parsers.detectors.registry import load_detector

    source, record = find_detector(record, folders)
    detector = load_detector(source)
    maps_of, own, weights = _network_maps(record)
    classes = list(record.get("classes") or _class_names(detector, record))
    column = {name: k for k, name in enumerate(classes)}
    patches, side = record["patches"] ** 2, record["side"]
    k, named = patches + record["objects"], len(classes) if record["names"] else 0
    width = own + named + 6 * record["geometry"]

    def run(images: list) -> tuple[np.ndarray, ...]:
        ready = [_input_image(image, detector.longest_side) for image in images]
        found = detector.detect(ready, score_threshold=record["score_threshold"], max_objects=record["objects"])
        maps, sizes = maps_of(images)
        counts = np.array([patches + len(answer.boxes) for answer in found], np.int64)
        boxes, kinds = np.zeros((len(found), k, 4), np.float32), np.full((len(found), k), -1, np.int64)
        for row, (answer, size) in enumerate(zip(found, sizes, strict=True)):
            boxes[row, : counts[row]] = np.concatenate([patch_boxes(record["patches"], size), answer.boxes.reshape(-1, 4)])
            kinds[row, patches : counts[row]] = [column.get(name, -1) for name in answer.names]
        there = np.arange(k) < counts[:, None]
        scale = side / np.tile(np.asarray(sizes, np.float32), 2)[:, None]  # from pixels of the image to those of the network's input
        scaled = [torch.from_numpy(some[patches:count]) for some, count in zip(boxes * scale, counts.tolist(), strict=True)]
        step = maps.shape[-1] / side
        seen = roi_align(maps, scaled, SAMPLES, step, sampling_ratio=0, aligned=True).mean((2, 3))
        rows = np.zeros((len(found), k, width), np.float32)
        rows[:, :patches, :own] = F.adaptive_avg_pool2d(maps, record["patches"]).flatten(2).transpose(1, 2).numpy()
        rows[:, patches:, :own][there[:, patches:]] = seen.numpy()
        if record["normalise"] == "l2":
            rows[..., :own] /= np.maximum(np.linalg.norm(rows[..., :own], axis=2, keepdims=True), 1e-12)
        if named:
            image, place = np.nonzero(kinds >= 0)
            rows[image, place, own + kinds[image, place]] = record["names"]
        shapes = np.asarray(sizes, np.int64)
        if record["geometry"]:
            rows[there, -6:] = Regions(rows, counts, boxes, shapes).places(np.arange(len(found))).numpy()
        return rows, counts, boxes, shapes, kinds

    made, stamp = _identity(detector, record)
    identity = {"weights": weights, "detector_weights": made.pop("weights", None), "detector_source": made}
    return Extractor({**record, **identity, "classes": classes, "k": k, "width": width}, run, stamp)


def _identity(detector: Any, record: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What identifies a detector, and the hash of a file that each data folder has its own of, which is no part of the identity."""
    made = {key: value for key, value in detector.source.items() if key in ("weights", "feature", "feature_weights", "normalisation")}
    return (made, "") if not record.get("in_data_folder") else (made | {"weights": None}, str(made.get("weights")))


def _detector(record: dict[str, Any], folders: Sequence[str | Path] = ()) -> Extractor:
    from ....parsers.detectors.registry import load_detector

    source, record = find_detector(record, folders)
    detector = load_detector(source, features=record["features"])
    classes = list(record.get("classes") or (_class_names(detector, record) if record["names"] else ()))
    names = classes if record["names"] else []
    column = {name: k for k, name in enumerate(classes)}
    words = _attribute_words(detector) if record.get("attributes") else []
    k, more = record["k"], len(names) + len(words) + 6 * record["geometry"]

    def run(images: list) -> tuple[np.ndarray, ...]:
        ready = [_input_image(image, detector.longest_side) for image in images]
        found = detector.detect(ready, score_threshold=record["score_threshold"], max_objects=k)
        for i, (image, answer) in enumerate(zip(ready, found, strict=True)):
            if not len(answer.boxes):  # nothing above the threshold: keep the best box
                found[i] = detector.detect([image], score_threshold=0.0, max_objects=1)[0]
        own = next((a.features.shape[1] for a in found if a.features is not None and len(a.boxes)), detector_width[0])
        if own is None:
            raise InputError(
                f"detector '{record['detector']}' gives no region features; name a network for them, as '{record['detector']}+"
                "efficientnet-lite0'"
            )
        detector_width[0] = own
        features = np.zeros((len(found), k, own + more), np.float32)
        boxes, kinds = np.zeros((len(found), k, 4), np.float32), np.full((len(found), k), -1, np.int64)
        counts = np.ones(len(found), np.int64)
        sizes = np.asarray([image.size for image in ready], np.int64)
        for row, answer in enumerate(found):
            count = len(answer.boxes)
            if count:
                counts[row] = count
                features[row, :count, :own] = answer.features
                boxes[row, :count] = answer.boxes
                kinds[row, :count] = [column.get(name, -1) for name in answer.names]
                for place, said in enumerate(answer.attributes or [] if words else []):
                    features[row, place, [own + len(names) + words.index(word) for word in said]] = 1
            else:  # no box at all: the whole image, with zeros as features
                boxes[row, 0] = [0, 0, *sizes[row]]
        if names:
            image, place = np.nonzero(kinds >= 0)
            features[image, place, own + kinds[image, place]] = 1
        if record["geometry"]:
            where = Regions(features, counts, boxes, sizes).places(np.arange(len(found)))
            features[np.arange(k) < counts[:, None], -6:] = where.numpy()
        return (features, counts, boxes, sizes, kinds) if classes else (features, counts, boxes, sizes)

    detector_width: list[int | None] = [None]
    if record.get("width"):
        detector_width[0] = record["width"] - more
    elif getattr(getattr(detector, "config", None), "feature", None):
        detector_width[0] = detector.config.feature
    elif record["features"]:
        detector_width[0] = 1280 if record["features"] == "efficientnet-lite0" else None
    made, stamp = _identity(detector, record)
    record = {**record, "weights": made.get("weights"), "feature_weights": made.get("feature_weights"), "detector_source": made}
    if classes:
        record["classes"] = classes
    if detector_width[0] is not None:
        record["width"] = detector_width[0] + more
    return Extractor(record, run, stamp)


def _attribute_words(detector: Any) -> list[str]:
    """The attributes that a detector can read, in the order of its kinds."""
    return [word for words in detector.config.attributes.values() for word in words if word]


def _class_names(detector: Any, record: dict[str, Any]) -> list[str]:
    names = getattr(getattr(detector, "config", None), "classes", None) or getattr(detector, "labels", None)
    if not names:
        raise InputError(f"detector '{record['detector']}' does not say which classes it knows; leave out names=True")
    return list(names)
