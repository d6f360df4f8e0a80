"""A corpus of heterographs as a data set: its images with their sentences, labels and scene graphs::

    FOLDER/
        corpus.json, images/, sentences/, pairs/ ...      as GraphCorpus.save and build_corpus write them

What was filtered, merged or cleaned as a corpus (``corpus[mask]``, ``corpus.split``, ``hx.concat``) can so be trained on. Images are
read from the files that the corpus names; images of the default world are drawn again. Scene graphs are those of the corpus: annotated
ones if it was built with ``scenes="true"``, else what the detector saw; the patches of a grid are no scene graph. An image without any
label counts as one whose labels are not known. Images without a sentence are there too; sentences without an image are not. A corpus
without splits gives 75 % of its images to ``train``, 10 % to ``val`` and 15 % to ``test``, by the hash of their ids.

The region features of the corpus are regions for image-text matching: always where the files of the images are not known, and with
``--images given`` where they are, instead of regions that are made of the images. An image in which nothing was found has one region, the
whole image, with zeros as features.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...counts import counted
from ...errors import InputError
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ...schema import LABEL, PRIOR, PROVENANCE, RELATES, VISUAL
from ..marks import row_marks
from ..regions import Regions, check_finite
from ..source import Record, Request, Source, split_of
from .world import open_world

if TYPE_CHECKING:
    from ...graphs.corpus import GraphCorpus

#: how a corpus names an image of the default world: kind, seed, split, number and size
_WORLD = re.compile(r"world/(scenes|birds):(?:scenes|birds)-(\d+)-(train|val|test)-(\d+)@(\d+)")


def open_corpus(request: Request) -> Source:
    """A folder with a corpus; see the module's text.

    Raises
    ------
    InputError : no corpus, a damaged one, one of label graphs, or one without an image.
    """
    from ...graphs.corpus import GraphCorpus

    corpus = GraphCorpus.load(request.folder())
    if corpus.kind != "pair":
        raise InputError(f"{request.name} holds {corpus.kind} graphs, not images with sentences; give a corpus of pairs")
    if not corpus.num_images:
        raise InputError(f"{request.name} has no image, only {counted(corpus.num_sentences, 'sentence')}; give a corpus with images")
    images = corpus.frame(unit="image")
    names, labels = _labels(corpus)
    by_hash = not images["split"].any()
    captions: list[list[str]] = [[] for _ in range(corpus.num_images)]
    for image, sentence in zip(corpus.pair_ends()[0].tolist(), corpus.sentences, strict=True):
        captions[image].append(sentence)
    scenes = _has_scenes(corpus)
    shown, regions = bool(images["path"].all()), _regions(corpus, images["id"].tolist())
    # images are recognised by their files; where there are none, by their features
    marks = [""] * len(images) if shown or regions is None else row_marks(regions.features)
    records = [
        Record(
            id, split_of(id) if by_hash else split or "train", tuple(texts), image_of(path), None if labels is None else labels[row],
            scene=partial(scene_of, corpus, row) if scenes else None, mark=_mark(path) or marks[row], row=row,
        )
        for row, (id, split, path, texts) in enumerate(zip(images["id"], images["split"], images["path"], captions, strict=True))
    ]  # fmt: skip
    gives = {
        "captions": any(captions), "images": shown, "labels": labels is not None, "scene graphs": scenes, "regions": regions is not None,
    }  # fmt: skip
    return Source(
        request.name, request.kind, request.place, records, gives={what for what, there in gives.items() if there}, label_names=names,
        splits_by_hash=by_hash, regions=None if regions is None else partial(_checked, regions, request.name),
    )  # fmt: skip


class _PaddedRegions:
    """The region features of the images of a corpus as an array (images, k, width), rows of which are read on demand.

    Like :class:`~hetero_xmodal.data.store.FileRows`; it holds the corpus, which is sent to other processes as its path.
    """

    ndim = 3

    def __init__(self, corpus: GraphCorpus, k: int, width: int, rows: np.ndarray):
        self._corpus, self._k, self._width, self._rows = corpus, k, width, rows
        self.dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self._rows), self._k, self._width

    def __len__(self) -> int:
        return len(self._rows)

    def select(self, rows: Any) -> _PaddedRegions:
        """Some of the images, by numbers (m,), without reading them."""
        return _PaddedRegions(self._corpus, self._k, self._width, self._rows[rows])

    def __getitem__(self, which: Any) -> np.ndarray:
        rows = self._rows[which]
        if rows.ndim == 0:
            return self[[int(which)]][0]
        found = self._corpus.data.of_owner(VISUAL, "image", rows, vectors=True)
        return _padded(found.node_data[VISUAL]["feature"].numpy(), found.node_offsets[VISUAL].numpy(), self._k)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)


def _padded(values: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """Values (regions, d) of images one after another, (images, k, d) with zeros behind those of an image."""
    counts = np.diff(offsets)
    owner = np.repeat(np.arange(len(counts)), counts)
    out = np.zeros((len(counts), k, values.shape[1]), np.float32)
    out[owner, np.arange(len(owner)) - offsets[:-1][owner]] = values
    return out


def _regions(corpus: GraphCorpus, ids: list[str]) -> Regions | None:
    """The regions of all images, of which there are none if they have no features."""
    things = corpus.data.tables["image"].node_data[VISUAL]
    width = things["feature"].shape[1]
    if not width or not len(things["feature"]):
        return None
    rows = np.arange(len(ids))
    found = corpus.data.of_owner(VISUAL, "image", rows, vectors=False)
    offsets = found.node_offsets[VISUAL].numpy()
    counts = np.diff(offsets)
    k, empty = int(counts.max()), counts == 0
    boxes, sizes = _padded(found.node_data[VISUAL]["box"].numpy(), offsets, k), np.ones((len(ids), 2), np.float32)
    sizes[~empty] = found.node_data[VISUAL]["image_size"].numpy()[offsets[:-1][~empty]]
    boxes[empty, 0] = [0, 0, 1, 1]
    infos = corpus.info.get("parts") or [corpus.info]
    detectors = [info.get("detector") for info in infos]
    record = {"extractor": "given", "layout": "corpus", "k": k, "width": int(width)}
    record |= {"detector": detectors[0]} if detectors[0] and all(other == detectors[0] for other in detectors) else {}
    return Regions(_PaddedRegions(corpus, k, int(width), rows), np.maximum(counts, 1), boxes, sizes, ids, record)


def _checked(regions: Regions, name: str) -> dict[str, Regions]:
    check_finite(regions, name)
    return {"": regions}


def image_of(path: str) -> Any:
    """What a path of a corpus stands for: a file, a function that draws an image of the default world, or nothing if it is empty.

    >>> image_of("world/scenes:scenes-0-test-000000@64")().size
    (64, 64)
    >>> image_of("photos/a.jpg").name, image_of("")
    ('a.jpg', None)
    """
    world = _WORLD.fullmatch(path)
    if world is None:
        return Path(path) if path else None
    return partial(_drawn, *world.groups())


def _drawn(kind: str, seed: str, split: str, number: str, size: str) -> Any:
    return _world_record(kind, seed, split, number, size).open_image()


def _mark(path: str) -> str:
    """Of an image of the world the mark that it has there, so that images that stand in training data are recognised."""
    world = _WORLD.fullmatch(path)
    return "" if world is None else _world_record(*world.groups()).mark


def _world_record(kind: str, seed: str, split: str, number: str, size: str) -> Record:
    name = f"world/{kind}"
    return open_world(Request(name, name, "", int(seed), int(size))).take(split, int(number) + 1)[int(number)]


def _labels(corpus: GraphCorpus) -> tuple[list[str], list[np.ndarray | None] | None]:
    """The names of the labels, in the order of the first data set's columns, and for each image 0/1 (labels,) or nothing."""
    nodes = corpus.frame(LABEL, unit="image")
    if nodes.empty:
        return [], None
    names = nodes.groupby("name")["index"].min().reset_index().sort_values(["index", "name"])["name"].tolist()
    column = {name: k for k, name in enumerate(names)}
    labels: list[np.ndarray | None] = [None] * corpus.num_images
    for image, name in zip(nodes["image"].tolist(), nodes["name"], strict=True):
        row = labels[image]
        if row is None:
            row = labels[image] = np.zeros(len(names), np.int64)
        row[column[name]] = 1
    return names, labels


