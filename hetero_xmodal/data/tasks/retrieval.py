"""What cross-modal retrieval learns from and is tested on: pairs of image features and text features with their labels, and their names.

========================  ============================================================  ==========================================
name                      pairs                                                         features
========================  ============================================================  ==========================================
``world/scenes``          the default world                                             the shipped detector; bag of tags
``coco-labels:FOLDER``    photos of COCO's layout which instances.json lists            an ImageNet network; TF-IDF of the captions
``photos:FOLDER``         photos with a table of tags and labels, ``tags.csv``          an ImageNet network; bag of tags
``wikipedia:FOLDER``      the Wikipedia set, its ten classes as labels                  as published
``mat:FOLDER``            ``{train,test}_{img,txt,lab}.mat``                            as given
``features:FILE``         one ``.npz`` or ``.mat`` of your own                          as given
========================  ============================================================  ==========================================

Everything that is counted (words, their document frequency, which labels exist) is counted on the training pairs and travels with the model
as its vocabulary (:attr:`RetrievalData.vocab`), so that new images and sentences are turned into the same features.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import InputError, nearest
from ...files import read_json
from ..datasets.photos import SPLITS, Photo, read_photos, split_of
from ..features import FeatureSet, FeatureSplit, load_feature_folder, load_features, load_wikipedia
from ..featurise import check_images, count_words, image_rows, text_rows

NAMES = ("world/scenes", "coco-labels:FOLDER", "photos:FOLDER", "wikipedia:FOLDER", "mat:FOLDER", "features:FILE")
WORLD_SIZES = {"train": 3000, "val": 500, "test": 1000}


@dataclass(frozen=True, eq=False)
class RetrievalData:
    """A data set ready for training.

    features : its three splits
    vocab : what a model must know to read new images, texts and labels the same way; JSON values only. ``labels``: names of the label
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
    network : for the images of ``coco-labels`` and ``photos``, the frozen network: ``"efficientnet-lite0"``, a torchvision name such as
        ``"vgg19_bn"`` (the paper's), or that with a file of weights, ``"vgg19_bn:FILE"``; see :mod:`hetero_xmodal.networks.frozen`.

    Raises
    ------
    InputError : unknown name, and everything that the readers of the files refuse.
    """
    kind, place = data_kind(name)
    if kind == "world/scenes":
        return _world(sizes or {})
    if kind in IMAGES:
        return _photographs(kind, place, network, held_out, seed)
    features = {"wikipedia": load_wikipedia, "mat": load_feature_folder, "features": load_features}[kind](place, held_out=None)
    if features.validation is None:
        default = 217 if kind == "wikipedia" else _tenth(features)
        features = features.hold_out(default if held_out is None else held_out, seed=seed)
    labels = features.label_names or [f"label {k}" for k in range(features.train.labels.shape[1])]
    vocab = {"data": kind, "labels": list(labels), "images": {"network": "given"}, "texts": {"kind": "given"}}
    texts = features.train.texts
    if kind != "wikipedia" and bool(((texts == 0) | (texts == 1)).all()):  # tag vectors, for the tag network
        vocab |= {"tags": [f"tag {k}" for k in range(texts.shape[1])], "texts": {"kind": "given tags"}}
    return RetrievalData(features, vocab)


def load_test_pairs(name: str, vocab: dict[str, Any], *, sizes: dict[str, int] | None = None) -> FeatureSplit:
    """The pairs of *name* that a model with *vocab* may be tested on, as the features and label columns which that model knows.

    These are the test split; of photographs (``coco-labels``, ``photos``) without a split of that name, every labelled one that the model
    was neither trained nor selected on.

    Raises
    ------
    InputError : features of other widths or kinds than the model's, no pair left, other labels.
    """
    kind, place = data_kind(name)
    made = {"world/scenes": "world detector"}.get(kind, "network" if kind in IMAGES else "given")
    own = vocab.get("images", {}).get("network", "given")
    if (own == "given") != (made == "given") or (own == "world detector") != (made == "world detector"):
        raise InputError(
            f"the model reads image features of kind '{own}', which '{name}' does not offer; use data like its own ({vocab.get('data')})"
        )
    if kind == "world/scenes":
        return _world_split("test", (sizes or {}).get("test", WORLD_SIZES["test"]), vocab)
    if kind in IMAGES:
        used = set(vocab.get("used", ()))
        items, names = IMAGES[kind](place)
        named = any(item.split == "test" for item in items)
        kept = [item for item in items if item.id not in used and (item.split == "test" or not named)]
        if not kept:
            raise InputError(f"'{name}': every labelled photo was used to train this model, so none is left to test it on")
        columns = {label: k for k, label in enumerate(names)}
        if not any(label in columns for label in vocab["labels"]):
            raise InputError(f"'{name}' has none of the labels that this model knows ({', '.join(vocab['labels'][:5])} ...)")
        labels = np.stack([[item.labels[columns[x]] if x in columns else 0 for x in vocab["labels"]] for item in kept])
        check_images([item.path for item in kept])
        return FeatureSplit(image_rows(vocab, [i.path for i in kept]), text_rows(vocab, [i.text for i in kept]), labels)
    features = {"wikipedia": load_wikipedia, "mat": load_feature_folder, "features": load_features}[kind](place, held_out=None)
    if features.test.labels.shape[1] != len(vocab["labels"]):
        raise InputError(f"'{name}' has {features.test.labels.shape[1]} labels, but the model was trained with {len(vocab['labels'])}")
    return features.test


def data_kind(name: str) -> tuple[str, str]:
    """What kind of data *name* names (``"world/scenes"``, ``"coco-labels"`` ...), and the folder or file it is in.

    >>> data_kind("photos:my_photos")
    ('photos', 'my_photos')
    """
    if name == "world/scenes":
        return "world/scenes", ""
    kind, colon, place = str(name).partition(":")
    if kind not in (*IMAGES, "wikipedia", "mat", "features") or not colon or not place:
        raise InputError(f"unknown retrieval data {name!r}{nearest(name, NAMES)}; known are {', '.join(NAMES)}")
    return kind, place


# ---------------------------------------------------------------------------------------------- the data sets with images


def _world(sizes: dict[str, int]) -> RetrievalData:
    from .. import load_dataset

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
    from .. import load_dataset

    data = load_dataset("world/scenes", split, size=size)
    column = {tag: k for k, tag in enumerate(vocab["tags"])}
    rows, tags, labels = [], np.zeros((len(data), len(column)), np.float32), []
    for start in range(0, len(data), 256):  # images are drawn as they are needed, never all at once
        items = [data[k] for k in range(start, min(start + 256, len(data)))]
        rows.append(image_rows(vocab, [item.image for item in items]))
        for k, item in enumerate(items, start):
            tags[k, [column[tag] for tag in item.tags if tag in column]] = 1
        labels += [item.labels for item in items]
    return FeatureSplit(np.concatenate(rows), tags, np.stack(labels))


def _read_coco(folder: str) -> tuple[list[Photo], list[str]]:
    """The photos of a COCO folder that have labels and captions, in the order of their ids, and the label names."""
    from ..datasets.coco import _image_path, _instances, _records, existing_folder

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
            place = _image_path(path, image["file_name"], where)
            photos.append(Photo(place.stem, place, " ".join(captions[image["id"]]), labels, image.get("split")))
    if not photos:
        raise InputError(f"no photo of '{folder}' has both labels (instances.json) and a caption (captions.json)")
    return sorted(photos, key=lambda photo: photo.id), names


#: how the photos of each kind of folder are read
IMAGES = {"coco-labels": _read_coco, "photos": read_photos}


def _photographs(kind: str, folder: str, network: str, held_out: int | None, seed: int) -> RetrievalData:
    images = _images(network)
    items, names = IMAGES[kind](folder)
    known = {item.split for item in items}
    own = {"train", "test"} <= known <= set(SPLITS)  # otherwise the split is made here
    splits = {split: [i for i in items if (i.split if own else split_of(i.id)) == split] for split in SPLITS}
    for split, members in splits.items():
        if not members and not (own and split == "val"):
            raise InputError(f"'{folder}' has {len(items)} labelled photos, none of them in the {split} split; it needs more")
    check_images([item.path for item in items])
    seen = np.sum([item.labels for item in splits["train"]], axis=0) > 0
    words = count_words([item.text for item in splits["train"]], at_least=2)
    vocab: dict[str, Any] = {
        "data": kind,
        "labels": [name for name, there in zip(names, seen, strict=True) if there],
        "images": images,
        "texts": words,
        "used": [item.id for split in ("train", "val") for item in splits[split]],
    }
    if kind == "photos":
        vocab |= {"tags": words["words"], "texts": {"kind": "tags"}}
    everyone = [item for members in splits.values() for item in members]
    rows = FeatureSplit(
        image_rows(vocab, [item.path for item in everyone]),
        text_rows(vocab, [item.text for item in everyone]),
        np.stack([item.labels[seen] for item in everyone]),
    )
    made, start = {}, 0
    for split, members in splits.items():
        made[split] = rows.rows(slice(start, start + len(members))) if members else None
        start += len(members)
    features = FeatureSet(kind, made["train"], made["test"], made["val"], tuple(vocab["labels"]))
    if features.validation is None:
        features = features.hold_out(_tenth(features) if held_out is None else held_out, seed=seed)
    return RetrievalData(features, vocab)


def _images(network: str) -> dict[str, str]:
    """What a model must know to read images with the same network again."""
    from pathlib import Path

    from ...networks.frozen import network_weights

    weights = network_weights(network)
    kind, colon, file = network.partition(":")
    return {"network": f"{kind}:{Path(file).resolve()}" if colon else kind, "weights": weights}


def _tenth(features: FeatureSet) -> int:
    return min(2000, max(1, len(features.train) // 10))
