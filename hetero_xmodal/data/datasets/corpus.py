"""A corpus of heterographs as a data set: its images with their sentences, labels and scene graphs::

    FOLDER/
        corpus.json, images/, sentences/, pairs/ ...      as GraphCorpus.save and build_corpus write them

What was filtered, merged or cleaned as a corpus (``corpus[mask]``, ``corpus.split``, ``hx.concat``) can so be trained on. Images are
read from the files that the corpus names; images of the default world are drawn again. Scene graphs are those of the corpus: annotated
ones if it was built with ``scenes="true"``, else what the detector saw; the patches of a grid are no scene graph. An image without any
label counts as one whose labels are not known. Images without a sentence are there too; sentences without an image are not. A corpus
without splits gives 75 % of its images to ``train``, 10 % to ``val`` and 15 % to ``test``, by the hash of their ids.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ...schema import LABEL, PRIOR, PROVENANCE, RELATES, VISUAL
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
        raise InputError(f"{request.name} has no image, only {corpus.num_sentences} sentences; give a corpus with images")
    images = corpus.frame(unit="image")
    names, labels = _labels(corpus)
    by_hash = not images["split"].any()
    captions: list[list[str]] = [[] for _ in range(corpus.num_images)]
    for image, sentence in zip(corpus.pair_ends()[0].tolist(), corpus.sentences, strict=True):
        captions[image].append(sentence)
    scenes = _has_scenes(corpus)
    records = [
        Record(
            id, split_of(id) if by_hash else split or "train", tuple(texts), image_of(path), None if labels is None else labels[row],
            scene=partial(_scene, corpus, row) if scenes else None, mark=_mark(path),
        )
        for row, (id, split, path, texts) in enumerate(zip(images["id"], images["split"], images["path"], captions, strict=True))
    ]  # fmt: skip
    gives = {
        "captions": any(captions), "images": bool(images["path"].all()), "labels": labels is not None, "scene graphs": scenes,
    }  # fmt: skip
    return Source(
        request.name, request.kind, request.place, records, gives={what for what, there in gives.items() if there}, label_names=names,
        splits_by_hash=by_hash,
    )  # fmt: skip


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


def _scene(corpus: GraphCorpus, row: int, size: tuple[int, int]) -> SceneGraph:
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