def _has_scenes(corpus: GraphCorpus) -> bool:
    """Whether there is a region that is no patch of a grid."""
    regions = corpus.data.tables["image"].node_data[VISUAL]
    return bool((regions["provenance"] != PRIOR).any())


def scene_of(corpus: GraphCorpus, row: int, size: tuple[int, int]) -> SceneGraph:
    """The scene graph of one image whose width and height are *size*, from its regions and relations."""
    rows, strings = np.array([row]), corpus.data.vocabulary.strings
    things = corpus.data.of_owner(VISUAL, "image", rows, vectors=False).node_data[VISUAL]
    edges = corpus.data.of_owner(RELATES, "image", rows, vectors=False)
    data, (subject, target) = edges.edge_data[RELATES], edges.edge_ends[RELATES]
    scale = np.array([*size, *size], np.float64) / np.tile(things["image_size"].numpy(), 2).reshape(-1, 4)
    boxes = (things["box"].numpy() * scale).tolist()
    objects = [
        SceneObject(
            name, attributes.split("; ") if attributes else [], tuple(box), score, provenance=PROVENANCE[code],
            attribute_provenance=PROVENANCE[attribute_code],
        )
        for name, attributes, box, score, code, attribute_code in zip(
            strings(things["name"]), strings(things["attributes"]), boxes, things["score"].tolist(), things["provenance"].tolist(),
            things["attribute_provenance"].tolist(), strict=True,
        )
    ]  # fmt: skip
    relations = [
        SceneRelation(i, predicate, j, score, PROVENANCE[code], mirror)
        for i, predicate, j, score, code, mirror in zip(
            subject.tolist(), strings(data["predicate"]), target.tolist(), data["score"].tolist(), data["provenance"].tolist(),
            data["mirror"].tolist(), strict=True,
        )
    ]  # fmt: skip
    return SceneGraph(objects, relations, size=size)
