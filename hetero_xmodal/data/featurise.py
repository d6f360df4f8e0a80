"""Features of new images and texts, computed exactly as those that a model was trained on.

The model's vocabulary holds how (``vocab["images"]`` and ``vocab["texts"]``, JSON values); see
:class:`hetero_xmodal.data.tasks.retrieval.RetrievalData`.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import InputError

# ---------------------------------------------------------------------------------------------- images to features


def image_rows(vocab: dict[str, Any], images: Sequence[Any]) -> np.ndarray:
    """Features (n, width) of *images* (paths or PIL images), made as those that the model with *vocab* was trained on.

    Raises
    ------
    InputError : the model was trained on features made elsewhere, other weights of the network, or an image that cannot be read.
    """
    network = vocab.get("images", {}).get("network", "given")
    if network == "given":
        raise InputError("this model was trained on features made elsewhere; it cannot read images, give it features of the same kind")
    if network == "world detector":
        return _detector_rows(images)
    return _network_rows(images, network, vocab["images"].get("weights"))


def _network_rows(images: Sequence[Any], name: str, weights: str | None, batch: int = 16) -> np.ndarray:
    """Vectors of a frozen ImageNet network; *weights* is the hash that its weights must have, if known."""
    from ..images import read_reduced
    from ..networks import frozen

    network = frozen.frozen_network(name)
    if weights not in (None, network.weights):
        raise InputError(
            f"the weights of network '{name}' are not those that the model's images were read with ({weights}); give those again"
        )
    rows = []
    for start in progress_bar(range(0, len(images), batch), f"images through {name.partition(':')[0]}"):
        rows.append(network([read_reduced(image, 2 * network.side)[0] for image in images[start : start + batch]]).numpy())
    return np.concatenate(rows)


def check_images(paths: Sequence[Any]) -> None:
    """Decode every image once, at low resolution, so that a damaged one is refused before the network runs on the others.

    Raises
    ------
    InputError : an image cannot be read.
    """
    from ..images import read_reduced

    for path in progress_bar(paths, "checking the images"):
        read_reduced(path, 16)


def progress_bar(steps: Sequence[Any], what: str) -> Iterable[Any]:
    """*steps* with a progress bar in a terminal, if there are many."""
    if len(steps) < 20 or not sys.stderr.isatty():
        return steps
    from rich.console import Console
    from rich.progress import track

    return track(steps, description=what, console=Console(stderr=True))


def _detector_rows(images: Sequence[Any], batch: int = 32) -> np.ndarray:
    """Image features (n, width) from the shipped detector: counts of the detected classes, mean and maximum of the region features, and the
    mean of the backbone's feature maps, which depends on the scene's background.
    """
    from ..images import read_reduced
    from ..parsers.detectors.base import InputImage
    from ..parsers.detectors.world import WorldDetector

    detector = WorldDetector()
    context: list[np.ndarray] = []
    hook = detector.network.backbone.register_forward_hook(
        lambda module, inputs, maps: context.append(np.concatenate([m.float().mean((2, 3)).numpy() for m in maps.values()], 1))
    )
    classes, width = {name: k for k, name in enumerate(detector.config.classes)}, detector.config.feature
    rows = []
    try:
        for start in range(0, len(images), batch):
            some = [InputImage(*read_reduced(p, detector.longest_side), None, None) for p in images[start : start + batch]]
            for found in detector.detect(some):
                count = np.bincount([classes[name] for name in found.names], minlength=len(classes)).astype(np.float32)
                seen = found.features if len(found.names) else np.zeros((1, width), np.float32)
                rows.append(np.concatenate([count, seen.mean(0), seen.max(0)]))
    finally:
        hook.remove()
    return np.concatenate([np.stack(rows), np.concatenate(context)], 1).astype(np.float32)


# ---------------------------------------------------------------------------------------------- texts to features


def words_of(text: str) -> list[str]:
    """Lower-case words of a text (a word begins with a letter), plural nouns in the singular by simple rules.

    >>> words_of("Two birds, 3 boxes and the Children's kites")
    ['two', 'bird', 'box', 'and', 'the', 'child', 'kite']
    """
    words = [re.sub(r"'s?$", "", word) for word in re.findall(r"[^\W\d_](?:[^\W_]|')*", text.lower())]
    return [_singular(word) for word in words if word]


_IRREGULAR = {"children": "child", "men": "man", "women": "woman", "people": "person", "mice": "mouse", "knives": "knife", "sheep": "sheep"}


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def text_rows(vocab: dict[str, Any], texts: Sequence[str]) -> np.ndarray:
    """Features (n, width) of *texts*, made as *vocab* says: 0/1 for every tag of its vocabulary, or TF-IDF of its words.

    A text without a known word is a row of zeros.

    Raises
    ------
    InputError : the model was trained on text features made elsewhere.
    """
    how = vocab.get("texts", {})
    if how.get("kind") not in ("tags", "tf-idf"):
        raise InputError("this model was trained on text features made elsewhere; it cannot read sentences, only such features")
    names = vocab["tags"] if how["kind"] == "tags" else how["words"]
    column = {word: k for k, word in enumerate(names)}
    rows = np.zeros((len(texts), len(names)), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word, count in Counter(words_of(text)).items():
            if word in column:
                row[column[word]] = count
    if how["kind"] == "tags":
        return (rows > 0).astype(np.float32)
    weighted = np.log1p(rows) * np.asarray(how["idf"], np.float32)
    return weighted / np.linalg.norm(weighted, axis=1, keepdims=True).clip(1e-12)


def count_words(texts: Sequence[str], at_least: int) -> dict[str, Any]:
    """The words that occur in *at_least* so many training texts, without stop words, and their inverse document frequency.

    Raises
    ------
    InputError : no word does.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found = Counter(word for text in texts for word in set(words_of(text)) - ENGLISH_STOP_WORDS)
    words = sorted(word for word, count in found.items() if count >= at_least)
    if not words:
        raise InputError(f"no word stands in {at_least} or more of the {len(texts)} training texts; there is nothing to learn from")
    return {"kind": "tf-idf", "words": words, "idf": [round(float(np.log((1 + len(texts)) / (1 + found[word])) + 1), 6) for word in words]}
