"""Images to regions: grid patches of a frozen network, or the boxes of any detector, with an exact record of how they were made.

The record (*provenance*) is a dict of JSON values; a short text stands for the usual ones:

=======================================  ======================================================================  ==============
text                                     regions of an image                                                    width
=======================================  ======================================================================  ==============
``grid``, ``grid:7``                     7 x 7 patches of EfficientNet-lite0 at 320 pixels (the default)         1280
``grid:7:resnet18``                      the same of a network of torchvision                                    the network's
``world``                                objects that the shipped detector of the default world sees             159
``world+attributes``                     the same with a column for each attribute that it reads                 177
``COCO-Detection/...yaml``, ``my.yaml``  the 36 best boxes of a detectron2 model                                 the model's
``boxes.json+efficientnet-lite0``        boxes found elsewhere with the features of a frozen network             1280
``given``                                the regions that the data themselves hold, as a corpus of graphs does   the data's
``grid+boxes.json``, ``grid+nanodet``    the patches, and after them the objects that a detector sees            1280 + classes + 6
=======================================  ======================================================================  ==============

A file of detections that does not lie where one stands is looked for in the data folder, and its name alone is kept with a model: each
data folder then has its own file of that name. Of regions that are objects, :attr:`~hetero_xmodal.data.regions.Regions.classes` says of
which class (rows of ``provenance["classes"]``), beside their boxes and :meth:`~hetero_xmodal.data.regions.Regions.places`::

    data = load_matching_data("coco:FOLDER", images="grid+detections_nanodet.json")
    regions = data.train.regions
    regions.names(0), regions.boxes[0], data.train.batch([0]).classes

A dict such as ``{"extractor": "grid", "side": 224, "mirror": "no"}`` changes single settings; see :func:`region_provenance`.
"""

from __future__ import annotations

from typing import Any

from ....errors import InputError, nearest
from ....fields import is_number

_GRID = {"extractor": "grid", "patches": 7, "network": "efficientnet-lite0", "side": 320, "normalise": "none", "mirror": "mean"}
_DETECTOR = {
    "extractor": "detector", "detector": "world", "features": None, "k": 36, "score_threshold": 0.05, "names": False, "geometry": False,
    "attributes": False,
}  # fmt: skip
#: settings of the world's detector: its regions carry class and position too
_WORLD = {**_DETECTOR, "k": 8, "score_threshold": 0.45, "names": True, "geometry": True}

#: patches and objects; ``names`` is what the column of an object's class holds; benchmarks/object_names.py compares values
_OBJECTS = {
    **_GRID, "extractor": "grid+objects", "detector": "nanodet", "objects": 16, "score_threshold": 0.3, "names": 1.0, "geometry": True,
}  # fmt: skip
#: settings by kind of extractor
_BASES = {"grid": _GRID, "detector": _DETECTOR, "grid+objects": _OBJECTS}

#: what the extractor adds to the settings: it must be equal for two sets of regions to be of one kind
_FOUND = ("weights", "feature_weights", "detector_weights", "detector_source", "width", "k", "classes", "in_data_folder")


