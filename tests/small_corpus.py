"""A corpus of a few graphs with image files, hostile texts, an image without a sentence and a sentence without an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import hetero_xmodal as hx
from hetero_xmodal.scenes import SceneGraph, SceneObject, SceneRelation, Token

SENTENCES = (
    "a person rides a horse",
    "=HYPERLINK(1) </script><script>window.hacked=1</script> horse",
    "a red dog near a <b onmouseover='window.hacked=1'>table</b>",
    'two dogs, "quoted"\nand a line break \u2028 \u202e end',
    "a person without a picture",
)


def said(text: str, objects: dict[int, tuple[str, list[str]]], relations=()) -> SceneGraph:
    """A sentence of words at blanks; *objects*: position -> (name, attributes)."""
    words = text.split()
    tokens = [Token(word, word.lower(), "NOUN", len(words) - 1, "dep" if k < len(words) - 1 else "ROOT") for k, word in enumerate(words)]
    things = [SceneObject(name, list(looks), span=(k, k + 1), head=k, provenance="parsed") for k, (name, looks) in objects.items()]
    place = {k: row for row, k in enumerate(objects)}
    stated = [SceneRelation(place[a], predicate, place[b], provenance="parsed") for a, predicate, b in relations]
    return SceneGraph(things, stated, tokens=tokens, text=text)


def scenes() -> list[SceneGraph]:
    """A ridden horse, two dogs and a table, and a cat."""
    rider = SceneGraph(
        [
            SceneObject("person", ["tall"], box=(10, 4, 30, 40), score=0.9, feature=[1.0, 0.5]),
            SceneObject("horse", ["brown", "big"], box=(5, 20, 50, 58), score=0.8, feature=[0.25, 2.0]),
        ],
        [SceneRelation(0, "ride", 1), SceneRelation(1, "below", 0, mirror=True)],
        size=(64, 60),
    )
    dogs = SceneGraph(
        [
            SceneObject("dog", ["red"], box=(0, 0, 20, 20), feature=[3.0, 0.0]),
            SceneObject("dog", box=(30, 0, 50, 20), feature=[0.0, 0.0]),
            SceneObject("dining table", box=(0, 20, 60, 50), feature=[1.5, 1.5]),
        ],
        [SceneRelation(0, "near", 2), SceneRelation(1, "near", 2)],
        size=(60, 50),
    )
    cat = SceneGraph([SceneObject("cat", box=(1.5, 2.25, 20, 30), feature=[7.0, 7.0])], size=(40, 40))
    return [rider, dogs, cat]


def small_corpus(folder: Path) -> hx.GraphCorpus:
    """Four pairs of three images; the images are files in *folder*. The cat's image has no sentence, and one sentence no image."""
    folder.mkdir(parents=True, exist_ok=True)
    rider, dogs, cat = scenes()
    for name, scene, colour in (("a b.png", rider, 90), ("dogs.jpg", dogs, 150), ("cat.png", cat, 200)):
        width, height = scene.size
        ramp = np.linspace(0, 255 - colour, width * height * 3).reshape(height, width, 3) + colour
        Image.fromarray(ramp.astype(np.uint8)).save(folder / name)
    sentences = [
        said(SENTENCES[0], {1: ("person", []), 4: ("horse", [])}, [(1, "ride", 4)]),
        said(SENTENCES[1], {2: ("horse", [])}),
        said(SENTENCES[2], {2: ("dog", ["red"]), 5: ("dining table", [])}, [(2, "near", 5)]),
        said(SENTENCES[3], {1: ("dog", [])}),
        said(SENTENCES[4], {1: ("person", [])}),
    ]
    pairs = [(rider, 0), (rider, 1), (dogs, 2), (dogs, 3), (cat, 4)]
    files = {id(rider): "a b.png", id(dogs): "dogs.jpg", id(cat): "cat.png"}
    graphs = [hx.build_graph(scene, sentences[k], labels=[1, int(scene is dogs)], label_names=["animal", "odd"]) for scene, k in pairs]
    whole = hx.GraphCorpus.from_graphs(
        graphs, ids=[f"pair-{k}" for _, k in pairs], sentences=[SENTENCES[k] for _, k in pairs],
        images=[str(folder / files[id(scene)]) for scene, _ in pairs], splits=["train", "train", "val", "val", "train"],
        info={"source": "a test"},
    )  # fmt: skip
    return whole.without(pairs=[4])
