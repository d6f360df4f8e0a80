"""What cross-modal retrieval learns from and is tested on: pairs of image features and text features with their labels, and their names.

========================  ============================================================  ==========================================
name                      pairs                                                         features
========================  ============================================================  ==========================================
``world/scenes``          the default world                                             the shipped detector; bag of tags
``coco-labels:FOLDER``    photos of COCO's layout which instances.json lists            an ImageNet network; TF-IDF of the captions
``wikipedia:FOLDER``      the Wikipedia set, its ten classes as labels                  as published
``mat:FOLDER``            ``{train,test}_{img,txt,lab}.mat``                            as given
``features:FILE``         one ``.npz`` or ``.mat`` of your own                          as given
========================  ============================================================  ==========================================

Everything that is counted (words, their document frequency, which labels exist) is counted on the training pairs and travels with the model
as its vocabulary (:attr:`RetrievalData.vocab`), so that new pictures and sentences are turned into the same features.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..files import read_json
from .features import FeatureSet, FeatureSplit, load_feature_folder, load_features, load_wikipedia

NAMES = ("world/scenes", "coco-labels:FOLDER", "wikipedia:FOLDER", "mat:FOLDER", "features:FILE")
WORLD_SIZES = {"train": 3000, "val": 500, "test": 1000}


@dataclass(frozen=True, eq=False)
class RetrievalData:
    """A data set ready for training.

    features : its three splits
    vocab : what a model must know to read new pictures, texts and labels the same way; JSON values only. ``labels``: names of the label
        columns; ``tags``: the tag vocabulary, if texts are 0/1 tag vectors; ``images``, ``texts``: how the features were made;
        ``data``: the data set; ``used``: ids of the training and validation pairs, if pairs have ids.
    """

    features: FeatureSet
    vocab: dict[str, Any] = field(default_factory=dict)


def load_retrieval_data(
    name: str, *, seed: int = 0, held_out: int | None = None, sizes: dict[str, int] | None = None, network: str = "efficientnet-lite0"
) -> RetrievalData:
    """The three splits of a data set and its vocabulary.

    Parameters
    ----------
    name : one of the names in the module's table.
    seed : of the pairs that are held out for validation where the data set has no validation split of its own.
    held_out : how many those are; a tenth of the training pairs, at most 2,000, if left out (Wikipedia: 217).
    sizes : for the world, pairs in ``train``, ``val`` and ``test``.
    network : for pictures of ``coco-labels``, the frozen network: ``"efficientnet-lite0"`` or a torchvision name such as ``"vgg19_bn"``.

    Raises
    ------
    InputError : unknown name, and everything that the readers of the files refuse.
    """
    kind, place = _kind(name)
    if kind == "world":
        return _world(sizes or {})
    if kind == "coco-labels":
        return _coco(place, network)
    features = {"wikipedia": load_wikipedia, "mat": load_feature_folder, "features": load_features}[kind](place, held_out=None)
    if features.validation is None:
        default = 217 if kind == "wikipedia" else min(2000, max(1, len(features.train) // 10))
        features = features.hold_out(default if held_out is None else held_out, seed=seed)
    labels = features.label_names or [f"label {k}" for k in range(features.train.labels.shape[1])]
    vocab = {"data": kind, "labels": list(labels), "images": {"network": "given"}, "texts": {"kind": "given"}}
    texts = features.train.texts
    if kind != "wikipedia" and bool(((texts == 0) | (texts == 1)).all()):  # tag vectors, for the tag network
        vocab |= {"tags": [f"tag {k}" for k in range(texts.shape[1])], "texts": {"kind": "given tags"}}
    return RetrievalData(features, vocab)


def load_test_pairs(name: str, vocab: dict[str, Any], *, sizes: dict[str, int] | None = None) -> FeatureSplit:
    """The pairs of *name* that a model with *vocab* may be tested on, as the features and label columns which that model knows.

    These are the test split; of photographs (``coco-labels``) without a split of that name, every labelled one that the model was neither
    trained nor selected on.

    Raises
    ------
    InputError : features of other widths or kinds than the model's, no pair left, other labels.
    """
    kind, place = _kind(name)
    made = {"world": "world detector", "coco-labels": "network"}.get(kind, "given")
    own = vocab.get("images", {}).get("network", "given")
    if (own == "given") != (made == "given") or (own == "world detector") != (made == "world detector"):
        raise InputError(
            f"the model reads image features of kind '{own}', which '{name}' does not offer; use data like its own ({vocab.get('data')})"
        )
    if kind == "world":
        return _world_split("test", (sizes or {}).get("test", WORLD_SIZES["test"]), vocab)
    if kind == "coco-labels":
        used = set(vocab.get("used", ()))
        items, names = _labelled(place)
        named = any(item.split == "test" for item in items)
        kept = [item for item in items if item.id not in used and (item.split == "test" or not named)]
        if not kept:
            raise InputError(f"'{name}': every labelled photo was used to train this model, so none is left to test it on")
        columns = {label: k for k, label in enumerate(names)}
        if not any(label in columns for label in vocab["labels"]):
            raise InputError(f"'{name}' has none of the labels that this model knows ({', '.join(vocab['labels'][:5])} ...)")
        labels = np.stack([[item.labels[columns[x]] if x in columns else 0 for x in vocab["labels"]] for item in kept])
        return FeatureSplit(image_rows(vocab, [i.path for i in kept]), text_rows(vocab, [i.text for i in kept]), labels)
    features = {"wikipedia": load_wikipedia, "mat": load_feature_folder, "features": load_features}[kind](place, held_out=None)
    if features.test.labels.shape[1] != len(vocab["labels"]):
        raise InputError(
            f"'{name}' has {features.test.labels.shape[1]} labels, but the model was trained with {len(vocab['labels'])}"
        )
    return features.test


def _kind(name: str) -> tuple[str, str]:
    if name == "world/scenes":
        return "world", ""
    kind, colon, place = str(name).partition(":")
    if kind not in ("coco-labels", "wikipedia", "mat", "features") or not colon or not place:
        raise InputError(f"unknown retrieval data {name!r}{nearest(name, NAMES)}; known are {', '.join(NAMES)}")
    return kind, place


# ---------------------------------------------------------------------------------------------- pictures to features


def image_rows(vocab: dict[str, Any], pictures: Sequence[Any]) -> np.ndarray:
    """Features (n, width) of *pictures* (paths or PIL images), made as *vocab* says that its model's features were made."""
    network = vocab.get("images", {}).get("network", "given")
    if network == "given":
        raise InputError("this model was trained on features made elsewhere; it cannot read pictures, give it features of the same kind")
    if network == "world detector":
        return _detector_rows(pictures)
    return _network_rows(pictures, network)


