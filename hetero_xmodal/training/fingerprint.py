"""What a run learns from, item by item: by it a resumed run notices other data, and says which item has changed.

A fingerprint maps each split to its parts, and each part to one text an item: ``ids`` to the names of the items, all others to digests.
Features that the package computes are represented by what they are computed from, because their last digits depend on the machine.

>>> before = {"train": split_fingerprint(["a", "b"], captions=[["a cat"], ["a dog"]])}
>>> after = {"train": split_fingerprint(["a", "b"], captions=[["a cat"], ["two dogs"]])}
>>> difference(before, after)
"1 of 2 items of the split train has other captions, the first is 'b'"
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..counts import agreeing

if TYPE_CHECKING:
    from ..data.tasks.matching import MatchingData, Split
    from ..data.tasks.retrieval import RetrievalData
    from .editing.dataset import ManipulationData

Fingerprint = Mapping[str, Mapping[str, Sequence[str]]]
_BLOCK = 64


def split_fingerprint(ids: Iterable[Any], **parts: Iterable[Any]) -> dict[str, list[str]]:
    """The fingerprint of one split.

    Parameters
    ----------
    ids : names of the n items.
    parts : name of a part -> its value for every item, an array or JSON values.
    """
    return {"ids": [str(id) for id in ids]} | {name: [_digest(value) for value in values] for name, values in parts.items()}


def _digest(value: Any) -> str:
    if isinstance(value, np.ndarray):
        data = f"{value.dtype} {value.shape}".encode() + np.ascontiguousarray(value).tobytes()
    else:
        data = json.dumps(value).encode()
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def difference(before: Fingerprint, after: Fingerprint) -> str | None:
    """What has changed between two fingerprints, as a clause that names the first such item; None if nothing has."""
    for split in dict.fromkeys([*before, *after]):
        where = f"the split {split}" if split in ("train", "val") else f"the {split}"
        found = _split_difference(before.get(split, {"ids": []}), after.get(split, {"ids": []}), where)
        if found is not None:
            return found
    return None


def _split_difference(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]], where: str) -> str | None:
    old, new = before["ids"], after["ids"]
    if old != new:
        for what, some, others in (("new", new, set(old)), ("missing", old, set(new))):
            extra = [id for id in some if id not in others]
            if extra:
                return f"{where} has {len(new)} items instead of {len(old)}, {what} is '{extra[0]}'{_more(len(extra) - 1)}"
        if len(old) != len(new):
            return f"{where} has {len(new)} items instead of {len(old)}"
        first = next(k for k, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
        return f"the items of {where} come in another order, the first in another place is '{new[first]}'"
    for part in before.keys() & after.keys() - {"ids"}:
        changed = [id for id, a, b in zip(new, before[part], after[part], strict=True) if a != b]
        if changed:
            verb = agreeing(len(changed), "has", "have")
            return f"{len(changed)} of {len(new)} items of {where} {verb} other {part}, the first is '{changed[0]}'"
    return None


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""


# ---------------------------------------------------------------------------------------------- of the data of each task


def of_matching(data: MatchingData, *, progress: bool | None = None) -> dict[str, dict[str, list[str]]]:
    """The fingerprint of the training and validation images of image-text matching, with their captions."""
    used, marks = data.vocab.get("used", ()), data.vocab.get("used_marks", ())
    made = data.train.regions.provenance.get("extractor", "given") != "given" and len(used) == len(marks)
    images = dict(zip(used, marks, strict=True)) if made else {}
    return {split.name or name: _of_split(split, images, progress) for name, split in (("train", data.train), ("val", data.val))}


def _of_split(split: Split, marks: Mapping[str, str], progress: bool | None) -> dict[str, list[str]]:
    ids = list(split.regions.ids) or list(map(str, range(len(split.regions))))
    captions: list[list[Any]] = [[] for _ in ids]
    for row, image in enumerate(np.asarray(split.image_of_caption).tolist()):
        captions[image].append(split.captions[row] if len(split.captions) else split.words.take([row])[0].tolist())
    return split_fingerprint(ids, captions=captions, images=map(marks.get, ids) if marks else _region_rows(split, progress))


def _region_rows(split: Split, progress: bool | None) -> Iterator[np.ndarray]:
    """The region vectors of each image, (regions, d); read in blocks, never whole."""
    from ..data.store import progress_bar

    count = len(split.regions)
    with progress_bar(f"checking the regions ({split.name})", count, progress) as advance:
        for start in range(0, count, _BLOCK):
            flat, counts = split.regions.take(np.arange(start, min(start + _BLOCK, count)))
            yield from np.split(flat.numpy(), np.cumsum(counts.numpy())[:-1])
            advance(len(counts))


def of_retrieval(data: RetrievalData, **others: Any) -> dict[str, dict[str, list[str]]]:
    """The fingerprint of the training and validation pairs of cross-modal retrieval, and of *others*, arrays or None."""
    out = {}
    if data.items:
        out["pairs"] = split_fingerprint(**data.items)
    for name, pairs in (("train", data.features.train), ("val", data.features.val)):
        if pairs is None:
            continue
        exact = {"labels": pairs.labels}
        if data.vocab.get("images", {}).get("network", "given") == "given":
            exact["images"] = pairs.images
        if data.vocab.get("texts", {}).get("kind") != "tf-idf":
            exact["texts"] = pairs.texts
        out[name] = split_fingerprint(range(len(pairs)), **exact)
    rows = {name: np.asarray(value) for name, value in others.items() if value is not None}
    return out | {name.replace("_", " "): split_fingerprint(range(len(value)), values=value) for name, value in rows.items()}


def of_editing(train: ManipulationData, val: ManipulationData) -> dict[str, dict[str, list[str]]]:
    """The fingerprint of the images that an editing model learns from, with their sentences and annotated regions."""
    out = {}
    for name, data in (("train", train), ("val", val)):
        sentences: list[list[str]] = [[] for _ in data.images]
        for image, sentence in zip(data.image.tolist(), data.corpus.sentences, strict=True):
            sentences[image].append(sentence)
        rows = [data.boxes.tolist(), data.names.tolist(), data.values.tolist()]
        if data.masks is not None and data.mask_of is not None:  # a mask by its area
            areas = np.append(data.masks.numpy().sum((1, 2), dtype=np.int64), -1)
            rows.append(areas[data.mask_of.numpy()].tolist())
        regions = zip(*rows, strict=True)
        out[name] = split_fingerprint(range(len(data.images)), images=data.images.numpy(), sentences=sentences, regions=regions)
    return out
