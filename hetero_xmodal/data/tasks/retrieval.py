"""Data sets prepared for cross-modal retrieval: pairs of image features and text features with their labels, and the names of these.

===================================  ====================================================  ==========================================
data set gives                       features of images                                    features of texts
===================================  ====================================================  ==========================================
features                             as given                                              as given
images, labels and tags              a frozen ImageNet network                             bag of the tags of the training pairs
images, labels and captions          a frozen ImageNet network                             TF-IDF of the captions
the default world                    the shipped detector                                  bag of the world's tags
===================================  ====================================================  ==========================================

All statistics (words, their document frequency, the labels) are computed on the training pairs and stored with the model as its
vocabulary (:attr:`RetrievalData.vocab`), so that new images and sentences are turned into the same features.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import InputError
from ..features import FeatureSet, FeatureSplit
from ..featurise import check_images, count_words, image_rows, text_rows
from ..registry import entry_of, open_for
from ..source import SET_ASIDE, SPLITS, Record, Source, check_files, split_name, split_of
from ..store import progress_bar

#: pairs of a generated data set unless sizes are given
GENERATED_SIZES = {"train": 3000, "val": 500, "test": 1000}


@dataclass(frozen=True, eq=False)
class RetrievalData:
    """A data set ready for training.

    features : its three splits
    vocab : how to encode new images, texts and labels in the same way; JSON values only. ``labels``: names of the label
        columns; ``tags``: the tag vocabulary, if texts are 0/1 tag vectors; ``images``, ``texts``: how the features were made;
        ``data``: the data set; ``used``: ids of the training and validation pairs, if pairs have ids.
    items : what the features of all pairs were made of, if they were made here: ``ids``, ``texts`` and ``images``, a mark of each file
    """

    features: FeatureSet
    vocab: dict[str, Any] = field(default_factory=dict)
    items: dict[str, list[str]] = field(default_factory=dict)


def load_retrieval_data(
    name: str, *, seed: int = 0, held_out: int | None = None, sizes: dict[str, int] | None = None, network: str = "efficientnet-lite0"
) -> RetrievalData:
    """The three splits of a data set and its vocabulary.

    Parameters
    ----------
    name : any data set of the registry that gives labels, and images with captions or tags or else features.
    seed : of the pairs that are held out for validation where the data set has no split ``val`` of its own.
    held_out : how many those are; a tenth of the training pairs, at most 2,000, if left out (Wikipedia: 217).
    sizes : for the world, pairs in ``train``, ``val`` and ``test``.
    network : of photographs, the frozen network that makes their features: ``"efficientnet-lite0"``, a torchvision name such as
        ``"vgg19_bn"`` (the paper's), or that with a file of weights, ``"vgg19_bn:FILE"``; see :mod:`hetero_xmodal.networks.frozen`.

    Raises
    ------
    InputError : unknown name, data that does not give what is needed, and everything that the readers of the files refuse.
    """
    source = open_for(name, "dagnn")
    if source.features is None:
        return _generated(source, sizes or {}) if source.generate is not None else _photographs(source, network, held_out, seed)
    features = source.features()
    if features.val is None:
        default = _tenth(features)  # of Wikipedia 217
        features = features.hold_out(default if held_out is None else held_out, seed=seed)
    labels = features.label_names or [f"label {k}" for k in range(features.train.labels.shape[1])]
    vocab = {"data": source.kind, "labels": list(labels), "images": {"network": "given"}, "texts": {"kind": "given"}}
    texts = features.train.texts
    if source.kind != "wikipedia" and bool(((texts == 0) | (texts == 1)).all()):  # tag vectors, for the tag network
        vocab |= {"tags": [f"tag {k}" for k in range(texts.shape[1])], "texts": {"kind": "given tags"}}
    return RetrievalData(features, vocab)


def load_test_pairs(name: str, vocab: dict[str, Any], *, sizes: dict[str, int] | None = None) -> FeatureSplit:
    """The pairs of *name* that a model with *vocab* may be tested on, as the features and label columns which that model knows.

    These are the test split; of photographs without a split of that name, every labelled one that the model was neither trained nor
    selected on.

    Raises
    ------
    InputError : features of other widths or kinds than the model's, no pair left, other labels.
    """
    source = open_for(name, "dagnn")
    made = "given" if source.features is not None else "world detector" if source.generate is not None else "network"
    own = vocab.get("images", {}).get("network", "given")
    if (own == "given") != (made == "given") or (own == "world detector") != (made == "world detector"):
        raise InputError(
            f"the model reads image features of kind '{own}', which '{name}' does not offer; use data like its own ({vocab.get('data')})"
        )
    if source.features is not None:
        features = source.features()
        if features.test.labels.shape[1] != len(vocab["labels"]):
            raise InputError(f"'{name}' has {features.test.labels.shape[1]} labels, but the model was trained with {len(vocab['labels'])}")
        return features.test
    columns = {label: k for k, label in enumerate(source.label_names)}
    if not any(label in columns for label in vocab["labels"]):
        raise InputError(f"'{name}' has none of the labels that this model knows ({', '.join(vocab['labels'][:5])} ...)")
    if source.generate is not None:
        return _generated_split(source, "test", _sizes(sizes or {})["test"], vocab)
    used = set(vocab.get("used", ()))
    records = _labelled(source, tags="tags" in vocab)
    named = any(record.split == "test" for record in records)
    kept = [record for record in records if record.id not in used and (record.split == "test" or not named)]
    if not kept:
        raise InputError(f"'{name}': every labelled photo was used to train this model, so none is left to test it on")
    labels = np.stack([[record.labels[columns[x]] if x in columns else 0 for x in vocab["labels"]] for record in kept])
    if not labels.any():
        raise InputError(f"'{name}': none of its {len(kept)} test images has a label that this model knows; give data of the same classes")
    check_images([record.image for record in kept])
    return FeatureSplit(
        image_rows(vocab, [record.image for record in kept]),
        text_rows(vocab, [_text(record, tags="tags" in vocab) for record in kept]),
        labels,
    )


def data_kind(name: str) -> tuple[str, str]:
    """What kind of data *name* names (``"world/scenes"``, ``"coco"`` ...), and the folder or file it is in.

    Raises
    ------
    InputError : an unknown name.

    >>> data_kind("photos:my_photos")
    ('photos', 'my_photos')
    """
    entry, place = entry_of(name)
    return entry.kind, place


# ---------------------------------------------------------------------------------------------- generated data


def _sizes(sizes: dict[str, int]) -> dict[str, int]:
    named = {split_name(split): size for split, size in sizes.items()}
    unknown = set(named) - set(SPLITS)
    if unknown:
        raise InputError(f"sizes names the split {sorted(unknown)[0]!r}; give train, val or test")
    return GENERATED_SIZES | named


def _generated(source: Source, sizes: dict[str, int]) -> RetrievalData:
    vocab = {
        "data": source.kind,
        "labels": list(source.label_names),
        "tags": list(source.tag_names),
        "images": {"network": "world detector"},
        "texts": {"kind": "tags"},
    }
    train, val, test = (_generated_split(source, split, _sizes(sizes)[split], vocab) for split in SPLITS)
    seen = train.labels.any(axis=0)
    if not seen.all():  # a label without a training pair cannot be learned
        vocab["labels"] = [label for label, there in zip(vocab["labels"], seen, strict=True) if there]
        train, val, test = (FeatureSplit(part.images, part.texts, part.labels[:, seen]) for part in (train, val, test))
    return RetrievalData(FeatureSet(source.kind, train, test, val, tuple(vocab["labels"])), vocab)


def _generated_split(source: Source, split: str, size: int, vocab: dict[str, Any]) -> FeatureSplit:
    data = source.items(split, size)
    column = {tag: k for k, tag in enumerate(vocab["tags"])}
    place = {label: k for k, label in enumerate(source.label_names)}
    rows, tags, labels = [], np.zeros((len(data), len(column)), np.float32), []
    with progress_bar(f"features of the {split} images", len(data)) as advance:
        for start in range(0, len(data), 256):  # images are drawn as they are needed, never all at once
            items = [data[k] for k in range(start, min(start + 256, len(data)))]
            rows.append(image_rows(vocab, [item.image for item in items]))
            for k, item in enumerate(items, start):
                tags[k, [column[tag] for tag in item.tags if tag in column]] = 1
            labels += [[item.labels[place[label]] if label in place else 0 for label in vocab["labels"]] for item in items]
            advance(len(items))
    return FeatureSplit(np.concatenate(rows), tags, np.array(labels))


# ---------------------------------------------------------------------------------------------- photographs


def _labelled(source: Source, *, tags: bool) -> list[Record]:
    """The records that have labels and a text, their captions read.

    Captioned images come in the order of their ids, for the lists of COCO's format have none; photos with tags in that of their table.

    Raises
    ------
    InputError : there is none, or an image file is missing.
    """
    records = []
    for record in source.records:
        if record.split in SET_ASIDE or record.labels is None or not record.labels.any():
            continue
        record = record if tags else replace(record, captions=record.texts())
        if record.tags if tags else record.captions:
            records.append(replace(record, split=None) if source.splits_by_hash else record)
    if not records:
        raise InputError(f"no image of '{source.name}' has both labels and {'a tag' if tags else 'a caption'}")
    check_files(records, f"'{source.name}'")
    return records if tags else sorted(records, key=lambda record: record.id)


def _text(record: Record, *, tags: bool) -> str:
    return " ".join(record.tags if tags else record.texts())


def _photographs(source: Source, network: str, held_out: int | None, seed: int) -> RetrievalData:
    images = _images(network)
    tags = "tags" in source.gives
    records = _labelled(source, tags=tags)
    known = {record.split for record in records}
    own = {"train", "test"} <= known <= set(SPLITS)  # otherwise the split is made here
    splits = {split: [r for r in records if (r.split if own else split_of(r.id)) == split] for split in SPLITS}
    for split, members in splits.items():
        if not members and not (own and split == "val"):
            raise InputError(f"'{source.name}' has {len(records)} labelled images, none of them in the split {split}; it needs more")
    seen = np.sum([record.labels for record in splits["train"]], axis=0) > 0
    if not np.any([record.labels[seen] for record in splits["test"]]):
        raise InputError(
            f"'{source.name}': no label of its {len(splits['test'])} test images is one of a training image (its splits share no class); "
            "dagnn needs labels that both have"
        )
    check_images([record.image for record in records])
    words = count_words([_text(record, tags=tags) for record in splits["train"]], at_least=2)
    vocab: dict[str, Any] = {
        "data": source.kind,
        "labels": [name for name, there in zip(source.label_names, seen, strict=True) if there],
        "images": images,
        "texts": words,
        "used": [record.id for split in ("train", "val") for record in splits[split]],
    }
    if tags:
        vocab |= {"tags": words["words"], "texts": {"kind": "tags"}}
    everyone = [record for members in splits.values() for record in members]
    rows = FeatureSplit(
        image_rows(vocab, [record.image for record in everyone]),
        text_rows(vocab, [_text(record, tags=tags) for record in everyone]),
        np.stack([record.labels[seen] for record in everyone]),
    )
    made, start = {}, 0
    for split, members in splits.items():
        made[split] = rows.rows(slice(start, start + len(members))) if members else None
        start += len(members)
    features = FeatureSet(source.kind, made["train"], made["test"], made["val"], tuple(vocab["labels"]))
    if features.val is None:
        features = features.hold_out(_tenth(features) if held_out is None else held_out, seed=seed)
    items = {
        "ids": [record.id for record in everyone],
        "texts": [_text(record, tags=tags) for record in everyone],
        "images": [record.content_mark() for record in everyone],
    }
    return RetrievalData(features, vocab, items)


def _images(network: str) -> dict[str, str]:
    """What a model must know to read images with the same network again."""
    from pathlib import Path

    from ...networks.frozen import network_weights

    weights = network_weights(network)
    kind, colon, file = network.partition(":")
    return {"network": f"{kind}:{Path(file).resolve()}" if colon else kind, "weights": weights}


def _tenth(features: FeatureSet) -> int:
    return min(2000, max(1, len(features.train) // 10))