def _network_rows(pictures: Sequence[Any], network: str, side: int = 256, batch: int = 16) -> np.ndarray:
    """Mean over the whole picture of a frozen ImageNet network's last feature map; pictures are stretched to a square of *side* pixels."""
    import torch

    from ..images import read_reduced
    from ..parsers.detectors.grid import load_network

    body, mean, deviation, _ = load_network(network)
    rows = []
    for start in range(0, len(pictures), batch):
        images = [read_reduced(picture, 2 * side)[0].resize((side, side)) for picture in pictures[start : start + batch]]
        x = torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            rows.append(body((x - mean) / deviation).mean((2, 3)).numpy())
    return np.concatenate(rows)


def _detector_rows(pictures: Sequence[Any], batch: int = 32) -> np.ndarray:
    """What the shipped detector knows of a picture, in four parts side by side.

    How many objects of each class it sees; mean and maximum of their region features; mean over the picture of its feature maps, which
    tells the place.
    """
    from ..images import read_reduced
    from ..parsers.detectors.base import Picture
    from ..parsers.detectors.world import WorldDetector

    detector = WorldDetector()
    context: list[np.ndarray] = []
    hook = detector.network.backbone.register_forward_hook(
        lambda module, inputs, maps: context.append(np.concatenate([m.float().mean((2, 3)).numpy() for m in maps.values()], 1))
    )
    classes, width = {name: k for k, name in enumerate(detector.config.classes)}, detector.config.feature
    rows = []
    try:
        for start in range(0, len(pictures), batch):
            some = [Picture(*read_reduced(p, detector.longest_side), None, None) for p in pictures[start : start + batch]]
            for found in detector.detect(some):
                count = np.bincount([classes[name] for name in found.names], minlength=len(classes)).astype(np.float32)
                seen = found.features if len(found.names) else np.zeros((1, width), np.float32)
                rows.append(np.concatenate([count, seen.mean(0), seen.max(0)]))
    finally:
        hook.remove()
    return np.concatenate([np.stack(rows), np.concatenate(context)], 1).astype(np.float32)


# ---------------------------------------------------------------------------------------------- texts to features


def words_of(text: str) -> list[str]:
    """Lower-case words of a text, plural nouns brought to the singular by the plainest rules.

    >>> words_of("Two birds, 3 boxes and the Children's kites")
    ['two', 'bird', 'box', 'and', 'the', 'child', 'kite']
    """
    words = [re.sub(r"'s?$", "", word) for word in re.findall(r"[a-z][a-z']*", text.lower())]
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

    A text of which the vocabulary knows no word is a row of zeros.
    """
    how = vocab.get("texts", {})
    if how.get("kind") not in ("tags", "tf-idf"):
        raise InputError(
            "this model was trained on text features made elsewhere; it cannot read sentences, only such features"
        )
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


def _count_words(texts: Sequence[str], at_least: int) -> dict[str, Any]:
    """The words of the training texts that *at_least* so many of them use, without the most ordinary ones, and their rarity."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found = Counter(word for text in texts for word in set(words_of(text)) - ENGLISH_STOP_WORDS)
    words = sorted(word for word, count in found.items() if count >= at_least)
    if not words:
        raise InputError(f"no word stands in {at_least} or more of the {len(texts)} training texts; there is nothing to learn from")
    return {"kind": "tf-idf", "words": words, "idf": [round(float(np.log((1 + len(texts)) / (1 + found[word])) + 1), 6) for word in words]}


