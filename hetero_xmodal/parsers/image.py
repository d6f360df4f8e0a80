"""From images to scene graphs: boxes and names come from a detector, relations from the boxes or from counts of annotated relations.

Attributes are the detector's; of objects without any, colour, size and place can be measured (:mod:`~hetero_xmodal.parsers.appearance`).

>>> import hetero_xmodal as hx, numpy as np
>>> white = np.full((40, 60, 3), 255, np.uint8)
>>> hx.parse_image(white, detector="world").objects   # nothing to detect
[]
>>> scene = hx.parse_image(white, detector="grid:2")  # patches instead of detected objects
>>> [thing.name for thing in scene.objects], scene.objects[3].box
(['patch', 'patch', 'patch', 'patch'], (30.0, 20.0, 60.0, 40.0))
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..deprecation import renamed_keywords
from ..errors import InputError
from ..images import read_reduced
from ..scenes import SceneGraph, SceneObject, check_characters
from .detectors.base import DEFAULT_MAX_OBJECTS, Detections, Detector, DetectorMissing, InputImage
from .detectors.registry import load_detector
from .detectors.world_look import looks_like_world
from .geometry import MAX_RELATED, relations_between
from .relation_prior import check_relations, load_prior

if TYPE_CHECKING:
    import numpy as np

    from ..images import ImageLike
    from ..scenes import SceneRelation

    #: boxes, names and size of an image -> relations, and what the scene's source says of them
    Relate = Callable[[np.ndarray, list[str], tuple[int, int]], tuple[list[SceneRelation], dict]]


@renamed_keywords(picture="image")
def parse_image(
    image: ImageLike,
    *,
    detector: str | Path | Detector = "auto",
    weights: str | Path | None = None,
    features: str | None = None,
    score_threshold: float | None = None,
    max_objects: int | None = None,
    relations: bool | str = True,
    measure: bool = False,
    id: str | None = None,
) -> SceneGraph:
    """Detect the objects of *image* (name, attributes, box, score, region feature) and the spatial relations between them.

    Parameters
    ----------
    image : path, ``PIL.Image`` or uint8 array (height, width, 3); see :func:`hetero_xmodal.images.read_image`.
    detector : ``"auto"`` (the world's detector for images that look like the generated world, otherwise the best detector of photographs
        that is installed), ``"world"`` (shipped, for the generated world), ``"nanodet"`` (COCO's 80 classes), ``"grid"`` or ``"grid:N"``
        (N x N patches of any photograph), the path of a detections or COCO ``.json``, a detectron2 model-zoo name or local config
        (``.yaml``), or your own :class:`~hetero_xmodal.parsers.detectors.Detector`.
    weights : weights of a local config.
    features : an ImageNet network, ``"efficientnet-lite0"`` or one of torchvision, whose features replace the detector's own; for boxes
        without features, such as annotations.
    score_threshold : drop objects with a lower score; ``None`` takes the detector's own threshold.
    max_objects : keep at most this many objects, best score first (the K of the literature); ``None`` takes the detector's own number: 36
        for detectors, all for boxes that people drew. A grid always keeps all of its patches.
    relations : ``True`` or ``"geometry"`` derives relations from the boxes, by the rules in :mod:`hetero_xmodal.parsers.geometry`; of more
        than 500 objects only the best 500 are related, with a warning and ``source["related"] = 500``. ``"prior:FILE"`` guesses predicates
        from classes and boxes, with the counts in a file of ``hetero-xmodal train relations``
        (:mod:`hetero_xmodal.parsers.relation_prior`; provenance ``predicted``, with the probability as score), and leaves the rules of
        geometry to pairs of which it says nothing. ``False`` or ``"none"``: no relations.
    measure : give objects of which the detector names no attribute their colour, size and place (provenance ``measured``); for photographs.
    id : identifier of the image; by default its file name without the suffix.

    Returns
    -------
    SceneGraph
        with ``size`` (width, height), boxes xyxy in pixels of the original upright image, L2-normalised region features, and ``source``:
        detector, hash of the weights, feature extractor, K, normalisation and, where K left objects out, ``left_out``: how many.

    Raises
    ------
    InputError
        If the image, the detector's file or an option cannot be used.
    MissingPackageError
        If the detector needs a package that is not installed.

    >>> import hetero_xmodal as hx
    >>> scene = hx.parse_image(hx.load_dataset("world/scenes", "test", size=1)[0].image, detector="grid:2")
    >>> len(scene.objects), scene.objects[0].box, scene.relations[0].predicate
    (4, (0.0, 0.0, 64.0, 64.0), 'left of')
    """
    return parse_images(
        [image],
        detector=detector,
        weights=weights,
        features=features,
        score_threshold=score_threshold,
        max_objects=max_objects,
        relations=relations,
        measure=measure,
        ids=[id],
        progress=False,
    )[0]


@renamed_keywords(pictures="images")
def parse_images(
    images: Iterable[ImageLike],
    *,
    detector: str | Path | Detector = "auto",
    weights: str | Path | None = None,
    features: str | None = None,
    score_threshold: float | None = None,
    max_objects: int | None = None,
    relations: bool | str = True,
    measure: bool = False,
    ids: Sequence[str | None] | None = None,
    batch_size: int = 16,
    progress: bool = True,
    on_error: str = "raise",
) -> list[SceneGraph]:
    """Batched form of :func:`parse_image`: the same scene graphs, faster, with a progress bar on a terminal.

    Parameters
    ----------
    images : each as in :func:`parse_image`; the other options too.
    ids : an identifier per image.
    batch_size : number of images in one forward pass.
    on_error : ``"raise"`` stops at the first image that cannot be used; ``"return"`` puts its :class:`InputError` into the list in
        place of a scene graph, so that a long run can continue and report at the end.

    Raises
    ------
    InputError
        If an image (with ``on_error="raise"``), the detector's file or an option cannot be used.
    MissingPackageError
        If the detector needs a package that is not installed.

    >>> import hetero_xmodal as hx
    >>> images = [item.image for item in hx.load_dataset("world/scenes", "test", size=2)]
    >>> [len(scene.objects) for scene in hx.parse_images(images, detector="grid:3")]
    [9, 9]
    """
    if isinstance(images, str | Path) or not isinstance(images, Iterable) or hasattr(images, "getexif"):
        raise InputError("parse_images takes a list of images; for a single one use parse_image")
    if on_error not in ("raise", "return"):
        raise InputError(f"on_error is {on_error!r}; give 'raise' or 'return'")
    _check_options(score_threshold, max_objects, batch_size)
    relate = _relate(relations)
    images = list(images)
    ids = [None] * len(images) if ids is None else list(ids)
    if len(ids) != len(images):
        raise InputError(f"there are {len(images)} images but {len(ids)} ids; give one per image")
    detector = load_detector(detector, weights=weights, features=features)
    threshold = detector.score_threshold if score_threshold is None else score_threshold
    if max_objects is None:
        max_objects = getattr(detector, "max_objects", DEFAULT_MAX_OBJECTS)  # detectors of users need not say
    source = {"parser": "image", "K": max_objects, "score_threshold": threshold, **detector.source}

    def detect(batch: list[InputImage]) -> list[Detections]:
        return detector.detect(batch, score_threshold=threshold, max_objects=max_objects)

    scenes: list = []
    strangers = _Strangers(detector)
    with _bar(len(images), progress) as advance:
        for batch in _batched(images, ids, batch_size):
            results = _detect_batch(batch, detector.longest_side, detect, on_error)
            strangers.look_at([r[0] for r in results if not isinstance(r, InputError)])
            made = [r if isinstance(r, InputError) else _scene(r[0], r[1], source, relate) for r in results]
            scenes += [_measured(one, image) for one, (image, _) in zip(made, batch, strict=True)] if measure else made
            advance(len(batch))
    strangers.warn()
    return scenes


class _Strangers:
    """Counts images that do not look like the generated world among the first that the world's detector is given, and warns of them."""

    FIRST = 16

    def __init__(self, detector: Detector) -> None:
        self.wanted = detector.source.get("detector") == "world"
        self.seen = 0
        self.names: list[str] = []

    def look_at(self, images: list[InputImage]) -> None:
        for image in images[: self.FIRST - self.seen] if self.wanted else ():
            self.seen += 1
            if not looks_like_world(image.pixels):
                self.names.append(image.name or image.id or f"image {self.seen}")

    def warn(self) -> None:
        if self.names:
            count = "the image" if self.seen == 1 else f"{len(self.names)} of the first {self.seen} images"
            verb = "does" if len(self.names) == 1 else "do"
            warnings.warn(
                f"{count} ('{self.names[0]}') {verb} not look like the generated world, which the detector 'world' was made for, so the "
                "objects found there mean little; for photographs use detector='auto', 'nanodet', 'grid' or a file of detections",
                stacklevel=4,
            )


def _batched(images: list, ids: list, size: int):
    rows = list(zip(images, ids, strict=True))
    return (rows[i : i + size] for i in range(0, len(rows), size))


def _detect_batch(batch, longest_side, detect, on_error) -> list:
    """(image, detections) for each row of *batch*, or the InputError that it caused."""
    results: list = []
    for image, id in batch:
        try:
            results.append(_read(image, id, longest_side))
        except InputError as error:
            if on_error == "raise":
                raise
            results.append(error)
    good = [r for r in results if isinstance(r, InputImage)]
    try:
        found = iter(detect(good) if good else [])
        return [(r, next(found)) if isinstance(r, InputImage) else r for r in results]
    except InputError as error:
        if on_error == "raise" or isinstance(error, DetectorMissing):
            raise
    for i, result in enumerate(results):  # the detector refuses some image of the batch: find out which, one by one
        if isinstance(result, InputImage):
            try:
                results[i] = (result, detect([result])[0])
            except DetectorMissing:
                raise
            except InputError as error:
                results[i] = error
    return results


def _read(image: ImageLike, id: str | None, longest_side: int | None) -> InputImage:
    pixels, size = read_reduced(image, longest_side)
    file = image if isinstance(image, str | Path) else getattr(image, "filename", None)  # a PIL image may know its file
    name = str(file) if isinstance(file, str | Path) and str(file) else None
    if id is None and isinstance(image, str | Path):
        id = Path(image).stem
        check_characters("the image's id, its file name,", id)  # bytes that are not UTF-8 are lone surrogates in Python
    return InputImage(pixels, size, name, id)


def _scene(image: InputImage, found: Detections, source: dict, relate: Relate | None) -> SceneGraph:
    if found.source:  # this image has a detector of its own
        source = {key: source[key] for key in ("parser", "K", "score_threshold")} | found.source
    if found.left_out:
        source = source | {"left_out": found.left_out}
    width, height = image.size
    attributes = found.attributes or [[] for _ in found.names]
    features = [None] * len(found.names) if found.features is None else found.features.tolist()
    objects = [
        SceneObject(name=name, attributes=attribute, box=tuple(box), score=score, feature=feature, provenance=found.provenance)
        for name, attribute, box, score, feature in zip(
            found.names,
            attributes,
            found.boxes.clip(0, [width, height, width, height]).tolist(),
            found.scores.tolist(),
            features,
            strict=True,
        )
    ]
    scene = SceneGraph(
        objects=objects,
        size=image.size,
        id=image.id,
        source=source | {"width": 0 if found.features is None else found.features.shape[1]},
    )
    if relate is not None and found.relations is not None:
        scene.relations = found.relations
    elif relate is not None:
        scene.relations, about = relate(found.boxes, found.names, image.size)
        scene.source |= about
    return scene.check()


def _relate(relations: bool | str) -> Relate | None:
    """The function that relates the objects of an image; ``None`` if they are not to be related."""
    kind, file = check_relations(relations)
    if kind == "none":
        return None
    if kind == "geometry":
        return _by_geometry
    prior, weights = load_prior(file)

    def by_prior(boxes: np.ndarray, names: list[str], size: tuple[int, int]) -> tuple[list[SceneRelation], dict]:
        told = prior.relations(boxes, names, size=size)
        pairs = {frozenset((r.subject, r.object)) for r in told}
        rest, about = _by_geometry(boxes, names, size)
        about |= {"relations": {"prior": Path(file).name, "weights": weights}}
        return told + [r for r in rest if frozenset((r.subject, r.object)) not in pairs], about

    return by_prior


def _by_geometry(boxes: np.ndarray, names: list[str], size: tuple[int, int]) -> tuple[list[SceneRelation], dict]:
    return relations_between(boxes, names, size=size), ({"related": MAX_RELATED} if len(names) > MAX_RELATED else {})


def _measured(scene: SceneGraph | InputError, image: ImageLike) -> SceneGraph | InputError:
    """The scene with the appearance of the objects that have no attribute; patches of a grid are no objects."""
    from .appearance import LONGEST_SIDE, appearance

    if isinstance(scene, InputError):
        return scene
    plain = [thing for thing in scene.objects if not thing.attributes and thing.provenance != "prior"]
    if plain and scene.size is not None:
        pixels, _ = read_reduced(image, LONGEST_SIDE)
        for thing, words in zip(plain, appearance(pixels, [thing.box for thing in plain], size=scene.size), strict=True):
            thing.attributes, thing.attribute_provenance = words, "measured"
    return scene


def check_score_threshold(score_threshold: float | None) -> None:
    """Refuse a threshold of the detection score that is no number in 0..1; None is the detector's own.

    Raises
    ------
    InputError
        If it is another value.
    """
    if score_threshold is not None and not (isinstance(score_threshold, int | float) and 0 <= score_threshold <= 1):
        raise InputError(f"score_threshold is {score_threshold!r}; give a number in 0..1")


def _check_options(score_threshold: float | None, max_objects: int | None, batch_size: int) -> None:
    check_score_threshold(score_threshold)
    for name, value in (("max_objects", 1 if max_objects is None else max_objects), ("batch_size", batch_size)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"{name} is {value!r}; give a whole number of at least 1")


class _bar:
    """Progress bar on standard error; shown only on a terminal and for more than one image."""

    def __init__(self, total: int, wanted: bool) -> None:
        import sys

        self.total, self.wanted = total, wanted and total > 1 and sys.stderr.isatty()

    def __enter__(self):
        if not self.wanted:
            return lambda n: None
        from rich.console import Console
        from rich.progress import Progress

        self.progress = Progress(console=Console(stderr=True), transient=True)
        self.progress.start()
        task = self.progress.add_task("parsing images", total=self.total)
        return lambda n: self.progress.advance(task, n)

    def __exit__(self, *error) -> None:
        if self.wanted:
            self.progress.stop()
