"""Makes :class:`~.dataset.ManipulationData` from a data set, or from your own images, scene graphs and captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ...data.store import progress_bar
from ...errors import InputError
from ...graphs.bridges import match_objects
from ...graphs.build import flat_pair
from ...graphs.corpus import GraphCorpus
from ...graphs.flat import FlatGraphs
from ...graphs.synonyms import EXCLUSIVE
from ...recipes.presets import KNOWN, DataFacts, annotation
from ...region_masks import decode_mask
from ...scenes import SceneGraph
from .dataset import FREE, KINDS, ManipulationData, kind_of


def load_manipulation_data(
    data: str,
    split: str = "train",
    *,
    size: int | None = None,
    seed: int = 0,
    image_size: int = 64,
    captions: int = 4,
    told: int = 2,
    missing: int | None = None,
    scenes: str = "true",
    progress: bool | None = None,
) -> ManipulationData:
    """Load training data: images with up to *captions* captions and *told* generated sentences each.

    Parameters
    ----------
    data : any data set of the registry that has images with captions and scene graphs.
    split, size, seed : as in :func:`hetero_xmodal.load_dataset`.
    image_size : side of the images in pixels.
    captions : largest number of captions of an image.
    told : number of sentences generated from an image's scene graph, see :func:`write_sentence`.
    missing : number of sentences about an object that is not in the image ("no dog", "a cat instead of the dog"); by default 1, and 0 for
        birds and other things with parts.
    scenes : ``"true"``: annotated scene graphs; ``"detector"``: scene graphs from the world's detector.
    progress : show a progress bar; by default only in a terminal.

    Raises
    ------
    InputError
        If *scenes* is unknown, or the data set has no image with a scene graph and a sentence.
    """
    if scenes not in ("true", "detector"):
        raise InputError(f"scenes is {scenes!r}, expected 'true' or 'detector'")
    from ...data.tasks.editing import load_editing_images

    task = "cam" if scenes == "true" else "similarity"  # a detector needs no annotated scene graph
    items = load_editing_images(data, split, size=size, seed=seed, image_size=image_size, task=task)
    images, pictured, sentences = [], [], []
    rng = np.random.default_rng((seed, len(items)))
    with progress_bar(f"reading the {split} images", len(items), progress) as advance:
        for item in items:
            advance(1)
            if item.scene is None and scenes == "true" or not item.sentences:
                continue
            images.append(np.asarray(item.image.convert("RGB").resize((image_size, image_size))))
            pictured.append(item.scene)
            chosen = rng.permutation(len(item.sentences))[:captions]
            sentences.append([item.sentences[k] for k in sorted(chosen)])
    if not images:
        raise InputError(f"{data} ({split}) has no image with a scene graph and a sentence; nothing can be learned from it")
    if scenes == "detector":
        from ...parsers.image import parse_images

        pictured = parse_images(images, detector="world", progress=False)
    if missing is None:  # a bird whose tail nobody marked has one
        missing = 0 if data.startswith("cub:") or annotation(pictured) == "parts" else 1
    return make_manipulation_data(
        images,
        pictured,
        sentences,
        told=told,
        missing=missing,
        seed=seed,
        info={"data": data, "split": split, "scenes": scenes},
        progress=progress is not False,
    )


def editing_facts(data: str, *, looked_at: int = 20) -> DataFacts:
    """Properties of the training images of *data*, a name as in :func:`load_manipulation_data`, without reading all of them.

    Parameters
    ----------
    data : name of a data set.
    looked_at : number of images opened to find out what is annotated.

    Raises
    ------
    InputError
        If the name is unknown or the folder cannot be read.
    """
    if data in KNOWN and KNOWN[data].drawn:
        return KNOWN[data]
    from ...data.tasks.editing import load_editing_images

    items = load_editing_images(data, "train", image_size=64, task="cam")
    return DataFacts(images=max(1, len(items)), annotated=annotation(items[k].scene for k in range(min(looked_at, len(items)))))


def make_manipulation_data(
    images: Sequence[np.ndarray],
    scenes: Sequence[SceneGraph],
    sentences: Sequence[Sequence[str]],
    *,
    told: int = 2,
    missing: int = 0,
    seed: int = 0,
    info: dict[str, Any] | None = None,
    progress: bool = False,
) -> ManipulationData:
    """Make training data from images (S, S, 3) uint8, their scene graphs and captions; options as in :func:`load_manipulation_data`."""
    from ...parsers.sentence import parse_sentences

    rng = np.random.default_rng((seed, len(images), 1))
    info = {"annotated": annotation(scenes)} | dict(info or {})
    own = [(row, text) for row, some in enumerate(sentences) for text in some]
    parses = parse_sentences([text for _, text in own], progress=progress, on_error="skip")  # a caption that cannot be kept as text
    own = [told for told, parse in zip(own, parses, strict=True) if parse is not None]
    parsed = [parse for parse in parses if parse is not None]
    surfaces = _surfaces(parsed)
    classes = sorted({thing.name for scene in scenes for thing in scene.objects})
    attributes = [
        "",
        *sorted({found[1] for scene in scenes for thing in scene.objects for a in thing.attributes if (found := kind_of(a))} | {"plain"}),
    ]
    most = max((len(scene.objects) for scene in scenes), default=0)
    boxes, names = torch.zeros(len(images), most, 4), torch.full((len(images), most), -1)
    values = torch.zeros(len(images), most, len(KINDS), dtype=torch.int64)
    patterned = {t.name for scene in scenes for t in scene.objects for a in t.attributes if (f := kind_of(a)) and KINDS[f[0]] == "pattern"}
    for row, scene in enumerate(scenes):
        width, height = scene.size or images[row].shape[1::-1]
        for node, thing in enumerate(scene.objects):
            boxes[row, node] = torch.tensor(thing.box) / torch.tensor([width, height, width, height])
            names[row, node] = classes.index(thing.name)
            for kind, word in filter(None, map(kind_of, thing.attributes)):
                values[row, node, kind] = attributes.index(word)
            if thing.name in patterned and not values[row, node, 1]:
                values[row, node, 1] = attributes.index("plain")
    masks, mask_of = _masks(scenes, images, most)
    rows = [row for row in range(len(scenes)) for _ in range(told)]
    absent = [
        (row, text, None)
        for row, scene in enumerate(scenes)
        for _ in range(missing)
        if (text := write_missing(scene, classes, surfaces, rng))
    ]
    often = 0.5 if missing else 0.0  # in scenes, instructions are mostly requests
    written = [write_sentence(scenes[row], values[row].tolist(), attributes, surfaces, rng, requests=often) for row in rows]
    extra = absent + [(row, *sentence) for row, sentence in zip(rows, written, strict=True) if sentence is not None]
    parsed_extra = parse_sentences([text for _, text, _ in extra], progress=progress)
    flats, texts, image, free, request = [], [], [], [], []
    for (row, text), scene, instead in zip(
        own + [(row, text) for row, text, _ in extra], [*parsed, *parsed_extra], [None] * len(own) + [o for _, _, o in extra], strict=True
    ):
        matches = match_objects(scenes[row], scene)
        flats.append(flat_pair(scenes[row], scene, matches=matches, complete=True))
        texts.append(text)
        image.append(row)
        need = values[row].clone()
        for match in matches:
            for kind, _ in filter(None, map(kind_of, scene.objects[match.thing].attributes)):
                need[match.region, kind] = FREE
        if instead is not None:  # in "red instead of blue", the donor must be blue
            need[instead[0], instead[1]] = instead[2]
        free.append(need)
        request.append(instead is not None)
    order = np.argsort(image, kind="stable")
    corpus = GraphCorpus(FlatGraphs.concat([flats[k] for k in order]), sentences=[texts[k] for k in order], info=info)
    return ManipulationData(
        images=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), corpus=corpus,
        image=torch.tensor(image)[order], boxes=boxes, names=names, values=values, free=torch.stack(free)[order],
        request=torch.tensor(request)[order], classes=classes, attributes=attributes, info=info, masks=masks, mask_of=mask_of,
    )  # fmt: skip


def _masks(scenes: Sequence[SceneGraph], images: Sequence[np.ndarray], most: int) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Masks of regions at the size of their images; see :class:`~.dataset.ManipulationData`."""
    import cv2

    found, of = [], torch.full((len(scenes), most), -1)
    for row, scene in enumerate(scenes):
        for node, thing in enumerate(scene.objects):
            if thing.mask is not None:
                of[row, node] = len(found)
                size = images[row].shape[1::-1]
                found.append(cv2.resize(decode_mask(thing.mask).astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA))
    return (torch.from_numpy(np.stack(found)), of) if found else (None, None)


