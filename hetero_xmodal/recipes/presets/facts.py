"""What a data set is, in the few facts that settings are chosen by: how large, how wide, what its texts are, drawn or photographed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ...errors import InputError, nearest

if TYPE_CHECKING:
    from ...data.tasks.matching import MatchingData
    from ...data.tasks.retrieval import RetrievalData
    from ...scenes import SceneGraph

#: with fewer training images than this a set is small: the papers' sizes overfit there, and closed-form starts and noise pay
SMALL = 10_000

Text = Literal["tags", "tf-idf", "word vectors", "token ids", "sentences", "given"]
Annotation = Literal["", "boxes", "parts", "scene graphs"]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """The facts of the training split that settings depend on.

    images : training images.
    captions : training captions or texts, each of which is a pair with its image; as many as images if left out.
    image_width : width of an image's or a region's feature vector; 0 for models that read pixels.
    image_histograms : whether the image features are shares of an image (none negative, each row with the sum 1).
    region_boxes : whether it is known where every region lies.
    text : what a model reads of a text: ``"tags"`` (0 or 1), ``"tf-idf"``, ``"word vectors"`` of a frozen encoder, ``"token ids"`` whose
        vectors are trained, ``"sentences"`` that are parsed into graphs, or ``"given"`` features.
    text_width : columns of the text features or width of a word vector; 0 for token ids and sentences.
    drawn : whether the images come from the package's world, otherwise they are photographs or features of them.
    labels : number of label columns, 0 without labels.
    annotated : what is annotated in the images for editing: nothing, ``"boxes"`` of single objects, an object's ``"parts"``, or
        ``"scene graphs"`` with relations between objects.

    Raises
    ------
    InputError : fewer than one image, or a negative number.

    >>> DataFacts(images=40).size, DataFacts(images=29_000, captions=145_000).size, DataFacts(images=3_000, drawn=True).size
    ('small', 'large', 'world')
    """

    images: int
    captions: int = 0
    image_width: int = 0
    image_histograms: bool = False
    region_boxes: bool = False
    text: Text = "sentences"
    text_width: int = 0
    drawn: bool = False
    labels: int = 0
    annotated: Annotation = ""

    def __post_init__(self) -> None:
        if self.images < 1:
            raise InputError(f"there are {self.images} training images; settings can be chosen for one or more")
        for name in ("captions", "image_width", "text_width", "labels"):
            if getattr(self, name) < 0:
                raise InputError(f"DataFacts: {name} is {getattr(self, name)}, expected 0 or more")
        if not self.captions:
            object.__setattr__(self, "captions", self.images)

    @property
    def size(self) -> Literal["world", "small", "large"]:
        """``"world"`` for drawn images, however many; otherwise ``"small"`` below :data:`SMALL` training images, ``"large"`` from there."""
        return "world" if self.drawn else "small" if self.images < SMALL else "large"


#: facts of the sets that the package draws or is measured on, for code that names one of them before it is loaded
KNOWN: dict[str, DataFacts] = {
    "world/scenes": DataFacts(images=3000, captions=15_000, drawn=True, annotated="scene graphs", labels=20),
    "world/birds": DataFacts(images=3000, captions=30_000, drawn=True, annotated="parts"),
    "wikipedia": DataFacts(images=1956, image_width=128, image_histograms=True, text="given", text_width=10, labels=10),
    "coco": DataFacts(images=2279, captions=11_400, image_width=1280, region_boxes=True, text="word vectors", text_width=384),
    "coco-labels": DataFacts(images=2279, image_width=1280, text="tf-idf", text_width=3000, labels=80),
    "photos": DataFacts(images=2000, image_width=1280, text="tags", text_width=500, labels=20),
    "cub": DataFacts(images=8855, captions=88_550, annotated="boxes", labels=200),
    "vg": DataFacts(images=62_565, captions=437_955, annotated="scene graphs"),
}


def facts_of(data: DataFacts | RetrievalData | MatchingData | Any) -> DataFacts:
    """The facts of *data*: a loaded data set for retrieval, matching or editing, the name of a set in :data:`KNOWN`, or facts themselves.

    Raises
    ------
    InputError : a name whose facts are known only once it is loaded, or an object that is no data set.

    >>> facts_of("world/birds").annotated
    'parts'
    """
    if isinstance(data, DataFacts):
        return data
    if isinstance(data, str):
        kind = data.partition(":")[0]
        if kind not in KNOWN:
            raise InputError(
                f"what kind of data '{data}' is, is seen only when they are loaded{nearest(kind, KNOWN)}; load them and give the data, or "
                f"name one of {', '.join(KNOWN)}"
            )
        return KNOWN[kind]
    from ...data.tasks.matching import MatchingData
    from ...data.tasks.retrieval import RetrievalData

    if isinstance(data, RetrievalData):
        return _of_retrieval(data)
    if isinstance(data, MatchingData):
        return _of_matching(data)
    if callable(getattr(data, "facts", None)):
        return data.facts()
    raise InputError(f"settings are chosen by the facts of a data set, found {type(data).__name__}; give loaded data or DataFacts")


def annotation(scenes: Iterable[SceneGraph | None]) -> Annotation:
    """What the scene graphs of a data set (or of some of its images) annotate; see :class:`DataFacts`.

    >>> from hetero_xmodal.scenes import SceneRelation, SceneGraph, SceneObject
    >>> bird, wing, tree = SceneObject("bird"), SceneObject("wing"), SceneObject("tree")
    >>> [annotation([SceneGraph(things, relations)]) for things, relations in (
    ...     ([bird], []), ([bird, wing], [SceneRelation(0, "have", 1)]), ([bird, tree], [SceneRelation(0, "on", 1)]))]
    ['boxes', 'parts', 'scene graphs']
    """
    found: Annotation = ""
    for scene in scenes:
        if scene is None or not scene.objects:
            continue
        if any(relation.predicate != "have" for relation in scene.relations):
            return "scene graphs"
        found = "parts" if scene.relations or found == "parts" else "boxes"
    return found


def _of_retrieval(data: RetrievalData) -> DataFacts:
    import numpy as np

    train = data.features.train
    images = train.images
    network = data.vocab.get("images", {}).get("network", "given")
    kind = data.vocab.get("texts", {}).get("kind", "given")
    shares = bool((images >= 0).all()) and bool(np.allclose(images.sum(1), 1, atol=1e-3))
    return DataFacts(
        images=len(train),
        image_width=images.shape[1],
        image_histograms=network == "given" and shares,
        text="tags" if data.vocab.get("tags") else "tf-idf" if kind == "tf-idf" else "given",
        text_width=train.texts.shape[1],
        drawn=_drawn(data.vocab),
        labels=train.labels.shape[1],
    )


def _of_matching(data: MatchingData) -> DataFacts:
    regions, words = data.train.regions, data.train.words
    ids = words.values.ndim == 1
    return DataFacts(
        images=len(regions),
        captions=len(data.train),
        image_width=regions.width,
        region_boxes=regions.boxes is not None and regions.sizes is not None,
        text="token ids" if ids else "word vectors",
        text_width=0 if ids else words.values.shape[1],
        drawn=_drawn(data.vocab),
    )


def _drawn(vocab: dict[str, Any]) -> bool:
    return str(vocab.get("data", "")).startswith("world/") or vocab.get("images", {}).get("network") == "world detector"
