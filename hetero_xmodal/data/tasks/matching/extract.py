"""Images to regions: grid patches of a frozen network, or the boxes of any detector, with an exact record of how they were made.

The record (*provenance*) is a dict of JSON values; a short text stands for the usual ones:

=======================================  ======================================================================  ==============
text                                     regions of an image                                                    width
=======================================  ======================================================================  ==============
``grid``, ``grid:7``                     7 x 7 patches of EfficientNet-lite0 at 320 pixels (the default)         1280
``grid:7:resnet18``                      the same of a network of torchvision                                    the network's
``world``                                objects that the shipped detector of the default world sees             159
``COCO-Detection/...yaml``, ``my.yaml``  the 36 best boxes of a detectron2 model                                 the model's
``boxes.json+efficientnet-lite0``        boxes found elsewhere with the features of a frozen network             1280
``given``                                the regions that the data themselves hold, as a corpus of graphs does   the data's
=======================================  ======================================================================  ==============

A dict such as ``{"extractor": "grid", "side": 224, "mirror": "no"}`` changes single settings; see :func:`region_provenance`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError, nearest
from ....files import path_exists
from ...regions import Regions, open_regions
from ...store import BlockFile, FileRows, as_bytes, digest, open_store, progress_bar
from ..engines import HERE, Engine, one_thread

BLOCK = 32

_GRID = {"extractor": "grid", "patches": 7, "network": "efficientnet-lite0", "side": 320, "normalise": "none", "mirror": "mean"}
_DETECTOR = {
    "extractor": "detector", "detector": "world", "features": None, "k": 36, "score_threshold": 0.05, "names": False, "geometry": False,
}  # fmt: skip
#: settings of the world's detector: its regions carry class and position too
_WORLD = {**_DETECTOR, "k": 8, "score_threshold": 0.45, "names": True, "geometry": True}

#: what must be equal for two sets of regions to be of one kind
_FOUND = ("weights", "feature_weights", "width", "k")


def region_provenance(images: str | dict[str, Any]) -> dict[str, Any]:
    """The full record that *images* (a short text, or a dict of settings) stands for, without the entries that depend on the weights.

    Settings of a grid
        ``patches`` a side; ``network``; ``side`` of the square in pixels that the whole image is stretched to (nothing is cut off);
        ``normalise``: ``"none"`` or ``"l2"`` (every patch of length one); ``mirror``: ``"no"``, or ``"mean"`` for the mean of the image
        and of its mirror image (turned back), which takes twice the time.
    Settings of a detector
        ``detector``, ``features`` (a frozen network that the features are read from instead of the detector's own), ``k`` boxes at most,
        ``score_threshold`` (the best box is kept in any case), ``names``: one column for every class the detector knows, ``geometry``: six
        columns of where the box lies. ``names`` is for detectors whose region features do not determine the class.

    Raises
    ------
    InputError : an unknown extractor or setting, or a value out of range.

    >>> region_provenance("grid:5")["patches"], region_provenance({"extractor": "grid", "side": 224})["side"]
    (5, 224)
    """
    if isinstance(images, dict):
        kind = images.get("extractor")
        if kind == "given":
            return dict(images)
        base = _GRID if kind == "grid" else (_WORLD if images.get("detector", "world") == "world" else _DETECTOR)
        if kind not in ("grid", "detector"):
            raise InputError(f"extractor {kind!r} is not known{nearest(str(kind), ['grid', 'detector'])}; give 'grid' or 'detector'")
        found = (*_FOUND, *(("detector_source",) if kind == "detector" else ()))
        unknown = next((key for key in images if key not in base and key not in found), None)
        if unknown is not None:
            raise InputError(f"regions have no setting {unknown!r}{nearest(unknown, base)}; known are {', '.join(base)}")
        return _checked(base | images)
    text = str(images)
    kind, _, rest = text.partition(":")
    if kind == "grid":
        patches, _, network = rest.partition(":")
        if patches and not patches.isdigit():
            raise InputError(f"regions {text!r}: the number of patches a side is {patches!r}; write for instance 'grid:7'")
        return _checked(_GRID | ({"patches": int(patches)} if patches else {}) | ({"network": network} if network else {}))
    if text == "world":
        return dict(_WORLD)
    if text == "given":
        return {"extractor": "given"}
    detector, _, network = text.partition("+")
    if not detector.endswith((".yaml", ".yml", ".json")):
        raise InputError(
            f"regions {text!r} are not known{nearest(text, ['grid', 'world', 'given'])}; give 'grid', 'world', a detectron2 .yaml, "
            "'boxes.json+efficientnet-lite0', or 'given' for those that the data hold"
        )
    return _checked(_DETECTOR | {"detector": detector, "features": network or None})


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    def whole(key: str, low: int, high: int) -> None:
        value = record[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InputError(f"{key} of the regions is {value!r}; give a whole number in {low}..{high}")

    if record["extractor"] == "grid":
        whole("patches", 1, 32), whole("side", 32, 2048)
        for key, choices in (("normalise", ("none", "l2")), ("mirror", ("no", "mean"))):
            if record[key] not in choices:
                raise InputError(f"{key} of the regions is {record[key]!r}; give {' or '.join(map(repr, choices))}")
    else:
        whole("k", 1, 1000)
    return record


class Extractor:
    """Images in, regions out.

    provenance : the complete record, with the identity of the weights, ``k`` and ``width``
    run : a list of images -> features (b, k, width), counts (b,), boxes (b, k, 4), sizes (b, 2)
    """

    def __init__(self, provenance: dict[str, Any], run: Callable[[list], tuple[np.ndarray, ...]]) -> None:
        self.provenance, self.run = provenance, run


def load_extractor(images: str | dict[str, Any]) -> Extractor:
    """The extractor that *images* names (see the module's table).

    Raises
    ------
    InputError : an unknown name or setting, or weights that are not those which the record names.
    """
    record = region_provenance(images)
    if record["extractor"] == "given":
        raise InputError("these regions were made elsewhere, so images cannot be turned into such; give regions of the same kind")
    extractor = _grid(record) if record["extractor"] == "grid" else _detector(record)
    for key in ("weights", "feature_weights"):
        if record.get(key) not in (None, extractor.provenance.get(key)):
            name = record["network"] if record["extractor"] == "grid" else record["detector"]
            raise InputError(
                f"the {key.replace('_', ' ')} of '{name}' are {extractor.provenance.get(key)}, but the model's regions were made with "
                f"{record[key]}; install or give those again"
            )
    return extractor


def _grid(record: dict[str, Any]) -> Extractor:
    import torch
    from torch.nn import functional as F

    from ....images import read_reduced
    from ....parsers.detectors.grid import load_network, patch_boxes

    network, mean, deviation, weights = load_network(record["network"])
    n, side = record["patches"], record["side"]

    def run(images: list) -> tuple[np.ndarray, ...]:
        # twice the side is read, so that the shorter side of a wide image is not enlarged again when the image is stretched
        decoded, sizes = zip(*(read_reduced(image, 2 * side) for image in images), strict=True)
        pixels = np.stack([np.asarray(one.resize((side, side))) for one in decoded])
        x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - mean) / deviation
        with torch.inference_mode():
            maps = F.adaptive_avg_pool2d(network(x), n)
            if record["mirror"] == "mean":
                maps = (maps + F.adaptive_avg_pool2d(network(x.flip(3)), n).flip(3)) / 2
            rows = maps.flatten(2).transpose(1, 2)
            rows = F.normalize(rows, dim=2) if record["normalise"] == "l2" else rows
        boxes = np.stack([patch_boxes(n, size) for size in sizes])
        return rows.numpy(), np.full(len(images), n * n, np.int64), boxes, np.asarray(sizes, np.int64)

    with torch.inference_mode():
        width = network(torch.zeros(1, 3, side, side)).shape[1]
    return Extractor({**record, "weights": weights, "k": n * n, "width": int(width)}, run)


def _detector(record: dict[str, Any]) -> Extractor:
    from ....images import read_reduced
    from ....parsers.detectors.base import InputImage
    from ....parsers.detectors.registry import load_detector

    detector = load_detector(record["detector"], features=record["features"])
    names = _class_names(detector, record) if record["names"] else []
    column = {name: k for k, name in enumerate(names)}
    k = record["k"]

    def run(images: list) -> tuple[np.ndarray, ...]:
        ready = []
        for image in images:
            name = str(image) if isinstance(image, str | Path) else None
            ready.append(InputImage(*read_reduced(image, detector.longest_side), name, Path(name).stem if name else None))
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
        features = np.zeros((len(found), k, own + len(names) + 6 * record["geometry"]), np.float32)
        boxes = np.zeros((len(found), k, 4), np.float32)
        counts = np.ones(len(found), np.int64)
        sizes = np.asarray([image.size for image in ready], np.int64)
        for row, answer in enumerate(found):
            count = len(answer.boxes)
            if count:
                counts[row] = count
                features[row, :count, :own] = answer.features
                boxes[row, :count] = answer.boxes
                for place, name in enumerate(answer.names if names else ()):
                    features[row, place, own + column[name]] = 1
            else:  # no box at all: the whole image, with zeros as features
                boxes[row, 0] = [0, 0, *sizes[row]]
        if record["geometry"]:
            where = Regions(features, counts, boxes, sizes).places(np.arange(len(found)))
            features[np.arange(k) < counts[:, None], -6:] = where.numpy()
        return features, counts, boxes, sizes

    detector_width: list[int | None] = [None]
    if record.get("width"):
        detector_width[0] = record["width"] - len(names) - 6 * record["geometry"]
    elif getattr(getattr(detector, "config", None), "feature", None):
        detector_width[0] = detector.config.feature
    elif record["features"]:
        detector_width[0] = 1280 if record["features"] == "efficientnet-lite0" else None
    source = {key: value for key, value in detector.source.items() if key in ("weights", "feature", "feature_weights", "normalisation")}
    record = {**record, "weights": source.get("weights"), "feature_weights": source.get("feature_weights"), "detector_source": source}
    if detector_width[0] is not None:
        record["width"] = detector_width[0] + len(names) + 6 * record["geometry"]
    return Extractor(record, run)


def _class_names(detector: Any, record: dict[str, Any]) -> list[str]:
    names = getattr(getattr(detector, "config", None), "classes", None) or getattr(detector, "labels", None)
    if not names:
        raise InputError(f"detector '{record['detector']}' does not say which classes it knows; leave out names=True")
    return list(names)


def extract_regions(
    provenance: str | dict[str, Any] | Extractor,
    images: Sequence[Any],
    *,
    ids: Sequence[str] | None = None,
    marks: Sequence[str] | None = None,
    out: str | Path | None = None,
    known: dict[str, tuple[dict[str, FileRows], int]] | None = None,
    progress: bool | None = None,
    engine: Engine = HERE,
) -> Regions:
    """Regions of *images*, made as *provenance* says, one block of images at a time with one thread each.

    Parameters
    ----------
    provenance : a short text, a dict of settings, the ``vocab["images"]`` of a model, or a loaded :class:`Extractor`.
    images : paths, PIL images, arrays, or functions without arguments that give one; they are read block by block.
    ids : names of the images; file names without ending if left out.
    marks : one text for each image, equal only for equal images; the ids if left out.
    out : safetensors file to write, half precision. If it is there already and was made of the same images in the same way, it is
        opened; an interrupted one is continued. ``None`` keeps everything in memory.
    known : rows of images that need no extraction: mark -> (tensors of another file, row).
    progress : show a bar; ``None``: in a terminal, if there is much to do.
    engine : where the blocks are computed; the result has the same bytes everywhere.

    Raises
    ------
    InputError : an image that cannot be read (what was done before is kept), unknown settings, *out* holds something else.

    >>> import numpy as np
    >>> images = [np.zeros((40, 60, 3), np.uint8), np.full((50, 50, 3), 200, np.uint8)]
    >>> regions = extract_regions("world", images, ids=["a", "b"])
    >>> regions.features.shape, regions.sizes.tolist()
    ((2, 8, 159), [[60, 40], [50, 50]])
    """
    extractor = provenance if isinstance(provenance, Extractor) else load_extractor(provenance)
    record = extractor.provenance
    names = [Path(p).stem if isinstance(p, str | Path) else str(k) for k, p in enumerate(images)] if ids is None else list(ids)
    if len(names) != len(images):
        raise InputError(f"there are {len(images)} images but {len(names)} ids; give one each")
    marks = names if marks is None else list(marks)
    if not len(images):
        raise InputError("there is no image to make regions of")
    if "width" not in record:  # a detector whose width only its output shows
        first = _run_here(extractor, [_drawn(images[0])])[0]
        record = extractor.provenance = {**record, "width": int(first.shape[-1])}
    n, k, width = len(images), record["k"], record["width"]
    shapes = {
        "features": (np.float16, (n, k, width)),
        "counts": (np.int64, (n,)),
        "boxes": (np.float32, (n, k, 4)),
        "sizes": (np.int64, (n, 2)),
    }
    if out is None:
        arrays = {name: np.zeros(shape, dtype) for name, (dtype, shape) in shapes.items()}
        with progress_bar("extracting regions", n, progress) as advance:
            for start, block in _blocks(extractor, images, marks, 0, known or {}, engine):
                for name, rows in block.items():
                    arrays[name][start : start + BLOCK] = rows
                advance(min(BLOCK, n - start))
        return Regions(arrays["features"], arrays["counts"], arrays["boxes"], arrays["sizes"], names, record)
    about = {"ids": as_bytes(names), "marks": as_bytes(marks)}
    key = digest(record, names, list(marks))
    if Path(out).exists():
        regions = open_regions(out)
        if open_store(out)[1].get("key") != key:
            raise InputError(f"'{out}' holds regions of other images, or made in another way; give another file or delete it")
        return regions
    plan = shapes | {name: (np.uint8, value.shape) for name, value in about.items()}
    file = BlockFile(out, plan, {"kind": "regions", "key": key, "provenance": json.dumps(record)})
    try:
        for name, value in about.items():
            file.write(name, 0, value)
        with progress_bar("extracting regions", n, progress, file.done) as advance:
            for start, block in _blocks(extractor, images, marks, file.done, known or {}, engine):
                for name, rows in block.items():
                    file.write(name, start, rows)
                stop = min(start + BLOCK, n)
                file.note(stop)
                advance(stop - start)
        file.finish()
    finally:
        file.close()
    return open_regions(out)


def _drawn(image: Any) -> Any:
    return image() if callable(image) else image


def _blocks(
    extractor: Extractor, images: Sequence[Any], marks: Sequence[str], first: int, known: dict, engine: Engine
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """The start of each block from *first* on, and its regions; those of known images are copied."""
    blocks = [range(start, min(start + BLOCK, len(images))) for start in range(first, len(images), BLOCK)]
    new = [[row for row in rows if marks[row] not in known] for rows in blocks]
    run = partial(_run_there, json.dumps(_movable(extractor.provenance))) if engine.distant else partial(_run_here, extractor)
    show = _movable if engine.distant else _drawn
    made = engine.in_order(run, (([show(images[row]) for row in rows],) for rows in new if rows))
    for rows, missing in zip(blocks, new, strict=True):
        yield rows.start, _block(extractor.provenance, rows, missing, next(made) if missing else (), marks, known)


def _run_here(extractor: Extractor, images: list) -> tuple[np.ndarray, ...]:
    with one_thread():
        return extractor.run(images)


def _run_there(record: str, images: list) -> tuple[np.ndarray, ...]:
    """One piece of work for an engine; the extractor is loaded once in every process."""
    return _run_here(_loaded(record), images)


@lru_cache(maxsize=2)
def _loaded(record: str) -> Extractor:
    return load_extractor(json.loads(record))


def _movable(value: Any) -> Any:
    """An image, or a record of how regions are made, as another process with another working directory can read it."""
    if callable(value):
        return value()
    if isinstance(value, Path):
        return value.absolute()
    if isinstance(value, dict):
        return {key: _movable(entry) if key in ("detector", "features", "network") else entry for key, entry in value.items()}
    if isinstance(value, str):
        name, colon, place = value.rpartition(":")
        return f"{name}{colon}{Path(place).absolute()}" if place and path_exists(place) and Path(place).is_file() else value
    return value


def _block(
    record: dict[str, Any], rows: range, new: list[int], made: tuple[np.ndarray, ...], marks: Sequence[str], known: dict
) -> dict[str, np.ndarray]:
    """The regions of the images *rows*, of which those of the images *new* were made, (new, ...) each, and the others are known."""
    shapes = {"features": (record["k"], record["width"]), "counts": (), "boxes": (record["k"], 4), "sizes": (2,)}
    out = {name: np.zeros((len(rows), *shape), np.float32 if name in ("features", "boxes") else np.int64) for name, shape in shapes.items()}
    if new:
        if made[0].shape[-1] != record["width"]:
            raise InputError(f"regions have {made[0].shape[-1]} columns, but {record['width']} are expected; the extractor has changed")
        if not np.isfinite(made[0]).all():
            raise InputError(f"the regions of images {rows.start} to {rows.stop - 1} hold NaN or infinity; check these images")
        for name, values in zip(out, made, strict=True):
            out[name][[row - rows.start for row in new]] = values
    for row in rows:
        if marks[row] in known:
            tensors, place = known[marks[row]]
            for name in out:
                out[name][row - rows.start] = tensors[name][place]
    out["features"] = out["features"].clip(-65504, 65504)  # the largest half-precision numbers
    return out