def region_provenance(images: str | dict[str, Any]) -> dict[str, Any]:
    """The full record that *images* (a short text, or a dict of settings) stands for, without the entries that depend on the weights.

    Settings of a grid
        ``patches`` a side; ``network``; ``side`` of the square in pixels that the whole image is stretched to (nothing is cut off);
        ``normalise``: ``"none"`` or ``"l2"`` (every patch of length one); ``mirror``: ``"no"``, or ``"mean"`` for the mean of the image
        and of its mirror image (turned back), which takes twice the time.
    Settings of a detector
        ``detector``, ``features`` (a frozen network that the features are read from instead of the detector's own), ``k`` boxes at most,
        ``score_threshold`` (the best box is kept in any case), ``names``: one column for every class the detector knows, ``geometry``: six
        columns of where the box lies; ``attributes``: one column for every attribute of the world's detector. ``names`` is for detectors
        whose region features do not determine the class.
    Settings of a grid with objects
        those of the grid; ``detector``; ``objects`` at most, best first; ``score_threshold``; ``names``: what the column of an object's
        class holds (0 leaves these columns out); ``geometry``. The features of patches and objects come from the same maps of the
        network: an object's are their mean over its box (RoIAlign).

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
        if kind not in _BASES:
            raise InputError(f"extractor {kind!r} is not known{nearest(str(kind), _BASES)}; give {', '.join(map(repr, _BASES))}")
        base = _WORLD if kind == "detector" and images.get("detector", "world") == "world" else _BASES[kind]
        unknown = next((key for key in images if key not in base and key not in _FOUND), None)
        if unknown is not None:
            raise InputError(f"regions have no setting {unknown!r}{nearest(unknown, base)}; known are {', '.join(base)}")
        return _checked(base | images)
    text = str(images)
    grid, joined, detector = text.partition("+")
    kind, _, rest = grid.partition(":")
    if kind == "grid":
        patches, _, network = rest.partition(":")
        if patches and not patches.isdigit():
            raise InputError(f"regions {text!r}: the number of patches a side is {patches!r}; write for instance 'grid:7'")
        base = {**_OBJECTS, "detector": detector} if joined else _GRID
        return _checked(base | ({"patches": int(patches)} if patches else {}) | ({"network": network} if network else {}))
    if text in ("world", "world+attributes"):
        return _checked({**_WORLD, "attributes": text != "world"})
    if text == "given":
        return {"extractor": "given"}
    detector, _, network = text.partition("+")
    if not detector.endswith((".yaml", ".yml", ".json")):
        raise InputError(
            f"regions {text!r} are not known{nearest(text, ['grid', 'world', 'given'])}; give 'grid', 'world', a detectron2 .yaml, "
            "'boxes.json+efficientnet-lite0', 'grid+boxes.json', or 'given' for those that the data hold"
        )
    return _checked(_DETECTOR | {"detector": detector, "features": network or None})


def with_objects(images: str | dict[str, Any] | None, detector: str | None) -> str | dict[str, Any] | None:
    """The regions *images*, and beside the patches of a grid the objects that *detector* sees; *images* alone without a detector.

    Raises
    ------
    InputError : regions that are no grid.

    >>> with_objects(None, "detections.json"), with_objects("grid:5", "nanodet"), with_objects("world", None)
    ('grid+detections.json', 'grid:5+nanodet', 'world')
    """
    if detector is None:
        return images
    if isinstance(images, dict) or (images is not None and (images.partition(":")[0] != "grid" or "+" in images)):
        raise InputError(
            f"a detector adds objects to the patches of a grid, but the regions are {images!r}; give 'grid' or 'grid:N', or no detector"
        )
    return f"{images or 'grid'}+{detector}"


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    def whole(key: str, low: int, high: int) -> None:
        value = record[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InputError(f"{key} of the regions is {value!r}; give a whole number in {low}..{high}")

    if record["extractor"] == "detector":
        whole("k", 1, 1000)
        if record["attributes"] and record["detector"] != "world":
            raise InputError(f"regions: detector '{record['detector']}' lists no attributes that it knows; leave out attributes")
        if not record["attributes"]:  # as the records of earlier versions, which had no such setting
            record = {key: value for key, value in record.items() if key != "attributes"}
        return record
    whole("patches", 1, 32), whole("side", 32, 2048)
    for key, choices in (("normalise", ("none", "l2")), ("mirror", ("no", "mean"))):
        if record[key] not in choices:
            raise InputError(f"{key} of the regions is {record[key]!r}; give {' or '.join(map(repr, choices))}")
    if record["extractor"] == "grid+objects":
        whole("objects", 1, 1000)
        if not is_number(record["names"]) or not 0 <= record["names"] <= 1000:
            raise InputError(
                f"names of the regions is {record['names']!r}; give a number in 0..1000, the value of an object's class column"
            )
        if not is_number(record["score_threshold"]) or not 0 <= record["score_threshold"] <= 1:
            raise InputError(f"score_threshold of the regions is {record['score_threshold']!r}; give a number in 0..1")
        if record["detector"] == "auto" or str(record["detector"]).startswith("grid"):
            raise InputError(f"regions: '{record['detector']}' has no classes of its own; give 'nanodet', 'world' or a file of detections")
    return record
