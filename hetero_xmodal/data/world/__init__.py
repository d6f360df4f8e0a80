"""The default world: generated images and captions with their true scene graphs; needs no download.

>>> from hetero_xmodal.data import load_dataset
>>> birds = load_dataset("world/birds", split="test")
>>> len(birds), len(birds[0].sentences)
(1000, 10)
"""

from __future__ import annotations

import hashlib
import json
from functools import partial

import numpy as np

from ...parsers.world_vocabulary import BEAK_COLOURS, BIRD_COLOURS, BIRD_PARTS, CATEGORIES, LENGTHS, SCENE_TYPES, SPURIOUS_TAGS, SYNONYMS
from ..dataset import Dataset, Item
from .dials import Dials
from .stable_random import StableRandom

#: default number of items of each split
SIZES = {"train": 8000, "val": 1000, "test": 1000}
IMAGE_SIZES = (32, 64, 128, 256, 512)

SCENE_LABELS = (*CATEGORIES, *SCENE_TYPES)
BIRD_LABELS = (
    *(f"{colour} {part}" for part in BIRD_PARTS for colour in (BEAK_COLOURS if part == "beak" else BIRD_COLOURS)),
    *(f"{length} beak" for length in LENGTHS), "small bird", "large bird",
)  # fmt: skip
_OTHER_WORD = {canonical: word for word, canonical in SYNONYMS.items()}


def scene_item(seed: int, split: str, index: int, image_size: int = 128, dials: Dials | None = None) -> Item:
    """Item *index* of ``world/scenes``."""
    from .grammar import scene_captions
    from .paint import shrink
    from .render import make_scene, truth

    scene, canvas, boxes = make_scene(seed, split, index, dials)
    name = f"scenes-{seed}-{split}-{index:06d}"
    graph = truth(scene, boxes, image_size, name)
    rng = StableRandom("scene words", seed, split, index)
    captions = scene_captions(scene, [(r.subject, r.predicate, r.object) for r in graph.relations], rng, dials=dials)
    present = {t.category for t in scene.things} | {scene.place}
    facts = [*sorted(present), *(t.colour for t in scene.things)]
    return _item(shrink(canvas, image_size), captions, SCENE_LABELS, present, graph, name, noisy_tags(facts, rng))


def bird_item(seed: int, split: str, index: int, image_size: int = 128) -> Item:
    """Item *index* of ``world/birds``."""
    from .birds import bird_truth, make_bird
    from .grammar import bird_captions
    from .paint import shrink

    bird, canvas, boxes = make_bird(seed, split, index)
    name = f"birds-{seed}-{split}-{index:06d}"
    rng = StableRandom("bird words", seed, split, index)
    present = (
        {f"{p.colour} {p.name}" for p in bird.parts} | {f"{bird.parts[-1].length} beak"} | ({f"{bird.size} bird"} if bird.size else set())
    )
    facts = ["bird", bird.place, bird.body, *dict.fromkeys(p.colour for p in bird.parts)]
    return _item(
        shrink(canvas, image_size),
        bird_captions(bird, rng),
        BIRD_LABELS,
        present,
        bird_truth(bird, boxes, image_size, name),
        name,
        noisy_tags(facts, rng),
    )


def _item(pixels, captions, label_names, present, graph, name, tags) -> Item:
    from PIL import Image

    labels = np.array([label in present for label in label_names], np.int64)
    sentences = []
    for k, (text, graph_of_text) in enumerate(captions):
        graph_of_text.id = f"{name}#{k}"
        sentences.append(text)
    return Item(Image.fromarray(pixels), sentences, labels, graph, name, tags, [graph_of_text for _, graph_of_text in captions])


def item_hash(item: Item) -> str:
    """Hash of all of an item: pixels, captions, scene graphs, labels and tags."""
    digest = hashlib.sha256(item.image.tobytes())
    graphs = [
        [[(o.name, o.attributes, o.box) for o in g.objects], [(r.subject, r.predicate, r.object) for r in g.relations]]
        for g in (item.scene, *item.sentence_scenes)
    ]
    digest.update(json.dumps([item.id, item.sentences, graphs, item.labels.tolist(), item.tags]).encode())
    return digest.hexdigest()[:16]


def noisy_tags(facts: list[str], rng: StableRandom) -> list[str]:
    """Noisy tags: a quarter of the facts are missing, some are given by a synonym, and irrelevant tags are added."""
    tags = []
    for fact in dict.fromkeys(facts):
        if rng.chance(75):
            tags.append(_OTHER_WORD[fact] if fact in _OTHER_WORD and rng.chance(25) else fact)
    while rng.chance(30):
        tags.append(rng.pick(SPURIOUS_TAGS))
    return rng.shuffled(list(dict.fromkeys(tags)))


def load_world(kind: str, split: str, size: int, seed: int, image_size: int, dials: Dials | None = None) -> Dataset:
    """``world/scenes`` or ``world/birds``; arguments are checked by :func:`hetero_xmodal.data.load_dataset`."""
    labels = {"scenes": SCENE_LABELS, "birds": BIRD_LABELS}[kind]
    from ...parsers.world_vocabulary import BIRD_PLACES, COLOURS

    words = (*CATEGORIES, *SCENE_TYPES, *COLOURS) if kind == "scenes" else ("bird", *BIRD_PLACES, *BIRD_COLOURS)
    tags = sorted({*words, *(_OTHER_WORD[w] for w in words if w in _OTHER_WORD), *SPURIOUS_TAGS})
    name = f"world/{kind}" if dials is None else f"world/{kind}:{dials.key}"
    return Dataset(name, split, range(size), partial(_made, kind, seed, split, image_size, dials), label_names=labels, tag_names=tags)


def _made(kind: str, seed: int, split: str, image_size: int, dials: Dials | None, index: int) -> Item:
    if dials is not None:
        return scene_item(seed, split, index, image_size, dials)
    make = {"scenes": scene_item, "birds": bird_item}[kind]
    return make(seed, split, index, image_size)