# ---------------------------------------------------------------------------------------------- the data sets with pictures


def _world(sizes: dict[str, int]) -> RetrievalData:
    from . import load_dataset

    unknown = set(sizes) - set(WORLD_SIZES)
    if unknown:
        raise InputError(f"sizes names the split {sorted(unknown)[0]!r}; the world's are train, val and test")
    first = load_dataset("world/scenes", "train", size=1)
    vocab = {
        "data": "world/scenes",
        "labels": list(first.label_names),
        "tags": list(first.tag_names),
        "images": {"network": "world detector"},
        "texts": {"kind": "tags"},
    }
    train, validation, test = (_world_split(split, (WORLD_SIZES | sizes)[split], vocab) for split in ("train", "val", "test"))
    return RetrievalData(FeatureSet("world/scenes", train, test, validation, tuple(vocab["labels"])), vocab)


def _world_split(split: str, size: int, vocab: dict[str, Any]) -> FeatureSplit:
    from . import load_dataset

    data = load_dataset("world/scenes", split, size=size)
    column = {tag: k for k, tag in enumerate(vocab["tags"])}
    rows, tags, labels = [], np.zeros((len(data), len(column)), np.float32), []
    for start in range(0, len(data), 256):  # pictures are drawn as they are needed, never all at once
        items = [data[k] for k in range(start, min(start + 256, len(data)))]
        rows.append(image_rows(vocab, [item.image for item in items]))
        for k, item in enumerate(items, start):
            tags[k, [column[tag] for tag in item.tags if tag in column]] = 1
        labels += [item.labels for item in items]
    return FeatureSplit(np.concatenate(rows), tags, np.stack(labels))


@dataclass(frozen=True)
class _Photo:
    """A labelled photo with its captions as one text; its pixels are read when they are needed."""

    id: str
    path: Any
    text: str
    labels: np.ndarray
    split: str | None


def _labelled(folder: str) -> tuple[list[_Photo], list[str]]:
    """The photos of a COCO folder that have labels and captions, in the order of their ids, and the label names."""
    from .coco import _instances, _picture_path, _records, existing_folder

    path = existing_folder(folder, "coco-labels:")
    where = f"captions file '{path / 'captions.json'}'"
    data = read_json(path / "captions.json", "captions")
    captions: dict[Any, list[str]] = {}
    for row in _records(data, "annotations", ("image_id", "caption"), where):
        captions.setdefault(row["image_id"], []).append(str(row["caption"]))
    boxes, names = _instances(path)
    if not names:
        raise InputError(f"'{folder}' has no instances.json, so its photos have no labels; retrieval by labels needs them")
    column = {name: k for k, name in enumerate(names)}
    photos = []
    for image in _records(data, "images", ("id", "file_name"), where):
        present = [column[name] for name, *_ in boxes.get(image["id"], {}).get("things", ())]
        if present and image["id"] in captions:
            labels = np.zeros(len(names), np.uint8)
            labels[present] = 1
            place = _picture_path(path, image["file_name"], where)
            photos.append(_Photo(place.stem, place, " ".join(captions[image["id"]]), labels, image.get("split")))
    if not photos:
        raise InputError(f"no photo of '{folder}' has both labels (instances.json) and a caption (captions.json)")
    return sorted(photos, key=lambda photo: photo.id), names


def split_of(id: str) -> str:
    """Train (75 %), val (10 %) or test (15 %), by the hash of an id: the same on every machine, whatever other photos there are."""
    share = int(hashlib.sha256(id.encode()).hexdigest()[:8], 16) / 2**32
    return "train" if share < 0.75 else "val" if share < 0.85 else "test"


def _coco(folder: str, network: str) -> RetrievalData:
    items, names = _labelled(folder)
    own = {item.split for item in items} == {"train", "val", "test"}  # otherwise the split is made here
    splits = {split: [i for i in items if (i.split if own else split_of(i.id)) == split] for split in ("train", "val", "test")}
    for split, members in splits.items():
        if not members:
            raise InputError(
                f"'{folder}' has {len(items)} labelled photos, none of them in the {split} split; it needs more"
            )
    seen = np.sum([item.labels for item in splits["train"]], axis=0) > 0
    texts = {split: [item.text for item in members] for split, members in splits.items()}
    vocab = {
        "data": "coco-labels",
        "labels": [name for name, there in zip(names, seen, strict=True) if there],
        "images": {"network": network},
        "texts": _count_words(texts["train"], at_least=2),
        "used": [item.id for split in ("train", "val") for item in splits[split]],
    }
    made = {
        split: FeatureSplit(
            image_rows(vocab, [item.path for item in members]), text_rows(vocab, texts[split]), np.stack([i.labels[seen] for i in members])
        )
        for split, members in splits.items()
    }
    return RetrievalData(FeatureSet("coco-labels", made["train"], made["test"], made["val"], tuple(vocab["labels"])), vocab)