def _surfaces(parsed: Sequence[SceneGraph]) -> dict[str, str]:
    """The most frequent form of every noun in captions: "wings" for "wing"."""
    counts_of: dict[str, Counter] = {}
    for scene in parsed:
        for thing in scene.objects:
            if thing.head is not None:
                counts_of.setdefault(thing.name, Counter())[scene.tokens[thing.head].text.lower()] += 1
    return {name: counts.most_common(1)[0][0] for name, counts in counts_of.items()}


def write_sentence(
    scene: SceneGraph,
    values: list[list[int]],
    attributes: list[str],
    surfaces: dict[str, str],
    rng: np.random.Generator,
    *,
    requests: float = 0.0,
) -> tuple[str, tuple[int, int, int] | None] | None:
    """Generate a true sentence about a scene, including facts that captions omit ("plain wings"); None if there is nothing to describe.

    Parameters
    ----------
    scene, values, attributes : the scene graph, and the attribute values of its objects
    surfaces : form of each noun in captions
    rng : random number generator
    requests : probability of the form "the wings are red instead of blue", in addition to being one of four forms

    Returns
    -------
    the text and, for that form, (object, kind, index of the attribute after "instead of").
    """
    order = [KINDS.index(k) for k in ("size", "length", "colour", "pattern")]
    describable = [
        i for i, thing in enumerate(scene.objects) if any(values[i][k] for k in order if KINDS[k] != "size") and thing.name in surfaces
    ]
    owners = {r.object: r.subject for r in scene.relations if r.predicate == "have"}
    parts = [i for i in describable if i in owners] or describable
    if not parts:
        return None
    chosen = [parts[k] for k in rng.permutation(len(parts))[:2]]
    form = 0 if requests and rng.random() < requests else rng.integers(0, 4)

    def words(i: int, share: float) -> list[str]:
        known = [attributes[values[i][k]] for k in order if values[i][k] and KINDS[k] != "size"]
        some = [w for w in known if rng.random() < share] or [known[rng.integers(0, len(known))]]
        return [w for w in some if w != "plain" or len(some) == 1 or rng.random() < 0.5]

    def plural(i: int) -> bool:
        return surfaces[scene.objects[i].name] != scene.objects[i].name

    def phrase(i: int) -> str:
        text = " ".join([*words(i, 0.6), surfaces[scene.objects[i].name]])
        return text if plural(i) else article(text)

    i = chosen[0]
    if form >= 2:
        whole = scene.objects[owners[i]].name if i in owners else None
        start = f"This {whole} has" if whole else "There is"
        return f"{start} {' and '.join(phrase(k) for k in chosen)}.", None
    noun, verb = surfaces[scene.objects[i].name], "are" if plural(i) else "is"
    if form == 1:
        return f"The {noun} {verb} {' and '.join(words(i, 0.6))}.", None
    kinds = [k for k in order if values[i][k] and KINDS[k] != "size"]
    kind = kinds[rng.integers(0, len(kinds))]
    others = [n for n, word in enumerate(attributes) if word in EXCLUSIVE[kind] and n != values[i][kind]]
    if not others:
        return None
    other = others[rng.integers(0, len(others))]
    return f"The {noun} {verb} {attributes[values[i][kind]]} instead of {attributes[other]}.", (i, kind, int(other))


def write_missing(scene: SceneGraph, classes: Sequence[str], surfaces: dict[str, str], rng: np.random.Generator) -> str | None:
    """Generate a true sentence about an absent object: "no dog", or "a cat instead of the dog" if there is a cat."""
    here = [thing.name for thing in scene.objects if thing.name in surfaces]
    others = [name for name in classes if name not in {thing.name for thing in scene.objects}]
    if not others or not here:
        return None
    other = others[rng.integers(0, len(others))]
    if rng.random() < 0.5:
        return f"no {other}"
    return f"{article(surfaces[here[rng.integers(0, len(here))]])} instead of the {other}"


def article(phrase: str) -> str:
    """``orange beak`` -> ``an orange beak``."""
    return ("an " if phrase[:1] in "aeiou" else "a ") + phrase
